"""The mixin in models of several kinds, and what is unique."""

from __future__ import annotations

from typing import Any

import pytest

from andamios_orm.core import AndamiosEngine, SessionManager, create_engine
from andamios_orm.core.errors import DuplicateKeyError
from andamios_orm.models.declarative import BaseModel
from andamios_orm.models.soft_delete import SoftDeleteMixin, SoftDeleteModel

from .models import ALL, ONLY, Airline, Charter, Crew, Flight, Plane, fill, keys, remove


async def test_a_second_table_follows(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        session.add(Charter(id=4, carrier="AA", client="x"))
    await remove(tables, Charter, 4)
    assert await keys(tables, Charter.id) == []
    assert await keys(tables, Charter.id, **ONLY) == [4]
    async with SessionManager(tables) as session:
        await (await session.get_one(Charter, 4, execution_options=ALL)).restore()
    assert await keys(tables, Charter.client) == ["x"]


async def test_a_dataclass_may_be_marked(tables: AndamiosEngine) -> None:
    crew = Crew(name="a")
    async with SessionManager(tables) as session:
        session.add(crew)
    assert not crew.is_deleted
    await remove(tables, Crew, crew.id)
    assert await keys(tables, Crew.name, **ONLY) == ["a"]


def test_the_model_is_the_mixin_with_the_base() -> None:
    assert issubclass(SoftDeleteModel, SoftDeleteMixin)
    assert issubclass(SoftDeleteModel, BaseModel)


async def test_a_deleted_row_keeps_its_key(tables: AndamiosEngine) -> None:
    await remove(tables, Airline, "AA")
    with pytest.raises(DuplicateKeyError):
        async with SessionManager(tables) as session:
            session.add(Airline(code="AA", name="Another"))


async def test_an_index_on_what_is_live_lets_a_value_be_used_again(tables: AndamiosEngine) -> None:
    await remove(tables, Airline, "AA")
    async with SessionManager(tables) as session:
        session.add(Airline(code="A2", name="American"))
    with pytest.raises(DuplicateKeyError):
        async with SessionManager(tables) as session:
            session.add(Airline(code="A3", name="American"))
    with pytest.raises(DuplicateKeyError):
        async with SessionManager(tables) as session:
            await (await session.get_one(Airline, "AA", execution_options=ALL)).restore()
    assert await keys(tables, Airline.code) == ["A2", "UA"]


async def test_sqlite_does_the_same(tmp_path: Any) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'soft.db'}")
    await fill(engine)
    await remove(engine, Airline, "UA")
    assert await keys(engine, Flight.id) == [3]
    assert await keys(engine, Plane.tail, **ONLY) == ["N1", "N2"]
    async with SessionManager(engine) as session:
        await (await session.get_one(Airline, "UA", execution_options=ALL)).restore()
    assert await keys(engine, Flight.id) == [1, 2, 3]
    await engine.dispose()
