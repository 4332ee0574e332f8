"""Named parameters: values that are missing where a statement becomes a part of another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from andamios_orm.core import AsyncSession
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries import Exists, Param, QueryBuilder
from andamios_orm.queries.parameters import filled, named_parameters

from .airport import Flight


@pytest.fixture
def half(session: AsyncSession) -> QueryBuilder[Flight]:
    """A frozen query with its values, narrowed by another parameter that has none."""
    query = QueryBuilder(Flight, session).filter(airline_code=Param("code")).freeze()(code="UA")
    return query.filter(id=Param("number"))


def test_a_statement_with_a_value_and_without_another(half: QueryBuilder[Flight]) -> None:
    compiled = half.statement.compile()
    assert list(compiled.params.values()) == ["UA", None]
    assert named_parameters(half.statement) == {"number"}


def test_values_that_come_later(half: QueryBuilder[Flight]) -> None:
    assert list(filled(half.statement, {"number": 7}).compile().params.values()) == ["UA", 7]


@pytest.mark.parametrize(
    "build",
    [
        lambda half, all_: half,
        lambda half, all_: half.union(all_),
        lambda half, all_: all_.join(half, on="id", name="half"),
        lambda half, all_: all_.with_cte("half", half).join("half", on="id"),
        lambda half, all_: all_.filter(Exists(half.nested())),
        lambda half, all_: all_.filter(id__in=half.select("id").nested()),
    ],
)
async def test_a_value_is_missing(
    session: AsyncSession, half: QueryBuilder[Flight], build: Callable[..., QueryBuilder[Any]]
) -> None:
    with pytest.raises(ConfigurationError, match="this query takes values for number: freeze it"):
        await build(half, QueryBuilder(Flight, session)).all()


async def test_a_union_gets_the_value_that_was_missing(half: QueryBuilder[Flight]) -> None:
    both = half.union(QueryBuilder(Flight).filter(id=7)).freeze()
    assert sorted(flight.id for flight in await both(number=2).all()) == [2, 7]
