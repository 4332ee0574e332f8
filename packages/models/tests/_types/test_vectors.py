"""Vectors and the distances between them."""

from __future__ import annotations

from array import array
from typing import Any

import pytest
from sqlalchemy import MetaData, select
from sqlalchemy.orm import Mapped, aliased, mapped_column

from andamios_orm.core import AndamiosEngine, SessionManager
from andamios_orm.core.errors import ConfigurationError, DataError
from andamios_orm.models.declarative import NAMING_CONVENTION, BaseModel
from andamios_orm.models.types import Vector, cosine_distance, inner_product, l2_distance


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Document(Base):
    title: Mapped[str]
    embedding: Mapped[Any] = mapped_column(Vector(2), nullable=True)


@pytest.fixture
async def filled(engine: AndamiosEngine) -> AndamiosEngine:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with SessionManager(engine) as session:
        session.add_all([Document(title="x", embedding=[3, 4]), Document(title="y", embedding=(0.0, 1.0))])
        session.add(Document(title="none"))
    return engine


@pytest.mark.parametrize(
    ("method", "function", "distances"),
    [
        ("l2_distance", l2_distance, [5.0, 1.0, None]),
        ("inner_product", inner_product, [0.0, 0.0, None]),
    ],
)
async def test_distance_to_a_vector(
    filled: AndamiosEngine, method: str, function: Any, distances: list[float | None]
) -> None:
    origin = [0.0, 0.0]
    for distance in (getattr(Document.embedding, method)(origin), function(Document.embedding, origin)):
        async with SessionManager(filled) as session:
            assert (await session.scalars(select(distance).order_by(Document.id))).all() == distances


async def test_nearest_first(filled: AndamiosEngine) -> None:
    async with SessionManager(filled) as session:
        nearest = select(Document.title).order_by(Document.embedding.cosine_distance([0, 2])).limit(2)
        assert (await session.scalars(nearest)).all() == ["y", "x"]
        near = select(Document.title).where(cosine_distance(Document.embedding, [6, 8]) < 1e-6)
        assert (await session.scalars(near)).all() == ["x"]


async def test_distance_between_columns(filled: AndamiosEngine) -> None:
    other = aliased(Document)
    pairs = select(inner_product(Document.embedding, other.embedding)).where(Document.id < other.id)
    async with SessionManager(filled) as session:
        assert (await session.scalars(pairs.order_by(other.id, Document.id).limit(1))).all() == [4.0]


async def test_any_iterable_of_numbers_is_taken(filled: AndamiosEngine) -> None:
    async with SessionManager(filled) as session:
        await session.bulk_insert(Document, [("a", array("f", [1.5, 2.5]))], columns=["title", "embedding"])
        assert await session.scalar(select(Document.embedding).where(Document.title == "a")) == [1.5, 2.5]


@pytest.mark.parametrize(
    "vector", [[1.0], [1.0, 2.0, 3.0], [1.0, float("nan")], [1.0, None], "ab", [1, 1e300]]
)
async def test_other_vectors_are_refused(filled: AndamiosEngine, vector: Any) -> None:
    async with SessionManager(filled) as session:
        with pytest.raises(DataError):
            await session.bulk_insert(Document, [{"title": "a", "embedding": vector}])
        await session.rollback()
        with pytest.raises(DataError):
            await session.execute(select(Document).where(Document.embedding.l2_distance(vector) < 1))
        await session.rollback()


@pytest.mark.parametrize("size", [0, -1, "3", None])
def test_size_is_a_positive_number(size: Any) -> None:
    with pytest.raises(ConfigurationError, match="fixed number of floats"):
        Vector(size)


def test_distance_of_another_column_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no Vector column"):
        l2_distance(Document.title, [1, 2])
