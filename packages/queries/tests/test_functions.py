"""Functions of Python that SQL calls: in every kind of query, of every type, and in many databases."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
import threading
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sqlalchemy import Numeric, String, func, literal, select, update
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.ext.asyncio import create_async_engine

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager, create_memory_engine
from andamios_orm.core.errors import ConfigurationError, NotSupportedError
from andamios_orm.core.types import STRUCT
from andamios_orm.queries import Count, F, QueryBuilder
from andamios_orm.queries.functions import SQLFunction, sql_function

from .airport import Flight

Longs = Annotated[pa.Array, int]


@sql_function
def doubled(number: int, times: int = 2) -> int:
    """Return a multiple."""
    return number * times


@sql_function(vectorized=True)
def added(a: Longs, b: Longs) -> Longs:
    return pc.add(a, b)


@sql_function
def described(number: int | None) -> str:
    return "unknown" if number is None else f"{number} min"


async def ids(session: AsyncSession, *conditions: Any) -> list[int]:
    return list(await session.scalars(select(Flight.id).where(*conditions).order_by(Flight.id)))


def test_with_values_it_is_the_function() -> None:
    assert (doubled(4), doubled(4, times=3), described(None)) == (8, 12, "unknown")
    assert added(pa.array([1]), pa.array([2])).to_pylist() == [3]
    assert doubled.__doc__ == "Return a multiple."


async def test_rows(session: AsyncSession) -> None:
    query = select(doubled(Flight.delay), doubled(number=Flight.id, times=10)).order_by(Flight.id).limit(3)
    assert (await session.execute(query)).all() == [(20, 10), (140, 20), (None, 30)]


async def test_columns(session: AsyncSession) -> None:
    found = await session.scalars(select(added(Flight.delay, Flight.id)).order_by(Flight.id))
    assert found.all() == [11, 72, None, -1, 35, 36, 7]


async def test_in_conditions_orders_and_groups(session: AsyncSession) -> None:
    assert await ids(session, doubled(Flight.delay) == 60) == [5, 6]
    ordered = select(Flight.id).where(Flight.id < 4).order_by(added(Flight.id, -2 * Flight.id))
    assert (await session.scalars(ordered)).all() == [3, 2, 1]
    grouped = select(described(Flight.delay), func.count()).group_by(described(Flight.delay))
    assert ("30 min", 2) in (await session.execute(grouped)).all()


async def test_in_a_builder(session: AsyncSession) -> None:
    flights = QueryBuilder(Flight, session)
    late = flights.annotate(twice=doubled(F("delay"))).filter(twice__gt=50).order_by("-twice", "id")
    assert await late.values("id", "twice") == [
        {"id": 2, "twice": 140},
        {"id": 5, "twice": 60},
        {"id": 6, "twice": 60},
    ]
    assert [flight.id for flight in await flights.filter(doubled(Flight.delay) == 140).all()] == [2]
    assert (await flights.order_by(added(F("id"), 0 - 2 * F("id"))).first()).id == 7  # type: ignore[union-attr] # some


async def test_in_the_groups_of_a_builder(session: AsyncSession) -> None:
    flights = QueryBuilder(Flight, session).annotate(text=described(F("delay")))
    groups = await flights.group_by("text").annotate(many=Count()).values()
    assert {"text": "unknown", "many": 1} in groups


async def test_in_a_write(session: AsyncSession) -> None:
    await session.execute(update(Flight).where(Flight.id == 1).values(delay=doubled(Flight.delay)))
    assert await session.scalar(select(Flight.delay).where(Flight.id == 1)) == 20


async def test_in_arrow_and_in_a_stream(session: AsyncSession) -> None:
    query = select(doubled(Flight.id).label("twice")).order_by(Flight.id)
    assert (await session.arrow(query)).to_pydict() == {"twice": [2, 4, 6, 8, 10, 12, 14]}
    assert [value async for value in await session.stream_scalars(query)] == [2, 4, 6, 8, 10, 12, 14]


async def test_of_values_in_sql(session: AsyncSession) -> None:
    assert await session.scalar(select(doubled.expression(4))) == 8


def test_wrong_arguments() -> None:
    with pytest.raises(TypeError, match="missing a required argument"):
        doubled.expression()


@sql_function
def same_text(given: Annotated[str, String]) -> str:
    return given


@sql_function
def same_bool(given: bool) -> bool:
    return given


@sql_function
def same_float(given: float) -> float:
    return given


@sql_function
def same_bytes(given: bytes) -> bytes:
    return given


@sql_function
def same_day(given: dt.date) -> dt.date:
    return given


@sql_function
def same_moment(given: dt.datetime) -> dt.datetime:
    return given


@sql_function
def same_time(given: dt.time) -> dt.time:
    return given


@sql_function
def same_span(given: dt.timedelta) -> dt.timedelta:
    return given


@sql_function
def same_uuid(given: uuid.UUID) -> uuid.UUID:
    return given


@sql_function
def same_price(given: Annotated[Decimal, Numeric(10, 2)]) -> Annotated[Decimal, Numeric(10, 2)]:
    return given


@sql_function
def same_lists(given: list[list[int | None]]) -> list[list[int | None]]:
    return given


@sql_function
def same_record(
    given: Annotated[dict[str, Any], "a route", STRUCT({"to": String})],
) -> Annotated[dict[str, Any], STRUCT({"to": String})]:
    return given


@pytest.mark.parametrize(
    ("function", "value"),
    [
        (same_text, "ñ"),
        (same_bool, True),
        (same_float, 1.5),
        (same_bytes, b"\x00"),
        (same_day, dt.date(2013, 1, 1)),
        (same_moment, dt.datetime(2013, 1, 1, 10, 30)),
        (same_time, dt.time(10, 30)),
        (same_span, dt.timedelta(days=1, seconds=5)),
        (same_uuid, uuid.UUID(int=7)),
        (same_price, Decimal("1.25")),
        (same_lists, [[1, None], []]),
        (same_record, {"to": "LAX"}),
    ],
)
async def test_types(session: AsyncSession, function: SQLFunction[Any, Any], value: Any) -> None:
    assert await session.scalar(select(function.expression(value))) == value


async def test_two_engines() -> None:
    engines = [create_memory_engine(), create_memory_engine()]
    for engine in engines:
        async with SessionManager(engine) as session:
            assert await session.scalar(select(doubled(literal(4)))) == 8
        await engine.dispose()


async def test_a_database_that_is_opened_anew(engine: AndamiosEngine) -> None:
    for _ in range(2):
        async with SessionManager(engine) as session:
            assert await session.scalar(select(doubled(literal(4)))) == 8
        await engine.dispose()


def of_the_same_name(factor: int) -> SQLFunction[[int], int]:
    @sql_function
    def scaled(number: int) -> int:
        return number * factor

    return scaled


async def test_functions_of_the_same_name_are_not_confused(own_session: AsyncSession) -> None:
    two, three = of_the_same_name(2), of_the_same_name(3)
    assert two.name != three.name
    statement = select(two(Flight.id), three(Flight.id)).where(Flight.id == 5)
    assert (await own_session.execute(statement)).one() == (10, 15)


async def test_a_function_may_be_defined_in_a_transaction(engine: AndamiosEngine) -> None:
    async with SessionManager(engine) as first, SessionManager(engine) as second:
        for session in (first, second):
            await session.execute(select(func.lower("A")))
        late = of_the_same_name(4)
        for session in (first, second, first):
            assert (await session.execute(select(late(literal(2)), late(literal(3))))).one() == (8, 12)
        await first.rollback()
        assert await first.scalar(select(late(literal(2)))) == 8


async def test_a_name_of_ones_own() -> None:
    @sql_function(name="Twice")
    def doubled(number: int) -> int:
        return 2 * number

    assert str(select(doubled(literal(1)))).startswith("SELECT twice_")
    assert repr(doubled).startswith("<SQLFunction twice_")


async def test_volatile_functions_are_called_for_each_row(own_session: AsyncSession) -> None:
    @sql_function(volatile=True)
    def drawn() -> float:
        return random.random()

    @sql_function
    def constant() -> float:
        return random.random()

    statement = select(drawn.expression(), constant.expression(), Flight.id)
    values = (await own_session.execute(statement)).all()
    assert [len({row[position] for row in values}) for position in (0, 1)] == [7, 1]


async def test_many_tasks(engine: AndamiosEngine) -> None:
    function = of_the_same_name(5)

    async def asked(number: int) -> int:
        async with AsyncSession(engine) as session:
            return int(await session.scalar(select(function(literal(number)))) or 0)

    assert await asyncio.gather(*map(asked, range(50))) == [5 * number for number in range(50)]


async def test_the_loop_stays_free(own_session: AsyncSession) -> None:
    """A function waits, on another thread, for what the loop does meanwhile."""
    loop, free = asyncio.get_running_loop(), threading.Event()
    threads: set[int] = set()

    @sql_function
    def waiting(number: int) -> bool:
        threads.add(threading.get_ident())
        loop.call_soon_threadsafe(free.set)
        return free.wait(timeout=20)

    assert await own_session.scalar(select(waiting(Flight.id)).where(Flight.id == 1)) is True
    assert threading.get_ident() not in threads


def test_str_of_a_statement() -> None:
    assert str(select(doubled(Flight.id))).startswith(f"SELECT {doubled.name}(flights.id, ")


def test_other_backends_do_not_call_it() -> None:
    with pytest.raises(NotSupportedError, match="sqlite does not support functions of Python"):
        select(doubled(Flight.id)).compile(dialect=SQLiteDialect())


async def test_another_backend() -> None:
    engine = create_async_engine("sqlite+aiosqlite://")
    with pytest.raises(NotSupportedError, match="compute in Python"):
        async with AsyncSession(engine) as session:
            await session.scalar(select(doubled(literal(1))))
    await engine.dispose()


def unannotated(number: Any) -> int:
    return 1


def returns_nothing(number: int) -> Any:
    return 1


def of_nothing() -> int:
    return 1


del unannotated.__annotations__["number"], returns_nothing.__annotations__["return"]


def of_any(number: Any) -> int:
    return 1


def of_decimal(number: Decimal) -> int:
    return 1


def of_two(number: int | str) -> int:
    return 1


def of_a_list(number: list[object]) -> int:
    return 1


def of_three(number: str | int | None) -> int:
    return 1


def of_many(*numbers: int) -> int:
    return 1


def of_unknown(number: Unknown) -> int:  # type: ignore[name-defined] # noqa: F821 # what is refused
    return 1


async def coroutine(number: int) -> int:
    return 1


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (unannotated, r"unannotated\(\) does not say which type of SQL 'number' has"),
        (returns_nothing, "which type of SQL 'return' has"),
        (of_any, "which type of SQL 'number' has"),
        (of_decimal, r"such as Annotated\[Decimal, Numeric\(10, 2\)\]"),
        (of_three, "which type of SQL 'number' has"),
        (of_two, "which type of SQL 'number' has"),
        (of_a_list, "which type of SQL 'number' has"),
        (of_many, "a fixed number of arguments by position"),
        (of_unknown, "cannot be resolved: name 'Unknown'"),
        (coroutine, "SQL calls plain functions"),
        (len, "SQL calls plain functions"),
    ],
)
def test_what_is_no_function_of_sql(function: Callable[..., Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        sql_function(function)


def test_no_columns() -> None:
    with pytest.raises(ConfigurationError, match="and columns if vectorized"):
        sql_function(vectorized=True)(of_nothing)


def test_a_name_is_an_identifier() -> None:
    with pytest.raises(ConfigurationError, match="is an identifier, not 'a b'"):
        sql_function(name="a b")(doubled.__wrapped__)  # type: ignore[attr-defined] # update_wrapper sets it


@pytest.mark.parametrize(("missing", "vectorized"), [("numpy", False), ("numpy", True), ("pyarrow", True)])
def test_what_it_needs(monkeypatch: pytest.MonkeyPatch, missing: str, vectorized: bool) -> None:
    monkeypatch.setattr(
        "andamios_orm.queries.functions.calls.find_spec", lambda name: None if name == missing else name
    )
    with pytest.raises(ConfigurationError, match=f"need {missing}: pip install"):
        sql_function(vectorized=vectorized)(doubled.__wrapped__)  # type: ignore[attr-defined] # update_wrapper sets it
