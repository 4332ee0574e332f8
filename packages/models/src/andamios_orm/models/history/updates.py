"""Which rows an UPDATE changes: told by the keys in its parameters, as in a flush, else by a query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column

from andamios_orm.core.dml import Write
from andamios_orm.core.keys import Key
from andamios_orm.models.history.changes import Changes, Finish
from andamios_orm.models.history.criteria import (
    finds_the_same_afterwards,
    found_rows,
    named_keys,
    refused,
)
from andamios_orm.models.history.found import FoundRows
from andamios_orm.models.history.journal import Journal, moment
from andamios_orm.models.history.tables import key_columns

__all__ = ["noted_update"]


def noted_update(journal: Journal, write: Write, *, flushing: bool) -> Finish:
    """Note the rows that an UPDATE will change.

    Raises:
        NotSupportedError: They cannot be told, or it computes keys.
    """
    keys = key_columns(journal.table)
    moved = [column for column in keys if write.sets(column)]
    changed = named_keys(write, keys, flushing=flushing)
    if moved:
        return _noted_move(write, keys, moved, changed)
    return _noted_query(journal, write, flushing=flushing) if changed is None else _unmoved(set(changed))


def _unmoved(keys: set[Key]) -> Finish:
    return lambda _: Changes(changed=keys, updated=keys)


def _noted_move(
    write: Write, keys: Sequence[Column[Any]], moved: Sequence[Column[Any]], changed: Sequence[Key] | None
) -> Finish:
    if changed is None or any(write.parameter(column) is None for column in moved):
        raise refused(write, "an UPDATE that computes primary keys", "set them in the objects, one by one")
    names = [write.parameter(column) for column in keys]
    updated = {
        tuple(old if name is None else row[name] for name, old in zip(names, key, strict=True))
        for row, key in zip(write.context.compiled_parameters, changed, strict=True)
    }
    return lambda _: Changes(changed=set(changed), updated=updated)


def _noted_query(journal: Journal, write: Write, *, flushing: bool) -> Finish:
    rows = found_rows(write)
    if flushing or len(rows) > 1 or not journal.takes_queries:
        # A flush needs the keys, to record all that it does to one row as one version.
        return _unmoved({key for found in rows for key in journal.read(found.keys)})
    noted = rows[0] if finds_the_same_afterwards(write) else journal.keep(rows[0])
    return lambda _: _record(journal, noted)


def _record(journal: Journal, rows: FoundRows) -> None:
    now = moment()
    journal.close_found(rows, now)
    journal.add_found("update", rows, now)
    journal.drop(rows)
