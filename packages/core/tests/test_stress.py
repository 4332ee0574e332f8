"""What holds when everything happens at once: cancellation, concurrency, and death."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from andamios_orm.core import (
    AndamiosEngine,
    AsyncSession,
    SessionManager,
    create_file_engine,
    create_memory_engine,
)
from andamios_orm.core.errors import TransactionConflictError

SLOW = "SELECT count(*) FROM range(50000000000) t(i) WHERE i % 7 = 3"


async def test_cancellation_at_random() -> None:
    """200 tasks, slow and fast queries: no deadlock, no leaked connection, no wrong row, a full pool."""
    engine, dice = create_memory_engine(pool_size=8, max_overflow=4), random.Random(7)
    wrong: list[Any] = []

    async def work(number: int) -> None:
        async with engine.connect() as connection:
            for step in range(20):
                expected = number * 1000 + step
                sql = SLOW if dice.random() < 0.1 else f"SELECT {expected}"
                found = await connection.scalar(text(sql))
                if found != expected:
                    wrong.append((expected, found))
                await connection.execute(text("CREATE TEMPORARY TABLE IF NOT EXISTS t (i INTEGER)"))
                await (connection.commit() if step % 2 else connection.rollback())

    tasks = [asyncio.create_task(work(number)) for number in range(200)]
    while not all(task.done() for task in tasks):
        await asyncio.sleep(0.01)
        for task in dice.sample(tasks, 20):
            task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} <= {asyncio.CancelledError, type(None)}
    assert wrong == []
    await _pool_is_full_again(engine, 12)
    await engine.dispose()


async def _pool_is_full_again(engine: AndamiosEngine, limit: int) -> None:
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined] # a queue pool
    connections: list[AsyncConnection] = [await engine.connect() for _ in range(limit)]
    for connection in connections:
        assert await connection.scalar(text("SELECT 42")) == 42
        await connection.close()


async def test_a_thousand_tasks_through_fifty_connections() -> None:
    """Reading and writing at once: exact counts, bounded threads."""
    engine = create_memory_engine(pool_size=20, max_overflow=30, worker_threads=6)
    async with SessionManager(engine) as session:
        await session.execute(text("CREATE TABLE t (i INTEGER PRIMARY KEY, n INTEGER)"))

    async def work(number: int) -> int:
        async with SessionManager(engine) as session:
            await session.execute(text("INSERT INTO t VALUES (:i, :n)"), {"i": number, "n": number * 2})
            found: int = await session.scalar(text("SELECT n FROM t WHERE i = :i"), {"i": number})
        return found

    assert await asyncio.gather(*(work(number) for number in range(1000))) == [
        number * 2 for number in range(1000)
    ]
    async with AsyncSession(engine) as session:
        assert (await session.execute(text("SELECT count(*), sum(i), sum(n) FROM t"))).one() == (
            1000,
            499500,
            999000,
        )
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("andamios-duckdb")]
    assert engine.sync_engine.dialect.workers.threads <= 6  # type: ignore[attr-defined] # our dialect
    assert len(threads) >= 1
    await engine.dispose()


async def test_a_counter_under_contention_loses_nothing() -> None:
    """Each increment is one transaction that is tried again after a conflict."""
    engine, tasks = create_memory_engine(pool_size=8, max_overflow=4), 40
    async with SessionManager(engine) as session:
        await session.execute(text("CREATE TABLE counter (n INTEGER); INSERT INTO counter VALUES (0)"))

    async def increment() -> int:
        conflicts = 0
        while True:
            try:
                async with SessionManager(engine) as session:
                    seen = await session.scalar(text("SELECT n FROM counter"))
                    await session.execute(text("UPDATE counter SET n = :n"), {"n": seen + 1})
            except TransactionConflictError:
                conflicts += 1
                await asyncio.sleep(0.001 * conflicts)
            else:
                return conflicts

    conflicts = await asyncio.gather(*(increment() for _ in range(tasks)))
    assert sum(conflicts) > 0
    async with AsyncSession(engine) as session:
        assert await session.scalar(text("SELECT n FROM counter")) == tasks
    await engine.dispose()


WRITER = """
import asyncio, sys
from andamios_orm.core import SessionManager, create_file_engine
from sqlalchemy import text

async def main():
    engine = create_file_engine(sys.argv[1])
    async with SessionManager(engine) as session:
        await session.execute(text("CREATE TABLE IF NOT EXISTS t (batch INTEGER, part INTEGER)"))
    async def write(batch):
        async with SessionManager(engine) as session:
            for part in range(3):
                await session.execute(text("INSERT INTO t VALUES (:b, :p)"), {"b": batch, "p": part})
        print(batch, flush=True)
    for start in range(int(sys.argv[2]), 100000000, 4):
        await asyncio.gather(*(write(start + n) for n in range(4)))

asyncio.run(main())
"""


@pytest.mark.parametrize("acknowledged", [5, 60])
async def test_a_file_survives_kill_9(tmp_path: Path, acknowledged: int) -> None:
    """Every acknowledged transaction is in the file, and none by half."""
    path, told = tmp_path / "killed.db", set[int]()
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(path), "0", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert writer.stdout is not None
    while len(told) < acknowledged:
        told.add(int(await writer.stdout.readline()))
    writer.send_signal(signal.SIGKILL)
    told |= {int(line) for line in (await writer.stdout.read()).splitlines() if line.strip()}
    await writer.wait()
    engine = create_file_engine(path)
    async with engine.connect() as connection:
        rows = await connection.execute(text("SELECT batch, count(*) FROM t GROUP BY batch"))
        found: dict[int, int] = dict(tuple(row) for row in rows)
    await engine.dispose()
    assert told <= set(found)
    assert set(found.values()) == {3}
