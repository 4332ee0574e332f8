"""Faults that pass: time limits, an overloaded pool, a file that another process holds."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import cast

from sqlalchemy import text

from andamios_orm.core import (
    AsyncSession,
    ConnectionResilience,
    create_file_engine,
    create_memory_engine,
    run,
)
from andamios_orm.core.errors import PoolTimeoutError, QueryTimeoutError

HOLDER = (
    "import duckdb, sys, time; held = duckdb.connect(sys.argv[1]); print('held', flush=True); time.sleep(1)"
)
ENDLESS = text("SELECT sum(hash(a.range + b.range)) FROM range(1_000_000_000) a, range(1_000_000_000) b")


async def answer(session: AsyncSession) -> int:
    """Ask something short."""
    return int(await session.scalar(text("SELECT 42")) or 0)


async def limit_time() -> None:
    """Stop a statement that takes too long: for the engine, for a session, or for one call."""
    engine = create_memory_engine(statement_timeout=60)
    async with AsyncSession(engine, statement_timeout=10) as session:
        try:
            await session.execute(ENDLESS, execution_options={"statement_timeout": 0.2})
        except QueryTimeoutError as error:
            print("stopped:", str(error).splitlines()[0])
    await engine.dispose()


async def shed_load() -> None:
    """Refuse at once what would wait too long."""
    engine = create_memory_engine(pool_size=2, max_overflow=0, max_waiting=5)

    async def read() -> int:
        async with AsyncSession(engine) as session:
            return await answer(session)

    results = await asyncio.gather(*(read() for _ in range(20)), return_exceptions=True)
    refused = sum(isinstance(result, PoolTimeoutError) for result in results)
    print(f"{len(results) - refused} of 20 tasks were served, {refused} refused at once")
    await engine.dispose()


async def wait_for_a_file() -> None:
    """Retry while another process has the file, here for one second."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shared.duckdb"
        holder = await asyncio.create_subprocess_exec(
            sys.executable, "-c", HOLDER, str(path), stdout=asyncio.subprocess.PIPE
        )
        await cast("asyncio.StreamReader", holder.stdout).readline()
        engine = create_file_engine(path)
        retried = ConnectionResilience(
            engine, attempts=20, on_retry=lambda fault: print("waiting:", type(fault).__name__)
        )
        print("the file answers:", await retried.execute_with_retry(answer))
        await engine.dispose()
        await holder.wait()


async def main() -> None:
    """Show the three."""
    await limit_time()
    await shed_load()
    await wait_for_a_file()


if __name__ == "__main__":
    run(main())
