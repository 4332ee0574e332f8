"""UPDATEs and DELETEs with many sets of parameters: as one statement where that means the same."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    Uuid,
    and_,
    bindparam,
    delete,
    event,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.orm.exc import StaleDataError

from andamios_orm.core import AndamiosEngine, AsyncSession
from andamios_orm.core.dialect.bulk import BulkRows
from andamios_orm.core.errors import DataError, NotNullError
from andamios_orm.core.types import LIST

metadata = MetaData()
items = Table(
    "items",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("price", Integer),
    Column("extra", JSON),
)
keyed = Table(
    "keyed",
    metadata,
    Column("day", Date, primary_key=True),
    Column("code", Uuid, primary_key=True),
    Column("a = b", Integer),
)
odd = Table(
    "odd",
    metadata,
    Column("id", Numeric, primary_key=True),
    Column("x", Integer),
    Column("y", Numeric(38, 20)),
)
pairs = Table(
    "pairs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("p1", Integer),
    Column("p2", BigInteger),
    Column("tags", LIST(BigInteger)),
    Column("at", DateTime(timezone=True)),
)
folded = Table(
    "folded", metadata, Column("id", Integer, primary_key=True), Column("x", String(collation="NOCASE"))
)
r = Table("r", metadata, Column("id", Integer, primary_key=True), Column("x", Integer))
away = Table("away", metadata, Column("id", Integer, primary_key=True), Column("x", Integer), schema="far")

PRICED = update(items).where(items.c.id == bindparam("key")).values(price=bindparam("to"))


class Base(DeclarativeBase):
    """Hold the mapped classes together."""


class Counter(Base):
    """A mapped row."""

    __tablename__ = "counter"

    id: Mapped[int] = mapped_column(primary_key=True)
    count: Mapped[int]


@pytest.fixture
async def connection(engine: AndamiosEngine) -> AsyncIterator[AsyncConnection]:
    """A connection in a transaction, with twenty items."""
    async with engine.connect() as connection:
        await connection.exec_driver_sql("CREATE SCHEMA far")
        await connection.run_sync(metadata.create_all)
        await connection.run_sync(Base.metadata.create_all)
        await connection.execute(insert(items), [{"id": n, "name": f"i{n}", "price": n} for n in range(20)])
        yield connection


@pytest.fixture
def sent(engine: AndamiosEngine) -> list[Any]:
    """What was sent with each UPDATE and DELETE."""
    found: list[Any] = []

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def note(connection: Any, cursor: Any, text: str, parameters: Any, context: Any, many: bool) -> None:
        if context.isupdate or context.isdelete:
            found.append(parameters)

    return found


def rows(*keys: int) -> list[dict[str, int]]:
    return [{"key": key, "to": 100 + key} for key in keys]


async def prices(connection: AsyncConnection) -> dict[int, int | None]:
    found = await connection.execute(select(items.c.id, items.c.price).order_by(items.c.id))
    return {row.id: row.price for row in found}


async def test_an_update_of_many_rows_is_one_statement(connection: AsyncConnection, sent: list[Any]) -> None:
    result = await connection.execute(PRICED, rows(1, 2, 3, 4, 99))
    assert (result.rowcount, isinstance(sent[0], BulkRows)) == (4, True)
    assert await prices(connection) == {n: 100 + n if n in {1, 2, 3, 4} else n for n in range(20)}


async def test_a_delete_of_many_rows_is_one_statement(connection: AsyncConnection, sent: list[Any]) -> None:
    result = await connection.execute(
        delete(items).where(items.c.id == bindparam("key")), [{"key": n} for n in range(5)]
    )
    assert (result.rowcount, isinstance(sent[0], BulkRows)) == (5, True)
    assert list(await prices(connection)) == list(range(5, 20))


async def test_few_rows_are_sent_one_by_one(connection: AsyncConnection, sent: list[Any]) -> None:
    assert (await connection.execute(PRICED, rows(1, 2, 3))).rowcount == 3
    assert not isinstance(sent[0], BulkRows)


async def test_of_two_changes_of_one_row_the_last_counts(
    connection: AsyncConnection, sent: list[Any]
) -> None:
    changes = [*rows(1, 2, 3, 4), {"key": 1, "to": 7}]
    assert (await connection.execute(PRICED, changes)).rowcount == 5
    assert (await prices(connection))[1] == 7
    assert not isinstance(sent[0], BulkRows)


NUMBERS = range(5)
NAMES = [f"i{n}" for n in NUMBERS]
ONE_BY_ONE: dict[str, tuple[Any, Any]] = {
    "no primary key": (
        update(items).where(items.c.name == bindparam("key")).values(price=bindparam("to")),
        NAMES,
    ),
    "another comparison": (
        update(items).where(items.c.id >= bindparam("key")).values(price=bindparam("to")),
        NUMBERS,
    ),
    "more than comparisons": (PRICED.where(func.length(items.c.name) == 2), NUMBERS),
    "no criteria": (update(items).values(price=bindparam("to"), name=bindparam("key")), NAMES),
    "a changed key": (
        update(items).where(items.c.id == bindparam("key")).values(id=bindparam("to") + items.c.id),
        NUMBERS,
    ),
    "a column that is set and compared": (
        PRICED.where(items.c.price == bindparam("from", 0, items.c.price.type)),
        NUMBERS,
    ),
    "a subquery": (PRICED.values(name=select(literal("x")).scalar_subquery()), NUMBERS),
    "another table": (PRICED.where(items.c.id == odd.c.x), NUMBERS),
    "a table of the alias": (
        update(r).where(r.c.id == bindparam("key")).values(x=bindparam("to")),
        NUMBERS,
    ),
    "a key of no exact type": (
        update(odd).where(odd.c.id == bindparam("key")).values(x=bindparam("to")),
        NUMBERS,
    ),
    "a key of another type": (
        update(items).where(items.c.id == bindparam("key", type_=String)).values(price=bindparam("to")),
        ["0", "00", "1", "2", "3"],
    ),
    "a value that has no list": (
        update(folded).where(folded.c.id == bindparam("key")).values(x=bindparam("to")),
        NUMBERS,
    ),
}


@pytest.mark.parametrize(("statement", "keys"), ONE_BY_ONE.values(), ids=ONE_BY_ONE)
async def test_what_might_mean_something_else_is_sent_one_by_one(
    connection: AsyncConnection, sent: list[Any], statement: Any, keys: Any
) -> None:
    await connection.execute(
        statement,
        [{"key": key, "to": f"5{n}" if statement.table is folded else 50 + n} for n, key in enumerate(keys)],
    )
    assert [len(parameters) for parameters in sent] == [5]
    assert not isinstance(sent[0], BulkRows)


async def test_composite_keys_and_odd_names(connection: AsyncConnection, sent: list[Any]) -> None:
    days = [dt.date(2013, 1, n) for n in range(1, 6)]
    codes = [uuid.UUID(int=n) for n in range(5)]
    column = keyed.c["a = b"]
    await connection.execute(
        insert(keyed), [{"day": d, "code": c, "a = b": 0} for d, c in zip(days, codes, strict=True)]
    )
    statement = (
        update(keyed)
        .where(keyed.c.day == bindparam("d"), keyed.c.code == bindparam("c"))
        .values({column: bindparam("x")})
    )
    await connection.execute(
        statement, [{"d": d, "c": c, "x": d.day} for d, c in zip(days, codes, strict=True)]
    )
    assert (await connection.scalars(select(column).order_by(keyed.c.day))).all() == [1, 2, 3, 4, 5]
    assert isinstance(sent[0], BulkRows)


async def test_translated_schemas(connection: AsyncConnection, sent: list[Any]) -> None:
    local = Table("away", MetaData(), Column("id", Integer, primary_key=True), Column("x", Integer))
    options = {"schema_translate_map": {None: "far"}}
    await connection.execute(insert(away), [{"id": n, "x": 0} for n in range(5)])
    statement = update(local).where(local.c.id == bindparam("key")).values(x=bindparam("to"))
    await connection.execute(statement, rows(*range(5)), execution_options=options)
    assert (await connection.scalars(select(away.c.x).order_by(away.c.id))).all() == [100, 101, 102, 103, 104]
    assert isinstance(sent[0], BulkRows)


async def test_values_of_rich_types(connection: AsyncConnection) -> None:
    statement = update(items).where(items.c.id == bindparam("key")).values(extra=bindparam("to"))
    values = [{"a": [n, None]} for n in range(5)]
    await connection.execute(statement, [{"key": n, "to": value} for n, value in enumerate(values)])
    found = await connection.scalars(select(items.c.extra).where(items.c.id < 5).order_by(items.c.id))
    assert found.all() == values


async def test_a_refused_row_is_named_and_nothing_is_written(engine: AndamiosEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all, tables=[items])
        await connection.execute(insert(items), [{"id": n, "name": "x"} for n in range(5)])
    statement = update(items).where(items.c.id == bindparam("key")).values(name=bindparam("to"))
    changes = [{"key": n, "to": None if n == 3 else "y"} for n in range(5)]
    with pytest.raises(NotNullError, match="row 3") as caught:
        async with engine.begin() as connection:
            await connection.execute(statement, changes)
    assert (caught.value.table, caught.value.column) == ("items", "name")
    async with engine.connect() as connection:
        assert set(await connection.scalars(select(items.c.name))) == {"x"}


async def test_a_value_that_does_not_fit_is_named(connection: AsyncConnection) -> None:
    changes = [{"key": n, "to": "many" if n == 2 else str(n)} for n in range(5)]
    with pytest.raises(DataError, match="row 2, column 'price'"):
        await connection.execute(PRICED, changes)


async def test_a_flush_sends_one_statement_for_its_changes(
    engine: AndamiosEngine, connection: AsyncConnection, sent: list[Any]
) -> None:
    await connection.commit()
    async with AsyncSession(engine) as session:
        session.add_all([Counter(id=n, count=0) for n in range(10)])
        await session.commit()
        counters = (await session.scalars(select(Counter))).all()
        for counter in counters:
            counter.count += counter.id
        await session.commit()
        for counter in counters:
            await session.delete(counter)
        await session.commit()
    assert [isinstance(parameters, BulkRows) for parameters in sent] == [True, True]


async def test_a_session_sends_one_statement_for_rows_by_their_keys(
    engine: AndamiosEngine, connection: AsyncConnection, sent: list[Any]
) -> None:
    await connection.commit()
    async with AsyncSession(engine) as session:
        await session.execute(insert(Counter), [{"id": n, "count": 0} for n in range(10)])
        await session.execute(update(Counter), [{"id": n, "count": n} for n in range(10)])
        assert await session.scalar(select(func.sum(Counter.count))) == 45
    assert [isinstance(parameters, BulkRows) for parameters in sent] == [True]


async def test_a_row_that_is_gone_is_noticed_among_many(
    engine: AndamiosEngine, connection: AsyncConnection
) -> None:
    await connection.commit()
    async with AsyncSession(engine) as session:
        session.add_all([Counter(id=n, count=0) for n in range(10)])
        await session.commit()
        counters = (await session.scalars(select(Counter))).all()
        await session.commit()
        async with engine.begin() as other:
            await other.execute(text("DELETE FROM counter WHERE id = 4"))
        for counter in counters:
            counter.count += 1
        with pytest.raises(StaleDataError, match="expected to update 10 row"):
            await session.commit()
    async with engine.connect() as other:
        assert await other.scalar(select(func.sum(Counter.count))) == 0


async def test_a_native_reference_to_the_same_table_is_sent_one_by_one(native_engine: AndamiosEngine) -> None:
    tree = Table(
        "tree",
        MetaData(),
        Column("id", Integer, primary_key=True),
        Column("parent", Integer, ForeignKey("tree.id")),
        Column("x", Integer),
    )
    async with native_engine.begin() as connection:
        await connection.run_sync(tree.metadata.create_all)
        for n in range(5):
            await connection.execute(insert(tree), {"id": n, "parent": None, "x": 0})
    async with native_engine.begin() as connection:
        statement = update(tree).where(tree.c.id == bindparam("key")).values(x=bindparam("to"))
        assert (await connection.execute(statement, rows(*range(5)))).rowcount == 5


NOON = dt.datetime(2013, 1, 1, 12)
PRICES = update(items).where(items.c.id == bindparam("key"))
EXACTLY: dict[str, tuple[Any, list[Any]]] = {
    "a parameter in an expression": (PRICES.values(price=items.c.price * bindparam("to")), [1.5] * 6),
    "a float among integers": (PRICED, [2**31 - 1, 1.5, 2, 3, 4, 5]),
    "an integer among texts": (PRICES.values(name=bindparam("to")), [1, 2.5, "x", "y", 3, 4]),
    "a comparison with a fraction": (
        PRICES.where(items.c.price == bindparam("to")).values(name=literal("x")),
        [0.4, 1.4, 2, 3.4, 4.4, 5],
    ),
    "another condition beside": (
        update(items)
        .where(or_(and_(items.c.id == bindparam("key"), items.c.extra == bindparam("to")), items.c.price > 3))
        .values(name=literal("x")),
        [{}] * 6,
    ),
    "a column of the alias's": (
        update(pairs).where(pairs.c.id == bindparam("key")).values(p1=text("p1 + 1"), p2=bindparam("to")),
        [1, 2, 3, 4, 5, 6],
    ),
    "lists": (
        update(pairs).where(pairs.c.id == bindparam("key")).values(tags=bindparam("to")),
        [[2**60 + 1], [1], [], [3], None, [5]],
    ),
    "none but None": (PRICED, [None] * 6),
    "a value beyond the type": (PRICES.values(price=items.c.price + bindparam("to")), [2**33] * 6),
    "long integers": (
        update(pairs).where(pairs.c.id == bindparam("key")).values(p2=bindparam("to")),
        [2**40] * 6,
    ),
    "decimals of several scales": (
        update(odd).where(odd.c.id == bindparam("key")).values(y=bindparam("to")),
        [Decimal("1.5"), Decimal("1.25"), Decimal(10**12), Decimal("0.001"), None, Decimal(2)],
    ),
    "decimals of one scale": (
        update(items).where(items.c.id == bindparam("key")).values(price=bindparam("to")),
        [Decimal("1.5"), Decimal("2.5"), Decimal("3.4"), None, Decimal("4.6"), Decimal("9.9")],
    ),
    "moments with and without a zone": (
        update(pairs).where(pairs.c.id == bindparam("key")).values(at=bindparam("to")),
        [
            dt.datetime(2013, 1, 1),
            dt.datetime(2013, 1, 1, tzinfo=dt.UTC),
            None,
            *[dt.datetime(2014, 1, 1)] * 3,
        ],
    ),
    "a key beyond the type": (delete(items).where(items.c.id == bindparam("key") + 2**33), [0] * 6),
}


async def outcome(connection: AsyncConnection, statement: Any, sets: list[list[dict[str, Any]]]) -> Any:
    try:
        for given in sets:
            await connection.execute(statement, given)
    except DBAPIError as error:
        await connection.rollback()
        return type(error)
    tables = items, pairs, odd
    found = [sorted(map(repr, (await connection.execute(select(table))).all())) for table in tables]
    await connection.rollback()
    return found


@pytest.mark.parametrize(("statement", "values"), EXACTLY.values(), ids=EXACTLY)
async def test_many_rows_mean_what_each_of_them_means(
    connection: AsyncConnection, statement: Any, values: list[Any]
) -> None:
    await connection.execute(insert(pairs), [{"id": n, "p1": n, "p2": n} for n in range(6)])
    await connection.execute(insert(odd), [{"id": n, "y": n} for n in range(6)])
    await connection.commit()
    given = [{"key": n, "to": value} for n, value in enumerate(values)]
    one_by_one = await outcome(connection, statement, [[row] for row in given])
    assert await outcome(connection, statement, [given]) == one_by_one


async def test_a_collation_of_the_database_is_minded(file_engine: AndamiosEngine) -> None:
    words = Table("words", MetaData(), Column("id", String, primary_key=True), Column("x", Integer))
    async with file_engine.connect() as connection:
        await connection.exec_driver_sql("SET default_collation = 'nocase'")
        await connection.run_sync(words.metadata.create_all)
        await connection.execute(insert(words), [{"id": each, "x": 0} for each in ("a", "b", "c")])
        statement = update(words).where(words.c.id == bindparam("key")).values(x=bindparam("to"))
        changes = [{"key": key, "to": n} for n, key in enumerate(("a", "A", "b", "c"))]
        assert (await connection.execute(statement, changes)).rowcount == 4
        assert await connection.scalar(select(words.c.x).where(words.c.id == "a")) == 1


@pytest.mark.parametrize("type_", [String(), String(8), Text()])
async def test_texts_are_keys(engine: AndamiosEngine, sent: list[Any], type_: Any) -> None:
    words = Table("words", MetaData(), Column("id", type_, primary_key=True), Column("x", Integer))
    async with engine.connect() as connection:
        await connection.run_sync(words.metadata.create_all)
        await connection.execute(insert(words), [{"id": f"é{n}", "x": 0} for n in range(5)])
        statement = update(words).where(words.c.id == bindparam("key")).values(x=bindparam("to"))
        await connection.execute(statement, [{"key": f"é{n}", "to": n} for n in range(5)])
        assert set(await connection.scalars(select(words.c.x))) == set(range(5))
    assert isinstance(sent[0], BulkRows)


CHANGES = st.lists(
    st.tuples(st.integers(0, 8), st.one_of(st.none(), st.integers(-5, 5))), min_size=4, max_size=12
)


# Each example is rolled back.
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES, deletes=st.booleans())
async def test_any_changes_mean_what_they_mean_one_after_the_other(
    engine: AndamiosEngine, changes: list[tuple[int, int | None]], deletes: bool
) -> None:
    expected: dict[int, int | None] = dict.fromkeys(range(6), 0)
    touched = 0
    for key, value in changes:
        touched += key in expected
        if deletes:
            expected.pop(key, None)
        elif key in expected:
            expected[key] = value
    statement: Any = delete(items).where(items.c.id == bindparam("key")) if deletes else PRICED
    given_rows: list[dict[str, Any]] = [
        {"key": key} if deletes else {"key": key, "to": value} for key, value in changes
    ]
    async with engine.connect() as connection:
        await connection.run_sync(items.create)
        await connection.execute(insert(items), [{"id": n, "name": "x", "price": 0} for n in range(6)])
        result = await connection.execute(statement, given_rows)
        assert (result.rowcount, await prices(connection)) == (touched, expected)
        await connection.rollback()
