"""Tell whether a database answers and whether its pool has connections left, in bounded time."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from dataclasses import asdict, dataclass
from enum import StrEnum
from math import ceil
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from sqlalchemy import text
from sqlalchemy.pool import QueuePool

from andamios_orm.core.arguments import engine_of, seconds
from andamios_orm.core.connections import ConnectionManager, PoolStatistics
from andamios_orm.core.errors import PoolTimeoutError
from andamios_orm.core.observability.observation import AcquisitionObserver
from andamios_orm.core.observability.redaction import redacted_text
from andamios_orm.core.tasks import kept

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from sqlalchemy.ext.asyncio import AsyncEngine

__all__ = ["HealthChecker", "HealthState", "HealthStatus", "PoolHealth"]

T = TypeVar("T")

_ACQUISITIONS = 1_000
"""How many of the last acquisitions are remembered."""

_ANSWER = 0.9
"""How much of its time a check spends on the answer of the database; the rest is for its file."""

_WAL = {"duckdb": ".wal", "sqlite": "-wal"}
"""What a backend whose databases are files appends to the name for its write-ahead log."""

_NO_FILE = re.compile(r":memory:|\w{2,}:")
"""A database in memory, or one whose name is an address."""


class HealthState(StrEnum):
    """How well something is."""

    HEALTHY = "healthy"
    """It works."""
    DEGRADED = "degraded"
    """It works, slowly or without reserve."""
    UNHEALTHY = "unhealthy"
    """It does not work."""


@dataclass(frozen=True)
class HealthStatus:
    """How a database is.

    Attributes:
        state: Healthy when it answers; degraded when it answers slowly, or when no connection was free to ask
            it; else unhealthy.
        latency: Seconds until it answered, the wait for a connection included; None without an answer.
        version: Its version.
        path: Its file; None where it is in memory or on a server.
        size: Of the file, in bytes.
        wal_size: Of the write-ahead log beside the file, in bytes.
        error: What is wrong, without credentials.
    """

    state: HealthState
    latency: float | None = None
    version: str | None = None
    path: str | None = None
    size: int | None = None
    wal_size: int | None = None
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return asdict(self) | {"state": self.state.value}


@dataclass(frozen=True)
class PoolHealth:
    """How a pool is; None stands for what a pool without a queue does not know.

    Attributes:
        state: Degraded while no further connection is to be had, else healthy.
        in_use: Connections that are in use.
        idle: Connections that are open and free.
        waiting: Tasks that wait for one.
        limit: Connections that may be in use at once; -1 where there is no limit.
        acquire_p50: Seconds in which half of the last acquisitions ended; None before the first.
        acquire_p99: Seconds in which all but a hundredth of them did.
    """

    state: HealthState
    in_use: int | None = None
    idle: int | None = None
    waiting: int | None = None
    limit: int | None = None
    acquire_p50: float | None = None
    acquire_p99: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return asdict(self) | {"state": self.state.value}


class HealthChecker:
    """Check one engine.

    A check returns in time whatever the database, its pool or its threads are doing, and raises nothing for a
    database that is ill. From when it is made until `close`, acquisitions of the engine are timed.

    Args:
        engine: The engine.
        timeout: Seconds that a check may take.
        slow: Seconds from which on an answer counts as slow.

    Raises:
        ConfigurationError: ``engine`` is no engine, ``timeout`` no positive number of seconds, or ``slow`` no
            number of seconds.
    """

    def __init__(self, engine: AsyncEngine, *, timeout: float = 5.0, slow: float = 1.0) -> None:
        self._engine = engine_of(engine, type(self).__name__)
        self._timeout = seconds("timeout", timeout, positive=True)
        self._slow = seconds("slow", slow)
        self._file = _file(engine)
        self._acquisitions: deque[float] = deque(maxlen=_ACQUISITIONS)
        self._observer = AcquisitionObserver(engine, self._acquired)

    def close(self) -> None:
        """Stop timing acquisitions; a second call does nothing."""
        self._observer.close()

    async def check_database_connectivity(self) -> HealthStatus:
        """Ask the database for an answer, and look at its file."""
        answer = await self._tried(self._latency(), _ANSWER * self._timeout)
        # After the answer, because a new file appears with the first connection.
        look = await self._tried(_looked(self._file), (1 - _ANSWER) * self._timeout)
        return self._status(answer, look)

    async def check_pool_health(self) -> PoolHealth:
        """Look at the pool; asks the database nothing."""
        held = self._statistics()
        ordered = sorted(self._acquisitions)
        p50, p99 = _percentile(ordered, 0.5), _percentile(ordered, 0.99)
        if held is None:
            return PoolHealth(HealthState.HEALTHY, acquire_p50=p50, acquire_p99=p99)
        return PoolHealth(
            state=HealthState.DEGRADED if _exhausted(held) else HealthState.HEALTHY,
            in_use=held.in_use,
            idle=held.idle,
            waiting=held.waiting,
            limit=held.limit,
            acquire_p50=p50,
            acquire_p99=p99,
        )

    async def _latency(self) -> float:
        started = perf_counter()
        async with self._engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            return perf_counter() - started

    async def _tried(self, probe: Coroutine[Any, Any, T], seconds: float) -> asyncio.Task[T]:
        # In a task of its own, whose end is not waited for: a probe that is cancelled may take long to end.
        task = kept(asyncio.create_task(probe))
        task.add_done_callback(_heard)
        try:
            await asyncio.wait((task,), timeout=seconds)
        finally:
            task.cancel()
        return task

    def _status(self, answer: asyncio.Task[float], look: asyncio.Task[_File | None]) -> HealthStatus:
        file = None if _failed(look) else look.result()
        if _failed(answer):
            state, error = self._failure(answer)
            return HealthStatus(state, **_facts(file), error=error)
        latency = answer.result()
        state, error = self._judged(latency, file)
        version = ".".join(map(str, self._engine.dialect.server_version_info or ()))
        return HealthStatus(state, latency, version or None, **_facts(file), error=error)

    def _judged(self, latency: float, file: _File | None) -> tuple[HealthState, str | None]:
        if file is not None and file.size is None:
            return HealthState.UNHEALTHY, "the file is gone: what is written now will be lost"
        if latency >= self._slow:
            return HealthState.DEGRADED, f"the answer took {latency:.3g} s"
        return HealthState.HEALTHY, None

    def _failure(self, answer: asyncio.Task[float]) -> tuple[HealthState, str | None]:
        held = self._statistics()
        if answer.done() and not answer.cancelled():
            error = answer.exception()
            state = HealthState.DEGRADED if isinstance(error, PoolTimeoutError) else HealthState.UNHEALTHY
            return state, _told(error)
        if held is not None and _exhausted(held):
            return HealthState.DEGRADED, f"no connection was free within {self._timeout:g} s"
        return HealthState.UNHEALTHY, f"no answer within {self._timeout:g} s"

    def _statistics(self) -> PoolStatistics | None:
        if isinstance(self._engine.pool, QueuePool):
            return ConnectionManager(self._engine).statistics()
        return None

    def _acquired(self, seconds: float, error: BaseException | None) -> None:
        if error is None:
            self._acquisitions.append(seconds)


class _File(NamedTuple):
    path: str
    size: int | None
    wal_size: int


def _file(engine: AsyncEngine) -> tuple[str, str] | None:
    # The name of the database's file, and what its write-ahead log has appended to that.
    name, suffix = engine.url.database, _WAL.get(engine.dialect.name)
    if not name or suffix is None or _NO_FILE.match(name):
        return None
    return name, suffix


async def _looked(file: tuple[str, str] | None) -> _File | None:
    return None if file is None else await asyncio.to_thread(_look, *file)


def _look(name: str, suffix: str) -> _File:
    path = Path(name).expanduser().absolute()
    return _File(str(path), _size(path), _size(path.with_name(path.name + suffix)) or 0)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _heard(task: asyncio.Task[Any]) -> None:
    # asyncio would log an error that nobody asks for. The status tells this one, or it comes too late.
    if not task.cancelled():
        task.exception()


def _facts(file: _File | None) -> dict[str, Any]:
    if file is None:
        return {}
    return {"path": file.path, "size": file.size, "wal_size": None if file.size is None else file.wal_size}


def _failed(probe: asyncio.Task[Any]) -> bool:
    return not probe.done() or probe.cancelled() or probe.exception() is not None


def _told(error: BaseException | None) -> str:
    # The words of the driver, where it raised the error: ours add the statement and its parameters.
    return redacted_text(str(getattr(error, "orig", None) or error))


def _exhausted(held: PoolStatistics) -> bool:
    return held.limit != -1 and held.in_use >= held.limit


def _percentile(ordered: list[float], share: float) -> float | None:
    return ordered[ceil(share * len(ordered)) - 1] if ordered else None
