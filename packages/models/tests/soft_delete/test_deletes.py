"""Statements that delete: in a session they mark."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import bindparam, delete, select, text

from andamios_orm.core import AndamiosEngine, ForeignKeyError, SessionManager
from andamios_orm.core.errors import ConfigurationError

from .models import ALL, ONLY, Airline, Base, Flight, Note, Plane, Tag, flight_tag, keys, remove


async def test_a_statement_marks(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        result: Any = await session.execute(delete(Flight).where(Flight.carrier == "UA"))
        assert result.rowcount == 2
    assert await keys(tables, Flight.id, **ONLY) == [1, 2]


async def test_it_gives_back_what_it_marks(without_one: AndamiosEngine) -> None:
    async with SessionManager(without_one) as session:
        statement = delete(Flight).where(Flight.carrier == "UA").returning(Flight.id)
        assert (await session.scalars(statement)).all() == [2]


async def test_objects_follow_it(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        airline = await session.get_one(Airline, "UA")
        await session.execute(delete(Airline).where(Airline.code == "UA"))
        assert (airline.is_deleted, airline.version) == (True, 2)
        assert await session.get(Airline, "UA") is None


@pytest.mark.parametrize("criterion", [text("id = :id"), Flight.id == bindparam("id")])
async def test_it_takes_parameters(tables: AndamiosEngine, criterion: Any) -> None:
    async with SessionManager(tables) as session:
        await session.execute(delete(Flight).where(criterion), {"id": 3})
    assert await keys(tables, Flight.id) == [1, 2]
    assert await keys(tables, Flight.id, **ONLY) == [3]


async def test_it_takes_one_set_of_them(tables: AndamiosEngine) -> None:
    statement = delete(Flight).where(Flight.id == bindparam("key"))
    with pytest.raises(ConfigurationError, match=r"use in_\(\)"):
        async with SessionManager(tables) as session:
            await session.execute(statement, [{"key": 1}, {"key": 3}])
    assert await keys(tables, Flight.id) == [1, 2, 3]


async def test_it_may_name_other_tables(tables: AndamiosEngine) -> None:
    statement = delete(Flight).where(Flight.carrier == Airline.code, Airline.name == "United")
    async with SessionManager(tables) as session:
        await session.execute(statement)
    assert await keys(tables, Flight.id) == [3]


async def test_it_may_remove_for_good(without_one: AndamiosEngine) -> None:
    options: dict[str, Any] = {"hard_delete": True, **ALL}
    async with SessionManager(without_one) as session:
        await session.execute(delete(flight_tag))
        await session.execute(delete(Flight).where(Flight.id < 3), execution_options=options)
    assert await keys(without_one, Flight.id, **ALL) == [3]


async def test_a_connection_does_not_mark(tables: AndamiosEngine) -> None:
    with pytest.raises(ConfigurationError, match=r"delete\(Flight\) marks rows, which takes a session"):
        async with tables.begin() as connection:
            await connection.execute(delete(Flight))
    assert await keys(tables, Flight.id) == [1, 2, 3]


async def test_a_table_is_deleted_from(tables: AndamiosEngine) -> None:
    async with tables.begin() as connection:
        await connection.execute(delete(Base.metadata.tables["inspection"]))
        planes = Base.metadata.tables["plane"]
        await connection.execute(delete(planes).where(planes.c.tail == "N1"))
    assert await keys(tables, Plane.tail, **ALL) == ["N3"]


async def test_other_classes_are_deleted_from(without_one: AndamiosEngine) -> None:
    async with SessionManager(without_one) as session:
        session.add_all([Note(id=2, carrier="AA"), Note(id=3, carrier="AA")])
        await session.flush()
        await session.execute(delete(Note).where(Note.id > 1, Note.id.in_(select(Flight.id + 1))))
    assert await keys(without_one, Note.id) == [1, 2]


@pytest.mark.parametrize("target", [Tag, Tag.__table__])
async def test_what_a_statement_removes_for_good_is_checked_where_it_sees_deleted_rows(
    tables: AndamiosEngine, target: Any
) -> None:
    """Tag 2 is linked to flight 2, which is deleted."""
    await remove(tables, Flight, 2)
    key = Tag.id if target is Tag else Tag.__table__.c.id
    options: dict[str, Any] = {"hard_delete": True, "synchronize_session": False, **ALL}
    with pytest.raises(ForeignKeyError):
        async with SessionManager(tables) as session:
            found = select(Flight.id).where(Flight.id == 2)
            await session.execute(delete(target).where(key.in_(found)), execution_options=options)
    assert await keys(tables, Tag.id) == [1, 2]
