"""Record what is written to tables with a history, in the transaction that writes it.

Why not by triggers, which DuckDB 2.0 has and 1.5 has not: a table with statement triggers refuses ``ON
CONFLICT DO UPDATE`` and MERGE; row triggers refuse RETURNING, which generated keys need, and do not exist for
UPDATE; a renamed column leaves a trigger behind that fails every later write, and the table itself cannot be
renamed, which is how migrations rebuild one. So every statement that SQLAlchemy compiles is looked at, on any
engine and any connection. The rules:

* Before a statement is sent, the rows that it will write are noted; deleted ones are copied then.
* After it, their versions are written. In a flush that waits until the flush has ended, so that all rows of a
  table are recorded by two statements.
* Rows that are deleted or changed because of ``ondelete`` are recorded too, because core does that with
  statements of its own.
* SQL text is not looked into. What it writes is not recorded.
* What cannot be known is refused before anything is sent, because a history with gaps is worse than none.
"""

from __future__ import annotations

from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, Table, event

from andamios_orm.core.dml import Write, bulk_table, hidden_tables
from andamios_orm.core.errors import NotSupportedError
from andamios_orm.core.unit_of_work import UnitOfWork, connections_of, is_flushing
from andamios_orm.models.history.authors import name_author
from andamios_orm.models.history.changes import Changes, Finish
from andamios_orm.models.history.deletes import record_delete
from andamios_orm.models.history.inserts import noted_insert
from andamios_orm.models.history.journal import Journal, moment
from andamios_orm.models.history.tables import history_of
from andamios_orm.models.history.updates import noted_update

__all__ = ["start"]

_NOTED = "_andamios_history"
"""The attribute of an execution that holds what was noted of it."""

Pending = dict[tuple[Table, frozenset[Any]], tuple[Journal, Changes]]
"""What a flush has written so far, of each table."""

_pending: WeakKeyDictionary[Connection, Pending] = WeakKeyDictionary()


@cache
def start() -> None:
    """Record from now on; the first model with a history begins it."""
    event.listen(Engine, "before_execute", name_author, retval=True)
    event.listen(Engine, "before_cursor_execute", _sending)
    event.listen(Engine, "after_cursor_execute", _sent)
    event.listen(Engine, "after_execute", _executed)
    event.listen(Engine, "commit", _committing)
    event.listen(Engine, "savepoint", _beginning_savepoint)
    event.listen(Engine, "rollback", _forget)
    event.listen(Engine, "rollback_savepoint", _forget)
    event.listen(UnitOfWork, "after_flush_postexec", _flushed)


def _sending(
    connection: Connection, cursor: Any, text: str, parameters: Any, context: Any, multiple: bool
) -> None:
    if (table := bulk_table(parameters)) is not None and context.compiled is None:
        journal = _journal(connection, context, table)
        if journal is not None:
            setattr(context, _NOTED, (journal, journal.mark()))
    elif context is not None and context.compiled is not None:
        _refuse_hidden(context)
        if context.is_crud and _NOTED not in vars(context):
            setattr(context, _NOTED, _note(connection, context))


def _refuse_hidden(context: Any) -> None:
    for table in hidden_tables(context.compiled):
        if history_of(table) is not None:
            raise NotSupportedError.of(
                context.dialect.name,
                f"recording in the history of {table.name} what a CTE writes",
                "execute the CTE as a statement of its own",
            )


def _note(connection: Connection, context: Any) -> tuple[Journal, Finish] | None:
    write = Write.of(context)
    journal = None if write is None else _journal(connection, context, write.table)
    if write is None or journal is None:
        return None
    flushing = is_flushing(connection)
    if context.isdelete or not flushing:
        # What was written to the table before this statement is recorded before it.
        _record_changes(_pending.get(connection, {}).pop(_place(journal), None))
    if context.isdelete:
        record_delete(journal, write, flushing=flushing)
        return None
    if context.isinsert:
        return journal, noted_insert(journal, write)
    return journal, noted_update(journal, write, flushing=flushing)


def _journal(connection: Connection, context: Any, table: Table) -> Journal | None:
    history, dialect = history_of(table), connection.dialect
    if history is None:
        return None
    if dialect.detect_autocommit_setting(connection.connection.dbapi_connection):  # type: ignore[arg-type] # it has one
        raise NotSupportedError.of(
            dialect.name, f"the history of {table.name} under AUTOCOMMIT", "write in a transaction"
        )
    schemas = dict(context.execution_options.get("schema_translate_map") or {})
    return Journal(connection, table, history, schemas)


def _sent(
    connection: Connection, cursor: Any, text: str, parameters: Any, context: Any, multiple: bool
) -> None:
    if bulk_table(parameters) is not None and context.compiled is None and _NOTED in vars(context):
        journal, mark = vars(context).pop(_NOTED)
        journal.add_since(mark)


def _executed(
    connection: Connection, statement: Any, multiple: Any, single: Any, options: Any, result: Any
) -> None:
    # When a function or a sequence is executed by itself, the result is a plain value.
    context = getattr(result, "context", None)
    noted = None if context is None else vars(context).get(_NOTED)
    if noted is None:
        return
    journal, finish = noted
    setattr(context, _NOTED, None)
    changes = finish(result)
    if changes is not None:
        _add(journal, changes)
    if not is_flushing(connection):
        _record_pending(connection)


def _add(journal: Journal, changes: Changes) -> None:
    pending = _pending.setdefault(journal.connection, {})
    _, known = pending.setdefault(_place(journal), (journal, Changes()))
    known.add(changes)


def _place(journal: Journal) -> tuple[Table, frozenset[Any]]:
    return journal.table, frozenset(journal.schemas.items())


def _record_pending(connection: Connection) -> None:
    for written in _pending.pop(connection, {}).values():
        _record_changes(written)


def _record_changes(written: tuple[Journal, Changes] | None) -> None:
    if written is None:
        return
    journal, changes = written
    now = moment()
    if changes.changed:
        journal.close(changes.changed, now)
    journal.add("insert", changes.inserted, now)
    journal.add("update", changes.updated, now)


def _flushed(session: UnitOfWork, context: Any) -> None:
    for connection in connections_of(session):
        _record_pending(connection)


def _beginning_savepoint(connection: Connection, name: str) -> None:
    _record_pending(connection)


def _forget(connection: Connection, *savepoint: Any) -> None:
    _pending.pop(connection, None)


def _committing(connection: Connection) -> None:
    # Some of SQLAlchemy's bulk methods, such as bulk_save_objects(), write without the events of a flush.
    try:
        _record_pending(connection)
    except BaseException:
        # SQLAlchemy takes the transaction for ended when a listener fails, and would not roll back.
        connection._rollback_impl()
        raise
