"""Objects that a flush marks as deleted, instead of removing their rows."""

from __future__ import annotations

from datetime import UTC

import pytest
from sqlalchemy import delete
from sqlalchemy.orm import selectinload

from andamios_orm.core import AndamiosEngine, AsyncSession, BeforeUpdate, SessionManager, events_of
from andamios_orm.core.errors import ForeignKeyError, StaleVersionError

from .models import ALL, ONLY, Airline, Flight, Inspection, Note, Plane, Reply, keys, remove


async def test_a_deleted_object_is_marked(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        flight = await session.get_one(Flight, 1)
        await session.delete(flight)
        assert not flight.is_deleted
        await session.flush()
        assert flight.is_deleted
        assert flight in session
        assert flight.deleted_at is not None
        assert flight.deleted_at.tzinfo is UTC
    assert await keys(tables, Flight.id) == [2, 3]
    assert await keys(tables, Flight.id, **ALL) == [1, 2, 3]
    assert await keys(tables, Flight.id, **ONLY) == [1]


async def test_a_rollback_takes_the_mark_away(tables: AndamiosEngine) -> None:
    async with AsyncSession(tables) as session:
        flight = await session.get_one(Flight, 1)
        await session.delete(flight)
        await session.flush()
        await session.rollback()
        await session.refresh(flight)
        assert not flight.is_deleted
        assert await session.get(Flight, 1) is flight


async def test_a_second_deletion_keeps_the_first_moment(without_one: AndamiosEngine) -> None:
    first = await keys(without_one, Flight.deleted_at, **ONLY)
    async with SessionManager(without_one) as session:
        await session.delete(await session.get_one(Flight, 1, execution_options=ALL))
    async with SessionManager(without_one) as session:
        await session.execute(delete(Flight).where(Flight.id == 1), execution_options=ALL)
    assert await keys(without_one, Flight.deleted_at, **ONLY) == first


async def test_it_is_a_change_of_the_row(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        airline = await session.get_one(Airline, "AA")
        await session.delete(airline)
        await session.flush()
        assert airline.version == 2
        assert airline.updated_at > airline.created_at


async def test_it_may_be_stale(tables: AndamiosEngine) -> None:
    async with AsyncSession(tables) as session:
        airline = await session.get_one(Airline, "AA")
        await session.commit()
        async with SessionManager(tables) as other:
            (await other.get_one(Airline, "AA")).name = "American Airlines"
        await session.delete(airline)
        with pytest.raises(StaleVersionError):
            await session.commit()


async def test_listeners_are_told_of_an_update(tables: AndamiosEngine) -> None:
    told: list[frozenset[str]] = []
    events_of(tables).subscribe(BeforeUpdate, lambda event: told.append(event.changed), model=Flight)
    await remove(tables, Flight, 1)
    assert told == [frozenset({"deleted_at"})]


async def test_a_new_object_may_be_taken_back(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        flight = Flight(id=4, carrier="UA")
        session.add(flight)
        session.expunge(flight)
    assert await keys(tables, Flight.id, **ALL) == [1, 2, 3]


async def test_children_go_along(tables: AndamiosEngine) -> None:
    await remove(tables, Airline, "UA")
    assert await keys(tables, Flight.id, **ONLY) == [1, 2]
    assert await keys(tables, Plane.tail, **ONLY) == ["N1", "N2"]
    assert (
        len({*await keys(tables, Flight.deleted_at, **ONLY), *await keys(tables, Plane.deleted_at, **ONLY)})
        == 1
    )


async def test_a_new_child_goes_along(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        airline = await session.get_one(Airline, "UA", options=[selectinload(Airline.flights)])
        airline.flights.append(Flight(id=4))
        await session.delete(airline)
    assert await keys(tables, Flight.id, **ONLY) == [1, 2, 4]


async def test_children_that_cannot_be_marked_stay(tables: AndamiosEngine) -> None:
    await remove(tables, Airline, "UA")
    assert await keys(tables, Note.id) == [1]
    assert await keys(tables, Reply.id) == [1]
    assert await keys(tables, Inspection.id) == [1]


async def test_children_that_were_deleted_before_go(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        await session.execute(delete(Reply), execution_options={"hard_delete": True})
        note, airline = await session.get_one(Note, 1), await session.get_one(Airline, "UA")
        await session.delete(note)
        await session.delete(airline)
    assert await keys(tables, Note.id) == []
    assert await keys(tables, Airline.code) == ["AA"]


async def test_a_parent_that_is_removed_leaves_no_marked_child(tables: AndamiosEngine) -> None:
    with pytest.raises(ForeignKeyError):
        await remove(tables, Note, 1)
    assert await keys(tables, Note.id) == [1]
