"""Five questions about the flights of 2013, answered by the builder and, to compare, by plain SQL."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import DateTime, ForeignKey, text
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core import SessionManager, create_memory_engine, run
from andamios_orm.models import BaseModel, NaturalKey, create_all
from andamios_orm.queries import Avg, Count, Exists, OuterRef, QueryBuilder, Rank

DATA = Path(__file__).resolve().parent.parent / "data"


class Airline(BaseModel):
    """A carrier and its two-letter code."""

    carrier: Mapped[NaturalKey[str]]
    name: Mapped[str]


class Plane(BaseModel):
    """An aircraft by the number on its tail."""

    tailnum: Mapped[NaturalKey[str]]
    seats: Mapped[int]


class Weather(BaseModel):
    """An hour of weather at an airport."""

    origin: Mapped[NaturalKey[str]]
    time_hour: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    precip: Mapped[float]


class Flight(BaseModel):
    """A departure from New York."""

    id: Mapped[NaturalKey[int]]
    carrier: Mapped[str] = mapped_column(ForeignKey(Airline.carrier))
    tailnum: Mapped[str | None]
    origin: Mapped[str]
    dest: Mapped[str]
    month: Mapped[int]
    dep_delay: Mapped[int | None]
    time_hour: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True))


FILL = """
INSERT INTO airline SELECT carrier, name FROM read_parquet(:data || '/airlines.parquet');
INSERT INTO plane SELECT tailnum, seats FROM read_parquet(:data || '/planes.parquet');
INSERT INTO weather SELECT origin, time_hour, precip FROM read_parquet(:data || '/weather.parquet');
INSERT INTO flight SELECT row_number() OVER (), carrier, tailnum, origin, dest, month, dep_delay, time_hour
FROM read_parquet(:data || '/flights.parquet')"""

flights = QueryBuilder(Flight)
BY_WEATHER = flights.asof_join(Weather, on="time_hour", by="origin", tolerance=dt.timedelta(hours=1))
LATE = flights.annotate(rank=Rank().over(partition_by="carrier", order_by="-dep_delay")).qualify(rank__lte=3)
LARGE = flights.join(Plane, on="tailnum").filter(carrier=OuterRef("carrier"), plane__seats__gt=200)

QUESTIONS: dict[str, tuple[QueryBuilder[Any], str]] = {
    "busiest routes": (
        flights.group_by("origin", "dest").annotate(n=Count()).order_by("-n").limit(3),
        "SELECT origin, dest, count(*) AS n FROM flight GROUP BY ALL ORDER BY n DESC LIMIT 3",
    ),
    "delay by rain in the hour before": (
        BY_WEATHER.group_by(rain=Weather.precip > 0).annotate(minutes=Avg("dep_delay")).order_by("rain"),
        """SELECT precip > 0 AS rain, avg(dep_delay) AS minutes FROM flight AS f ASOF JOIN weather AS w
        USING (origin, time_hour) WHERE w.time_hour >= f.time_hour - INTERVAL 1 HOUR GROUP BY 1 ORDER BY 1""",
    ),
    "most delayed flights of each carrier": (
        LATE.order_by("carrier", "rank", "id").select("carrier", "rank", "dest", "dep_delay"),
        """SELECT carrier, rank() OVER (PARTITION BY carrier ORDER BY dep_delay DESC NULLS LAST) AS rank,
        dest, dep_delay FROM flight QUALIFY rank <= 3 ORDER BY carrier, rank, id""",
    ),
    "flights by airport and month": (
        flights.group_by("origin").pivot("month", range(1, 13), n=Count()).order_by("origin"),
        "PIVOT flight ON month USING count(*) GROUP BY origin ORDER BY origin",
    ),
    "carriers without large planes": (
        QueryBuilder(Airline).filter(~Exists(LARGE)).order_by("name"),
        """FROM airline WHERE carrier NOT IN
        (SELECT carrier FROM flight JOIN plane USING (tailnum) WHERE seats > 200) ORDER BY name""",
    ),
}


def show(title: str, rows: list[dict[str, Any]]) -> None:
    """Print the first rows of an answer."""
    print(f"{title}: {len(rows)} rows")
    table = Table(*rows[0])
    for row in rows[:6]:
        table.add_row(*(f"{value:.1f}" if isinstance(value, float) else str(value) for value in row.values()))
    Console(width=110).print(table)


async def main() -> None:
    """Load the data, and ask each question in both ways."""
    engine = create_memory_engine()
    await create_all(engine)
    async with SessionManager(engine) as session:
        for fill in FILL.split(";"):
            await session.execute(text(fill), {"data": str(DATA)})
    async with SessionManager(engine) as session:
        for title, (query, written) in QUESTIONS.items():
            rows = await query.values()
            show(title, rows)
            if rows != list((await session.execute(text(written))).mappings()):
                raise RuntimeError(f"{title}: plain SQL answers differently")
    await engine.dispose()


if __name__ == "__main__":
    run(main())
