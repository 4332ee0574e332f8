"""What type checkers know of models that are dataclasses, their constructors above all."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, assert_type

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from andamios_orm.core import AsyncSession
from andamios_orm.models import (
    AuditMixin,
    DataclassModel,
    IntegerKey,
    NaturalKey,
    SoftDeleteModel,
    TimestampedModel,
    UUIDKey,
    VersioningMixin,
)


class Point(DataclassModel):
    x: Mapped[int]
    y: Mapped[int] = mapped_column(default=0)


class Airline(DataclassModel, kw_only=True):
    code: Mapped[NaturalKey[str]]
    planes: Mapped[int | None]
    flights: Mapped[list[Flight]] = relationship(default_factory=list, back_populates="airline")


class Flight(AuditMixin, VersioningMixin, UUIDKey, TimestampedModel, DataclassModel, eq=False):
    number: Mapped[str]
    carrier: Mapped[str] = mapped_column(ForeignKey(Airline.code), init=False)
    airline: Mapped[Airline] = relationship(back_populates="flights", kw_only=True)


class Seat(IntegerKey, SoftDeleteModel, DataclassModel):
    number: Mapped[int]


class Free(DataclassModel, init=False):
    name: Mapped[str]


def constructors() -> None:
    assert_type(Point(1), Point)
    assert_type(Point(1, 2).y, int)
    Point(x=1, y=2)
    Point()  # type: ignore[call-arg] # x has no default
    Point("1")  # type: ignore[arg-type] # x is a number
    Point(1, 2, 3)  # type: ignore[call-arg] # there is no third column
    Point(1, z=2)  # type: ignore[call-arg] # there is no such column
    Point(1, id=2)  # type: ignore[call-arg] # the database makes the key


def options() -> None:
    airline = Airline(code="UA", planes=None)
    Airline("UA", None)  # type: ignore[call-arg] # its arguments are given by their names
    Flight("UA1", airline=airline)
    Flight("UA1", airline)  # type: ignore[call-arg] # this argument is given by its name
    Flight("UA1", airline="UA")  # type: ignore[arg-type] # that is the key of an airline
    Flight("UA1", carrier="UA", airline=airline)  # type: ignore[call-arg] # it is no argument
    Free(name="any", other=1)


def mixins(flight: Flight, seat: Seat, point: Point) -> None:
    assert_type(flight.id, uuid.UUID)
    assert_type(flight.created_at, datetime)
    assert_type(flight.created_by, str | None)
    assert_type(flight.version, int)
    assert_type(flight.airline.flights, list[Flight])
    assert_type(seat.id, int)
    assert_type(seat.deleted_at, datetime | None)
    assert_type(point.id, Any)
    Seat(1, deleted_at=None)  # type: ignore[call-arg] # columns of mixins are no arguments
    seat.deleted_at = datetime.now()


async def sessions(session: AsyncSession) -> None:
    assert_type(await session.get_one(Point, 1), Point)
    assert_type(await Flight.as_of(session, uuid.uuid4(), datetime.now()), Flight | None)
