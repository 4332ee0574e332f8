"""A conflict of two transactions, told as a stale row.

When the engine reports it, the transaction has failed and cannot read any more. So the version that the row
has now is read after the rollback, and put into the error that was raised before.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet

from sqlalchemy import event

from andamios_orm.core.errors import TransactionConflictError
from andamios_orm.core.unit_of_work import UnitOfWork, connections_of
from andamios_orm.models.errors import StaleConflictError
from andamios_orm.models.versioning.rows import RAISED, VersionedRow, written_row

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.engine import Dialect, ExceptionContext

__all__ = ["FLUSHED", "start"]

FLUSHED = "compiled_cache"
"""The execution option of what a flush sends, and of rows that are updated by their keys."""

_dialects: WeakSet[Dialect] = WeakSet()
_refused: WeakKeyDictionary[Connection, tuple[StaleConflictError, VersionedRow]] = WeakKeyDictionary()


def start() -> None:
    """Tell of stale rows from now on."""
    event.listen(UnitOfWork, "after_begin", _begun)
    event.listen(UnitOfWork, "after_rollback", _rolled_back)


def _begun(session: UnitOfWork, transaction: Any, connection: Connection) -> None:
    if connection.dialect not in _dialects:
        # It has to come after the listener that translates what the driver raises.
        _dialects.add(connection.dialect)
        event.listen(connection.dialect, "handle_error", _failed)


def _failed(context: ExceptionContext) -> StaleConflictError | None:
    told, connection = getattr(context, "chained_exception", None), context.connection
    row = _row_of(context.execution_context) if isinstance(told, TransactionConflictError) else None
    if row is None or connection is None:
        return None
    error = StaleConflictError("", orig=context.original_exception)
    row.describe(error, row.expected)
    _refused[connection] = (error, row)
    return error


def _row_of(execution: Any) -> VersionedRow | None:
    options = {} if execution is None else execution.execution_options
    if RAISED in options:
        row: VersionedRow = options[RAISED]
        return row
    if FLUSHED in options and execution.isupdate:
        return written_row(execution.invoked_statement, execution.compiled_parameters[0])
    return None


def _rolled_back(session: UnitOfWork) -> None:
    for connection in connections_of(session) if _refused else ():
        refused = _refused.pop(connection, None)
        if refused is not None:
            error, row = refused
            row.describe(error, _found_afterwards(connection, row))


def _found_afterwards(connection: Connection, row: VersionedRow) -> int | None:
    # When a savepoint was rolled back, the transaction around it goes on.
    with nullcontext() if connection.in_transaction() else connection.begin():
        found: int | None = connection.scalar(row.current())
    return found
