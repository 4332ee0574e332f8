"""A collector counts statements, connections, conflicts and retries, and shows them."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import Column, Integer, MetaData, NullPool, String, Table, insert, select, text, update
from sqlalchemy.ext.asyncio import create_async_engine

from andamios_orm.core import AndamiosEngine, PoolStatistics, create_memory_engine
from andamios_orm.core.errors import (
    ConfigurationError,
    DuplicateKeyError,
    PoolTimeoutError,
    ProgrammingError,
    TransactionConflictError,
)
from andamios_orm.core.observability.metrics import MetricsCollector, MetricsSnapshot

SEATS = Table(
    "seat",
    MetaData(),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("passenger", String),
)


@pytest.fixture
async def metrics(engine: AndamiosEngine) -> MetricsCollector:
    """A collector on an engine that has a table of two seats."""
    async with engine.begin() as connection:
        await connection.run_sync(SEATS.create)
        await connection.execute(insert(SEATS), [{"id": 1}, {"id": 2}])
    return MetricsCollector(engine)


def counted(snapshot: MetricsSnapshot) -> dict[tuple[str, str, str], int]:
    return {(entry.kind, entry.table, entry.outcome): entry.durations.count for entry in snapshot.statements}


async def test_counts_by_kind_table_and_outcome(engine: AndamiosEngine, metrics: MetricsCollector) -> None:
    async with engine.connect() as connection:
        for _ in range(3):
            await connection.execute(select(SEATS))
        await connection.execute(text("FROM seat"))
        with pytest.raises(DuplicateKeyError):
            await connection.execute(insert(SEATS).values(id=1))
    assert counted(metrics.snapshot()) == {
        ("select", "seat", "ok"): 3,
        ("select", "", "ok"): 1,
        ("insert", "seat", "DuplicateKeyError"): 1,
    }


async def test_what_took_most_time_comes_first(metrics: MetricsCollector) -> None:
    metrics.track_query_performance("SELECT 1", 0.1)
    metrics.track_query_performance("DELETE FROM seat", 2.0)
    metrics.track_query_performance("SELECT 1", 0.2)
    assert [entry.kind for entry in metrics.snapshot().statements] == ["delete", "select"]


async def test_a_statement_can_be_counted_by_hand(metrics: MetricsCollector) -> None:
    metrics.track_query_performance("SELECT 1", 0.25)
    metrics.track_query_performance(select(SEATS), 0.5, error=TimeoutError())
    snapshot = metrics.snapshot()
    assert counted(snapshot) == {("select", "", "ok"): 1, ("select", "seat", "TimeoutError"): 1}
    assert sum(entry.durations.total for entry in snapshot.statements) == 0.75


async def test_counts_a_conflict_of_a_statement(engine: AndamiosEngine, metrics: MetricsCollector) -> None:
    taken = update(SEATS).where(SEATS.c.id == 1).values(passenger="Ada")
    async with engine.connect() as one, engine.connect() as other:
        await other.execute(select(SEATS))
        await one.execute(taken)
        with pytest.raises(TransactionConflictError):
            await other.execute(taken)
    assert metrics.snapshot().conflicts == 1


async def test_an_error_that_is_no_conflict_counts_as_none(
    engine: AndamiosEngine, metrics: MetricsCollector
) -> None:
    async with engine.connect() as connection:
        with pytest.raises(ProgrammingError):
            await connection.execute(text("SELEC"))
    assert metrics.snapshot().conflicts == 0


async def test_counts_retries(metrics: MetricsCollector) -> None:
    metrics.count_retry()
    metrics.count_retry(LookupError())
    assert metrics.snapshot().retries == 2


async def test_counts_acquisitions_and_shows_the_pool(
    engine: AndamiosEngine, metrics: MetricsCollector
) -> None:
    async with engine.connect():
        snapshot = metrics.snapshot()
    assert snapshot.acquisitions.count == 1
    assert snapshot.pool is not None
    assert (snapshot.pool.in_use, snapshot.pool.limit) == (1, 50)
    after = metrics.snapshot().pool
    assert after is not None
    assert (after.in_use, after.idle) == (0, 1)


async def test_counts_connections_that_did_not_come() -> None:
    engine = create_memory_engine(pool_size=1, max_overflow=0, pool_timeout=0.01)
    metrics = MetricsCollector(engine)
    async with engine.connect():
        with pytest.raises(PoolTimeoutError):
            await engine.connect()
    await engine.dispose()
    assert metrics.snapshot().acquisition_timeouts == 1
    assert metrics.snapshot().acquisitions.count == 1


async def test_a_failed_connection_is_neither_lent_nor_timed_out() -> None:
    engine = create_memory_engine(connect_args={"config": {"threads": "many"}})
    metrics = MetricsCollector(engine)
    with pytest.raises(ConfigurationError):
        await engine.connect()
    snapshot = metrics.snapshot()
    assert (snapshot.acquisitions.count, snapshot.acquisition_timeouts) == (0, 0)
    await engine.dispose()


async def test_usage_can_be_tracked_by_hand_where_a_pool_has_no_queue() -> None:
    engine = create_async_engine("duckdb+andamios://", poolclass=NullPool)
    metrics = MetricsCollector(engine)
    assert metrics.snapshot().pool is None
    held = PoolStatistics(size=1, limit=1, in_use=1, idle=0, waiting=4)
    metrics.track_connection_usage(held)
    assert metrics.snapshot().pool == held
    await engine.dispose()


async def test_counts_nothing_after_its_end(engine: AndamiosEngine, metrics: MetricsCollector) -> None:
    metrics.close()
    metrics.close()
    async with engine.connect() as connection:
        await connection.execute(select(SEATS))
    snapshot = metrics.snapshot()
    assert (snapshot.statements, snapshot.acquisitions.count) == ((), 0)


async def test_beyond_a_bound_tables_are_counted_together(metrics: MetricsCollector) -> None:
    for number in range(1_200):
        metrics.track_query_performance(select(Table(f"t{number}", MetaData(), Column("a"))), 0.001)
    entries = metrics.snapshot().statements
    assert len(entries) <= 1_001
    assert counted(metrics.snapshot())["select", "(other)", "ok"] == 200


async def test_bears_the_name_of_its_database(engine: AndamiosEngine) -> None:
    assert MetricsCollector(engine).snapshot().database == "memory"
    assert MetricsCollector(engine, name="flights").snapshot().database == "flights"


async def test_prints_as_a_table(engine: AndamiosEngine, metrics: MetricsCollector) -> None:
    metrics.track_query_performance(select(SEATS), 0.0012)
    metrics.track_query_performance("DELETE FROM seat", 0.7, error=TimeoutError())
    metrics.count_retry()
    async with engine.connect():
        lines = str(metrics.snapshot()).splitlines()
    assert lines[:4] == [
        "database memory",
        "kind    table  outcome       count  mean ms  p50 ms  p99 ms",
        "delete  -      TimeoutError      1   700.00  750.00  995.00",
        "select  seat   ok                1     1.20    1.75    2.49",
    ]
    assert lines[4].startswith("connections: 1 lent (p50 ")
    assert lines[4].endswith("0 timeouts, 1 in use, 0 waiting")
    assert lines[5:] == ["transactions: 0 conflicts, 1 retries"]


async def test_prints_without_a_pool_that_counts() -> None:
    engine = create_async_engine("duckdb+andamios://", poolclass=NullPool)
    assert str(MetricsCollector(engine).snapshot()).splitlines()[2].endswith(", 0 timeouts")
    await engine.dispose()


async def test_rich_shows_a_table(metrics: MetricsCollector) -> None:
    metrics.track_query_performance(select(Table("[red]", MetaData(), Column("a"))), 0.0012)
    console: Any = Console(file=StringIO(), width=120)
    console.print(metrics.snapshot())
    shown = console.file.getvalue()
    assert "database memory" in shown
    assert "[red]" in shown
