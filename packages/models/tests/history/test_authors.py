from __future__ import annotations

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, func, select

from andamios_orm.core import AndamiosEngine, AsyncSession, insert
from andamios_orm.models.actors import actor

from .models import Airline


async def upsert(session: AsyncSession, **values: object) -> None:
    """Insert an airline, or set its name and ``values``."""
    adding = insert(Airline).values(code="UA", name="United", **values)
    set_ = {"name": adding.excluded.name, **values}
    await session.execute(adding.on_conflict_do_update(index_elements=["code"], set_=set_))


async def authors(session: AsyncSession) -> tuple[str | None, str | None]:
    """Return who made the airline, and who changed it last."""
    created, updated = (await session.execute(select(Airline.created_by, Airline.updated_by))).one()
    return created, updated


async def test_an_upsert_names_who_changed_the_row(session: AsyncSession) -> None:
    with actor("ada"):
        await upsert(session)
    with actor("grace"):
        await upsert(session)
    assert await authors(session) == ("ada", "grace")


async def test_a_name_that_is_given_wins(session: AsyncSession) -> None:
    with actor("ada"):
        await upsert(session)
        await upsert(session, updated_by="somebody")
    assert await authors(session) == ("ada", "somebody")


@pytest.mark.parametrize("name", ["seat", "updated_by"])
async def test_other_tables_are_left_alone(engine: AndamiosEngine, name: str) -> None:
    table = Table("other", MetaData(), Column("id", Integer, primary_key=True), Column(name, Integer))
    async with engine.begin() as connection:
        await connection.run_sync(table.create)
        adding = insert(table).on_conflict_do_update(index_elements=["id"], set_={"id": 1})
        await connection.execute(adding, [{"id": 1, name: 1}, {"id": 1, name: 2}])
        assert (await connection.execute(select(table.c[name]))).all() == [(1,)]
        assert await connection.scalar(select(func.count()).select_from(table)) == 1
