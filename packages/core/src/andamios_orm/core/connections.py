"""Look after an engine's pool: acquire with a limit, warm up, count, and shut down without losing work."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import duckdb
from sqlalchemy import event
from sqlalchemy.pool import QueuePool

from andamios_orm.core.arguments import engine_of
from andamios_orm.core.dialect.pool import connection_limit
from andamios_orm.core.errors import ConfigurationError, OperationalError, PoolTimeoutError
from andamios_orm.core.tasks import kept

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from sqlalchemy import Engine
    from sqlalchemy.engine import ExceptionContext
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

__all__ = ["ConnectionManager", "PoolStatistics"]

_POLL = 0.005
"""Seconds between two looks at whether all connections are back."""

_STOP_PATIENCE = 5.0
"""Seconds that interrupted statements have to end."""


@dataclass(frozen=True)
class PoolStatistics:
    """What a pool held at one moment, in connections.

    Attributes:
        size: How many it keeps.
        limit: How many may be in use at once, overflow included; -1 where there is no limit.
        in_use: How many are in use.
        idle: How many are open and free.
        waiting: How many tasks wait for one.
    """

    size: int
    limit: int
    in_use: int
    idle: int
    waiting: int


class ConnectionManager:
    """Look after the pool of one engine.

    Args:
        engine: Any engine with a queue pool, such as one of `create_engine`.

    Raises:
        ConfigurationError: ``engine`` is no engine, or its pool keeps no queue.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine_of(engine, type(self).__name__)
        if not isinstance(engine.pool, QueuePool):
            kind = type(engine.pool).__name__
            raise ConfigurationError(f"a ConnectionManager needs an engine with a QueuePool, not a {kind}")

    @asynccontextmanager
    async def acquire(self, timeout: float | None = None) -> AsyncIterator[AsyncConnection]:
        """Lend a connection for the time of an ``async with``.

        It is checked to be open before. Nothing is committed at the end: what was not committed with
        ``await connection.commit()`` is rolled back.

        Args:
            timeout: Seconds to wait for a free one; by default the engine's ``pool_timeout``.

        Raises:
            PoolTimeoutError: None became free in time.
        """
        connection = self._engine.connect()
        try:
            async with asyncio.timeout(timeout) as limit:
                await connection.start()
        except TimeoutError as error:
            if timeout is None or not limit.expired():
                raise
            raise PoolTimeoutError(timeout, self.statistics().limit) from error
        try:
            yield connection
        finally:
            # In a task of its own, so that a cancelled borrower still gives it back.
            await asyncio.shield(kept(asyncio.create_task(connection.close())))

    async def warm_up(self, connections: int | None = None) -> int:
        """Open connections ahead of their first use, and return how many are open and free then.

        Those that are in use count as open.

        Args:
            connections: How many; by default as many as the pool keeps.

        Raises:
            ConfigurationError: More than the pool keeps.
        """
        size = self.statistics().size
        wanted = size if connections is None else connections
        if not 0 <= wanted <= size:
            raise ConfigurationError(f"cannot keep {wanted} connections: the pool keeps {size} (pool_size)")
        opened: list[AsyncConnection] = []
        try:
            for _ in range(wanted - self.statistics().in_use):
                opened.append(await self._engine.connect())
        finally:
            for connection in opened:
                await connection.close()
        return self.statistics().idle

    def statistics(self) -> PoolStatistics:
        """Return what the pool holds at this moment."""
        pool: Any = self._engine.pool
        return PoolStatistics(
            size=pool.size(),
            limit=connection_limit(pool),
            in_use=pool.checkedout(),
            idle=pool.checkedin(),
            waiting=getattr(pool, "waiting", 0),
        )

    async def dispose(self, timeout: float = 10.0) -> None:
        """Wait for running work, then close every connection.

        A DuckDB statement that is not done in time is interrupted and fails with an error that says so;
        nothing of its transaction is written. A connection that its borrower keeps even then is closed when
        it comes back. The engine may be used again.

        Args:
            timeout: Seconds to wait before work is interrupted.
        """
        if not await self._returned(timeout) and hasattr(self._engine.dialect, "connections"):
            with _interruptions_explained(self._engine.sync_engine):
                await self._interrupted(self._engine.dialect.connections)
        await self._engine.dispose()

    async def _returned(self, timeout: float) -> bool:
        clock = asyncio.get_running_loop().time
        deadline = clock() + timeout
        while self.statistics().in_use and clock() < deadline:  # noqa: ASYNC110 # a pool tells no event
            await asyncio.sleep(_POLL)
        return self.statistics().in_use == 0

    async def _interrupted(self, connections: Iterable[Any]) -> None:
        # An interrupt that arrives between two statements is lost, so it is repeated until nothing is in use.
        clock = asyncio.get_running_loop().time
        deadline = clock() + _STOP_PATIENCE
        while self.statistics().in_use and clock() < deadline:
            for connection in tuple(connections):
                connection.raw.stop()
            await asyncio.sleep(_POLL)


@contextmanager
def _interruptions_explained(engine: Engine) -> Iterator[None]:
    # A function of its own for each time, so that two who dispose of one engine do not remove it twice.
    explain = partial(_explained)
    event.listen(engine, "handle_error", explain)
    try:
        yield
    finally:
        event.remove(engine, "handle_error", explain)


def _explained(context: ExceptionContext) -> OperationalError | None:
    wrapped: Any = context.sqlalchemy_exception
    if not isinstance(context.original_exception, duckdb.InterruptException):
        return None
    return OperationalError(
        f"{wrapped.orig}\nThe engine is being disposed of, and this statement was not done in time: nothing "
        "of its transaction is written.",
        wrapped.statement,
        wrapped.params,
        wrapped.orig,
        hide_parameters=wrapped.hide_parameters,
        ismulti=wrapped.ismulti,
    )
