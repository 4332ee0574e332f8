"""What functions of Python get for NULL, row by row and by column, and what they raise."""

from __future__ import annotations

from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sqlalchemy import func, select

from andamios_orm.core import AsyncSession
from andamios_orm.core.errors import DataError
from andamios_orm.queries.functions import SQLFunction, sql_function
from andamios_orm.queries.functions.batches import by_column, by_row

from .airport import Flight

Longs = Annotated[pa.Array, int]
MaybeLongs = Annotated[pa.Array, int | None]


@sql_function
def described(number: int | None) -> str:
    return "unknown" if number is None else f"{number} min"


@sql_function
def failing(number: int) -> int:
    raise ValueError(f"no {number}")


async def test_none_for_null(session: AsyncSession) -> None:
    assert await session.scalar(select(described(Flight.delay)).where(Flight.id == 3)) == "unknown"


@sql_function
def shorter(number: int | None, other: int) -> int | None:
    return None if number == 30 else other - (number or 0)


@sql_function(vectorized=True)
def filled(number: MaybeLongs, other: Longs) -> MaybeLongs:
    assert other.null_count == 0
    return pa.chunked_array(
        [pc.if_else(pc.equal(pc.fill_null(number, 0), 30), None, pc.fill_null(number, 9))]
    )


@pytest.mark.parametrize(
    ("function", "found"),
    [(shorter, [-9, -68, 3, 9, None, None, 7]), (filled, [10, 70, 9, -5, None, None, 0])],
)
async def test_each_argument_decides_of_null(
    session: AsyncSession, function: SQLFunction[Any, Any], found: list[int | None]
) -> None:
    rows = await session.scalars(select(function(Flight.delay, Flight.id)).order_by(Flight.id))
    assert rows.all() == found
    none = func.nullif(Flight.id, Flight.id)
    assert set(await session.scalars(select(function(Flight.delay, none)))) == {None}


@sql_function
def vanishing(number: int) -> int:
    return None  # type: ignore[return-value] # what is refused


@sql_function
def vanishing_too(number: int, other: int | None) -> int:
    return other  # type: ignore[return-value] # what is refused


@sql_function(vectorized=True)
def nothing(number: Longs) -> Longs:
    return pa.nulls(len(number), pa.int64())


@sql_function(vectorized=True)
def too_short(number: Longs) -> Longs:
    return pa.array([1])


@sql_function(vectorized=True)
def no_array(number: Longs) -> Longs:
    return list(number)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (failing(Flight.id), r"failing\(\) raised ValueError: no \d"),
        (vanishing(Flight.id), r"vanishing\(\) raised TypeError: it returned None"),
        (vanishing_too(Flight.id, None), r"vanishing_too\(\) raised TypeError: it returned None"),
        (nothing(Flight.id), r"nothing\(\) raised TypeError: it returned None"),
        (too_short(Flight.id), r"too_short\(\) raised TypeError: it did not return a pyarrow.Array of 7"),
        (no_array(Flight.id), r"no_array\(\) raised TypeError: it did not return a pyarrow.Array"),
    ],
)
async def test_errors_name_the_function(session: AsyncSession, call: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        await session.execute(select(call))
    await session.rollback()


async def test_what_was_raised_is_a_cause(session: AsyncSession) -> None:
    with pytest.raises(DataError) as failed:
        await session.execute(select(failing(Flight.id)).where(Flight.id == 3))
    cause = failed.value.__cause__.__cause__  # type: ignore[union-attr] # there is one
    assert repr(cause) == "ValueError('no 3')"
    await session.rollback()


def test_rows_by_themselves() -> None:
    called = by_row(lambda a, b: a if b is None else None, [False, True], True)
    assert [called(1, None), called(1, 2), called(None, None)] == [1, None, None]
    with pytest.raises(TypeError, match="it returned None"):
        by_row(lambda a: None, [True], False)(None)


def test_columns_by_themselves() -> None:
    called = by_column(lambda a, b: pa.chunked_array([pc.add(a, 1)]), [False, True], False)
    full, gaps = pa.chunked_array([[1, 2, 3]]), pa.chunked_array([[4, None, 6]])
    assert called(full, gaps).to_pylist() == [2, 3, 4]
    assert called(gaps, full).to_pylist() == [5, None, 7]


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([None, 1], "it returned None"),
        ([1], "a pyarrow.Array of 2 values"),
        (None, "a pyarrow.Array of 2 values"),
    ],
)
def test_columns_that_do_not_fit(found: list[int | None] | None, message: str) -> None:
    called = by_column(lambda a: found if found is None else pa.array(found), [False], False)
    with pytest.raises(TypeError, match=message):
        called(pa.chunked_array([[1, 2]]))
