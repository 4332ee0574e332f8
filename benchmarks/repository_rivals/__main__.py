"""Measure the everyday work of another library where ours is not installed, and print the rounds as JSON.

``python -m benchmarks.repository_rivals "Piccolo on SQLite" --rounds 3``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

import duckdb
from benchmarks.cases import compare, named
from benchmarks.flights import PARQUET, load
from benchmarks.measure import Comparison
from benchmarks.raw_works import DuckDBStore, RawWorks
from benchmarks.repository_rivals.sqlite import SQLiteStore
from benchmarks.works import CASES, WorksSide

_ON_DUCKDB = "Advanced Alchemy on DuckDB"
RIVALS = {
    "Advanced Alchemy on SQLite": ("advanced_alchemy", "on_aiosqlite"),
    _ON_DUCKDB: ("advanced_alchemy", "on_duckdb"),
    "SQLModel on SQLite": ("sqlmodel", "on_aiosqlite"),
    "Tortoise on SQLite": ("tortoise", "on_sqlite"),
    "Piccolo on SQLite": ("piccolo", "on_sqlite"),
}
"""The module of each, and what opens its works on a file."""


@asynccontextmanager
async def _sides(rival: str, folder: Path, data: Path) -> AsyncIterator[tuple[WorksSide, WorksSide]]:
    # Raw duckdb, and the rival.
    opened = getattr(import_module(f"benchmarks.repository_rivals.{RIVALS[rival][0]}"), RIVALS[rival][1])
    file = folder / "flights.duckdb"
    if rival == _ON_DUCKDB:
        # A file of DuckDB's is open once, with one configuration: that of the dialect.
        async with opened(file) as works:
            with works.connection() as connection:
                raw, store = _raw(connection, data)
                yield raw, WorksSide(works, store, connection)
        return
    with duckdb.connect(file) as connection:
        raw, _ = _raw(connection, data)
        other = folder / "flights.sqlite"
        with closing(SQLiteStore(other, connection)) as sqlite:
            async with opened(other) as works:
                yield raw, WorksSide(works, sqlite, connection)


def _raw(connection: duckdb.DuckDBPyConnection, data: Path) -> tuple[WorksSide, DuckDBStore]:
    load(connection, data)
    store = DuckDBStore(connection)
    return WorksSide(RawWorks(connection), store, connection), store


async def _measure(options: argparse.Namespace, folder: Path) -> dict[str, Comparison]:
    cases = named(CASES, options.only)
    async with _sides(options.rival, folder, options.data) as (raw, side):
        return await compare(cases, raw, side, options.rounds, lambda name, number: None)


def _event_loop() -> asyncio.AbstractEventLoop:
    with suppress(ImportError):
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.new_event_loop()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rival", choices=RIVALS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--data", type=Path, default=PARQUET, metavar="FILE")
    return parser.parse_args()


def main() -> None:
    """Measure the rival that the command line names."""
    warnings.simplefilter("ignore")
    options = _options()
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=_event_loop) as runner:
        comparisons: dict[str, Any] = runner.run(_measure(options, Path(folder)))
    json.dump({name: asdict(comparison) for name, comparison in comparisons.items()}, sys.stdout)


if __name__ == "__main__":
    main()
