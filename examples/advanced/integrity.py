"""Foreign keys: what becomes of flights when their airline, plane or airport goes."""

from __future__ import annotations

from sqlalchemy import ForeignKey, delete, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import SessionManager, create_memory_engine, run
from andamios_orm.core.errors import ForeignKeyError


class Base(DeclarativeBase):
    """The models of this example."""


class Airline(Base):
    """A carrier; its flights go with it."""

    __tablename__ = "airlines"

    code: Mapped[str] = mapped_column(primary_key=True)


class Plane(Base):
    """An aircraft; its flights stay, and know no plane."""

    __tablename__ = "planes"

    tail: Mapped[str] = mapped_column(primary_key=True)


class Airport(Base):
    """An airport; it stays as long as flights start there."""

    __tablename__ = "airports"

    code: Mapped[str] = mapped_column(primary_key=True)


class Flight(Base):
    """A departure."""

    __tablename__ = "flights"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    airline: Mapped[str] = mapped_column(ForeignKey(Airline.code, ondelete="CASCADE"))
    plane: Mapped[str | None] = mapped_column(ForeignKey(Plane.tail, ondelete="SET NULL"))
    origin: Mapped[str] = mapped_column(ForeignKey(Airport.code, ondelete="RESTRICT"))


engine = create_memory_engine()


async def add_flights() -> None:
    """Add flights before what they refer to: the order within a transaction does not matter."""
    async with SessionManager(engine) as session:
        session.add_all(Flight(number=n, airline="UA", plane="N14228", origin="EWR") for n in (1, 2))
        session.add(Flight(number=3, airline="AA", plane="N14228", origin="JFK"))
        await session.flush()
        session.add_all([Airline(code="UA"), Airline(code="AA"), Plane(tail="N14228")])
        session.add_all([Airport(code="EWR"), Airport(code="JFK")])


async def add_a_bad_flight() -> None:
    """Refer to an airline that is not there."""
    try:
        async with SessionManager(engine) as session:
            session.add(Flight(number=4, airline="ZZ", origin="EWR"))
    except ForeignKeyError as error:
        print("refused:", str(error).splitlines()[0])
        print("  facts:", error.table, error.column, repr(error.value), error.referred_table)


async def delete_parents() -> None:
    """Delete one row of each table that flights refer to."""
    async with SessionManager(engine) as session:
        await session.delete(await session.get_one(Plane, "N14228"))
    async with SessionManager(engine) as session:
        without = select(Flight.number).filter_by(plane=None)
        print("flights without a plane:", (await session.scalars(without)).all())
        await session.execute(delete(Airline).where(Airline.code == "UA"))
        print("flights without United:", (await session.scalars(select(Flight.number))).all())
    try:
        async with SessionManager(engine) as session:
            await session.delete(await session.get_one(Airport, "JFK"))
    except ForeignKeyError as error:
        print("restricted:", str(error).splitlines()[0])


async def delete_both() -> None:
    """Delete an airport and its flights in one transaction, the airport first."""
    async with SessionManager(engine) as session:
        await session.execute(delete(Airport).where(Airport.code == "JFK"))
        await session.execute(delete(Flight).where(Flight.origin == "JFK"))
    async with SessionManager(engine) as session:
        print("flights in the end:", await session.scalar(select(func.count()).select_from(Flight)))


async def main() -> None:
    """Make the tables and take the steps."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    await add_flights()
    await add_a_bad_flight()
    await delete_parents()
    await delete_both()
    await engine.dispose()


if __name__ == "__main__":
    run(main())
