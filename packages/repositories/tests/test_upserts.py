"""Writing what may be there already: what the contract leaves open."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager
from andamios_orm.core.errors import (
    ConfigurationError,
    DuplicateKeyError,
    IntegrityError,
    MultipleResultsError,
    StaleVersionError,
    ValidationError,
)
from andamios_orm.models import StaleConflictError
from andamios_orm.queries import UnknownNameError
from andamios_orm.repositories import GenericRepository, UpsertCounts

from .contract_models import PEOPLE
from .models import (
    DEVICE,
    Account,
    Device,
    Document,
    Guest,
    Label,
    Parcel,
    Person,
    Player,
    Seat,
    parcel,
    row,
)
from .statements import sent


@pytest.fixture
def people(session: AsyncSession) -> GenericRepository[Person]:
    return GenericRepository[Person](session)


async def rows_of(people: GenericRepository[Person]) -> list[dict[str, Any]]:
    return [dict(each) for each in await people.query().order_by("id").values(*row(0))]


class TestOne:
    async def test_what_is_found_does_not_get_the_defaults(self, people: GenericRepository[Person]) -> None:
        found, new = await people.get_or_create({"name": "other", "age": 7}, email="1@example.org")
        assert (found.name, found.age, new) == ("n1", 10, False)
        assert await rows_of(people) == PEOPLE

    async def test_values_win_over_defaults(self, people: GenericRepository[Person]) -> None:
        made, new = await people.get_or_create(row(6, name="other"), id=6, name="n6")
        assert (made.name, new) == ("n6", True)

    async def test_none_is_looked_for(self, people: GenericRepository[Person]) -> None:
        found, new = await people.get_or_create(age=None)
        assert (found.id, new) == (5, False)

    @pytest.mark.parametrize("call", ["get_or_create", "update_or_create"])
    async def test_what_it_is_found_by_has_to_be_said(
        self, people: GenericRepository[Person], call: str
    ) -> None:
        with pytest.raises(ConfigurationError, match="say which Person: give values that it is found by"):
            await getattr(people, call)(row(6))
        with pytest.raises(UnknownNameError, match="'emial' is no column of Person: did you mean 'email'"):
            await getattr(people, call)(row(6), emial="6@example.org")
        with pytest.raises(MultipleResultsError):
            await getattr(people, call)({"name": "new"}, age=20)
        assert await rows_of(people) == PEOPLE

    async def test_without_changes_nothing_changes(self, people: GenericRepository[Person]) -> None:
        assert (await people.update_or_create(id=1))[1] is False
        assert await rows_of(people) == PEOPLE

    async def test_unknown_changes_are_refused(self, people: GenericRepository[Person]) -> None:
        for number in (1, 6):
            with pytest.raises(UnknownNameError):
                await people.update_or_create({"nmae": "new"}, id=number)
        assert await rows_of(people) == PEOPLE

    async def test_what_validation_would_make_of_a_value_is_found(self, session: AsyncSession) -> None:
        labels = GenericRepository[Label](session)
        label, new = await labels.get_or_create(word="NEW")
        assert (label.id, new) == (1, False)

    @pytest.mark.parametrize("match", [None, ["email"], "email", ["name", "email"]])
    async def test_it_is_found_by_what_was_said(self, people: GenericRepository[Person], match: Any) -> None:
        assert (await people.upsert(row(1, age=7), match=match)).id == 1
        assert await rows_of(people) == [row(1, age=7), *PEOPLE[1:]]

    @pytest.mark.parametrize(
        ("data", "match", "message"),
        [
            ({"email": "6"}, None, "no id, which it is found by"),
            ({"id": 6}, ["email"], "no email, which it is found by"),
            ({"id": 6, "age": None}, ["age"], "no age, which it is found by"),
            ({"id": 6, "emial": "6"}, None, "'emial' is no column of Person: did you mean 'email'"),
            ({"id": 6}, ["emial"], "'emial' is no column of Person: did you mean 'email'"),
            ({"id": 6}, [], "match= is empty: name the attributes that a row is found by"),
        ],
    )
    async def test_what_is_refused(
        self, people: GenericRepository[Person], data: Any, match: Any, message: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=message):
            await people.upsert(data, match=match)
        with pytest.raises(ConfigurationError, match=message):
            await people.upsert_many([data], match=match)
        assert await rows_of(people) == PEOPLE

    async def test_several_are_refused(self, people: GenericRepository[Person]) -> None:
        with pytest.raises(MultipleResultsError):
            await people.upsert({"age": 20, "name": "new"}, match=["age"])

    async def test_a_composite_key(self, session: AsyncSession) -> None:
        seats = GenericRepository[Seat](session)
        for number, count in ((1, 3), (9, 4)):
            await seats.upsert({"number": number, "letter": "a", "holder": "eve"})
            assert await seats.count() == count
        assert await seats.count(holder="eve") == 2

    async def test_hooks_are_called(self, session: AsyncSession) -> None:
        accounts = GenericRepository[Account](session)
        made = await accounts.upsert({"id": 8, "name": "ada"})
        assert made.name == "ada (new)"
        assert (await accounts.upsert({"id": 8, "name": "eve"})).name == "eve (changed)"


class TestMany:
    async def test_counts_are_named(self, people: GenericRepository[Person]) -> None:
        counts = await people.upsert_many(row(number) for number in range(5, 8))
        assert counts == UpsertCounts(inserted=2, updated=1)

    async def test_nothing_but_new_rows(self, people: GenericRepository[Person]) -> None:
        assert await people.upsert_many([row(6), row(7)]) == (2, 0)
        assert await rows_of(people) == [*PEOPLE, row(6), row(7)]

    async def test_nothing_but_keys(self, people: GenericRepository[Person]) -> None:
        assert await people.upsert_many([{"id": 1}, {"id": 2}]) == (0, 2)
        assert await rows_of(people) == PEOPLE

    async def test_only_new_rows_are_written(self, people: GenericRepository[Person]) -> None:
        assert await people.upsert_many([row(1, age=7), row(6)], update=[]) == (1, 1)
        assert await rows_of(people) == [*PEOPLE, row(6)]

    @pytest.mark.parametrize("update", [["age"], ("age",), "age"])
    async def test_some_attributes_are_updated(self, people: GenericRepository[Person], update: Any) -> None:
        rows = [row(1, name="new", age=7), row(6, name="new", age=7)]
        assert await people.upsert_many(rows, update=update) == (1, 1)
        assert await rows_of(people) == [row(1, age=7), *PEOPLE[1:], row(6, name="new", age=7)]

    async def test_an_update_of_what_is_not_given_is_refused(self, people: GenericRepository[Person]) -> None:
        with pytest.raises(ConfigurationError, match=r"^update= names age, which the rows do not give$"):
            await people.upsert_many([{"id": 1, "name": "new"}], update=["name", "age"])
        assert await people.upsert_many([], update=["age"]) == (0, 0)

    @pytest.mark.parametrize("match", [["day", "price"], ["size", "day"], ["price"], ["owner", "paid"]])
    async def test_values_of_many_kinds_match(self, session: AsyncSession, match: list[str]) -> None:
        parcels = GenericRepository[Parcel](session)
        rows = [parcel(number, note="new", code="new") for number in (2, 3)]
        assert await parcels.upsert_many(rows, match=match) == (0, 2)
        assert await parcels.query().order_by("id").values_list("note", flat=True) == [None, "new", "new"]

    async def test_decimals_are_compared_by_their_values(self, session: AsyncSession) -> None:
        parcels = GenericRepository[Parcel](session)
        assert await parcels.upsert_many([parcel(1, price=Decimal("1.250"))], match=["price"]) == (0, 1)

    async def test_a_composite_key(self, session: AsyncSession) -> None:
        seats = GenericRepository[Seat](session)
        rows = [{"number": number, "letter": "a", "holder": "eve"} for number in range(1, 8)]
        assert await seats.upsert_many(rows) == (5, 2)
        assert await seats.count(holder="eve") == 7

    async def test_uuids_may_be_texts(self, session: AsyncSession) -> None:
        devices = GenericRepository[Device](session)
        rows = [{"id": f"{str(DEVICE)[:-1]}{digit}", "name": "new"} for digit in "cdef0"]
        assert await devices.upsert_many(rows) == (4, 1)
        assert (await devices.get_one(DEVICE)).name == "new"

    @pytest.mark.parametrize(
        ("rows", "match", "message"),
        [
            ([row(6), row(7), row(6)], None, "^rows 0 and 2 are the same by id$"),
            (
                [row(6), row(7, name="n6", age=60)],
                ["name", "age"],
                "^rows 0 and 1 are the same by name, age$",
            ),
            ([row(6), row(7, age=None)], ["age"], "^row 1 has no age, which it is found by$"),
            ([row(6, shoe=42), row(7, shoe=42)], None, "^'shoe' is no column of Person"),
        ],
    )
    async def test_rows_are_checked_before_one_is_sent(
        self, people: GenericRepository[Person], rows: Any, match: Any, message: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=message):
            await people.upsert_many(rows, match=match)
        assert await rows_of(people) == PEOPLE

    @pytest.mark.parametrize(
        "rows",
        [
            [row(6), {"id": 1, "name": "new"}],
            [{"id": 1, "name": "new"}, {"id": 2, "name": "new", "age": 7}],
        ],
    )
    async def test_rows_have_the_same_attributes(self, people: GenericRepository[Person], rows: Any) -> None:
        with pytest.raises(ConfigurationError, match=r"^row 1 differs from row 0: "):
            await people.upsert_many(rows)
        assert await rows_of(people) == PEOPLE

    async def test_no_new_row_is_written_where_another_is_refused(
        self, people: GenericRepository[Person]
    ) -> None:
        with pytest.raises(ValidationError):
            await people.upsert_many([row(6), row(1, name="n" * 21)])
        assert await rows_of(people) == PEOPLE

    @pytest.mark.parametrize("wrong", [row(1, age=-1), row(7, age=-1), row(1, email="2@example.org")])
    async def test_a_constraint_refuses_all(self, people: GenericRepository[Person], wrong: Any) -> None:
        with pytest.raises(IntegrityError):
            await people.upsert_many([row(6), row(3, age=7), wrong])
        await people.session.rollback()
        assert await rows_of(people) == PEOPLE

    async def test_a_key_that_what_is_there_does_not_have_is_refused(
        self, people: GenericRepository[Person]
    ) -> None:
        wrong = row(2, email="1@example.org", name="new")
        message = "gives id=2, and what is there by email has 1: leave the key out, or match by it$"
        with pytest.raises(ConfigurationError, match=f"^row 1 {message}"):
            await people.upsert_many([row(6), wrong], match=["email"])
        with pytest.raises(ConfigurationError, match=f"^this {message}"):
            await people.upsert(wrong, match=["email"])
        assert await rows_of(people) == PEOPLE

    async def test_a_key_that_what_is_there_has_may_be_given(self, people: GenericRepository[Person]) -> None:
        assert await people.upsert_many([row(1, name="new"), row(6)], match=["email"]) == (1, 1)
        assert (await people.upsert(row(2, name="new"), match="email")).id == 2
        assert await rows_of(people) == [row(1, name="new"), row(2, name="new"), *PEOPLE[2:], row(6)]

    @pytest.mark.parametrize("match", [None, ["email"]])
    async def test_a_key_is_not_updated(self, people: GenericRepository[Person], match: Any) -> None:
        with pytest.raises(ConfigurationError, match=r"^update= names id, and a key is not changed$"):
            await people.upsert_many([row(6), row(1, name="new")], match=match, update=["name", "id"])
        assert await rows_of(people) == PEOPLE

    async def test_rows_of_the_table_that_are_the_same_are_refused(
        self, people: GenericRepository[Person]
    ) -> None:
        with pytest.raises(MultipleResultsError, match="several Person are the same as row 1 by age"):
            await people.upsert_many([row(6), row(7, age=20)], match="age")
        assert await rows_of(people) == PEOPLE

    async def test_what_validation_would_make_of_a_value_matches(self, session: AsyncSession) -> None:
        labels = GenericRepository[Label](session)
        assert await labels.upsert_many([{"word": "NEW", "color": "blue"}], match=["word"]) == (0, 1)

    async def test_what_waits_is_written_first(self, people: GenericRepository[Person]) -> None:
        people.session.add(Person(**row(6)))
        (await people.get_one(1)).email = "new@example.org"
        rows = [row(6, age=7), {"id": 1, "email": "1@example.org", "name": "n1", "age": 7}]
        assert await people.upsert_many(rows) == (0, 2)
        assert await rows_of(people) == [row(1, age=7), *PEOPLE[1:], row(6, age=7)]

    async def test_objects_of_the_session_follow(self, people: GenericRepository[Person]) -> None:
        found = await people.get_one(1)
        await people.upsert_many([row(number, age=7) for number in range(1, 6)])
        assert found.age == 7
        await people.update(found, name="new")
        assert (await rows_of(people))[0] == row(1, age=7, name="new")

    async def test_versions_rise_and_need_not_be_said(self, session: AsyncSession) -> None:
        documents = GenericRepository[Document](session)
        held = await documents.get_one(1)
        rows = [{"id": number, "title": "new"} for number in range(1, 8)]
        assert await documents.upsert_many(rows) == (5, 2)
        assert (await documents.update(held, title="newer")).version == 3
        found = await documents.query().order_by("id").values_list("version", flat=True)
        assert found == [3, 2, 1, 1, 1, 1, 1]

    async def test_a_version_that_is_said_is_compared(self, session: AsyncSession) -> None:
        documents = GenericRepository[Document](session)
        assert await documents.upsert_many([{"id": 1, "title": "new", "version": 1}]) == (0, 1)
        with pytest.raises(StaleVersionError):
            await documents.upsert_many([{"id": 1, "title": "newer", "version": 1}])

    async def test_a_row_that_another_transaction_changed_is_a_conflict(
        self, filled_engine: AndamiosEngine
    ) -> None:
        async with AsyncSession(filled_engine) as session:
            await GenericRepository[Document](session).count()
            async with SessionManager(filled_engine) as other:
                await GenericRepository[Document](other).update(1, title="other")
            with pytest.raises(StaleConflictError):
                await GenericRepository[Document](session).upsert_many([{"id": 1, "title": "mine"}])

    async def test_timestamps_are_set_and_hooks_are_not_called(self, session: AsyncSession) -> None:
        players, accounts = GenericRepository[Player](session), GenericRepository[Account](session)
        before = (await players.get_one(1)).updated_at
        await players.upsert_many([{"id": number, "name": "new"} for number in (1, 8)])
        session.expunge_all()
        old, new = await players.get_one(1), await players.get_one(8)
        assert (old.updated_at > before, new.created_at > before) == (True, True)
        await accounts.upsert_many([{"id": 8, "name": "nobody"}])
        assert (await accounts.get_one(8)).name == "nobody"

    async def test_a_deleted_row_keeps_its_place(self, session: AsyncSession) -> None:
        guests = GenericRepository[Guest](session)
        await guests.delete(1)
        with pytest.raises(DuplicateKeyError):
            await guests.upsert_many([row(1, name="new")])

    async def test_some_statements_write_all(
        self, shared_engine: AndamiosEngine, people: GenericRepository[Person]
    ) -> None:
        with sent(shared_engine) as statements:
            counts = await people.upsert_many(row(number, age=7) for number in range(1, 1_001))
        assert (counts, len(statements)) == ((995, 5), 3)
