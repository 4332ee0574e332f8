"""Keys and timestamps: numbered, made by the application, natural, composite; when rows were written."""

from __future__ import annotations

from sqlalchemy import ForeignKey, select, update
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core import SessionManager, create_memory_engine, run
from andamios_orm.models import BaseModel, IntegerKey, NaturalKey, TimestampedModel, UUIDKey, create_all


class Airline(BaseModel):
    """Has a code anyway."""

    code: Mapped[NaturalKey[str]]
    name: Mapped[str]


class Plane(IntegerKey, BaseModel):
    """Is numbered by the database."""

    tail: Mapped[str]


class Seat(BaseModel):
    """Is known by its plane and its number."""

    plane: Mapped[NaturalKey[int]] = mapped_column(ForeignKey(Plane.id))
    number: Mapped[NaturalKey[str]]


class Flight(UUIDKey, TimestampedModel):
    """Knows its key before it is written, and when it was written."""

    carrier: Mapped[str] = mapped_column(ForeignKey(Airline.code))
    delay: Mapped[int | None]


engine = create_memory_engine()


async def add() -> None:
    """Add one of each."""
    flight = Flight(carrier="UA")
    print("a key before anything is sent:", flight.id.version == 7)
    plane = Plane(tail="N14228")
    async with SessionManager(engine) as session:
        session.add_all([Airline(code="UA", name="United"), flight, plane])
        await session.flush()
        session.add(Seat(plane=plane.id, number="12A"))
        print("made in UTC:", flight.created_at.tzinfo)
    async with SessionManager(engine) as session:
        print("a composite key:", await session.get(Seat, (plane.id, "12A")))


async def change() -> None:
    """Write many rows at once, and change them at once."""
    async with SessionManager(engine) as session:
        await session.bulk_insert(Flight, [{"carrier": "UA"} for _ in range(1000)])
        print("keys of 1,001 flights:", len(set(await session.scalars(select(Flight.id)))))
        await session.execute(update(Flight).values(delay=0))
        changed = select(Flight.id).where(Flight.updated_at > Flight.created_at)
        print("changed later:", len((await session.scalars(changed)).all()))


async def main() -> None:
    """Make the tables and take the steps."""
    await create_all(engine)
    await add()
    await change()
    await engine.dispose()


if __name__ == "__main__":
    run(main())
