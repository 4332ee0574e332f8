"""Models with a version, on a metadata of their own, and what is done to their rows."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, MetaData, select
from sqlalchemy.orm import Mapped, MappedAsDataclass, mapped_column

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager
from andamios_orm.models.declarative import NAMING_CONVENTION, BaseModel
from andamios_orm.models.keys import IntegerKey, NaturalKey, UUIDKey
from andamios_orm.models.timestamps import TimestampMixin
from andamios_orm.models.versioning import VersioningMixin


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Document(IntegerKey, VersioningMixin, Base):
    __tablename__ = "versioned_document"

    title: Mapped[str]


DOCUMENTS = Base.metadata.tables["versioned_document"]


class Contract(Document):
    """Has a second table."""

    __tablename__ = "versioned_contract"

    id: Mapped[int] = mapped_column(ForeignKey(Document.id), primary_key=True)
    partner: Mapped[str]


class Paragraph(VersioningMixin, TimestampMixin, Base):
    """Has a composite key, and names that need quotes."""

    __tablename__ = "Versioned Paragraph"

    chapter: Mapped[NaturalKey[int]]
    number: Mapped[NaturalKey[int]] = mapped_column("the number")
    body: Mapped[str]


class Draft(IntegerKey, Base):
    """Has no version."""

    title: Mapped[str]


class Label(UUIDKey, VersioningMixin, MappedAsDataclass, Base):
    name: Mapped[str]


async def write(session: AsyncSession, document: Any, way: str) -> None:
    if way == "update":
        document.title += "!"
    else:
        await session.delete(document)


async def version(engine: AndamiosEngine) -> int | None:
    async with AsyncSession(engine) as session:
        return await session.scalar(select(Document.version).where(Document.id == 1))


def facts(error: BaseException) -> tuple[Any, ...]:
    return tuple(vars(error)[name] for name in ("model", "key", "expected", "found"))


async def touch(engine: AndamiosEngine) -> None:
    async with SessionManager(engine) as session:
        (await session.get_one(Document, 1)).title += "!"
