"""The row and the column of a bulk write that was refused: found for every kind of refusal, or left open."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Enum,
    Index,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    UniqueConstraint,
    Uuid,
    column,
    func,
    table,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from andamios_orm.core import AndamiosEngine
from andamios_orm.core.dialect.bad_rows import Place, placed
from andamios_orm.core.errors import (
    AndamiosError,
    CheckError,
    DataError,
    DuplicateKeyError,
    IntegrityError,
    NotNullError,
)

metadata = MetaData()
things = Table(
    "things",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", String, nullable=False),
    Column("code", Integer),
    UniqueConstraint("name", "code"),
)
indexed = Table(
    "indexed",
    metadata,
    Column("a", Integer),
    Column("b", String),
    Index("indexed_a", "a", unique=True),
    Index("indexed_b", func.lower(column("b")), unique=True),
    Index("indexed_both", "a", "b"),
)
twins = Table(
    "twins",
    metadata,
    Column("a", Integer, unique=True),
    Column("b", Integer, unique=True),
    Column("c", Integer),
)
counted = Table("counted", metadata, Column("id", Integer, primary_key=True), Column("x", Integer))
positive = Table("positive", metadata, Column("x", Integer), CheckConstraint("x > 0"))


@pytest.fixture
async def connection(engine: AndamiosEngine) -> AsyncIterator[AsyncConnection]:
    async with engine.connect() as connection:
        await connection.run_sync(metadata.create_all, checkfirst=False)
        await connection.execute(things.insert(), [{"id": 1, "name": "one", "code": 1}])
        await connection.commit()
        yield connection


def thing(key: int, name: str | None = None, code: int | None = 0) -> dict[str, Any]:
    return {"id": key, "name": str(key) if name is None else name, "code": code}


async def refused(connection: AsyncConnection, table: Table, rows: list[dict[str, Any]]) -> Any:
    with pytest.raises(AndamiosError) as caught:
        await connection.execute(table.insert(), rows)
    return caught.value


async def test_a_key_that_is_in_the_table(connection: AsyncConnection) -> None:
    error = await refused(connection, things, [thing(5), thing(6), thing(1), thing(7)])
    assert isinstance(error, DuplicateKeyError)
    assert (error.key, error.table, error.column, error.row) == ("1", "things", "id", 2)
    assert error.params == (1, "1", 0)


async def test_a_key_that_comes_twice(connection: AsyncConnection) -> None:
    error = await refused(connection, things, [thing(5), thing(6), thing(5), thing(5)])
    assert (error.key, error.column, error.row) == ("5", "id", 2)


async def test_a_key_that_an_earlier_statement_of_the_transaction_wrote(connection: AsyncConnection) -> None:
    await connection.execute(things.insert(), [thing(5)])
    error = await refused(connection, things, [thing(6), thing(5)])
    assert (error.key, error.column, error.row) == ("5", "id", 1)


@pytest.mark.parametrize("committed", [True, False])
async def test_a_key_of_two_columns(connection: AsyncConnection, committed: bool) -> None:
    first = [] if committed else [thing(8, "two", 2)]
    pair = ("one", 1) if committed else ("two", 2)
    error = await refused(connection, things, [*first, thing(9), thing(10, *pair)])
    assert (error.key, error.column, error.row) == (f"{pair[0]}, {pair[1]}", None, len(first) + 1)


async def test_a_unique_index(connection: AsyncConnection) -> None:
    error = await refused(connection, indexed, [{"a": 1, "b": "x"}, {"a": 1, "b": "y"}])
    assert (error.key, error.column, error.row) == ("1", "a", 1)


async def test_a_unique_index_on_an_expression_names_no_row(connection: AsyncConnection) -> None:
    error = await refused(connection, indexed, [{"a": 1, "b": "X"}, {"a": 2, "b": "x"}])
    assert (error.key, error.table, error.column, error.row) == ("x", "indexed", None, None)


async def test_a_key_without_a_value_is_no_duplicate(connection: AsyncConnection) -> None:
    rows = [{"a": None, "b": None, "c": n} for n in range(3)]
    error = await refused(connection, twins, [*rows, {"a": 7, "b": 1, "c": 9}, {"a": 7, "b": 2, "c": 9}])
    assert (error.key, error.column, error.row) == ("7", "a", 4)


async def test_of_two_keys_with_the_same_text_none_is_chosen(connection: AsyncConnection) -> None:
    await connection.execute(twins.insert(), [{"a": 7, "b": 8}])
    error = await refused(connection, twins, [{"a": 7, "b": 1}, {"a": 2, "b": 7}])
    assert (error.key, error.row) == ("7", None)


async def test_a_generated_key_is_in_no_row(connection: AsyncConnection) -> None:
    await connection.execute(counted.insert(), {"id": 2, "x": 0})
    await connection.commit()
    error = await refused(connection, counted, [{"x": 1}, {"x": 2}])
    assert (error.key, error.table, error.row) == ("2", "counted", None)


async def test_a_table_that_is_only_named(connection: AsyncConnection) -> None:
    """Its keys are not known here."""
    bare: Any = table("things", column("id", Integer), column("name", String))
    error = await refused(connection, bare, [{"id": 2, "name": "x"}, {"id": 1, "name": "y"}])
    assert (type(error), error.table, error.row) == (DuplicateKeyError, "things", None)


DAY = dt.datetime(2026, 1, 2, 3, 4, 5)
KEY, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)


@pytest.mark.parametrize(
    ("type_", "value", "other", "printed"),
    [
        (Numeric(10, 2), Decimal("1.5"), Decimal(2), "1.50"),
        (Boolean(), True, False, "true"),
        (Double(), 1e20, 0.5, "1e+20"),
        (DateTime(), DAY, DAY.replace(year=2027), "2026-01-02 03:04:05"),
        (Uuid(), KEY, OTHER, str(KEY)),
        (String(), "a: b, c: d", "x", "a: b, c: d"),
        (Enum("a", "b", name="letter"), "b", "a", "b"),
    ],
)
async def test_a_key_of_any_type(
    connection: AsyncConnection, type_: Any, value: Any, other: Any, printed: str
) -> None:
    keyed = Table("keyed", MetaData(), Column("k", type_, primary_key=True), Column("x", Integer))
    await connection.run_sync(keyed.metadata.create_all, checkfirst=False)
    error = await refused(connection, keyed, [{"k": one, "x": 1} for one in (other, value, value)])
    assert (error.key, error.row) == (printed, 2)


@pytest.mark.parametrize(
    "bad", [{"id": "x"}, {"id": 2**40}, {"code": "x"}, {"code": object()}, {"name": "\ud800"}]
)
async def test_a_value_that_does_not_fit(connection: AsyncConnection, bad: dict[str, Any]) -> None:
    error = await refused(connection, things, [thing(5), thing(6), thing(7) | bad, thing(8)])
    assert isinstance(error, DataError)
    assert (error.row, error.column) == (2, next(iter(bad)))
    assert error.params == tuple((thing(7) | bad).values())


async def test_a_value_that_an_enum_of_the_database_does_not_have(connection: AsyncConnection) -> None:
    moods = Table("moods", MetaData(), Column("m", Enum("glad", "sad", name="mood")))
    await connection.run_sync(moods.metadata.create_all, checkfirst=False)
    await connection.commit()
    error = await refused(connection, moods, [{"m": "glad"}, {"m": "sad"}, {"m": "mad"}])
    assert (type(error), error.row, error.column) == (DataError, 2, "m")


async def test_a_missing_value(connection: AsyncConnection) -> None:
    error = await refused(connection, things, [thing(5), thing(6) | {"name": None}])
    assert (type(error), error.table, error.column, error.row) == (NotNullError, "things", "name", 1)


async def test_a_missing_value_of_a_column_that_is_in_no_row(connection: AsyncConnection) -> None:
    bare: Any = table("things", column("id", Integer), column("code", Integer))
    error = await refused(connection, bare, [{"id": 5, "code": 1}, {"id": 6, "code": 1}])
    assert (type(error), error.column, error.row) == (NotNullError, "name", None)


async def test_a_check_names_its_table_alone(connection: AsyncConnection) -> None:
    error = await refused(connection, positive, [{"x": 1}, {"x": -1}])
    assert (type(error), error.table, error.row) == (CheckError, "positive", None)
    assert "(table positive, 2 rows)" in str(error)
    assert error.params is None


async def test_a_fault_of_no_row_is_not_searched_for(connection: AsyncConnection) -> None:
    await connection.execute(text("DROP TABLE things"))
    error = await refused(connection, things, [thing(5), thing(6)])
    assert not isinstance(error, IntegrityError)
    assert "(table things, 2 rows)" in str(error)


@pytest.mark.parametrize(
    ("place", "where"),
    [
        (Place(3, "a", ()), "row 3, column 'a'"),
        (Place(3, None, ()), "row 3"),
        (None, "10 rows"),
    ],
)
def test_the_place_stands_at_the_end_of_the_first_line(place: Place | None, where: str) -> None:
    assert placed("no\nLINE 1", "t", 10, place) == f"no (table t, {where})\nLINE 1"
