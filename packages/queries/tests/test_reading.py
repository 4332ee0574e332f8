"""The endings that bring Python objects: all of them, one, some values, a number, a stream."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Result
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager
from andamios_orm.core.errors import ConfigurationError, MultipleResultsError, NotFoundError
from andamios_orm.queries import Count, F, QueryBuilder, RowNumber, joinedload, selectinload

from .airport import Airline, Base, Flight, Note, Plane, fill


class Seat(Base):
    """A seat, whose key has two parts."""

    __tablename__ = "seats"

    row: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    letter: Mapped[str] = mapped_column(primary_key=True)
    taken: Mapped[bool]


@pytest.fixture
def flights(session: AsyncSession) -> QueryBuilder[Flight]:
    """A query for all flights, in order."""
    return QueryBuilder(Flight, session).order_by("id")


@pytest.fixture
async def seats(session: AsyncSession) -> QueryBuilder[Seat]:
    """A query for four seats."""
    session.add_all(Seat(row=row, letter=letter, taken=row == 2) for row in (1, 2) for letter in "AB")
    await session.flush()
    return QueryBuilder(Seat, session)


async def test_all_objects(flights: QueryBuilder[Flight]) -> None:
    found = await flights.filter(delay__gt=20).all()
    assert [type(each) for each in found] == [Flight] * 3
    assert [each.id for each in found] == [2, 5, 6]


async def test_all_rows(flights: QueryBuilder[Flight]) -> None:
    found = await flights.select("id", twice=F("delay") * 2).limit(2).all()
    assert [tuple(row) for row in found] == [(1, 20), (2, 140)]
    assert found[1].twice == 140
    assert found[1]._mapping == {"id": 2, "twice": 140}


async def test_objects_with_what_is_computed(flights: QueryBuilder[Flight]) -> None:
    row = (await flights.annotate(words=Count("tags")).all())[1]
    assert (row.Flight.id, row.words, len(row)) == (2, 2, 2)


async def test_joined_objects_come_once(flights: QueryBuilder[Flight]) -> None:
    found = await flights.options(joinedload("tags")).all()
    assert [len(each.tags) for each in found] == [1, 2, 0, 0, 1, 0, 0]


async def test_execute(flights: QueryBuilder[Flight]) -> None:
    result = await flights.execute()
    assert isinstance(result, Result)
    assert [each.id for each in result.scalars()] == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(("condition", "found"), [({"delay__gt": 20}, 2), ({"id": 99}, None)])
async def test_first(flights: QueryBuilder[Flight], condition: dict[str, Any], found: int | None) -> None:
    first = await flights.filter(**condition).first()
    assert (first and first.id) == found


async def test_the_first_of_a_slice(flights: QueryBuilder[Flight]) -> None:
    second = await flights[1:3].first()
    assert second is not None
    assert second.id == 2
    assert await flights.limit(0).first() is None


async def test_the_first_with_joined_objects(flights: QueryBuilder[Flight]) -> None:
    found = await flights.filter(id=2).options(joinedload("tags")).first()
    assert found is not None
    assert sorted(tag.word for tag in found.tags) == ["full", "late"]
    assert await flights.filter(id=2).options(joinedload("tags")).one() is found


async def test_one(flights: QueryBuilder[Flight]) -> None:
    assert (await flights.filter(id=3).one()).id == 3
    assert (await flights.limit(1).one()).id == 1
    assert tuple(await flights.filter(id=3).select("id").one()) == (3,)


async def test_one_of_none(flights: QueryBuilder[Flight]) -> None:
    with pytest.raises(NotFoundError, match=r"^no Flight was found, and one expected$"):
        await flights.filter(id=99).one()
    assert await flights.filter(id=99).one_or_none() is None


async def test_one_of_several(flights: QueryBuilder[Flight]) -> None:
    several = flights.filter(delay=30)
    for ending in (several.one, several.one_or_none):
        with pytest.raises(MultipleResultsError, match=r"^more than one Flight was found, and one expected$"):
            await ending()


async def test_one_or_none(flights: QueryBuilder[Flight]) -> None:
    found = await flights.filter(id=3).one_or_none()
    assert found is not None
    assert found.id == 3


async def test_get(flights: QueryBuilder[Flight]) -> None:
    found = await flights.get(4)
    assert found is not None
    assert found.id == 4
    assert await flights.get({"id": 4}) is found
    assert await flights.get(99) is None


async def test_get_keeps_the_conditions(flights: QueryBuilder[Flight]) -> None:
    late = flights.filter(delay__gt=20)
    assert await late.get(1) is None
    assert await late.get(2) is not None
    assert await late.order_by("-id").limit(1).nested().get(2) is None
    assert await flights.top_per_group(1, by="airline_code", order_by="id").get(2) is None


async def test_get_with_options(flights: QueryBuilder[Flight]) -> None:
    found = await flights.options(joinedload("tags"), selectinload("airline__planes")).get(2)
    assert found is not None
    assert (len(found.tags), len(found.airline.planes)) == (2, 2)


@pytest.mark.parametrize("key", [(2, "A"), {"letter": "A", "row": 2}])
async def test_get_by_a_composite_key(seats: QueryBuilder[Seat], key: Any) -> None:
    found = await seats.get(key)
    assert found is not None
    assert (found.row, found.letter) == (2, "A")


@pytest.mark.parametrize("key", [2, (2,), (2, "A", 1), {"row": 2}, {"row": 2, "wrong": "A"}, "2A"])
async def test_a_key_of_other_parts(seats: QueryBuilder[Seat], key: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"the key of Seat is \(row, letter\), not"):
        await seats.get(key)


@pytest.mark.parametrize(
    "ending", [lambda query: query.get(1), lambda query: query.in_bulk([1])], ids=["get", "in_bulk"]
)
async def test_keys_are_of_objects(
    flights: QueryBuilder[Flight], ending: Callable[[Any], Awaitable[Any]]
) -> None:
    with pytest.raises(ConfigurationError, match="a key finds objects"):
        await ending(flights.select("id"))
    with pytest.raises(ConfigurationError, match="this query has a limit"):
        await ending(flights.limit(1))


async def test_in_bulk(flights: QueryBuilder[Flight]) -> None:
    found = await flights.in_bulk([7, 3, 3, 99])
    assert {key: each.id for key, each in found.items()} == {3: 3, 7: 7}
    assert await flights.in_bulk([]) == {}
    assert list(await flights.filter(delay__gt=20).in_bulk(range(5))) == [2]


async def test_in_bulk_with_options(flights: QueryBuilder[Flight]) -> None:
    found = await flights.options(joinedload("tags"), selectinload("airline")).in_bulk([1, 2])
    assert [(len(each.tags), each.airline.code) for each in found.values()] == [(1, "UA"), (2, "UA")]


async def test_in_bulk_by_composite_keys(seats: QueryBuilder[Seat]) -> None:
    found = await seats.in_bulk([(1, "A"), {"letter": "B", "row": 2}, (9, "Z")])
    assert {key: (seat.row, seat.letter) for key, seat in found.items()} == {
        (1, "A"): (1, "A"),
        (2, "B"): (2, "B"),
    }


async def test_scalars(flights: QueryBuilder[Flight]) -> None:
    assert await flights.select("delay", "id").scalars() == [10, 70, None, -5, 30, 30, 0]
    assert await flights.filter(id__gt=5).select("id").scalar() == 6
    assert await flights.filter(id=99).select("id").scalar() is None
    assert [type(each) for each in await flights.limit(1).scalars()] == [Flight]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        (lambda query: query, 7),
        (lambda query: query.filter(delay__gt=20), 3),
        (lambda query: query.filter(id=99), 0),
        (lambda query: query.filter(tags__word__contains="l"), 3),
        (lambda query: query.join("tags"), 4),
        (lambda query: query.limit(2), 2),
        (lambda query: query.offset(5), 2),
        (lambda query: query[6:20], 1),
        (lambda query: query.limit(0), 0),
        (lambda query: query.select("airline_code").distinct().order_by(None), 3),
        (lambda query: query.group_by("airline_code").order_by(None), 3),
        (lambda query: query.annotate(n=Count("tags")).filter(n=0), 4),
        (lambda query: query.annotate(n=RowNumber().over(order_by="id")), 7),
        (lambda query: query.options(joinedload("tags")), 7),
        (lambda query: query.union(query), 7),
    ],
)
async def test_count_and_exists(
    flights: QueryBuilder[Flight], query: Callable[[Any], Any], count: int
) -> None:
    asked = query(flights)
    assert await asked.count() == count
    assert len(await asked.all()) == count
    assert await asked.exists() is (count > 0)


async def test_what_is_deleted_does_not_count(session: AsyncSession) -> None:
    notes = QueryBuilder(Note, session)
    await notes.filter(id=1).delete()
    assert await notes.count() == 2
    assert await notes.with_deleted().count() == 3
    assert await notes.only_deleted().count() == 1
    assert await notes.filter(id=1).exists() is False
    assert await notes.with_deleted().filter(id=1).exists() is True
    assert await notes.with_deleted().min("id") == 1
    assert await notes.min("id") == 2


@pytest.mark.parametrize(
    ("ending", "of", "found"),
    [
        ("sum", "delay", 135),
        ("min", "delay", -5),
        ("max", "delay", 70),
        ("avg", "delay", 22.5),
        ("sum", "price", Decimal("2199.50")),
        ("min", "price", Decimal("99.50")),
        ("min", "departs", datetime(2013, 1, 1, 1, 30)),
        ("max", "day", date(2013, 1, 7)),
        ("min", "airline__name", "100%_Blue"),
        ("max", F("id") * 2, 14),
        ("sum", "plane__seats", 700),
    ],
)
async def test_numbers(flights: QueryBuilder[Flight], ending: str, of: Any, found: Any) -> None:
    value = await getattr(flights, ending)(of)
    assert (value, type(value)) == (found, type(found))


@pytest.mark.parametrize("ending", ["sum", "min", "max", "avg"])
async def test_numbers_of_nothing(flights: QueryBuilder[Flight], ending: str) -> None:
    assert await getattr(flights.filter(id=99), ending)("delay") is None
    assert await getattr(flights.filter(id=3), ending)("delay") is None


@pytest.mark.parametrize(
    ("query", "total"),
    [
        (lambda query: query.limit(2), 80),
        (lambda query: query.offset(5), 30),
        (lambda query: query.select("delay").distinct().order_by(None), 105),
        (lambda query: query.options(joinedload("tags")), 135),
        (lambda query: query.annotate(n=Count("tags")), 135),
    ],
)
async def test_numbers_are_of_the_rows_that_are_left(
    flights: QueryBuilder[Flight], query: Callable[[Any], Any], total: int
) -> None:
    assert await query(flights).sum("delay") == total


async def test_a_stream_of_objects(flights: QueryBuilder[Flight]) -> None:
    assert [each.id async for each in flights.stream(2)] == [1, 2, 3, 4, 5, 6, 7]


async def test_a_stream_of_rows(flights: QueryBuilder[Flight]) -> None:
    rows = [tuple(row) async for row in flights.select("id", "delay").limit(3).stream()]
    assert rows == [(1, 10), (2, 70), (3, None)]


async def test_a_stream_loads_what_belongs_to_objects(flights: QueryBuilder[Flight]) -> None:
    query = flights.options(selectinload("tags"))
    assert [len(each.tags) async for each in query.stream(3)] == [1, 2, 0, 0, 1, 0, 0]


@pytest.mark.parametrize("batch", [0, -1])
async def test_a_batch_has_rows(flights: QueryBuilder[Flight], batch: int) -> None:
    with pytest.raises(ConfigurationError, match="a batch has at least one row"):
        await anext(flights.stream(batch))


async def test_a_stream_is_one_snapshot(file_engine: AndamiosEngine) -> None:
    async with SessionManager(file_engine) as session:
        await fill(session)
    async with SessionManager(file_engine) as reader:
        stream = QueryBuilder(Plane, reader).order_by("tailnum").select("tailnum").stream(1)
        found = [(await anext(stream)).tailnum]
        async with SessionManager(file_engine) as writer:
            writer.add(Plane(tailnum="N9", seats=1))
            await QueryBuilder(Plane, writer).filter(tailnum="N4").delete()
        found += [row.tailnum async for row in stream]
    assert found == ["N1", "N2", "N3", "N4"]
    async with SessionManager(file_engine) as reader:
        assert await QueryBuilder(Plane, reader).filter(tailnum="N4").exists() is False


async def test_a_stream_that_is_broken_off(flights: QueryBuilder[Flight]) -> None:
    stream = flights.stream(1)
    first = await anext(stream)
    await stream.aclose()
    assert first.id == 1
    assert await flights.count() == 7
    assert await flights.filter(id=1).update(delay=5) == 1


async def test_a_session_is_used_while_a_stream_runs(flights: QueryBuilder[Flight]) -> None:
    found = []
    async for each in flights.stream(2):
        assert await flights.count() == 7
        found.append(each.id)
    assert found == [1, 2, 3, 4, 5, 6, 7]


async def test_a_stream_keeps_no_objects(session: AsyncSession) -> None:
    most = 0
    session.add_all(Plane(tailnum=f"X{number}", seats=number) for number in range(500))
    await session.flush()
    session.expunge_all()
    async for _ in QueryBuilder(Plane, session).stream(10):
        most = max(most, len(session.identity_map))
    assert 0 < most <= 30


async def test_a_stream_joins_no_objects(session: AsyncSession) -> None:
    query = QueryBuilder(Flight, session).options(joinedload("tags"))
    with pytest.raises(ConfigurationError, match="use selectinload"):
        await anext(query.stream())


@pytest.mark.parametrize("ending", ["values", "values_list"])
async def test_a_field_is_named_once(session: AsyncSession, ending: str) -> None:
    with pytest.raises(ConfigurationError, match="each field is named once, not id, id"):
        await getattr(QueryBuilder(Flight, session), ending)("id", "id")


async def test_rows_that_repeat_an_object_join_nothing_to_it(session: AsyncSession) -> None:
    """What is joined to an object would make one of the rows in which it occurs."""
    query = QueryBuilder(Airline, session).join("flights").options(joinedload("planes"))
    with pytest.raises(ConfigurationError, match="occurs several times"):
        await query.all()
