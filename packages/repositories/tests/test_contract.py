"""Every kind of repository keeps the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import pytest

from andamios_orm.core import AndamiosEngine, AsyncSession, CacheManager
from andamios_orm.repositories import (
    BaseRepository,
    CachedRepository,
    GenericRepository,
    Kind,
    Operation,
    Proceed,
    ReadOnlyRepository,
    SoftDeleteRepository,
)
from andamios_orm.repositories.filters import Condition

from .contract import BulkContract, QueryingContract, ReadingContract, WritingContract
from .contract_models import Guest, Person


class People(GenericRepository[Person]):
    async def grown_up(self) -> list[Person]:
        return await self.find(age__gte=18)


class TestBaseRepository(ReadingContract, WritingContract):
    @pytest.fixture
    def repository(self, session: AsyncSession) -> Any:
        return BaseRepository[Person](session)


class TestGenericRepository(ReadingContract, QueryingContract, WritingContract, BulkContract):
    @pytest.fixture
    def repository(self, session: AsyncSession) -> Any:
        return GenericRepository[Person](session)


class Everything:
    """A scope that leaves nothing out."""

    def conditions(self, model: type[Any], kind: Kind) -> Iterable[Condition]:
        return [{"id__gte": 0}]

    def values(self, model: type[Any]) -> Mapping[str, Any]:
        return {}


async def passed_on(operation: Operation, proceed: Proceed) -> Any:
    return await proceed()


class ScopedPeople(GenericRepository[Person], plugins=[Everything(), passed_on]):
    pass


class TestPlugins(ReadingContract, QueryingContract, WritingContract, BulkContract):
    """What scopes and middleware leave alone is as it is without them."""

    @pytest.fixture
    def repository(self, session: AsyncSession) -> Any:
        return ScopedPeople(session)


class TestCachedRepository(ReadingContract, QueryingContract, WritingContract, BulkContract):
    @pytest.fixture
    async def repository(self, shared_engine: AndamiosEngine) -> AsyncIterator[Any]:
        async with CacheManager(shared_engine):
            async with AsyncSession(shared_engine) as session:
                # So that the tests find what is kept, and write objects that were taken from it.
                await CachedRepository[Person](session).list()
            async with AsyncSession(shared_engine) as session:
                yield CachedRepository[Person](session)


class TestSubclass(ReadingContract, WritingContract):
    @pytest.fixture
    def repository(self, session: AsyncSession) -> Any:
        return People(session)


class TestSoftDeleteRepository(ReadingContract, QueryingContract, WritingContract, BulkContract):
    @pytest.fixture
    def repository(self, session: AsyncSession) -> Any:
        return SoftDeleteRepository[Guest](session)


class TestReadOnlyRepository(ReadingContract, QueryingContract):
    @pytest.fixture
    async def repository(self, shared_engine: AndamiosEngine) -> AsyncIterator[Any]:
        async with AsyncSession(shared_engine, read_only=True) as session:
            yield ReadOnlyRepository[Person](session)
