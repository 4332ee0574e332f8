"""EXPLAIN as it is sent: with bound values, with what listeners change, and without a right to write."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import event, select, text, union_all

from andamios_orm.core import AndamiosEngine
from andamios_orm.core.errors import ConfigurationError, ProgrammingError
from andamios_orm.queries.builder import QueryBuilder
from andamios_orm.queries.plans import QueryOptimizer

from ..airport import Airline, Flight, Note
from .tables import measure


async def test_values_are_bound(shared_engine: AndamiosEngine, optimizer: QueryOptimizer) -> None:
    sent: list[tuple[str, Any]] = []

    def listen(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        sent.append((statement, parameters))

    event.listen(shared_engine.sync_engine, "before_cursor_execute", listen)
    await optimizer.analyze_query(
        select(Flight.id).where(Flight.airline_code == "U'A", Flight.id.in_([1, 2]))
    )
    assert sent[0][0].startswith("EXPLAIN (ANALYZE, FORMAT json) (\nSELECT flights.id")
    assert sent[0][1] == ("U'A", 1, 2)


async def test_the_columns_of_a_query_do_not_meet_those_of_its_plan(optimizer: QueryOptimizer) -> None:
    """EXPLAIN gives two columns of text, whatever the types of the query's two are."""
    plan = await optimizer.analyze_query(select(Flight.day, Flight.meta))
    assert plan.rows == 7


async def test_the_query_itself_is_executed_as_before(
    shared_engine: AndamiosEngine, optimizer: QueryOptimizer
) -> None:
    statement = select(Flight.day, Flight.id).order_by(Flight.id).limit(1)
    await optimizer.analyze_query(statement)
    async with shared_engine.connect() as connection:
        assert (await connection.execute(statement)).all() == [(dt.date(2013, 1, 1), 1)]


async def test_rows_that_are_deleted_softly_are_left_out(
    engine: AndamiosEngine, own_optimizer: QueryOptimizer
) -> None:
    async with engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE notes SET deleted_at = now() WHERE id < 3")
    assert (await own_optimizer.analyze_query(QueryBuilder(Note))).rows == 1
    assert (await own_optimizer.analyze_query(QueryBuilder(Note).with_deleted())).rows == 3


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        (select(Flight), 7),
        (select(Flight.__table__), 7),
        (QueryBuilder(Flight).filter(airline__name="United Air Lines"), 3),
        (QueryBuilder(Airline).filter(flights__delay__gt=60), 1),
        (union_all(select(Flight.id), select(Note.id)).order_by("id"), 10),
        (select(Flight).from_statement(text("SELECT * FROM flights WHERE id > 5")), 2),
        (text("FROM flights WHERE id > :least").bindparams(least=4), 3),
        (text("FROM flights -- all of them"), 7),
        (text("PIVOT flights ON airline_code IN ('UA', 'AA') USING count(*) GROUP BY day"), 7),
        (text("SELECT id FROM flights WHERE departs > '2013-01-03 00\\:00\\:00'"), 5),
    ],
)
async def test_any_query_has_a_plan(optimizer: QueryOptimizer, query: Any, rows: int) -> None:
    plan = await optimizer.analyze_query(query)
    assert (plan.executed, plan.rows) == (True, rows)


async def test_of_constant_rows_nothing_is_measured(optimizer: QueryOptimizer) -> None:
    plan = await optimizer.analyze_query(text("VALUES (1), (2)"))
    assert (plan.executed, plan.rows, plan.estimated_rows) == (False, None, 2)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM flights",
        "CREATE TABLE other AS FROM flights",
        "COPY flights TO 'flights.csv'",
        "DROP TABLE flights",
    ],
)
@pytest.mark.parametrize("execute", [True, False])
async def test_a_text_that_writes_is_refused(
    optimizer: QueryOptimizer, statement: str, execute: bool
) -> None:
    with pytest.raises(ProgrammingError):
        await optimizer.analyze_query(text(statement), execute=execute)
    assert (await optimizer.analyze_query(select(Flight))).rows == 7


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1; DELETE FROM flights",
        "SELECT 1); COMMIT; DELETE FROM flights; SELECT (1",
        "SELECT 'ß' ;",
        "SELECT /* ' */ 1;",
    ],
)
async def test_several_statements_are_refused(optimizer: QueryOptimizer, statement: str) -> None:
    with pytest.raises(ConfigurationError, match="leave the semicolon out"):
        await optimizer.analyze_query(text(statement))


async def test_a_semicolon_in_a_constant_is_one(optimizer: QueryOptimizer) -> None:
    assert (await optimizer.analyze_query(text("SELECT id, 'ß;' FROM flights -- ;"))).rows == 7


async def test_row_groups_of_an_uneven_table(engine: AndamiosEngine) -> None:
    """Two inserts make groups that are not full."""
    async with engine.begin() as connection:
        await connection.exec_driver_sql("CREATE TABLE uneven AS SELECT range AS n FROM range(1000)")
        await connection.exec_driver_sql("INSERT INTO uneven SELECT range FROM range(300000)")
    root = (await QueryOptimizer(engine).analyze_query(text("FROM uneven"))).root
    assert root.row_groups_read == root.row_groups
    assert root.share_read == 1


async def test_row_groups_of_a_limit(big: QueryOptimizer) -> None:
    plan = await big.analyze_query(select(measure).limit(5))
    (scan,) = (node for node in plan.walk() if node.table)
    assert (scan.row_groups_read, scan.row_groups) == (1, 9)


async def test_a_table_may_be_scanned_twice(big: QueryOptimizer) -> None:
    other = measure.alias()
    plan = await big.analyze_query(select(measure.c.number).join(other, other.c.number == measure.c.number))
    assert [node.row_groups for node in plan.walk() if node.table] == [9, 9]


@pytest.mark.parametrize("name", ["plain", "a<b>&c", "select", "with.dot", 'with"quote'])
async def test_names_of_tables(engine: AndamiosEngine, name: str) -> None:
    quoted = engine.dialect.identifier_preparer.quote_identifier(name)
    async with engine.begin() as connection:
        await connection.exec_driver_sql(f"CREATE TABLE {quoted} AS SELECT range AS n FROM range(10)")
    root = (await QueryOptimizer(engine).analyze_query(text(f"FROM {quoted}"))).root
    assert root.rows == 10
    assert root.row_groups in ((1, None) if '"' in name else (1,))


async def test_files_are_counted(engine: AndamiosEngine, tmp_path: Any) -> None:
    async with engine.begin() as connection:
        for part in range(3):
            rows = f"SELECT range AS n FROM range({part * 1000}, {part * 1000 + 1000})"
            await connection.exec_driver_sql(f"COPY ({rows}) TO '{tmp_path / f'{part}.parquet'}'")
    root = (await QueryOptimizer(engine).analyze_query(text(f"FROM '{tmp_path}/*.parquet'"))).root
    assert (root.operator, root.files_read, root.rows) == ("PARQUET_SCAN", 3, 3000)
