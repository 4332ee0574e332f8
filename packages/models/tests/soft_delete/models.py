"""Models whose rows are marked as deleted, on a metadata of their own, and a database with some of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, MetaData, Table, select, text
from sqlalchemy.orm import Mapped, MappedAsDataclass, mapped_column, relationship

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager
from andamios_orm.models.declarative import NAMING_CONVENTION, BaseModel
from andamios_orm.models.keys import IntegerKey, NaturalKey, UUIDKey
from andamios_orm.models.soft_delete import SoftDeleteMixin
from andamios_orm.models.timestamps import TimestampMixin
from andamios_orm.models.versioning import VersioningMixin

ALL: dict[str, Any] = {"include_deleted": True}
ONLY: dict[str, Any] = {"include_deleted": "only"}


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Soft(SoftDeleteMixin, Base):
    __abstract__ = True


flight_tag = Table(
    "flight_tag",
    Base.metadata,
    Column("flight_id", ForeignKey("flight.id"), primary_key=True),
    Column("tag_id", ForeignKey("tag.id"), primary_key=True),
)


class Airline(VersioningMixin, TimestampMixin, Soft):
    """Its flights and planes go with it; its notes cannot be marked."""

    __table_args__ = (
        Index("uq_airline_live", text("(CASE WHEN deleted_at IS NULL THEN name END)"), unique=True),
    )

    code: Mapped[NaturalKey[str]]
    name: Mapped[str | None]
    flights: Mapped[list[Flight]] = relationship(
        back_populates="airline", cascade="all, delete-orphan", order_by="Flight.id"
    )
    notes: Mapped[list[Note]] = relationship(cascade="all, delete-orphan")


class Flight(Soft):
    id: Mapped[NaturalKey[int]]
    carrier: Mapped[str] = mapped_column(ForeignKey(Airline.code))
    airline: Mapped[Airline] = relationship(back_populates="flights")
    tags: Mapped[list[Tag]] = relationship(secondary=flight_tag, back_populates="flights")


class Plane(Soft):
    """Goes with its airline by its foreign key alone, and with the plane that it is a part of."""

    tail: Mapped[NaturalKey[str]]
    owner: Mapped[str] = mapped_column(ForeignKey(Airline.code, ondelete="cascade"))
    part_of: Mapped[str | None] = mapped_column(ForeignKey("plane.tail", ondelete="CASCADE"))


class Inspection(Base):
    """Cannot be marked."""

    id: Mapped[NaturalKey[int]]
    plane: Mapped[str] = mapped_column(ForeignKey(Plane.tail, ondelete="CASCADE"))


class Note(Base):
    id: Mapped[NaturalKey[int]]
    carrier: Mapped[str] = mapped_column(ForeignKey(Airline.code))
    replies: Mapped[list[Reply]] = relationship(cascade="all, delete-orphan")


class Reply(Soft):
    id: Mapped[NaturalKey[int]]
    note: Mapped[int] = mapped_column(ForeignKey(Note.id))


class Tag(IntegerKey, Soft):
    name: Mapped[str]
    flights: Mapped[list[Flight]] = relationship(secondary=flight_tag, back_populates="tags")


class Charter(Flight):
    """Has a second table."""

    __tablename__ = "charter"

    id: Mapped[int] = mapped_column(ForeignKey(Flight.id), primary_key=True)
    client: Mapped[str]


class Crew(UUIDKey, MappedAsDataclass, Soft):
    name: Mapped[str]


async def fill(engine: AndamiosEngine) -> None:
    """Two airlines; UA has the flights 1 and 2, AA has 3."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with SessionManager(engine) as session:
        night, early = Tag(id=1, name="night"), Tag(id=2, name="early")
        united = [Flight(id=1, tags=[night]), Flight(id=2, tags=[night, early])]
        notes = [Note(id=1, replies=[Reply(id=1)])]
        session.add(Airline(code="UA", name="United", flights=united, notes=notes))
        session.add(Airline(code="AA", name="American", flights=[Flight(id=3)]))
        session.add_all([Plane(tail="N1", owner="UA"), Plane(tail="N2", owner="UA", part_of="N1")])
        session.add_all([Plane(tail="N3", owner="AA"), Inspection(id=1, plane="N1")])


async def keys(engine: AndamiosEngine, column: Any, **options: Any) -> Sequence[Any]:
    async with AsyncSession(engine) as session:
        return (await session.scalars(select(column).order_by(column), execution_options=options)).all()


async def remove(engine: AndamiosEngine, model: Any, key: Any) -> None:
    async with SessionManager(engine) as session:
        await session.delete(await session.get_one(model, key))
