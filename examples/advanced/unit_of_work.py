"""Several repositories that commit as one, are rolled back as one, and are replayed on conflict."""

from __future__ import annotations

import asyncio

from sqlalchemy.orm import Mapped

from andamios_orm.core import SessionManager, create_memory_engine, run
from andamios_orm.models import BaseModel, NaturalKey, TimestampedModel, UUIDKey, create_all
from andamios_orm.repositories import GenericRepository, UnitOfWork


class Flight(BaseModel):
    """A flight and how many of its seats are free."""

    code: Mapped[NaturalKey[str]]
    free: Mapped[int]


class Ticket(UUIDKey, TimestampedModel):
    """A seat that was sold."""

    flight: Mapped[str]
    passenger: Mapped[str]


class Flights(GenericRepository[Flight]):
    """Flights, by their codes."""

    async def take_seat(self, code: str) -> None:
        """Take a free seat, of which there must be one."""
        flight = await self.get_one(code)
        if not flight.free:
            raise LookupError(f"{code} is sold out")
        await self.update(flight, free=flight.free - 1)


class Tickets(GenericRepository[Ticket]):
    """Tickets."""


engine = create_memory_engine()
told: list[str] = []


async def sell(passenger: str) -> bool:
    """Sell a seat: the ticket and the seat, or neither."""

    async def work(unit: UnitOfWork) -> None:
        ticket = await unit.repository(Tickets).create(flight="UA1545", passenger=passenger)
        await unit.repository(Flights).take_seat(ticket.flight)
        unit.on_commit(lambda: told.append(passenger))

    try:
        await UnitOfWork(engine).run(work, attempts=100)
    except LookupError:
        return False
    return True


async def main() -> None:
    """Sell ten seats to twelve passengers who come at the same time."""
    await create_all(engine)
    async with SessionManager(engine) as session:
        await Flights(session).create(code="UA1545", free=10)

    sold = await asyncio.gather(*(sell(f"passenger {number}") for number in range(12)))
    async with UnitOfWork(engine, read_only=True) as unit:
        tickets = await unit.repository(Tickets).count()
        flight = await unit.repository(Flights).get_one("UA1545")
        print("sold:", sold.count(True), "refused:", sold.count(False))
        print("tickets:", tickets, "free seats:", flight.free, "passengers told:", len(told))

    async with UnitOfWork(engine) as unit:
        await unit.repository(Tickets).delete_where({"passenger": "passenger 0"})
        await unit.rollback()
        print("after a rollback:", await unit.repository(Tickets).count(), "tickets")
    await engine.dispose()


if __name__ == "__main__":
    run(main())
