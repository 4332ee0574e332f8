"""Every kind of repository keeps the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from andamios_orm.core import AndamiosEngine, AsyncSession
from andamios_orm.repositories import (
    BaseRepository,
    GenericRepository,
    ReadOnlyRepository,
    SoftDeleteRepository,
)

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
