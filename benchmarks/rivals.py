"""Measure another SQLAlchemy dialect for DuckDB where ours is not installed, and print the rounds as JSON.

``python -m benchmarks.rivals duckdb-engine --rounds 5``. Such a dialect is synchronous: an application on
asyncio hands each unit of work to ``asyncio.to_thread``, and so does this program.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.cases import CASES, compare, named
from benchmarks.flights import COLUMNS, DATABASE, PARQUET, Flight, Landing, landing_rows, load, reset_landings
from benchmarks.footprint import import_time, resident_memory
from benchmarks.measure import longest_stall, percentile, timed
from benchmarks.raw import ACQUISITIONS, BULK_ROWS, BURST, READS, TYPED_ROWS, RawSide, flight_keys, slow_query
from sqlalchemy import Engine, create_engine, insert, select, text
from sqlalchemy.dialects import registry
from sqlalchemy.orm import Session

MODULES = {"duckdb-engine": "duckdb_engine", "duckdb-sqlalchemy": "duckdb_sqlalchemy"}

_SCAN = select(*Flight.__table__.columns).where(Flight.id <= TYPED_ROWS)

_IMPORT = "import sqlalchemy.orm, {module}"

_MEMORY = """
import sqlalchemy.orm
from sqlalchemy.dialects import registry
registry.register("duckdb.rival", "{module}", "Dialect")
engine = sqlalchemy.create_engine("duckdb+rival:///:memory:")
with sqlalchemy.orm.Session(engine) as session:
    session.execute(sqlalchemy.text("SELECT 42"))
"""


class RivalSide:
    """Do the work of each row with a synchronous engine, off the loop.

    Args:
        module: Where its ``Dialect`` is.
        engine: An engine on the database with the flights.
        raw: A connection for what is not measured.
        slow: A query that takes two seconds.
    """

    def __init__(self, module: str, engine: Engine, raw: Any, slow: str) -> None:
        self._module = module
        self._engine = engine
        self._raw = raw
        self._slow = slow
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
        """Execute an INSERT with many dicts."""
        reset_landings(self._raw)
        return await self._timed(lambda session: session.execute(insert(Landing), self._rows))

    async def add_all(self) -> float:
        """Add objects and commit; making the objects is not measured."""
        reset_landings(self._raw)
        landings = [Landing(**row) for row in self._rows]
        return await self._timed(lambda session: session.add_all(landings))

    async def typed_rows(self) -> float:
        """Fetch all rows of a query as named tuples."""
        return await self._timed(lambda session: session.execute(_SCAN).all())

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
        return await longest_stall(
            lambda: self._in_session(lambda session: session.execute(text(self._slow)).all())
        )

    async def acquisition(self) -> float:
        """Acquire a connection of a warm pool again and again."""
        taken = []
        for _ in range(ACQUISITIONS):
            start = perf_counter()
            connection = await asyncio.to_thread(self._engine.connect)
            taken.append(perf_counter() - start)
            await asyncio.to_thread(connection.close)
        return percentile(taken, 99) * 1000

    async def memory(self) -> float:
        """Hold one engine in memory, after one query."""
        return await resident_memory(_MEMORY.format(module=self._module))

    async def import_time(self) -> float:
        """Import the dialect, and what a session takes."""
        return await import_time(_IMPORT.format(module=self._module))

    async def _read(self, key: int) -> None:
        await self._in_session(lambda session: session.get_one(Flight, key))

    async def _timed(self, work: Callable[[Session], object]) -> float:
        return await timed(lambda: self._in_session(work))

    async def _in_session(self, work: Callable[[Session], object]) -> None:
        await asyncio.to_thread(partial(_run, self._engine, work))


class ArrowRivalSide(RivalSide):
    """Do the same with duckdb-sqlalchemy, which gives Arrow tables too."""

    async def arrow(self) -> float:
        """Fetch all rows of a query as an Arrow table."""
        return await self._timed(_arrow_table)


def _arrow_table(session: Session) -> object:
    result: Any = session.connection().execute(_SCAN, execution_options={"duckdb_arrow": True})
    return result.arrow


def _run(engine: Engine, work: Callable[[Session], object]) -> None:
    with Session(engine, expire_on_commit=False) as session:
        work(session)
        session.commit()


def _event_loop() -> asyncio.AbstractEventLoop:
    with suppress(ImportError):
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.new_event_loop()


async def _measure(options: argparse.Namespace) -> dict[str, Any]:
    module = MODULES[options.rival]
    registry.register("duckdb.rival", module, "Dialect")
    engine = create_engine(f"duckdb+rival:///{DATABASE}", pool_size=20, max_overflow=30)
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        raw = driver.duplicate()
        load(raw, options.data)
    slow = slow_query(raw)
    side = (ArrowRivalSide if options.rival == "duckdb-sqlalchemy" else RivalSide)(module, engine, raw, slow)
    return await compare(
        named(CASES, options.only), RawSide(raw, slow), side, options.rounds, lambda name, number: None
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rival", choices=MODULES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--data", type=Path, default=PARQUET, metavar="FILE")
    return parser.parse_args()


def main() -> None:
    """Measure the rival that the command line names."""
    warnings.simplefilter("ignore")
    with asyncio.Runner(loop_factory=_event_loop) as runner:
        comparisons = runner.run(_measure(_options()))
    json.dump({name: asdict(comparison) for name, comparison in comparisons.items()}, sys.stdout)


if __name__ == "__main__":
    main()
