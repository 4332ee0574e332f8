"""Keep the rows of a query and other values until their tables change, here and in other processes.

It uses the Redis at ANDAMIOS_REDIS_URL (redis://127.0.0.1:6379 by default) if one listens there, and runs
without one.
"""

from __future__ import annotations

import asyncio
import os

from sqlalchemy import func, insert, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import CacheManager, CachePolicy, SessionManager, create_memory_engine, run
from andamios_orm.core.errors import NotSupportedError


class Base(DeclarativeBase):
    """The models of this example."""


class Flight(Base):
    """A departure."""

    __tablename__ = "flight"

    id: Mapped[int] = mapped_column(primary_key=True)
    carrier: Mapped[str]
    delay: Mapped[int]


engine = create_memory_engine()

mean_delays = (
    select(Flight.carrier, func.avg(Flight.delay).label("mean"))
    .group_by(Flight.carrier)
    .order_by(Flight.carrier)
    .execution_options(cache=CachePolicy(ttl=60))
)


async def report() -> list[tuple[str, float]]:
    """Return the mean delays, from the cache where it has them."""
    async with SessionManager(engine) as session:
        return [(row.carrier, row.mean) for row in await session.execute(mean_delays)]


async def worst() -> dict[str, object]:
    """Compute something that takes long; any value of plain types may be kept."""
    print("  (computing)")
    async with SessionManager(engine) as session:
        return {"minutes": await session.scalar(select(func.max(Flight.delay)))}


async def main() -> None:
    """Read twice, write, read again; ask for one value from many tasks; be refused."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        await connection.execute(insert(Flight), [{"carrier": "UA", "delay": n} for n in range(10)])

    redis = os.environ.get("ANDAMIOS_REDIS_URL", "redis://127.0.0.1:6379")
    async with CacheManager(engine, redis=redis) as cache:
        shared = cache.statistics().connected
        print("with Redis" if shared else f"no Redis at {redis.rpartition('@')[2]}: this process alone")

        await report()
        print("second time:", await report(), f"({cache.statistics().memory_hits} from the cache)")

        async with SessionManager(engine) as session:
            session.add(Flight(carrier="AA", delay=90))
            print("nobody sees what is not committed:", await report())
        print("after the commit:", await report())

        values = await asyncio.gather(
            *(cache.get_or_load("worst", worst, tables=[Flight]) for _ in range(100))
        )
        print("100 tasks, computed once:", values[0])

        await cache.set_cached_result("motto", ("per", "aspera"), ttl=5)
        print("kept for 5 seconds:", await cache.get_cached_result("motto"))

        try:
            async with SessionManager(engine) as session:
                await session.execute(select(Flight).execution_options(cache=CachePolicy()))
        except NotSupportedError as error:
            print("objects:", str(error).splitlines()[0])
    await engine.dispose()


if __name__ == "__main__":
    run(main())
