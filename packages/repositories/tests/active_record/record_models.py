"""Active records with every kind of key and behaviour."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, ClassVar

from pydantic import Field
from sqlalchemy import ForeignKey, MetaData, String, func
from sqlalchemy.orm import Mapped, MappedAsDataclass, mapped_column, relationship

from andamios_orm.core import AndamiosEngine
from andamios_orm.models import (
    NAMING_CONVENTION,
    BaseModel,
    IntegerKey,
    NaturalKey,
    SoftDeleteMixin,
    UUIDKey,
    VersioningMixin,
)
from andamios_orm.repositories.active_record.active_record import ActiveRecord

__all__ = [
    "Badge",
    "Chair",
    "Club",
    "Gadget",
    "Letter",
    "Member",
    "Memo",
    "Oven",
    "Page",
    "Record",
    "Tool",
    "bound",
    "unsaved",
]


class Record(ActiveRecord, BaseModel):
    """The models of these tests; nothing else shares their metadata."""

    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Club(IntegerKey, Record):
    """Has members, who are removed with it."""

    __tablename__ = "record_clubs"

    name: Mapped[str] = mapped_column(String(20), unique=True)
    members: Mapped[list[Member]] = relationship(
        back_populates="club", cascade="all, delete-orphan", order_by="Member.id"
    )


class Member(IntegerKey, Record):
    """May belong to a club."""

    __tablename__ = "record_members"

    name: Mapped[Annotated[str, Field(max_length=20)]] = mapped_column(String(20), unique=True)
    age: Mapped[int | None]
    loud: Mapped[str | None] = mapped_column(String(20), onupdate=func.upper("changed"))
    bio: Mapped[str | None] = mapped_column(String(20), deferred=True)
    club_id: Mapped[int | None] = mapped_column(ForeignKey(Club.id))
    club: Mapped[Club | None] = relationship(back_populates="members")


class Chair(Record):
    """Has a composite key."""

    __tablename__ = "record_chairs"

    number: Mapped[NaturalKey[int]]
    letter: Mapped[NaturalKey[str]] = mapped_column(String(1))
    holder: Mapped[str | None] = mapped_column(String(20))


class Gadget(UUIDKey, Record):
    """Has a key that the application makes."""

    __tablename__ = "record_gadgets"

    name: Mapped[str] = mapped_column(String(20))


class Page(IntegerKey, VersioningMixin, Record):
    """Has a version."""

    __tablename__ = "record_pages"

    title: Mapped[str] = mapped_column(String(20))


class Memo(IntegerKey, SoftDeleteMixin, Record):
    """Is marked as deleted."""

    __tablename__ = "record_memos"

    text: Mapped[str] = mapped_column(String(20))


class Tool(IntegerKey, Record):
    """Has a kind, which is a class."""

    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "tool"}  # as SQLAlchemy declares it

    kind: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(20))


class Oven(Tool):
    """Shares the table of tools."""

    __mapper_args__ = {"polymorphic_identity": "oven"}  # as SQLAlchemy declares it

    degrees: Mapped[int | None]


class Badge(IntegerKey, MappedAsDataclass, Record):
    """Is a dataclass, whose constructor does not take the key."""

    __tablename__ = "record_badges"

    name: Mapped[str] = mapped_column(String(20))


class Letter(IntegerKey, Record):
    """Notes when it is saved, and waits where it is told to."""

    seen: ClassVar[list[str]] = []
    reached: ClassVar[asyncio.Event | None] = None

    text: Mapped[str] = mapped_column(String(20))

    async def before_save(self) -> None:
        self.seen.append(f"before {self.text}")
        if self.text == "refused":
            raise LookupError("nobody wants it")
        self.text = self.text.lower()
        if self.reached is not None:
            self.reached.set()
            await asyncio.Event().wait()

    def after_save(self) -> None:
        self.seen.append(f"after {self.text}")


@asynccontextmanager
async def bound(engine: AndamiosEngine) -> AsyncIterator[AndamiosEngine]:
    """Make the tables, and bind all the models to their engine."""
    async with engine.begin() as connection:
        await connection.run_sync(Record.metadata.create_all)
    Record.bind(engine)
    yield engine
    Record.bind(None)


def unsaved(record: BaseModel) -> list[str]:
    """Return the names of what has changed, which the next save writes."""
    return sorted(record.changed_fields())
