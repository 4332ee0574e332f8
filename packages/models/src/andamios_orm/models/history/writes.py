"""Which rows a statement writes: noted before it is sent, completed after it was.

Keys are taken from the parameters where they are there, as in a flush; else they are asked for. What cannot
be known is refused before anything is sent, because a history with gaps is worse than none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column

from andamios_orm.core.integrity.references import Key
from andamios_orm.core.integrity.writes import Write
from andamios_orm.models.history.criteria import key_queries, named_keys, refused
from andamios_orm.models.history.journal import Journal, moment
from andamios_orm.models.history.tables import key_columns

__all__ = ["Changes", "noted_insert", "noted_update", "record_delete"]


@dataclass
class Changes:
    """The rows that were written.

    Attributes:
        inserted: Keys of new rows.
        changed: Keys that updated rows had before.
        updated: Keys that they have now.
    """

    inserted: set[Key] = field(default_factory=set)
    changed: set[Key] = field(default_factory=set)
    updated: set[Key] = field(default_factory=set)


Finish = Callable[[Any], Changes | None]
"""Tells what was written, given the result of the statement; None where it has recorded that itself."""


def noted_insert(journal: Journal, write: Write) -> Finish:
    """Note what is to be known of an INSERT before it is sent.

    Raises:
        NotSupportedError: The rows that it will write cannot be told.
    """
    clause = getattr(write.statement, "_post_values_clause", None)
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


def noted_update(journal: Journal, write: Write, *, flushing: bool) -> Finish:
    """Note the rows that an UPDATE will change.

    Raises:
        NotSupportedError: They cannot be told, or it computes keys.
    """
    keys = key_columns(journal.table)
    moved = [column for column in keys if _is_set(write, column)]
    changed = named_keys(write, keys, flushing=flushing)
    if not moved:
        return _noted_matches(journal, write, flushing) if changed is None else _unmoved(set(changed))
    names = [_parameter(write, column) for column in moved]
    if changed is None or None in names:
        raise refused(write, "an UPDATE that computes primary keys", "set them in the objects, one by one")
    updated = _moved(write, keys, changed)
    return lambda _: Changes(changed=set(changed), updated=updated)


def record_delete(journal: Journal, write: Write, *, flushing: bool) -> None:
    """Write the last versions of the rows that a DELETE will remove.

    Raises:
        NotSupportedError: They cannot be told.
    """
    now = moment()
    keys = named_keys(write, key_columns(journal.table), flushing=flushing)
    if keys is None and len(queries := key_queries(write)) == 1:
        journal.close_matched(queries[0], now)
        journal.add_matched("delete", queries[0], now)
        return
    found = _matched(journal, write) if keys is None else set(keys)
    journal.close(found, now)
    journal.add("delete", found, now)


def _unmoved(keys: set[Key]) -> Finish:
    return lambda _: Changes(changed=keys, updated=keys)


def _noted_matches(journal: Journal, write: Write, flushing: bool) -> Finish:
    # Where each row has a version, that version keeps the key, and no key has to come here. In a flush a row
    # may be about to get one.
    queries = key_queries(write)
    if flushing or len(queries) > 1 or not journal.are_recorded(queries[0]):
        return _unmoved(_matched(journal, write))
    now = moment()
    journal.close_matched(queries[0], now)
    return lambda _: journal.add_closed(now)


def _noted_upsert(journal: Journal, write: Write, clause: Any) -> Finish:
    target = _target(journal, clause)
    values = None if target is None else _given(write, target)
    if target is None or values is None or clause.update_whereclause is not None:
        raise refused(
            write,
            "an ON CONFLICT DO UPDATE with a WHERE, of a SELECT or on an expression",
            "give the values of the columns of index_elements in each row",
        )
    before = journal.found(target, set(values))

    def finish(result: Any) -> Changes:
        after = journal.found(target, set(values))
        return Changes(inserted=after - before, changed=before, updated=before)

    return finish


def _target(journal: Journal, clause: Any) -> list[Column[Any]] | None:
    elements = clause.inferred_target_elements
    if elements is None:
        return key_columns(journal.table) if clause.constraint_target is None else None
    columns = [_column(journal, element) for element in elements]
    return None if any(column is None for column in columns) else columns


def _column(journal: Journal, element: Any) -> Any:
    # Of the table; None for an expression.
    name: Any = element if isinstance(element, str) else getattr(element, "key", None)
    return journal.table.columns.get(name)


def _noted_attempt(journal: Journal, keys: list[Key] | None) -> Finish:
    # ON CONFLICT DO NOTHING: those that are there afterwards and were not before.
    if keys is None:
        return _noted_mark(journal)
    before = journal.found(key_columns(journal.table), set(keys))
    return lambda _: Changes(inserted=journal.found(key_columns(journal.table), set(keys)) - before)


def _noted_mark(journal: Journal) -> Finish:
    mark = journal.mark()
    return lambda _: journal.add_since(mark)


def _given(write: Write, columns: Sequence[Column[Any]]) -> list[Key] | None:
    # The values that an INSERT gives to the columns; None where the database makes one of them.
    given = [_values(write, column) for column in columns]
    known = [values for values in given if values is not None]
    return list(zip(*known, strict=True)) if len(known) == len(given) else None


def _values(write: Write, column: Column[Any]) -> list[Any] | None:
    rows, count = write.context.compiled_parameters, len(write.statement._multi_values or ())
    if count:
        names = [f"{column.key}_m{number}" for number in range(len(write.statement._multi_values[0]))]
        return [rows[0][name] for name in names] if rows[0].keys() >= set(names) else None
    name = _parameter(write, column)
    values = [] if name is None else [row[name] for row in rows]
    return values if values and all(value is not None for value in values) else None


def _parameter(write: Write, column: Column[Any]) -> str | None:
    parameter = write.context.compiled.binds.get(column.key)
    return column.key if parameter is not None and parameter._is_crud else None


def _is_set(write: Write, column: Column[Any]) -> bool:
    given = write.context.compiled.dml_compile_state._dict_parameters or ()
    return _parameter(write, column) is not None or any(
        column.key == (name if isinstance(name, str) else name.key) for name in given
    )


def _moved(write: Write, keys: Sequence[Column[Any]], changed: Sequence[Key]) -> set[Key]:
    names = [_parameter(write, column) for column in keys]
    return {
        tuple(old if name is None else row[name] for name, old in zip(names, key, strict=True))
        for row, key in zip(write.context.compiled_parameters, changed, strict=True)
    }


def _matched(journal: Journal, write: Write) -> set[Key]:
    return {key for query in key_queries(write) for key in journal.matched(query)}
