"""Rows as Arrow: tables, and batches that are read one after the other."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest
from sqlalchemy import text

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager
from andamios_orm.core.errors import ConfigurationError, OperationalError, ProgrammingError

NUMBERS = text("SELECT i FROM range(:count) AS t(i)")
FAILS = text("SELECT CASE WHEN i < 4000000 THEN i ELSE error('too far') END FROM range(5000000) AS t(i)")


async def test_batches_hold_all_rows_in_their_order(engine: AndamiosEngine) -> None:
    async with SessionManager(engine) as session:
        batches = [batch async for batch in session.arrow_batches(NUMBERS.bindparams(count=250_000))]
    assert [batch.num_rows for batch in batches] == [100_000, 100_000, 50_000]
    assert pa.Table.from_batches(batches)["i"].to_pylist() == list(range(250_000))


async def test_no_rows_are_no_batches(engine: AndamiosEngine) -> None:
    async with SessionManager(engine) as session:
        assert [batch async for batch in session.arrow_batches(NUMBERS.bindparams(count=0))] == []


async def test_an_error_in_a_later_batch_is_the_engines(engine: AndamiosEngine) -> None:
    async with AsyncSession(engine) as session:
        await session.execute(text("SET threads = 1"))  # several would meet the error before the first batch
        batches = session.arrow_batches(FAILS, 100_000)
        assert (await anext(batches)).num_rows == 100_000
        with pytest.raises(ProgrammingError, match="too far") as caught:
            [batch async for batch in batches]
    assert isinstance(caught.value.__cause__, duckdb.InvalidInputException)


async def test_a_statement_in_between_loses_no_batch(engine: AndamiosEngine) -> None:
    async with SessionManager(engine) as session:
        batches = session.arrow_batches(NUMBERS.bindparams(count=300_000))
        first = await anext(batches)
        assert await session.scalar(text("SELECT 42")) == 42
        assert first.num_rows + sum([batch.num_rows async for batch in batches]) == 300_000


async def test_who_stops_reading_leaves_the_connection_usable(engine: AndamiosEngine) -> None:
    async with SessionManager(engine) as session:
        batches = session.arrow_batches(NUMBERS.bindparams(count=10_000_000))
        await anext(batches)
        await batches.aclose()
        assert await session.scalar(text("SELECT 42")) == 42


async def test_batches_of_a_transaction_that_has_ended_are_refused(engine: AndamiosEngine) -> None:
    async with AsyncSession(engine) as session:
        batches = session.arrow_batches(NUMBERS.bindparams(count=300_000))
        await anext(batches)
        await session.rollback()
        with pytest.raises(OperationalError, match="closed before its turn"):
            await anext(batches)


async def test_a_batch_without_rows_is_refused(engine: AndamiosEngine) -> None:
    async with AsyncSession(engine) as session:
        with pytest.raises(ConfigurationError, match="at least one row"):
            await anext(session.arrow_batches(NUMBERS, 0))


async def test_what_gives_no_rows_is_refused(engine: AndamiosEngine) -> None:
    async with AsyncSession(engine) as session:
        with pytest.raises(ProgrammingError, match="only a query"):
            await anext(session.arrow_batches(text("CREATE TABLE t (i INTEGER)")))


async def test_a_statement_reads_columns(engine: AndamiosEngine) -> None:
    numbers = pa.table({"n": [1, 2, 3]})
    total = text("SELECT sum(n) * :factor FROM given")
    async with AsyncSession(engine) as session:
        options = {"arrow_sources": {"given": numbers}}
        assert await session.scalar(total, {"factor": 2}, execution_options=options) == 12
        with pytest.raises(ProgrammingError, match="given does not exist"):
            await session.scalar(total, {"factor": 2})


async def test_a_statement_that_fails_leaves_no_columns_behind(engine: AndamiosEngine) -> None:
    async with AsyncSession(engine) as session:
        for _ in range(2):
            reader = pa.table({"n": [1, 2, 3]}).to_reader()
            with pytest.raises(ProgrammingError, match="too far"):
                statement = text("SELECT error('too far') FROM given")
                await session.execute(statement, execution_options={"arrow_sources": {"given": reader}})
            await session.rollback()
        with pytest.raises(ProgrammingError, match="given does not exist"):
            await session.execute(text("FROM given"))
