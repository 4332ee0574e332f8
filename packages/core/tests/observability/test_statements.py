"""A statement tells its kind and its table; its text is shown without the values in it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import (
    DDL,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Sequence,
    String,
    Table,
    delete,
    event,
    exists,
    func,
    insert,
    literal,
    select,
    table,
    text,
    union_all,
    update,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, aliased, mapped_column
from sqlalchemy.schema import CreateIndex, CreateSequence, CreateTable, DropTable

from andamios_orm.core import AndamiosEngine, AsyncSession
from andamios_orm.core import insert as upsert
from andamios_orm.core.observability.statements import Statement, executed, statement_of, without_literals

METADATA = MetaData()
AIRPORT = Table("airport", METADATA, Column("id", Integer, primary_key=True), Column("name", String))
FLIGHT = Table(
    "flight",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("origin", ForeignKey("airport.id")),
    schema="log",
)


class Base(DeclarativeBase):
    """The models of these tests."""


class Plane(Base):
    __tablename__ = "plane"

    id: Mapped[int] = mapped_column(primary_key=True)


CONSTRUCTS: list[tuple[Any, Statement]] = [
    (select(AIRPORT), Statement("select", "airport", "SELECT")),
    (select(FLIGHT.c.id).join(AIRPORT), Statement("select", "log.flight", "SELECT")),
    (
        select(func.count()).select_from(select(FLIGHT).subquery()),
        Statement("select", "log.flight", "SELECT"),
    ),
    (select(select(AIRPORT).cte()), Statement("select", "airport", "SELECT")),
    (select(AIRPORT.alias("a")), Statement("select", "airport", "SELECT")),
    (select(Plane), Statement("select", "plane", "SELECT")),
    (select(aliased(Plane)), Statement("select", "plane", "SELECT")),
    (union_all(select(AIRPORT.c.id), select(FLIGHT.c.id)), Statement("select", "airport", "SELECT")),
    (
        union_all(union_all(select(AIRPORT.c.id), select(FLIGHT.c.id)).limit(1), select(FLIGHT.c.id)),
        Statement("select", "airport", "SELECT"),
    ),
    (select(table("elsewhere")), Statement("select", "elsewhere", "SELECT")),
    (select(literal(1)), Statement("select", "", "SELECT")),
    (select(exists(select(AIRPORT))), Statement("select", "", "SELECT")),
    (select(func.range(10).table_valued("n")), Statement("select", "", "SELECT")),
    (insert(AIRPORT), Statement("insert", "airport", "INSERT")),
    (upsert(AIRPORT).on_conflict_do_nothing(), Statement("insert", "airport", "INSERT")),
    (update(Plane), Statement("update", "plane", "UPDATE")),
    (delete(FLIGHT), Statement("delete", "log.flight", "DELETE")),
    (CreateTable(AIRPORT), Statement("ddl", "airport", "CREATE TABLE")),
    (DropTable(FLIGHT), Statement("ddl", "log.flight", "DROP TABLE")),
    (CreateIndex(Index("by_name", AIRPORT.c.name)), Statement("ddl", "airport", "CREATE INDEX")),
    (CreateSequence(Sequence("s")), Statement("ddl", "", "CREATE SEQUENCE")),
    (DDL("CREATE VIEW v AS SELECT 1"), Statement("ddl", "", "DDL")),
    (text("DELETE FROM airport"), Statement("delete", "", "DELETE")),
    (text("SELECT id FROM airport").columns(AIRPORT.c.id), Statement("select", "", "SELECT")),
    (func.now(), Statement("other", "", "")),
]


@pytest.mark.parametrize(("construct", "expected"), CONSTRUCTS)
def test_an_object_tells_kind_and_table(construct: Any, expected: Statement) -> None:
    assert statement_of(construct) == expected


@pytest.mark.parametrize(
    ("query", "kind", "operation"),
    [
        ("SELECT 1", "select", "SELECT"),
        ("  -- first\n/* then */ (select 1)", "select", "SELECT"),
        ("FROM airport", "select", "FROM"),
        ("with a as (select 1) from a", "select", "WITH"),
        ("insert into a values (1)", "insert", "INSERT"),
        ("Create Table a (b int)", "ddl", "CREATE"),
        ("copy a to 'a.csv'", "other", "COPY"),
        ("frobnicate", "other", ""),
        ("/* nothing */", "other", ""),
        ("", "other", ""),
    ],
)
def test_text_tells_its_kind_by_the_first_word(query: str, kind: str, operation: str) -> None:
    assert statement_of(query) == (kind, "", operation)


def test_many_comments_take_no_long_time() -> None:
    assert statement_of("/**/" * 1_000 + "!").kind == "other"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT 'it''s' , 12, 1.5e-3, .5", "SELECT ? , ?, ?, .?"),
        ("SELECT E'it\\'s', x'ff', 'a' FROM t2", "SELECT ?, ?, ? FROM t2"),
        ('SELECT "o\'clock", \'x\' FROM "a""b"', 'SELECT "o\'clock", ? FROM "a""b"'),
        ("SELECT $$it's$$, $q$a $$ b$q$ WHERE a = $1 AND b = :b", "SELECT ?, ? WHERE a = $1 AND b = :b"),
        ("SELECT a1, `b 2`, col_3 -- 'x'\nFROM t /* 5 */", "SELECT a1, `b 2`, col_3 FROM t"),
        ("SELECT %s, %(name)s, ?", "SELECT %s, %(name)s, ?"),
        ("CREATE SECRET (TYPE s3, SECRET 'abc')", "CREATE SECRET (TYPE s3, SECRET ?)"),
        ("SELECT 'without an end", "SELECT ?"),
        ("SELECT /* without an end", "SELECT"),
        ("SELECT $$without an end", "SELECT ?"),
        ("SELECT  a,\n\t b", "SELECT a, b"),
    ],
)
def test_text_is_shown_without_values(query: str, expected: str) -> None:
    assert without_literals(query, "duckdb") == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('SELECT "value", `name`', "SELECT ?, `name`"),
        (r"SELECT 'it\'s', 'secret'", "SELECT ?, ?"),
    ],
)
def test_mysql_has_values_in_double_quotes(query: str, expected: str) -> None:
    assert without_literals(query, "mysql") == expected


def test_of_a_long_text_the_beginning_is_shown() -> None:
    shown = without_literals("SELECT " + "a" * 10_000, "duckdb")
    assert shown.startswith("SELECT aaa")
    assert len(shown) < 5_000


def test_a_value_that_is_cut_off_is_not_shown() -> None:
    assert without_literals("SELECT '" + "s" * 10_000 + "'", "duckdb") == "SELECT ?"


@pytest.fixture
def sent(engine: AndamiosEngine) -> list[Statement]:
    """What each statement is that the engine sends."""
    statements: list[Statement] = []

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def before(_: Any, __: Any, query: str, parameters: Any, context: Any, ___: bool) -> None:
        statements.append(executed(context, query, parameters))

    return statements


async def test_an_execution_tells_what_was_compiled(engine: AndamiosEngine, sent: list[Statement]) -> None:
    async with engine.connect() as connection:
        await connection.execute(CreateTable(AIRPORT))
        for _ in range(2):
            await connection.execute(select(AIRPORT))
        await connection.exec_driver_sql("FROM airport")
    assert sent == [
        ("ddl", "airport", "CREATE TABLE"),
        ("select", "airport", "SELECT"),
        ("select", "airport", "SELECT"),
        ("select", "", "FROM"),
    ]


async def test_many_rows_tell_their_table(engine: AndamiosEngine, sent: list[Statement]) -> None:
    async with AsyncSession(engine) as session:
        await (await session.connection()).execute(CreateTable(AIRPORT))
        await session.execute(insert(AIRPORT), [{"id": 1}, {"id": 2}])
        await session.bulk_insert(AIRPORT, [{"id": 3, "name": "a"}, {"id": 4, "name": "b"}])
    assert set(sent[1:]) == {("insert", "airport", "INSERT")}


async def test_a_sequence_that_is_asked_before_is_a_query(
    engine: AndamiosEngine, sent: list[Statement]
) -> None:
    numbers = Sequence("numbers")
    columns = (Column("a", Integer, numbers, primary_key=True), Column("b", Integer))
    numbered = Table("numbered", MetaData(), *columns, implicit_returning=False)
    async with engine.connect() as connection:
        await connection.execute(CreateSequence(numbers))
        await connection.execute(CreateTable(numbered))
        sent.clear()
        await connection.execute(insert(numbered).values(b=1))
    assert [(statement.kind, statement.table) for statement in sent] == [
        ("select", ""),
        ("insert", "numbered"),
    ]


async def test_a_text_that_was_rewritten_keeps_its_table(engine: AndamiosEngine) -> None:
    @event.listens_for(engine.sync_engine, "before_cursor_execute", retval=True)
    def tag(_: Any, __: Any, query: str, parameters: Any, ___: Any, ____: bool) -> tuple[str, Any]:
        return f"/* tagged */ {query}", parameters

    statements: list[Statement] = []

    @event.listens_for(engine.sync_engine, "after_cursor_execute")
    def after(_: Any, __: Any, query: str, parameters: Any, context: Any, ___: bool) -> None:
        statements.append(executed(context, query, parameters))

    async with engine.connect() as connection:
        await connection.execute(CreateTable(AIRPORT))
        await connection.execute(select(AIRPORT))
    assert statements[-1] == ("select", "airport", "SELECT")
