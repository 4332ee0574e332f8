from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import ForeignKey, MetaData, exc, select
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    defer,
    joinedload,
    mapped_column,
    registry,
    relationship,
    selectinload,
)

from andamios_orm.core import AndamiosError, AsyncSession, create_memory_engine
from andamios_orm.models.declarative import NAMING_CONVENTION, BaseModel
from andamios_orm.models.errors import LazyLoadError


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    registry = registry(metadata=metadata)


class Project(Base):
    name: Mapped[str]
    documents: Mapped[list[Document]] = relationship(back_populates="project")


class Document(Base):
    title: Mapped[str]
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    project: Mapped[Project] = relationship(back_populates="documents")


class Foreign(DeclarativeBase):
    metadata = Base.metadata


class PlainDocument(Foreign):
    __table__ = Document.__table__
    project: Mapped[PlainProject] = relationship(viewonly=True)


class PlainProject(Foreign):
    __table__ = Project.__table__


@pytest.fixture
async def session() -> AsyncIterator[AsyncSession]:
    engine = create_memory_engine()
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with AsyncSession(engine) as session:
        session.add(Document(title="plan", project=Project(name="moon")))
        await session.commit()
        session.expunge_all()
        yield session
    await engine.dispose()


async def test_a_reference_is_named_with_three_ways(session: AsyncSession) -> None:
    document = (await session.scalars(select(Document))).one()
    with pytest.raises(LazyLoadError) as caught:
        _ = document.project
    assert (caught.value.model, caught.value.attribute) == ("Document", "project")
    assert "select(Document).options(joinedload(Document.project))" in str(caught.value)
    assert "await obj.awaitable_attrs.project" in str(caught.value)
    assert 'await session.refresh(obj, ["project"])' in str(caught.value)


async def test_a_collection_is_named(session: AsyncSession) -> None:
    project = (await session.scalars(select(Project))).one()
    with pytest.raises(LazyLoadError, match=r"selectinload\(Project\.documents\)"):
        _ = project.documents


@pytest.mark.parametrize("kind", [exc.MissingGreenlet, AndamiosError])
async def test_it_is_what_sqlalchemy_and_the_family_raise(
    session: AsyncSession, kind: type[Exception]
) -> None:
    document = (await session.scalars(select(Document))).one()
    with pytest.raises(kind):
        _ = document.project


async def test_the_three_ways_work(session: AsyncSession) -> None:
    document = (await session.scalars(select(Document).options(joinedload(Document.project)))).one()
    assert document.project.name == "moon"
    session.expunge_all()
    document = (await session.scalars(select(Document))).one()
    assert (await document.awaitable_attrs.project).name == "moon"
    session.expunge_all()
    project = (await session.scalars(select(Project).options(selectinload(Project.documents)))).one()
    await session.refresh(project, ["documents"])
    assert project.documents[0].title == "plan"


async def test_the_session_goes_on(session: AsyncSession) -> None:
    document = (await session.scalars(select(Document))).one()
    document.title = "changed"
    with pytest.raises(LazyLoadError):
        _ = document.project
    await session.commit()
    assert (await session.scalars(select(Document.title))).all() == ["changed"]


async def test_what_the_session_has_is_read(session: AsyncSession) -> None:
    project = (await session.scalars(select(Project))).one()
    document = (await session.scalars(select(Document))).one()
    assert document.project is project


async def test_a_deferred_column_is_named(session: AsyncSession) -> None:
    document = (await session.scalars(select(Document).options(defer(Document.title)))).one()
    with pytest.raises(LazyLoadError, match=r"undefer\(Document\.title\)"):
        _ = document.title
    assert await document.awaitable_attrs.title == "plan"


async def test_an_expired_column_is_named(session: AsyncSession) -> None:
    document = (await session.scalars(select(Document))).one()
    session.expire(document)
    with pytest.raises(LazyLoadError, match=r"Document\.id is not loaded"):
        _ = document.title
    await session.refresh(document)
    assert document.title == "plan"


async def test_other_models_get_what_sqlalchemy_raises(session: AsyncSession) -> None:
    document = (await session.scalars(select(PlainDocument))).one()
    with pytest.raises(exc.MissingGreenlet) as caught:
        _ = document.project
    assert not isinstance(caught.value, LazyLoadError)
    session.expire(document)
    with pytest.raises(exc.MissingGreenlet) as caught:
        _ = document.title  # type: ignore[attr-defined] # it is a column of the table
    assert not isinstance(caught.value, LazyLoadError)
