"""Statements that update or delete, and the versions of their rows."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete, update

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager
from andamios_orm.core.errors import ConfigurationError, StaleVersionError

from .models import DOCUMENTS, Contract, Document, facts, version


@pytest.mark.parametrize(
    "statement",
    [
        update(Document).values(title="b"),
        update(Document).ordered_values((Document.title, "b")),
        update(DOCUMENTS).values(title="b"),
    ],
)
async def test_statements_raise_it(tables: AndamiosEngine, statement: Any) -> None:
    async with AsyncSession(tables) as session:
        document = await session.get_one(Document, 1)
        await session.commit()
        async with SessionManager(tables) as other:
            await other.execute(statement)
        assert await version(tables) == 2
        document.title = "c"
        with pytest.raises(StaleVersionError):
            await session.commit()


async def test_a_statement_may_give_it(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        await session.execute(update(Document).values(version=7))
    assert await version(tables) == 7


async def test_objects_follow_a_statement(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        document = await session.get_one(Document, 1)
        await session.execute(update(Document).where(Document.id == 1).values(title="b"))
        assert (document.title, document.version) == ("b", 2)
        document.title = "c"
    assert await version(tables) == 3


async def test_rows_by_their_keys_are_compared(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        await session.execute(update(Document), [{"id": 1, "title": "b", "version": 1}])
    with pytest.raises(StaleVersionError) as caught:
        async with SessionManager(tables) as session:
            await session.execute(update(Document), [{"id": 1, "title": "c", "version": 1}])
    assert facts(caught.value) == ("Document", 1, 1, 2)


@pytest.mark.parametrize("column", ["title", "partner"])
async def test_rows_of_several_tables_are_compared(tables: AndamiosEngine, column: str) -> None:
    async with SessionManager(tables) as session:
        session.add(Contract(id=2, title="a", partner="x"))
        await session.flush()
        await session.execute(update(Contract), [{"id": 2, column: "b", "version": 1}])
    with pytest.raises(StaleVersionError) as caught:
        async with SessionManager(tables) as session:
            await session.execute(update(Contract), [{"id": 2, column: "c", "version": 1}])
    assert facts(caught.value) == ("Document", 2, 1, 2)


async def test_rows_by_their_keys_say_their_version(tables: AndamiosEngine) -> None:
    with pytest.raises(ConfigurationError, match="row 1 has no 'version'"):
        async with SessionManager(tables) as session:
            rows = [{"id": 1, "title": "b", "version": 1}, {"id": 2, "title": "b"}]
            await session.execute(update(Document), rows)
    assert await version(tables) == 1


async def test_a_statement_that_deletes_compares_none(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        await session.execute(delete(Document))
    assert await version(tables) is None
