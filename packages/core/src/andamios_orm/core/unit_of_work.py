"""The synchronous session inside of `AsyncSession`, and the callbacks for the end of its transactions.

SQLAlchemy runs it in a greenlet, so that listeners to its events may await. It can be asked whether it is
flushing, and which connections it uses; and others may have a say in which of its objects are found by a key.
The rules of the callbacks:

* Each belongs to the transaction, or the savepoint, in which it was registered, and runs at most once:
  after the commit or after the rollback, whichever it is for. Those of a released savepoint pass to what
  encloses it.
* They run when the transaction is over and before ``commit()`` or ``rollback()`` returns, one after the
  other, in a task of their own: whoever is cancelled while they run does not cancel them.
* What they raise is logged. The transaction is over, and an error would say that it is not.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary, ref

from sqlalchemy import Connection, event
from sqlalchemy.orm import Session, SessionTransaction
from sqlalchemy.orm.base import LoaderCallableStatus
from sqlalchemy.util.concurrency import await_

from andamios_orm.core.tasks import kept
from andamios_orm.core.undisturbed import make_undisturbed_class

__all__ = [
    "EndCallback",
    "IdentityFilter",
    "UnitOfWork",
    "connections_of",
    "filter_identities",
    "is_flushing",
]

EndCallback = Callable[[], Awaitable[object] | object]
"""Runs when a transaction has ended; may be a coroutine function."""

IdentityFilter = Callable[[Any, Mapping[str, Any]], bool | None]
"""Says whether an object that a session holds is what a question for its key should find.

It gets the object, and the execution options of the question. True finds it; False finds nothing, and does
not ask the database either; None asks the database.
"""

_logger = logging.getLogger("andamios_orm.core.transactions")


@dataclass
class _Registered:
    callback: EndCallback
    for_commit: bool
    savepoint: SessionTransaction | None


class UnitOfWork(Session):
    """SQLAlchemy's session, which calls back when its transactions have ended."""

    def __init__(self, bind: Any = None, **options: Any) -> None:
        super().__init__(bind, **options)
        self._registered: list[_Registered] = []
        self._committed: SessionTransaction | None = None

    def call_at_end(self, callback: EndCallback, *, for_commit: bool) -> None:
        """Call back once when the present transaction was committed, or else when it was rolled back."""
        # The transaction begins now. Otherwise a rollback would have nothing to end, and the callback would
        # stay registered for the next transaction.
        self._autobegin_t()
        self._registered.append(_Registered(callback, for_commit, self.get_nested_transaction()))

    def _identity_lookup(self, *key: Any, **question: Any) -> Any:
        # SQLAlchemy calls this method to look into the identity map; its documentation expects overrides.
        found = super()._identity_lookup(*key, **question)
        if not _identity_filters or found is None or isinstance(found, LoaderCallableStatus):
            return found
        options = {**self.execution_options, **question.get("execution_options", {})}
        return _filtered(found, options)

    def _note_commit(self) -> None:
        self._committed = self.get_nested_transaction() or self.get_transaction()

    def _end(self, transaction: SessionTransaction) -> None:
        if not self._registered or not (transaction.nested or transaction.parent is None):
            return
        savepoint = transaction if transaction.nested else None
        ended = [entry for entry in self._registered if entry.savepoint is savepoint]
        committed = self._committed is transaction
        if savepoint is not None and committed:
            for entry in ended:
                entry.savepoint = self.get_nested_transaction()
            return
        self._registered = [entry for entry in self._registered if entry.savepoint is not savepoint]
        callbacks = [entry.callback for entry in ended if entry.for_commit == committed]
        if callbacks:
            await_(_call_all(callbacks))


for _name in (
    "after_begin",
    "after_flush_postexec",
    "after_transaction_end",
    "before_commit",
    "before_flush",
    "do_orm_execute",
    "loaded_as_persistent",
):
    make_undisturbed_class(UnitOfWork, _name)


_identity_filters: list[IdentityFilter] = []
_sessions: WeakKeyDictionary[Connection, ref[Session]] = WeakKeyDictionary()


def filter_identities(accepts: IdentityFilter) -> None:
    """Ask ``accepts`` from now on, in all sessions, before an object is found in a session by its key.

    That is what ``session.get()`` and many-to-one relationships do. An object that any filter refuses is not
    found.
    """
    _identity_filters.append(accepts)


def _filtered(found: Any, options: Mapping[str, Any]) -> Any:
    answers = [accepts(found, options) for accepts in _identity_filters]
    if False in answers:
        return LoaderCallableStatus.PASSIVE_CLASS_MISMATCH
    return None if None in answers else found


def is_flushing(connection: Connection) -> bool:
    """Tell whether the session that uses a connection is flushing its objects."""
    known = _sessions.get(connection)
    session = None if known is None else known()
    return session is not None and session._flushing


def connections_of(session: Session) -> list[Connection]:
    """Return the connections of a session's present transaction; none where none has begun."""
    transaction: Any = session.get_transaction()
    if transaction is None:
        return []
    # SQLAlchemy lists each connection twice: under itself and under its engine.
    return list(dict.fromkeys(connection for connection, *_ in transaction._connections.values()))


async def _call_all(callbacks: list[EndCallback]) -> None:
    await asyncio.shield(kept(asyncio.create_task(_called(callbacks))))


async def _called(callbacks: list[EndCallback]) -> None:
    for callback in callbacks:
        try:
            outcome = callback()
            if inspect.isawaitable(outcome):
                await outcome
        except Exception:
            _logger.exception("a callback after the end of a transaction failed: %r", callback)


@event.listens_for(UnitOfWork, "after_begin")
def _begun(session: UnitOfWork, transaction: SessionTransaction, connection: Connection) -> None:
    _sessions[connection] = ref(session)


@event.listens_for(UnitOfWork, "after_commit")
def _committed(session: UnitOfWork) -> None:
    session._note_commit()


@event.listens_for(UnitOfWork, "after_transaction_end")
def _ended(session: UnitOfWork, transaction: SessionTransaction) -> None:
    session._end(transaction)
