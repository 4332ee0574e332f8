"""A health check answers in time, whatever the database, its pool and its threads are doing."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection

from andamios_orm.core import AndamiosEngine, create_engine, create_file_engine, create_memory_engine
from andamios_orm.core.observability import health as checks
from andamios_orm.core.observability.health import HealthChecker, HealthState

from ..services import POSTGRESQL, require

LONG = text("SELECT sum(hash(a.range + b.range)) FROM range(1_000_000_000) a, range(1_000_000_000) b")

HOLD = """
import sys, duckdb
held = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def patient(engine: AndamiosEngine) -> HealthChecker:
    """A checker that a busy machine does not mislead."""
    return HealthChecker(engine, timeout=60.0, slow=60.0)


@pytest.fixture
async def health(engine: AndamiosEngine) -> AsyncIterator[HealthChecker]:
    """A checker of a database in memory."""
    health = patient(engine)
    yield health
    health.close()


async def test_a_database_in_memory_is_healthy(health: HealthChecker) -> None:
    status = await health.check_database_connectivity()
    assert (status.state, status.error) == (HealthState.HEALTHY, None)
    assert status.latency is not None
    assert 0 < status.latency < 60
    assert (status.path, status.size, status.wal_size) == (None, None, None)


async def test_tells_the_version(health: HealthChecker, engine: AndamiosEngine) -> None:
    status = await health.check_database_connectivity()
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT version()")) == f"v{status.version}"


async def test_tells_the_sizes_of_a_file(tmp_path: Path) -> None:
    engine = create_file_engine(tmp_path / "test.db")
    health = patient(engine)
    new = await health.check_database_connectivity()
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE t AS SELECT range FROM range(10)"))
    status = await health.check_database_connectivity()
    assert (new.state, status.state) == (HealthState.HEALTHY, HealthState.HEALTHY)
    assert status.path == str(tmp_path / "test.db")
    assert status.size == (tmp_path / "test.db").stat().st_size
    assert status.wal_size == (tmp_path / "test.db.wal").stat().st_size > 0
    await engine.dispose()


async def test_a_path_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    engine = create_engine("duckdb:///test.db")
    status = await patient(engine).check_database_connectivity()
    assert status.path == str(tmp_path / "test.db")
    await engine.dispose()


async def test_a_file_that_is_gone_is_unhealthy(tmp_path: Path) -> None:
    engine = create_file_engine(tmp_path / "test.db")
    health = patient(engine)
    await health.check_database_connectivity()
    (tmp_path / "test.db").unlink()
    status = await health.check_database_connectivity()
    assert (status.state, status.size, status.wal_size) == (HealthState.UNHEALTHY, None, None)
    assert status.path == str(tmp_path / "test.db")
    assert "the file is gone" in str(status.error)
    await engine.dispose()


async def test_a_file_that_another_process_holds_is_unhealthy(tmp_path: Path) -> None:
    file = tmp_path / "test.db"
    command = [sys.executable, "-c", HOLD, str(file)]
    holder = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert holder.stdout is not None
    await holder.stdout.readline()
    engine = create_file_engine(file)
    status = await patient(engine).check_database_connectivity()
    await engine.dispose()
    await holder.communicate(b"")
    assert status.state is HealthState.UNHEALTHY
    assert f"PID {holder.pid}" in str(status.error)
    assert status.latency is None
    assert status.size is not None


async def test_a_file_that_is_no_database_is_unhealthy(tmp_path: Path) -> None:
    (tmp_path / "test.db").write_text("no database " * 10_000)
    engine = create_file_engine(tmp_path / "test.db")
    status = await patient(engine).check_database_connectivity()
    assert status.state is HealthState.UNHEALTHY
    assert "not a valid DuckDB database file" in str(status.error)
    await engine.dispose()


async def test_a_slow_answer_is_degraded(engine: AndamiosEngine) -> None:
    status = await HealthChecker(engine, timeout=60.0, slow=0.0).check_database_connectivity()
    assert status.state is HealthState.DEGRADED
    assert "the answer took" in str(status.error)


async def test_an_exhausted_pool_is_degraded() -> None:
    engine = create_memory_engine(pool_size=1, max_overflow=0)
    health = HealthChecker(engine, timeout=0.1)
    async with engine.connect():
        status = await asyncio.wait_for(health.check_database_connectivity(), 10)
        pool = await health.check_pool_health()
    assert status.state is HealthState.DEGRADED
    assert status.error == "no connection was free within 0.1 s"
    assert (pool.state, pool.in_use, pool.limit) == (HealthState.DEGRADED, 1, 1)
    assert (await patient(engine).check_database_connectivity()).state is HealthState.HEALTHY
    assert (await health.check_pool_health()).waiting == 0
    await engine.dispose()


async def test_a_pool_that_gives_up_first_is_degraded_too() -> None:
    engine = create_memory_engine(pool_size=1, max_overflow=0, pool_timeout=0.01)
    async with engine.connect():
        status = await patient(engine).check_database_connectivity()
    assert status.state is HealthState.DEGRADED
    assert "the pool opens at most 1" in str(status.error)
    await engine.dispose()


async def running(connection: AsyncConnection) -> asyncio.Task[object]:
    """Start a statement that takes for ever, and wait until it runs."""
    raw = (await connection.get_raw_connection()).driver_connection
    task: asyncio.Task[object] = asyncio.create_task(connection.execute(LONG))
    while not raw._busy.locked():  # type: ignore[union-attr] # a RawConnection
        await asyncio.sleep(0.001)
    return task


async def test_busy_threads_do_not_hold_a_check_up() -> None:
    engine = create_memory_engine(worker_threads=1)
    health = HealthChecker(engine, timeout=0.2)
    await health.check_database_connectivity()
    async with engine.connect() as connection:
        task = await running(connection)
        status = await asyncio.wait_for(health.check_database_connectivity(), 10)
        task.cancel()
        await asyncio.wait((task,))
    assert (status.state, status.latency) == (HealthState.UNHEALTHY, None)
    assert status.error == "no answer within 0.2 s"
    assert (await patient(engine).check_database_connectivity()).state is HealthState.HEALTHY
    await engine.dispose()


async def test_a_cancelled_check_leaves_no_connection_behind() -> None:
    engine = create_memory_engine(worker_threads=1)
    health = patient(engine)
    async with engine.connect() as connection:
        task = await running(connection)
        check = asyncio.create_task(health.check_database_connectivity())
        await asyncio.sleep(0.05)
        check.cancel()
        with pytest.raises(asyncio.CancelledError):
            await check
        task.cancel()
        await asyncio.wait((task,))
    while (await health.check_pool_health()).in_use:
        await asyncio.sleep(0.01)
    await engine.dispose()


async def test_a_look_at_the_file_that_takes_too_long_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "_ANSWER", 0.99)
    engine = create_file_engine(tmp_path / "test.db")
    release = threading.Event()
    with ThreadPoolExecutor(1) as executor:
        asyncio.get_running_loop().set_default_executor(executor)
        busy = asyncio.get_running_loop().run_in_executor(None, release.wait)
        status = await HealthChecker(engine, timeout=10.0, slow=60.0).check_database_connectivity()
        release.set()
        await busy
    assert (status.state, status.path) == (HealthState.HEALTHY, None)
    await engine.dispose()


async def test_a_server_that_is_not_there_is_unhealthy() -> None:
    engine = create_engine("postgresql://ada:s3cr3t@127.0.0.1:1/shop")
    status = await patient(engine).check_database_connectivity()
    assert (status.state, status.path, status.version) == (HealthState.UNHEALTHY, None, None)
    assert "Connect call failed" in str(status.error)
    assert "s3cr3t" not in str(status)
    await engine.dispose()


async def test_a_credential_in_an_error_is_not_told(engine: AndamiosEngine, health: HealthChecker) -> None:
    @event.listens_for(engine.sync_engine, "do_connect")
    def refuse(*arguments: Any) -> None:
        raise ConnectionError("cannot reach redis://:s3cr3t@h with token=s3cr3t")

    status = await health.check_database_connectivity()
    assert status.error == "cannot reach redis://:***@h with token=***"


async def test_a_server_has_a_version_and_no_file() -> None:
    engine = create_engine(require(POSTGRESQL))
    status = await patient(engine).check_database_connectivity()
    assert status.state is HealthState.HEALTHY
    assert str(status.version)[0].isdigit()
    assert (status.path, status.size, status.wal_size) == (None, None, None)
    await engine.dispose()


async def test_sqlite_has_a_file_too(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/test.db")
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE t (a int)"))
    status = await patient(engine).check_database_connectivity()
    assert status.state is HealthState.HEALTHY
    assert (status.size, status.wal_size) == ((tmp_path / "test.db").stat().st_size, 0)
    await engine.dispose()


async def test_a_pool_without_a_queue_is_not_counted() -> None:
    engine = create_engine("sqlite://")
    health = patient(engine)
    assert (await health.check_database_connectivity()).state is HealthState.HEALTHY
    pool = await health.check_pool_health()
    assert (pool.state, pool.in_use, pool.limit) == (HealthState.HEALTHY, None, None)
    assert pool.acquire_p50 is not None
    await engine.dispose()


async def test_a_pool_tells_what_it_holds(engine: AndamiosEngine, health: HealthChecker) -> None:
    assert (await health.check_pool_health()).acquire_p50 is None
    async with engine.connect():
        pool = await health.check_pool_health()
    assert (pool.state, pool.in_use, pool.idle, pool.waiting, pool.limit) == (
        HealthState.HEALTHY,
        1,
        0,
        0,
        50,
    )


async def test_a_pool_without_a_limit_is_never_exhausted() -> None:
    engine = create_memory_engine(pool_size=1, max_overflow=-1)
    async with engine.connect(), engine.connect():
        pool = await patient(engine).check_pool_health()
    assert (pool.state, pool.in_use, pool.limit) == (HealthState.HEALTHY, 2, -1)
    await engine.dispose()


async def test_tells_how_long_acquisitions_took() -> None:
    engine = create_memory_engine(pool_size=1, max_overflow=0)
    health = patient(engine)
    for _ in range(20):
        async with engine.connect():
            pass
    async with engine.connect():
        waiting = asyncio.create_task(engine.connect().start())
        await asyncio.sleep(0.3)
    await (await waiting).close()
    pool = await health.check_pool_health()
    assert pool.acquire_p50 is not None
    assert pool.acquire_p99 is not None
    assert pool.acquire_p50 < 0.3 <= pool.acquire_p99 + 0.01
    await engine.dispose()


async def test_a_connection_that_did_not_come_has_no_time() -> None:
    engine = create_memory_engine(connect_args={"config": {"threads": "many"}})
    health = patient(engine)
    assert (await health.check_database_connectivity()).state is HealthState.UNHEALTHY
    assert (await health.check_pool_health()).acquire_p50 is None
    await engine.dispose()


async def test_times_nothing_after_its_end(engine: AndamiosEngine, health: HealthChecker) -> None:
    health.close()
    health.close()
    assert (await health.check_database_connectivity()).state is HealthState.HEALTHY
    assert (await health.check_pool_health()).acquire_p50 is None


async def test_json_can_hold_what_is_told(health: HealthChecker) -> None:
    status = (await health.check_database_connectivity()).as_dict()
    pool = (await health.check_pool_health()).as_dict()
    assert json.loads(json.dumps([status, pool])) == [status, pool]
    assert (status["state"], pool["state"]) == ("healthy", "healthy")
    assert type(status["state"]) is str
