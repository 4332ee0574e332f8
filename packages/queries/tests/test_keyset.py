"""Cursors: which are refused; and random rows in random orders, page by page to the end and back."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import date
from decimal import Decimal
from functools import cmp_to_key
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Numeric
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core import AsyncSession, SessionManager, create_memory_engine
from andamios_orm.models import NaturalKey
from andamios_orm.queries import CursorPage, F, InvalidCursorError, QueryBuilder
from andamios_orm.queries.keyset import SECRET

from .airport import Base, Flight, Plane


class Item(Base):
    """A row with values that are often equal or missing."""

    __tablename__ = "keyset_items"

    id: Mapped[NaturalKey[int]]
    number: Mapped[int | None]
    price: Mapped[Decimal | None] = mapped_column(Numeric(10, 3))
    day: Mapped[date | None]
    word: Mapped[str | None]
    ratio: Mapped[float | None]


FIELDS = ("number", "price", "day", "word", "ratio")

Ask = Callable[[list["Values"], Callable[[QueryBuilder[Item]], Awaitable[Any]]], Any]


class Values(NamedTuple):
    """The values of a row."""

    id: int
    number: int | None
    price: Decimal | None
    day: date | None
    word: str | None
    ratio: float | None


class Key(NamedTuple):
    """One key of an order."""

    field: str
    descending: bool
    nulls_first: bool


@pytest.fixture
def flights(session: AsyncSession) -> QueryBuilder[Flight]:
    """A query for all flights, the latest first."""
    return QueryBuilder(Flight, session).order_by("-delay")


async def test_an_own_cursor_is_taken(flights: QueryBuilder[Flight], session: AsyncSession) -> None:
    cursor = (await flights.paginate_after(None, 2)).next
    again = QueryBuilder(Flight, session).order_by("-delay")
    for query in (flights, again, again.filter(id__gt=0), again.options()):
        assert [each.id for each in (await query.paginate_after(cursor, 2)).items] == [6, 1]


def changed(cursor: str) -> Iterator[str]:
    """Give what somebody may make of a cursor."""
    payload, signature = cursor.rsplit(".", 1)
    forged = base64.urlsafe_b64encode(json.dumps(["next", [0, 0]]).encode()).decode().rstrip("=")
    yield from ("", ".", "x", "null", payload, signature, f".{signature}", f"{payload}.", cursor[:-1])
    yield from (cursor[1:], cursor + "A", f"{forged}.{signature}", forged, f"{cursor}.{signature}")
    yield from (cursor.swapcase(), "\0" + cursor, "ä" + cursor, "🛫", cursor * 1000, f"{payload}.{'A' * 27}")


async def test_a_cursor_that_somebody_has_changed(flights: QueryBuilder[Flight]) -> None:
    cursor = (await flights.paginate_after(None, 2)).next
    assert cursor is not None
    for forged in changed(cursor):
        with pytest.raises(InvalidCursorError):
            await flights.paginate_after(forged, 2)


@pytest.mark.parametrize(
    "other",
    [
        lambda query: query.order_by("delay"),
        lambda query: query.order_by("-delay", nulls="first"),
        lambda query: query.order_by("-id"),
        lambda query: query.order_by(None),
        lambda query: query.order_by("-delay", "day"),
        lambda query: query.order_by(F("delay") + 1),
        lambda query: query.group_by("delay").order_by("delay"),
    ],
)
async def test_a_cursor_of_another_order(
    flights: QueryBuilder[Flight], other: Callable[[Any], QueryBuilder[Any]]
) -> None:
    cursor = (await flights.paginate_after(None, 2)).next
    with pytest.raises(InvalidCursorError):
        await other(flights).paginate_after(cursor, 2)


async def test_a_cursor_of_an_order_by_another_number(flights: QueryBuilder[Flight]) -> None:
    cursor = (await flights.order_by(F("id") % 2).paginate_after(None, 2)).next
    with pytest.raises(InvalidCursorError):
        await flights.order_by(F("id") % 3).paginate_after(cursor, 2)


async def test_a_cursor_of_another_model(session: AsyncSession) -> None:
    cursor = (await QueryBuilder(Plane, session).order_by("airline_code").paginate_after(None, 1)).next
    with pytest.raises(InvalidCursorError):
        await QueryBuilder(Flight, session).order_by("airline_code").paginate_after(cursor, 1)


@pytest.mark.parametrize("secret", [None, "other", "mine "])
async def test_a_cursor_of_another_secret(flights: QueryBuilder[Flight], secret: str | None) -> None:
    cursor = (await flights.paginate_after(None, 2, secret="mine")).next
    assert (await flights.paginate_after(cursor, 2, secret="mine")).items[0].id == 6
    with pytest.raises(InvalidCursorError):
        await flights.paginate_after(cursor, 2, secret=secret)


async def test_the_secret_of_the_environment(
    flights: QueryBuilder[Flight], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = (await flights.paginate_after(None, 2)).next
    monkeypatch.setenv(SECRET, "first")
    first = (await flights.paginate_after(None, 2)).next
    assert (await flights.paginate_after(first, 2, secret="first")).items[0].id == 6
    monkeypatch.setenv(SECRET, "second")
    for refused in (own, first):
        with pytest.raises(InvalidCursorError):
            await flights.paginate_after(refused, 2)
    monkeypatch.delenv(SECRET)
    assert (await flights.paginate_after(own, 2)).items[0].id == 6


def test_the_variable_is_called_as_promised() -> None:
    assert SECRET == "ANDAMIOS_CURSOR_SECRET"


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    """How to ask a database with some rows."""
    engine = create_memory_engine()

    async def asked(rows: list[Values], ending: Callable[[QueryBuilder[Item]], Awaitable[Any]]) -> Any:
        async with SessionManager(engine) as session:
            query = QueryBuilder(Item, session)
            await query.delete(all_rows=True)
            session.add_all(Item(**row._asdict()) for row in rows)
            await session.flush()
            session.expunge_all()
            return await ending(query)

    tables: Any = [Item.__table__]

    async def made() -> None:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all, tables=tables)

    with asyncio.Runner() as runner:
        runner.run(made())
        yield lambda rows, ending: runner.run(asked(rows, ending))
        runner.run(engine.dispose())


ROWS = st.lists(
    st.tuples(
        st.sampled_from([None, -(2**31), -1, 0, 1, 2]),
        st.sampled_from(
            [None, Decimal("-0.001"), Decimal("0.000"), Decimal("1.500"), Decimal("9999999.999")]
        ),
        st.sampled_from([None, date(1, 1, 1), date(1969, 12, 31), date(2024, 2, 29), date(9999, 12, 31)]),
        st.sampled_from([None, "", "a", "A", "ä", "aa", "'", "🛫", "\n", "%"]),
        st.sampled_from([None, -1e300, -0.1, 0.0, 0.1, 0.30000000000000004, 5e-324, float("inf")]),
    ),
    max_size=25,
).map(lambda found: [Values(number, *values) for number, values in enumerate(found)])
KEYS = st.lists(
    st.builds(Key, st.sampled_from(FIELDS), st.booleans(), st.booleans()),
    min_size=1,
    max_size=3,
    unique_by=lambda key: key.field,
)
SAME_NULLS = st.tuples(KEYS, st.booleans()).map(
    lambda drawn: [key._replace(nulls_first=drawn[1]) for key in drawn[0]]
)
SIZES = st.integers(1, 7)


def ordered(rows: list[Any], keys: list[Key]) -> list[Any]:
    """Return rows in an order; those that are equal stay as they are."""

    def compared(one: Any, other: Any) -> int:
        for key in keys:
            left, right = getattr(one, key.field), getattr(other, key.field)
            if left == right:
                continue
            if left is None or right is None:
                return -1 if (left is None) is key.nulls_first else 1
            if isinstance(left, str):
                left, right = left.encode(), right.encode()
            return -1 if (left < right) is not key.descending else 1
        return 0

    return sorted(rows, key=cmp_to_key(compared))


def by(query: QueryBuilder[Any], keys: list[Key]) -> QueryBuilder[Any]:
    """Return a query in an order by columns, whose missing values may be at either end."""
    columns = {key: getattr(Item, key.field) for key in keys}
    orders = {key: column.desc() if key.descending else column.asc() for key, column in columns.items()}
    return query.order_by(
        *(order.nulls_first() if key.nulls_first else order.nulls_last() for key, order in orders.items())
    )


def by_names(query: QueryBuilder[Any], keys: list[Key]) -> QueryBuilder[Any]:
    """Return a query in an order by names, whose missing values are all at the same end."""
    names = ("-" * key.descending + key.field for key in keys)
    return query.order_by(*names, nulls="first" if keys[0].nulls_first else None)


async def walked(query: QueryBuilder[Any], size: int) -> list[Any]:
    """Return the rows of all pages, which are the same on the way back."""
    pages: list[CursorPage[Any]] = [await query.paginate_after(None, size)]
    while pages[-1].next is not None:
        assert len(pages[-1].items) == size
        pages.append(await query.paginate_after(pages[-1].next, size))
    back = pages[-1]
    for page in pages[-2::-1]:
        back = await query.paginate_after(back.previous, size)
        assert back.items == page.items
    assert back.previous is None
    return [row for page in pages for row in page.items]


async def numbered(query: QueryBuilder[Any], size: int) -> list[Any]:
    """Return the rows of all pages by number."""
    page = await query.paginate(1, size)
    found = list(page.items)
    for number in range(2, page.pages + 1):
        found += (await query.paginate(number, size)).items
    assert page.total == len(found)
    return found


@settings(max_examples=50, deadline=None)
@given(rows=ROWS, keys=KEYS, size=SIZES)
def test_pages_of_objects(ask: Ask, rows: list[Values], keys: list[Key], size: int) -> None:
    async def asked(query: QueryBuilder[Item]) -> list[list[int]]:
        total = by(query, [*keys, Key("id", descending=False, nulls_first=False)])
        return [
            [each.id for each in found]
            for found in (await walked(by(query, keys), size), await numbered(total, size))
        ]

    expected = [row.id for row in ordered(rows, keys)]
    assert ask(rows, asked) == [expected, expected]


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, keys=SAME_NULLS, size=SIZES)
def test_pages_of_columns(ask: Ask, rows: list[Values], keys: list[Key], size: int) -> None:
    async def asked(query: QueryBuilder[Item]) -> list[Values]:
        found = await walked(by_names(query.select(*FIELDS[:2], "id", *FIELDS[2:]), keys), size)
        return [Values(**row._mapping) for row in found]

    assert ask(rows, asked) == ordered(rows, keys)


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, keys=SAME_NULLS, size=SIZES, grouped=st.booleans())
def test_pages_of_groups(ask: Ask, rows: list[Values], keys: list[Key], size: int, *, grouped: bool) -> None:
    """Rows that are distinct are as groups: each once, in the order by some of their columns."""
    fields = ("word", *(key.field for key in keys if key.field != "word"))

    async def asked(query: QueryBuilder[Item]) -> list[Any]:
        made = query.group_by(*fields) if grouped else query.select(*fields).distinct()
        return list(map(tuple, await walked(by_names(made, keys), size)))

    ties = [Key(field, descending=False, nulls_first=False) for field in fields]
    expected = [tuple(getattr(row, field) for field in fields) for row in ordered(rows, [*keys, *ties])]
    assert ask(rows, asked) == list(dict.fromkeys(expected))
