"""INSERTs of many rows: the appender, list parameters, generated keys, atomicity."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import duckdb
import pytest
from sqlalchemy import (
    REAL,
    Column,
    Computed,
    DateTime,
    Double,
    Enum,
    Float,
    Identity,
    Integer,
    MetaData,
    Numeric,
    Sequence,
    String,
    Table,
    TypeDecorator,
    bindparam,
    event,
    func,
    literal,
    literal_column,
    select,
    text,
)
from sqlalchemy import (
    insert as generic_insert,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import AndamiosEngine, AsyncSession, create_engine, create_memory_engine, insert
from andamios_orm.core.dialect.bulk import BulkRows
from andamios_orm.core.errors import (
    DataError,
    DuplicateKeyError,
    NotNullError,
    ProgrammingError,
    TransactionAbortedError,
)
from andamios_orm.core.types import JSON, LIST, STRUCT

metadata = MetaData()
items = Table(
    "items",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("price", Float),
    Column("note", String, server_default="none"),
)
ordered = Table(
    "ordered",
    metadata,
    Column("id", Integer, Sequence("ordered_ids", start=100), primary_key=True),
    Column("x", Integer),
)
stepped = Table(
    "stepped",
    metadata,
    Column("id", Integer, Identity(start=5, increment=5), primary_key=True),
    Column("x", Integer),
)
downward = Table("downward", MetaData(), Column("id", Integer, primary_key=True), Column("x", Integer))
natural = Table("natural", metadata, Column("code", String, primary_key=True), Column("x", Integer))
rich = Table(
    "rich",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("tags", LIST(String)),
    Column("size", STRUCT({"w": Integer, "h": Integer})),
    Column("meta", JSON),
    Column("kind", Enum("a", "b", name="kind")),
    Column("cost", Numeric(10, 2)),
)
computed = Table("computed", metadata, Column("a", Integer), Column("b", Integer, Computed("a * 2")))


@pytest.fixture
async def connection(engine: AndamiosEngine) -> AsyncIterator[AsyncConnection]:
    async with engine.connect() as connection:
        await connection.run_sync(metadata.create_all, checkfirst=False)
        await connection.commit()
        yield connection


@pytest.fixture
def sent(engine: AndamiosEngine) -> list[Any]:
    """The parameters of each statement, as they are handed to the driver."""
    seen: list[Any] = []

    def note(
        conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
    ) -> None:
        seen.append(parameters)

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    return seen


async def rows(connection: AsyncConnection, table: Table) -> list[Any]:
    return [
        tuple(row) for row in await connection.execute(select(table).order_by(*table.primary_key or table.c))
    ]


def by_appender(sent: list[Any]) -> bool:
    assert isinstance(sent[-1], BulkRows)
    return sent[-1].plan.append is not None


@pytest.mark.parametrize("type_", [REAL, Double, Float, String])
async def test_a_nan_among_many_is_no_null(engine: AndamiosEngine, type_: type[Any]) -> None:
    numbers = Table("numbers", MetaData(), Column("x", type_))
    async with engine.begin() as connection:
        await connection.run_sync(numbers.create)
        await connection.execute(numbers.insert(), [{"x": math.nan}, {"x": None}])
        values = list(await connection.scalars(select(numbers.c.x)))
    assert [str(value) for value in values] == ["nan", "None"]


@pytest.mark.parametrize("type_", [Integer, Numeric(10, 2)])
async def test_a_nan_among_many_is_refused_where_there_is_none(engine: AndamiosEngine, type_: Any) -> None:
    numbers = Table("numbers", MetaData(), Column("x", type_))
    async with engine.connect() as connection:
        await connection.run_sync(numbers.create)
        with pytest.raises(DataError, match="nan"):
            await connection.execute(numbers.insert(), [{"x": 1}, {"x": math.nan}])


class TestWays:
    async def test_plain_values_are_appended(self, connection: AsyncConnection, sent: list[Any]) -> None:
        result = await connection.execute(
            generic_insert(items), [{"name": "a", "price": 1}, {"name": "b", "price": None}]
        )
        assert by_appender(sent)
        assert result.rowcount == 2
        assert await rows(connection, items) == [(1, "a", 1.0, "none"), (2, "b", None, "none")]

    async def test_returned_keys_are_drawn_and_appended(
        self, connection: AsyncConnection, sent: list[Any]
    ) -> None:
        result = await connection.execute(
            generic_insert(items).returning(items.c.id, sort_by_parameter_order=True),
            [{"name": str(n)} for n in range(3000)],
        )
        assert by_appender(sent)
        assert result.scalars().all() == list(range(1, 3001))
        assert await rows(connection, items) == [(n + 1, str(n), None, "none") for n in range(3000)]

    async def test_other_returned_columns_are_asked_for(
        self, connection: AsyncConnection, sent: list[Any]
    ) -> None:
        result = await connection.execute(
            generic_insert(items).returning(items.c.id, items.c.note, sort_by_parameter_order=True),
            [{"name": str(n)} for n in range(12_000)],
        )
        assert not by_appender(sent)
        assert result.all() == [(n, "none") for n in range(1, 12_001)]

    async def test_a_declared_sequence(self, connection: AsyncConnection, sent: list[Any]) -> None:
        result = await connection.execute(ordered.insert().returning(ordered.c.id), [{"x": 1}, {"x": 2}])
        assert by_appender(sent)
        assert result.scalars().all() == [100, 101]
        await connection.execute(ordered.insert(), [{"x": 3}, {"x": 4}])
        assert await rows(connection, ordered) == [(100, 1), (101, 2), (102, 3), (103, 4)]

    @pytest.mark.parametrize("sequence", ["START -1 INCREMENT -1", "START 3 MAXVALUE 9000 MINVALUE 0 CYCLE"])
    @pytest.mark.parametrize("returned", [["id"], ["id", "x"]])
    async def test_keys_that_do_not_ascend(
        self, connection: AsyncConnection, sequence: str, returned: list[str]
    ) -> None:
        """Each object gets the key of its row, though SQLAlchemy would sort the keys."""
        await connection.execute(text(f"CREATE SEQUENCE odd {sequence}"))
        await connection.execute(text("SELECT nextval('odd') FROM range(5_000)"))
        await connection.execute(
            text("CREATE TABLE downward (id INTEGER DEFAULT nextval('odd') PRIMARY KEY, x INTEGER)")
        )
        columns = [downward.c[name] for name in returned]
        statement = downward.insert().returning(*columns, sort_by_parameter_order=True)
        result = await connection.execute(statement, [{"x": n} for n in range(5_000)])
        keys = {x: key for key, x in await rows(connection, downward)}
        assert result.scalars().all() == [keys[n] for n in range(5_000)]

    async def test_an_identity(self, connection: AsyncConnection) -> None:
        await connection.execute(stepped.insert(), [{"x": 1}, {"x": 2}])
        result = await connection.execute(stepped.insert().returning(stepped.c.id), [{"x": 3}, {"x": 4}])
        assert result.scalars().all() == [15, 20]

    async def test_keys_of_the_application(self, connection: AsyncConnection, sent: list[Any]) -> None:
        result = await connection.execute(
            natural.insert().returning(natural.c.code, sort_by_parameter_order=True),
            [{"code": "b"}, {"code": "a"}],
        )
        assert not by_appender(sent)
        assert result.scalars().all() == ["b", "a"]

    async def test_expressions_and_parameters_in_them(
        self, connection: AsyncConnection, sent: list[Any]
    ) -> None:
        statement = items.insert().values(name=func.upper(bindparam("n", type_=String)), price=literal(2.5))
        await connection.execute(statement, [{"n": "a"}, {"n": "b"}])
        assert not by_appender(sent)
        assert [row[1:3] for row in await rows(connection, items)] == [("A", 2.5), ("B", 2.5)]

    async def test_upsert(self, connection: AsyncConnection, sent: list[Any]) -> None:
        await connection.execute(natural.insert(), {"code": "a", "x": 1})
        statement = insert(natural)
        statement = statement.on_conflict_do_update(index_elements=["code"], set_={"x": statement.excluded.x})
        await connection.execute(statement, [{"code": "a", "x": 10}, {"code": "b", "x": 20}])
        assert await rows(connection, natural) == [("a", 10), ("b", 20)]

    @pytest.mark.parametrize("returning", [False, True])
    async def test_the_last_of_two_rows_with_one_key_wins(
        self, connection: AsyncConnection, returning: bool
    ) -> None:
        statement = insert(natural)
        statement = statement.on_conflict_do_update(index_elements=["code"], set_={"x": statement.excluded.x})
        given = [{"code": "a", "x": 1}, {"code": "a", "x": 2}]
        await connection.execute(statement.returning(natural.c.code) if returning else statement, given)
        assert await rows(connection, natural) == [("a", 2)]

    async def test_upsert_that_does_nothing(self, connection: AsyncConnection) -> None:
        await connection.execute(natural.insert(), {"code": "a", "x": 1})
        await connection.execute(
            insert(natural).on_conflict_do_nothing(), [{"code": "a", "x": 9}, {"code": "b", "x": 2}]
        )
        assert await rows(connection, natural) == [("a", 1), ("b", 2)]

    async def test_a_cte_beside_the_values(self, connection: AsyncConnection, sent: list[Any]) -> None:
        """Its parameter stands in front of those of the rows, and is the same for all."""
        seven = select(literal(7).label("seven")).cte("seven")
        statement = natural.insert().values(code=bindparam("code"), x=select(seven.c.seven).scalar_subquery())
        await connection.execute(statement, [{"code": "a"}, {"code": "b"}])
        assert await rows(connection, natural) == [("a", 7), ("b", 7)]

    async def test_types_that_convert(self, connection: AsyncConnection, sent: list[Any]) -> None:
        values: list[dict[str, Any]] = [
            {"tags": ["x", None], "size": {"w": 1, "h": 2}, "meta": {"k": [1]}, "kind": "a", "cost": 1.25},
            {"tags": [], "size": None, "meta": "text", "kind": "b", "cost": None},
        ]
        await connection.execute(rich.insert(), values)
        assert by_appender(sent)
        found = [row._mapping for row in await connection.execute(select(rich).order_by(rich.c.id))]
        assert [{key: row[key] for key in values[0]} for row in found] == values

    async def test_a_computed_column(self, connection: AsyncConnection) -> None:
        await connection.execute(computed.insert(), [{"a": 1}, {"a": 2}])
        assert await rows(connection, computed) == [(1, 2), (2, 4)]

    async def test_default_values_only(self, connection: AsyncConnection) -> None:
        result = await connection.execute(ordered.insert().returning(ordered.c.id), [{}, {}])
        assert result.scalars().all() == [100, 101]

    async def test_raw_text_goes_row_by_row(self, connection: AsyncConnection) -> None:
        result = await connection.execute(
            text('INSERT INTO "natural" VALUES (:c, :x)'), [{"c": "a", "x": 1}, {"c": "b", "x": 2}]
        )
        assert result.rowcount == 2
        assert await rows(connection, natural) == [("a", 1), ("b", 2)]

    async def test_a_table_made_elsewhere(self, connection: AsyncConnection) -> None:
        """Its key is drawn from a sequence of another name, or from none."""
        await connection.execute(
            text(
                "CREATE SEQUENCE mine START 50; "
                "CREATE TABLE old (id INTEGER DEFAULT nextval('mine') PRIMARY KEY, x INTEGER)"
            )
        )
        await connection.execute(text("CREATE TABLE odd (id INTEGER DEFAULT 7, x INTEGER)"))
        for name, expected in (("old", [50, 51]), ("odd", [7, 7])):
            table = Table(name, MetaData(), Column("id", Integer, primary_key=True), Column("x", Integer))
            result = await connection.execute(table.insert().returning(table.c.id), [{"x": 1}, {"x": 2}])
            assert result.scalars().all() == expected

    async def test_names_that_need_quotes(self, connection: AsyncConnection) -> None:
        await connection.execute(text('CREATE SCHEMA "my s"'))
        table = Table(
            "a.b c",
            MetaData(),
            Column("select", Integer, primary_key=True),
            Column('q"x', Integer),
            schema="my s",
        )
        await connection.run_sync(table.create)
        result = await connection.execute(table.insert().returning(table.c.select), [{'q"x': 1}, {'q"x': 2}])
        assert result.scalars().all() == [1, 2]
        assert await rows(connection, table) == [(1, 1), (2, 2)]

    async def test_translated_schemas(self, engine: AndamiosEngine, connection: AsyncConnection) -> None:
        await connection.execute(text("CREATE SCHEMA tenant"))
        await connection.commit()
        async with engine.connect() as plain:
            tenant = await plain.execution_options(schema_translate_map={None: "tenant"})
            await tenant.run_sync(items.create)
            result = await tenant.execute(
                items.insert().returning(items.c.id), [{"name": "a"}, {"name": "b"}]
            )
            assert result.scalars().all() == [1, 2]
            await tenant.execute(items.insert(), [{"name": "c"}, {"name": "d"}])
            assert await tenant.scalar(text("SELECT count(*) FROM tenant.items")) == 4
            assert await tenant.scalar(text("SELECT count(*) FROM main.items")) == 0

    async def test_a_type_with_an_expression_around_the_parameter(
        self, connection: AsyncConnection, sent: list[Any]
    ) -> None:
        class Upper(TypeDecorator[str]):
            impl = String
            cache_ok = True

            def bind_expression(self, bindvalue: Any) -> Any:
                return func.upper(bindvalue)

        table = Table("shouted", MetaData(), Column("x", Upper))
        await connection.run_sync(table.create)
        await connection.execute(table.insert(), [{"x": "a"}, {"x": "b"}])
        assert not by_appender(sent)
        assert await rows(connection, table) == [("A",), ("B",)]

    async def test_a_type_without_lists(self, connection: AsyncConnection) -> None:
        table = Table("collated", MetaData(), Column("x", String(collation="nocase")))
        await connection.run_sync(table.create)
        await connection.execute(table.insert(), [{"x": "a"}, {"x": "b"}])
        assert await rows(connection, table) == [("a",), ("b",)]


class TestAtomic:
    @pytest.mark.parametrize("isolation", ["SNAPSHOT", "AUTOCOMMIT"])
    async def test_a_missing_value(
        self, engine: AndamiosEngine, connection: AsyncConnection, isolation: str
    ) -> None:
        async with engine.connect() as plain:
            other = await plain.execution_options(isolation_level=isolation)
            with pytest.raises(NotNullError) as caught:
                await other.execute(items.insert(), [{"name": "a"}, {"name": "b"}, {"name": None}])
            assert (caught.value.row, caught.value.column) == (2, "name")
        assert await rows(connection, items) == []

    async def test_a_value_that_does_not_fit(self, connection: AsyncConnection) -> None:
        many: list[dict[str, Any]] = [{"name": str(n), "price": n} for n in range(5000)]
        many[3456]["price"] = "cheap"
        with pytest.raises(DataError, match=r"row 3456, column 'price'") as caught:
            await connection.execute(items.insert(), many)
        assert (caught.value.row, caught.value.column) == (3456, "price")
        with pytest.raises(TransactionAbortedError):
            await connection.commit()
        await connection.rollback()
        assert await rows(connection, items) == []

    async def test_a_duplicate_key(self, connection: AsyncConnection) -> None:
        await connection.execute(natural.insert(), {"code": "a"})
        await connection.commit()
        with pytest.raises(DuplicateKeyError) as caught:
            await connection.execute(natural.insert(), [{"code": "b"}, {"code": "a"}])
        assert (caught.value.key, caught.value.row) == ("a", 1)
        await connection.rollback()
        assert await rows(connection, natural) == [("a", None)]

    async def test_a_value_in_an_expression_means_what_it_means_alone(
        self, connection: AsyncConnection
    ) -> None:
        """SQLAlchemy takes the factor for an integer, as what it multiplies is one."""
        statement = items.insert().values(name=bindparam("n"), price=literal(100) * bindparam("f"))
        await connection.execute(statement, [{"n": "a", "f": 1.5}, {"n": "b", "f": 2}])
        found = await connection.execute(select(items.c.price).order_by(items.c.name))
        assert found.scalars().all() == [150, 200]

    async def test_a_missing_table(self, connection: AsyncConnection) -> None:
        table = Table("nowhere", MetaData(), Column("x", Integer))
        with pytest.raises(ProgrammingError, match="nowhere"):
            await connection.execute(table.insert(), [{"x": 1}, {"x": 2}])

    async def test_a_type_that_is_not_committed(self, connection: AsyncConnection) -> None:
        """The search for the bad value meets a type that only the failed transaction knows."""
        await connection.execute(text("CREATE TYPE mood AS ENUM ('glad', 'sad')"))
        table = Table(
            "moods",
            MetaData(),
            Column("m", Enum("glad", "sad", name="mood", create_type=False)),
            Column("x", Integer),
        )
        await connection.execute(text("CREATE TABLE moods (m mood, x INTEGER)"))
        with pytest.raises(DataError) as caught:
            await connection.execute(table.insert(), [{"m": "glad", "x": 1}, {"m": "sad", "x": "no"}])
        assert (caught.value.row, caught.value.column) == (1, "x")


async def test_sequence_values_are_not_reused_after_a_rollback(connection: AsyncConnection) -> None:
    await connection.execute(items.insert().returning(items.c.id), [{"name": "a"}, {"name": "b"}])
    await connection.rollback()
    result = await connection.execute(items.insert().returning(items.c.id), [{"name": "a"}, {"name": "b"}])
    assert result.scalars().all() == [3, 4]


async def test_update_of_many_rows_counts_them(connection: AsyncConnection) -> None:
    await connection.execute(natural.insert(), [{"code": "a", "x": 1}, {"code": "b", "x": 2}])
    statement = natural.update().where(natural.c.code == bindparam("c")).values(x=bindparam("v"))
    result = await connection.execute(
        statement, [{"c": "a", "v": 10}, {"c": "b", "v": 20}, {"c": "z", "v": 30}]
    )
    assert result.rowcount == 2
    assert await rows(connection, natural) == [("a", 10), ("b", 20)]


async def test_what_looks_like_a_parameter_in_a_text_stays(connection: AsyncConnection) -> None:
    statement = items.insert().values(name=bindparam("n"), note=literal_column("'$1 or $2'"))
    await connection.execute(statement, [{"n": "a"}, {"n": "b"}])
    assert [row[1:] for row in await rows(connection, items)] == [
        ("a", None, "$1 or $2"),
        ("b", None, "$1 or $2"),
    ]


async def test_rows_that_are_returned_and_do_nothing_on_conflict(connection: AsyncConnection) -> None:
    await connection.execute(natural.insert(), {"code": "a", "x": 1})
    statement = insert(natural).on_conflict_do_nothing().returning(natural.c.code)
    result = await connection.execute(statement, [{"code": "a", "x": 9}, {"code": "b", "x": 2}])
    assert result.scalars().all() == ["b"]


async def test_a_declared_sequence_in_a_session(engine: AndamiosEngine, connection: AsyncConnection) -> None:
    async with AsyncSession(engine) as session:
        assert await session.bulk_insert(ordered, [{"x": n} for n in range(1000)]) == 1000
        await session.commit()
    assert await rows(connection, ordered) == [(100 + n, n) for n in range(1000)]


class Reordering(DeclarativeBase):
    """Models of an engine that need not preserve the order of rows."""


class Returned(Reordering):
    """Its key alone is asked for, so DuckDB 2 appends it."""

    __tablename__ = "returned"
    id: Mapped[int] = mapped_column(primary_key=True)
    x: Mapped[int]


class ReturnedInFull(Reordering):
    """What the database makes of it is asked for, so it goes as lists."""

    __tablename__ = "returned_in_full"
    __mapper_args__ = {"eager_defaults": True}
    id: Mapped[int] = mapped_column(primary_key=True)
    x: Mapped[int]
    made: Mapped[int] = mapped_column(server_default=text("7"))


@pytest.mark.parametrize("model", [Returned, ReturnedInFull])
async def test_objects_get_the_keys_of_their_rows_where_no_order_is_preserved(model: Any) -> None:
    config = {"preserve_insertion_order": "false", "threads": "4"}
    engine = create_memory_engine(connect_args={"config": config})
    async with AsyncSession(engine) as session:
        await (await session.connection()).run_sync(Reordering.metadata.create_all, checkfirst=False)
        objects = [model(x=n) for n in range(12_000)]
        session.add_all(objects)
        await session.flush()
        written = (await session.execute(select(model.id, model.x))).all()
        assert {(one.id, one.x) for one in objects} == set(map(tuple, written))
    await engine.dispose()


async def test_returned_rows_are_in_order_where_no_order_is_preserved() -> None:
    config = {"preserve_insertion_order": "false", "threads": "4"}
    engine = create_memory_engine(connect_args={"config": config})
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all, checkfirst=False)
        statement = items.insert().returning(items.c.name, items.c.id, sort_by_parameter_order=True)
        result = await connection.execute(statement, [{"name": str(n)} for n in range(12_000)])
        assert result.all() == [(str(n), n + 1) for n in range(12_000)]
    await engine.dispose()


async def test_what_the_engine_raised_is_kept(connection: AsyncConnection) -> None:
    await connection.execute(natural.insert(), {"code": "a"})
    with pytest.raises(DuplicateKeyError) as caught:
        await connection.execute(natural.insert(), [{"code": "b"}, {"code": "a"}])
    assert isinstance(caught.value.orig, duckdb.ConstraintException)
    assert caught.value.orig.__cause__ is None
    assert caught.value.statement == 'INSERT INTO "natural" (code) VALUES ($1)'


async def test_moments_with_a_zone_are_converted_as_one_by_one(engine: AndamiosEngine) -> None:
    """In bulk and alone, a moment with a zone becomes the same local time."""
    zoned = create_engine("duckdb:///:memory:?TimeZone=America/New_York")
    table = Table("moments", MetaData(), Column("at", DateTime), Column("n", Integer), Column("x", Float))
    moment = datetime(2026, 1, 1, 12, tzinfo=UTC)
    async with zoned.begin() as connection:
        await connection.run_sync(table.create)
        await connection.execute(table.insert().values(at=moment, n=2.5, x=1.5))
        await connection.execute(table.insert(), [{"at": moment, "n": 2.5, "x": 1.5}] * 2)
        assert len(set(await rows(connection, table))) == 1
    await zoned.dispose()
