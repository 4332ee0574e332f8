"""Pages by number and behind a cursor: what is on them, their totals, and what has none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import DateTime, Numeric
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core import AndamiosEngine, AsyncSession
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.models import NaturalKey
from andamios_orm.queries import (
    Count,
    F,
    Page,
    Param,
    QueryBuilder,
    Rank,
    RowNumber,
    joinedload,
    selectinload,
)

from .airport import Base, Flight, Note
from .statements import sent


class Colour(Enum):
    """Its names are in another order than its values."""

    RED = "a"
    BLUE = "c"
    GREEN = "b"


class Sample(Base):
    """A row with a value of every kind that can be ordered by."""

    __tablename__ = "page_samples"

    id: Mapped[NaturalKey[int]]
    colour: Mapped[Colour | None]
    key: Mapped[UUID | None]
    moment: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    naive: Mapped[datetime | None]
    day: Mapped[date | None]
    hour: Mapped[time | None]
    span: Mapped[timedelta | None]
    flag: Mapped[bool | None]
    blob: Mapped[bytes | None]
    ratio: Mapped[float | None]
    amount: Mapped[Decimal | None] = mapped_column(Numeric(12, 3))
    word: Mapped[str | None]


def sample(number: int) -> Sample:
    """Return a row whose values are those of every third one."""
    step = number % 3
    return Sample(
        id=number,
        colour=list(Colour)[step],
        key=UUID(int=step << 120),
        moment=datetime(2020, 1, 1, 12, step, 0, step, tzinfo=UTC),
        naive=datetime(2020, 1, 1, 12, 0, 0, step),
        day=date(1969 + step, 12, 31),
        hour=time(23, 59, 59, 999_997 + step),
        span=timedelta(days=step - 1, microseconds=-step),
        flag=step == 1,
        blob=bytes([step * 100, 0, 255]),
        ratio=[0.1, -1e-300, float("inf")][step],
        amount=Decimal(["-0.001", "0.000", "123456789.125"][step]),
        word=["", "Ünï \"'\\ 🛫", "a\nb"][step],
    )


@pytest.fixture
def flights(session: AsyncSession) -> QueryBuilder[Flight]:
    """A query for all flights, in order."""
    return QueryBuilder(Flight, session).order_by("id")


@pytest.fixture
async def samples(session: AsyncSession) -> QueryBuilder[Sample]:
    """A query for six rows with values, each of which occurs twice, and two without."""
    session.add_all([*map(sample, range(6)), *(Sample(id=number) for number in (6, 7))])
    await session.flush()
    return QueryBuilder(Sample, session)


def shown(row: Any) -> Any:
    """Return a row that can be compared."""
    return row if isinstance(row, Base) else tuple(row)


async def walked(query: QueryBuilder[Any], size: int) -> list[Any]:
    """Return all rows, by pages to the end, and check those on the way back."""
    pages = [await query.paginate_after(None, size)]
    while (cursor := pages[-1].next) is not None:
        pages.append(await query.paginate_after(cursor, size))
    assert pages[0].previous is None
    back = pages[-1]
    for page in reversed(pages[:-1]):
        back = await query.paginate_after(back.previous, size)
        assert list(map(shown, back.items)) == list(map(shown, page.items))
    assert back.previous is None
    assert all(len(page.items) == size for page in pages[:-1])
    return [shown(row) for page in pages for row in page.items]


@pytest.mark.parametrize(
    ("page", "found", "following", "preceding"),
    [(1, [1, 2, 3], True, False), (2, [4, 5, 6], True, True), (3, [7], False, True), (4, [], False, True)],
)
async def test_pages(
    flights: QueryBuilder[Flight], page: int, found: list[int], *, following: bool, preceding: bool
) -> None:
    given = await flights.paginate(page, 3)
    assert [each.id for each in given.items] == found
    assert (given.total, given.number, given.size, given.pages) == (7, page, 3, 3)
    assert (given.has_next, given.has_previous) == (following, preceding)


@pytest.mark.parametrize(("page", "statements"), [(1, 1), (3, 1), (4, 2)])
async def test_a_page_is_one_statement(
    shared_engine: AndamiosEngine, flights: QueryBuilder[Flight], page: int, statements: int
) -> None:
    with sent(shared_engine) as found:
        assert (await flights.paginate(page, 3)).total == 7
    assert len(found) == statements


async def test_no_rows_at_all(shared_engine: AndamiosEngine, flights: QueryBuilder[Flight]) -> None:
    with sent(shared_engine) as found:
        page = await flights.filter(id=99).paginate()
    assert page == Page([], 0, 1, 50)
    assert (page.pages, page.has_next, page.has_previous, len(found)) == (0, False, False, 1)


@pytest.mark.parametrize(("page", "size"), [(0, 1), (1, 0), (-1, 5), (5, -1)])
async def test_pages_are_counted_from_one(flights: QueryBuilder[Flight], page: int, size: int) -> None:
    with pytest.raises(ConfigurationError, match="counted from 1"):
        await flights.paginate(page, size)


async def test_a_limit_has_no_pages(flights: QueryBuilder[Flight]) -> None:
    for ending in (flights.limit(3).paginate, flights.offset(1).paginate_after):
        with pytest.raises(ConfigurationError, match="this query has a limit"):
            await ending()
    page = await flights.limit(3).nested().paginate(2, 2)
    assert ([each.id for each in page.items], page.total) == ([3], 3)


Make = Callable[[QueryBuilder[Any]], QueryBuilder[Any]]

ORDERS: tuple[tuple[Any, ...], ...] = (
    (),
    ("-delay",),
    ("airline__name", "-day"),
    ("route__to", "-meta__miles"),
    ("meta__plan",),
    ("stops__len",),
    ("departs__year", "-departs__hour"),
    (-F("delay"),),
    (F("delay") * 2 + 1,),
    ("tailnum", "-price", "day"),
    ("plane__seats", "-airline_code"),
)


@pytest.mark.parametrize("nulls", [None, "first"])
@pytest.mark.parametrize("order", ORDERS)
async def test_orders_of_objects(session: AsyncSession, order: tuple[Any, ...], nulls: str | None) -> None:
    query = QueryBuilder(Flight, session)
    expected = await query.order_by(*order, "id", nulls=nulls).all()
    for size in (1, 2, 50):
        assert await walked(query.order_by(*order, nulls=nulls), size) == expected


SHAPES: tuple[tuple[Make, tuple[str, ...], tuple[str, ...]], ...] = (
    (lambda query: query.filter(id=99), ("id",), ()),
    (lambda query: query.filter(tags__word__contains="l"), ("-delay",), ("id",)),
    (lambda query: query.options(joinedload("tags"), selectinload("airline")), ("delay",), ("id",)),
    (lambda query: query.join("plane"), ("plane__seats",), ("id",)),
    (lambda query: query.order_by("-id").limit(5).nested(), ("delay",), ("id",)),
    (lambda query: query.union(query.filter(id=1)), ("-delay",), ("id",)),
    (lambda query: query.select("id", "delay"), ("-delay",), ("id",)),
    (lambda query: query.select("price", "id", twice=F("delay") * 2), ("-twice",), ("id",)),
    (lambda query: query.annotate(words=Count("tags")), ("-words",), ("id",)),
    (lambda query: query.annotate(twice=F("delay") * 2), ("twice",), ("id",)),
    (lambda query: query.top_per_group(2, by="airline_code", order_by="-id"), ("-delay",), ("id",)),
    (lambda query: query.sample(100), ("-delay",), ("id",)),
    (lambda query: query.select("airline_code").distinct(), ("airline_code",), ()),
    (lambda query: query.select("airline_code").distinct(), ("-airline_code",), ()),
    (lambda query: query.select("delay", "airline_code").distinct(), ("-airline_code",), ("delay",)),
    (lambda query: query.distinct(), ("-delay",), ("id",)),
    (lambda query: query.distinct_on("airline_code"), ("-airline_code", "-id"), ()),
    (lambda query: query.group_by("airline_code"), ("-airline_code",), ()),
    (lambda query: query.group_by("delay").annotate(n=Count()), ("-n",), ("delay",)),
    (lambda query: query.group_by("delay", "tailnum").annotate(n=Count()), ("n", "-tailnum"), ("delay",)),
    (
        lambda query: query.group_by("airline_code").annotate(n=Count()).having(n__gt=1),
        ("n",),
        ("airline_code",),
    ),
    (lambda query: query.time_bucket("day", "2 days", n=Count()), ("-n",), ("bucket",)),
    (
        lambda query: query.unnest("stops", "stop").select("id", "stop").distinct(),
        ("-stop",),
        ("id",),
    ),
)


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("shape", SHAPES)
async def test_shapes(
    session: AsyncSession, shape: tuple[Make, tuple[str, ...], tuple[str, ...]], size: int
) -> None:
    make, order, ties = shape
    query = make(QueryBuilder(Flight, session))
    expected = list(map(shown, await query.order_by(*order, *ties).all()))
    assert await walked(query.order_by(*order), size) == expected


WINDOWS: tuple[tuple[Make, tuple[str, ...]], ...] = (
    (lambda query: query.annotate(place=RowNumber().over(order_by="-id")), ("id",)),
    (lambda query: query.annotate(place=RowNumber().over(order_by="-id")), ("place",)),
    (lambda query: query.select("id", place=Rank().over(order_by="delay")), ("-place",)),
    (lambda query: query.annotate(place=Rank().over(order_by="delay")).filter(place__gt=1), ("-place",)),
)


@pytest.mark.parametrize("query", WINDOWS)
async def test_windows_are_over_all_rows(session: AsyncSession, query: tuple[Make, tuple[str, ...]]) -> None:
    made = query[0](QueryBuilder(Flight, session)).order_by(*query[1])
    ordered = made.order_by(*query[1], "id")
    assert await walked(made, 2) == list(map(shown, await ordered.all()))


@pytest.mark.parametrize("shape", [*SHAPES, *((make, order, ("id",)) for make, order in WINDOWS)])
async def test_pages_by_number_of_shapes(session: AsyncSession, shape: Any) -> None:
    make, order, ties = shape
    query = make(QueryBuilder(Flight, session)).order_by(*order, *ties)
    expected = list(map(shown, await query.all()))
    pages = [await query.paginate(number, 2) for number in range(1, 5)]
    assert [shown(row) for page in pages for row in page.items] == expected
    assert {page.total for page in pages} == {len(expected)}


async def test_rows_of_pages_have_names(flights: QueryBuilder[Flight]) -> None:
    query = flights.annotate(words=Count("tags"))
    for page in (await query.paginate(1, 2), await query.paginate_after(None, 2)):
        assert [(row.Flight.id, row.words) for row in page.items] == [(1, 1), (2, 2)]
        assert [len(row) for row in page.items] == [2, 2]
    row = (await flights.select("id", twice=F("delay") * 2).paginate_after(None, 1)).items[0]
    assert row._mapping == {"id": 1, "twice": 20}


async def test_options_hold_on_pages(flights: QueryBuilder[Flight]) -> None:
    query = flights.options(joinedload("tags"), selectinload("airline"))
    for page in (await query.paginate(1, 3), await query.paginate_after(None, 3)):
        assert [(len(each.tags), each.airline.code) for each in page.items] == [
            (1, "UA"),
            (2, "UA"),
            (0, "UA"),
        ]


async def test_pages_of_a_frozen_query(session: AsyncSession) -> None:
    late = QueryBuilder(Flight, session).filter(delay__gte=Param("least")).order_by("-delay", "id").freeze()
    page = await late(least=10).paginate(2, 2)
    assert ([each.id for each in page.items], page.total) == ([6, 1], 4)
    assert [each.id for each in await walked(late(least=10), 1)] == [2, 5, 6, 1]


async def test_what_is_deleted_is_on_no_page(session: AsyncSession) -> None:
    notes = QueryBuilder(Note, session).order_by("-stars")
    await notes.filter(id=2).delete()
    assert ((await notes.paginate(1, 1)).total, (await notes.with_deleted().paginate(1, 1)).total) == (2, 3)
    assert [note.id for note in await walked(notes, 1)] == [1, 3]
    assert [note.id for note in await walked(notes.with_deleted(), 1)] == [2, 1, 3]
    assert [note.id for note in await walked(notes.only_deleted(), 1)] == [2]


@pytest.mark.parametrize(
    "make",
    [
        lambda query: query.join("tags"),
        lambda query: query.union(query, all_rows=True),
        lambda query: query.select("id", "stops").unnest("stops", "stop"),
        lambda query: query.annotate(n=F("id")).union(query.annotate(n=F("id") + 1)),
        lambda query: query.join("tags").annotate(tag=F("tags__id")).distinct().nested(),
    ],
)
async def test_rows_that_nothing_tells_apart(flights: QueryBuilder[Flight], make: Make) -> None:
    with pytest.raises(ConfigurationError, match="nothing tells the rows of this query apart"):
        await make(flights).paginate_after()


@pytest.mark.parametrize("size", [0, -3])
async def test_a_page_has_rows(flights: QueryBuilder[Flight], size: int) -> None:
    with pytest.raises(ConfigurationError, match="counted from 1"):
        await flights.paginate_after(None, size)


async def test_rows_without_a_key_are_told_apart_by_all_columns(session: AsyncSession) -> None:
    query = QueryBuilder(Flight, session).select("delay", "id").limit(5).nested()
    with pytest.raises(ConfigurationError, match="select what does, put distinct"):
        await query.paginate_after()
    assert await walked(query.distinct(), 2) == [(-5, 4), (10, 1), (30, 5), (70, 2), (None, 3)]


@pytest.mark.parametrize(
    ("make", "count"),
    [
        (lambda query: query.select("airline_code", r=Rank().over(order_by="airline_code")), 7),
        (lambda query: query.select("airline_code").order_by("airline_code"), 7),
        (lambda query: query.group_by("id").annotate(t=Count()).select("t").order_by("t"), 7),
        (lambda query: query.annotate(n=F("id")).union(query.annotate(n=F("id") + 1)).distinct(), 14),
        (lambda query: query.join("tags").annotate(tag=F("tags__id")).distinct(), 4),
        (lambda query: query.distinct_on("airline_code").order_by("airline_code").select("delay"), 3),
    ],
)
async def test_equal_rows_are_all_found(session: AsyncSession, make: Make, count: int) -> None:
    """What is not selected, a key or what makes a group, tells them apart."""
    query = make(QueryBuilder(Flight, session))
    assert len(await walked(query, 2)) == count


@pytest.mark.parametrize(
    "make",
    [
        lambda query: query.select("airline_code").nested(),
        lambda query: query.select("airline_code").top_per_group(3, by="airline_code", order_by="id"),
        lambda query: query.select("airline_code").sample(7),
        lambda query: query.group_by("airline_code", "id").annotate(n=Count()).select("n").nested(),
    ],
)
async def test_rows_that_have_lost_their_keys(session: AsyncSession, make: Make) -> None:
    with pytest.raises(ConfigurationError, match="nothing tells the rows of this query apart"):
        await make(QueryBuilder(Flight, session)).paginate_after()


async def test_a_page_behind_is_one_statement(
    shared_engine: AndamiosEngine, flights: QueryBuilder[Flight]
) -> None:
    first = await flights.paginate_after(None, 3)
    with sent(shared_engine) as found:
        page = await flights.paginate_after(first.next, 3)
    assert ([each.id for each in page.items], len(found)) == ([4, 5, 6], 1)


async def test_pages_stay_when_rows_come_and_go(session: AsyncSession, flights: QueryBuilder[Flight]) -> None:
    first = await flights.paginate_after(None, 3)
    await flights.filter(id__in=[1, 3, 4]).update(delay=1000)
    await QueryBuilder(Note, session).delete(all_rows=True)
    notes = QueryBuilder(Note, session).order_by("-stars")
    session.add_all([Note(id=10, text="a", stars=9), Note(id=11, text="b", stars=3)])
    await session.flush()
    top = await notes.paginate_after(None, 1)
    await notes.filter(id=10).delete()
    assert [note.id for note in (await notes.paginate_after(top.next, 5)).items] == [11]
    assert [each.id for each in (await flights.paginate_after(first.next, 3)).items] == [4, 5, 6]


async def test_the_page_before_the_first_row(session: AsyncSession) -> None:
    notes = QueryBuilder(Note, session).order_by("id")
    second = await notes.paginate_after((await notes.paginate_after(None, 1)).next, 1)
    await notes.filter(id=1).delete()
    before = await notes.paginate_after(second.previous, 1)
    assert (before.items, before.next, before.previous) == ([], None, None)


KINDS = [name for name in Sample.__mapper__.column_attrs.keys() if name != "id"]  # noqa: SIM118 # it iterates over values


@pytest.mark.parametrize("nulls", [None, "first"])
@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("kind", KINDS)
async def test_kinds_of_values(
    samples: QueryBuilder[Sample], kind: str, sign: str, nulls: str | None
) -> None:
    expected = await samples.order_by(sign + kind, "id", nulls=nulls).all()
    for size in (1, 3):
        assert await walked(samples.order_by(sign + kind, nulls=nulls), size) == expected


@pytest.mark.parametrize("kind", KINDS)
async def test_kinds_of_groups(samples: QueryBuilder[Sample], kind: str) -> None:
    groups = samples.group_by(kind).annotate(n=Count()).order_by("-" + kind, nulls="first")
    found = await walked(groups, 1)
    assert len(found) == len(set(found)) == (3 if kind == "flag" else 4)
    assert found == list(map(tuple, await groups.all()))


async def test_values_that_cannot_travel(flights: QueryBuilder[Flight]) -> None:
    with pytest.raises(ConfigurationError, match=r"pages cannot follow the order by Flight\.stops"):
        await flights.order_by("stops").paginate_after(None, 2)


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda query: query, ([1, 2, 3, 4, 5, 6, 7], 7)),
        (lambda query: query.limit(2).offset(3), ([4, 5], 7)),
        (lambda query: query.limit(0), ([], 7)),
        (lambda query: query.offset(9), ([], 7)),
        (lambda query: query.filter(id__gt=9), ([], 0)),
    ],
)
async def test_rows_and_how_many_there_would_be(
    flights: QueryBuilder[Flight], make: Make, found: tuple[list[int], int]
) -> None:
    items, total = await make(flights.order_by("id")).all_and_count()
    assert ([each.id for each in items], total) == found
