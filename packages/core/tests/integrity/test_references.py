"""Foreign keys as references: keys of every type, schemas, and who refers to whom."""

from __future__ import annotations

import datetime as dt
import enum
import uuid
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    Enum,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    Time,
    TypeDecorator,
    Uuid,
    delete,
    exc,
    func,
    insert,
    text,
    update,
)
from sqlalchemy.schema import CreateSchema

from andamios_orm.core import AndamiosEngine, AsyncSession
from andamios_orm.core.errors import ForeignKeyError, NotSupportedError
from andamios_orm.core.integrity.references import constraints_to
from andamios_orm.core.types import HUGEINT

from ..airline import accept, refuse, rows


class Color(enum.Enum):
    RED = "r"
    GREEN = "g"
    BLUE = "b"


class Backwards(TypeDecorator[str]):
    """Text that is turned around in Python on its way, and back."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        return value and value[::-1]

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return value and value[::-1]


class Lower(TypeDecorator[str]):
    """Text that the engine makes lower case."""

    impl = String
    cache_ok = True

    def bind_expression(self, bindvalue: Any) -> Any:
        return func.lower(bindvalue)


def pair(type_: Any, ondelete: str | None = None) -> tuple[Table, Table]:
    metadata = MetaData()
    parent = Table("parent", metadata, Column("id", type_, primary_key=True, autoincrement=False))
    child = Table("child", metadata, Column("parent_id", ForeignKey("parent.id", ondelete=ondelete)))
    return parent, child


async def create(engine: AndamiosEngine, *tables: Table) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(tables[0].metadata.create_all, list(tables), checkfirst=False)


MOMENT = dt.datetime(2013, 1, 1, 5, 15, 0, 123456)
KEYS: dict[str, tuple[Any, list[Any]]] = {
    "integer": (Integer, [1, -2, 3]),
    "bigint": (BigInteger, [2**62, -(2**62), 0]),
    "hugeint": (HUGEINT, [2**120, 1, 2]),
    "string": (String, ["a", "b' \"\\", "é\u2603\U0001f600"]),
    "text like json": (String, ['["a"]', "null", ""]),
    "text with zero": (String, ["a\x00b", "a", "a\x00"]),
    "uuid": (Uuid, [uuid.UUID(int=n) for n in (1, 2, 2**127)]),
    "enum": (Enum(Color, name="color"), list(Color)),
    "names": (Enum("x", "y y", "z'z", name="letters"), ["x", "y y", "z'z"]),
    "decimal": (Numeric(20, 5), [Decimal("1.00001"), Decimal("-99999999.5"), Decimal(3)]),
    "double": (Double, [0.1, 1e300, -2.5]),
    "boolean and none": (Boolean, [True, False, None]),
    "date": (Date, [dt.date(2013, 1, 1), dt.date(1, 1, 1), dt.date(9999, 12, 31)]),
    "time": (Time, [dt.time(5, 15, 0, 123456), dt.time(0), dt.time(23, 59)]),
    "timestamp": (DateTime, [MOMENT, MOMENT.replace(microsecond=0), dt.datetime(1970, 1, 1)]),
    "timestamp with zone": (
        DateTime(timezone=True),
        [MOMENT.replace(tzinfo=zone) for zone in (dt.UTC, dt.timezone(dt.timedelta(hours=5)))] + [None],
    ),
    "bytes": (LargeBinary, [b"\x00\xff", b"a", b"'"]),
    "decorated": (Backwards, ["abc", "bcd", "x"]),
    "json": (JSON, [{"a": 1}, [1], "x"]),
}


@pytest.mark.parametrize(("type_", "values"), KEYS.values(), ids=KEYS)
async def test_keys_of_every_type(engine: AndamiosEngine, type_: Any, values: list[Any]) -> None:
    """The last two values, and the last one alone, are sent in different ways."""
    parent, child = pair(type_, "CASCADE")
    await create(engine, parent, child)
    values = [value for value in values if value is not None]
    async with engine.begin() as connection:
        await connection.execute(insert(parent), [{"id": value} for value in values])
        await connection.execute(insert(child), [{"parent_id": value} for value in values])
    await accept(engine, insert(child).values(parent_id=values[0]))
    await accept(engine, delete(parent).where(parent.c.id == values[0]))
    assert await rows(engine, child.c.parent_id) == sorted([(value,) for value in values[1:]], key=repr)
    assert (await refuse(engine, insert(child).values(parent_id=values[0]))).value == values[0]
    with pytest.raises(ForeignKeyError) as caught:
        async with engine.begin() as connection:
            await connection.execute(insert(child), [{"parent_id": value} for value in values])
    assert caught.value.value == values[0]
    await accept(engine, delete(parent))
    assert await rows(engine, child.c.parent_id) == []


class ToTheSecond(TypeDecorator[dt.datetime]):
    """Moments whose fractions Python does not get to see."""

    impl = DateTime
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return value and value.replace(microsecond=0)


@pytest.mark.parametrize(
    ("type_", "stored"),
    [(ToTheSecond(), "2013-01-01 05:15:00.123456"), (Enum("a", native_enum=False, length=5), "b")],
    ids=["changed", "refused"],
)
async def test_keys_that_are_others_in_python(engine: AndamiosEngine, type_: Any, stored: str) -> None:
    """What a type makes of a key that is read does not matter to the rows that have it."""
    parent, child = pair(type_, "CASCADE")
    await create(engine, parent, child)
    await accept(engine, *(text(f"INSERT INTO {table} VALUES ('{stored}')") for table in (parent, child)))
    await accept(engine, delete(parent))
    assert await rows(engine, func.count(child.c.parent_id)) == [(0,)]


async def test_keys_that_the_engine_makes(engine: AndamiosEngine) -> None:
    parent, child = pair(Lower, "CASCADE")
    await create(engine, parent, child)
    async with engine.begin() as connection:
        await connection.execute(insert(child), [{"parent_id": value} for value in ("A", "b", "B", "C")])
        await connection.execute(insert(parent), [{"id": value} for value in "aBC"])
    await accept(engine, insert(child).values(parent_id="A"))
    await accept(engine, delete(parent).where(parent.c.id.in_(["B", "C"])))
    assert await rows(engine, child) == [("a",), ("a",)]
    error = await refuse(engine, *(insert(child).values(parent_id=value) for value in ("A", "X", "Y")))
    assert error.value == "x"


async def test_numbers_that_are_equal_are_one_key(engine: AndamiosEngine) -> None:
    parent, child = pair(Integer)
    await create(engine, parent, child)
    await accept(
        engine,
        insert(parent).values([{"id": 0}, {"id": 1}]),
        *(insert(child).values(parent_id=value) for value in (0, 1, 1.0, True, "1", False)),
    )
    assert len(await rows(engine, child.c.parent_id)) == 6


async def test_parents_that_share_a_key(engine: AndamiosEngine) -> None:
    metadata = MetaData()
    parent = Table("parent", metadata, Column("a", Integer), Column("b", Integer))
    child = Table(
        "child",
        metadata,
        Column("a", Integer),
        Column("b", Integer),
        ForeignKeyConstraint(["a", "b"], ["parent.a", "parent.b"], ondelete="SET NULL"),
    )
    single = Table("single", metadata, Column("a", ForeignKey("parent.a")))
    await create(engine, parent, child, single)
    async with engine.begin() as connection:
        await connection.execute(insert(parent), [{"a": 1, "b": 1}, {"a": 1, "b": 1}, {"a": 1, "b": None}])
        await connection.execute(insert(child), [{"a": 1, "b": 1}, {"a": 1, "b": None}, {"a": 2, "b": None}])
    for table in (child, single):
        with pytest.raises(ForeignKeyError, match="2"):
            async with engine.begin() as connection:
                given = [{column.name: value for column in table.c} for value in (1, 2)]
                await connection.execute(insert(table), given)
    await accept(engine, insert(single).values(a=1), delete(parent).where(parent.c.b.is_(None)))
    assert (1, 1) in await rows(engine, child)
    await refuse(engine, delete(parent))
    await accept(engine, delete(single), delete(parent))
    assert await rows(engine, child) == [(1, None), (2, None), (None, None)]


async def test_a_primary_key_that_the_database_does_not_know(engine: AndamiosEngine) -> None:
    """Parents that share a key do not stand in for one that is missing."""
    _, child = pair(Integer)
    await accept(engine, text("CREATE TABLE parent AS SELECT 1 AS id FROM range(3)"))
    await create(engine, child)
    with pytest.raises(ForeignKeyError, match="2"):
        async with engine.begin() as connection:
            await connection.execute(insert(child), [{"parent_id": 1}, {"parent_id": 2}])


@pytest.mark.parametrize("ondelete", ["SET DEFAULT", "set default"])
async def test_set_default(engine: AndamiosEngine, ondelete: str) -> None:
    metadata = MetaData()
    parent = Table("parent", metadata, Column("id", Integer, primary_key=True, autoincrement=False))
    child = Table(
        "child",
        metadata,
        Column("parent_id", ForeignKey("parent.id", ondelete=ondelete), server_default="1"),
    )
    await create(engine, parent, child)
    await accept(engine, insert(parent).values([{"id": 1}, {"id": 2}]), insert(child).values(parent_id=2))
    await accept(engine, delete(parent).where(parent.c.id == 2))
    assert await rows(engine, child) == [(1,)]
    await refuse(engine, delete(parent))


async def test_an_action_that_is_none_is_refused_before_anything_is_sent(engine: AndamiosEngine) -> None:
    parent, child = pair(Integer, "EXPLODE")
    await create(engine, parent, child)
    await accept(engine, insert(parent).values(id=1))
    async with engine.begin() as connection:
        with pytest.raises(NotSupportedError, match="ondelete='EXPLODE': use one of CASCADE"):
            await connection.execute(delete(parent))
        await connection.execute(update(parent).values(id=2))
    assert await rows(engine, parent) == [(2,)]


@pytest.mark.parametrize("ondelete", [None, "NO ACTION", "RESTRICT", "restrict"])
async def test_restrict(engine: AndamiosEngine, ondelete: str | None) -> None:
    parent, child = pair(Integer, ondelete)
    await create(engine, parent, child)
    await accept(engine, insert(child).values(parent_id=1), insert(parent).values(id=1))
    await refuse(engine, delete(parent))
    await accept(engine, delete(parent), delete(child))


async def test_onupdate_is_not_carried_out(engine: AndamiosEngine) -> None:
    metadata = MetaData()
    parent = Table("parent", metadata, Column("id", Integer, primary_key=True, autoincrement=False))
    child = Table("child", metadata, Column("parent_id", ForeignKey("parent.id", onupdate="CASCADE")))
    await create(engine, parent, child)
    await accept(engine, insert(child).values(parent_id=1), insert(parent).values(id=1))
    await refuse(engine, update(parent).values(id=2))
    await accept(engine, update(parent).values(id=2), update(child).values(parent_id=2))


async def test_tables_in_schemas(engine: AndamiosEngine) -> None:
    metadata = MetaData(schema="one")
    parent = Table("parent", metadata, Column("id", Integer, primary_key=True, autoincrement=False))
    Table("parent", metadata, Column("id", Integer), schema="two")
    child = Table(
        "child", metadata, Column("parent_id", ForeignKey("one.parent.id", ondelete="CASCADE")), schema="two"
    )
    async with engine.begin() as connection:
        for name in ("one", "two"):
            await connection.execute(CreateSchema(name))
        await connection.run_sync(metadata.create_all, checkfirst=False)
    error = await refuse(engine, insert(child).values(parent_id=1))
    assert (error.table, error.referred_table) == ("two.child", "one.parent")
    await accept(engine, insert(child).values(parent_id=1), insert(parent).values(id=1))
    await accept(engine, delete(parent))
    assert await rows(engine, child) == []


async def test_schemas_of_an_execution(engine: AndamiosEngine) -> None:
    """What is verified is what the execution wrote, in the schemas of each."""
    metadata = MetaData()
    parent = Table("parent", metadata, Column("id", Integer, primary_key=True, autoincrement=False))
    child = Table("child", metadata, Column("parent_id", ForeignKey("parent.id", ondelete="CASCADE")))
    tenants = [{None: "one"}, {None: "two"}]
    for tenant in tenants:
        async with engine.begin() as connection:
            await connection.execute(CreateSchema(str(tenant[None])))
            await connection.execution_options(schema_translate_map=tenant)
            await connection.run_sync(metadata.create_all, checkfirst=False)
    one, two = (engine.execution_options(schema_translate_map=tenant) for tenant in tenants)
    await accept(one, insert(parent).values(id=1), insert(child).values(parent_id=1))
    await refuse(two, insert(child).values(parent_id=1))
    await accept(two, insert(parent).values(id=1), insert(child).values(parent_id=1))
    await accept(one, delete(parent))
    assert [await rows(each, child) for each in (one, two)] == [[], [(1,)]]
    with pytest.raises(ForeignKeyError):
        async with engine.begin() as connection:
            for tenant in reversed(tenants):
                await connection.execute(
                    insert(child).values(parent_id=1), execution_options={"schema_translate_map": tenant}
                )
    with pytest.raises(ForeignKeyError):
        async with AsyncSession(one) as session:
            await session.bulk_insert(child, [{"parent_id": 1}])
            await session.commit()
    await (await two.connect()).close()


async def test_a_table_that_is_nowhere(engine: AndamiosEngine) -> None:
    """SQLAlchemy's error tells which; nothing was sent."""
    metadata = MetaData()
    child = Table(
        "child", metadata, Column("id", Integer), Column("parent_id", Integer, ForeignKey("parent.id"))
    )
    other = Table(
        "other", metadata, Column("id", Integer, primary_key=True), Column("other_id", ForeignKey("other.id"))
    )
    async with engine.begin() as connection:
        await connection.run_sync(child.create)
        await connection.run_sync(other.create)
    async with engine.begin() as connection:
        with pytest.raises(exc.NoReferencedTableError, match="could not find table 'parent'"):
            await connection.execute(insert(child).values(id=1, parent_id=1))
        with pytest.raises(exc.NoReferencedTableError, match="could not find table 'parent'"):
            await connection.execute(insert(child), [{"id": 1, "parent_id": 1}])
        await connection.execute(insert(child).values(id=2, parent_id=None))
        await connection.execute(update(child).values(id=3))
        await connection.execute(insert(other).values(id=1))
        await connection.execute(delete(other))
    assert await rows(engine, child.c.id) == [(3,)]


async def test_tables_that_come_and_go(engine: AndamiosEngine) -> None:
    metadata = MetaData()
    parent = Table("parent", metadata, Column("id", Integer, primary_key=True))
    assert list(constraints_to(parent)) == []
    child = Table("child", metadata, Column("parent_id", ForeignKey("parent.id")))
    assert list(constraints_to(parent)) == list(child.foreign_key_constraints)
    assert constraints_to(parent) is constraints_to(parent)
    metadata.remove(child)
    other = Table("child", metadata, Column("parent_id", ForeignKey("parent.id")))
    assert list(constraints_to(parent)) == list(other.foreign_key_constraints)
    other.append_column(Column("second", ForeignKey("parent.id")))
    assert {*constraints_to(parent)} == other.foreign_key_constraints


async def test_tables_that_refer_to_each_other(engine: AndamiosEngine) -> None:
    metadata = MetaData()
    person = Table(
        "person",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("home", ForeignKey("house.id", use_alter=True, name="home", ondelete="CASCADE")),
    )
    house = Table(
        "house",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("owner", ForeignKey("person.id", ondelete="CASCADE")),
    )
    await create(engine, person, house)
    await refuse(engine, insert(person).values(id=1, home=1))
    await accept(
        engine,
        insert(person).values([{"id": 1, "home": 1}, {"id": 2, "home": 1}, {"id": 3, "home": None}]),
        insert(house).values([{"id": 1, "owner": 1}, {"id": 2, "owner": 2}, {"id": 3, "owner": 3}]),
    )
    await accept(engine, delete(house).where(house.c.id == 1))
    assert await rows(engine, person.c.id) == [(3,)]
    assert await rows(engine, house.c.id) == [(3,)]
