"""Observe an engine: what its statements are and how long they take, and how long its pool takes to lend.

Nothing of it costs anything before the first observer of an engine is made, nor after the last one is closed.
An observer hears of a statement when it has ended, on the event loop and inside of the task that sent it.
"""

from __future__ import annotations

from pathlib import PurePath
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import event

from andamios_orm.core.dialect.bulk import BulkRows
from andamios_orm.core.observability.statements import Statement, executed

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine, Pool, PoolProxiedConnection
    from sqlalchemy.engine import ExceptionContext, ExecutionContext
    from sqlalchemy.ext.asyncio import AsyncEngine

__all__ = ["AcquisitionObserver", "Execution", "StatementObserver", "database_name"]

_MEMORY = ":memory:"
_FILES = ("duckdb", "sqlite")
"""Backends whose databases are files."""


def database_name(engine: AsyncEngine) -> str:
    """Return what to call an engine's database: its file's name without suffix, or what the server does."""
    name = engine.url.database
    if engine.dialect.name not in _FILES:
        return name or engine.dialect.name
    name = name or _MEMORY
    return "memory" if name.startswith(_MEMORY) else PurePath(name).stem


class Execution(NamedTuple):
    """One statement that has ended."""

    statement: Statement
    text: str
    parameters: Any
    batch: int | None
    """How many sets of parameters were sent, where several were asked for."""
    seconds: float
    rows: int | None
    """How many rows it gave or touched; None where that is not known."""
    error: BaseException | None
    """What it failed with: the error of our tree, or a CancelledError."""


class StatementObserver:
    """Hear of every statement that an engine has executed.

    Args:
        engine: The engine.
        finished: Is told of each; must not raise, nor block.
        failed: Is told of each error, of the commit and of a connection attempt too.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        finished: Callable[[Execution], None],
        failed: Callable[[BaseException], None] | None = None,
    ) -> None:
        self._finished = finished
        self._failed = failed
        self._started = f"_andamios_started_{id(self)}"
        self._listeners: dict[str, Callable[..., Any]] = {
            "before_cursor_execute": self._before,
            "after_cursor_execute": self._after,
            "handle_error": self._error,
        }
        self._engine = engine.sync_engine
        for name, listener in self._listeners.items():
            event.listen(self._engine, name, listener, retval=name == "before_cursor_execute")

    def close(self) -> None:
        """Stop; a second call does nothing."""
        listeners, self._listeners = self._listeners, {}
        for name, listener in listeners.items():
            event.remove(self._engine, name, listener)

    def _before(
        self, connection: Connection, cursor: Any, text: str, parameters: Any, context: Any, multiple: bool
    ) -> tuple[str, Any]:
        setattr(context, self._started, perf_counter())
        return text, parameters

    def _after(
        self, connection: Connection, cursor: Any, text: str, parameters: Any, context: Any, multiple: bool
    ) -> None:
        rows = cursor.rowcount
        self._tell(context, text, parameters, rows if rows >= 0 else None, None)

    def _error(self, failure: ExceptionContext) -> None:
        # The listener that translates errors was there first, and has put the error of our tree here.
        translated = getattr(failure, "chained_exception", None)
        error = translated or failure.sqlalchemy_exception or failure.original_exception
        if failure.execution_context is not None:
            self._tell(failure.execution_context, str(failure.statement), failure.parameters, None, error)
        if self._failed is not None:
            self._failed(error)

    def _tell(
        self,
        context: ExecutionContext,
        text: str,
        parameters: Any,
        rows: int | None,
        error: BaseException | None,
    ) -> None:
        # A statement that has ended may fail again, while its rows are read: it is told of once.
        started = vars(context).pop(self._started, None)
        if started is not None:
            seconds = perf_counter() - started
            statement = executed(context, text, parameters)
            batch = _batch(context, parameters)
            self._finished(Execution(statement, text, parameters, batch, seconds, rows, error))


def _batch(context: ExecutionContext, parameters: Any) -> int | None:
    if isinstance(parameters, BulkRows):
        return len(parameters)
    return len(parameters) if context.executemany and isinstance(parameters, list) else None


class AcquisitionObserver:
    """Hear of every connection that an engine's pool was asked for.

    Args:
        engine: The engine; when it is disposed of, its next pool is observed.
        ended: Is told how many seconds it took, and the error where there was none to be had.
    """

    def __init__(self, engine: AsyncEngine, ended: Callable[[float, BaseException | None], None]) -> None:
        self._engine = engine.sync_engine
        self._ended = ended
        self._watched: _TimedConnect | None = None
        self._attach(self._engine)
        event.listen(self._engine, "engine_disposed", self._attach)

    def close(self) -> None:
        """Stop; a second call does nothing."""
        if self._watched is not None:
            event.remove(self._engine, "engine_disposed", self._attach)
            self._detach(self._watched)
            self._watched = None

    def _attach(self, engine: Engine) -> None:
        # SQLAlchemy has an event for the end of an acquisition and none for its beginning.
        pool: Any = engine.pool
        connect = vars(pool).setdefault("connect", _TimedConnect(pool))
        connect.observers += (self._ended,)
        self._watched = connect

    def _detach(self, connect: _TimedConnect) -> None:
        connect.observers = tuple(other for other in connect.observers if other is not self._ended)
        if not connect.observers:
            vars(connect.pool).pop("connect", None)


class _TimedConnect:
    """Stand in for the ``connect`` of one pool, and tell those who observe how long it takes."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.observers: tuple[Callable[[float, BaseException | None], None], ...] = ()
        self._connect = type(pool).connect

    def __call__(self) -> PoolProxiedConnection:
        started = perf_counter()
        error: BaseException | None = None
        try:
            return self._connect(self.pool)
        except BaseException as raised:
            error = raised
            raise
        finally:
            self._tell(perf_counter() - started, error)

    def _tell(self, seconds: float, error: BaseException | None) -> None:
        for ended in self.observers:
            ended(seconds, error)
