"""Objects whose mark is taken away."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, update

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager
from andamios_orm.core.errors import ConfigurationError

from .models import ALL, ONLY, Airline, Flight, Plane, keys


async def test_an_object_is_restored(without_one: AndamiosEngine) -> None:
    async with SessionManager(without_one) as session:
        flight = await session.get_one(Flight, 1, execution_options=ALL)
        await flight.restore()
        assert not flight.is_deleted
        await flight.restore()
    assert await keys(without_one, Flight.id) == [1, 2, 3]


@pytest.mark.parametrize("way", ["object", "statement"])
async def test_what_went_along_comes_back(without_one: AndamiosEngine, way: str) -> None:
    async with SessionManager(without_one) as session:
        if way == "object":
            await session.delete(await session.get_one(Airline, "UA"))
        else:
            await session.execute(delete(Airline).where(Airline.code == "UA"))
    async with SessionManager(without_one) as session:
        await (await session.get_one(Airline, "UA", execution_options=ALL)).restore()
    assert await keys(without_one, Flight.id) == [2, 3]
    assert await keys(without_one, Plane.tail) == ["N1", "N2", "N3"]


async def test_a_detached_object_cannot_be(without_one: AndamiosEngine) -> None:
    async with AsyncSession(without_one) as session:
        flight = await session.get_one(Flight, 1, execution_options=ALL)
    with pytest.raises(ConfigurationError, match="this Flight is in no AsyncSession"):
        await flight.restore()


async def test_an_update_restores_many(without_one: AndamiosEngine) -> None:
    async with SessionManager(without_one) as session:
        await session.execute(update(Flight).values(deleted_at=None), execution_options=ONLY)
    assert await keys(without_one, Flight.id) == [1, 2, 3]
