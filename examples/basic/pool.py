"""Look after the pool: warm it up, lend a connection, see how many are in use, give up in time, shut down."""

from __future__ import annotations

import asyncio

from sqlalchemy import text

from andamios_orm.core import ConnectionManager, create_memory_engine, run
from andamios_orm.core.errors import PoolTimeoutError


async def main() -> None:
    """Use both connections of a pool of two, and ask for a third."""
    engine = create_memory_engine(pool_size=2, max_overflow=0)
    manager = ConnectionManager(engine)
    await manager.warm_up()
    print(manager.statistics())

    async with manager.acquire() as one, manager.acquire() as other:
        print(await one.scalar(text("SELECT 'one'")), await other.scalar(text("SELECT 'and another'")))
        try:
            async with manager.acquire(timeout=0.05):
                print("not reached")
        except PoolTimeoutError as error:
            print(error)
        print(manager.statistics())

    started = asyncio.Event()

    async def count() -> int:
        async with manager.acquire() as connection:
            started.set()
            return len((await connection.execute(text("FROM range(1_000_000)"))).all())

    running = asyncio.create_task(count())
    await started.wait()
    await manager.dispose(timeout=10)  # waits for the count, and would interrupt it after ten seconds
    print(f"counted {await running:,} rows before the end")


if __name__ == "__main__":
    run(main())
