"""ConnectionManager lends, warms up, counts, and shuts down without losing work."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import NullPool, exc, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from andamios_orm.core import (
    AndamiosEngine,
    ConnectionManager,
    PoolStatistics,
    create_engine,
    create_memory_engine,
)
from andamios_orm.core.errors import AndamiosError, ConfigurationError, OperationalError, PoolTimeoutError

LONG = text("SELECT count(*) FROM range(100000000000) a, range(1000) b")


async def until_running(connection: AsyncConnection) -> None:
    """Wait until a statement of this connection runs on a worker thread."""
    raw: Any = (await connection.get_raw_connection()).driver_connection
    while not raw._busy.locked():
        await asyncio.sleep(0.001)


@pytest.fixture
async def small() -> Any:
    """An engine in memory with two connections at most."""
    engine = create_memory_engine(pool_size=1, max_overflow=1)
    yield engine
    await engine.dispose()


async def test_lends_a_connection(engine: AndamiosEngine) -> None:
    manager = ConnectionManager(engine)
    async with manager.acquire() as connection:
        assert await connection.scalar(text("SELECT 42")) == 42
        assert manager.statistics().in_use == 1
    assert manager.statistics().in_use == 0


async def test_what_was_not_committed_is_rolled_back(engine: AndamiosEngine) -> None:
    manager = ConnectionManager(engine)
    async with manager.acquire() as connection:
        await connection.execute(text("CREATE TABLE t AS SELECT 1 AS a"))
    async with manager.acquire() as connection:
        with pytest.raises(AndamiosError, match="t does not exist"):
            await connection.execute(text("SELECT * FROM t"))


async def test_gives_up_when_none_becomes_free_in_time(small: AndamiosEngine) -> None:
    manager = ConnectionManager(small)
    async with manager.acquire(), manager.acquire():
        with pytest.raises(PoolTimeoutError) as caught:
            async with manager.acquire(timeout=0.01):
                raise AssertionError("a third connection was lent")
    assert (caught.value.seconds, caught.value.size) == (0.01, 2)
    assert manager.statistics().waiting == 0
    async with manager.acquire(timeout=0):
        assert manager.statistics().in_use == 1


async def test_takes_the_time_limit_of_the_engine_by_default() -> None:
    engine = create_memory_engine(pool_size=1, max_overflow=0, pool_timeout=0.01)
    manager = ConnectionManager(engine)
    async with manager.acquire():
        with pytest.raises(PoolTimeoutError) as caught:
            async with manager.acquire():
                raise AssertionError("a second connection was lent")
    assert caught.value.seconds == 0.01
    await engine.dispose()


async def test_a_timeout_of_something_else_is_left_as_it_is() -> None:
    async def connect() -> Any:
        raise TimeoutError("the server does not answer")

    engine = create_async_engine("sqlite+aiosqlite:///x.db", async_creator=connect)
    with pytest.raises(TimeoutError, match="does not answer") as caught:
        async with ConnectionManager(engine).acquire():
            raise AssertionError("a connection was lent")
    assert not isinstance(caught.value, AndamiosError)


async def test_an_error_inside_does_not_keep_the_connection(small: AndamiosEngine) -> None:
    manager = ConnectionManager(small)
    for _ in range(5):
        with pytest.raises(KeyError):
            async with manager.acquire():
                raise KeyError
    assert manager.statistics() == PoolStatistics(size=1, limit=2, in_use=0, idle=1, waiting=0)


async def test_a_cancelled_borrower_gives_its_connection_back(small: AndamiosEngine) -> None:
    manager = ConnectionManager(small)
    lent = asyncio.Event()

    async def borrow() -> None:
        async with manager.acquire() as connection:
            lent.set()
            await connection.execute(LONG)

    task = asyncio.create_task(borrow())
    await lent.wait()
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert manager.statistics().in_use == 0
    async with manager.acquire() as connection:
        assert await connection.scalar(text("SELECT 42")) == 42


async def test_a_connection_that_is_closed_is_replaced(small: AndamiosEngine) -> None:
    manager = ConnectionManager(small)
    async with manager.acquire() as connection:
        closed: Any = (await connection.get_raw_connection()).driver_connection
    await asyncio.to_thread(closed.close)
    async with manager.acquire() as connection:
        assert await connection.scalar(text("SELECT 42")) == 42
        assert (await connection.get_raw_connection()).driver_connection is not closed


@pytest.mark.parametrize(("wanted", "opened"), [(None, 20), (3, 3), (0, 0)])
async def test_warms_up(engine: AndamiosEngine, wanted: int | None, opened: int) -> None:
    manager = ConnectionManager(engine)
    assert await manager.warm_up(wanted) == opened
    assert manager.statistics() == PoolStatistics(size=20, limit=50, in_use=0, idle=opened, waiting=0)


async def test_warms_up_beside_connections_in_use() -> None:
    engine = create_memory_engine(pool_size=3, max_overflow=0, pool_timeout=0.01)
    manager = ConnectionManager(engine)
    async with manager.acquire():
        assert await manager.warm_up() == 2
    await engine.dispose()


@pytest.mark.parametrize("wanted", [-1, 2])
async def test_warms_up_no_more_than_the_pool_keeps(small: AndamiosEngine, wanted: int) -> None:
    with pytest.raises(ConfigurationError, match="the pool keeps 1"):
        await ConnectionManager(small).warm_up(wanted)


async def test_gives_back_what_was_opened_before_a_warm_up_failed(tmp_path: Any) -> None:
    (tmp_path / "a.db").write_text("no database")
    engine = create_engine(f"duckdb:///{tmp_path}/a.db")
    manager = ConnectionManager(engine)
    with pytest.raises(AndamiosError):
        await manager.warm_up()
    assert manager.statistics().in_use == 0


async def test_a_pool_without_a_limit_says_so() -> None:
    engine = create_memory_engine(max_overflow=-1)
    assert ConnectionManager(engine).statistics().limit == -1


def test_needs_a_pool_that_keeps_a_queue() -> None:
    with pytest.raises(ConfigurationError, match="not a NullPool"):
        ConnectionManager(create_memory_engine(poolclass=NullPool))


async def test_dispose_closes_idle_connections(file_engine: AndamiosEngine) -> None:
    manager = ConnectionManager(file_engine)
    await manager.warm_up(3)
    await manager.dispose()
    assert manager.statistics().idle == 0
    dialect: Any = file_engine.dialect
    assert all(connection.raw.closed for connection in dialect.connections)


async def test_dispose_waits_for_running_work(file_engine: AndamiosEngine) -> None:
    manager = ConnectionManager(file_engine)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        async with manager.acquire() as connection:
            await connection.execute(text("CREATE TABLE t AS SELECT 42 AS a"))
            begun.set()
            await go_on.wait()
            await connection.commit()

    working = asyncio.create_task(work())
    await begun.wait()
    disposing = asyncio.create_task(manager.dispose(timeout=60))
    await asyncio.sleep(0.02)
    assert not disposing.done()
    go_on.set()
    await disposing
    await working
    async with manager.acquire() as connection:
        assert await connection.scalar(text("SELECT a FROM t")) == 42


async def test_dispose_interrupts_what_does_not_end_in_time(file_engine: AndamiosEngine) -> None:
    manager = ConnectionManager(file_engine)
    begun: asyncio.Future[AsyncConnection] = asyncio.get_running_loop().create_future()

    async def work() -> None:
        async with manager.acquire() as connection:
            await connection.execute(text("CREATE TABLE t AS SELECT 42 AS a"))
            begun.set_result(connection)
            await connection.execute(LONG)
            await connection.commit()

    working = asyncio.create_task(work())
    await until_running(await begun)
    await manager.dispose(timeout=0.01)
    with pytest.raises(OperationalError, match="Interrupted!\nThe engine is being disposed of"):
        await working
    assert manager.statistics().in_use == 0
    async with manager.acquire() as connection:
        with pytest.raises(AndamiosError, match="t does not exist"):
            await connection.execute(text("SELECT * FROM t"))


async def test_two_may_dispose_of_an_engine_at_once(small: AndamiosEngine) -> None:
    manager = ConnectionManager(small)
    begun: asyncio.Future[AsyncConnection] = asyncio.get_running_loop().create_future()

    async def work() -> None:
        async with manager.acquire() as connection:
            begun.set_result(connection)
            await connection.execute(LONG)

    working = asyncio.create_task(work())
    await until_running(await begun)
    await asyncio.gather(manager.dispose(timeout=0), ConnectionManager(small).dispose(timeout=0))
    with pytest.raises(OperationalError, match="The engine is being disposed of"):
        await working


async def test_an_error_of_the_borrower_is_not_put_down_to_dispose(small: AndamiosEngine) -> None:
    manager = ConnectionManager(small)
    async with manager.acquire() as connection:
        disposing = asyncio.create_task(manager.dispose(timeout=0))
        await asyncio.sleep(0.02)
        with pytest.raises(exc.StatementError, match="A value is required for bind parameter 'a'"):
            await connection.execute(text("SELECT :a"))
    await disposing


async def test_a_statement_that_is_interrupted_after_dispose_says_nothing_of_it(
    small: AndamiosEngine,
) -> None:
    manager = ConnectionManager(small)
    await manager.dispose(timeout=0)
    async with manager.acquire() as connection:
        raw: Any = (await connection.get_raw_connection()).driver_connection
        working = asyncio.create_task(connection.execute(LONG))
        await until_running(connection)
        while not working.done():
            raw.stop()
            await asyncio.sleep(0.001)
        with pytest.raises(OperationalError, match="Interrupted") as caught:
            await working
    assert "disposed" not in str(caught.value)


async def test_dispose_does_not_wait_forever_for_who_keeps_a_connection(
    small: AndamiosEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("andamios_orm.core.connections._STOP_PATIENCE", 0.01)
    manager = ConnectionManager(small)
    async with manager.acquire() as kept:
        await manager.dispose(timeout=0)
        assert await kept.scalar(text("SELECT 42")) == 42
    assert manager.statistics() == PoolStatistics(size=1, limit=2, in_use=0, idle=0, waiting=0)


async def test_dispose_of_another_backend_leaves_what_it_cannot_interrupt(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/a.db")
    manager = ConnectionManager(engine)
    async with manager.acquire() as kept:
        await manager.dispose(timeout=0)
        assert await kept.scalar(text("SELECT 42")) == 42
