"""Fixtures: rows in files under version control, loaded by their keys and dumped in their order."""

from __future__ import annotations

import tempfile
from pathlib import Path

from sqlalchemy.orm import Mapped

from andamios_orm.core import AndamiosEngine, SessionManager, create_memory_engine, run
from andamios_orm.models import BaseModel, NaturalKey, create_all
from andamios_orm.repositories import GenericRepository
from andamios_orm.repositories.fixtures import dump_fixture, load_fixture

DATA = Path(__file__).parent.parent / "data"


class Airline(BaseModel):
    """A carrier and its two-letter code."""

    carrier: Mapped[NaturalKey[str]]
    name: Mapped[str]


class Plane(BaseModel):
    """An aircraft, known by its tail number."""

    tailnum: Mapped[NaturalKey[str]]
    year: Mapped[int | None]
    type: Mapped[str]
    manufacturer: Mapped[str]
    model: Mapped[str]
    engines: Mapped[int]
    seats: Mapped[int]
    speed: Mapped[int | None]
    engine: Mapped[str]


async def load(engine: AndamiosEngine) -> None:
    """Load two Parquet files, which are called otherwise than their tables, and the first of them twice."""
    async with SessionManager(engine):
        print(await load_fixture(DATA / "airlines.parquet", Airline))
        print(await load_fixture(DATA / "planes.parquet", Plane))
        print("again:", await load_fixture(DATA / "airlines.parquet", Airline))


async def seed(engine: AndamiosEngine, folder: Path) -> None:
    """Write what every new database begins with, and begin another one with it."""
    file = folder / "seed.json.gz"
    async with SessionManager(engine):
        large = GenericRepository[Plane]().query().filter(seats__gt=400)
        print(f"{await dump_fixture(file, Airline, large)} rows, {file.stat().st_size:,} bytes")
    other = create_memory_engine()
    await create_all(other)
    async with SessionManager(other):
        print(await load_fixture(file, Airline, Plane))
    await other.dispose()


async def edit(engine: AndamiosEngine, folder: Path) -> None:
    """Dump a file that people change, and load what they have changed."""
    file = folder / "airline.csv"
    async with SessionManager(engine):
        await dump_fixture(file, Airline)
        file.write_text(
            file.read_text().replace("Virgin America", "Alaska Airlines") + 'ZZ,"Andamios, Air"\n'
        )
        print("changed:", await load_fixture(file, Airline))
        print((await GenericRepository[Airline]().get_one("ZZ")).name)


async def main() -> None:
    """Take all steps."""
    engine = create_memory_engine()
    await create_all(engine)
    with tempfile.TemporaryDirectory() as folder:
        await load(engine)
        await seed(engine, Path(folder))
        await edit(engine, Path(folder))
    await engine.dispose()


if __name__ == "__main__":
    run(main())
