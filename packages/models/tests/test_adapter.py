"""Objects become pydantic models, and pydantic models objects."""

from __future__ import annotations

from typing import Annotated, Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field
from sqlalchemy import ForeignKey, MetaData
from sqlalchemy.orm import Mapped, attribute_keyed_dict, mapped_column, relationship

from andamios_orm.core import AndamiosEngine, SessionManager
from andamios_orm.core.errors import ConfigurationError, ValidationError
from andamios_orm.models.adapter import PydanticModelAdapter
from andamios_orm.models.dataclass_model import DataclassModel
from andamios_orm.models.declarative import NAMING_CONVENTION, BaseModel
from andamios_orm.models.keys import UUIDKey
from andamios_orm.models.schemas import schema_for


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Repository(Base):
    name: Mapped[Annotated[str, Field(min_length=1)]]
    stars: Mapped[Annotated[int, Field(ge=0)]] = mapped_column(default=0)
    token: Mapped[Annotated[str, Field(exclude=True)] | None]
    documents: Mapped[dict[str, Document]] = relationship(
        collection_class=attribute_keyed_dict("path"), back_populates="repository"
    )


class Document(Base):
    path: Mapped[str]
    repository_id: Mapped[int] = mapped_column(ForeignKey("repository.id"))
    repository: Mapped[Repository] = relationship(back_populates="documents")


class Raw(Base):
    __validate__ = False

    name: Mapped[Annotated[str, Field(max_length=3)]]


class Data(DataclassModel):
    __abstract__ = True
    metadata = MetaData()


class Point(UUIDKey, Data):
    x: Mapped[Annotated[int, Field(ge=0)]]
    note: Mapped[str | None]
    y: Mapped[Annotated[int, Field(ge=0)]] = mapped_column(default=0)
    weight: Mapped[Annotated[int, Field(ge=0)]] = mapped_column(init=False, default=1)
    labels: Mapped[set[Label]] = relationship(back_populates="point", kw_only=True)


class Label(Data, eq=False):
    name: Mapped[str]
    point_id: Mapped[Any] = mapped_column(ForeignKey(Point.id), init=False)
    point: Mapped[Point] = relationship(back_populates="labels")


class Loose(Data, init=False):
    """Is not validated, and has a constructor that takes half of it."""

    __validate__ = False

    name: Mapped[str]
    size: Mapped[int | None]

    def __init__(self, name: str) -> None:
        self.name = name.upper()


points = PydanticModelAdapter(Point)
PointCreate = schema_for(Point, "create", depth=1)


class NewRaw(pydantic.BaseModel):
    name: str


class Summary(pydantic.BaseModel):
    name: Annotated[str, Field(max_length=5)]
    documents: list[dict[str, Any]] = []


class NewRepository(pydantic.BaseModel):
    name: str
    stars: int = 7
    confirmed: bool = Field(default=False, exclude=True)


adapter = PydanticModelAdapter(Repository, depth=1)


@pytest.fixture
async def made(engine: AndamiosEngine) -> AndamiosEngine:
    """An engine with a repository and its document."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with SessionManager(engine) as session:
        session.add(Document(path="a.md", repository=Repository(name="orm")))
    return engine


class TestToPydantic:
    async def test_unloaded_relationships_are_left_out(self, made: AndamiosEngine) -> None:
        async with SessionManager(made) as session:
            repository = await session.get_one(Repository, 1)
            assert adapter.to_pydantic(repository).model_dump() == {"id": 1, "name": "orm", "stars": 0}
            await session.refresh(repository, ["documents"])
            document = {"id": 1, "path": "a.md", "repository_id": 1}
            assert adapter.to_pydantic(repository).model_dump()["documents"] == [document]

    async def test_a_schema_of_ones_own_validates(self, made: AndamiosEngine) -> None:
        async with SessionManager(made) as session:
            repository = await session.get_one(Repository, 1)
            assert adapter.to_pydantic(repository, Summary) == Summary(name="orm")
            await session.refresh(repository, ["documents"])
            assert adapter.to_pydantic(repository, Summary).documents[0]["path"] == "a.md"
            repository.name = "too long"
            with pytest.raises(ValidationError, match="Summary: name: String should have at most 5"):
                adapter.to_pydantic(repository, Summary)

    async def test_another_schema_of_the_model(self, made: AndamiosEngine) -> None:
        async with SessionManager(made) as session:
            schema = schema_for(Repository, include=["name"])
            read = adapter.to_pydantic(await session.get_one(Repository, 1), schema)
            assert read.model_dump() == {"name": "orm"}

    def test_what_is_not_there_is_told(self) -> None:
        with pytest.raises(ValidationError) as caught:
            adapter.to_pydantic(Repository(id=1, name="orm", token=None))
        assert caught.value.errors == {
            "stars": "is not loaded: flush the session, or await session.refresh(obj)"
        }


class TestFromPydantic:
    async def test_it_makes_an_object_and_its_parts(self, made: AndamiosEngine) -> None:
        schema = schema_for(Repository, "create", depth=1)
        repository = adapter.from_pydantic(
            schema.model_validate({"name": "new", "token": "t", "documents": [{"path": "b.md"}]})
        )
        async with SessionManager(made) as session:
            session.add(repository)
        assert (repository.id, repository.stars, repository.token) == (2, 0, "t")
        assert repository.documents["b.md"].repository_id == 2

    def test_a_part_may_be_one_object_or_nobody(self) -> None:
        schema = schema_for(Document, "create", depth=1)
        documents = PydanticModelAdapter(Document)
        document = documents.from_pydantic(
            schema.model_validate({"path": "a", "repository": {"name": "orm"}})
        )
        assert document.repository.name == "orm"
        document = documents.from_pydantic(schema.model_validate({"path": "a", "repository": None}))
        assert document.repository is None

    def test_defaults_are_those_of_the_schema_or_of_the_model(self) -> None:
        assert adapter.from_pydantic(NewRepository(name="orm")).to_dict() == {"name": "orm", "stars": 7}
        made = adapter.from_pydantic(schema_for(Repository, "create")(name="orm"))
        assert made.to_dict() == {"name": "orm", "stars": 0}

    def test_it_changes_what_is_given(self) -> None:
        repository = Repository(name="orm", stars=3)
        changed = adapter.from_pydantic(schema_for(Repository, "update")(stars=4), into=repository)
        assert changed is repository
        assert repository.to_dict() == {"name": "orm", "stars": 4}
        adapter.from_pydantic(NewRepository(name="new"), into=repository)
        assert repository.to_dict() == {"name": "new", "stars": 4}

    def test_a_model_that_is_not_validated_takes_everything(self) -> None:
        raw = PydanticModelAdapter(Raw).from_pydantic(NewRaw(name="too long"), into=Raw(name="a"))
        assert raw.to_dict() == {"name": "too long"}

    def test_nothing_is_changed_of_what_is_refused(self) -> None:
        repository = Repository(name="orm", stars=3)
        with pytest.raises(ValidationError) as caught:
            adapter.from_pydantic(NewRepository(name="", stars=-1), into=repository)
        assert caught.value.errors.keys() == {"name", "stars"}
        assert repository.to_dict() == {"name": "orm", "stars": 3}

    def test_related_objects_are_not_replaced(self) -> None:
        with pytest.raises(ConfigurationError, match=r"Summary.documents would replace related objects"):
            adapter.from_pydantic(Summary(name="orm", documents=[]), into=Repository(name="orm"))

    def test_a_field_that_would_be_lost_is_refused(self) -> None:
        class Odd(pydantic.BaseModel):
            nmae: str = "orm"

        with pytest.raises(ConfigurationError, match=r"Odd.nmae is no attribute of Repository"):
            adapter.from_pydantic(Odd())

    @given(
        st.builds(
            dict, name=st.text(min_size=1), stars=st.integers(0, 2**31 - 1), token=st.none() | st.text()
        )
    )
    def test_an_object_makes_the_journey_there_and_back(self, values: dict[str, Any]) -> None:
        repository = Repository(id=1, **values)
        schema = adapter.to_pydantic(repository)
        assert adapter.from_pydantic(schema).to_dict() == repository.to_dict()


class TestDataclasses:
    def test_it_is_made_by_its_constructor(self) -> None:
        point = points.from_pydantic(PointCreate(x=1, weight=5, labels=[{"name": "a"}]))
        assert point.to_dict() == {"id": point.id, "x": 1, "note": None, "y": 0, "weight": 5}
        assert [(label.name, label.point) for label in point.labels] == [("a", point)]

    def test_all_that_is_refused_is_named(self) -> None:
        with pytest.raises(ValidationError) as caught:
            points.from_pydantic(PointCreate.model_construct(x=-1, weight=-1, note=None, labels=[]))
        assert caught.value.errors.keys() == {"x", "weight"}

    def test_it_makes_the_journey_there_and_back(self) -> None:
        point = Point(1, "n", labels=set())
        point.weight = 2
        made = points.from_pydantic(points.to_pydantic(point))
        assert (made.to_dict(), made == point) == (point.to_dict(), True)

    def test_a_missing_argument_is_named(self) -> None:
        with pytest.raises(ValidationError, match="Point: x: is missing: the constructor needs it"):
            points.from_pydantic(schema_for(Point, "update")(note="n"))
        with pytest.raises(ConfigurationError, match=r"of Point needs x, and PointCreate has no such field"):
            points.from_pydantic(schema_for(Point, "create", exclude=["x"])())

    def test_one_related_object_is_an_argument(self) -> None:
        schema = schema_for(Label, "create", depth=2)
        label = PydanticModelAdapter(Label).from_pydantic(
            schema.model_validate({"name": "a", "point": {"x": 1, "note": "n"}})
        )
        assert label in label.point.labels

    def test_a_related_object_may_be_left_out_for_its_key(self) -> None:
        key = Point(1, None, labels=set()).id
        label = PydanticModelAdapter(Label).from_pydantic(schema_for(Label, "create")(name="a", point_id=key))
        assert label.to_dict() == {"name": "a", "point_id": key}

    def test_a_constructor_that_is_written_out_gets_what_it_takes(self) -> None:
        loose = PydanticModelAdapter(Loose).from_pydantic(schema_for(Loose, "create")(name="a", size=3))
        assert (loose.name, loose.size) == ("A", 3)
