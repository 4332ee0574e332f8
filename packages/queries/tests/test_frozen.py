"""Frozen queries: made and compiled once, executed with other values, and answered from the cache."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from sqlalchemy import event

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager, create_engine
from andamios_orm.core.cache.cache import CacheManager
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries import Count, F, FrozenQuery, Param, QueryBuilder, Sum

from .airport import Flight, Plane, fill
from .statements import sent


@pytest.fixture
async def cached(shared_url: str) -> AsyncIterator[AndamiosEngine]:
    """The rows of the airport, which are read only, and a cache in front of them."""
    engine = create_engine(shared_url)
    async with CacheManager(engine):
        yield engine
    await engine.dispose()


@pytest.fixture
async def own_cached(engine: AndamiosEngine) -> AsyncIterator[AndamiosEngine]:
    """The same in a database of its own, which may be written to."""
    async with SessionManager(engine) as session:
        await fill(session)
    async with CacheManager(engine):
        yield engine


class Short(NamedTuple):
    id: int
    delay: int | None


def later(session: AsyncSession | None = None) -> FrozenQuery[Flight]:
    """Return the flights that are later than so much."""
    query = QueryBuilder(Flight, session).filter(delay__gt=Param("minutes"))
    return query.order_by("id").freeze()


async def test_other_values(session: AsyncSession) -> None:
    late = later(session)
    assert late.parameters == {"minutes"}
    assert [each.id for each in await late(minutes=20).all()] == [2, 5, 6]
    assert [each.id for each in await late(minutes=60).all()] == [2]
    assert [each.id for each in await late(minutes=20).all()] == [2, 5, 6]


async def test_the_statement_is_made_once(session: AsyncSession) -> None:
    late = later(session)
    assert late(minutes=20)._state.statement is late(minutes=60)._state.statement


async def test_the_statement_is_compiled_once(shared_engine: AndamiosEngine, session: AsyncSession) -> None:
    late = later(session)
    hits = []

    def note(connection: Any, cursor: Any, statement: str, values: Any, context: Any, many: bool) -> None:
        hits.append(context.cache_hit.name)

    event.listen(shared_engine.sync_engine, "before_cursor_execute", note)
    for minutes in (20, 60, 60):
        await late(minutes=minutes).all()
    assert hits == ["CACHE_MISS", "CACHE_HIT", "CACHE_HIT"]


ENDINGS: tuple[tuple[Callable[[QueryBuilder[Flight]], Any], Any], ...] = (
    (lambda query: query.count(), 3),
    (lambda query: query.exists(), True),
    (lambda query: query.sum("delay"), 130),
    (lambda query: query.min("price"), Decimal(200)),
    (lambda query: query.aggregate(n=Count(), total=Sum("delay")), {"n": 3, "total": 130}),
    (lambda query: query.values("id"), [{"id": 2}, {"id": 5}, {"id": 6}]),
    (lambda query: query.values_list("id", flat=True), [2, 5, 6]),
    (lambda query: query.select("id").scalars(), [2, 5, 6]),
    (lambda query: query.select("id").scalar(), 2),
    (lambda query: query.into(Short), [Short(2, 70), Short(5, 30), Short(6, 30)]),
    (lambda query: query.limit(1).values_list("id", flat=True), [2]),
    (lambda query: query.filter(id__gt=2).count(), 2),
    (lambda query: query.offset(1).nested().values_list("id", flat=True), [5, 6]),
    (
        lambda query: query.group_by("delay").annotate(n=Count()).order_by("delay").values_list(),
        [(30, 2), (70, 1)],
    ),
)


@pytest.mark.parametrize(("ending", "found"), ENDINGS)
async def test_endings(session: AsyncSession, ending: Callable[[Any], Any], found: Any) -> None:
    late = later(session)
    assert await ending(late(minutes=20)) == found
    assert await ending(late(minutes=1000)) in (0, False, None, [], {"n": 0, "total": None})


async def test_objects_of_a_frozen_query(session: AsyncSession) -> None:
    late = later(session)
    first = await late(minutes=20).first()
    assert first is not None
    assert first.id == 2
    assert (await late(minutes=60).one()).id == 2
    assert await late(minutes=60).get(5) is None
    assert list(await late(minutes=20).in_bulk([1, 2, 5])) == [2, 5]
    assert [each.id async for each in late(minutes=20).stream(1)] == [2, 5, 6]


async def test_many_parameters(session: AsyncSession) -> None:
    query = QueryBuilder(Flight, session).filter(
        airline__name=Param("name"), delay__between=(Param("low"), Param("high"))
    )
    frozen = query.annotate(more=F("delay") + Param("more")).select("id", "more").order_by("id").freeze()
    assert frozen.parameters == {"name", "low", "high", "more"}
    values = {"name": "American Airlines", "low": 0, "high": 50, "more": 1}
    assert await frozen(**values).values_list() == [(5, 31), (6, 31)]
    assert await frozen(**values | {"high": 0}).values_list() == []


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "this query takes values for minutes: missing: minutes"),
        ({"minutes": 1, "hours": 1}, "this query takes values for minutes: not known: hours"),
        ({"hours": 1}, "this query takes values for minutes: missing: minutes; not known: hours"),
    ],
)
def test_values_that_do_not_fit(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        later()(**values)
    assert str(caught.value) == said


async def test_without_parameters(session: AsyncSession) -> None:
    frozen = QueryBuilder(Flight, session).filter(delay__gt=20).freeze()
    assert frozen.parameters == frozenset()
    assert await frozen().count() == 3
    with pytest.raises(ConfigurationError, match="takes values for no parameter: not known: minutes"):
        frozen(minutes=1)


async def test_values_are_no_sql(session: AsyncSession) -> None:
    frozen = QueryBuilder(Plane, session).filter(tailnum=Param("name")).freeze()
    assert await frozen(name="' OR 1=1 --").count() == 0
    assert (await frozen(name="' OR 1=1 --").arrow()).num_rows == 0


async def test_tasks_share_a_frozen_query(cached: AndamiosEngine) -> None:
    late = later()

    async def asked(minutes: int) -> list[int]:
        async with SessionManager(cached):
            return await late(minutes=minutes).values_list("id", flat=True)

    minutes = [0, 20, 60, 100] * 5
    expected = {0: [1, 2, 5, 6], 20: [2, 5, 6], 60: [2], 100: []}
    assert await asyncio.gather(*map(asked, minutes)) == [expected[number] for number in minutes]


CACHED: tuple[Callable[[QueryBuilder[Flight]], Any], ...] = (
    lambda query: query.values("id", "price", "meta", "departs"),
    lambda query: query.values_list("id", "route", "stops"),
    lambda query: query.values_list("id", flat=True),
    lambda query: query.into(Short),
    lambda query: query.count(),
    lambda query: query.exists(),
    lambda query: query.select("id", "price").scalars(),
    lambda query: query.sum("delay"),
    lambda query: query.aggregate(n=Count()),
)


@pytest.mark.parametrize("ending", CACHED)
async def test_the_cache_answers(cached: AndamiosEngine, ending: Callable[[Any], Any]) -> None:
    async with SessionManager(cached) as session:
        expected = await ending(QueryBuilder(Flight, session).order_by("id"))
    found = []
    for _ in range(2):
        async with SessionManager(cached) as session:
            with sent(cached) as statements:
                found.append(await ending(QueryBuilder(Flight, session).order_by("id").cached(60)))
    assert found == [expected, expected]
    assert statements == []


async def test_the_cache_keeps_rows_apart_by_values(cached: AndamiosEngine) -> None:
    late = QueryBuilder(Flight).filter(delay__gt=Param("minutes")).order_by("id").cached(60).freeze()
    async with SessionManager(cached):
        assert await late(minutes=20).into(Short) == [Short(2, 70), Short(5, 30), Short(6, 30)]
        assert await late(minutes=60).into(Short) == [Short(2, 70)]
    async with SessionManager(cached):
        with sent(cached) as statements:
            assert await late(minutes=60).into(Short) == [Short(2, 70)]
    assert statements == []


@pytest.mark.parametrize("ending", CACHED)
async def test_a_commit_forgets(own_cached: AndamiosEngine, ending: Callable[[Any], Any]) -> None:
    async with SessionManager(own_cached) as session:
        query = QueryBuilder(Flight, session).filter(delay__gt=0).order_by("id").cached(60)
        before = await ending(query)
    async with SessionManager(own_cached) as session:
        await QueryBuilder(Flight, session).filter(delay__gt=0).update(delay=-100)
    async with SessionManager(own_cached) as session:
        query = QueryBuilder(Flight, session).filter(delay__gt=0).order_by("id")
        found = await ending(query.cached(60))
        assert found == await ending(query)
    assert found != before


async def test_objects_are_made_anew(cached: AndamiosEngine) -> None:
    made = []
    for _ in range(2):
        async with SessionManager(cached) as session:
            with sent(cached) as statements:
                query = QueryBuilder(Flight, session).order_by("id").cached(60)
                made += await query.limit(1).all()
    assert statements == []
    assert made[0] is not made[1]
    assert made[0].id == made[1].id
