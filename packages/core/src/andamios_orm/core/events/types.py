"""What can happen: one class an event.

A handler of an event that is named *Before..*, or of `TransactionBegin`, aborts what is about to happen when
it raises: its error reaches whoever asked for it. What a handler of any other event raises is logged, because
it has happened.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from andamios_orm.core.observability.redaction import HIDDEN, redacted_text

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from andamios_orm.core.session import AsyncSession

__all__ = [
    "AfterCommit",
    "AfterDelete",
    "AfterExecute",
    "AfterInsert",
    "AfterLoad",
    "AfterRollback",
    "AfterUpdate",
    "BeforeCommit",
    "BeforeDelete",
    "BeforeExecute",
    "BeforeInsert",
    "BeforeUpdate",
    "ConnectionAcquired",
    "ConnectionClosed",
    "ConnectionEvent",
    "ConnectionOpened",
    "ConnectionReleased",
    "Event",
    "ModelEvent",
    "StatementEvent",
    "TransactionBegin",
]

M = TypeVar("M")


@dataclass(frozen=True, eq=False)
class Event:
    """Something that happens in an engine or its sessions."""


@dataclass(frozen=True, eq=False)
class ModelEvent(Event, Generic[M]):
    """Something that happens to one object of a session.

    Attributes:
        instance: The object.
        session: Its session, in which a handler may run queries, except for `AfterLoad`. A handler must not
            flush it, commit or roll back.
    """

    instance: M
    session: AsyncSession


@dataclass(frozen=True, eq=False)
class BeforeInsert(ModelEvent[M]):
    """An object is about to be inserted.

    What a handler changes is written. It may add objects to the session or delete some; they get events of
    their own.
    """


@dataclass(frozen=True, eq=False)
class AfterInsert(ModelEvent[M]):
    """An object was inserted, in the present transaction.

    What a handler changes, adds or deletes is written by the next flush, at the latest by the commit.
    """


@dataclass(frozen=True, eq=False)
class BeforeUpdate(ModelEvent[M]):
    """An object is about to be updated; a handler may do what one of `BeforeInsert` may.

    Attributes:
        changed: Names of the attributes that had changed before the first handler was called: columns, and
            references to one other object.
    """

    changed: frozenset[str]


@dataclass(frozen=True, eq=False)
class AfterUpdate(ModelEvent[M]):
    """An object was updated, in the present transaction; a handler may do what one of `AfterInsert` may.

    Attributes:
        changed: Names of the attributes that had changed, also by handlers before.
    """

    changed: frozenset[str]


@dataclass(frozen=True, eq=False)
class BeforeDelete(ModelEvent[M]):
    """An object is about to be deleted; a handler may do what one of `BeforeInsert` may."""


@dataclass(frozen=True, eq=False)
class AfterDelete(ModelEvent[M]):
    """An object was deleted, in the present transaction; a handler may do what one of `AfterInsert` may."""


@dataclass(frozen=True, eq=False)
class AfterLoad(ModelEvent[M]):
    """An object was made of a row for the first time in its session.

    Its columns are loaded, its relationships may not be. The query is still at work, so a handler must not
    run another one in the same session, nor touch what is not loaded.
    """


@dataclass(frozen=True, eq=False)
class TransactionBegin(Event):
    """A connection begins a transaction.

    What a handler sends through the connection are its first statements. One that raises refuses the
    transaction.

    Attributes:
        connection: The connection. It is too early to use the session that it is for.
    """

    connection: AsyncConnection


@dataclass(frozen=True, eq=False)
class BeforeCommit(Event):
    """A transaction is about to be committed.

    A session has not been flushed yet, so a handler may change, add and delete objects, and run statements.

    Attributes:
        session: The session that is to commit; None where it is a connection.
        connection: The connection that is to commit; None where it is a session.
    """

    session: AsyncSession | None
    connection: AsyncConnection | None


@dataclass(frozen=True, eq=False)
class AfterCommit(Event):
    """A transaction was committed.

    The handlers run in a task of their own. Whoever commits waits for it, and does not take it along when
    they are cancelled. A handler that needs a database opens a session of its own.

    A session tells of it before ``commit()`` returns, a connection when it goes back to the pool or begins
    its next transaction. Where a COMMIT was cancelled or lost its connection nobody knows what became of it,
    and neither this nor `AfterRollback` is told.

    Attributes:
        session: The session that has committed; None where it was a connection.
    """

    session: AsyncSession | None


@dataclass(frozen=True, eq=False)
class AfterRollback(Event):
    """A transaction was rolled back, failed to commit, or was closed uncommitted; see `AfterCommit`.

    Attributes:
        session: The session whose transaction it was; None where it was a connection's.
    """

    session: AsyncSession | None


@dataclass(frozen=True, eq=False, repr=False)
class StatementEvent(Event):
    """Something that happens to a statement; printed without values.

    Attributes:
        statement: What is sent.
        parameters: What is sent with it, as the driver gets it; a sequence of rows where there are several.
    """

    statement: str
    parameters: Any

    def __repr__(self) -> str:
        shown = (f"{field.name}={self._shown(field.name)}" for field in fields(self))
        return f"{type(self).__name__}({', '.join(shown)})"

    def _shown(self, name: str) -> str:
        value = getattr(self, name)
        if name == "parameters":
            return HIDDEN
        if isinstance(value, BaseException):
            # The message may tell parameters.
            return type(value).__name__
        return repr(redacted_text(value) if isinstance(value, str) else value)


@dataclass(frozen=True, eq=False, repr=False)
class BeforeExecute(StatementEvent):
    """A statement is about to be sent."""


@dataclass(frozen=True, eq=False, repr=False)
class AfterExecute(StatementEvent):
    """A statement has ended; one whose rows are streamed, has begun to give them.

    Attributes:
        seconds: How long it took.
        rows: How many rows it gave or touched; None where that is not known.
        error: What it failed with, which its caller gets in any case; None where it succeeded.
    """

    seconds: float
    rows: int | None
    error: BaseException | None


@dataclass(frozen=True, eq=False)
class ConnectionEvent(Event):
    """Something that happens to a connection of the pool.

    Attributes:
        info: What the program keeps with the connection; it lasts as long as the connection is open.
        driver_connection: The driver's own connection, where there is still one. That of DuckDB blocks: leave
            it alone.
    """

    info: dict[Any, Any]
    driver_connection: Any


@dataclass(frozen=True, eq=False)
class ConnectionOpened(ConnectionEvent):
    """A connection was opened, for a borrower who gets it when the handlers are done."""


@dataclass(frozen=True, eq=False)
class ConnectionAcquired(ConnectionEvent):
    """A connection is lent, to a borrower who gets it when the handlers are done."""


@dataclass(frozen=True, eq=False)
class ConnectionReleased(ConnectionEvent):
    """A connection is given back, or was left to the garbage collector.

    The handlers run in a task that nobody waits for.
    """


@dataclass(frozen=True, eq=False)
class ConnectionClosed(ConnectionEvent):
    """A connection is closed; the handlers run in a task that nobody waits for."""
