"""Options by the names of relationships, or by attributes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import inspect
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import aliased
from sqlalchemy.orm import selectinload as plain_selectinload

from andamios_orm.core import AndamiosEngine, AsyncSession
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries import QueryBuilder, UnknownNameError, joinedload, noload, selectinload

from .airport import Airline, Flight
from .statements import sent


@pytest.fixture
def flights(session: AsyncSession) -> QueryBuilder[Flight]:
    """A query for all flights, of a session that holds no object."""
    return QueryBuilder(Flight, session).order_by("id")


@pytest.mark.parametrize("load", [selectinload, joinedload])
@pytest.mark.parametrize(
    "path",
    [
        ("airline__planes",),
        ("airline", "planes"),
        (Flight.airline, Airline.planes),
        (Flight.airline, "planes"),
    ],
)
async def test_paths(flights: QueryBuilder[Flight], load: Callable[..., Any], path: tuple[Any, ...]) -> None:
    found = await flights.options(load(*path)).all()
    assert [len(flight.airline.planes) for flight in found] == [2, 2, 2, 1, 1, 1, 0]
    assert "plane" in inspect(found[0]).unloaded


@pytest.mark.parametrize(
    ("options", "statements"),
    [((joinedload("tags"), joinedload("plane")), 1), ((selectinload("tags"),), 2)],
)
async def test_how_many_statements_they_take(
    shared_engine: AndamiosEngine, flights: QueryBuilder[Flight], options: tuple[Any, ...], statements: int
) -> None:
    with sent(shared_engine) as found:
        await flights.options(*options).all()
    assert len(found) == statements


async def test_joined_objects_neither_double_nor_limit_rows(flights: QueryBuilder[Flight]) -> None:
    query = flights.options(joinedload("tags"))
    assert [flight.id for flight in await query.limit(2).all()] == [1, 2]
    assert [tag.word for tag in (await query[1:2].one()).tags] in (["late", "full"], ["full", "late"])
    assert await query.count() == 7


async def test_rows_with_objects(flights: QueryBuilder[Flight]) -> None:
    """Rows that hold an object and something computed come once each, whatever is loaded with them."""
    rows = await flights.options(joinedload("tags")).annotate(n=Flight.id + 1).all()
    assert [(row[0].id, row.n, len(row[0].tags)) for row in rows][:3] == [(1, 2, 1), (2, 3, 2), (3, 4, 0)]


async def test_what_is_not_loaded(flights: QueryBuilder[Flight]) -> None:
    flight = await flights.options(noload("tags")).first()
    assert flight is not None
    with pytest.raises(InvalidRequestError, match=r"Flight.tags. is not available"):
        _ = flight.tags


async def test_a_path_to_what_is_not_loaded(flights: QueryBuilder[Flight]) -> None:
    flight = await flights.options(joinedload("airline"), noload("airline__planes")).first()
    assert flight is not None
    assert flight.airline.name == "United Air Lines"
    assert "planes" in inspect(flight.airline).unloaded


async def test_aliases_and_nested_queries(session: AsyncSession, flights: QueryBuilder[Flight]) -> None:
    alias = await QueryBuilder(aliased(Flight), session).options(selectinload("tags")).order_by("id").first()
    assert alias is not None
    assert [tag.word for tag in alias.tags] == ["late"]
    session.expunge_all()
    nested = await flights.limit(2).nested().options(joinedload("tags"), selectinload("airline")).all()
    assert [(len(flight.tags), flight.airline.code) for flight in nested] == [(1, "UA"), (2, "UA")]
    session.expunge_all()
    by_attribute = await flights.limit(2).nested().options(selectinload(Flight.tags)).all()
    assert [len(flight.tags) for flight in by_attribute] == [1, 2]


async def test_options_of_sqlalchemy(flights: QueryBuilder[Flight]) -> None:
    flight = await flights.options(plain_selectinload(Flight.airline), selectinload("tags")).first()
    assert flight is not None
    assert (flight.airline.code, len(flight.tags)) == ("UA", 1)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (("tag",), "'tag' is no relationship of Flight: did you mean 'tags'"),
        (("airline__plane",), "'plane' is no relationship of Airline: did you mean 'planes'"),
        (("delay",), "'delay' is no relationship of Flight"),
        (("airline__name",), "'name' is no relationship of Airline"),
        (("",), "'' is no relationship of Flight"),
    ],
)
def test_what_is_no_relationship(path: tuple[Any, ...], message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        QueryBuilder(Flight).options(selectinload(*path))


def test_attributes_that_are_no_relationships() -> None:
    with pytest.raises(ConfigurationError, match="delay"):
        QueryBuilder(Flight).options(selectinload(Flight.delay))


def test_rows_that_are_no_objects() -> None:
    with pytest.raises(ConfigurationError, match=r"options\(\) loads what belongs to objects"):
        QueryBuilder(Flight).select("id").nested().options(selectinload("tags"))
    with pytest.raises(ConfigurationError, match=r"options\(\) loads what belongs to objects"):
        QueryBuilder(Flight).select("id").options(selectinload("tags"))
