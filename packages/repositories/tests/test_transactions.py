"""Transactions around what repositories do: written whole, or not at all."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager, TransactionManager
from andamios_orm.core.errors import ConfigurationError, TransactionAbortedError, TransactionConflictError
from andamios_orm.repositories.repositories import GenericRepository
from andamios_orm.repositories.transactions import transactional
from andamios_orm.repositories.unit_of_work import UnitOfWork

from .contract_models import Person, row


class People(GenericRepository[Person]):
    @transactional
    async def swap(self, one: int, other: int, *, fail: bool = False) -> int:
        """Give each the age of the other."""
        first, second = await self.get_one(one), await self.get_one(other)
        first_age, second_age = first.age, second.age
        await self.update(first, age=second_age)
        if fail:
            raise RuntimeError("half done")
        await self.update(second, age=first_age)
        return 2


async def ages(engine: AndamiosEngine) -> list[int | None]:
    async with AsyncSession(engine) as session:
        return [person.age for person in await People(session).list()]


BEFORE = [10, 20, 30, 20, None]


async def test_a_block_is_committed(filled_engine: AndamiosEngine) -> None:
    async with AsyncSession(filled_engine) as session:
        people = People(session)
        async with people.transaction() as same:
            assert same is session
            await people.update(1, age=11)
        assert not session.in_transaction()
        async with people.transaction():
            await people.update(2, age=12)
    assert await ages(filled_engine) == [11, 12, 30, 20, None]


@pytest.mark.parametrize("error", [RuntimeError, asyncio.CancelledError])
async def test_a_block_that_fails_is_rolled_back(
    filled_engine: AndamiosEngine, error: type[BaseException]
) -> None:
    async with AsyncSession(filled_engine) as session:
        people = People(session)
        with pytest.raises(error):
            async with people.transaction():
                await people.update(1, age=11)
                raise error
        async with people.transaction():
            await people.update(2, age=12)
    assert await ages(filled_engine) == [10, 12, 30, 20, None]


async def test_what_was_begun_before_is_not_taken_along(filled_engine: AndamiosEngine) -> None:
    async with AsyncSession(filled_engine) as session:
        people = People(session)
        await people.update(1, age=11)
        with pytest.raises(ConfigurationError, match=r"has begun a transaction.*await session.commit\(\)"):
            async with people.transaction():
                raise AssertionError("the block is not entered")
        with pytest.raises(ConfigurationError, match="has begun a transaction"):
            await people.swap(1, 2)
        await session.commit()
        async with people.transaction():
            await people.update(2, age=12)
    assert await ages(filled_engine) == [11, 12, 30, 20, None]


async def test_blocks_inside_are_parts(filled_engine: AndamiosEngine) -> None:
    async with AsyncSession(filled_engine) as session:
        people = People(session)
        with pytest.raises(RuntimeError):
            async with people.transaction():
                async with GenericRepository[Person](session).transaction():
                    await people.update(1, age=11)
                raise RuntimeError
    assert await ages(filled_engine) == BEFORE


async def test_a_failed_part_is_not_committed(filled_engine: AndamiosEngine) -> None:
    """DuckDB cannot undo it alone, and half of it must not stay."""
    async with AsyncSession(filled_engine) as session:
        people = People(session)
        with pytest.raises(TransactionAbortedError, match="a part of this transaction has failed"):
            async with people.transaction():
                await people.update(2, age=12)
                with pytest.raises(RuntimeError, match="half done"):
                    await people.swap(1, 3, fail=True)
        async with people.transaction():
            await people.update(3, age=13)
    assert await ages(filled_engine) == [10, 20, 13, 20, None]


async def test_a_method_is_a_transaction(filled_engine: AndamiosEngine) -> None:
    async with AsyncSession(filled_engine) as session:
        people = People(session)
        assert await people.swap(1, 3) == 2
        with pytest.raises(RuntimeError):
            await people.swap(1, 2, fail=True)
    assert await ages(filled_engine) == [30, 20, 10, 20, None]
    assert People.swap.__doc__ == "Give each the age of the other."


async def test_what_a_manager_commits_they_are_parts_of(filled_engine: AndamiosEngine) -> None:
    with pytest.raises(RuntimeError):
        async with SessionManager(filled_engine):
            people = People()
            await people.swap(1, 3)
            async with people.transaction():
                await people.update(2, age=12)
            raise RuntimeError
    assert await ages(filled_engine) == BEFORE


async def test_a_replay_writes_once(filled_engine: AndamiosEngine) -> None:
    attempts = []

    async def work(session: AsyncSession) -> None:
        await People(session).swap(1, 2)
        attempts.append(await ages(filled_engine))
        if len(attempts) == 1:
            raise TransactionConflictError("somebody was faster")

    await TransactionManager(filled_engine).run(work)
    assert attempts == [BEFORE, BEFORE]
    assert await ages(filled_engine) == [20, 10, 30, 20, None]


class TestAfterAFailedPart:
    """What refuses the commit ends with the transaction."""

    async def test_the_next_one_is_committed(self, filled_engine: AndamiosEngine) -> None:
        async with AsyncSession(filled_engine) as session:
            people = People(session)
            for _ in range(2):
                with pytest.raises(TransactionAbortedError):
                    async with people.transaction():
                        for _ in range(2):
                            with pytest.raises(RuntimeError):
                                await people.swap(1, 3, fail=True)
            await people.update(1, age=11)
            await session.commit()
        assert (await ages(filled_engine))[0] == 11

    async def test_where_the_part_has_rolled_back(self, filled_engine: AndamiosEngine) -> None:
        async with SessionManager(filled_engine) as session:
            people = People(session)
            with pytest.raises(RuntimeError):
                async with people.transaction():
                    await people.update(2, age=12)
                    await session.rollback()
                    raise RuntimeError
            await people.update(1, age=11)
        assert await ages(filled_engine) == [11, 20, 30, 20, None]


async def test_in_a_unit_of_work_they_are_parts(filled_engine: AndamiosEngine) -> None:
    with pytest.raises(RuntimeError):
        async with UnitOfWork(filled_engine) as unit:
            people = unit.repository(People)
            async with people.transaction():
                await people.update(2, age=12)
            await people.swap(1, 3)
            raise RuntimeError
    assert await ages(filled_engine) == BEFORE

    async def work(unit: UnitOfWork) -> Any:
        async with unit.repository(People).transaction():
            return await unit.repository(People).create(row(9))

    await UnitOfWork(filled_engine).run(work)
    assert len(await ages(filled_engine)) == 6
