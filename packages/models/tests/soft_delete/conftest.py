"""Databases with the rows of these tests."""

from __future__ import annotations

import pytest

from andamios_orm.core import AndamiosEngine

from .models import Flight, fill, remove


@pytest.fixture
async def tables(engine: AndamiosEngine) -> AndamiosEngine:
    """Two airlines: UA has the flights 1 and 2, AA has 3."""
    await fill(engine)
    return engine


@pytest.fixture
async def without_one(tables: AndamiosEngine) -> AndamiosEngine:
    """Flight 1 is deleted."""
    await remove(tables, Flight, 1)
    return tables
