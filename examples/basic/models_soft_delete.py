"""Soft delete: rows that are marked instead of removed, what no longer sees them, and how they come back."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, delete, func, select
from sqlalchemy.orm import Mapped, mapped_column, relationship, selectinload

from andamios_orm.core import SessionManager, create_memory_engine, run
from andamios_orm.models import IntegerKey, NaturalKey, SoftDeleteModel, create_all


class Airline(SoftDeleteModel):
    """A carrier; its flights go with it, and come back with it."""

    code: Mapped[NaturalKey[str]]
    flights: Mapped[list[Flight]] = relationship(back_populates="airline", cascade="all, delete-orphan")


class Flight(IntegerKey, SoftDeleteModel):
    """A departure."""

    carrier: Mapped[str] = mapped_column(ForeignKey(Airline.code))
    airline: Mapped[Airline] = relationship(back_populates="flights")


WITH_DELETED: dict[str, Any] = {"include_deleted": True}
ONLY_DELETED: dict[str, Any] = {"include_deleted": "only"}

engine = create_memory_engine()


async def count() -> None:
    """Print how many flights there are."""
    async with SessionManager(engine) as session:
        query = select(func.count(Flight.id))
        live = await session.scalar(query)
        marked = await session.scalar(query, execution_options=ONLY_DELETED)
        print(f"  {live} flights, {marked} deleted")


async def delete_some() -> None:
    """Delete a flight, and see what no longer sees it."""
    async with SessionManager(engine) as session:
        await session.delete(await session.get_one(Flight, 1))
        await session.flush()
        print("get:", await session.get(Flight, 1))
        airline = await session.get_one(Airline, "UA", options=[selectinload(Airline.flights)])
        print("in the list:", [flight.id for flight in airline.flights])
    await count()


async def delete_all() -> None:
    """Delete an airline, and its flights with it, and restore them."""
    async with SessionManager(engine) as session:
        await session.delete(await session.get_one(Airline, "UA"))
    print("the airline is deleted:")
    await count()
    async with SessionManager(engine) as session:
        airline = await session.get_one(Airline, "UA", execution_options=WITH_DELETED)
        await airline.restore()
    print("it is restored, with what was deleted along:")
    await count()


async def delete_for_good() -> None:
    """Delete by a statement, and remove for good."""
    async with SessionManager(engine) as session:
        await session.execute(delete(Flight).where(Flight.id > 2))
    print("a statement marks too:")
    await count()
    async with SessionManager(engine) as session:
        await (await session.get_one(Airline, "UA")).hard_delete()
    print("removed for good:")
    await count()


async def main() -> None:
    """Make the tables and take the steps."""
    await create_all(engine)
    async with SessionManager(engine) as session:
        session.add(Airline(code="UA", flights=[Flight(id=number) for number in range(1, 6)]))
    await delete_some()
    await delete_all()
    await delete_for_good()
    await engine.dispose()


if __name__ == "__main__":
    run(main())
