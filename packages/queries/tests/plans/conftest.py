"""What the tests of plans have in common."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager
from andamios_orm.queries.plans import QueryOptimizer

from ..airport import fill
from ..shared import held, opened

ROWS = 1_000_000
"""Rows of the big table: nine row groups."""


async def fill_big(session: AsyncSession) -> None:
    """Make the big table; ``number`` is in order, ``mixed`` in none."""
    columns = "range AS number, (hash(range) % 10_000_000)::BIGINT AS mixed, (range % 2)::INTEGER AS half"
    moment = "TIMESTAMP '2000-01-01' + INTERVAL (range) MINUTE AS moment, 'x' || range AS word"
    connection = await session.connection()
    await connection.exec_driver_sql(f"CREATE TABLE measure AS SELECT {columns}, {moment} FROM range({ROWS})")


@pytest.fixture
def optimizer(shared_engine: AndamiosEngine) -> QueryOptimizer:
    """An optimizer of the database with the rows of the airport."""
    return QueryOptimizer(shared_engine)


@pytest.fixture
async def own_optimizer(engine: AndamiosEngine) -> QueryOptimizer:
    """The same of a database of its own, which may be written to."""
    async with SessionManager(engine) as session:
        await fill(session)
    return QueryOptimizer(engine)


@pytest.fixture(scope="module")
def big_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database with the big table, which the tests of a module share."""
    with held(f"{request.module.__name__}.big", fill_big) as url:
        yield url


@pytest.fixture
async def big_engine(big_url: str) -> AsyncIterator[AndamiosEngine]:
    """An engine on the big table, which no test commits to."""
    async with opened(big_url) as engine:
        yield engine


@pytest.fixture
def big(big_engine: AndamiosEngine) -> QueryOptimizer:
    """An optimizer of the database with the big table."""
    return QueryOptimizer(big_engine)


@pytest.fixture
async def own_big(engine: AndamiosEngine) -> QueryOptimizer:
    """The same of a database of its own, which may be written to."""
    async with SessionManager(engine) as session:
        await fill_big(session)
    return QueryOptimizer(engine)
