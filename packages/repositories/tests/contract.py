"""What every repository does, as tests: a class of one's own inherits those that its repository is to pass.

It overrides the fixture ``repository``, which returns the repository: of a model with the attributes of
`contract_models`, in a session that finds the rows `PEOPLE` of it, and that nobody commits. So reading and
writing kinds are tried by the same words::

    class TestUsers(ReadingContract, WritingContract):
        @pytest.fixture
        def repository(self, session: AsyncSession) -> Any:
            return Users(session)
"""

from __future__ import annotations

from typing import Any

import pydantic
import pytest

from andamios_orm.core.errors import (
    ConfigurationError,
    DuplicateKeyError,
    IntegrityError,
    MultipleResultsError,
    NotFoundError,
    ValidationError,
)
from andamios_orm.queries import F, Q, UnknownNameError

from .contract_models import PEOPLE, row

__all__ = ["BulkContract", "QueryingContract", "ReadingContract", "RepositoryContract", "WritingContract"]

ABSENT = 99


class Change(pydantic.BaseModel):
    """New values, none of which has to be given."""

    name: str | None = None
    age: int | None = None


class New(pydantic.BaseModel):
    """The values of somebody new."""

    id: int
    email: str
    name: str


def ids(objects: Any) -> list[int]:
    return [each.id for each in objects]


async def rows_of(repository: Any) -> list[dict[str, Any]]:
    """Return what the table holds, as the rows that were given."""
    # The objects of the session may know more than the table.
    found = await repository.query().order_by("id").values(*row(0))
    return [dict(each) for each in found]


class RepositoryContract:
    """What the parts of the contract have in common."""

    @pytest.fixture
    def repository(self) -> Any:
        """The repository."""
        raise NotImplementedError("override this fixture: it returns the repository that is tried")


class ReadingContract(RepositoryContract):
    """What finds objects by their keys, and lists them."""

    async def test_a_key_finds_its_object(self, repository: Any) -> None:
        found = await repository.get_by_id(2)
        assert isinstance(found, repository.model)
        assert (found.id, found.name, found.age) == (2, "n2", 20)

    async def test_the_same_object_is_found_again(self, repository: Any) -> None:
        assert await repository.get_by_id(2) is await repository.get_one(2)

    async def test_no_object_has_an_absent_key(self, repository: Any) -> None:
        assert await repository.get_by_id(ABSENT) is None
        with pytest.raises(NotFoundError) as caught:
            await repository.get_one(ABSENT)
        assert (caught.value.model, caught.value.key) == (repository.model.__name__, ABSENT)

    @pytest.mark.parametrize("key", [None, "2", (1, 2), {"name": 2}])
    async def test_a_key_of_another_kind_is_refused(self, repository: Any, key: Any) -> None:
        with pytest.raises(ConfigurationError):
            await repository.get_by_id(key)

    async def test_all_are_listed_by_their_keys(self, repository: Any) -> None:
        assert ids(await repository.list()) == [1, 2, 3, 4, 5]

    @pytest.mark.parametrize(
        ("filters", "found"),
        [
            ({"age": 20}, [2, 4]),
            ({"age__gt": 10, "name__in": ["n3", "n1"]}, [3]),
            (Q(age=20) | Q(id=1), [1, 2, 4]),
            (F("age") > 20, [3]),
            ([{"age": 20}, Q(id__gt=2)], [4]),
            ([], [1, 2, 3, 4, 5]),
        ],
    )
    async def test_filters_narrow_a_list(self, repository: Any, filters: Any, found: list[int]) -> None:
        assert ids(await repository.list(filters)) == found

    async def test_a_list_has_an_order_and_a_part(self, repository: Any) -> None:
        found = await repository.list(order_by=["-age", "id"], limit=2, offset=1)
        assert ids(found) == [2, 4]

    async def test_an_unknown_name_is_refused(self, repository: Any) -> None:
        with pytest.raises(UnknownNameError, match=r"'nmae' is no .* did you mean 'name'"):
            await repository.list({"nmae": "n1"})


class QueryingContract(RepositoryContract):
    """What finds objects by conditions, page by page, and counts them."""

    async def test_conditions_find(self, repository: Any) -> None:
        assert ids(await repository.find(age=20)) == [2, 4]
        assert ids(await repository.find(Q(age=20), {"id__gt": 2}, name="n4")) == [4]

    async def test_one_is_found(self, repository: Any) -> None:
        assert (await repository.find_one(name="n3")).id == 3
        assert await repository.find_one(name="n9") is None

    async def test_several_are_not_one(self, repository: Any) -> None:
        with pytest.raises(MultipleResultsError):
            await repository.find_one(age=20)

    async def test_they_are_counted(self, repository: Any) -> None:
        assert (await repository.count(), await repository.count({"age": 20}, id=4)) == (5, 1)
        assert await repository.exists(age=None)
        assert not await repository.exists(Q(age__lt=0))

    async def test_keys_find_their_objects(self, repository: Any) -> None:
        found = await repository.in_bulk([4, 2, ABSENT, 2])
        assert {key: each.name for key, each in found.items()} == {2: "n2", 4: "n4"}
        assert await repository.in_bulk([]) == {}

    @pytest.mark.parametrize(
        ("limit", "offset", "found"), [(2, 0, [1, 2]), (None, 3, [4, 5]), (0, 0, []), (5, 9, [])]
    )
    async def test_a_list_comes_with_its_total(
        self, repository: Any, limit: int | None, offset: int, found: list[int]
    ) -> None:
        objects, total = await repository.list_and_count(limit=limit, offset=offset)
        assert (ids(objects), total) == (found, 5)

    async def test_pages_have_numbers(self, repository: Any) -> None:
        page = await repository.page(2, 2, {"age__isnull": False}, order_by="-id")
        assert (ids(page.items), page.total, page.number) == ([2, 1], 4, 2)

    async def test_pages_follow_each_other(self, repository: Any) -> None:
        found, cursor = [], None
        while True:
            page = await repository.page_after(cursor, 2, order_by="-age")
            found.append(ids(page.items))
            if page.next is None:
                break
            cursor = page.next
        assert found == [[3, 2], [4, 1], [5]]

    async def test_objects_come_one_by_one(self, repository: Any) -> None:
        found = [each.id async for each in repository.stream({"age": 20}, order_by="-id", batch=1)]
        assert found == [4, 2]


class WritingContract(RepositoryContract):
    """What creates, changes and deletes single objects."""

    @pytest.mark.parametrize(
        ("data", "values"),
        [
            (None, row(6, age=None)),
            (row(6, age=None), {}),
            (row(7, age=None), {"id": 6, "email": "6@example.org", "name": "n6"}),
            (New(**row(6)), {}),
            (New(**row(7)), {"id": 6, "email": "6@example.org", "name": "n6"}),
        ],
    )
    async def test_somebody_new_is_written(self, repository: Any, data: Any, values: dict[str, Any]) -> None:
        made = await repository.create(data, **values)
        assert isinstance(made, repository.model)
        assert await rows_of(repository) == [*PEOPLE, row(6, age=None)]
        assert await repository.get_by_id(6) is made

    async def test_a_new_object_is_written(self, repository: Any) -> None:
        given = repository.model(**row(6, age=1))
        assert await repository.create(given, age=60) is given
        assert await rows_of(repository) == [*PEOPLE, row(6)]

    @pytest.mark.parametrize(
        ("data", "values", "error"),
        [
            (None, {"id": 6, "nmae": "n6"}, UnknownNameError),
            (None, row(6, name="n" * 21), ValidationError),
            ({"nmae": "n6"}, {}, UnknownNameError),
            ("n6", {}, ConfigurationError),
        ],
    )
    async def test_what_is_refused_is_not_written(
        self, repository: Any, data: Any, values: dict[str, Any], error: type[Exception]
    ) -> None:
        with pytest.raises(error):
            await repository.create(data, **values)
        assert await rows_of(repository) == PEOPLE

    async def test_a_constraint_refuses_a_row(self, repository: Any) -> None:
        with pytest.raises(DuplicateKeyError):
            await repository.create(row(6, email="1@example.org"))
        await repository.session.rollback()
        assert await rows_of(repository) == PEOPLE

    @pytest.mark.parametrize(
        ("data", "values", "expected"),
        [
            (None, {"age": 7}, row(2, age=7)),
            ({"age": 7, "name": "x"}, {"name": "new"}, row(2, age=7, name="new")),
            (Change(age=7), {}, row(2, age=7)),
            (Change(name="x", age=None), {"name": "new"}, row(2, age=None, name="new")),
            (None, {}, row(2)),
        ],
    )
    async def test_new_values_are_written(
        self, repository: Any, data: Any, values: dict[str, Any], expected: dict[str, Any]
    ) -> None:
        changed = await repository.update(2, data, **values)
        assert await repository.get_by_id(2) is changed
        assert await rows_of(repository) == [row(1), expected, *PEOPLE[2:]]

    async def test_an_object_is_changed(self, repository: Any) -> None:
        found = await repository.get_one(2)
        assert await repository.update(found, name="new") is found
        assert (await rows_of(repository))[1] == row(2, name="new")

    @pytest.mark.parametrize(
        ("target", "values", "error"),
        [
            (ABSENT, {"name": "new"}, NotFoundError),
            (2, {"nmae": "new"}, UnknownNameError),
            (2, {"age": 7, "name": "n" * 21}, ValidationError),
            ("2", {"name": "new"}, ConfigurationError),
        ],
    )
    async def test_nothing_is_changed_by_what_is_refused(
        self, repository: Any, target: Any, values: dict[str, Any], error: type[Exception]
    ) -> None:
        with pytest.raises(error):
            await repository.update(target, **values)
        assert await rows_of(repository) == PEOPLE

    async def test_a_constraint_refuses_new_values(self, repository: Any) -> None:
        with pytest.raises(IntegrityError):
            await repository.update(2, age=-1)
        await repository.session.rollback()
        assert await rows_of(repository) == PEOPLE

    async def test_what_is_deleted_is_not_found(self, repository: Any) -> None:
        assert await repository.delete(2)
        assert await repository.delete(await repository.get_one(3))
        assert await rows_of(repository) == [row(1), *PEOPLE[3:]]
        assert await repository.get_by_id(2) is None
        assert not await repository.delete(2)

    async def test_nobody_with_an_absent_key_is_deleted(self, repository: Any) -> None:
        assert not await repository.delete(ABSENT)
        assert await rows_of(repository) == PEOPLE


class BulkContract(RepositoryContract):
    """What writes many objects at once, whether they are there already or not."""

    async def test_many_are_created(self, repository: Any) -> None:
        assert await repository.create_many(row(number) for number in range(6, 16)) == 10
        assert await rows_of(repository) == [*PEOPLE, *map(row, range(6, 16))]

    async def test_keys_come_in_the_order_of_the_rows(self, repository: Any) -> None:
        keys = await repository.create_many([row(9), row(7), row(8)], return_keys=True)
        assert keys == [9, 7, 8]

    async def test_nothing_is_nothing(self, repository: Any) -> None:
        assert await repository.create_many([]) == 0
        assert await repository.create_many([], return_keys=True) == []
        assert await repository.update_many([]) == 0
        assert await repository.delete_many([]) == 0
        assert await repository.upsert_many([]) == (0, 0)

    async def test_many_are_changed(self, repository: Any) -> None:
        changes = [{"id": number, "age": number} for number in range(1, 6)]
        assert await repository.update_many(changes) == 5
        assert await rows_of(repository) == [row(number, age=number) for number in range(1, 6)]

    async def test_none_is_changed_where_one_is_absent(self, repository: Any) -> None:
        with pytest.raises(NotFoundError) as caught:
            await repository.update_many([{"id": 1, "age": 1}, {"id": ABSENT, "age": 1}])
        assert (caught.value.model, caught.value.key) == (repository.model.__name__, ABSENT)
        assert await rows_of(repository) == PEOPLE

    async def test_conditions_say_who_is_changed(self, repository: Any) -> None:
        assert await repository.update_where({"age": 20}, age=F("age") + 1) == 2
        assert await rows_of(repository) == [row(1), row(2, age=21), row(3), row(4, age=21), row(5, age=None)]

    async def test_conditions_say_who_is_deleted(self, repository: Any) -> None:
        assert await repository.delete_where([Q(age=20), {"id__gt": 2}]) == 1
        assert await rows_of(repository) == [*PEOPLE[:3], PEOPLE[4]]

    async def test_all_are_meant_where_that_is_said(self, repository: Any) -> None:
        nothing: Any
        for nothing in (None, {}, []):
            with pytest.raises(ConfigurationError):
                await repository.update_where(nothing, age=1)
            with pytest.raises(ConfigurationError):
                await repository.delete_where(nothing)
        assert await repository.update_where(None, all=True, age=1) == 5
        assert await repository.delete_where({}, all=True) == 5
        assert await rows_of(repository) == []

    async def test_keys_say_who_is_deleted(self, repository: Any) -> None:
        assert await repository.delete_many([1, 3, ABSENT, 1]) == 2
        assert await rows_of(repository) == [row(2), *PEOPLE[3:]]

    async def test_who_is_there_is_got(self, repository: Any) -> None:
        found, new = await repository.get_or_create({"age": 7}, email="1@example.org")
        assert (found.id, found.age, new) == (1, 10, False)
        made, new = await repository.get_or_create({"name": "n6"}, id=6, email="6@example.org", age=60)
        assert (made.id, new) == (6, True)
        assert await rows_of(repository) == [*PEOPLE, row(6)]

    async def test_who_is_there_is_changed(self, repository: Any) -> None:
        found, new = await repository.update_or_create({"age": 7}, email="1@example.org")
        assert (found.id, found.age, new) == (1, 7, False)
        made, new = await repository.update_or_create(row(6), email="6@example.org")
        assert (made.id, new) == (6, True)
        assert await rows_of(repository) == [row(1, age=7), *PEOPLE[1:], row(6)]

    async def test_one_is_written_either_way(self, repository: Any) -> None:
        assert (await repository.upsert(row(1, name="new"))).name == "new"
        assert (await repository.upsert({"email": "2@example.org", "age": 7}, match=["email"])).id == 2
        assert (await repository.upsert(row(6))).id == 6
        found = [row(1, name="new"), row(2, age=7), *PEOPLE[2:], row(6)]
        assert await rows_of(repository) == found

    async def test_many_are_written_either_way(self, repository: Any) -> None:
        counts = await repository.upsert_many(row(number, age=1) for number in range(3, 9))
        assert (counts.inserted, counts.updated) == (3, 3)
        assert await rows_of(repository) == [*PEOPLE[:2], *(row(number, age=1) for number in range(3, 9))]

    async def test_other_attributes_may_match(self, repository: Any) -> None:
        rows = [{"email": f"{number}@example.org", "name": "new", "age": 1} for number in (2, 3)]
        assert await repository.upsert_many(rows, match=["email"], update=["name"]) == (0, 2)
        assert await rows_of(repository) == [row(1), row(2, name="new"), row(3, name="new"), *PEOPLE[3:]]

    @pytest.mark.parametrize(
        ("rows", "options", "error"),
        [
            ([row(6), row(7), row(6)], {}, ConfigurationError),
            ([{"name": "n6"}], {}, ConfigurationError),
            ([row(6)], {"match": ["emial"]}, UnknownNameError),
            ([row(6)], {"update": ["nmae"]}, UnknownNameError),
            ([row(6, age=20)], {"match": ["age"]}, MultipleResultsError),
            ([row(6, name="n" * 21)], {}, ValidationError),
        ],
    )
    async def test_nobody_is_written_where_one_is_refused(
        self, repository: Any, rows: Any, options: dict[str, Any], error: type[Exception]
    ) -> None:
        with pytest.raises(error):
            await repository.upsert_many(rows, **options)
        assert await rows_of(repository) == PEOPLE
