"""Print what everyday work costs through repositories, beside raw duckdb and other libraries."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
from benchmarks.cases import Case, compare, named
from benchmarks.environments import measured_rivals
from benchmarks.flights import PARQUET, FlightColumns, load
from benchmarks.raw_works import DuckDBStore, RawWorks
from benchmarks.sheet import Results, console, parser, progress, rounds_shown, table, write_json
from benchmarks.works import CASES, WorksSide
from rich.progress import Progress
from sqlalchemy import BigInteger
from sqlalchemy import Sequence as KeySequence
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager, create_engine, run
from andamios_orm.models import BaseModel
from andamios_orm.queries import Avg, Count, Max
from andamios_orm.repositories import GenericRepository

RIVALS = (
    "Advanced Alchemy on SQLite",
    "Advanced Alchemy on DuckDB",
    "SQLModel on SQLite",
    "Tortoise on SQLite",
    "Piccolo on SQLite",
)


class Flight(FlightColumns, BaseModel):
    """A row of the table that is read."""

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)


class Landing(FlightColumns, BaseModel):
    """A row of the table that is written, whose keys a sequence generates."""

    id: Mapped[int] = mapped_column(BigInteger, KeySequence("landing_id_seq"), primary_key=True)


class Flights(GenericRepository[Flight]):
    """The table that is read."""


class Landings(GenericRepository[Landing]):
    """The table that is written."""


class OurWorks:
    """Do each work with a repository.

    Args:
        engine: An engine on the file.
    """

    def __init__(self, engine: AndamiosEngine) -> None:
        self._engine = engine

    async def create(self, row: dict[str, Any], /) -> None:
        """Create an object."""
        async with SessionManager(self._engine) as session:
            await Landings(session).create(row)

    async def get(self, key: int, /) -> object:
        """Get an object."""
        async with AsyncSession(self._engine) as session:
            return await Flights(session).get_by_id(key)

    async def update(self, key: int, delay: int, /) -> None:
        """Update an object."""
        async with SessionManager(self._engine) as session:
            await Landings(session).update(key, dep_delay=delay)

    async def create_many(self, rows: list[dict[str, Any]], /) -> None:
        """Create many objects."""
        async with SessionManager(self._engine) as session:
            await Landings(session).create_many(rows)

    async def upsert_many(self, rows: list[dict[str, Any]], /) -> None:
        """Create or update many objects."""
        async with SessionManager(self._engine) as session:
            await Landings(session).upsert_many(rows)

    async def list(self, limit: int, /) -> Sequence[object]:
        """List objects."""
        async with AsyncSession(self._engine) as session:
            return await Flights(session).list(limit=limit)

    async def list_and_count(self, carrier: str, limit: int, /) -> tuple[Sequence[object], int]:
        """List objects, and count them."""
        async with AsyncSession(self._engine) as session:
            return await Flights(session).list_and_count({"carrier": carrier}, limit=limit)

    async def aggregate(self) -> Sequence[object]:
        """Aggregate with a query of the repository."""
        async with AsyncSession(self._engine) as session:
            flights = Flights(session).query().group_by("carrier")
            return await flights.annotate(
                flights=Count(), delay=Avg("dep_delay"), farthest=Max("distance")
            ).all()


async def measured(cases: list[Case], rounds: int, data: Path, folder: str, progress: Progress) -> Results:
    """Measure our side of ``cases`` on a file in a folder."""
    report = rounds_shown(progress, "loading the flights", cases, rounds)
    file = Path(folder) / "flights.duckdb"
    engine = create_engine(f"duckdb:///{file}")
    try:
        with duckdb.connect(file) as connection:
            load(connection, data)
            store = DuckDBStore(connection)
            raw = WorksSide(RawWorks(connection), store, connection)
            ours = WorksSide(OurWorks(engine), store, connection)
            return await compare(cases, raw, ours, rounds, report)
    finally:
        await engine.dispose()


def _options() -> argparse.Namespace:
    options = parser("hatch run bench-repositories", __doc__, CASES)
    options.add_argument(
        "--data", type=Path, default=PARQUET, metavar="FILE", help="the Parquet file with the flights"
    )
    options.add_argument("--no-rivals", action="store_true", help="leave the other libraries out")
    return options.parse_args()


def main() -> None:
    """Measure what the command line asks for, and print the table."""
    options = _options()
    cases = named(CASES, options.only)
    with progress() as line, tempfile.TemporaryDirectory() as folder:
        ours = run(measured(cases, options.rounds, options.data, folder, line))
        apart = [case.name for case in cases]
        found, notes = measured_rivals(
            "repository-rivals", "benchmarks.repository_rivals", RIVALS, options, line, apart=apart
        )
    columns = {name: found.get(name) for name in RIVALS}
    console().print(table("What andamios_orm.repositories costs", cases, ours, columns))
    for note in notes:
        console().print(note)
    if options.json:
        write_json(options.json, {"andamios": ours, **found})


if __name__ == "__main__":
    main()
