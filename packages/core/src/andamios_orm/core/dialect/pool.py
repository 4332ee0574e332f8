"""Pool connections, count who waits for one, and say so when none becomes free."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import exc
from sqlalchemy.pool import AsyncAdaptedQueuePool, QueuePool

from andamios_orm.core.errors import ConfigurationError, PoolTimeoutError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.pool.base import ConnectionPoolEntry

__all__ = ["ConnectionPool", "connection_limit"]


def connection_limit(pool: QueuePool) -> int:
    """Return how many connections may be in use at once, overflow included; -1 where there is no limit."""
    # SQLAlchemy tells how many are open beyond the size, and not how many may be.
    overflow = pool._max_overflow
    return -1 if overflow == -1 else pool.size() + overflow


class ConnectionPool(AsyncAdaptedQueuePool):
    """SQLAlchemy's pool for asyncio, with an error of our tree when its limit is reached.

    Args:
        creator: Opens a connection.
        max_waiting: How many tasks may wait for a connection at once; one more is refused without waiting.
            None for no limit.
        options: SQLAlchemy's own.

    Attributes:
        waiting: How many tasks wait for a connection at present.
    """

    waiting = 0
    _disposed = False

    # SQLAlchemy's create_engine finds the names of options among positional parameters only.
    def __init__(self, creator: Any, max_waiting: int | None = None, **options: Any) -> None:
        if max_waiting is not None and max_waiting < 0:
            raise ConfigurationError(f"max_waiting is a number of tasks, not {max_waiting}")
        super().__init__(creator, **options)
        self._max_waiting = max_waiting

    def recreate(self) -> ConnectionPool:
        """Return a pool like this one, without its connections."""
        fresh: Any = super().recreate()
        fresh._max_waiting = self._max_waiting
        return cast("ConnectionPool", fresh)

    def dispose(self) -> None:
        """Close the connections that are free, and those in use as soon as they come back."""
        self._disposed = True
        super().dispose()

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        connection: Any = record.dbapi_connection
        if hasattr(connection, "give_back"):
            # SQLAlchemy takes a transaction for ended when a listener to its commit has raised.
            connection.give_back()
        super()._do_return_conn(record)
        if self._disposed and not self.waiting:
            super().dispose()

    def _do_get(self) -> ConnectionPoolEntry:
        if not self._exhausted():
            return _open(super()._do_get())
        with self._queued():
            return _open(super()._do_get())

    def _exhausted(self) -> bool:
        limit = connection_limit(self)
        return limit != -1 and self.checkedin() == 0 and self.size() + self.overflow() >= limit

    @contextmanager
    def _queued(self) -> Iterator[None]:
        if self._max_waiting is not None and self.waiting >= self._max_waiting:
            raise PoolTimeoutError(0.0, connection_limit(self), self.waiting)
        self.waiting += 1
        try:
            yield
        except exc.TimeoutError as error:
            raise PoolTimeoutError(float(self.timeout()), connection_limit(self)) from error
        finally:
            self.waiting -= 1


def _open(record: ConnectionPoolEntry) -> ConnectionPoolEntry:
    # Between a connection and DuckDB lies no network: whether it is open is known without asking.
    raw: Any = getattr(record.dbapi_connection, "raw", None)
    if raw is not None and raw.closed:
        record.invalidate()
    return record
