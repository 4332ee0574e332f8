"""Conflicts of two transactions are told as stale rows."""

from __future__ import annotations

import pickle

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession as PlainAsyncSession

from andamios_orm.core import AndamiosEngine, AsyncSession, TransactionManager
from andamios_orm.core.errors import StaleVersionError, TransactionConflictError
from andamios_orm.models.errors import StaleConflictError

from .models import Document, facts, touch, version


async def test_a_conflict_may_be_retried(tables: AndamiosEngine) -> None:
    async with AsyncSession(tables) as session:
        document = await session.get_one(Document, 1)
        await touch(tables)
        document.title = "b"
        with pytest.raises(StaleVersionError) as caught:
            await session.commit()
    assert isinstance(caught.value, StaleConflictError)
    assert caught.value.retryable
    assert facts(pickle.loads(pickle.dumps(caught.value))) == ("Document", 1, 1, 2)


async def test_a_unit_of_work_is_replayed(tables: AndamiosEngine) -> None:
    attempts = []

    async def work(session: AsyncSession) -> None:
        document = await session.get_one(Document, 1)
        attempts.append(document.version)
        if len(attempts) == 1:
            await touch(tables)
        document.title += "?"

    await TransactionManager(tables).run(work)
    assert attempts == [1, 2]
    async with AsyncSession(tables) as session:
        assert (await session.get_one(Document, 1)).title == "a!?"


async def test_another_transaction_may_not_be_over(tables: AndamiosEngine) -> None:
    async with AsyncSession(tables) as mine, AsyncSession(tables) as theirs:
        old, new = await mine.get_one(Document, 1), await theirs.get_one(Document, 1)
        new.title = "b"
        await theirs.flush()
        old.title = "c"
        with pytest.raises(StaleVersionError, match="another transaction is changing it") as caught:
            await mine.flush()
        await theirs.commit()
    assert facts(caught.value) == ("Document", 1, 1, 1)
    assert await version(tables) == 2


async def test_the_session_goes_on(tables: AndamiosEngine) -> None:
    async with AsyncSession(tables) as session:
        document = await session.get_one(Document, 1)
        await touch(tables)
        document.title = "b"
        with pytest.raises(StaleVersionError):
            await session.commit()
        await session.rollback()
        await session.refresh(document)
        document.title = "c"
        await session.commit()
    assert await version(tables) == 3


async def test_other_conflicts_stay_what_they_are(tables: AndamiosEngine) -> None:
    change = text("UPDATE versioned_document SET title = 'b'")
    async with AsyncSession(tables) as mine, AsyncSession(tables) as theirs:
        await mine.get_one(Document, 1)
        await theirs.execute(change)
        await theirs.commit()
        with pytest.raises(TransactionConflictError) as caught:
            await mine.execute(change)
    assert not isinstance(caught.value, StaleVersionError)


async def test_a_session_of_plain_sqlalchemy_is_told_of_the_conflict(tables: AndamiosEngine) -> None:
    """Which version the row has now, only our sessions look up."""
    async with PlainAsyncSession(tables) as plain, AsyncSession(tables) as ours:
        document = await plain.get_one(Document, 1)
        await touch(tables)
        document.title = "b"
        with pytest.raises(StaleConflictError, match="another transaction is changing it") as caught:
            await plain.commit()
        await ours.execute(select(Document))
        await ours.rollback()
    assert facts(caught.value) == ("Document", 1, 1, 1)
