"""Which rows an INSERT writes: told by the values that it gives, else by looking before and after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column

from andamios_orm.core.dml import Write, conflict_clause
from andamios_orm.core.keys import Key
from andamios_orm.models.history.changes import Changes, Finish
from andamios_orm.models.history.criteria import refused
from andamios_orm.models.history.journal import Journal
from andamios_orm.models.history.tables import key_columns

__all__ = ["noted_insert"]


def noted_insert(journal: Journal, write: Write) -> Finish:
    """Note what is to be known of an INSERT before it is sent.

    Raises:
        NotSupportedError: The rows that it will write cannot be told.
    """
    clause = conflict_clause(write.statement)
    if write.statement._prefixes:
        raise refused(
            write, "an INSERT with a prefix", "use on_conflict_do_update() or on_conflict_do_nothing()"
        )
    if hasattr(clause, "update_values_to_set"):
        return _noted_upsert(journal, write, clause)
    if clause is not None and not hasattr(clause, "inferred_target_elements"):
        raise refused(write, "an ON DUPLICATE KEY UPDATE", "read the rows first, and change the objects")
    keys = _given(write, key_columns(journal.table))
    if clause is not None:
        return _noted_attempt(journal, keys)
    if keys is not None:
        return lambda _: Changes(inserted=set(keys))
    if _tells_keys(write):
        return lambda result: Changes(inserted=set(map(tuple, result.context.inserted_primary_key_rows)))
    return _noted_mark(journal)


def _tells_keys(write: Write) -> bool:
    # Whether SQLAlchemy asks for generated keys itself, as for the objects of a flush.
    compiled = write.context.compiled
    asked = compiled.implicit_returning and not write.statement._returning
    return bool(asked or (compiled.postfetch_lastrowid and not write.context.executemany))


def _noted_upsert(journal: Journal, write: Write, clause: Any) -> Finish:
    if clause.update_whereclause is not None:
        raise refused(
            write,
            "an ON CONFLICT DO UPDATE with a WHERE",
            "which rows it leaves as they are cannot be told; read the rows first, and change the objects",
        )
    target = _target(journal, write, clause)
    values = _given(write, target)
    if values is None:
        raise refused(
            write,
            "an ON CONFLICT DO UPDATE of rows that a SELECT or an expression makes",
            "give the values of the columns of index_elements in each row",
        )
    before = journal.found(target, set(values))

    def finish(_: Any) -> Changes:
        after = journal.found(target, set(values))
        return Changes(inserted=after - before, changed=before, updated=before)

    return finish


def _target(journal: Journal, write: Write, clause: Any) -> list[Column[Any]]:
    # The columns whose values decide whether a row is there already.
    if getattr(clause, "constraint_target", None) is not None:
        raise refused(
            write, "an ON CONFLICT DO UPDATE of a constraint", "name its columns in index_elements instead"
        )
    if clause.inferred_target_elements is None:
        raise refused(
            write,
            "an ON CONFLICT DO UPDATE of whichever constraint",
            "name the columns of the key in index_elements",
        )
    columns = [_column(journal, element) for element in clause.inferred_target_elements]
    if any(column is None for column in columns):
        raise refused(
            write, "an ON CONFLICT DO UPDATE of an expression", "name columns in index_elements instead"
        )
    return columns


def _column(journal: Journal, element: Any) -> Any:
    # The column of the table; None for an expression.
    name: Any = element if isinstance(element, str) else getattr(element, "key", None)
    return journal.table.columns.get(name)


def _noted_attempt(journal: Journal, keys: list[Key] | None) -> Finish:
    # An ON CONFLICT DO NOTHING has inserted the rows that are there afterwards and were not there before.
    if keys is None:
        return _noted_mark(journal)
    before = journal.found(key_columns(journal.table), set(keys))
    return lambda _: Changes(inserted=journal.found(key_columns(journal.table), set(keys)) - before)


def _noted_mark(journal: Journal) -> Finish:
    mark = journal.mark()
    return lambda _: journal.add_since(mark)


def _given(write: Write, columns: Sequence[Column[Any]]) -> list[Key] | None:
    # The values that each row gives to the columns; None where the database makes one of them.
    given = [_values(write, column) for column in columns]
    known = [values for values in given if values is not None]
    return list(zip(*known, strict=True)) if len(known) == len(given) else None


def _values(write: Write, column: Column[Any]) -> list[Any] | None:
    rows = write.context.compiled_parameters
    listed = sum(map(len, write.statement._multi_values))
    if listed:
        # What stands in values([...]) is sent as one row of parameters.
        values = [rows[0].get(f"{column.key}_m{number}") for number in range(listed)]
    else:
        name = write.parameter(column)
        values = [row.get(name) for row in rows]
    return None if any(value is None for value in values) else values
