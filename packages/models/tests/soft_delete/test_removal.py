"""Rows that are removed for good."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from andamios_orm.core import AndamiosEngine, AsyncSession, BeforeUpdate, SessionManager, events_of
from andamios_orm.core.errors import ConfigurationError

from .models import ALL, Airline, Flight, Note, Reply, Tag, flight_tag, keys


async def test_an_object_is_removed(without_one: AndamiosEngine) -> None:
    async with SessionManager(without_one) as session:
        await (await session.get_one(Flight, 1, execution_options=ALL)).hard_delete()
    assert await keys(without_one, Flight.id, **ALL) == [2, 3]


async def test_its_children_are_removed_marked_or_not(without_one: AndamiosEngine) -> None:
    async with SessionManager(without_one) as session:
        airline = await session.get_one(Airline, "UA", options=[selectinload(Airline.flights)])
        await airline.hard_delete()
    assert await keys(without_one, Flight.id, **ALL) == [3]
    assert await keys(without_one, Note.id) == []
    assert await keys(without_one, Reply.id, **ALL) == []


async def test_links_to_deleted_rows_are_removed(without_one: AndamiosEngine) -> None:
    async with SessionManager(without_one) as session:
        await (await session.get_one(Tag, 1)).hard_delete()
    async with AsyncSession(without_one) as session:
        assert (await session.execute(select(flight_tag))).all() == [(2, 2)]


async def test_a_rollback_brings_it_back(tables: AndamiosEngine) -> None:
    async with AsyncSession(tables) as session:
        await (await session.get_one(Flight, 1)).hard_delete()
        await session.rollback()
    assert await keys(tables, Flight.id) == [1, 2, 3]


async def test_what_is_pending_is_flushed(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        await session.delete(await session.get_one(Flight, 2))
        await (await session.get_one(Flight, 1)).hard_delete()
    assert await keys(tables, Flight.id, **ALL) == [2, 3]


async def test_a_new_object_cannot_be() -> None:
    with pytest.raises(ConfigurationError, match="in no AsyncSession"):
        await Flight(id=9, carrier="UA").hard_delete()


async def test_a_handler_of_the_flush_cannot_remove_a_row(tables: AndamiosEngine) -> None:
    async def delete_too(event: BeforeUpdate[Any]) -> None:
        await event.session.delete(await event.session.get_one(Flight, 3))

    events_of(tables).subscribe(BeforeUpdate, delete_too, model=Airline)
    with pytest.raises(ConfigurationError, match="would be removed for good"):
        async with SessionManager(tables) as session:
            (await session.get_one(Airline, "AA")).name = "American Airlines"
    assert await keys(tables, Flight.id) == [1, 2, 3]
