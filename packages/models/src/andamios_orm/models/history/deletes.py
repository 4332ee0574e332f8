"""Record what a DELETE removes, before it is sent: afterwards there is nothing left to copy."""

from __future__ import annotations

from andamios_orm.core.dml import Write
from andamios_orm.models.history.criteria import found_rows, named_keys
from andamios_orm.models.history.journal import Journal, moment
from andamios_orm.models.history.tables import key_columns

__all__ = ["record_delete"]


def record_delete(journal: Journal, write: Write, *, flushing: bool) -> None:
    """Write the last versions of the rows that a DELETE will remove.

    Raises:
        NotSupportedError: They cannot be told.
    """
    now = moment()
    named = named_keys(write, key_columns(journal.table), flushing=flushing)
    rows = found_rows(write) if named is None else []
    if journal.takes_queries and len(rows) == 1:
        found = journal.keep(rows[0]) if rows[0].criterion is None else rows[0]
        journal.close_found(found, now)
        journal.add_found("delete", found, now)
        journal.drop(found)
    else:
        keys = set(named or ()).union(*(journal.read(found.keys) for found in rows))
        journal.close(keys, now)
        journal.add("delete", keys, now)
