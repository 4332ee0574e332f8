"""Keys that travel to the engine as one parameter for each column, and come back as they were."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    TypeDecorator,
    Uuid,
    func,
    select,
)

from andamios_orm.core import AndamiosEngine
from andamios_orm.core.keys import Key, columns_in, equal, key_list, word_list, words


class Lowered(TypeDecorator[str]):
    """Puts a function around what it sends."""

    impl = String
    cache_ok = True

    def bind_expression(self, value: Any) -> Any:
        return func.lower(value)


KEYS: list[tuple[Any, list[Key]]] = [
    (Integer(), [(1,), (-2,)]),
    (BigInteger(), [(2**60,)]),
    (String(), [("a",), ("it's; -- [1]",), ("",)]),
    (Uuid(), [(uuid.UUID(int=7),), (uuid.UUID(int=8),)]),
    (Date(), [(dt.date(2026, 2, 28),)]),
    (DateTime(), [(dt.datetime(2026, 2, 28, 12, 30, 1, 5),)]),
    (Numeric(10, 2), [(Decimal("1.50"),), (Decimal("-2.25"),)]),
    (Float(), [(0.1,), (1e300,)]),
    (LargeBinary(), [(b"\x00\xff",)]),
]


@pytest.mark.parametrize(("type_", "keys"), KEYS, ids=lambda given: type(given).__name__)
async def test_keys_are_what_python_has(engine: AndamiosEngine, type_: Any, keys: list[Key]) -> None:
    listed = key_list([Column("key", type_)], keys, engine.dialect)
    async with engine.connect() as connection:
        found = await connection.execute(select(*listed.c))
    assert sorted(map(tuple, found)) == sorted(keys)


async def test_keys_have_several_columns(engine: AndamiosEngine) -> None:
    columns: list[Column[Any]] = [Column("flight", String), Column("number", Integer)]
    listed = key_list(columns, [("UA1", 1), ("UA1", 2)], engine.dialect)
    async with engine.connect() as connection:
        found = await connection.execute(select(*listed.c).order_by(listed.c.k1))
    assert found.all() == [("UA1", 1), ("UA1", 2)]


async def test_what_a_type_puts_around_a_value_is_put_around_each(engine: AndamiosEngine) -> None:
    listed = key_list([Column("key", Lowered)], [("A",), ("B",)], engine.dialect)
    async with engine.connect() as connection:
        assert sorted(await connection.scalars(select(*listed.c))) == ["a", "b"]


@pytest.mark.parametrize(("type_", "keys"), KEYS, ids=lambda given: type(given).__name__)
async def test_words_are_read_back_as_the_same_values(
    engine: AndamiosEngine, type_: Any, keys: list[Key]
) -> None:
    rows = Table("row", MetaData(), Column("key", type_))
    async with engine.begin() as connection:
        await connection.run_sync(rows.create)
        await connection.execute(rows.insert(), [{"key": key} for (key,) in keys])
        said = (await connection.execute(select(*words(rows.c)))).all()
        listed = word_list(list(rows.c), [tuple(row) for row in said])
        matched = select(func.count()).select_from(rows.join(listed, equal(rows.c, listed.c)))
        assert await connection.scalar(matched) == len(keys)


def test_columns_are_those_of_an_alias() -> None:
    rows = Table("row", MetaData(), Column("the key", Integer, key="k"))
    alias = rows.alias()
    assert columns_in(alias, rows.columns) == [alias.c.k]
