"""A service around a year of flights: repositories, units of work, a cache and an outbox put together.

`FlightService` is what the endpoints of a web application would call. `main` stands in for its clients: a
hundred requests at once, among them passengers who want the same seats.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import random
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from sqlalchemy import DateTime, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from andamios_orm.core import (
    AndamiosEngine,
    CacheManager,
    IntegrityError,
    NotFoundError,
    RetriesExhaustedError,
    SessionManager,
    create_file_engine,
    run,
)
from andamios_orm.models import BaseModel, IntegerKey, NaturalKey, TimestampedModel, create_all
from andamios_orm.queries import Avg, Count, CursorPage
from andamios_orm.repositories import (
    CachedRepository,
    GenericRepository,
    OutboxMessage,
    OutboxRelay,
    UnitOfWork,
    load_fixture,
)

DATA = Path(__file__).resolve().parent.parent / "data"


class Airline(BaseModel):
    """A carrier and its two-letter code."""

    carrier: Mapped[NaturalKey[str]]
    name: Mapped[str]


class Flight(IntegerKey, BaseModel):
    """A departure from New York."""

    carrier: Mapped[str] = mapped_column(ForeignKey(Airline.carrier))
    flight: Mapped[int]
    origin: Mapped[str]
    dest: Mapped[str]
    time_hour: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True))
    dep_delay: Mapped[int | None]
    distance: Mapped[int]
    airline: Mapped[Airline] = relationship()


class Booking(IntegerKey, TimestampedModel):
    """A seat on a flight, which one passenger has."""

    __table_args__ = (UniqueConstraint("flight_id", "seat"),)

    flight_id: Mapped[int] = mapped_column(ForeignKey(Flight.id))
    seat: Mapped[str]
    passenger: Mapped[str]
    flight: Mapped[Flight] = relationship()


class Outbox(OutboxMessage):
    """What passengers are to be told."""


@dataclass
class SeatBooked:
    """A passenger has a seat."""

    passenger: str
    flight: str
    seat: str


class Airlines(CachedRepository[Airline]):
    """Carriers hardly ever change."""

    ttl = 3_600


class Flights(GenericRepository[Flight]):
    """All flights."""

    async def departures(self, origin: str, day: dt.date, cursor: str | None = None) -> CursorPage[Flight]:
        """Return a page of the flights that leave an airport on a day."""
        filters = {"origin": origin, "time_hour__date": day}
        return await self.page_after(cursor, 20, filters, order_by="time_hour", load="airline")

    async def delays(self) -> list[Any]:
        """Return the mean delay of each carrier, computed where the rows are."""
        found = self.query().group_by("carrier").annotate(flights=Count(), mean=Avg("dep_delay"))
        return list(await found.order_by("-mean").all())


class Bookings(GenericRepository[Booking]):
    """All bookings."""


class FlightService:
    """What clients may ask for; each call is a unit of work of its own."""

    def __init__(self, engine: AndamiosEngine) -> None:
        self._engine = engine

    async def departures(self, origin: str, day: dt.date, cursor: str | None = None) -> CursorPage[Flight]:
        """Return a page of departures, with their airlines."""
        async with SessionManager(self._engine, read_only=True) as session:
            return await Flights(session).departures(origin, day, cursor)

    async def airline(self, carrier: str) -> str:
        """Return the name of a carrier, from the cache if it is there."""
        async with SessionManager(self._engine, read_only=True) as session:
            return (await Airlines(session).get_one(carrier)).name

    async def delays(self) -> list[Any]:
        """Return the mean delay of each carrier, the worst one first."""
        async with SessionManager(self._engine, read_only=True) as session:
            return await Flights(session).delays()

    async def book(self, flight_id: int, seat: str, passenger: str) -> bool:
        """Book a seat and have the passenger told; return whether it was free."""

        async def work(unit: UnitOfWork) -> None:
            flight = await unit.repository(Flights).get_one(flight_id)
            await unit.repository(Bookings).create(flight_id=flight.id, seat=seat, passenger=passenger)
            unit.publish(SeatBooked(passenger, f"{flight.carrier}{flight.flight}", seat))

        try:
            await UnitOfWork(self._engine, outbox=Outbox).run(work, attempts=10)
        except (IntegrityError, RetriesExhaustedError):
            return False
        return True


async def fill(engine: AndamiosEngine) -> None:
    """Load the airlines, and the flights of the first week of the year."""
    await create_all(engine)
    async with SessionManager(engine) as session:
        await load_fixture(DATA / "airlines.parquet", Airline)
        week = await asyncio.to_thread(first_week)
        print("flights:", await Flights(session).create_many(week))


def first_week() -> list[dict[str, Any]]:
    """Return the flights of the first week as rows."""
    names = "carrier, flight, origin, dest, time_hour, dep_delay, distance"
    found = duckdb.execute(
        f"SELECT {names} FROM read_parquet(?) WHERE month = 1 AND day <= 7",  # noqa: S608 # names of columns
        [str(DATA / "flights.parquet")],
    )
    return [dict(zip(names.split(", "), row, strict=True)) for row in found.fetchall()]


async def serve(service: FlightService) -> None:
    """Act as a hundred clients at once."""
    chance = random.Random(2013)  # noqa: S311 # the same wishes in each run
    day = dt.date(2013, 1, 3)
    page = await service.departures("JFK", day)
    print("first departures:", [f"{flight.airline.name} to {flight.dest}" for flight in page.items[:2]])
    page = await service.departures("JFK", day, page.next)
    print("the next page begins with:", page.items[0].airline.name)

    flights = [flight.id for flight in page.items[:3]]
    seats = [f"{row}{letter}" for row in range(1, 5) for letter in "AB"]
    wishes = [(chance.choice(flights), chance.choice(seats), f"passenger {n}") for n in range(100)]
    booked = await asyncio.gather(*(service.book(*wish) for wish in wishes))
    wanted = {(flight, seat) for flight, seat, _ in wishes}
    print("booked:", sum(booked), "of", len(wanted), "seats that were wanted")
    for flight in page.items * 5:
        await service.airline(flight.carrier)
    worst = (await service.delays())[0]
    print("the worst delay:", await service.airline(worst.carrier), f"{worst.mean:.1f} minutes")
    try:
        await service.book(999_999, "1A", "nobody")
    except NotFoundError as error:
        print("refused:", error)


async def main() -> None:
    """Fill a database, serve, and stop in order."""
    told: Counter[str] = Counter()

    async def tell(message: Outbox) -> None:
        told[message.read(SeatBooked).passenger] += 1

    with tempfile.TemporaryDirectory() as folder:
        engine = create_file_engine(Path(folder) / "flights.duckdb")
        await fill(engine)
        relay = OutboxRelay(engine, Outbox, tell)
        async with CacheManager(engine) as cache, relay:
            await serve(FlightService(engine))
            print("airlines came from the cache:", cache.statistics().memory_hits > 90)
        await relay.deliver_pending()
        async with SessionManager(engine) as session:
            passengers = set(await Bookings(session).query().values_list("passenger", flat=True))
        print("every passenger with a seat was told:", passengers == set(told))
        await engine.dispose()


run(main())
