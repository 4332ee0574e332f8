"""What data access does every day, as the rows of a table, and how each of them is measured."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from statistics import median
from time import perf_counter
from typing import Any, Protocol

import duckdb
from benchmarks.cases import Bound, Case
from benchmarks.flights import COLUMNS, landing_rows
from benchmarks.measure import timed
from benchmarks.raw import flight_keys

__all__ = ["CASES", "Store", "Works", "WorksSide"]

_BULK = 10_000
_SINGLE = 50
"""Objects that are written one by one."""
_READS = 200
_LISTED = 1_000
_PAGE = 100
_CARRIER, _ITS_FLIGHTS = "UA", 58_665
_CARRIERS = 16
_DELAY = 7_777
"""Minutes that no flight had, to tell the rows that were changed."""

_RAW = "raw duckdb"

CASES = (
    Case("create_one", "create 1, committed", _RAW, "ms", Bound(), Bound()),
    Case(
        "get_one", "get 1 by key, in a fresh session", _RAW, "ms",
        Bound(ratio=1.8), Bound(ratio=1.4), repeats=3,
    ),
    Case("update_one", "update 1 by key, committed", _RAW, "ms", Bound(), Bound()),
    Case(
        "create_many", "create_many 10,000", "the appender", "ms",
        Bound(ratio=2, value=100), Bound(ratio=1.5, value=50), repeats=3,
    ),
    Case(
        "upsert_many", "upsert_many 10,000, half new", "the appender, ON CONFLICT", "ms",
        Bound(value=250), Bound(value=150),
    ),
    Case("list_many", "list 1,000", "fetchall", "ms", Bound(), Bound(), repeats=5),
    Case(
        "list_and_count", "list_and_count: 100 of 58,665", "two statements", "ms",
        Bound(), Bound(), repeats=5,
    ),
    Case("aggregate", "aggregate 336,776 rows by carrier", _RAW, "ms", Bound(), Bound(), repeats=5),
)  # fmt: skip


class Works(Protocol):
    """The work of each row, as the users of a library do it: a session for each, committed if it writes."""

    async def create(self, row: dict[str, Any], /) -> object:
        """Write a landing, whose key the database generates."""
        ...

    async def get(self, key: int, /) -> object:
        """Return a flight."""
        ...

    async def update(self, key: int, delay: int, /) -> object:
        """Change the departure delay of a landing."""
        ...

    async def create_many(self, rows: list[dict[str, Any]], /) -> object:
        """Write landings, all or none, whose keys the database generates."""
        ...

    async def upsert_many(self, rows: list[dict[str, Any]], /) -> object:
        """Write landings with keys, all or none, some of which are there."""
        ...

    async def list(self, limit: int, /) -> Sequence[object]:
        """Return the first flights, ordered by key."""
        ...

    async def list_and_count(self, carrier: str, limit: int, /) -> tuple[Sequence[object], int]:
        """Return the first flights of an airline, ordered by key, and how many it has."""
        ...

    async def aggregate(self) -> Sequence[object]:
        """Return for each airline how many flights it has, their mean delay and the longest distance."""
        ...


class Store(Protocol):
    """The database of a side, without its library."""

    def fill(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Make the landings anew from rows with keys."""
        ...

    def count(self, condition: str) -> int:
        """Return for how many landings a condition in SQL holds."""
        ...


class WorksSide:
    """Measure the work of each row, and check that it was done.

    Args:
        works: Does the work.
        store: The database that it works on.
        flights: A connection of DuckDB's to the flights.
    """

    def __init__(self, works: Works, store: Store, flights: duckdb.DuckDBPyConnection) -> None:
        self._works = works
        self._store = store
        rows = [dict(zip(COLUMNS, row, strict=True)) for row in landing_rows(flights, _BULK)]
        self._rows = [(key, *row.values()) for key, row in enumerate(rows, 1)]
        self._new = [row | {"dep_delay": _DELAY} for row in rows]
        self._keyed = [{"id": key} | row for key, row in enumerate(self._new, 1)]

    async def create_one(self) -> float:
        """Return the median of rows that are written one by one."""
        self._store.fill([])
        taken = await _median(self._works.create, self._new[:_SINGLE])
        self._check("landings", self._changed(), _SINGLE)
        return taken

    async def get_one(self) -> float:
        """Return the median of reads by key."""
        return await _median(self._works.get, flight_keys(_READS))

    async def update_one(self) -> float:
        """Return the median of rows that are changed one by one."""
        self._store.fill(self._rows)
        taken = await _median(lambda key: self._works.update(key, _DELAY), flight_keys(_SINGLE, _BULK))
        self._check("changed landings", self._changed(), _SINGLE)
        return taken

    async def create_many(self) -> float:
        """Write rows, given as dicts."""
        self._store.fill([])
        taken = await timed(lambda: self._works.create_many(self._new))
        self._check("landings", self._changed(), _BULK)
        return taken

    async def upsert_many(self) -> float:
        """Write rows, given as dicts, every second of which is there."""
        self._store.fill(self._rows[::2])
        taken = await timed(lambda: self._works.upsert_many(self._keyed))
        self._check("changed landings", self._changed(), _BULK)
        return taken

    async def list_many(self) -> float:
        """Read the first rows."""
        start = perf_counter()
        found = await self._works.list(_LISTED)
        taken = perf_counter() - start
        self._check("flights", len(found), _LISTED)
        return taken * 1000

    async def list_and_count(self) -> float:
        """Read a page of rows for which a condition holds, and their number."""
        start = perf_counter()
        found, count = await self._works.list_and_count(_CARRIER, _PAGE)
        taken = perf_counter() - start
        self._check("flights", (len(found), count), (_PAGE, _ITS_FLIGHTS))
        return taken * 1000

    async def aggregate(self) -> float:
        """Sum all rows up."""
        start = perf_counter()
        found = await self._works.aggregate()
        taken = perf_counter() - start
        self._check("airlines", len(found), _CARRIERS)
        return taken * 1000

    def _changed(self) -> int:
        return self._store.count(f"dep_delay = {_DELAY}")

    def _check(self, what: str, found: object, expected: object) -> None:
        if found != expected:
            raise RuntimeError(f"{type(self._works).__name__}: {found} {what}, not {expected}")


async def _median(work: Callable[[Any], Awaitable[object]], items: Iterable[Any]) -> float:
    taken = []
    for item in items:
        start = perf_counter()
        await work(item)
        taken.append(perf_counter() - start)
    return median(taken) * 1000
