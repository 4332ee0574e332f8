"""What the tests of repositories have in common."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager

from .models import fill
from .shared import held, opened


@pytest.fixture(scope="module")
def shared_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database with the rows of the models, which the tests of a module share."""
    with held(request.module.__name__, fill) as url:
        yield url


@pytest.fixture
async def shared_engine(shared_url: str) -> AsyncIterator[AndamiosEngine]:
    """An engine on the rows of the models, which no test commits to."""
    async with opened(shared_url) as engine:
        yield engine


@pytest.fixture
async def session(shared_engine: AndamiosEngine) -> AsyncIterator[AsyncSession]:
    """A session on the rows of the models that holds no object, and is rolled back."""
    async with AsyncSession(shared_engine) as session:
        yield session


@pytest.fixture
async def filled_engine(engine: AndamiosEngine) -> AndamiosEngine:
    """An engine on a database of its own, with the rows of the models."""
    async with SessionManager(engine) as session:
        await fill(session)
    return engine
