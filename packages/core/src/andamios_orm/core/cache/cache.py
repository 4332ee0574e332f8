"""Keep values and rows of queries, in memory and in Redis, until their time is up or their tables change."""

from __future__ import annotations

import platform
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4
from weakref import WeakSet

from pydantic import SecretStr
from sqlalchemy import event
from sqlalchemy.util.concurrency import await_, in_greenlet

from andamios_orm.core.arguments import engine_of
from andamios_orm.core.cache.levels import Levels, Request
from andamios_orm.core.cache.packing import pack, unpack
from andamios_orm.core.cache.queries import CachePolicy, QueryCache, TableLike, names_of, seconds_of
from andamios_orm.core.cache.written import EVERYTHING
from andamios_orm.core.errors import ConfigurationError

if TYPE_CHECKING:
    from types import TracebackType

    from sqlalchemy import URL
    from sqlalchemy.engine import Dialect
    from sqlalchemy.ext.asyncio import AsyncEngine

    from andamios_orm.core.cache.redis import SharedCache

__all__ = ["CacheManager", "CachePolicy", "CacheStatistics"]

T = TypeVar("T")

_FILES = ("duckdb", "sqlite")
"""Backends whose databases are files of this machine, or in memory."""

_cached: WeakSet[Dialect] = WeakSet()
"""Those of engines that have a started manager."""


@dataclass(frozen=True)
class CacheStatistics:
    """What a cache has done since it was started.

    Attributes:
        entries: How many values are in memory.
        memory_hits: How often the memory had what was asked for.
        memory_misses: How often it had not.
        redis_hits: How often Redis had what was asked for.
        redis_misses: How often it had not.
        connected: Whether Redis is in use at present.
    """

    entries: int
    memory_hits: int
    memory_misses: int
    redis_hits: int
    redis_misses: int
    connected: bool


class CacheManager:
    """Keep values for one engine, from `start` to `close`, or for the time of an ``async with``.

    What depends on a table is given up after each commit that wrote it, before ``commit()`` returns; with
    Redis, in all processes of the same namespace. Whoever reads a value gets a copy of their own. Redis is
    never waited for long, and its faults are logged and never raised: without it each process is alone.

    Args:
        engine: The engine whose commits are watched, and whose sessions may have their queries cached. Writes
            that pass it by, through another engine or a raw connection, are seen only if that has a manager
            with the same Redis and namespace.
        redis: The URL of a Redis.
        max_entries: How many values are kept in memory; those that were used least recently go first.
        ttl: Seconds for which a value is kept by default.
        namespace: What processes have in common that share values through Redis; by default the database.

    Raises:
        ConfigurationError: An argument makes no sense, or the extra for Redis is not installed.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        redis: str | SecretStr | None = None,
        max_entries: int = 10_000,
        ttl: float = 60.0,
        namespace: str | None = None,
    ) -> None:
        if max_entries < 1:
            raise ConfigurationError(f"max_entries is at least 1, not {max_entries}")
        self._engine = engine_of(engine, type(self).__name__)
        self._ttl = seconds_of(ttl, ttl)
        self._is_started = False
        self._levels = Levels(engine, max_entries)
        database = _database(engine.url)
        # The rows of a query may depend on the user and on the settings of the connection too.
        identity = f"{database}:{engine.url.username}:{engine.url.query}"
        self._queries = QueryCache(engine, self._levels, identity, self._ttl)
        if redis is not None:
            url = redis.get_secret_value() if isinstance(redis, SecretStr) else redis
            self._levels.shared = _shared(url, namespace or database, self._levels)

    async def start(self) -> None:
        """Begin to keep values; with Redis, return when it is in use or has failed to answer.

        Raises:
            ConfigurationError: This manager, or another one of the engine, was started before.
        """
        if self._engine.dialect in _cached:
            raise ConfigurationError("an engine has one CacheManager at a time: close the other one first")
        _cached.add(self._engine.dialect)
        self._levels.watch.start()
        self._queries.start()
        event.listen(self._engine.sync_engine, "engine_disposed", self._disposed)
        self._is_started = True
        try:
            if self._levels.shared is not None:
                await self._levels.shared.start()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Give up what is in memory, and leave what is in Redis; a second call does nothing."""
        if not self._is_started:
            return
        self._is_started = False
        event.remove(self._engine.sync_engine, "engine_disposed", self._disposed)
        self._queries.stop()
        self._levels.watch.stop()
        self._levels.forget_near((EVERYTHING,), ())
        _cached.discard(self._engine.dialect)
        if self._levels.shared is not None:
            await self._levels.shared.close()

    async def __aenter__(self) -> CacheManager:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def get_cached_result(self, key: str, default: Any = None) -> Any:
        """Return a copy of the value that is kept under ``key``, or ``default``."""
        data = await self._started().find(_named(key))
        return default if data is None else unpack(data)

    async def set_cached_result(
        self, key: str, value: Any, ttl: float | None = None, tables: Iterable[TableLike] = ()
    ) -> None:
        """Keep a value on both levels.

        It counts as right at this moment. Where a commit may come between the reading of what it is made
        from and this call, `get_or_load` is the way.

        Args:
            key: Its key.
            value: None, a bool, number, text, bytes, date, time or UUID, a member of an Enum, or a list,
                tuple or dict of such values.
            ttl: Seconds for which it is kept; by default the manager's.
            tables: What it depends on.

        Raises:
            NotSupportedError: The value, or one inside of it, is of another type.
        """
        levels, data, names = self._started(), pack(value), names_of(tables)
        seconds, since = seconds_of(ttl, self._ttl), levels.moment()
        levels.forget_near((), (_named(key),))
        await levels.put(_named(key), data, names, seconds, since, tell=True)

    async def get_or_load(
        self,
        key: str,
        load: Callable[[], Awaitable[T]],
        ttl: float | None = None,
        tables: Iterable[TableLike] = (),
    ) -> T:
        """Return the value that is kept under ``key``, or load it and keep it.

        Of all tasks of this process that ask meanwhile, one loads and the others wait for it. When it is
        cancelled or fails they load themselves. What was read in a transaction that has written, or before
        one of the tables changed, is returned and not kept.

        Args:
            key: Its key.
            load: Gets the value; a session that it uses should be its own.
            ttl: Seconds for which it is kept; by default the manager's.
            tables: What it depends on.

        Raises:
            NotSupportedError: The value, or one inside of it, cannot be kept.
        """
        request = Request(_named(key), names_of(tables), seconds_of(ttl, self._ttl), load)
        value: T = await self._started().obtain(request)
        return value

    async def invalidate(self, *keys: str) -> None:
        """Give up the values that are kept under these keys."""
        await self._started().forget(keys=[_named(key) for key in keys])

    async def invalidate_table(self, *tables: TableLike) -> None:
        """Give up everything that depends on these tables, as a commit that wrote them does."""
        await self._started().forget(names_of(tables))

    async def invalidate_model(self, *models: type[Any]) -> None:
        """Give up everything that depends on the tables of these mapped classes."""
        await self.invalidate_table(*models)

    async def clear(self) -> None:
        """Give up everything, in all processes of the namespace."""
        await self._started().forget((EVERYTHING,))

    def statistics(self) -> CacheStatistics:
        """Return what the cache has done so far."""
        levels = self._levels
        return CacheStatistics(
            entries=len(levels.memory),
            memory_hits=levels.near_hits,
            memory_misses=levels.near_misses,
            redis_hits=levels.far_hits,
            redis_misses=levels.far_misses,
            connected=levels.shared is not None and levels.shared.connected,
        )

    def _started(self) -> Levels:
        if not self._is_started:
            raise ConfigurationError(
                "this CacheManager is not started: use it inside of `async with CacheManager(engine)`"
            )
        return self._levels

    def _disposed(self, engine: Any) -> None:
        # A file may have been changed when it is opened again; a database in memory has gone.
        self._levels.forget_near((EVERYTHING,), ())
        if _is_in_memory(self._engine.url) and in_greenlet():
            await_(self._levels.forget((EVERYTHING,)))


def _named(key: str) -> str:
    return f"value:{key}"


def _database(url: URL) -> str:
    # Databases in memory belong to one engine; files of the same path on two machines are two.
    if _is_in_memory(url):
        return f"memory:{uuid4().hex}"
    backend, name = url.get_backend_name(), url.database
    if backend in _FILES:
        return f"{backend}:{platform.node()}:{Path(str(name)).absolute()}"
    return f"{backend}:{url.host}:{url.port}:{name}"


def _is_in_memory(url: URL) -> bool:
    name = url.database or ":memory:"
    return url.get_backend_name() in _FILES and (":memory:" in name or "mode=memory" in name)


def _shared(url: str, namespace: str, levels: Levels) -> SharedCache:
    try:
        from andamios_orm.core.cache.redis import SharedCache
    except ModuleNotFoundError as error:
        raise ConfigurationError('Redis needs its client: pip install "andamios-orm-core[redis]"') from error
    return SharedCache(url, namespace, levels.forget_near)
