"""Tell of the transactions of an engine.

SQLAlchemy tells before a COMMIT and before a ROLLBACK, not after them. So what a transaction has come to is
told when its connection goes back to the pool or begins the next one. A connection that belongs to a session
leaves it to the session, which has given it back by then.

A transaction is known from its beginning: of one that had begun before anybody listened nothing is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from weakref import ref

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, async_session
from sqlalchemy.util.concurrency import await_, greenlet_spawn, in_greenlet

from andamios_orm.core.events.handlers import (
    Handlers,
    Told,
    call,
    call_finally,
    call_shielded,
    known_handlers,
    schedule,
)
from andamios_orm.core.events.listeners import SharedListeners, listen
from andamios_orm.core.events.types import AfterCommit, AfterRollback, BeforeCommit, TransactionBegin
from andamios_orm.core.undisturbed import make_undisturbed
from andamios_orm.core.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import ExceptionContext
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.orm import Session, SessionTransaction
    from sqlalchemy.pool import ConnectionPoolEntry

    from andamios_orm.core.session import AsyncSession

__all__ = ["TransactionSource"]

_TRANSACTION = "_andamios_transaction"
"""In the ``info`` of a connection: its `_Transaction`."""

_ENDED = "_andamios_ended"
"""In the ``info`` of a session: what is to be told when its transaction has ended."""

_TELLING = "_andamios_telling"
"""In the ``info`` of a session: the task that tells it."""

_ANNOUNCED = "_andamios_announced"
"""In the ``info`` of a session: that `BeforeCommit` was told of its transaction."""


@dataclass
class _Transaction:
    session: ref[Session] | None = None
    """That of the session which the connection belongs to."""
    committed: bool = False

    @property
    def is_announced(self) -> bool:
        session = None if self.session is None else self.session()
        return session is not None and _ANNOUNCED in session.info


class TransactionSource:
    """Tell of the transactions of an engine.

    Args:
        engine: The engine.
        handlers: Who is told.
    """

    def __init__(self, engine: AsyncEngine, handlers: Handlers) -> None:
        self._engine = engine.sync_engine
        self._handlers = handlers
        self._stops: list[Callable[[], None]] = []

    def start(self) -> None:
        """Begin to tell."""
        listeners: dict[str, Callable[..., None]] = {
            "begin": self._begin,
            "begin_twophase": self._begin,
            "commit": self._commit,
            "commit_twophase": self._commit,
            "engine_disposed": self._make_undisturbed,
        }
        for name in listeners:
            make_undisturbed(self._engine, name)
        self._make_undisturbed(self._engine)
        self._stops = [listen(self._engine, name, listener) for name, listener in listeners.items()]
        self._stops += [
            # SQLAlchemy keeps a dialect with its compiled statements, so it must not keep the engine.
            listen(self._engine.dialect, "handle_error", _failed),
            listen(self._engine.pool, "checkin", self._released),
        ]
        _SESSIONS.start(self._handlers)
        _ENDS.start(self._handlers)

    def stop(self) -> None:
        """Tell no longer."""
        for stop in self._stops:
            stop()
        _SESSIONS.stop(self._handlers)
        _ENDS.stop(self._handlers)

    def _make_undisturbed(self, engine: Engine) -> None:
        make_undisturbed(engine.pool, "checkin")

    def _begin(self, connection: Connection, xid: Any = None) -> None:
        await_(self._begun(connection, connection.info.pop(_TRANSACTION, None)))

    async def _begun(self, connection: Connection, previous: _Transaction | None) -> None:
        try:
            if previous is not None:
                await call_shielded(self._end_of(previous))
            entries = self._handlers.of(TransactionBegin)
            if entries:
                await call(entries, TransactionBegin(_async_connection(connection)))
        except BaseException:
            # SQLAlchemy would think for ever that the connection begins, and never commit anything on it.
            vars(connection)["_Connection__in_begin"] = False
            if not connection.invalidated:
                # Handlers before may have sent something.
                await greenlet_spawn(connection.dialect.do_rollback, connection.connection)
            raise
        connection.info[_TRANSACTION] = _Transaction()

    def _commit(self, connection: Connection, xid: Any = None, is_prepared: bool = False) -> None:
        transaction = connection.info.get(_TRANSACTION)
        if transaction is not None:
            await_(self._committing(connection, transaction))

    async def _committing(self, connection: Connection, transaction: _Transaction) -> None:
        entries = self._handlers.of(BeforeCommit)
        if entries and not transaction.is_announced:
            await call(entries, BeforeCommit(None, _async_connection(connection)))
        transaction.committed = True

    def _released(self, connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        transaction = record.info.pop(_TRANSACTION, None)
        if transaction is None:
            return
        told = self._end_of(transaction)
        session = None if transaction.session is None else transaction.session()
        if session is not None:
            session.info.setdefault(_ENDED, []).append(told)
        elif in_greenlet():
            await_(call_finally(told))
        else:
            schedule(told)

    def _end_of(self, transaction: _Transaction) -> Told:
        session = None if transaction.session is None else transaction.session()
        kind = AfterCommit if transaction.committed else AfterRollback
        return self._handlers.of(kind), kind(None if session is None else _async_session(session))


def _failed(context: ExceptionContext) -> None:
    connection = context.connection
    if context.statement is not None or connection is None or connection.invalidated:
        return
    transaction = connection.info.get(_TRANSACTION)
    if transaction is not None and transaction.committed:
        transaction.committed = False
        if context.is_disconnect:
            # It was cancelled, or has lost its connection: nobody knows its outcome.
            del connection.info[_TRANSACTION]


def _async_connection(connection: Connection) -> AsyncConnection:
    # As SQLAlchemy itself does in AsyncSession.connection().
    return AsyncConnection._retrieve_proxy_for_target(connection)


def _async_session(session: Session) -> AsyncSession:
    # A UnitOfWork is the inside of an AsyncSession.
    return cast("AsyncSession", async_session(session))


def _session_begun(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
    known = connection.info.get(_TRANSACTION)
    # A connection that was given to the session is committed by whoever gave it.
    *_, is_own = transaction._connections[connection]
    if known is not None and is_own:
        known.session = ref(session)


def _session_commits(session: Session) -> None:
    if not session.in_nested_transaction():
        await_(_session_committing(session))


async def _session_committing(session: Session) -> None:
    ours = _async_session(session)
    session.info[_ANNOUNCED] = True
    for bind in dict.fromkeys((ours.bind, *ours.binds.values())):
        handlers = known_handlers(bind.sync_engine) if isinstance(bind, AsyncEngine) else None
        if handlers is not None:
            await call(handlers.of(BeforeCommit), BeforeCommit(ours, None))


def _session_ended(session: Session, transaction: SessionTransaction) -> None:
    # Before any other listener, one of which may be cancelled while it waits.
    if transaction.parent is None:
        session.info.pop(_ANNOUNCED, None)
        told = session.info.pop(_ENDED, ())
        session.info[_TELLING] = schedule(*told)


def _session_has_ended(session: Session, transaction: SessionTransaction) -> None:
    _SESSIONS.rest()
    _ENDS.rest()
    task = session.info.pop(_TELLING, None)
    if task is not None and in_greenlet():
        await_(_waited(task))


async def _waited(task: asyncio.Task[None]) -> None:
    # The task goes on when the waiting is cancelled.
    await asyncio.wait([task])


_SESSIONS = SharedListeners(
    (UnitOfWork, "after_begin", _session_begun),
    (UnitOfWork, "before_commit", _session_commits),
    (UnitOfWork, "after_transaction_end", _session_has_ended),
)

_ENDS = SharedListeners((UnitOfWork, "after_transaction_end", _session_ended), insert=True)
