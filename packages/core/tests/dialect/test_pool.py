"""The pool counts who waits, and says so when no connection becomes free."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, exc, text

from andamios_orm.core import AndamiosEngine, create_engine, create_memory_engine
from andamios_orm.core.dialect.pool import connection_limit
from andamios_orm.core.errors import ConfigurationError, PoolTimeoutError


@pytest.mark.parametrize("backend", ["duckdb", "sqlite"])
async def test_an_exhausted_pool_is_an_error_of_the_tree(tmp_path: Path, backend: str) -> None:
    engine = create_engine(f"{backend}:///{tmp_path}/a.db", pool_size=1, max_overflow=1, pool_timeout=0.01)
    async with engine.connect(), engine.connect():
        with pytest.raises(PoolTimeoutError, match="at most 2") as caught:
            await engine.connect()
    assert (caught.value.seconds, caught.value.size) == (0.01, 2)
    assert isinstance(caught.value, exc.TimeoutError)
    await engine.dispose()


async def test_counts_the_tasks_that_wait() -> None:
    engine = create_memory_engine(pool_size=1, max_overflow=0)
    pool: Any = engine.pool
    async with engine.connect():
        waiting = [asyncio.create_task(engine.connect().start()) for _ in range(3)]
        while pool.waiting < 3:
            await asyncio.sleep(0)
        for task in waiting[1:]:
            task.cancel()
        await asyncio.wait(waiting[1:])
        assert pool.waiting == 1
    await (await waiting[0]).close()
    assert pool.waiting == 0
    await engine.dispose()


@pytest.mark.parametrize(("overflow", "limit"), [(0, 2), (3, 5), (-1, -1)])
def test_the_limit_includes_the_overflow(overflow: int, limit: int) -> None:
    pool: Any = create_memory_engine(pool_size=2, max_overflow=overflow).pool
    assert connection_limit(pool) == limit


async def test_a_connection_that_comes_back_to_a_disposed_pool_is_closed() -> None:
    engine = create_memory_engine()
    connection = await engine.connect()
    raw: Any = (await connection.get_raw_connection()).driver_connection
    await engine.dispose()
    assert not raw.closed
    await connection.close()
    assert raw.closed


async def test_a_disposed_pool_still_serves_those_who_wait() -> None:
    engine = create_memory_engine(pool_size=1, max_overflow=0, pool_timeout=30)
    async with engine.connect():
        waiting = asyncio.create_task(engine.connect().start())
        await asyncio.sleep(0.01)
        await engine.dispose()
    connection = await asyncio.wait_for(waiting, 10)
    assert await connection.scalar(text("SELECT 1")) == 1
    await connection.close()


class TestMaxWaiting:
    async def test_one_too_many_is_refused_at_once(self) -> None:
        engine = create_memory_engine(pool_size=1, max_overflow=0, max_waiting=2)
        pool: Any = engine.pool
        async with engine.connect():
            waiting = [asyncio.create_task(engine.connect().start()) for _ in range(2)]
            while pool.waiting < 2:
                await asyncio.sleep(0)
            with pytest.raises(PoolTimeoutError, match="2 tasks wait for a connection already") as caught:
                await engine.connect()
            assert (caught.value.seconds, caught.value.size, caught.value.waiting) == (0, 1, 2)
            assert pool.waiting == 2
        for task in waiting:
            await (await task).close()
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1
        await engine.dispose()

    async def test_none_may_wait_but_all_connections_are_lent(self) -> None:
        engine = create_memory_engine(pool_size=2, max_overflow=1, max_waiting=0)
        lent = await asyncio.gather(*(engine.connect().start() for _ in range(3)))
        with pytest.raises(PoolTimeoutError):
            await engine.connect()
        for connection in lent:
            await connection.close()
        await engine.dispose()

    async def test_a_burst_is_shed_without_a_wrong_answer(self) -> None:
        engine = create_memory_engine(pool_size=2, max_overflow=0, max_waiting=3)

        async def read(number: int) -> int:
            async with engine.connect() as connection:
                return int(await connection.scalar(text(f"SELECT {number}")) or 0)

        results = await asyncio.gather(*(read(number) for number in range(20)), return_exceptions=True)
        served = {number for number, result in enumerate(results) if result == number}
        shed = [result for result in results if isinstance(result, PoolTimeoutError)]
        assert len(served) >= 5
        assert len(served) + len(shed) == 20
        await engine.dispose()

    async def test_the_limit_survives_a_dispose(self) -> None:
        engine = create_memory_engine(pool_size=1, max_overflow=0, max_waiting=0)
        await engine.dispose()
        async with engine.connect():
            with pytest.raises(PoolTimeoutError):
                await engine.connect()
        await engine.dispose()

    def test_a_negative_limit_is_refused(self) -> None:
        with pytest.raises(ConfigurationError, match="number of tasks"):
            create_memory_engine(max_waiting=-1)


async def test_what_a_listener_to_the_commit_refused_is_not_committed_with_the_next_transaction(
    engine: AndamiosEngine,
) -> None:
    def refuse(connection: Connection) -> None:
        raise LookupError

    async with engine.connect() as connection:
        await connection.execute(text("CREATE TABLE t (a INTEGER)"))
        await connection.commit()
        event.listen(connection.sync_connection, "commit", refuse)
        await connection.execute(text("INSERT INTO t VALUES (1)"))
        with pytest.raises(LookupError):
            await connection.commit()
        await connection.rollback()
        event.remove(connection.sync_connection, "commit", refuse)
        await connection.execute(text("INSERT INTO t VALUES (2)"))
        await connection.commit()
        assert (await connection.scalars(text("SELECT a FROM t"))).all() == [2]


async def test_what_a_listener_to_the_commit_refused_is_not_committed_by_the_next(tmp_path: Path) -> None:
    engine = create_engine(f"duckdb:///{tmp_path}/t.db", pool_size=1, max_overflow=0)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE t (a INTEGER)"))

    def refuse(connection: Connection) -> None:
        raise LookupError

    event.listen(engine.sync_engine, "commit", refuse)
    with pytest.raises(LookupError):
        async with engine.begin() as connection:
            await connection.execute(text("INSERT INTO t VALUES (1)"))
    event.remove(engine.sync_engine, "commit", refuse)
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO t VALUES (2)"))
    async with engine.connect() as connection:
        assert (await connection.scalars(text("SELECT a FROM t"))).all() == [2]
    await engine.dispose()
