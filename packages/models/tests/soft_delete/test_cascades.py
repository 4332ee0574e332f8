"""Rows that are marked because of their foreign keys."""

from __future__ import annotations

from sqlalchemy import delete

from andamios_orm.core import AndamiosEngine, SessionManager

from .models import Airline, Flight, Plane, keys


async def test_statements_follow_foreign_keys(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        plane = await session.get_one(Plane, "N2")
        await session.execute(delete(Airline).where(Airline.code == "UA"))
        assert plane.is_deleted
    assert await keys(tables, Plane.tail) == ["N3"]
    assert await keys(tables, Flight.id) == [1, 2, 3]
