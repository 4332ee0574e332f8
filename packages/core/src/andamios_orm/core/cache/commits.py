"""Tell when a transaction of an engine was committed, and which tables it wrote.

SQLAlchemy has an event before a COMMIT and none after it. The rules:

* Who watches is told after the COMMIT, and before ``commit()`` returns, be it a session's, a connection's or
  one in two phases, which counts as writing everything. Under autocommit it is told after each statement that
  writes.
* It is told too when a COMMIT fails, because what became of it may not be known; and never of a rollback.
* What it awaits then is not cancelled with the task that commits, and what it raises is logged: the data is
  committed, and an error would say that it is not.
* Connections of all engines that ``execution_options()`` made of this one are watched with it, whenever they
  were made. What is sent past SQLAlchemy (``raw_connection()``) is not seen.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import event
from sqlalchemy.util.concurrency import await_

from andamios_orm.core.cache.written import EVERYTHING, effect_of
from andamios_orm.core.tasks import kept

if TYPE_CHECKING:
    from types import TracebackType

    from sqlalchemy import Connection
    from sqlalchemy.engine import Dialect, ExceptionContext, ExecutionContext
    from sqlalchemy.ext.asyncio import AsyncEngine

__all__ = ["CommitWatch", "Transaction"]

_COMMITS = ("do_commit", "do_commit_twophase")
"""The methods of a dialect that commit."""

_logger = logging.getLogger("andamios_orm.core.commits")


class Transaction:
    """What a transaction has done so far.

    Attributes:
        mark: What was made for it when it began; None where that was before anybody watched.
        written: The tables that it wrote, rolled back to a savepoint or not.
        sets: Whether it changed a setting of its connection.
        begins: Whether its statements so far are those of listeners to its beginning.
    """

    def __init__(self, mark: Any, *, begins: bool = False) -> None:
        self.mark = mark
        self.written: set[str] = set()
        self.sets = False
        self.begins = begins


class CommitWatch:
    """Watch the commits of one engine, from `start` to `stop`.

    Args:
        engine: The engine.
        committed: Is told the tables; may return something to await.
        mark: Makes what a transaction is marked with; called before its first statement is sent.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        committed: Callable[[frozenset[str]], Awaitable[object] | None],
        mark: Callable[[], Any],
    ) -> None:
        self._engine = engine.sync_engine
        self._committed = committed
        self._mark = mark
        self._commits: list[set[str]] = []
        self._listeners: dict[str, Callable[..., None]] = {
            "begin": self._begin,
            "begin_twophase": self._begin,
            "before_cursor_execute": self._before,
            "after_cursor_execute": self._after,
            "handle_error": self._error,
        }

    def start(self) -> None:
        """Begin to watch."""
        for name, listener in self._listeners.items():
            event.listen(self._engine, name, listener)
        for name in _COMMITS:
            _told(self._engine.dialect, name).watches.append(self)

    def stop(self) -> None:
        """Watch no longer."""
        for name, listener in self._listeners.items():
            event.remove(self._engine, name, listener)
        for name in _COMMITS:
            _told(self._engine.dialect, name).remove(self)

    def transaction(self, connection: Connection) -> Transaction | None:
        """Return the present transaction of a connection; None where it is not known to have one."""
        found: Transaction | None = connection.info.get(self)
        return found

    def is_committing(self, tables: Collection[str]) -> bool:
        """Tell whether a commit that wrote one of the tables is under way, and may be visible already."""
        return any(EVERYTHING in written or not written.isdisjoint(tables) for written in self._commits)

    @contextmanager
    def observed(self) -> Iterator[set[Transaction]]:
        """Collect the transactions in which this task, or one that it starts inside, sends statements."""
        observation = _Observation(self, set(), _observation.get())
        token = _observation.set(observation)
        try:
            yield observation.seen
        finally:
            _observation.reset(token)

    def enter_commit(self, info: dict[Any, Any]) -> set[str]:
        """Expect the commit of the connection with this ``info``, and return the tables that it wrote."""
        transaction = info.pop(self, None)
        is_known = transaction is not None and transaction.mark is not None
        written: set[str] = transaction.written if is_known else {EVERYTHING}
        self._commits.append(written)
        return written

    def leave_commit(self, written: set[str]) -> None:
        """Tell that it was committed, and go on when what follows has been done."""
        told = self._committed(frozenset(written)) if written else None
        if told is None:
            self._forget(written)
        else:
            await_(_shielded(told, partial(self._forget, written)))

    def _forget(self, written: set[str]) -> None:
        # Two sets with the same tables are two commits.
        self._commits = [other for other in self._commits if other is not written]

    def _begin(self, connection: Connection, xid: Any = None) -> None:
        self._beginning(connection).begins = False

    def _beginning(self, connection: Connection) -> Transaction:
        # An entry that is there may be left from the transaction before.
        present = self.transaction(connection)
        if present is None or not present.begins:
            present = connection.info[self] = Transaction(self._mark(), begins=True)
        return present

    def _present(self, connection: Connection) -> Transaction:
        if not connection.in_transaction():
            return self._beginning(connection)
        present = self.transaction(connection)
        if present is None:
            present = connection.info[self] = Transaction(None)
        return present

    def _before(
        self, connection: Connection, cursor: Any, text: str, parameters: Any, context: Any, multiple: bool
    ) -> None:
        transaction = self._present(connection)
        effect = effect_of(context, text, parameters)
        transaction.written |= effect.tables
        transaction.sets |= effect.sets
        if effect.tables and _is_autocommit(connection):
            self._commits.append(transaction.written)

    def _after(
        self,
        connection: Connection,
        cursor: Any,
        text: str,
        parameters: Any,
        context: ExecutionContext,
        multiple: bool,
    ) -> None:
        transaction = self._present(connection)
        if EVERYTHING in transaction.written and _only_read(connection):
            transaction.written.clear()
        _note(self, transaction)
        self._end_statement(connection, transaction)

    def _error(self, failure: ExceptionContext) -> None:
        # Under autocommit, what a failed or cancelled statement has written stays.
        connection = failure.connection
        if connection is None or connection.closed or connection.invalidated:
            return
        transaction = self.transaction(connection)
        if transaction is not None:
            self._end_statement(connection, transaction)

    def _end_statement(self, connection: Connection, transaction: Transaction) -> None:
        if transaction.written and _is_autocommit(connection):
            written, transaction.written = transaction.written, set()
            self.leave_commit(written)


class _Observation(NamedTuple):
    watch: CommitWatch
    seen: set[Transaction]
    outer: _Observation | None


_observation: ContextVar[_Observation | None] = ContextVar("andamios_orm_observation", default=None)


def _note(watch: CommitWatch, transaction: Transaction) -> None:
    observation = _observation.get()
    while observation is not None:
        if observation.watch is watch:
            observation.seen.add(transaction)
        observation = observation.outer


def _only_read(connection: Connection) -> bool:
    # DuckDB's connection knows more about SQL text than what can be told from its words.
    driver: Any = connection.connection.dbapi_connection
    return getattr(driver, "only_read", False) and not _is_autocommit(connection)


def _is_autocommit(connection: Connection) -> bool:
    dialect: Any = connection.dialect
    return bool(dialect.detect_autocommit_setting(connection.connection.dbapi_connection))


class _Told:
    """Stand in for a method of one dialect that commits, and tell those who watch when it has ended."""

    def __init__(self, dialect: Dialect, name: str) -> None:
        self.watches: list[CommitWatch] = []
        self._dialect = dialect
        self._name = name
        self._commit = getattr(dialect, name)

    def __call__(self, connection: Any, *arguments: Any, **options: Any) -> None:
        with _Ending(self.watches, connection.info):
            self._commit(connection, *arguments, **options)

    def remove(self, watch: CommitWatch) -> None:
        """Forget one that watches, and leave the dialect as it was when none is left."""
        self.watches.remove(watch)
        if not self.watches:
            del vars(self._dialect)[self._name]


def _told(dialect: Dialect, name: str) -> _Told:
    present = vars(dialect).get(name)
    told: _Told = present if isinstance(present, _Told) else _Told(dialect, name)
    vars(dialect)[name] = told
    return told


class _Ending:
    """The time of one commit, at whose end each that watches is told."""

    def __init__(self, watches: list[CommitWatch], info: dict[Any, Any]) -> None:
        self._commits = [(watch, watch.enter_commit(info)) for watch in watches]

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for watch, written in self._commits:
            watch.leave_commit(written)


async def _shielded(told: Awaitable[object], done: Callable[[], None]) -> None:
    await asyncio.shield(kept(asyncio.create_task(_finished(told, done))))


async def _finished(told: Awaitable[object], done: Callable[[], None]) -> None:
    try:
        await told
    except Exception:
        _logger.exception("what followed a commit failed")
    finally:
        done()
