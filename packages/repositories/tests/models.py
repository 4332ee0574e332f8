"""Models with every kind of key and behaviour, and rows that are known by heart."""

from __future__ import annotations

import datetime as dt
import enum
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from pydantic import StringConstraints
from sqlalchemy import Enum, ForeignKey, Numeric, String, UniqueConstraint, func
from sqlalchemy.orm import Mapped, MappedAsDataclass, mapped_column, relationship

from andamios_orm.core import AsyncSession
from andamios_orm.models import (
    IntegerKey,
    NaturalKey,
    SoftDeleteMixin,
    TimestampMixin,
    UUIDKey,
    VersioningMixin,
)

from .contract_models import PEOPLE, Base, Guest, Person, row

__all__ = [
    "DEVICE",
    "KINDS",
    "Account",
    "Base",
    "Device",
    "Document",
    "Entry",
    "Guest",
    "Label",
    "Parcel",
    "Person",
    "Player",
    "Seat",
    "Shelf",
    "Size",
    "Team",
    "Ticket",
    "fill",
    "parcel",
    "row",
]

DEVICE = UUID("00000000-0000-0000-0000-00000000000d")


class Team(IntegerKey, Base):
    """Has players."""

    __tablename__ = "repository_teams"

    name: Mapped[str] = mapped_column(String(20))
    players: Mapped[list[Player]] = relationship(back_populates="team", order_by="Player.id")


class Player(IntegerKey, TimestampMixin, Base):
    """Belongs to a team; knows when its row was written."""

    __tablename__ = "repository_players"

    name: Mapped[str] = mapped_column(String(20))
    team_id: Mapped[int | None] = mapped_column(ForeignKey("repository_teams.id"))
    team: Mapped[Team | None] = relationship(back_populates="players")


class Seat(Base):
    """Has a composite key, of which one column is called otherwise."""

    __tablename__ = "repository_seats"

    number: Mapped[NaturalKey[int]] = mapped_column("the number")
    letter: Mapped[NaturalKey[str]] = mapped_column(String(1))
    holder: Mapped[str | None] = mapped_column(String(20))


class Device(UUIDKey, Base):
    """Has a key that the application makes."""

    __tablename__ = "repository_devices"

    name: Mapped[str] = mapped_column(String(20))


class Document(IntegerKey, VersioningMixin, Base):
    """Has a version."""

    __tablename__ = "repository_documents"

    title: Mapped[str] = mapped_column(String(20))


class Size(enum.Enum):
    """How large a parcel is."""

    SMALL = "s"
    LARGE = "l"


class Shelf(Base):
    """Has a key that is one of some names."""

    __tablename__ = "repository_shelves"

    size: Mapped[Size] = mapped_column(Enum(Size, name="repository_shelf_size"), primary_key=True)


class Parcel(IntegerKey, Base):
    """Has many kinds of columns; none of them is unique."""

    __tablename__ = "repository_parcels"

    code: Mapped[str] = mapped_column(String(40))
    day: Mapped[dt.date]
    price: Mapped[Decimal] = mapped_column(Numeric(8, 2))
    size: Mapped[Size] = mapped_column(Enum(Size, name="repository_size"))
    paid: Mapped[bool]
    owner: Mapped[UUID]
    note: Mapped[str | None] = mapped_column(String(20))


class Label(IntegerKey, Base):
    """Is validated and changed on its way: its word is in small letters."""

    __tablename__ = "repository_labels"

    word: Mapped[Annotated[str, StringConstraints(to_lower=True)]] = mapped_column(String(20), unique=True)
    color: Mapped[str | None] = mapped_column(String(20))


class Account(IntegerKey, Base):
    """Calls hooks, and has a column that the database fills in."""

    __tablename__ = "repository_accounts"

    name: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20), server_default="open")
    changed: Mapped[str | None] = mapped_column(String(20), onupdate=func.upper("changed"))
    moment: Mapped[dt.datetime | None] = mapped_column(onupdate=func.now())

    async def before_create(self) -> None:
        if self.name == "nobody":
            raise LookupError("nobody has an account")
        self.name = f"{self.name} (new)"

    def before_update(self) -> None:
        self.name = f"{self.name} (changed)"

    def before_delete(self) -> None:
        if self.name == "bank (new)":
            raise LookupError("the bank stays")


class Ticket(IntegerKey, MappedAsDataclass, Base):
    """Is a dataclass, whose constructor does not take the key."""

    __tablename__ = "repository_tickets"

    name: Mapped[str] = mapped_column(String(20))


class Entry(IntegerKey, SoftDeleteMixin, Base):
    """May come back while no other has its word."""

    __tablename__ = "repository_entries"
    __table_args__ = (UniqueConstraint("word"),)

    word: Mapped[str | None] = mapped_column(String(20))


def parcel(number: int, **values: Any) -> dict[str, Any]:
    """Return the values of a parcel."""
    return {
        "code": "x" * number + str(number),
        "day": dt.date(2013, 1, number),
        "price": Decimal(number) + Decimal("0.25"),
        "size": Size.LARGE if number % 2 else Size.SMALL,
        "paid": number % 2 == 0,
        "owner": UUID(int=number),
        "note": None,
    } | values


KINDS = [
    ["code"],
    ["day"],
    ["price"],
    ["size", "code"],
    ["paid", "owner"],
    ["owner"],
    ["price", "day", "size"],
]
"""Attributes that parcels match by, of every kind of column."""


async def fill(session: AsyncSession) -> None:
    """Make the tables, and write the rows."""
    await (await session.connection()).run_sync(Base.metadata.create_all)
    session.add_all([Person(**values) for values in PEOPLE])
    session.add_all([Guest(**values) for values in PEOPLE])
    session.add_all([Team(id=1, name="red"), Team(id=2, name="blue")])
    await session.flush()
    session.add_all(
        [
            Player(id=1, name="ada", team_id=1),
            Player(id=2, name="bob", team_id=1),
            Player(id=3, name="eve"),
            Seat(number=1, letter="a", holder="ada"),
            Seat(number=1, letter="b"),
            Seat(number=2, letter="a"),
            Device(id=DEVICE, name="phone"),
            Document(id=1, title="first"),
            Document(id=2, title="second"),
            Label(id=1, word="new", color="red"),
            *(Parcel(id=number, **parcel(number)) for number in range(1, 4)),
        ]
    )
    await session.flush()
