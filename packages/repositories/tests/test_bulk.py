"""Writing many objects: what the contract leaves open."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import ForeignKey, MetaData
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager
from andamios_orm.core.errors import (
    ConfigurationError,
    DuplicateKeyError,
    IntegrityError,
    NotFoundError,
    StaleVersionError,
    ValidationError,
)
from andamios_orm.models import BaseModel, IntegerKey
from andamios_orm.queries import F, UnknownNameError
from andamios_orm.repositories import GenericRepository

from .contract_models import PEOPLE
from .models import DEVICE, Account, Device, Document, Label, Person, Player, Seat, Team, row
from .statements import sent


class TwoTables(BaseModel):
    """Their tables are not made."""

    __abstract__ = True
    metadata = MetaData()


class Sailor(IntegerKey, TwoTables):
    __tablename__ = "sailors"
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "sailor"}

    name: Mapped[str]
    kind: Mapped[str]


class Captain(Sailor):
    __tablename__ = "captains"
    __mapper_args__ = {"polymorphic_identity": "captain"}

    id: Mapped[int] = mapped_column(ForeignKey(Sailor.id), primary_key=True)
    since: Mapped[int]


@pytest.fixture
def people(session: AsyncSession) -> GenericRepository[Person]:
    return GenericRepository[Person](session)


@pytest.fixture
def seats(session: AsyncSession) -> GenericRepository[Seat]:
    return GenericRepository[Seat](session)


async def rows_of(people: GenericRepository[Person]) -> list[dict[str, Any]]:
    return [dict(each) for each in await people.query().order_by("id").values(*row(0))]


class TestCreateMany:
    @pytest.mark.parametrize("return_keys", [False, True])
    async def test_objects_are_rows_too(self, people: GenericRepository[Person], return_keys: bool) -> None:
        objects = [Person(**row(number)) for number in (6, 7)]
        written = await people.create_many(objects, return_keys=return_keys)  # type: ignore[call-overload] # either
        assert written == ([6, 7] if return_keys else 2)
        assert await rows_of(people) == [*PEOPLE, row(6), row(7)]

    async def test_the_database_makes_keys(self, session: AsyncSession) -> None:
        accounts = GenericRepository[Account](session)
        keys = await accounts.create_many([{"name": name} for name in "abc"], return_keys=True)
        found = await accounts.in_bulk(keys)
        assert [found[key].name for key in keys] == ["a", "b", "c"]

    async def test_the_application_makes_keys(self, session: AsyncSession) -> None:
        devices = GenericRepository[Device](session)
        first, second = await devices.create_many([{"name": "a"}, {"name": "b"}], return_keys=True)
        assert (type(first), first.version) == (UUID, 7)
        assert (await devices.get_one(second)).name == "b"

    async def test_no_rows_have_no_keys(self, people: GenericRepository[Person]) -> None:
        assert await people.create_many([], return_keys=True) == []

    @pytest.mark.parametrize("return_keys", [False, True])
    async def test_rows_of_two_tables_are_refused(self, session: AsyncSession, return_keys: bool) -> None:
        captains = GenericRepository[Captain](session)
        rows = [{"id": 1, "name": "ada", "since": 2013}]
        with pytest.raises(ConfigurationError, match=r"^Captain is spread over the tables .* use add_all"):
            await captains.create_many(rows, return_keys=return_keys)  # type: ignore[call-overload] # either

    async def test_composite_keys_are_tuples(self, seats: GenericRepository[Seat]) -> None:
        rows = [{"number": number, "letter": "z"} for number in (9, 8)]
        assert await seats.create_many(rows, return_keys=True) == [(9, "z"), (8, "z")]

    @pytest.mark.parametrize(
        ("rows", "return_keys", "error", "message"),
        [
            ([row(6), row(7) | {"shoe": 42}], False, ConfigurationError, "shoe"),
            ([row(6), row(7) | {"shoe": 42}], True, ConfigurationError, "shoe"),
            ([row(6), {"id": 7, "email": "7"}], False, ConfigurationError, "row 1"),
            ([row(6), {"id": 7, "email": "7"}], True, ConfigurationError, "row 1"),
            ([row(6), row(7, name="n" * 21)], False, ValidationError, "name"),
            ([row(6), row(7, name="n" * 21)], True, ValidationError, "name"),
            ([row(6), 7], False, ConfigurationError, "row"),
            ([row(6), 7], True, ConfigurationError, "^row 1 is a int: give dicts$"),
        ],
    )
    async def test_all_rows_are_checked_before_one_is_sent(
        self, people: GenericRepository[Person], rows: Any, return_keys: bool, error: Any, message: str
    ) -> None:
        with pytest.raises(error, match=message):
            await people.create_many(rows, return_keys=return_keys)  # type: ignore[call-overload] # either
        assert await rows_of(people) == PEOPLE

    @pytest.mark.parametrize("return_keys", [False, True])
    async def test_a_constraint_refuses_all(
        self, people: GenericRepository[Person], return_keys: bool
    ) -> None:
        with pytest.raises(DuplicateKeyError):
            rows = [row(6), row(7, email="1@example.org")]
            await people.create_many(rows, return_keys=return_keys)  # type: ignore[call-overload] # either
        await people.session.rollback()
        assert await rows_of(people) == PEOPLE

    @pytest.mark.parametrize("return_keys", [False, True])
    async def test_what_waits_is_written_first(
        self, people: GenericRepository[Person], return_keys: bool
    ) -> None:
        people.session.add(Person(**row(6)))
        await people.create_many([row(7)], return_keys=return_keys)  # type: ignore[call-overload] # either
        assert await people.count() == 7

    async def test_one_statement_writes_all(
        self, shared_engine: AndamiosEngine, people: GenericRepository[Person]
    ) -> None:
        with sent(shared_engine) as statements:
            await people.create_many(row(number) for number in range(100, 1_100))
        assert len(statements) == 1
        assert await people.count() == 1_005

    async def test_timestamps_are_set_and_hooks_are_not_called(self, session: AsyncSession) -> None:
        players, accounts = GenericRepository[Player](session), GenericRepository[Account](session)
        await players.create_many([{"id": 8, "name": "dan"}])
        await accounts.create_many([{"id": 8, "name": "nobody"}])
        assert (await players.get_one(8)).created_at is not None
        assert (await accounts.get_one(8)).name == "nobody"

    async def test_what_validation_makes_of_a_value_is_written(self, session: AsyncSession) -> None:
        labels = GenericRepository[Label](session)
        await labels.create_many([{"id": 8, "word": "LOUD"}])
        assert (await labels.get_one(8)).word == "loud"


class TestUpdateMany:
    async def test_composite_keys(self, seats: GenericRepository[Seat]) -> None:
        rows = [{"number": 1, "letter": letter, "holder": letter * 3} for letter in "ba"]
        assert await seats.update_many(rows) == 2
        assert [seat.holder for seat in await seats.list()] == ["aaa", "bbb", None]

    @pytest.mark.parametrize("count", [1, 5])
    async def test_uuids_may_be_texts(self, session: AsyncSession, count: int) -> None:
        devices = GenericRepository[Device](session)
        keys = await devices.create_many([{"name": "old"}] * count, return_keys=True)
        assert await devices.update_many([{"id": str(key), "name": "new"} for key in keys]) == count
        assert await devices.count(name="new") == count

    async def test_an_absent_composite_key_is_told(self, seats: GenericRepository[Seat]) -> None:
        with pytest.raises(NotFoundError, match=r"no Seat with key \(9, 'z'\)"):
            await seats.update_many([{"number": 9, "letter": "z", "holder": "eve"}])

    async def test_objects_of_the_session_follow(self, people: GenericRepository[Person]) -> None:
        found = await people.get_one(1)
        await people.update_many([{"id": number, "age": 7} for number in range(1, 6)])
        assert (found.age, (await people.get_one(1)).age) == (7, 7)

    async def test_what_waits_is_written_first(self, people: GenericRepository[Person]) -> None:
        people.session.add(Person(**row(6)))
        (await people.get_one(1)).age = 70
        assert await people.update_many([{"id": 1, "name": "new"}, {"id": 6, "name": "new"}]) == 2
        assert await rows_of(people) == [row(1, age=70, name="new"), *PEOPLE[1:], row(6, name="new")]

    @pytest.mark.parametrize(
        ("rows", "error", "message"),
        [
            ([{"age": 7}, {"age": 8}], ConfigurationError, "^row 0 has no key: each row needs id$"),
            (
                [{"id": 1, "age": 7}, {"age": 8}],
                ConfigurationError,
                r"^row 1 differs from row 0: missing \['id'\], surplus \[\]",
            ),
            ([{"id": 1, "age": 7}, {"id": None, "age": 8}], ConfigurationError, "id is a number, not None"),
            ([{"id": 1, "age": 7}, {"id": "two", "age": 8}], ValidationError, r"rows\[1\]\.id"),
            (
                [{"id": 1, "age": 7}, {"id": 2, "age": 8}, {"id": 1, "age": 9}],
                ConfigurationError,
                "^rows 0 and 2 have the same key: 1$",
            ),
            ([{"id": 1, "shoe": 42}], ConfigurationError, "'shoe'"),
            ([{"id": 1, "name": "new"}, {"id": 2, "name": "n" * 21}], ValidationError, "name"),
            ([{"id": 1, "age": 7}, {"id": 99, "age": 7}], NotFoundError, "^no Person with key 99$"),
        ],
    )
    async def test_nothing_is_changed_by_what_is_refused(
        self, people: GenericRepository[Person], rows: Any, error: Any, message: str
    ) -> None:
        with pytest.raises(error, match=message):
            await people.update_many(rows)
        assert await rows_of(people) == PEOPLE

    async def test_the_same_uuid_is_seen_in_two_forms(self, session: AsyncSession) -> None:
        rows: list[dict[str, Any]] = [{"id": DEVICE, "name": "a"}, {"id": str(DEVICE), "name": "b"}]
        with pytest.raises(ConfigurationError, match="rows 0 and 1 have the same key"):
            await GenericRepository[Device](session).update_many(rows)

    async def test_a_row_of_keys_lacks_a_part(self, seats: GenericRepository[Seat]) -> None:
        with pytest.raises(ConfigurationError, match="row 0 has no key: each row needs number, letter"):
            await seats.update_many([{"number": 1, "holder": "eve"}])

    async def test_a_constraint_refuses_all(self, people: GenericRepository[Person]) -> None:
        with pytest.raises(IntegrityError):
            await people.update_many([{"id": 1, "age": 7}, {"id": 2, "age": -1}])
        await people.session.rollback()
        assert await rows_of(people) == PEOPLE

    async def test_each_row_says_its_version(self, session: AsyncSession) -> None:
        documents = GenericRepository[Document](session)
        rows = [{"id": number, "version": 1, "title": "new"} for number in (1, 2)]
        assert await documents.update_many(rows) == 2
        found = await documents.query().order_by("id").values_list("title", "version")
        assert [tuple(each) for each in found] == [("new", 2), ("new", 2)]

    async def test_a_row_without_its_version_is_refused(self, session: AsyncSession) -> None:
        documents = GenericRepository[Document](session)
        with pytest.raises(ConfigurationError, match="row 0 has no 'version'"):
            await documents.update_many([{"id": 1, "title": "new"}])
        assert await documents.count(title="new") == 0

    async def test_another_version_is_refused(self, session: AsyncSession) -> None:
        documents = GenericRepository[Document](session)
        rows = [{"id": 1, "version": 1, "title": "new"}, {"id": 2, "version": 7, "title": "new"}]
        with pytest.raises(StaleVersionError) as caught:
            await documents.update_many(rows)
        assert (caught.value.key, caught.value.expected, caught.value.found) == (2, 7, 1)
        await session.rollback()
        assert await documents.count(title="new") == 0

    async def test_timestamps_are_set(self, filled_engine: AndamiosEngine) -> None:
        async with SessionManager(filled_engine) as session:
            before = (await GenericRepository[Player](session).get_one(1)).updated_at
        async with SessionManager(filled_engine) as session:
            players = GenericRepository[Player](session)
            await players.update_many([{"id": 1, "name": "new"}])
            assert (await players.get_one(1)).updated_at > before

    async def test_three_statements_change_all(
        self, shared_engine: AndamiosEngine, people: GenericRepository[Person]
    ) -> None:
        await people.create_many(row(number) for number in range(100, 1_100))
        with sent(shared_engine) as statements:
            assert await people.update_many({"id": n, "age": n} for n in range(100, 1_100)) == 1_000
        assert len(statements) <= 3


@pytest.mark.parametrize("write", ["update_many", "upsert_many"])
async def test_a_session_that_does_not_flush_by_itself_is_flushed(
    shared_engine: AndamiosEngine, write: str
) -> None:
    async with AsyncSession(shared_engine, autoflush=False) as session:
        session.add(Person(**row(6)))
        await getattr(GenericRepository[Person](session), write)([row(6, name="new")])
        assert [values["name"] for values in await rows_of(GenericRepository[Person](session))][-1] == "new"


class TestWhere:
    async def test_objects_of_the_session_follow(self, people: GenericRepository[Person]) -> None:
        first, second = await people.get_one(2), await people.get_one(4)
        await people.update_where({"age": 20}, age=F("age") + F("id"), name="new")
        assert [(each.age, each.name) for each in (first, second)] == [(22, "new"), (24, "new")]
        assert await people.delete_where({"age": 22}) == 1
        assert first not in people.session

    async def test_several_conditions_hold_together(self, people: GenericRepository[Person]) -> None:
        assert await people.update_where([{"age": 20}, F("id") > 2], name="new") == 1
        assert await people.delete_where(({"age": 20}, {"id": 2})) == 1
        assert [each.id for each in await people.list()] == [1, 3, 4, 5]

    async def test_conditions_reach_related_objects(self, session: AsyncSession) -> None:
        players = GenericRepository[Player](session)
        assert await players.update_where({"team__name": "red"}, name="red") == 2
        assert await players.delete_where({"team__name": "red"}) == 2
        assert await GenericRepository[Team](session).delete_where({"players__isnull": True}) == 2

    @pytest.mark.parametrize("filters", [None, {}, [], (), [{}]])
    async def test_no_condition_is_refused(self, people: GenericRepository[Person], filters: Any) -> None:
        message = "^this is about every Person: give a condition, or say all=True$"
        with pytest.raises(ConfigurationError, match=message):
            await people.update_where(filters, age=7)
        with pytest.raises(ConfigurationError, match=message):
            await people.delete_where(filters)
        assert await rows_of(people) == PEOPLE

    async def test_unknown_names_are_refused(self, people: GenericRepository[Person]) -> None:
        with pytest.raises(UnknownNameError, match="did you mean 'age'"):
            await people.update_where({"aeg": 20}, age=7)
        with pytest.raises(UnknownNameError, match="did you mean 'age'"):
            await people.update_where({"age": 20}, aeg=7)
        with pytest.raises(UnknownNameError, match="did you mean 'age'"):
            await people.delete_where({"aeg": 20})
        assert await rows_of(people) == PEOPLE

    @pytest.mark.parametrize("filters", [None, {"age": 20}])
    async def test_all_rows_is_no_column(self, people: GenericRepository[Person], filters: Any) -> None:
        with pytest.raises(UnknownNameError, match=r"^'all_rows' is no column of Person"):
            await people.update_where(filters, all_rows=True)
        with pytest.raises(UnknownNameError, match=r"^'all_rows' is no column of Person"):
            await people.update_where(filters, all_rows=True, all=True, name="new")
        assert await rows_of(people) == PEOPLE

    async def test_without_values_nothing_is_to_be_changed(self, people: GenericRepository[Person]) -> None:
        with pytest.raises(ConfigurationError, match="takes the new values"):
            await people.update_where({"age": 20})

    async def test_a_version_rises(self, session: AsyncSession) -> None:
        documents = GenericRepository[Document](session)
        await documents.update_where({"id": 1}, title="new")
        assert (await documents.get_one(1)).version == 2


class TestManyKeys:
    """More than a statement takes at once."""

    async def test_all_are_found(
        self, shared_engine: AndamiosEngine, people: GenericRepository[Person]
    ) -> None:
        await people.create_many(row(number) for number in range(100, 2_600))
        with sent(shared_engine) as statements:
            found = await people.in_bulk(range(2_700, 100, -1))
        assert (sorted(found), len(statements)) == (list(range(101, 2_600)), 3)
        assert all(person.id == key for key, person in found.items())

    async def test_all_are_deleted(
        self, shared_engine: AndamiosEngine, people: GenericRepository[Person]
    ) -> None:
        await people.create_many(row(number) for number in range(100, 2_600))
        with sent(shared_engine) as statements:
            assert await people.delete_many(range(2, 2_502)) == 2_406
        assert len(statements) == 3
        assert await people.count(id__gte=100) == 98

    async def test_composite_keys(self, seats: GenericRepository[Seat]) -> None:
        rows = [{"number": number, "letter": "z"} for number in range(2_500)]
        keys = await seats.create_many(rows, return_keys=True)
        assert (await seats.in_bulk(keys)).keys() == set(keys)
        assert await seats.delete_many(keys) == 2_500
        assert await seats.count() == 3


class TestDeleteMany:
    async def test_composite_keys(self, seats: GenericRepository[Seat]) -> None:
        assert await seats.delete_many([(1, "a"), {"letter": "a", "number": 2}, (9, "z")]) == 2
        assert [seat.letter for seat in await seats.list()] == ["b"]

    async def test_objects_of_the_session_are_gone(self, people: GenericRepository[Person]) -> None:
        found = await people.get_one(1)
        assert await people.delete_many([1]) == 1
        assert found not in people.session
        assert await people.get_by_id(1) is None

    @pytest.mark.parametrize("keys", [[1, "2"], [1, None], [1, (2, 3)]])
    async def test_none_is_deleted_where_a_key_is_refused(
        self, people: GenericRepository[Person], keys: Any
    ) -> None:
        with pytest.raises(ConfigurationError):
            await people.delete_many(keys)
        assert await people.count() == 5
