"""SQL as text with bound values, and functions of Python that SQL calls: where do the flights go?"""

from __future__ import annotations

from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import text
from sqlalchemy.orm import Mapped

from andamios_orm.core import ConfigurationError, SessionManager, create_memory_engine, run
from andamios_orm.models import BaseModel, NaturalKey
from andamios_orm.queries import F, QueryBuilder, sql, sql_function

DATA = Path(__file__).resolve().parent.parent / "data"

Degrees = Annotated[pa.Array, float]


class Airport(BaseModel):
    """An airport, and where it is."""

    __tablename__ = "airports"

    faa: Mapped[NaturalKey[str]]
    name: Mapped[str]
    lat: Mapped[float]
    lon: Mapped[float]


@dataclass
class Destination:
    """A destination, and how many flights go there."""

    dest: str
    flights: int


@sql_function
def kilometres(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Return the distance on the surface of the earth."""
    a, b, c, d = map(radians, (lat1, lon1, lat2, lon2))
    return 12_742 * asin(sqrt(sin((c - a) / 2) ** 2 + cos(a) * cos(c) * sin((d - b) / 2) ** 2))


@sql_function(vectorized=True)
def hemisphere(lat: Degrees) -> Annotated[pa.Array, str]:
    """Return which half of the earth a latitude is on, for many rows at once."""
    return pc.if_else(pc.greater(lat, 45), "north of the middle", "south of the middle")


async def main() -> None:
    """Read the files, ask in SQL, and compute in Python."""
    engine = create_memory_engine()
    async with SessionManager(engine) as session:
        for name in ("airports", "flights"):
            file = (DATA / f"{name}.parquet").as_posix()
            await session.execute(text(f"CREATE TABLE {name} AS FROM read_parquet('{file}')"))

        most = sql(
            "select dest, count(*) as flights from flights where origin = :origin and carrier in :carriers "
            "group by dest order by flights desc, dest limit 3",
            origin="JFK",
            carriers=["B6", "DL"],
        )
        for destination in await most.into(Destination):
            print(destination)

        home = await sql("select * from airports where faa = :code", code="JFK").one(Airport)
        try:
            sql("select * from airports where name = '%s'" % home.name)  # noqa: S608, UP031 # what is refused
        except ConfigurationError as error:
            print("refused:", error)

        away = kilometres(F("lat"), F("lon"), home.lat, home.lon)
        airports = QueryBuilder(Airport).annotate(km=away, half=hemisphere(F("lat")))
        for row in await airports.order_by("-km").limit(3).values("faa", "km", "half"):
            print(row)
    await engine.dispose()


run(main())
