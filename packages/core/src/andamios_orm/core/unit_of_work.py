"""The synchronous session inside of `AsyncSession`, and the callbacks for the end of its transactions.

SQLAlchemy runs it in a greenlet, so that listeners to its events may await. The rules of the callbacks:

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
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction
from sqlalchemy.util.concurrency import await_

from andamios_orm.core.undisturbed import make_undisturbed_class

__all__ = ["EndCallback", "UnitOfWork"]

EndCallback = Callable[[], Awaitable[object] | object]
"""Runs when a transaction has ended; may be a coroutine function."""

_logger = logging.getLogger("andamios_orm.core.transactions")

_running: set[asyncio.Task[None]] = set()
"""Keeps tasks from being collected before they are done."""


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
        # It begins here, if nothing has begun it: a rollback of nothing would leave the callback to the next.
        self._autobegin_t()
        self._registered.append(_Registered(callback, for_commit, self.get_nested_transaction()))

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


async def _call_all(callbacks: list[EndCallback]) -> None:
    task = asyncio.create_task(_called(callbacks))
    _running.add(task)
    task.add_done_callback(_running.discard)
    await asyncio.shield(task)


async def _called(callbacks: list[EndCallback]) -> None:
    for callback in callbacks:
        try:
            outcome = callback()
            if inspect.isawaitable(outcome):
                await outcome
        except Exception:
            _logger.exception("a callback after the end of a transaction failed: %r", callback)


@event.listens_for(UnitOfWork, "after_commit")
def _committed(session: UnitOfWork) -> None:
    session._note_commit()


@event.listens_for(UnitOfWork, "after_transaction_end")
def _ended(session: UnitOfWork, transaction: SessionTransaction) -> None:
    session._end(transaction)
