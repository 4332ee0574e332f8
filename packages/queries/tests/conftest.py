"""What the tests of queries have in common."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from andamios_orm.core import AndamiosEngine, AsyncSession

from .airport import fill
from .shared import held, opened


@pytest.fixture(scope="module")
def shared_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database with the rows of the airport, which the tests of a module share."""
    with held(request.module.__name__, fill) as url:
        yield url


@pytest.fixture
async def shared_engine(shared_url: str) -> AsyncIterator[AndamiosEngine]:
    """An engine on the rows of the airport, which no test commits to."""
    async with opened(shared_url) as engine:
        yield engine


@pytest.fixture
async def session(shared_engine: AndamiosEngine) -> AsyncIterator[AsyncSession]:
    """A session on the rows of the airport that holds no object, and is rolled back."""
    async with AsyncSession(shared_engine) as session:
        yield session


@pytest.fixture
async def own_session(engine: AndamiosEngine) -> AsyncIterator[AsyncSession]:
    """A session on a database of its own, with the rows of the airport, none of them committed."""
    async with AsyncSession(engine) as session:
        await fill(session)
        yield session
