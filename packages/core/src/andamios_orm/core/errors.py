"""The error tree of the family.

::

    AndamiosError
    ├ ConfigurationError
    │ └ NoCurrentSessionError
    ├ DatabaseError
    │ ├ OperationalError
    │ │ ├ DatabaseLockedError
    │ │ ├ QueryTimeoutError
    │ │ ├ TransactionConflictError
    │ │ └ TransactionAbortedError
    │ ├ ProgrammingError
    │ ├ DataError
    │ ├ InternalError
    │ ├ PoolTimeoutError
    │ └ RetriesExhaustedError
    ├ IntegrityError
    │ ├ DuplicateKeyError
    │ ├ ForeignKeyError
    │ ├ NotNullError
    │ ├ CheckError
    │ └ StaleVersionError
    ├ NotFoundError
    ├ MultipleResultsError
    ├ ValidationError
    └ NotSupportedError
      └ SavepointNotSupportedError

An error that has a SQLAlchemy counterpart is an instance of it as well, so ``except
sqlalchemy.exc.IntegrityError`` keeps working. Facts travel as attributes; a message is built from them and
never holds a credential.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import exc
from sqlalchemy.orm import exc as orm_exc

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "AndamiosError",
    "CheckError",
    "ConfigurationError",
    "DataError",
    "DatabaseError",
    "DatabaseLockedError",
    "DuplicateKeyError",
    "ForeignKeyError",
    "IntegrityError",
    "InternalError",
    "MultipleResultsError",
    "NoCurrentSessionError",
    "NotFoundError",
    "NotNullError",
    "NotSupportedError",
    "OperationalError",
    "PoolTimeoutError",
    "ProgrammingError",
    "QueryTimeoutError",
    "RetriesExhaustedError",
    "SavepointNotSupportedError",
    "StaleVersionError",
    "TransactionAbortedError",
    "TransactionConflictError",
    "ValidationError",
]


class AndamiosError(Exception):
    """Stand at the root of every error that the family raises."""

    retryable: ClassVar[bool] = False
    """Whether the same unit of work, run again from its start, can succeed."""


class ConfigurationError(AndamiosError, exc.ArgumentError):
    """Refuse a URL, an option or an environment that cannot work; the message names the remedy."""


class NoCurrentSessionError(ConfigurationError):
    """Report that this task has no current session."""

    def __init__(self) -> None:
        super().__init__(
            "this task has no current session: open one with `async with SessionManager(engine) as session`; "
            "in a task started inside of it, open another one, or pass the session itself to whatever runs "
            "one after the other"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ()


class _ExecutedError(AndamiosError, exc.DBAPIError):
    """Carry what SQLAlchemy's ``DBAPIError`` carries, with a message of our own.

    Args:
        message: What happened, for people.
        statement: The SQL text that was sent, if one was.
        params: Its parameters; shown only while the engine does not hide them.
        orig: The driver's own exception.
        hide_parameters: Keep the parameters out of the message.
        connection_invalidated: Whether the connection was given up.
        ismulti: Whether the parameters are a list of rows.
    """

    def __init__(
        self,
        message: str,
        statement: str | None = None,
        params: Any = None,
        orig: BaseException | None = None,
        *,
        hide_parameters: bool = False,
        connection_invalidated: bool = False,
        ismulti: bool | None = None,
    ) -> None:
        exc.StatementError.__init__(self, message, statement, params, orig, hide_parameters, ismulti=ismulti)
        self.connection_invalidated = connection_invalidated

    def __reduce__(self) -> tuple[Any, ...]:
        return _revive, (type(self), str(self.args[0]), self.statement, self.params, self.orig, self.__dict__)


def _revive(
    cls: type[_ExecutedError],
    message: str,
    statement: str | None,
    params: Any,
    orig: BaseException | None,
    facts: Mapping[str, Any],
) -> _ExecutedError:
    error = cls.__new__(cls)
    _ExecutedError.__init__(error, message, statement, params, orig)
    error.__dict__.update(facts)
    return error


class DatabaseError(AndamiosError):
    """Report that the database, the connection or the pool could not do what was asked."""


class OperationalError(_ExecutedError, DatabaseError, exc.OperationalError):
    """Report a fault of the database's operation: a file, memory, a transaction, a connection."""


class ProgrammingError(_ExecutedError, DatabaseError, exc.ProgrammingError):
    """Report SQL that the engine does not accept: syntax, an unknown table or column."""


class DataError(_ExecutedError, DatabaseError, exc.DataError):
    """Report a value that does not fit its type.

    Attributes:
        row: Index of the offending row in a bulk write, counted from 0, where it is known.
        column: Name of the offending column, where it is known.
    """

    row: int | None = None
    column: str | None = None


class InternalError(_ExecutedError, DatabaseError, exc.InternalError):
    """Report a fault inside the engine; a fatal one has closed the database."""


class DatabaseLockedError(OperationalError):
    """Report that another process holds the database file.

    Attributes:
        path: The file.
        pid: The process that holds it, where the engine names one.
    """

    path: str | None = None
    pid: int | None = None


class QueryTimeoutError(OperationalError):
    """Report that a statement was stopped because its time was up.

    Attributes:
        seconds: The limit that was exceeded, in seconds, where it is known.
    """

    seconds: float | None = None

    @classmethod
    def of(cls, what: str, seconds: float) -> QueryTimeoutError:
        """Return the error whose message is made from these facts."""
        error = cls(f"{what} took longer than {seconds:g} s and was stopped")
        error.seconds = seconds
        return error


class TransactionConflictError(OperationalError):
    """Report that another transaction changed the same rows first; the unit of work may be run again."""

    retryable = True


class TransactionAbortedError(OperationalError):
    """Report that an earlier error aborted the transaction, so that nothing of it was written."""


class PoolTimeoutError(DatabaseError, exc.TimeoutError):
    """Report that no pooled connection became free in time, or that too many tasks wait for one already.

    Attributes:
        seconds: How long was waited.
        size: Connections that the pool may hold at once, overflow included.
        waiting: How many tasks waited already, where that is why this one was refused at once.
    """

    def __init__(self, seconds: float, size: int, waiting: int | None = None) -> None:
        happened = (
            f"no connection was free within {seconds:g} s"
            if waiting is None
            else f"{waiting} tasks wait for a connection already, as many as max_waiting allows"
        )
        super().__init__(
            f"{happened}; the pool opens at most {size}. Keep transactions short, or raise pool_size, "
            f"max_overflow or {'pool_timeout' if waiting is None else 'max_waiting'}"
        )
        self.seconds = seconds
        self.size = size
        self.waiting = waiting

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.seconds, self.size, self.waiting)


class RetriesExhaustedError(DatabaseError):
    """Report that a unit of work failed in each of its attempts.

    Attributes:
        attempts: How often it was tried.
        last_error: What the last attempt ended with.
    """

    def __init__(self, attempts: int, last_error: BaseException) -> None:
        super().__init__(f"gave up after {attempts} attempts; the last one ended with: {last_error}")
        self.attempts = attempts
        self.last_error = last_error

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.attempts, self.last_error)


class IntegrityError(_ExecutedError, exc.IntegrityError):
    """Report a write that a constraint refuses.

    Attributes:
        table: The table, where it is known.
        column: The column, where it is one and it is known.
        row: Index of the offending row in a bulk write, counted from 0, where it is known.
    """

    table: str | None = None
    column: str | None = None
    row: int | None = None


class DuplicateKeyError(IntegrityError):
    """Report a primary or unique key that exists already, whether found by the statement or at commit.

    Attributes:
        key: The key's values as text, where the engine tells them: ``"3"``, or ``"3, abc"`` where several
            columns make up the key. The names of the columns are left out.
    """

    key: str | None = None


class ForeignKeyError(IntegrityError):
    """Report a reference without its target, or the removal of a row that is still referenced.

    Attributes:
        columns: The columns of the foreign key, where they are known; ``column`` too, where it is one.
        value: What they refer to, where it is known: a tuple, where they are several.
        referred_table: The table that they refer to, where it is known.
        referred_columns: The columns there, where they are known.
    """

    columns: tuple[str, ...] = ()
    value: Any = None
    referred_table: str | None = None
    referred_columns: tuple[str, ...] = ()


class NotNullError(IntegrityError):
    """Report a missing value in a column that must have one."""


class CheckError(IntegrityError):
    """Report a row that a CHECK constraint refuses."""


class StaleVersionError(IntegrityError, orm_exc.StaleDataError):
    """Report that a row was changed or removed since it was read.

    Attributes:
        model: Name of the model, where it is known.
        key: The primary key; a tuple, where it has several columns.
        expected: The version that was read.
        found: The version that the row has now; None where it is gone.
    """

    model: str | None = None
    key: Any = None
    expected: int | None = None
    found: int | None = None


class NotFoundError(AndamiosError, exc.NoResultFound):
    """Report that no row has this key, or is what else was asked for.

    Attributes:
        model: Name of the model.
        key: The key that was asked for; None where it was no key.
    """

    def __init__(self, model: str, key: object = None) -> None:
        super().__init__(
            f"no {model} was found, and one expected" if key is None else f"no {model} with key {key!r}"
        )
        self.model = model
        self.key = key

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.model, self.key)


class MultipleResultsError(AndamiosError, exc.MultipleResultsFound):
    """Report several rows where at most one was asked for."""


class ValidationError(AndamiosError, ValueError):
    """Report values that a model refuses.

    Attributes:
        model: Name of the model.
        errors: Field name to what is wrong with its value.
    """

    def __init__(self, model: str, errors: Mapping[str, str]) -> None:
        super().__init__(f"{model}: " + "; ".join(f"{field}: {what}" for field, what in errors.items()))
        self.model = model
        self.errors = dict(errors)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.model, self.errors)


class NotSupportedError(_ExecutedError, exc.NotSupportedError):
    """Refuse what a backend cannot do, before anything is sent.

    Attributes:
        backend: Name of the backend, such as ``duckdb``.
        feature: What was asked for.
        remedy: What to do instead.
    """

    backend: str | None = None
    feature: str | None = None
    remedy: str | None = None

    @classmethod
    def of(cls, backend: str, feature: str, remedy: str) -> NotSupportedError:
        """Return the error whose message is made from these facts."""
        error = NotSupportedError(f"{backend} does not support {feature}: {remedy}")
        error.backend, error.feature, error.remedy = backend, feature, remedy
        return error


class SavepointNotSupportedError(NotSupportedError):
    """Refuse a savepoint on a backend that has none."""

    def __init__(self, backend: str) -> None:
        remedy = (
            "check before you write, or put what may fail into a transaction of its own: "
            "a session of its own commits and rolls back by itself"
        )
        super().__init__(f"{backend} has no savepoints (begin_nested()): {remedy}")
        self.backend = backend
        self.feature = "savepoint"
        self.remedy = remedy

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.backend,)
