"""Check foreign keys in the transaction, and carry out what they say of deleted parents.

DuckDB's own foreign keys refuse to delete a child and its parent in one transaction, so none are sent to it.
The rules:

* Before a statement is sent, the keys that it writes are noted, and those of the parents that it removes and
  that rows refer to. Where the database makes a key, or they are too many, the whole foreign key is noted.
* After a DELETE, rows whose parent is gone are deleted or changed as ``ondelete`` says. In a flush that waits
  until it has ended, because the flush counts the rows that its own statements delete.
* Before COMMIT, in the same transaction, what was noted is verified: a key that refers to nothing rolls back.
  Listeners to the commit may write after that, and what they write is verified as soon as it is sent.
* What is done about a statement has its time limit.
* What is noted belongs to one transaction. Nothing is noted of reading, and nothing of text.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, event

from andamios_orm.core.dml import ALL_ROWS, Write, bulk_table, hidden_tables
from andamios_orm.core.errors import NotSupportedError, TransactionAbortedError
from andamios_orm.core.integrity.references import Reference, constraints_to
from andamios_orm.core.integrity.writes import referrers, removed_keys, written_constraints, written_keys
from andamios_orm.core.keys import Key, key_list, word_list
from andamios_orm.core.unit_of_work import UnitOfWork, connections_of, is_flushing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Engine, ForeignKeyConstraint, Select
    from sqlalchemy.engine import ExecutionContext

__all__ = ["install"]

_MANY = 50_000
"""So many keys of one foreign key are verified by looking at the whole table instead."""

_NOTED = "_andamios_noted"
"""Marks an execution whose statement is sent in several parts."""


@dataclass
class _Touched:
    """What a transaction did to one reference."""

    whole: bool = False
    """Whether any row may refer to nothing."""
    written: set[Key] = field(default_factory=set)
    """What rows were made to refer to."""
    changed: set[Key] = field(default_factory=set)
    """What rows referred to when their parents got other keys, in the engine's words."""
    removed: set[Key] = field(default_factory=set)
    """What rows referred to when their parents were deleted, in the engine's words."""


@dataclass
class _Transaction:
    """What is to be verified before a transaction is committed."""

    references: dict[Reference, _Touched] = field(default_factory=dict)
    acting: bool = False
    """Whether a deletion is being followed up."""
    committing: bool = False
    """Whether it was verified, and will not be once more."""


_transactions: WeakKeyDictionary[Connection, _Transaction] = WeakKeyDictionary()


def install(engine: Engine) -> None:
    """Check the foreign keys of what is written through ``engine``.

    From then on a commit raises `ForeignKeyError` when a row refers to nothing, and rolls back.
    """
    event.listen(engine, "before_cursor_execute", _sending)
    event.listen(engine, "after_execute", _executed)
    event.listen(engine, "commit", _committing)
    event.listen(engine, "begin", _beginning)


def _beginning(connection: Connection) -> None:
    # What was noted in the previous transaction is forgotten, however that transaction has ended.
    _transactions.pop(connection, None)


def _sending(
    connection: Connection, cursor: Any, text: str, parameters: Any, context: Any, multiple: bool
) -> None:
    for table in hidden_tables(context.compiled):
        if table.foreign_keys or constraints_to(table):
            raise NotSupportedError.of(
                "duckdb",
                f"checking the foreign keys of {table.fullname} when a CTE writes to it",
                "execute the CTE as a statement of its own",
            )
    if context.is_crud:
        if _NOTED not in vars(context):
            setattr(context, _NOTED, True)
            _note(connection, context)
    elif (filled := bulk_table(parameters)) is not None:
        for constraint in filled.foreign_key_constraints:
            _ = constraint.referred_table
            _touched(connection, context, constraint).whole = True


def _note(connection: Connection, context: ExecutionContext) -> None:
    write = Write.of(context)
    if write is None:
        return
    for constraint in written_constraints(write):
        touched, keys = _touched(connection, context, constraint), written_keys(write, constraint)
        if keys is None or keys:
            # A foreign key to a table that is unknown fails here, before the statement is sent.
            _ = constraint.referred_table
            _add(touched, keys)
    for constraint in referrers(write):
        _note_removed(connection, write, constraint)


def _add(touched: _Touched, keys: set[Key] | None) -> None:
    touched.written |= keys or set()
    if keys is None or len(touched.written) > _MANY:
        touched.whole = True
        touched.written.clear()


def _note_removed(connection: Connection, write: Write, constraint: ForeignKeyConstraint) -> None:
    touched = _touched(connection, write.context, constraint)
    if write.context.isinsert:
        touched.whole = True
        return
    reference = _reference(write.context, constraint)
    found = touched.changed if write.context.isupdate else touched.removed
    if write.context.isdelete:
        # An unknown action is refused now, before the rows are deleted.
        _ = reference.action
    options = _options(reference, write.context.execution_options)
    for query, parameters in removed_keys(write, reference):
        found.update(map(tuple, connection.execute(query, parameters, execution_options=options)))


def _touched(connection: Connection, context: Any, constraint: ForeignKeyConstraint) -> _Touched:
    dialect: Any = connection.dialect
    if dialect.detect_autocommit_setting(connection.connection.dbapi_connection):
        raise NotSupportedError.of(
            dialect.name,
            f"checking the foreign keys of {constraint.table.fullname} under AUTOCOMMIT",
            'write in a transaction, or make the engine with foreign_keys="off"',
        )
    transaction = _transactions.setdefault(connection, _Transaction())
    return transaction.references.setdefault(_reference(context, constraint), _Touched())


def _reference(context: Any, constraint: ForeignKeyConstraint) -> Reference:
    schemas = context.execution_options.get("schema_translate_map") or {}
    return Reference(constraint, frozenset(schemas.items()))


def _options(reference: Reference, given: Mapping[str, Any]) -> dict[str, Any]:
    limits = {name: given[name] for name in ("statement_timeout",) if name in given}
    return {"schema_translate_map": dict(reference.schemas), ALL_ROWS: True, **limits}


def _executed(
    connection: Connection, statement: Any, multiple: Any, single: Any, options: Any, result: Any
) -> None:
    if statement.is_dml and not is_flushing(connection):
        _follow_up(connection, options)


@event.listens_for(UnitOfWork, "after_flush")
def _flushed(session: UnitOfWork, context: Any) -> None:
    for connection in connections_of(session):
        _follow_up(connection, {})


def _follow_up(connection: Connection, options: Mapping[str, Any]) -> None:
    transaction = _transactions.get(connection)
    if transaction is None or transaction.acting:
        return
    transaction.acting = True
    try:
        # This is a loop and not a recursion, because a chain of rows that refer to one another may be long.
        while (due := _due(transaction)) is not None:
            _act(connection, *due, options)
        if transaction.committing:
            _verify_all(connection, transaction)
    finally:
        transaction.acting = False


def _due(transaction: _Transaction) -> tuple[Reference, _Touched] | None:
    references = transaction.references.items()
    return next((entry for entry in references if entry[1].removed and entry[0].action is not None), None)


def _act(connection: Connection, reference: Reference, touched: _Touched, options: Mapping[str, Any]) -> None:
    keys, touched.removed = touched.removed, set()
    try:
        connection.execute(reference.act(keys), execution_options=_options(reference, options))
    except BaseException:
        # If the caller catches the error and goes on, the commit finds these keys again.
        touched.removed |= keys
        raise


def _committing(connection: Connection) -> None:
    transaction = _transactions.setdefault(connection, _Transaction())
    try:
        with suppress(TransactionAbortedError):
            # An aborted transaction is not checked, because the COMMIT that follows raises the same error.
            _follow_up(connection, {})
            _verify_all(connection, transaction)
    except BaseException:
        # SQLAlchemy takes the transaction for ended when a listener fails, and would not roll back.
        connection._rollback_impl()
        raise
    transaction.committing = True


def _verify_all(connection: Connection, transaction: _Transaction) -> None:
    try:
        for reference, touched in transaction.references.items():
            _verify(connection, reference, touched)
        transaction.references.clear()
    except BaseException:
        if not connection.invalidated:
            # If a listener to the commit catches the error and goes on, the COMMIT will fail.
            driver: Any = connection.connection.dbapi_connection
            driver.raw.abort()
        raise


def _verify(connection: Connection, reference: Reference, touched: _Touched) -> None:
    dialect, gone = connection.dialect, touched.changed | touched.removed
    if touched.whole:
        _refuse(connection, reference, reference.orphan(), removed=False)
    if touched.written and _count_found(connection, reference, touched.written) < len(touched.written):
        written = key_list(reference.columns, touched.written, dialect)
        _refuse(connection, reference, reference.orphan_of(written), removed=False)
    if gone:
        _refuse(connection, reference, reference.orphan_of(word_list(reference.referred, gone)), removed=True)


def _count_found(connection: Connection, reference: Reference, keys: set[Key]) -> int:
    query = reference.count_found(keys, connection.dialect)
    return int(connection.execute(query, execution_options=_options(reference, {})).scalar_one())


def _refuse(connection: Connection, reference: Reference, orphan: Select[Any], *, removed: bool) -> None:
    for row in connection.execute(orphan, execution_options=_options(reference, {})).all():
        raise reference.error(tuple(row), removed=removed, hidden=connection.engine.hide_parameters)
