"""What type checkers know of the attributes of models, and of what sessions load."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, assert_type

from sqlalchemy import ForeignKey, ScalarResult, Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column, relationship

from andamios_orm.core import AsyncSession
from andamios_orm.models import (
    AuditMixin,
    BaseModel,
    IntegerKey,
    NaturalKey,
    SoftDeleteMixin,
    SoftDeleteModel,
    TimestampedModel,
    TimestampMixin,
    UUIDKey,
    Version,
    VersioningMixin,
)


class Airline(BaseModel):
    code: Mapped[NaturalKey[str]]
    founded: Mapped[int | None]
    flights: Mapped[list[Flight]] = relationship(back_populates="airline")


class Flight(UUIDKey, TimestampedModel):
    carrier: Mapped[str] = mapped_column(ForeignKey("airline.code"))
    delay: Mapped[int] = mapped_column(default=0)
    airline: Mapped[Airline] = relationship(back_populates="flights")


class Ticket(AuditMixin, VersioningMixin, TimestampMixin, SoftDeleteMixin, IntegerKey, BaseModel):
    price: Mapped[float]


class Seat(SoftDeleteModel):
    id: Mapped[str] = mapped_column(primary_key=True)


class Gate(BaseModel):
    number: Mapped[int]


def attributes(airline: Airline, flight: Flight) -> None:
    assert_type(airline.code, str)
    assert_type(airline.founded, int | None)
    assert_type(airline.flights, list[Flight])
    assert_type(flight.airline.code, str)
    assert_type(Airline.code, InstrumentedAttribute[str])
    flight.delay = Flight.delay + 5
    flight.delay = "late"  # type: ignore[assignment] # the column holds numbers
    flight.carrier = None  # type: ignore[assignment] # the column is not nullable
    flight.wings()  # type: ignore[attr-defined] # there is no such column


def keys(airline: Airline, flight: Flight, ticket: Ticket, seat: Seat, gate: Gate) -> None:
    assert_type(flight.id, uuid.UUID)
    assert_type(ticket.id, int)
    assert_type(seat.id, str)
    assert_type(airline.code, str)
    # A key that is not declared may be overridden with any type, so it has none.
    assert_type(gate.id, Any)


def mixins(flight: Flight, ticket: Ticket, seat: Seat) -> None:
    assert_type(flight.created_at, datetime)
    assert_type(flight.updated_at, datetime)
    assert_type(ticket.created_at, datetime)
    assert_type(ticket.version, int)
    assert_type(ticket.deleted_at, datetime | None)
    assert_type(ticket.is_deleted, bool)
    assert_type(ticket.created_by, str | None)
    assert_type(ticket.updated_by, str | None)
    assert_type(seat.deleted_at, datetime | None)
    ticket.created_at = None  # type: ignore[assignment] # a row was always made at some moment


async def sessions(session: AsyncSession) -> None:
    assert_type(select(Flight), Select[Flight])
    assert_type(await session.scalars(select(Flight)), ScalarResult[Flight])
    assert_type((await session.scalars(select(Flight))).all(), Sequence[Flight])
    assert_type((await session.scalars(select(Flight.created_at))).one(), datetime)
    assert_type(await session.get(Flight, uuid.uuid4()), Flight | None)
    assert_type(await session.get_one(Flight, uuid.uuid4()), Flight)
    assert_type((await session.scalars(select(func.max(Flight.delay)))).one(), int)
    for airline, delay in await session.execute(select(Airline, Flight.delay).join(Airline.flights)):
        assert_type(airline, Airline)
        assert_type(delay, int)


async def history(session: AsyncSession, moment: datetime) -> None:
    assert_type(await Ticket.history(session, 1), Sequence[Version[Ticket]])
    assert_type(await Ticket.as_of(session, 1, moment), Ticket | None)
    for version in await Ticket.history(session, 1):
        assert_type(version.row, Ticket)
        assert_type(version.valid_to, datetime | None)
    await Flight.history(session, 1)  # type: ignore[attr-defined] # it is not audited


async def soft_delete(seat: Seat, flight: Flight) -> None:
    assert_type(await seat.restore(), None)
    assert_type(await seat.hard_delete(), None)
    await flight.restore()  # type: ignore[attr-defined] # its rows are removed


async def behaviour(flight: Flight) -> None:
    assert_type(flight.to_dict(exclude=["delay"]), dict[str, Any])
    assert_type(flight.changed_fields(), frozenset[str])
    assert_type(await flight.awaitable_attrs.airline, Any)
