"""Repositories that keep what they read: what is asked again, and that nothing stale is given."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from andamios_orm.core import AndamiosEngine, AsyncSession, CacheManager, SessionManager
from andamios_orm.core.errors import TransactionConflictError
from andamios_orm.queries import F
from andamios_orm.repositories.cached import CachedRepository
from andamios_orm.repositories.plugins.tenancy import TenantScope, tenant
from andamios_orm.repositories.repositories import GenericRepository
from andamios_orm.repositories.soft_delete import SoftDeleteRepository
from andamios_orm.repositories.unit_of_work import UnitOfWork

from .contract_models import Guest, Person, row
from .models import Team
from .statements import sent


class People(CachedRepository[Person]):
    ttl = 60


class Teams(CachedRepository[Team]):
    """Keeps results as long as the manager does."""


@pytest.fixture
async def cache(filled_engine: AndamiosEngine) -> AsyncIterator[CacheManager]:
    async with CacheManager(filled_engine) as cache:
        yield cache


Question = Callable[[GenericRepository[Person]], Awaitable[Any]]

READS: dict[str, Question] = {
    "get_by_id": lambda people: people.get_by_id(1),
    "nobody": lambda people: people.get_by_id(99),
    "get_one": lambda people: people.get_one(1),
    "list": lambda people: people.list({"age": 20}, order_by="-id", limit=1),
    "find": lambda people: people.find(age__gt=10),
    "find_one": lambda people: people.find_one(email="1@example.org"),
    "find nobody": lambda people: people.find_one(email="nobody"),
    "exists": lambda people: people.exists(age=20),
    "count": lambda people: people.count(age=20),
    "in_bulk": lambda people: people.in_bulk([1, 99]),
    "list_and_count": lambda people: people.list_and_count(limit=2),
    "page": lambda people: people.page(2, 2),
    "page_after": lambda people: people.page_after(None, 2),
}


def plain(found: Any) -> Any:
    """Return what was found without the identity of its objects."""
    if isinstance(found, Person):
        return found.id, found.email, found.name, found.age
    if isinstance(found, list | tuple):
        return [plain(each) for each in found]
    if isinstance(found, dict):
        return {key: plain(each) for key, each in found.items()}
    return [plain(found.items), getattr(found, "total", None)] if hasattr(found, "items") else found


@pytest.mark.parametrize("question", READS.values(), ids=READS)
async def test_what_was_read_is_kept(
    filled_engine: AndamiosEngine, cache: CacheManager, question: Question
) -> None:
    async with AsyncSession(filled_engine) as session:
        expected = plain(await question(People(session)))
    async with AsyncSession(filled_engine) as session:
        with sent(filled_engine) as statements:
            assert plain(await question(People(session))) == expected
    assert statements == []


@pytest.mark.parametrize("question", READS.values(), ids=READS)
async def test_a_commit_ends_it(
    filled_engine: AndamiosEngine, cache: CacheManager, question: Question
) -> None:
    for name in ("a", "b"):
        async with UnitOfWork(filled_engine) as unit:
            people = unit.repository(People)
            await question(people)
            await people.update_where({}, all=True, name=name, age=20)
            await people.upsert_many([row(99, name=name), row(98, email="nobody", name=name)])
        async with AsyncSession(filled_engine) as session:
            kept = plain(await question(People(session)))
        async with AsyncSession(filled_engine) as session:
            assert kept == plain(await question(GenericRepository[Person](session)))


async def test_who_has_written_reads_for_itself(filled_engine: AndamiosEngine, cache: CacheManager) -> None:
    async with AsyncSession(filled_engine) as session:
        assert await People(session).count() == 5
    async with AsyncSession(filled_engine) as session:
        people = People(session)
        await people.create(row(9))
        assert await people.count() == 6
        await session.rollback()
    async with AsyncSession(filled_engine) as session:
        with sent(filled_engine) as statements:
            assert await People(session).count() == 5
    assert statements == []


async def test_an_object_of_the_session_is_found_in_it(
    filled_engine: AndamiosEngine, cache: CacheManager
) -> None:
    async with AsyncSession(filled_engine) as session:
        one = await People(session).get_one(1)
        assert await People(session).get_one(1) is one
        assert cache.statistics().memory_misses == 1


async def test_what_belongs_to_objects_is_read(filled_engine: AndamiosEngine, cache: CacheManager) -> None:
    async with AsyncSession(filled_engine) as session:
        team, *_ = await Teams(session).list(load="players")
        assert await Teams(session).get_one(team.id, load="players") is team
        assert [team async for team in Teams(session).stream()]
        assert await Teams(session).query().count()
    assert cache.statistics().memory_misses == 0


async def test_a_change_is_written_by_the_key(filled_engine: AndamiosEngine, cache: CacheManager) -> None:
    for age in (1, 2):
        async with UnitOfWork(filled_engine) as unit:
            people = unit.repository(People)
            await people.update(await people.get_one(1), age=age)
            await people.update(2, age=age)
        async with AsyncSession(filled_engine) as session:
            assert [(await People(session).get_one(key)).age for key in (1, 2)] == [age, age]


async def test_what_is_marked_as_deleted_is_restored(
    filled_engine: AndamiosEngine, cache: CacheManager
) -> None:
    class Guests(SoftDeleteRepository[Guest], CachedRepository[Guest]):
        pass

    async with UnitOfWork(filled_engine) as unit:
        await unit.repository(Guests).delete(1)
    for _ in range(2):
        async with AsyncSession(filled_engine) as session:
            (guest,) = await Guests(session).list_deleted()
            assert (await Guests(session).restore(guest)).id == 1
            await session.rollback()


async def test_tenants_share_nothing(filled_engine: AndamiosEngine, cache: CacheManager) -> None:
    class Scoped(CachedRepository[Person], plugins=[TenantScope("name")]):
        pass

    for _ in range(2):
        for name in ("n1", "n2"):
            async with AsyncSession(filled_engine) as session:
                with tenant(name):
                    people = Scoped(session)
                    assert [person.name for person in await people.list()] == [name]
                    assert (await people.get_by_id(1) is not None) is (name == "n1")
    assert cache.statistics().memory_hits == 4


async def test_without_a_manager_nothing_is_kept(filled_engine: AndamiosEngine) -> None:
    for _ in range(2):
        async with AsyncSession(filled_engine) as session:
            with sent(filled_engine) as statements:
                assert await People(session).count() == 5
        assert len(statements) == 1


async def test_no_stale_read_after_an_acknowledged_commit(engine: AndamiosEngine) -> None:
    """Nobody reads less than writers have acknowledged, and no writer writes over what it has not seen."""
    async with SessionManager(engine) as session:
        await (await session.connection()).run_sync(Person.metadata.create_all)
        session.add_all([Person(**row(number, age=0)) for number in (1, 2, 3)])
    chance, acknowledged, reads = random.Random(7), dict.fromkeys((1, 2, 3), 0), 0
    finished = asyncio.Event()

    async def write(key: int) -> None:
        for _ in range(60):
            unit = UnitOfWork(engine)
            try:
                async with unit:
                    people = unit.repository(People)
                    person = await people.get_one(key)
                    age = (person.age or 0) + 1
                    if chance.random() < 0.5:
                        await people.update(person, age=age)
                    else:
                        await people.update_where({"id": key}, age=F("age") + 1)
                    if chance.random() < 0.3:
                        await unit.rollback()
                        continue
                    await asyncio.sleep(0)
            except TransactionConflictError:
                continue
            acknowledged[key] += 1

    async def read(key: int) -> None:
        nonlocal reads
        while not finished.is_set():
            least = acknowledged[key]
            async with AsyncSession(engine) as session:
                people = People(session)
                by_key = await people.get_one(key) if chance.random() < 0.5 else await people.find_one(id=key)
                assert by_key is not None
                assert by_key.age is not None
                assert by_key.age >= least
            async with AsyncSession(engine) as session:
                least = sum(acknowledged.values())
                assert sum(person.age or 0 for person in await People(session).list()) >= least
            reads += 1
            await asyncio.sleep(0)

    async with CacheManager(engine) as cache:
        readers = [asyncio.create_task(read(key)) for key in (1, 2, 3) for _ in range(2)]
        await asyncio.gather(*map(write, (1, 1, 2, 3)))
        finished.set()
        await asyncio.gather(*readers)
        statistics = cache.statistics()
    async with AsyncSession(engine) as session:
        ages = {person.id: person.age for person in await People(session).list()}
    assert ages == acknowledged
    assert reads > 50
    assert statistics.memory_hits > 0
