"""A small airport for the tests: models with every kind of column, and rows that are known by heart."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, Column, ForeignKey, Integer, MetaData, Numeric, String, Table
from sqlalchemy.orm import Mapped, mapped_column, relationship

from andamios_orm.core import AsyncSession
from andamios_orm.core.types import LIST, STRUCT
from andamios_orm.models import NAMING_CONVENTION, BaseModel, NaturalKey, SoftDeleteMixin

__all__ = ["Airline", "Base", "Flight", "Note", "Plane", "Tag", "fill"]


class Base(BaseModel):
    """The models of these tests; nothing else shares their metadata."""

    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


labels = Table(
    "flight_tags",
    Base.metadata,
    Column("flight_id", ForeignKey("flights.id"), primary_key=True),
    Column("tag_id", ForeignKey("tags.id"), primary_key=True),
)


class Airline(Base):
    """A company, with flights and planes."""

    __tablename__ = "airlines"

    code: Mapped[NaturalKey[str]]
    name: Mapped[str | None]
    flights: Mapped[list[Flight]] = relationship(back_populates="airline")
    planes: Mapped[list[Plane]] = relationship(back_populates="airline")


class Plane(Base):
    """A machine; one of them has no airline."""

    __tablename__ = "planes"

    tailnum: Mapped[NaturalKey[str]]
    seats: Mapped[int]
    airline_code: Mapped[str | None] = mapped_column(ForeignKey("airlines.code"))
    airline: Mapped[Airline | None] = relationship(back_populates="planes")


class Tag(Base):
    """A word that flights share."""

    __tablename__ = "tags"

    id: Mapped[NaturalKey[int]]
    word: Mapped[str]


class Flight(Base):
    """A flight: seven of them."""

    __tablename__ = "flights"

    id: Mapped[NaturalKey[int]]
    airline_code: Mapped[str] = mapped_column(ForeignKey("airlines.code"))
    tailnum: Mapped[str | None] = mapped_column(ForeignKey("planes.tailnum"))
    departs: Mapped[dt.datetime]
    day: Mapped[dt.date]
    delay: Mapped[int | None]
    price: Mapped[Decimal] = mapped_column(Numeric(8, 2))
    route: Mapped[dict[str, Any]] = mapped_column(STRUCT({"from": String(), "to": String()}))
    meta: Mapped[dict[str, Any]] = mapped_column(JSON)
    stops: Mapped[list[str]] = mapped_column(LIST(String()))
    airline: Mapped[Airline] = relationship(back_populates="flights")
    plane: Mapped[Plane | None] = relationship()
    tags: Mapped[list[Tag]] = relationship(secondary=labels)


class Note(Base, SoftDeleteMixin):
    """A text that can be deleted softly."""

    __tablename__ = "notes"

    id: Mapped[NaturalKey[int]]
    text: Mapped[str]
    stars: Mapped[int | None] = mapped_column(Integer)


def flight(number: int, airline: str, tailnum: str | None, delay: int | None, **others: Any) -> Flight:
    """Return a flight that departs on the ``number``-th of January 2013, at ``number`` o'clock."""
    departs = dt.datetime(2013, 1, number, number, 30)
    values = {
        "price": Decimal(100 * number),
        "route": {"from": "JFK", "to": "LAX" if number % 2 else "SFO"},
        "meta": {"plan": "pro" if number > 4 else "free", "miles": 100 * number, "seat": {"row": number}},
        "stops": [],
    }
    return Flight(
        id=number,
        airline_code=airline,
        tailnum=tailnum,
        departs=departs,
        day=departs.date(),
        delay=delay,
        **(values | others),
    )


async def fill(session: AsyncSession) -> None:
    """Make the tables, and write the rows."""
    await (await session.connection()).run_sync(Base.metadata.create_all)
    late, full = Tag(id=1, word="late"), Tag(id=2, word="full")
    session.add_all(
        [
            Airline(code="UA", name="United Air Lines"),
            Airline(code="AA", name="American Airlines"),
            Airline(code="B6", name="100%_Blue"),
            Airline(code="ZZ", name=None),
            Plane(tailnum="N1", seats=100, airline_code="UA"),
            Plane(tailnum="N2", seats=200, airline_code="UA"),
            Plane(tailnum="N3", seats=150, airline_code="AA"),
            Plane(tailnum="N4", seats=50, airline_code=None),
            flight(1, "UA", "N1", 10, stops=["ORD"], tags=[late]),
            flight(2, "UA", "N1", 70, stops=["ORD", "DEN"], tags=[late, full]),
            flight(3, "UA", "N2", None),
            flight(4, "AA", "N3", -5, stops=["DFW"]),
            flight(5, "AA", None, 30, tags=[full]),
            flight(6, "AA", "N3", 30),
            flight(7, "B6", None, 0, price=Decimal("99.50")),
            Note(id=1, text="first", stars=1),
            Note(id=2, text="second", stars=5),
            Note(id=3, text="third"),
        ]
    )
    await session.flush()
