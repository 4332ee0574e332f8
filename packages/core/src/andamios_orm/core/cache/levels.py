"""Look for a value near, in this process, then far, in Redis, and load it once where neither has it.

The rules that keep what is old out:

* Whatever is kept carries the moment when it was known to be right: not when its load ended, but when the
  oldest transaction that it read in began, or else when the load began. It is not kept where one of its
  tables has changed since. What was read in a transaction that had written itself is never kept.
* A change is counted after the commit, before anybody is told that it is one. It is counted twice, before and
  after Redis has heard of it: what was read there in between might be old.
* A task waits for the load of another only as long as no table has changed since that began; so it gets
  nothing older than what was committed when it asked. It waits once: where that load gives nothing that
  others may have, it loads by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from andamios_orm.core.cache.commits import CommitWatch, Transaction
from andamios_orm.core.cache.memory import Entry, MemoryCache
from andamios_orm.core.cache.packing import UnpackError, pack, unpack

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from andamios_orm.core.cache.redis import SharedCache

__all__ = ["Levels", "Moment", "Request"]


class Moment(NamedTuple):
    """A point in time by what had changed until then."""

    near: int
    """The count of changes in this process."""
    far: int
    """The clock of Redis."""


@dataclass(frozen=True)
class Request:
    """What is asked for, and how to get it.

    Attributes:
        key: Its key.
        tables: What it depends on.
        seconds: How long it may be kept.
        load: Gets the value.
        may_wait: Whether the load of another task may be waited for. Who holds a connection may not, as the
            other might need one.
    """

    key: str
    tables: frozenset[str]
    seconds: float
    load: Callable[[], Awaitable[Any]]
    may_wait: bool = True


class _Load:
    """A load under way, which gives what others may have, or None; it is cancelled with its task."""

    def __init__(self, tables: frozenset[str], began: Moment) -> None:
        self.tables = tables
        self.began = began
        self.given: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()


_leading: ContextVar[frozenset[_Load]] = ContextVar("andamios_orm_loads", default=frozenset())
"""The loads that what happens here is done by: who waited for one of them would wait for ever."""


class Levels:
    """The cache of one engine: memory, and Redis if there is one.

    Args:
        engine: The engine, whose commits are watched between `start` and `stop`.
        max_entries: Bound on what is kept in memory.

    Attributes:
        memory: What is kept in this process.
        shared: What is kept in Redis.
        watch: Knows what transactions have written.
        near_hits: How often the memory had what was asked for, and so on.
    """

    def __init__(self, engine: AsyncEngine, max_entries: int) -> None:
        self.memory = MemoryCache(max_entries)
        self.shared: SharedCache | None = None
        self.watch = CommitWatch(engine, self._committed, self.moment)
        self.near_hits = self.near_misses = self.far_hits = self.far_misses = 0
        self._loads: dict[str, _Load] = {}

    def moment(self) -> Moment:
        """Return the present moment."""
        return Moment(self.memory.count, 0 if self.shared is None else self.shared.clock)

    def near(self, key: str) -> bytes | None:
        """Return the packed value from memory."""
        entry = self.memory.get(key)
        if entry is None:
            self.near_misses += 1
            return None
        self.near_hits += 1
        return entry.data

    async def find(self, key: str) -> bytes | None:
        """Return the packed value from memory or from Redis."""
        data = self.near(key)
        return await self._far(key) if data is None else data

    async def obtain(self, request: Request) -> Any:
        """Return the value, from where it is found first, or loaded; a copy of its own for each caller.

        Raises:
            NotSupportedError: What was loaded is of a type that cannot be kept.
        """
        data = self.near(request.key)
        return await self.obtain_far(request) if data is None else unpack(data)

    async def obtain_far(self, request: Request) -> Any:
        """Return the value as `obtain` does, where it is known not to be in memory."""
        data = await self._others(request.key) if request.may_wait else None
        return await self._lead(request) if data is None else unpack(data)

    async def put(
        self,
        key: str,
        data: bytes,
        tables: frozenset[str],
        seconds: float,
        since: Moment,
        *,
        tell: bool = False,
    ) -> None:
        """Keep a packed value on both levels, unless one of its tables has changed since.

        Args:
            key: Its key.
            data: The packed value.
            tables: What it depends on.
            seconds: How long it may be kept.
            since: When it was known to be right.
            tell: Whether it replaces what other processes hold.
        """
        kept = self.memory.put(key, Entry(data, tables, since.near, monotonic() + seconds))
        if kept and self.shared is not None:
            await self.shared.put(key, data, tables, since.far, seconds, tell=tell)

    async def forget(self, tables: Collection[str] = (), keys: Collection[str] = ()) -> None:
        """Give up what depends on one of the tables, and the keys, on both levels and in all processes."""
        self.forget_near(tables, keys)
        if self.shared is not None:
            await self.shared.forget(tables, keys)
            self.forget_near(tables, keys)

    def forget_near(self, tables: Iterable[str], keys: Iterable[str]) -> None:
        """Give them up in this process, loads under way included."""
        self.memory.change(tables)
        for key in keys:
            self.memory.remove(key)
            self._loads.pop(key, None)

    def _committed(self, tables: frozenset[str]) -> Awaitable[None] | None:
        if self.shared is not None:
            return self.forget(tables)
        self.forget_near(tables, ())
        return None

    async def _others(self, key: str) -> bytes | None:
        while (load := self._loads.get(key)) is not None and self._may_be_waited_for(load):
            # By wait(), because cancelling this task must not cancel the load, nor the other way round.
            await asyncio.wait((load.given,))
            if not load.given.cancelled():
                return load.given.result()
        return None

    def _may_be_waited_for(self, load: _Load) -> bool:
        return load not in _leading.get() and self.memory.is_unchanged(load.tables, load.began.near)

    async def _lead(self, request: Request) -> Any:
        load = self._loads[request.key] = _Load(request.tables, self.moment())
        token = _leading.set(_leading.get() | {load})
        try:
            data = await self._far(request.key)
            if data is not None:
                load.given.set_result(data)
                return unpack(data)
            return await self._loaded(request, load)
        except asyncio.CancelledError:
            load.given.cancel()
            raise
        finally:
            _leading.reset(token)
            if not load.given.done():
                load.given.set_result(None)
            if self._loads.get(request.key) is load:
                del self._loads[request.key]

    async def _loaded(self, request: Request, load: _Load) -> Any:
        with self.watch.observed() as transactions:
            value = await request.load()
        data, since = pack(value), _since(load.began, transactions)
        is_wanted = self._loads.get(request.key) is load
        if since is not None and is_wanted and self.memory.is_unchanged(request.tables, since.near):
            load.given.set_result(data)
            await self.put(request.key, data, request.tables, request.seconds, since)
        return value

    async def _far(self, key: str) -> bytes | None:
        if self.shared is None or not self.shared.connected:
            return None
        since, removals = self.memory.count, self.memory.removals
        found = await self.shared.get(key)
        if found is not None and _is_readable(found.data):
            entry = Entry(found.data, found.tables, since, monotonic() + found.seconds)
            # If something was removed meanwhile, it may have been this value: it may be returned, not kept.
            if removals != self.memory.removals or self.memory.put(key, entry):
                self.far_hits += 1
                return found.data
        self.far_misses += 1
        return None


def _since(began: Moment, transactions: Iterable[Transaction]) -> Moment | None:
    # None where a transaction read what it had written itself, or read under settings of its own.
    moments = [began]
    for transaction in transactions:
        if transaction.mark is None or transaction.written or transaction.sets:
            return None
        moments.append(transaction.mark)
    return Moment(min(moment.near for moment in moments), min(moment.far for moment in moments))


def _is_readable(data: bytes) -> bool:
    try:
        unpack(data)
    except UnpackError:
        return False
    return True
