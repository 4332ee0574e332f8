"""The version of a row, in models of several kinds."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, select

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager
from andamios_orm.core.errors import StaleVersionError

from .models import DOCUMENTS, Contract, Document, Label, facts, version


async def test_it_counts_changes(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        document = await session.get_one(Document, 1)
        assert document.version == 1
        document.title = "b"
        await session.flush()
        assert document.version == 2
    assert await version(tables) == 2


@pytest.mark.parametrize("way", ["statement", "rows", "bulk_insert", "core"])
async def test_every_insert_begins_with_one(tables: AndamiosEngine, way: str) -> None:
    rows = [{"id": 2, "title": "b"}]
    async with SessionManager(tables) as session:
        if way == "bulk_insert":
            await session.bulk_insert(Document, rows)
        elif way == "statement":
            await session.execute(insert(Document).values(rows))
        else:
            await session.execute(insert(Document if way == "rows" else DOCUMENTS), rows)
        assert (await session.scalars(select(Document.version))).all() == [1, 1]


async def test_a_dataclass_may_have_it(tables: AndamiosEngine) -> None:
    label = Label(name="a")
    async with SessionManager(tables) as session:
        session.add(label)
    assert label.version == 1


async def test_a_second_table_is_guarded_by_the_first(tables: AndamiosEngine) -> None:
    async with AsyncSession(tables) as session:
        contract = Contract(id=2, title="a", partner="x")
        session.add(contract)
        await session.commit()
        async with SessionManager(tables) as other:
            (await other.get_one(Contract, 2)).partner = "y"
        contract.partner = "z"
        with pytest.raises(StaleVersionError) as caught:
            await session.commit()
    assert facts(caught.value) == ("Document", 2, 1, 2)
