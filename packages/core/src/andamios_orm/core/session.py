"""Sessions: SQLAlchemy's, with columnar ways in and out, and one that is current for its task."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import duckdb
from sqlalchemy.ext.asyncio import AsyncSession as SQLAlchemyAsyncSession
from sqlalchemy.util.concurrency import greenlet_spawn

from andamios_orm.core.errors import (
    ConfigurationError,
    NoCurrentSessionError,
    NotSupportedError,
    SavepointNotSupportedError,
)
from andamios_orm.core.rows import Name, insert_rows, table_of
from andamios_orm.core.unit_of_work import EndCallback, UnitOfWork

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Sequence
    from types import TracebackType

    import pyarrow as pa
    from sqlalchemy import ClauseElement, Connection, Executable, Table
    from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSessionTransaction
    from sqlalchemy.orm import Session

__all__ = ["AsyncSession", "SessionManager", "current_session"]


_MANAGED = "andamios_orm.core.session.managed"
"""Where a session keeps that a manager commits it."""

_READ_ONLY: dict[str, dict[str, Any]] = {
    "duckdb": {"isolation_level": "READ ONLY"},
    "postgresql": {"postgresql_readonly": True},
}
"""The execution options for transactions that the engine keeps from writing, where SQLAlchemy has some."""


class AsyncSession(SQLAlchemyAsyncSession):
    """SQLAlchemy's session, whose objects stay usable after a commit (``expire_on_commit=False``).

    Args:
        bind: The engine.
        expire_on_commit: Whether a commit makes objects load themselves anew.
        read_only: Whether the engine is to refuse writes.
        statement_timeout: Seconds that each statement may take, on DuckDB; the execution option of the same
            name says so for one statement.
        options: SQLAlchemy's own.

    Raises:
        ConfigurationError: A read-only session has no engine.
    """

    sync_session_class = UnitOfWork

    def __init__(
        self,
        bind: Any = None,
        *,
        expire_on_commit: bool = False,
        read_only: bool = False,
        statement_timeout: float | None = None,
        **options: Any,
    ) -> None:
        ours: dict[str, Any] = _read_only_options(bind) if read_only else {}
        if statement_timeout is not None:
            ours["statement_timeout"] = statement_timeout
        if ours:
            options["execution_options"] = {**options.get("execution_options", {}), **ours}
        super().__init__(bind, expire_on_commit=expire_on_commit, **options)
        self._read_only = read_only

    @property
    def read_only(self) -> bool:
        """Whether the engine refuses writes."""
        return self._read_only

    @property
    def is_managed(self) -> bool:
        """Whether a `SessionManager` has opened it, which commits it at its end."""
        return _MANAGED in self.info

    def on_commit(self, callback: EndCallback) -> None:
        """Call back once after the present transaction was committed; never when it was rolled back.

        Inside of a savepoint, a rollback to it forgets the callback. What a callback raises is logged,
        because the data is committed. A callback that needs a database opens a session of its own.

        Args:
            callback: A function without arguments, or a coroutine function.
        """
        self._unit_of_work.call_at_end(callback, for_commit=True)

    def on_rollback(self, callback: EndCallback) -> None:
        """Call back once after the present transaction, or savepoint, was rolled back or closed uncommitted.

        Args:
            callback: A function without arguments, or a coroutine function; what it raises is logged.
        """
        self._unit_of_work.call_at_end(callback, for_commit=False)

    @property
    def _unit_of_work(self) -> UnitOfWork:
        return cast("UnitOfWork", self.sync_session)

    async def bulk_insert(
        self, target: type[Any] | Table, rows: Iterable[Any], *, columns: Sequence[Name] | None = None
    ) -> int:
        """Write many rows the columnar way, in the session's transaction: all or none.

        Pending objects are flushed first. The rows do not become objects of the session, and no generated key
        is returned; columns that are left out get their defaults. Types convert the values on a worker
        thread, in a copy of the task's context, so leave the rows as they are until this returns. A function
        that is a default is called on the event loop.

        Args:
            target: A mapped class, whose attribute names the rows use, or a table.
            rows: Dicts, all with the same keys; or tuples, in the order of ``columns``; or instances of the
                class.
            columns: For tuples, what their values are: names, or attributes of the class (``Model.name``); by
                default all columns in the order of the table.

        Returns:
            How many rows were written.

        Raises:
            ConfigurationError: A row has an unknown or a missing name, or the wrong number of values; nothing
                was sent.
            DataError: A value does not fit its column; ``row`` and ``column`` of the error tell which.
            IntegrityError: A constraint refuses a row.
        """
        await self.flush()
        connection = await self.connection(bind_arguments={"clause": table_of(target)})
        return await connection.run_sync(insert_rows, target, rows, columns)

    async def arrow(self, statement: Executable) -> pa.Table:
        """Run a query in the session's transaction and return its rows as a ``pyarrow.Table``.

        No Python object is made for a value. So values are the engine's: conversions that SQLAlchemy's types
        make in Python are left out. The session's ``do_orm_execute`` events do not see the query, so criteria
        that they add are not applied.

        Raises:
            ConfigurationError: pyarrow is not installed.
            NotSupportedError: The backend is not DuckDB.
            ProgrammingError: The statement gives no rows, or is wrong.
        """
        result = await self._executed_for_arrow(statement, {"arrow_result": True})
        return result.context.cursor.table

    async def arrow_batches(
        self, statement: Executable, size: int = 100_000
    ) -> AsyncGenerator[pa.RecordBatch, None]:
        """Run a query as `arrow` does, and give its rows in batches, each read when it is asked for.

        All of them are of one snapshot. Memory holds one at a time, unless the session executes something
        else meanwhile: then the rest is read into memory first.

        Args:
            statement: The query.
            size: Rows of a batch at most.

        Raises:
            ConfigurationError: pyarrow is not installed, or ``size`` is less than 1.
            NotSupportedError: The backend is not DuckDB.
            ProgrammingError: The statement gives no rows, or is wrong.
        """
        if not isinstance(size, int) or size < 1:
            raise ConfigurationError(f"a batch has at least one row: size={size!r}")
        result = await self._executed_for_arrow(statement, {"arrow_batches": size})
        cursor = result.context.cursor
        try:
            while (batch := await greenlet_spawn(_next_batch, result)) is not None:
                yield batch
        finally:
            cursor.give_up()

    async def _executed_for_arrow(self, statement: Executable, options: dict[str, Any]) -> Any:
        _require_pyarrow()
        _require_duckdb(self.get_bind(clause=cast("ClauseElement", statement)).dialect.name)
        if self.sync_session.autoflush:
            await self.flush()
        # On the connection, because a session would make objects of the rows.
        connection = await self.connection(bind_arguments={"clause": statement})
        return await connection.execute(statement, execution_options=options)

    def begin_nested(self) -> AsyncSessionTransaction:
        """Begin a savepoint, on a backend that has them.

        Raises:
            SavepointNotSupportedError: The backend is DuckDB; nothing was sent.
        """
        if self.bind is not None and self.bind.dialect.name == "duckdb":
            raise SavepointNotSupportedError("duckdb")
        return super().begin_nested()

    async def __aexit__(self, kind: Any, error: Any, traceback: Any) -> None:
        # SQLAlchemy closes in a task of its own, so that a cancellation cannot come in between. Where
        # nothing has to be waited for, none can, and the task would cost more than the rest.
        if _waits_to_close(self.sync_session):
            await super().__aexit__(kind, error, traceback)
        else:
            await greenlet_spawn(self.sync_session.close)


def _waits_to_close(session: Session) -> bool:
    transaction = session.get_transaction()
    if transaction is None:
        return False
    return any(_has_written(connection) for connection, *_ in transaction._connections.values())


def _has_written(connection: Connection) -> bool:
    # A connection that cannot be asked, or whose driver does not tell, counts as one that has written.
    if connection.invalidated or connection.closed:
        return True
    return not getattr(connection.connection.dbapi_connection, "only_read", False)


class SessionManager:
    """Open a session for the time of an ``async with``.

    It commits when the block succeeds, rolls back when it fails or is cancelled, and closes in any case.

    Inside, the session is the current one of its task (`current_session`). A manager may be used again after
    its end, not inside of itself.

    Args:
        engine: The engine.
        options: Options of `AsyncSession`.
    """

    def __init__(self, engine: AsyncEngine, **options: Any) -> None:
        self._engine = engine
        self._options = options
        self._open: list[tuple[_Current, _Current | None]] = []

    async def __aenter__(self) -> AsyncSession:
        if self._open:
            raise ConfigurationError("this SessionManager is in use: make one for each `async with`")
        session = AsyncSession(self._engine, **self._options)
        session.info[_MANAGED] = True
        current = _Current(session, asyncio.current_task())
        self._open.append((current, _current.get()))
        _current.set(current)
        return current.session

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        current, outer = self._open.pop()
        # A fixture may be left in another context than it was entered in, where another session may be
        # current.
        if _current.get() is current:
            _current.set(outer)
        async with current.session as session:
            if error is None:
                await session.commit()


class _Current(NamedTuple):
    session: AsyncSession
    task: asyncio.Task[Any] | None


_current: ContextVar[_Current | None] = ContextVar("andamios_orm_current_session", default=None)


def current_session() -> AsyncSession:
    """Return the session of the innermost `SessionManager` that this task is inside of.

    Raises:
        NoCurrentSessionError: There is none, or it belongs to the task that started this one: a session
            serves one task.
    """
    current = _current.get()
    if current is None or current.task is not _running_task():
        raise NoCurrentSessionError
    return current.session


def _running_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        # A thread without a loop, such as one of asyncio.to_thread, which inherits the context.
        return None


def _read_only_options(bind: Any) -> dict[str, Any]:
    if bind is None:
        raise ConfigurationError("a read-only session needs its engine: AsyncSession(engine, read_only=True)")
    return _READ_ONLY.get(bind.dialect.name, {"read_only": True})


def _next_batch(result: Any) -> pa.RecordBatch | None:
    cursor = result.context.cursor
    try:
        return cursor.next_batch()
    except duckdb.Error as error:
        return result.connection._handle_dbapi_exception(error, None, None, cursor, result.context)


def _require_pyarrow() -> None:
    if find_spec("pyarrow") is None:
        raise ConfigurationError('Arrow results need pyarrow: pip install "andamios-orm-core[arrow]"')


def _require_duckdb(backend: str) -> None:
    if backend != "duckdb":
        raise NotSupportedError.of(backend, "arrow()", "read rows, and build the table from them")
