"""Tell of what happens to the statements and the connections of an engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy.util.concurrency import await_

from andamios_orm.core.events.handlers import Handlers, Told, call, schedule, tell
from andamios_orm.core.events.listeners import listen
from andamios_orm.core.events.types import (
    AfterExecute,
    BeforeExecute,
    ConnectionAcquired,
    ConnectionClosed,
    ConnectionEvent,
    ConnectionOpened,
    ConnectionReleased,
)
from andamios_orm.core.observability.observation import Execution, StatementObserver
from andamios_orm.core.undisturbed import make_undisturbed

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.ext.asyncio import AsyncEngine
    from sqlalchemy.pool import ConnectionPoolEntry

__all__ = ["ConnectionSource", "StatementSource"]


class StatementSource:
    """Tell of the statements of an engine.

    Args:
        engine: The engine.
        handlers: Who is told.
    """

    def __init__(self, engine: AsyncEngine, handlers: Handlers) -> None:
        self._engine = engine
        self._handlers = handlers
        self._stops: list[Callable[[], None]] = []

    def start(self) -> None:
        """Begin to tell."""
        engine = self._engine.sync_engine
        make_undisturbed(engine, "before_cursor_execute")
        make_undisturbed(engine, "after_cursor_execute")
        make_undisturbed(engine.dialect, "handle_error")
        # In this order, so that what handlers do before is not measured.
        stop = listen(engine, "before_cursor_execute", self._before)
        self._stops = [stop, StatementObserver(self._engine, self._finished).close]

    def stop(self) -> None:
        """Tell no longer."""
        for stop in self._stops:
            stop()

    def _before(
        self, connection: Connection, cursor: Any, text: str, parameters: Any, context: Any, multiple: bool
    ) -> None:
        entries = self._handlers.of(BeforeExecute)
        if entries:
            await_(call(entries, BeforeExecute(text, parameters)))

    def _finished(self, execution: Execution) -> None:
        event = AfterExecute(
            execution.text, execution.parameters, execution.seconds, execution.rows, execution.error
        )
        tell((self._handlers.of(AfterExecute), event))


class ConnectionSource:
    """Tell of the connections of an engine.

    Args:
        engine: The engine; when it is disposed of, its next pool is listened to.
        handlers: Who is told.
    """

    def __init__(self, engine: AsyncEngine, handlers: Handlers) -> None:
        self._engine = engine.sync_engine
        self._handlers = handlers
        self._listeners: dict[str, Callable[..., None]] = {
            "connect": self._opened,
            "checkout": self._lent,
            "checkin": self._returned,
            "detach": self._returned,
            "close": self._closed,
            "close_detached": self._closed,
        }
        self._stops: list[Callable[[], None]] = []

    def start(self) -> None:
        """Begin to tell."""
        self._make_undisturbed(self._engine)
        self._stops = [listen(self._engine, "engine_disposed", self._make_undisturbed)]
        # On the pool, because the pool that follows it takes over its listeners.
        self._stops += [listen(self._engine.pool, *listener) for listener in self._listeners.items()]

    def stop(self) -> None:
        """Tell no longer."""
        for stop in self._stops:
            stop()

    def _make_undisturbed(self, engine: Engine) -> None:
        for name in self._listeners:
            make_undisturbed(engine.pool, name)

    def _opened(self, connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        # Told when it is lent, because SQLAlchemy opens the first connection under a lock.
        record.info[_FRESH] = True

    def _lent(self, connection: DBAPIConnection, record: ConnectionPoolEntry, proxy: Any) -> None:
        fresh = record.info.pop(_FRESH, False)
        kinds = (ConnectionOpened, ConnectionAcquired) if fresh else (ConnectionAcquired,)
        tell(*(self._told(kind, record) for kind in kinds))

    # These two do not wait: if they were cancelled meanwhile, the connection would not go back to the pool.

    def _returned(self, connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        schedule(self._told(ConnectionReleased, record))

    def _closed(self, connection: DBAPIConnection, record: ConnectionPoolEntry | None = None) -> None:
        schedule(self._told(ConnectionClosed, record))

    def _told(self, kind: type[ConnectionEvent], record: ConnectionPoolEntry | None) -> Told:
        event = kind({}, None) if record is None else kind(record.info, record.driver_connection)
        return self._handlers.of(kind), event


_FRESH = "_andamios_fresh"
"""In the ``info`` of a connection: that it was never lent."""
