"""An object tells its values and its changes, and loads nothing for it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import ForeignKey, MetaData
from sqlalchemy.orm import Mapped, attribute_keyed_dict, mapped_column, relationship, synonym

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.models.dataclass_model import DataclassModel
from andamios_orm.models.declarative import NAMING_CONVENTION, BaseModel


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Data(DataclassModel):
    __abstract__ = True
    metadata = MetaData()


class Point(Data):
    x: Mapped[int]
    y: Mapped[int] = mapped_column(default=0)
    parent: Mapped[Point | None] = relationship(default=None, remote_side="Point.id")
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("point.id"), default=None)
    id: Mapped[int] = mapped_column(primary_key=True, init=False)


class Project(Base):
    name: Mapped[str]
    title: Mapped[str] = synonym("name")
    note: Mapped[str | None] = mapped_column(deferred=True)
    documents: Mapped[list[Document]] = relationship(back_populates="project")
    by_path: Mapped[dict[str, Document]] = relationship(
        collection_class=attribute_keyed_dict("path"), viewonly=True
    )


class Document(Base):
    path: Mapped[str]
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    project: Mapped[Project] = relationship(back_populates="documents")
    owner: Mapped[Project] = relationship(viewonly=True)


@pytest.fixture
async def made(engine: AndamiosEngine) -> AndamiosEngine:
    """An engine with a project and its document."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with SessionManager(engine) as session:
        session.add(Document(path="a.md", project=Project(name="docs")))
    return engine


class TestToDict:
    async def test_it_has_the_loaded_columns(self, made: AndamiosEngine) -> None:
        async with AsyncSession(made) as session:
            project = await session.get_one(Project, 1)
            assert project.to_dict(depth=1) == {"id": 1, "name": "docs"}
            await session.refresh(project, ["note"])
            assert project.to_dict() == {"id": 1, "name": "docs", "note": None}

    async def test_it_goes_as_deep_as_it_is_asked_to(self, made: AndamiosEngine) -> None:
        async with AsyncSession(made) as session:
            project = await session.get_one(Project, 1)
            await session.refresh(project, ["documents", "by_path"])
            await project.documents[0].awaitable_attrs.project
            document = {"id": 1, "path": "a.md", "project_id": 1}
            assert "documents" not in project.to_dict()
            assert project.to_dict(depth=3, exclude=["by_path"])["documents"] == [document]
            inside = {"id": 1, "name": "docs"}
            assert project.to_dict(depth=2, include=["by_path"]) == {
                "by_path": [document | {"project": inside}]
            }

    def test_nobody_is_none(self) -> None:
        assert Document(path="a", project=None).to_dict(depth=1) == {"path": "a", "project": None}

    @pytest.mark.parametrize("names", [["path", "size"], "path"])
    def test_an_unknown_name_is_refused(self, names: Any) -> None:
        with pytest.raises(ConfigurationError, match=r"attributes of Document, not '.*'; it has .*path"):
            Document(path="a").to_dict(exclude=names)

    @given(st.fixed_dictionaries({}, optional={"name": st.text(), "note": st.none() | st.text()}))
    def test_it_makes_an_equal_object(self, values: dict[str, Any]) -> None:
        assert Project(**values).to_dict() == values
        assert Project(**Project(**values).to_dict()).to_dict() == values


class TestChangedFields:
    def test_of_a_new_object_they_are_its_values(self) -> None:
        project = Project(name="docs")
        document = Document(path="a.md", project=project, owner=project)
        assert document.changed_fields() == {"path", "project"}
        assert project.changed_fields() == {"name"}

    async def test_they_differ_from_the_database(self, made: AndamiosEngine) -> None:
        async with SessionManager(made) as session:
            document = await session.get_one(Document, 1)
            document.path = "b.md"
            document.project_id = 1
            assert document.changed_fields() == {"path"}
            document.path = "a.md"
            assert document.changed_fields() == frozenset()
            document.project = Project(name="other")
            assert document.changed_fields() == {"project"}
            await session.flush()
            assert document.changed_fields() == frozenset()

    async def test_a_deferred_column_is_not_loaded_for_it(self, made: AndamiosEngine) -> None:
        async with AsyncSession(made) as session:
            project = await session.get_one(Project, 1)
            project.note = "new"
            assert project.changed_fields() == {"note"}


async def test_a_new_dataclass_tells_its_defaults_and_a_loaded_one_what_is_loaded(
    engine: AndamiosEngine,
) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(Data.metadata.create_all)
    async with SessionManager(engine) as session:
        point = Point(1, parent=Point(2, 3))
        assert point.to_dict(depth=1) == {
            "x": 1,
            "y": 0,
            "parent_id": None,
            "parent": {"x": 2, "y": 3, "parent_id": None},
        }
        session.add(point)
        await session.flush()
        session.expire(point, ["y"])
        assert point.to_dict() == {"id": point.id, "x": 1, "parent_id": point.parent_id}
