"""Our side of every row."""

from __future__ import annotations

import asyncio
from statistics import median
from time import perf_counter

import duckdb
from benchmarks.flights import COLUMNS, Flight, Landing, landing_rows, reset_landings
from benchmarks.footprint import import_time, resident_memory
from benchmarks.measure import longest_stall, percentile, timed
from benchmarks.raw import ACQUISITIONS, BULK_ROWS, BURST, READS, TYPED_ROWS, flight_keys
from sqlalchemy import select, text

from andamios_orm.core import AndamiosEngine, AsyncSession, ConnectionManager, SessionManager

__all__ = ["OurSide"]

_FLIGHT = Flight.__table__
_SCAN = select(*_FLIGHT.columns).where(_FLIGHT.c.id <= TYPED_ROWS)
_ACQUIRING_TASKS = 10

_MEMORY = """
from sqlalchemy import text
from andamios_orm.core import AsyncSession, create_memory_engine, run

async def main():
    global engine
    engine = create_memory_engine()
    async with AsyncSession(engine) as session:
        await session.execute(text("SELECT 42"))

run(main())
"""


class OurSide:
    """Do the work of each row with an engine and sessions of ours.

    Args:
        engine: An engine on the database with the flights.
        raw: A connection for what is not measured.
        slow: A query that takes two seconds.
    """

    def __init__(self, engine: AndamiosEngine, raw: duckdb.DuckDBPyConnection, slow: str) -> None:
        self._engine = engine
        self._raw = raw
        self._slow = text(slow)
        self._rows = [dict(zip(COLUMNS, row, strict=True)) for row in landing_rows(raw, BULK_ROWS)]

    async def point_read(self) -> float:
        """Return the median of reads by key, each through a session of its own."""
        taken = []
        for key in flight_keys(READS):
            start = perf_counter()
            await self._read(key)
            taken.append(perf_counter() - start)
        return median(taken) * 1000

    async def bulk_insert(self) -> float:
        """Write dicts with `AsyncSession.bulk_insert`."""
        reset_landings(self._raw)
        return await timed(self._insert)

    async def add_all(self) -> float:
        """Add objects and commit; making the objects is not measured."""
        reset_landings(self._raw)
        landings = [Landing(**row) for row in self._rows]
        return await timed(lambda: self._add(landings))

    async def typed_rows(self) -> float:
        """Fetch all rows of a query as named tuples."""
        return await timed(self._fetch)

    async def arrow(self) -> float:
        """Fetch all rows of a query as an Arrow table."""
        return await timed(self._fetch_arrow)

    async def in_turn(self) -> float:
        """Read by key, one read after another, each through a session of its own."""
        start = perf_counter()
        for key in flight_keys(BURST):
            await self._read(key)
        return (perf_counter() - start) * 1000

    async def burst(self) -> float:
        """Do the same reads as `in_turn` in as many tasks at once."""
        return await timed(lambda: asyncio.gather(*map(self._read, flight_keys(BURST))))

    async def stall(self) -> float:
        """Run the slow query through a session."""
        return await longest_stall(self._run_slow)

    async def acquisition(self) -> float:
        """Acquire connections of a warm pool in several tasks at once, fewer than the pool keeps."""
        manager = ConnectionManager(self._engine)
        await manager.warm_up()
        taken: list[float] = []
        await asyncio.gather(*(self._acquire(manager, taken) for _ in range(_ACQUIRING_TASKS)))
        return percentile(taken, 99) * 1000

    async def memory(self) -> float:
        """Hold one engine in memory, after one query."""
        return await resident_memory(_MEMORY)

    async def import_time(self) -> float:
        """Import `andamios_orm.core`."""
        return await import_time("import andamios_orm.core")

    async def _read(self, key: int) -> None:
        async with AsyncSession(self._engine) as session:
            await session.get_one(Flight, key)

    async def _insert(self) -> None:
        async with SessionManager(self._engine) as session:
            await session.bulk_insert(Landing, self._rows)

    async def _add(self, landings: list[Landing]) -> None:
        async with SessionManager(self._engine) as session:
            session.add_all(landings)

    async def _fetch(self) -> None:
        async with AsyncSession(self._engine) as session:
            (await session.execute(_SCAN)).all()

    async def _fetch_arrow(self) -> None:
        async with AsyncSession(self._engine) as session:
            await session.arrow(_SCAN)

    async def _run_slow(self) -> None:
        async with AsyncSession(self._engine) as session:
            await session.execute(self._slow)

    async def _acquire(self, manager: ConnectionManager, taken: list[float]) -> None:
        for _ in range(ACQUISITIONS // _ACQUIRING_TASKS):
            start = perf_counter()
            async with manager.acquire():
                taken.append(perf_counter() - start)
