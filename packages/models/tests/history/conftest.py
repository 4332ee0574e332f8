"""Sessions on databases with the tables of these tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from andamios_orm.core import AndamiosEngine, AsyncSession

from .models import Airline, database


@pytest.fixture
async def engine() -> AsyncIterator[AndamiosEngine]:
    """An engine on a database in memory."""
    async with database() as engine:
        yield engine


@pytest.fixture
async def session(engine: AndamiosEngine) -> AsyncIterator[AsyncSession]:
    """A session on it."""
    async with AsyncSession(engine) as session:
        yield session


@pytest.fixture
async def airlines(session: AsyncSession) -> AsyncSession:
    """A session on a database with three airlines."""
    session.add_all([Airline(code=code, name=code.lower()) for code in ("AA", "DL", "UA")])
    await session.commit()
    return session
