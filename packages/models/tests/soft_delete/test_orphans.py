"""Objects that are taken out of a list that they cannot be without."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import selectinload

from andamios_orm.core import AndamiosEngine, AsyncSession, DuplicateKeyError, SessionManager

from .models import ONLY, Airline, Flight, keys


@pytest.mark.parametrize("way", ["list", "parent"])
async def test_an_orphan_is_marked(tables: AndamiosEngine, way: str) -> None:
    async with SessionManager(tables) as session:
        airline = await session.get_one(Airline, "UA", options=[selectinload(Airline.flights)])
        flight = airline.flights[0]
        if way == "list":
            airline.flights.remove(flight)
        else:
            flight.airline = None  # type: ignore[assignment] # that is what makes it an orphan
        await session.flush()
        assert (flight.is_deleted, flight.carrier, flight.airline) == (True, "UA", airline)
    assert await keys(tables, Flight.id, **ONLY) == [1]


async def test_an_orphan_whose_parent_is_not_loaded_is_marked(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        flight = await session.get_one(Flight, 1)
        airline = await session.get_one(Airline, "UA", options=[selectinload(Airline.flights)])
        session.expire(flight, ["airline"])
        airline.flights = airline.flights[1:]
    assert await keys(tables, Flight.id, **ONLY) == [1]
    assert await keys(tables, Flight.carrier, **ONLY) == ["UA"]


async def test_an_orphan_may_be_restored_and_be_one_again(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        airline = await session.get_one(Airline, "UA", options=[selectinload(Airline.flights)])
        flight = airline.flights.pop()
        await session.flush()
        await flight.restore()
        await session.flush()
        await session.refresh(airline, ["flights"])
        airline.flights.remove(flight)
    assert await keys(tables, Flight.id, **ONLY) == [2]


async def test_a_child_may_change_its_parent(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        load = [selectinload(Airline.flights)]
        united, american = [await session.get_one(Airline, code, options=load) for code in ("UA", "AA")]
        american.flights.append(united.flights.pop())
    assert await keys(tables, Flight.carrier) == ["AA", "AA", "UA"]


async def test_an_orphan_of_a_flush_that_failed_may_be_one_again(tables: AndamiosEngine) -> None:
    async with AsyncSession(tables) as session:
        load = [selectinload(Airline.flights)]
        airline = await session.get_one(Airline, "UA", options=load)
        flight = airline.flights.pop()
        session.add(Airline(code="AA"))
        with pytest.raises(DuplicateKeyError):
            await session.flush()
        await session.rollback()
        airline = await session.get_one(Airline, "UA", options=load, populate_existing=True)
        assert [kept.id for kept in airline.flights] == [1, 2]
        airline.flights.remove(flight)
        await session.commit()
    assert await keys(tables, Flight.id, **ONLY) == [2]
