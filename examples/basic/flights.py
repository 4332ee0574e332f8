"""Load every flight that left New York in 2013 into a DuckDB file, and work with them.

The models come first, then one function for each step; `main` runs them and prints what came of each. The
Parquet files stand in ``examples/data``. ``sh scripts/demo --database flights.duckdb`` keeps the database.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, ClassVar

import duckdb
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sqlalchemy import ColumnElement, DateTime, ForeignKey, distinct, func, select, text, update
from sqlalchemy.orm import (
    DeclarativeBase,
    InstrumentedAttribute,
    Mapped,
    joinedload,
    mapped_column,
    relationship,
)

from andamios_orm.core import AndamiosEngine, SessionManager, create_file_engine, run

DATA = Path(__file__).resolve().parent.parent / "data"
BATCH = 20_000


class Base(DeclarativeBase):
    """The models; each is called after its file, and its attributes after the columns there."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {dt.datetime: DateTime(timezone=True)}


class Airline(Base):
    """A carrier and its two-letter code."""

    __tablename__ = "airlines"

    carrier: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    flights: Mapped[list[Flight]] = relationship(back_populates="airline", cascade="all, delete-orphan")


class Airport(Base):
    """An airport and where it lies."""

    __tablename__ = "airports"

    faa: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    lat: Mapped[float]
    lon: Mapped[float]
    alt: Mapped[int]
    tz: Mapped[int | None]
    dst: Mapped[str | None]
    tzone: Mapped[str | None]


class Plane(Base):
    """An aircraft by the number on its tail."""

    __tablename__ = "planes"

    tailnum: Mapped[str] = mapped_column(primary_key=True)
    year: Mapped[int | None]
    type: Mapped[str]
    manufacturer: Mapped[str]
    model: Mapped[str]
    engines: Mapped[int]
    seats: Mapped[int]
    speed: Mapped[int | None]
    engine: Mapped[str]


class Weather(Base):
    """One hour of weather at one of New York's airports."""

    __tablename__ = "weather"

    origin: Mapped[str] = mapped_column(ForeignKey("airports.faa"), primary_key=True)
    time_hour: Mapped[dt.datetime] = mapped_column(primary_key=True)
    year: Mapped[int]
    month: Mapped[int]
    day: Mapped[int]
    hour: Mapped[int]
    temp: Mapped[float | None]
    dewp: Mapped[float | None]
    humid: Mapped[float | None]
    wind_dir: Mapped[int | None]
    wind_speed: Mapped[float | None]
    wind_gust: Mapped[float | None]
    precip: Mapped[float | None]
    pressure: Mapped[float | None]
    visib: Mapped[float | None]


class Flight(Base):
    """A departure.

    Its carrier and origin are foreign keys. Not every tail number, destination and hour has a row in the
    other files, so these are plain columns; their relationships say how to join, and are None without a row.
    """

    __tablename__ = "flights"

    id: Mapped[int] = mapped_column(primary_key=True)
    year: Mapped[int]
    month: Mapped[int]
    day: Mapped[int]
    dep_time: Mapped[int | None]
    sched_dep_time: Mapped[int]
    dep_delay: Mapped[int | None]
    arr_time: Mapped[int | None]
    sched_arr_time: Mapped[int]
    arr_delay: Mapped[int | None]
    carrier: Mapped[str] = mapped_column(ForeignKey(Airline.carrier))
    flight: Mapped[int]
    tailnum: Mapped[str | None]
    origin: Mapped[str] = mapped_column(ForeignKey(Airport.faa))
    dest: Mapped[str]
    air_time: Mapped[int | None]
    distance: Mapped[int]
    hour: Mapped[int]
    minute: Mapped[int]
    time_hour: Mapped[dt.datetime]

    airline: Mapped[Airline] = relationship(back_populates="flights")
    departure: Mapped[Airport] = relationship()
    plane: Mapped[Plane | None] = relationship(primaryjoin="foreign(Flight.tailnum) == Plane.tailnum")
    destination: Mapped[Airport | None] = relationship(primaryjoin="foreign(Flight.dest) == Airport.faa")
    weather: Mapped[Weather | None] = relationship(
        primaryjoin="and_(foreign(Flight.origin) == Weather.origin, "
        "foreign(Flight.time_hour) == Weather.time_hour)",
        viewonly=True,
    )


Step = Callable[[AndamiosEngine], Awaitable[tuple[int, str]]]
"""One step of the tour: it returns how many rows it touched and one line about them."""

NEW_YEAR = dt.datetime(2013, 1, 1, 12, tzinfo=dt.UTC)


async def load(engine: AndamiosEngine, model: type[Base], progress: Progress) -> int:
    """Copy one Parquet file into its table, a batch in memory at a time, in one transaction."""
    file = {"file": str(DATA / f"{model.__tablename__}.parquet")}
    async with engine.connect() as reader, SessionManager(engine) as session:
        total = await reader.scalar(text("SELECT count(*) FROM read_parquet(:file)"), file)
        bar = progress.add_task(model.__tablename__, total=total)
        result = await reader.stream(text("SELECT * FROM read_parquet(:file)"), file)
        names = list(result.keys())
        async for rows in result.partitions(BATCH):
            progress.advance(bar, await session.bulk_insert(model, rows, columns=names))
    return int(total or 0)


async def insert_airline(engine: AndamiosEngine) -> tuple[int, str]:
    """Add an airline and two flights of it, whose ids the database counts."""
    day = {"year": 2013, "month": 1, "day": 1, "hour": 7, "minute": 0, "time_hour": NEW_YEAR}
    route = {"origin": "JFK", "dest": "BOS", "distance": 187, "sched_dep_time": 700, "sched_arr_time": 815}
    async with SessionManager(engine) as session:
        flights = [Flight(flight=number, **day, **route) for number in (1, 2)]
        session.add(Airline(carrier="ZZ", name="Andamios Air", flights=flights))
    return 3, f"Andamios Air, flights {' and '.join(f'{flight.id:,}' for flight in flights)}"


async def update_flights(engine: AndamiosEngine) -> tuple[int, str]:
    """Change one flight through its object and the others with one statement."""
    async with SessionManager(engine) as session:
        late = (await session.scalars(select(Flight).where(Flight.carrier == "ZZ").limit(1))).one()
        late.dep_delay = 45
        await session.flush()
        on_time = update(Flight).where(Flight.carrier == "ZZ", Flight.dep_delay.is_(None)).values(dep_delay=0)
        others = (await session.scalars(on_time.returning(Flight.id))).all()
    return 1 + len(others), "one is 45 minutes late, the other on time"


async def delete_airline(engine: AndamiosEngine) -> tuple[int, str]:
    """Delete the airline; the relationship takes its flights along."""
    async with SessionManager(engine) as session:
        await session.delete(await session.get_one(Airline, "ZZ"))
    async with SessionManager(engine) as session:
        left = await session.scalar(select(func.count()).where(Flight.carrier == "ZZ"))
    return 3, f"{left} flights of Andamios Air are left"


async def join_and_load(engine: AndamiosEngine) -> tuple[int, str]:
    """Join two tables, and load what belongs to each of the objects in the same statement."""
    related = [joinedload(Flight.plane), joinedload(Flight.destination), joinedload(Flight.weather)]
    statement = (
        select(Flight)
        .join(Flight.airline)
        .where(Airline.name.icontains("hawaiian"))
        .options(joinedload(Flight.airline), *related)
        .order_by(Flight.dep_delay.desc().nulls_last())
    )
    async with SessionManager(engine) as session:
        flights = (await session.scalars(statement)).all()
    worst = flights[0]
    there = worst.destination.name if worst.destination else worst.dest
    seats = worst.plane.seats if worst.plane else "unknown"
    temperature = worst.weather.temp if worst.weather else "unknown"
    return len(
        flights
    ), f"to {there} {worst.dep_delay} min late,\n{seats} seats, {temperature} °F in New York"


async def aggregate(engine: AndamiosEngine) -> tuple[int, str]:
    """Let the engine count and average."""
    delay = func.avg(Flight.dep_delay)
    statement = select(Airline.name, delay).join(Airline.flights).group_by(Airline.name).order_by(delay)
    async with SessionManager(engine) as session:
        airlines = (await session.execute(statement)).all()
    (best, least), (worst, most) = airlines[0], airlines[-1]
    return len(airlines), f"{best} {least:.1f} min late,\n{worst} {most:.1f} min"


async def read_at_once(engine: AndamiosEngine) -> tuple[int, str]:
    """Read 1,000 flights in 1,000 tasks, each with a session of its own."""

    async def read(key: int) -> int:
        async with SessionManager(engine) as session:
            return (await session.get_one(Flight, key)).distance

    async with SessionManager(engine) as session:
        keys = (await session.scalars(select(Flight.id).order_by(func.hash(Flight.id)).limit(1_000))).all()
    miles = await asyncio.gather(*(read(key) for key in keys))
    return len(miles), f"a session for each, {sum(miles):,} miles in all"


async def find_gaps(engine: AndamiosEngine) -> tuple[int, str]:
    """Count what the flights refer to and the other files do not have."""
    gaps: dict[str, tuple[InstrumentedAttribute[Any], ColumnElement[bool]]] = {
        "flights by {} planes not in planes": (
            Flight.tailnum,
            Flight.tailnum.is_not(None) & ~Flight.plane.has(),
        ),
        "flights to {} places not in airports": (Flight.dest, ~Flight.destination.has()),
        "flights in {} hours not in weather": (Flight.time_hour, ~Flight.weather.has()),
        "flights without a tail number": (Flight.id, Flight.tailnum.is_(None)),
    }
    counts, lines = [], []
    async with SessionManager(engine) as session:
        for gap, (column, missing) in gaps.items():
            statement = select(func.count(Flight.id), func.count(distinct(column))).where(missing)
            flights, values = (await session.execute(statement)).one()
            counts.append(flights)
            lines.append(f"{flights:,} {gap.format(values)}")
    return sum(counts), "\n".join(lines)


MODELS: tuple[type[Base], ...] = (Airline, Airport, Plane, Weather, Flight)
STEPS: dict[str, Step] = {
    "insert": insert_airline,
    "update": update_flights,
    "delete": delete_airline,
    "join": join_and_load,
    "aggregate": aggregate,
    "1,000 tasks": read_at_once,
    "gaps": find_gaps,
}


async def load_all(engine: AndamiosEngine, console: Console) -> tuple[int, str]:
    """Make the tables and fill them, behind a bar for each."""
    columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    with Progress(*columns, console=console) as progress:
        counts = [await load(engine, model, progress) for model in MODELS]
    return sum(counts), f"{counts[-1]:,} flights and what belongs to them"


async def main(database: Path) -> None:
    """Load the files into ``database``, take the steps, and print what each did and how long it took."""
    console = Console()
    console.print(f"DuckDB {duckdb.__version__}, {database}\n", highlight=False, soft_wrap=True)
    table = Table("step", "what came of it")
    table.add_column("rows", justify="right")
    table.add_column("seconds", justify="right")
    engine = create_file_engine(database)

    async def load_files(engine: AndamiosEngine) -> tuple[int, str]:
        return await load_all(engine, console)

    for name, step in {"load": load_files, **STEPS}.items():
        started = time.perf_counter()
        rows, found = await step(engine)
        table.add_row(name, found, f"{rows:,}", f"{time.perf_counter() - started:.3f}")
    await engine.dispose()
    console.print()
    console.print(table)


def target(parser: argparse.ArgumentParser, database: Path, *, replace: bool) -> Path:
    """Return the path of the database that is to be made, which is free from then on."""
    if not database.parent.is_dir():
        parser.error(f"there is no folder {database.parent}")
    if database.is_dir():
        parser.error(f"{database} is a folder: name a file in it")
    if database.exists() and not replace:
        parser.error(f"{database} exists: name another file, or add --replace to have it overwritten")
    for path in (database, database.with_name(f"{database.name}.wal")):
        path.unlink(missing_ok=True)
    return database


def cli() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="Load the flights that left New York in 2013 into DuckDB.")
    parser.add_argument("--database", type=Path, metavar="PATH", help="keep the database at PATH")
    parser.add_argument("--replace", action="store_true", help="overwrite the file at PATH, if there is one")
    arguments = parser.parse_args()
    for model in MODELS:
        if not (file := DATA / f"{model.__tablename__}.parquet").is_file():
            parser.error(f"{file} is missing; it belongs to the repository: git checkout -- examples/data")
    with tempfile.TemporaryDirectory(prefix="andamios-") as folder:
        database = arguments.database or Path(folder) / "flights.duckdb"
        run(main(target(parser, database.absolute(), replace=arguments.replace)))


if __name__ == "__main__":
    cli()
