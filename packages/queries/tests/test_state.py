"""What a query is at one moment: where it is executed, its columns, and what goes on behind it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import selectinload

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager
from andamios_orm.core.errors import ConfigurationError, NoCurrentSessionError
from andamios_orm.queries import Count, F, QueryBuilder, RowNumber
from andamios_orm.queries.state import State

from .airport import Flight, Plane


def test_every_query_begins_with_the_same() -> None:
    assert State.of(Flight, None) is State.of(Flight, None)
    assert State.of(Flight, None) is not State.of(Plane, None)


@pytest.mark.parametrize("model", [int, None, "Flight", Flight.__table__, Flight.id])
def test_what_is_no_model(model: Any) -> None:
    with pytest.raises(ConfigurationError, match="a query is about a mapped class"):
        State.of(model, None)


async def test_the_session_that_executes(engine: AndamiosEngine) -> None:
    async with SessionManager(engine) as outer, SessionManager(engine) as session:
        assert State.of(Flight, outer).executed_by() is outer
        assert State.of(Flight, None).executed_by() is session
        assert State.of(Flight, None).dialect.name == "duckdb"


def test_without_a_session() -> None:
    with pytest.raises(NoCurrentSessionError):
        State.of(Flight, None).executed_by()


async def test_the_dialect_is_that_of_the_session() -> None:
    engine = create_async_engine("sqlite+aiosqlite:///:memory:")
    async with SessionManager(engine) as session:
        assert State.of(Flight, session).dialect.name == "sqlite"
    await engine.dispose()


@pytest.mark.parametrize("name", ["", "a\0b", "\0"])
async def test_names_that_no_column_has(name: str) -> None:
    query: QueryBuilder[Any] = QueryBuilder(Flight)
    for call in (query.select, query.annotate, query.group_by):
        with pytest.raises(ConfigurationError, match="a column cannot be called"):
            call(**{name: F("id") + 1})


@pytest.mark.parametrize("name", ["it's", 'say "hi"', "a b", "ünï", "select", "%s :x ?", "a.b", "1"])
async def test_names_of_columns(session: AsyncSession, name: str) -> None:
    query = QueryBuilder(Flight, session).filter(id=1)
    expected = [{name: 2}]
    assert await query.select(**{name: F("id") + 1}).values() == expected
    assert await query.annotate(**{name: F("id") + 1}).nested().values(name) == expected
    assert (await query.select(**{name: F("id") + 1}).arrow()).to_pylist() == expected


def test_a_name_is_taken_once() -> None:
    query = QueryBuilder(Flight).annotate(more=F("id"))
    for taken in ("more", "delay", "airline"):
        with pytest.raises(ConfigurationError, match=f"'{taken}' is there already"):
            query.annotate(**{taken: F("id")})


def test_what_is_closed() -> None:
    state = State.of(Flight, None)
    assert state.open() is state
    assert [state.changed(**each).closed for each in ({}, {"limit": 0}, {"offset": 1})] == [False, True, True]
    with pytest.raises(ConfigurationError, match="this query has a limit"):
        state.changed(limit=3).open()


def test_options_of_sqlalchemy_do_not_reach_into_subqueries() -> None:
    query = QueryBuilder(Flight).options(selectinload(Flight.tags))
    with pytest.raises(ConfigurationError, match="options of SQLAlchemy do not reach into a subquery"):
        query.limit(1).nested()


async def test_the_order_goes_on_behind_a_limit(session: AsyncSession) -> None:
    query = QueryBuilder(Flight, session).order_by("-airline__name", "-delay").limit(3)
    nested = query.nested()
    assert await nested.values_list("id", flat=True) == [2, 1, 3]
    assert await nested.order_by("id").limit(2).values_list("id", flat=True) == [1, 2]


async def test_the_order_of_distinct_rows_goes_on(session: AsyncSession) -> None:
    query = QueryBuilder(Flight, session).select("airline_code").distinct().order_by("-airline_code")
    assert await query.nested().scalars() == ["UA", "B6", "AA"]


async def test_what_is_computed_goes_on(session: AsyncSession) -> None:
    query = QueryBuilder(Flight, session).annotate(
        words=Count("tags"), place=RowNumber().over(order_by="-id")
    )
    nested = query.order_by("id").limit(3).nested().filter(words__gt=0)
    assert await nested.values("id", "words", "place") == [
        {"id": 1, "words": 1, "place": 7},
        {"id": 2, "words": 2, "place": 6},
    ]


async def test_counting(session: AsyncSession) -> None:
    state = State.of(Flight, session)
    for limited, count in ((state, 7), (state.changed(limit=3), 3), (state.changed(offset=5), 2)):
        assert (await limited.execute(limited.counting())).scalar_one() == count


async def test_values_of_all_fields(session: AsyncSession) -> None:
    state = State.of(Plane, session).fields(())
    assert (state.columns, state.with_object) == (("tailnum", "seats", "airline_code"), False)
    assert State.of(Plane, session).fields(["seats"]).columns == ("seats",)
    assert state.fields(()) is state
    assert ("N4", 50, None) in list(map(tuple, await state.tuples()))
