"""Models that are related in every way, and rows that are known by heart."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import Column, ForeignKey, MetaData, String, Table, UniqueConstraint, func
from sqlalchemy.orm import Mapped, MappedAsDataclass, attribute_keyed_dict, mapped_column, relationship

from andamios_orm.core import AsyncSession
from andamios_orm.models import (
    NAMING_CONVENTION,
    BaseModel,
    IntegerKey,
    NaturalKey,
    SoftDeleteMixin,
    UUIDKey,
    VersioningMixin,
)

__all__ = [
    "GREEK",
    "Bill",
    "Boss",
    "Category",
    "Chapter",
    "Cover",
    "Document",
    "Label",
    "Line",
    "NestingBase",
    "Note",
    "Pilot",
    "Project",
    "Setting",
    "Tag",
    "Task",
    "Worker",
    "fill",
]

GREEK = uuid.UUID("00000000-0000-0000-0000-0000000000a1")


class NestingBase(BaseModel):
    """The models of these tests; nothing else shares their metadata."""

    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


tagged = Table(
    "nesting_tagged",
    NestingBase.metadata,
    Column("project_id", ForeignKey("nesting_projects.id"), primary_key=True),
    Column("tag_id", ForeignKey("nesting_tags.id"), primary_key=True),
)
labelled = Table(
    "nesting_labelled",
    NestingBase.metadata,
    Column("project_id", ForeignKey("nesting_projects.id"), primary_key=True),
    Column("label_id", ForeignKey("nesting_labels.id"), primary_key=True),
)


class Project(IntegerKey, VersioningMixin, NestingBase):
    """Has everything."""

    __tablename__ = "nesting_projects"

    name: Mapped[Annotated[str, Field(min_length=1)]] = mapped_column(String(20))
    documents: Mapped[list[Document]] = relationship(
        back_populates="project", cascade="all, delete-orphan", order_by="Document.id"
    )
    tasks: Mapped[list[Task]] = relationship(back_populates="project", order_by="Task.id")
    bills: Mapped[list[Bill]] = relationship()
    notes: Mapped[list[Note]] = relationship(cascade="all, delete-orphan", order_by="Note.id")
    cover: Mapped[Cover | None] = relationship(back_populates="project", cascade="all, delete-orphan")
    lines: Mapped[list[Line]] = relationship(cascade="all, delete-orphan", order_by="Line.number")
    settings: Mapped[dict[str, Setting]] = relationship(
        cascade="all, delete-orphan", collection_class=attribute_keyed_dict("name")
    )
    tags: Mapped[list[Tag]] = relationship(secondary=tagged, back_populates="projects", order_by="Tag.name")
    labels: Mapped[set[Label]] = relationship(secondary=labelled)
    first_tasks: Mapped[list[Task]] = relationship(viewonly=True)
    streamed: Mapped[list[Task]] = relationship(lazy="write_only", overlaps="tasks,project")


class Document(IntegerKey, VersioningMixin, NestingBase):
    """Is deleted with its project."""

    __tablename__ = "nesting_documents"
    __table_args__ = (UniqueConstraint("project_id", "title"),)

    project_id: Mapped[int] = mapped_column(ForeignKey("nesting_projects.id"))
    title: Mapped[Annotated[str, Field(max_length=12)]] = mapped_column(String(12))
    state: Mapped[str] = mapped_column(String(12), server_default="draft")
    project: Mapped[Project] = relationship(back_populates="documents")
    chapters: Mapped[list[Chapter]] = relationship(cascade="all, delete-orphan", order_by="Chapter.id")


class Chapter(UUIDKey, NestingBase):
    """Has a key that the application makes."""

    __tablename__ = "nesting_chapters"

    document_id: Mapped[int] = mapped_column(ForeignKey("nesting_documents.id"))
    text: Mapped[str] = mapped_column(String(20))


class Task(IntegerKey, NestingBase):
    """Can do without a project; the database tells when it was changed."""

    __tablename__ = "nesting_tasks"

    name: Mapped[str] = mapped_column(String(20))
    project_id: Mapped[int | None] = mapped_column(ForeignKey("nesting_projects.id"))
    changed: Mapped[dt.datetime | None] = mapped_column(onupdate=func.now())
    project: Mapped[Project | None] = relationship(back_populates="tasks")


class Bill(IntegerKey, NestingBase):
    """Cannot do without a project, and is not deleted with it; its hook refuses some."""

    __tablename__ = "nesting_bills"

    project_id: Mapped[int] = mapped_column(ForeignKey("nesting_projects.id"))
    amount: Mapped[int]

    def before_create(self) -> None:
        if self.amount < 0:
            raise LookupError("no bill is negative")


class Note(IntegerKey, SoftDeleteMixin, NestingBase):
    """Is marked instead of being removed."""

    __tablename__ = "nesting_notes"

    project_id: Mapped[int] = mapped_column(ForeignKey("nesting_projects.id"))
    text: Mapped[str] = mapped_column(String(20))


class Cover(NestingBase):
    """Has the key of its project."""

    __tablename__ = "nesting_covers"

    project_id: Mapped[int] = mapped_column(
        ForeignKey("nesting_projects.id"), primary_key=True, autoincrement=False
    )
    color: Mapped[str] = mapped_column(String(20))
    project: Mapped[Project] = relationship(back_populates="cover")


class Line(NestingBase):
    """Has a key of which its project is a part."""

    __tablename__ = "nesting_lines"

    project_id: Mapped[int] = mapped_column(ForeignKey("nesting_projects.id"), primary_key=True)
    number: Mapped[NaturalKey[int]]
    text: Mapped[str] = mapped_column(String(20))


class Setting(NestingBase):
    """Has a key that callers give."""

    __tablename__ = "nesting_settings"

    code: Mapped[NaturalKey[str]] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(20))
    project_id: Mapped[int] = mapped_column(ForeignKey("nesting_projects.id"))


class Tag(UUIDKey, NestingBase):
    """Belongs to many projects."""

    __tablename__ = "nesting_tags"

    name: Mapped[str] = mapped_column(String(20))
    projects: Mapped[list[Project]] = relationship(secondary=tagged, back_populates="tags")


class Label(IntegerKey, SoftDeleteMixin, NestingBase):
    """Belongs to many projects, which do not say so; is marked instead of being removed."""

    __tablename__ = "nesting_labels"

    word: Mapped[str] = mapped_column(String(20))


class Category(IntegerKey, NestingBase):
    """Is a tree."""

    __tablename__ = "nesting_categories"

    name: Mapped[str] = mapped_column(String(20))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("nesting_categories.id"))
    children: Mapped[list[Category]] = relationship(back_populates="parent", order_by="Category.id")
    parent: Mapped[Category | None] = relationship(back_populates="children", remote_side="Category.id")


class Boss(IntegerKey, MappedAsDataclass, NestingBase, kw_only=True):
    """Is a dataclass with children."""

    __tablename__ = "nesting_bosses"

    name: Mapped[str] = mapped_column(String(20))
    workers: Mapped[list[Worker]] = relationship(
        default_factory=list, back_populates="boss", cascade="all, delete-orphan", order_by="Worker.id"
    )


class Worker(IntegerKey, MappedAsDataclass, NestingBase, kw_only=True):
    """Is a dataclass that wants its boss."""

    __tablename__ = "nesting_workers"
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "worker"}

    name: Mapped[str] = mapped_column(String(20))
    kind: Mapped[str] = mapped_column(String(20), init=False)
    boss_id: Mapped[int] = mapped_column(ForeignKey("nesting_bosses.id"), init=False)
    boss: Mapped[Boss | None] = relationship(back_populates="workers")


class Pilot(Worker, kw_only=True):
    """Has something that other workers do not have."""

    __tablename__: Any = None
    __mapper_args__ = {"polymorphic_identity": "pilot"}

    hours: Mapped[int | None] = mapped_column(default=None)


async def fill(session: AsyncSession) -> None:
    """Make the tables, and write the rows."""
    await (await session.connection()).run_sync(NestingBase.metadata.create_all)
    greek, latin = Tag(id=GREEK, name="greek"), Tag(id=uuid.UUID(int=GREEK.int + 1), name="latin")
    old = Label(word="old")
    session.add_all([Project(name="one", tags=[greek]), Project(name="two"), latin, Label(word="new"), old])
    await session.flush()
    session.add_all(
        [
            Document(project_id=1, title="a"),
            Document(project_id=1, title="b"),
            Document(project_id=2, title="c"),
            Task(project_id=1, name="run"),
            Bill(project_id=1, amount=5),
            Note(project_id=1, text="first"),
            Note(project_id=1, text="second"),
            Cover(project_id=1, color="red"),
            Line(project_id=1, number=1, text="x"),
            Line(project_id=1, number=2, text="y"),
            Setting(code="s1", name="size", project_id=1),
            Setting(code="s2", name="size", project_id=2),
            Category(name="root"),
        ]
    )
    await session.flush()
    session.add_all(
        [
            Chapter(id=uuid.UUID(int=1), document_id=1, text="I"),
            Category(name="left", parent_id=1),
            Category(name="right", parent_id=1),
        ]
    )
    await session.delete(old)
    await session.flush()
