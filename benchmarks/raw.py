"""The baseline of every row: duckdb itself, without SQLAlchemy, called as directly as the row allows."""

from __future__ import annotations

import asyncio
from statistics import median
from time import perf_counter

import duckdb
from benchmarks.flights import COLUMNS, landing_rows, reset_landings
from benchmarks.footprint import import_time, resident_memory
from benchmarks.measure import longest_stall, percentile, timed

__all__ = [
    "ACQUISITIONS",
    "BULK_ROWS",
    "BURST",
    "READS",
    "TYPED_ROWS",
    "RawSide",
    "flight_keys",
    "slow_query",
]

READS = 200
BURST = 1_000
BULK_ROWS = 10_000
TYPED_ROWS = 100_000
ACQUISITIONS = 1_000

_COLUMNS = ", ".join(("id", *COLUMNS))
_POINT = f"SELECT {_COLUMNS} FROM flight WHERE id = $1"  # noqa: S608 # own names
_SCAN = f"SELECT {_COLUMNS} FROM flight WHERE id <= {TYPED_ROWS}"  # noqa: S608 # own names
_SLOW = "SELECT sum(hash(range) % 7) FROM range({rows})"
_SLOW_SECONDS = 2.0
_SAMPLE = 50_000_000

_MEMORY = """
import duckdb
connection = duckdb.connect()
connection.execute("SELECT 42").fetchone()
"""


def flight_keys(count: int, of: int = 336_776) -> list[int]:
    """Return ``count`` keys, spread over the whole table in no order the engine could profit from."""
    return [1 + number * 7_919 % of for number in range(count)]


def slow_query(connection: duckdb.DuckDBPyConnection) -> str:
    """Return a query that takes about two seconds on this machine."""
    start = perf_counter()
    connection.execute(_SLOW.format(rows=_SAMPLE)).fetchall()
    return _SLOW.format(rows=int(_SAMPLE * _SLOW_SECONDS / (perf_counter() - start)))


class RawSide:
    """Do the work of each row with duckdb alone.

    Args:
        connection: A connection to the database with the flights.
        slow: A query that takes two seconds.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, slow: str) -> None:
        self.connection = connection
        self._slow = slow
        self._rows = landing_rows(connection, BULK_ROWS)

    async def point_read(self) -> float:
        """Return the median of reads by key, execute and fetchone inline."""
        taken = []
        for key in flight_keys(READS):
            start = perf_counter()
            self.connection.execute(_POINT, [key]).fetchone()
            taken.append(perf_counter() - start)
        return median(taken) * 1000

    async def bulk_insert(self) -> float:
        """Write tuples with the appender, in a transaction."""
        reset_landings(self.connection)
        return await timed(self._append)

    async def add_all(self) -> float:
        """Do the same as for `bulk_insert`: the sequence gives the keys."""
        return await self.bulk_insert()

    async def typed_rows(self) -> float:
        """Fetch all rows of a query as tuples."""
        return await timed(self._fetch)

    async def arrow(self) -> float:
        """Fetch all rows of a query as an Arrow table."""
        return await timed(self._fetch_arrow)

    async def stall(self) -> float:
        """Run the slow query on a thread of asyncio's."""
        return await longest_stall(lambda: asyncio.to_thread(self._run_slow))

    async def acquisition(self) -> float:
        """Open and close cursors, which are duckdb's connections to an open database."""
        taken = []
        for _ in range(ACQUISITIONS):
            start = perf_counter()
            cursor = self.connection.cursor()
            taken.append(perf_counter() - start)
            cursor.close()
        return percentile(taken, 99) * 1000

    async def memory(self) -> float:
        """Hold duckdb, one connection and its one query."""
        return await resident_memory(_MEMORY)

    async def import_time(self) -> float:
        """Import duckdb."""
        return await import_time("import duckdb")

    async def _append(self) -> None:
        self.connection.begin()
        with self.connection.appender("landing", columns=list(COLUMNS)) as appender:
            appender.append_rows(self._rows)
        self.connection.commit()

    def _run_slow(self) -> None:
        self.connection.execute(self._slow).fetchall()

    async def _fetch(self) -> None:
        self.connection.execute(_SCAN).fetchall()

    async def _fetch_arrow(self) -> None:
        self.connection.sql(_SCAN).to_arrow_table()
