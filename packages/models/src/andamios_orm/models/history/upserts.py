"""Name who changed a row in an upsert: SQLAlchemy sets only what the statement names."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table

from andamios_orm.models.history.tables import history_of

__all__ = ["name_author"]

_COLUMN = "updated_by"


def name_author(
    connection: Connection, statement: Any, several: Any, parameters: Any, options: Any
) -> tuple[Any, Any, Any]:
    """Let an ``ON CONFLICT DO UPDATE`` of a table with a history set ``updated_by``, unless it does.

    It listens to ``before_execute``.
    """
    clause = getattr(statement, "_post_values_clause", None)
    if hasattr(clause, "update_values_to_set") and _is_recorded(statement.table):
        statement = _naming(statement, clause)
    return statement, several, parameters


def _is_recorded(table: Any) -> bool:
    return isinstance(table, Table) and history_of(table) is not None and _COLUMN in table.columns


def _naming(statement: Any, clause: Any) -> Any:
    present = clause.update_values_to_set
    if _COLUMN in {name if isinstance(name, str) else name.key for name in present}:
        return statement
    named, naming = statement._clone(), clause._clone()
    # As the row would have been inserted: by who acts, or who was given.
    naming.update_values_to_set = {**present, _COLUMN: statement.excluded[_COLUMN]}
    named._post_values_clause = naming
    return named
