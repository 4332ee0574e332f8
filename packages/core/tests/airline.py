"""Models that refer to one another in the ways that foreign keys allow, and what tests do with them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import ForeignKey, ForeignKeyConstraint, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import AndamiosEngine, SessionManager
from andamios_orm.core.errors import ForeignKeyError


class Base(DeclarativeBase):
    pass


class Airline(Base):
    __tablename__ = "airline"

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    alliance: Mapped[str | None] = mapped_column(ForeignKey("airline.code"))


class Plane(Base):
    __tablename__ = "plane"

    tail: Mapped[str] = mapped_column(primary_key=True)


class Flight(Base):
    __tablename__ = "flight"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    airline: Mapped[str | None] = mapped_column(ForeignKey(Airline.code))
    partner: Mapped[str | None] = mapped_column(ForeignKey(Airline.code, ondelete="CASCADE"))
    plane: Mapped[str | None] = mapped_column(ForeignKey(Plane.tail, ondelete="SET NULL"))


class Seat(Base):
    __tablename__ = "seat"

    flight: Mapped[int] = mapped_column(ForeignKey(Flight.id, ondelete="CASCADE"), primary_key=True)
    number: Mapped[str] = mapped_column(primary_key=True)


class Ticket(Base):
    """Refers by two columns, to which it may have one value alone."""

    __tablename__ = "ticket"
    __table_args__ = (
        ForeignKeyConstraint(["flight", "seat"], ["seat.flight", "seat.number"], ondelete="CASCADE"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    flight: Mapped[int | None]
    seat: Mapped[str | None]


AIRLINES, FLIGHTS, PLANES = (Base.metadata.tables[name] for name in ("airline", "flight", "plane"))


async def make(engine: AndamiosEngine) -> AndamiosEngine:
    """Make the tables, an airline UA and a plane N1."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all, checkfirst=False)
    async with SessionManager(engine) as session:
        session.add_all([Airline(code="UA"), Plane(tail="N1")])
    return engine


async def rows(engine: AndamiosEngine, *columns: Any) -> list[tuple[Any, ...]]:
    """What was committed, in order."""
    async with engine.connect() as connection:
        return sorted(map(tuple, await connection.execute(select(*columns))), key=repr)


async def refuse(engine: AndamiosEngine, *statements: Any) -> ForeignKeyError:
    """The error that the commit of these statements raises."""
    with pytest.raises(ForeignKeyError) as caught:
        async with engine.begin() as connection:
            for statement in statements:
                await connection.execute(statement)
    return caught.value


async def accept(engine: AndamiosEngine, *statements: Any) -> None:
    """Commit these statements."""
    async with engine.begin() as connection:
        for statement in statements:
            await connection.execute(statement)
