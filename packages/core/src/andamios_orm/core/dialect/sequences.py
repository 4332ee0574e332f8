"""Find the sequence behind a generated integer key.

DuckDB has neither SERIAL nor IDENTITY. An integer primary key that SQLAlchemy takes for generated gets a
sequence of its own, named as PostgreSQL names those of SERIAL columns, in the schema of the table, and the
column a default that draws from it. A column with ``Identity()`` gets one in the same way, with the options
of the identity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Sequence

if TYPE_CHECKING:
    from sqlalchemy import Column

__all__ = ["declared_sequence", "implicit_sequence"]

_IDENTITY_ONLY = ("always", "on_null")


def implicit_sequence(column: Column[Any]) -> Sequence | None:
    """Return the sequence that comes and goes with the column's table, or None where it has none."""
    if column.identity is not None:
        options = {
            name: value for name, value in column.identity._as_dict().items() if name not in _IDENTITY_ONLY
        }
        return _sequence(column, **options)
    declared = declared_sequence(column)
    if (
        column is not column.table._autoincrement_column
        or column.server_default is not None
        or declared is not None
    ):
        return None
    return _sequence(column) if column.default is None or column.default.is_sequence else None


def declared_sequence(column: Column[Any]) -> Sequence | None:
    """Return the sequence that the column was declared with, unless it is an optional one."""
    default = column.default
    return default if isinstance(default, Sequence) and not default.optional else None


def _sequence(column: Column[Any], **options: Any) -> Sequence:
    table = column.table
    return Sequence(f"{table.name}_{column.name}_seq", schema=table.schema, **options)
