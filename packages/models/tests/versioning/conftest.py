"""A database with one document."""

from __future__ import annotations

import pytest

from andamios_orm.core import AndamiosEngine, SessionManager

from .models import Base, Document


@pytest.fixture
async def tables(engine: AndamiosEngine) -> AndamiosEngine:
    """An engine whose database has document 1, in its first version."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with SessionManager(engine) as session:
        session.add(Document(id=1, title="a"))
    return engine
