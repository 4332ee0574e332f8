"""What a model has without asking for it: a table, a key, names, a representation."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    select,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager, create_engine
from andamios_orm.models.declarative import NAMING_CONVENTION, BaseModel
from andamios_orm.models.types import Encrypted


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Project(Base):
    name: Mapped[str] = mapped_column(String, unique=True)
    documents: Mapped[list[Document]] = relationship(back_populates="project")


class Document(Base):
    __table_args__ = (CheckConstraint("length(kind) > 0", name="kind_given"),)

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), index=True)
    project: Mapped[Project] = relationship(back_populates="documents")
    kind: Mapped[str]
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "document"}


class Letter(Document):
    receiver: Mapped[str | None]
    __mapper_args__ = {"polymorphic_identity": "letter"}


class Report(Document):
    __tablename__ = "reports"

    id: Mapped[int] = mapped_column(ForeignKey(Document.id), primary_key=True)
    pages: Mapped[int]
    __mapper_args__ = {"polymorphic_identity": "report"}


def table_of(model: type[Base]) -> Table:
    assert isinstance(model.__table__, Table)
    return model.__table__


@pytest.fixture
async def filled(engine: AndamiosEngine) -> AndamiosEngine:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with SessionManager(engine) as session:
        documents = [Letter(receiver="Ada"), Report(pages=3), Document()]
        session.add(Project(name="atlas", documents=documents))
    return engine


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("Flight", "flight"),
        ("FlightPlan", "flight_plan"),
        ("HTTPRequest", "http_request"),
        ("Route66Stop", "route66_stop"),
        ("APIKeyV2", "api_key_v2"),
    ],
)
def test_the_table_is_called_like_the_class(name: str, table: str) -> None:
    class Other(BaseModel):
        __abstract__ = True
        metadata = MetaData()

    model: Any = type(name, (Other,), {"__module__": __name__})
    assert model.__tablename__ == table


def test_a_subclass_shares_the_table_unless_it_names_one() -> None:
    assert Letter.__table__ is Document.__table__
    assert table_of(Report).name == "reports"


def test_a_model_without_a_key_gets_one() -> None:
    assert [column.name for column in Project.__table__.primary_key] == ["id"]
    assert next(iter(Project.__table__.c.keys())) == "id"


@pytest.mark.parametrize(
    "attributes",
    [
        {"__annotations__": {"code": Mapped[str]}, "code": mapped_column(primary_key=True)},
        {
            "__annotations__": {"code": Mapped[str]},
            "__table_args__": (PrimaryKeyConstraint("code"),),
        },
    ],
)
def test_a_key_of_its_own_takes_its_place(attributes: dict[str, object]) -> None:
    class Other(BaseModel):
        __abstract__ = True
        metadata = MetaData()

    model: Any = type("Airline", (Other,), {"__module__": __name__, **attributes})
    assert model.__table__.c.keys() == ["code"]


def test_a_base_with_metadata_of_its_own_keeps_its_models_apart() -> None:
    class Other(BaseModel):
        __abstract__ = True
        metadata = MetaData()

    model: Any = type("Project", (Other,), {"__module__": __name__})
    assert list(Other.metadata.tables) == ["project"]
    assert model.registry is not Project.registry


def test_constraints_have_names() -> None:
    constraints = {str(constraint.name) for constraint in table_of(Document).constraints}
    assert constraints == {"pk_document", "ck_document_kind_given", "fk_document_project_id_project"}
    assert [index.name for index in table_of(Document).indexes] == ["ix_document_project_id"]
    assert "uq_project_name" in {str(constraint.name) for constraint in table_of(Project).constraints}


async def test_the_database_makes_the_key(filled: AndamiosEngine) -> None:
    async with AsyncSession(filled) as session:
        documents = (await session.scalars(select(Document).order_by(Document.id))).all()
    assert [(type(document), document.id) for document in documents] == [
        (Letter, 1),
        (Report, 2),
        (Document, 3),
    ]


async def test_what_was_not_loaded_can_be_awaited(filled: AndamiosEngine) -> None:
    async with AsyncSession(filled) as session:
        project = await session.get_one(Project, 1)
        assert len(await project.awaitable_attrs.documents) == 3


async def test_its_text_shows_what_is_loaded_and_loads_nothing(filled: AndamiosEngine) -> None:
    assert repr(Project(name="new")) == "Project(name='new')"
    async with AsyncSession(filled) as session:
        project = await session.get_one(Project, 1)
        assert repr(project) == "Project(id=1, name='atlas')"
        session.expire(project, ["name"])
        assert repr(project) == "Project(id=1)"


class Level(StrEnum):
    LOW = "low"


class Account(Base):
    token: Mapped[str | None] = mapped_column(Encrypted(Text, key=Fernet.generate_key()))
    level: Mapped[Level] = mapped_column(default=Level.LOW)


def test_its_text_hides_what_is_encrypted() -> None:
    assert repr(Account(token="secret")) == "Account(token=***)"
    assert repr(Account(token=None)) == "Account(token=None)"


async def test_a_str_enum_is_kept_by_its_value(filled: AndamiosEngine) -> None:
    async with SessionManager(filled) as session:
        session.add(Account())
    async with AsyncSession(filled) as session:
        assert await session.scalar(text("SELECT level FROM account")) == "low"
        assert await session.scalar(select(Account.level)) is Level.LOW


async def test_sqlite_makes_the_key_too(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'a.db'}")
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with SessionManager(engine) as session:
        session.add_all([Project(name="a"), Project(name="b")])
    async with AsyncSession(engine) as session:
        assert (await session.scalars(select(Project.id).order_by(Project.name))).all() == [1, 2]
    await engine.dispose()
