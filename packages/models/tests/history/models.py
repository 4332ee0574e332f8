"""Models with a history, on a metadata of their own, and databases that hold their tables."""

from __future__ import annotations

import enum
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Enum, ForeignKey, MetaData, String, cast, select
from sqlalchemy.orm import Mapped, column_property, mapped_column, registry, relationship

from andamios_orm.core import AndamiosEngine, AsyncSession, create_memory_engine
from andamios_orm.models.declarative import NAMING_CONVENTION, BaseModel
from andamios_orm.models.history import AuditMixin


class Base(BaseModel):
    """Base of the models of these tests."""

    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    registry = registry(metadata=metadata)


class Status(enum.Enum):
    """How far a document is."""

    DRAFT = "draft"
    DONE = "done"


class Document(AuditMixin, Base):
    """A generated key, an enumeration, and a column with another name than its attribute."""

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    size: Mapped[int | None] = mapped_column("size_in_bytes", index=True)
    status: Mapped[Status] = mapped_column(Enum(Status), default=Status.DRAFT)


class Airline(AuditMixin, Base):
    """A natural key, and a unique column."""

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    planes: Mapped[list[Plane]] = relationship(
        back_populates="airline", foreign_keys="Plane.airline_code", passive_deletes=True
    )


class Plane(AuditMixin, Base):
    """A key that the application makes, and references whose types follow."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    airline_code: Mapped[str | None] = mapped_column(ForeignKey("airline.code", ondelete="CASCADE"))
    owner_code: Mapped[str | None] = mapped_column(ForeignKey("airline.code", ondelete="SET NULL"))
    airline: Mapped[Airline | None] = relationship(back_populates="planes", foreign_keys=[airline_code])


class Seat(AuditMixin, Base):
    """A composite key."""

    flight: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    passenger: Mapped[str | None]
    place: Mapped[str] = column_property(flight + "/" + cast(number, String))


class Message(AuditMixin, Base):
    """Several classes in one table."""

    kind: Mapped[str] = mapped_column(String, default="message")
    text: Mapped[str]
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "message"}


class Answer(Message):
    """One of them, with a column of its own."""

    score: Mapped[int | None]
    __mapper_args__ = {"polymorphic_identity": "answer"}


@asynccontextmanager
async def database(base: type[BaseModel] = Base) -> AsyncIterator[AndamiosEngine]:
    """Make a database in memory with the tables of a base."""
    engine = create_memory_engine()
    async with engine.begin() as connection:
        await connection.run_sync(base.metadata.create_all)
    yield engine
    await engine.dispose()


async def recorded(session: AsyncSession, model: type[AuditMixin], *names: str) -> Sequence[Any]:
    """Return the operation of each version and what else is asked for, in the order of their making."""
    history = model.__history_table__
    columns = [history.c[name] for name in names]
    order = (history.c.valid_from, *columns)
    return (await session.execute(select(history.c.operation, *columns).order_by(*order))).all()


async def later(session: AsyncSession, count: int = 3) -> list[Any]:
    """Return the versions of airlines after the first ones, sorted."""
    return sorted((await recorded(session, Airline, "code", "name"))[count:])
