"""Filters: built step by step, named in the model, and read from what a client sends."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import ForeignKey, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from andamios_orm.core import AndamiosEngine, SessionManager, ValidationError, create_memory_engine, run
from andamios_orm.models import BaseModel, NaturalKey, create_all
from andamios_orm.queries import FilterBuilder, Q, QueryBuilder, named_filter

DATA = Path(__file__).resolve().parent.parent / "data"


class Airline(BaseModel):
    """A carrier and its two-letter code."""

    __tablename__ = "airlines"

    carrier: Mapped[NaturalKey[str]]
    name: Mapped[str]
    flights: Mapped[list[Flight]] = relationship(back_populates="airline")


class Flight(BaseModel):
    """A departure from New York in the first days of 2013."""

    __tablename__ = "flights"

    id: Mapped[NaturalKey[int]]
    carrier: Mapped[str] = mapped_column(ForeignKey(Airline.carrier))
    day: Mapped[int]
    dest: Mapped[str]
    dep_delay: Mapped[int | None]
    distance: Mapped[int]
    airline: Mapped[Airline] = relationship(back_populates="flights")

    canceled = named_filter(lambda: Q(dep_delay=None))
    later_than = named_filter(lambda minutes: Q(dep_delay__gt=minutes))


ALLOWED = {
    "carrier": ["eq", "in"],
    "dest": ["eq", "in", "istartswith"],
    "dep_delay": ["gt", "gte", "lt", "lte", "isnull"],
    "airline__name": ["icontains"],
}
"""What a client may ask for."""


async def load(engine: AndamiosEngine) -> None:
    """Copy the airlines and the flights of three days from their Parquet files."""
    await create_all(engine)
    files = {"airlines": str(DATA / "airlines.parquet"), "flights": str(DATA / "flights.parquet")}
    async with SessionManager(engine) as session:
        await session.execute(
            text("INSERT INTO airlines SELECT carrier, name FROM read_parquet(:airlines)"), files
        )
        await session.execute(
            text(
                "INSERT INTO flights SELECT row_number() OVER (), carrier, day, dest, dep_delay, distance "
                "FROM read_parquet(:flights) WHERE year = 2013 AND month = 1 AND day <= 3"
            ),
            files,
        )


async def show(title: str, condition: Q) -> None:
    """Print how many flights a condition keeps."""
    print(f"  {title}: {await QueryBuilder(Flight).filter(condition).count()}")


async def main() -> None:
    """Ask in each of the ways."""
    engine = create_memory_engine()
    await load(engine)
    async with SessionManager(engine):
        print("built step by step")
        far = FilterBuilder(Flight).gt("distance", 2_000).in_("carrier", ["UA", "AA"])
        await show("far", far)
        await show("far, and canceled or an hour late", far.any_of(Flight.canceled, Flight.later_than(60)))
        await show(
            "of United or to Honolulu",
            FilterBuilder(Flight).search("united", ["airline__name"]) | Q(dest="HNL"),
        )

        print("sent by a client")
        body = {"airline__name": {"icontains": "jet"}, "or": [{"dep_delay": {"gte": 60}}, {"dest": "BOS"}]}
        await show("body", FilterBuilder(Flight).from_dict(body, allow=ALLOWED))
        params = [("dest", "LAX"), ("dest", "SFO"), ("dep_delay__lt", "0"), ("page", "1")]
        await show("query", FilterBuilder(Flight).from_query_params(params, allow=ALLOWED, ignore=["page"]))
        try:
            FilterBuilder(Flight).from_dict({"dep_delay": {"gte": "late"}, "id": 1}, allow=ALLOWED)
        except ValidationError as error:
            for place, what in error.errors.items():
                print(f"  refused: {place} {what}")
    await engine.dispose()


if __name__ == "__main__":
    run(main())
