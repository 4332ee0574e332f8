"""What a query can come back as: dicts, tuples, typed rows, Arrow, polars, pandas, numpy, batches, files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel as Schema
from sqlalchemy.orm import Mapped

from andamios_orm.core import SessionManager, create_memory_engine, run
from andamios_orm.models import FileModel, parquet
from andamios_orm.queries import Avg, Count, QueryBuilder

DATA = Path(__file__).resolve().parent.parent / "data"


class Flight(FileModel):
    """A departure from New York: a row of a Parquet file."""

    __source__ = parquet(DATA / "flights.parquet")

    carrier: Mapped[str]
    origin: Mapped[str]
    dest: Mapped[str]
    dep_delay: Mapped[int | None]
    distance: Mapped[int]


@dataclass
class Route:
    """From where to where, and how far."""

    origin: str
    dest: str
    distance: int


class Delay(Schema):
    """How late a carrier is, on average."""

    carrier: str
    minutes: float


flights = QueryBuilder(Flight)
delays = flights.group_by("carrier").annotate(n=Count(), minutes=Avg("dep_delay")).order_by("-minutes")


async def objects() -> None:
    """Read Python objects of several types."""
    print("dict:", (await delays.limit(1).values("carrier", "n"))[0])
    print("values:", await delays.limit(3).values_list("carrier", flat=True))
    print("dataclass:", (await flights.order_by("-distance").limit(1).into(Route))[0])
    print("pydantic:", (await delays.limit(1).into(Delay))[0])


async def columns() -> None:
    """Read columns, without a Python object for each value."""
    table = await flights.select("carrier", "dep_delay").arrow()
    print(f"arrow: {table.num_rows} rows, {table.nbytes:,} bytes")
    frame = await delays.polars()
    print("polars:", frame.height, "rows,", frame.columns)
    print("pandas:", list((await delays.pandas())["carrier"][:3]))
    distances = (await flights.select("distance").numpy())["distance"]
    print("numpy:", distances.dtype, distances.max())


async def part_by_part() -> None:
    """Read a result that need not fit into memory."""
    rows = 0
    async for batch in flights.select("carrier", "distance").batches(50_000):
        rows += batch.num_rows
    print("batches:", rows, "rows")
    miles = 0
    async for (distance,) in flights.select("distance").limit(10_000).stream(1_000):
        miles += distance
    print("stream:", miles > 0)


async def files(folder: Path) -> None:
    """Let the engine write files, and read one of them again."""
    print("parquet:", await flights.filter(dest="LAX").to_parquet(folder / "lax.parquet"), "rows")
    print("csv:", await delays.to_csv(folder / "delays.csv"), "rows")
    print("json:", await delays.limit(2).to_json(folder / "delays.json"), "rows")
    print((folder / "delays.json").read_text(encoding="utf-8").strip())


async def main() -> None:
    """Read one query in every way."""
    engine = create_memory_engine()
    async with SessionManager(engine):
        await objects()
        await columns()
        await part_by_part()
        with TemporaryDirectory() as folder:
            await files(Path(folder))
    await engine.dispose()


if __name__ == "__main__":
    run(main())
