"""Repositories that keep what they have read."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from andamios_orm.core.cache import CachePolicy
from andamios_orm.queries import QueryBuilder
from andamios_orm.repositories.filters import Load
from andamios_orm.repositories.repositories import GenericRepository

__all__ = ["CachedRepository"]

T = TypeVar("T")


class CachedRepository(GenericRepository[T]):
    """Do what `GenericRepository` does, and keep what was read, where a `CacheManager` is started.

    What is asked for by a key or by conditions, or is counted, is read once, also where nothing is found. It
    is given up before a commit that touched its tables returns, or when its time is up. A session that has
    written reads from the database; so does what has ``load=``, and so do ``stream()`` and ``query()``.

    Attributes:
        ttl: Seconds for which results are kept at most; by default those of the manager.
    """

    ttl: ClassVar[float | None] = None

    def _objects(self, load: Load = None) -> QueryBuilder[T]:
        found = super()._objects(load)
        return found.cached(self.ttl) if load is None else found

    async def _got(self, identity: tuple[Any, ...]) -> T | None:
        options = {"cache": CachePolicy(ttl=self.ttl)}
        return await self.session.get(self.model, identity, execution_options=options)
