"""The optimizer: what it takes, what it refuses, and what it measures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.schema import CreateTable

from andamios_orm.core import AndamiosEngine, AsyncSession, create_engine
from andamios_orm.core.errors import ConfigurationError, NotSupportedError, ProgrammingError
from andamios_orm.queries.plans import QueryOptimizer

from ..airport import Flight
from .tables import measure


async def test_a_join_is_measured(optimizer: QueryOptimizer) -> None:
    plan = await optimizer.analyze_query(select(Flight).join(Flight.airline))
    join = next(node for node in plan.walk() if node.operator == "HASH_JOIN")
    assert (plan.executed, plan.rows, join.rows, len(join.children)) == (True, 7, 7, 2)
    assert {node.table for node in plan.walk() if node.table} == {
        "memory.main.flights",
        "memory.main.airlines",
    }
    assert (plan.seconds or 0) > 0
    assert sum(plan.share(node) for node in plan.walk()) == pytest.approx(1)


async def test_estimates_are_made_without_an_execution(optimizer: QueryOptimizer) -> None:
    plan = await optimizer.analyze_query(select(Flight), execute=False)
    assert (plan.executed, plan.rows, plan.seconds, plan.estimated_rows) == (False, None, None, 7)


async def test_an_error_of_the_query_itself_is_raised(optimizer: QueryOptimizer) -> None:
    with pytest.raises(ProgrammingError, match="nowhere"):
        await optimizer.analyze_query(text("FROM nowhere"))


@pytest.mark.parametrize(
    "query", [insert(Flight), delete(Flight), CreateTable(measure), "FROM flights", Flight, None]
)
@pytest.mark.parametrize("method", ["analyze_query", "suggest_indexes", "warnings"])
async def test_what_is_no_query_is_refused(optimizer: QueryOptimizer, method: str, query: Any) -> None:
    with pytest.raises(ConfigurationError, match="a plan is that of a query"):
        await getattr(optimizer, method)(query)


async def test_only_duckdb_is_asked() -> None:
    engine = create_engine("sqlite+aiosqlite:///:memory:")
    with pytest.raises(NotSupportedError, match="sqlite does not support QueryOptimizer"):
        QueryOptimizer(engine)
    await engine.dispose()


async def test_any_async_engine_will_do() -> None:
    engine = create_async_engine("duckdb+andamios:///:memory:")
    assert (await QueryOptimizer(engine).analyze_query(text("FROM range(5)"))).rows == 5
    await engine.dispose()


async def test_an_engine_may_have_several(shared_engine: AndamiosEngine, optimizer: QueryOptimizer) -> None:
    second = QueryOptimizer(shared_engine)
    assert (await second.analyze_query(select(Flight))).rows == 7
    assert (await optimizer.analyze_query(select(Flight))).rows == 7


async def test_what_is_not_committed_is_not_seen(session: AsyncSession, optimizer: QueryOptimizer) -> None:
    await session.execute(delete(Flight).where(Flight.id == 7, Flight.delay == 0))
    assert (await optimizer.analyze_query(select(Flight))).rows == 7


async def test_connections_may_write_afterwards(
    engine: AndamiosEngine, own_optimizer: QueryOptimizer
) -> None:
    await own_optimizer.analyze_query(select(Flight))
    async with engine.begin() as connection:
        await connection.exec_driver_sql("CREATE TABLE other (n INTEGER)")


async def test_a_sort_that_memory_is_too_small_for_spills(tmp_path: Path) -> None:
    engine = create_engine(f"duckdb:///{tmp_path / 'big.db'}?memory_limit=50MB&threads=1")
    words = "'x' || hash(range) || repeat('y', 40) AS word"
    async with engine.begin() as connection:
        await connection.exec_driver_sql(f"CREATE TABLE words AS SELECT {words} FROM range(1_000_000)")
    plan = await QueryOptimizer(engine).analyze_query(text("FROM words ORDER BY word"))
    await engine.dispose()
    assert (plan.spilled_bytes or 0) > 1_000_000
    assert (plan.peak_memory or 0) > 1_000_000
    assert "spilled to disk: nothing" not in str(plan)


async def test_row_groups_that_zone_maps_leave_out_are_told(big: QueryOptimizer) -> None:
    plan = await big.analyze_query(select(measure).where(measure.c.number < 1000))
    (scan,) = (node for node in plan.walk() if node.table)
    assert (scan.row_groups_read, scan.row_groups) == (1, 9)
    assert 1000 <= (scan.rows_scanned or 0) <= 122_880
