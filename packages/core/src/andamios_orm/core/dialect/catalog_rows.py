"""Reading of the rows of DuckDB's catalog into the answers that SQLAlchemy wants.

A reader takes the rows of one relation, of which there is always one, and returns what they say of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import Integer, Row, String
from sqlalchemy.engine.reflection import ReflectionDefaults

from andamios_orm.core.dialect.catalog_text import WrittenColumn, fold, unwrapped, written_columns
from andamios_orm.core.dialect.identifiers import unquoted
from andamios_orm.core.dialect.type_names import parse_type

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import (
        ReflectedCheckConstraint,
        ReflectedColumn,
        ReflectedForeignKeyConstraint,
        ReflectedIndex,
        ReflectedPrimaryKeyConstraint,
        ReflectedTableComment,
        ReflectedUniqueConstraint,
    )
    from sqlalchemy.types import TypeEngine

__all__ = [
    "Rows",
    "check_constraints",
    "columns",
    "comment",
    "definition",
    "foreign_keys",
    "indexes",
    "options",
    "primary_key",
    "unique_constraints",
]

Rows: TypeAlias = Sequence[Row[Any]]

_NOTHING_WRITTEN = WrittenColumn(expression=None, collation=None)


def _present(rows: Rows, key: str) -> Rows:
    """Leave out the row of NULLs that stands for a relation without details."""
    return [row for row in rows if getattr(row, key) is not None]


def columns(rows: Rows) -> list[ReflectedColumn]:
    """Return the columns of a relation."""
    written = written_columns(rows[0].sql) if rows[0].sql else {}
    found = [
        _column(row, written.get(row.column_name, _NOTHING_WRITTEN)) for row in _present(rows, "column_name")
    ]
    generated = [column for column in found if column["autoincrement"]]
    for column in generated[1:]:  # SQLAlchemy knows one at most
        column["autoincrement"] = False
    return found


def _column(row: Row[Any], written: WrittenColumn) -> ReflectedColumn:
    type_ = parse_type(row.data_type)
    if written.collation is not None and isinstance(type_, String):
        type_.collation = written.collation
    column: ReflectedColumn = {
        "name": row.column_name,
        "type": type_,
        "nullable": row.is_nullable,
        "default": row.column_default if written.expression is None else None,
        "autoincrement": _is_generated_key(row, type_),
        "comment": row.comment,
    }
    if written.expression is not None:
        column["computed"] = {"sqltext": written.expression, "persisted": False}
    return column


def _is_generated_key(row: Row[Any], type_: TypeEngine[Any]) -> bool:
    """Tell whether a column is an integer of the primary key that draws its values from a sequence."""
    return (
        isinstance(type_, Integer)
        and row.column_index - 1 in (row.primary_key or ())
        and str(row.column_default).startswith("nextval(")
    )


def primary_key(rows: Rows) -> ReflectedPrimaryKeyConstraint:
    """Return the primary key of a relation."""
    for row in _present(rows, "positions"):
        return {"constrained_columns": _constrained(row), "name": None}
    return ReflectionDefaults.pk_constraint()


def unique_constraints(rows: Rows) -> list[ReflectedUniqueConstraint]:
    """Return the unique constraints of a relation."""
    return [{"column_names": _constrained(row), "name": None} for row in _present(rows, "positions")]


def check_constraints(rows: Rows) -> list[ReflectedCheckConstraint]:
    """Return the check constraints of a relation."""
    return [{"sqltext": unwrapped(row.expression), "name": None} for row in _present(rows, "expression")]


def foreign_keys(rows: Rows, schema: str | None) -> list[ReflectedForeignKeyConstraint]:
    """Return the foreign keys of a relation, which lead to the schema that was asked for."""
    return [_foreign_key(row, schema) for row in _present(rows, "positions")]


def _foreign_key(row: Row[Any], schema: str | None) -> ReflectedForeignKeyConstraint:
    true_names = {fold(name): name for name in row.referred_names or ()}
    return {
        "name": None,
        "constrained_columns": _constrained(row),
        "referred_schema": schema,
        "referred_table": row.referred_table,
        "referred_columns": [true_names.get(fold(name), name) for name in row.referred_columns],
        "options": {},
    }


def _constrained(row: Row[Any]) -> list[str]:
    return [row.names[position] for position in row.positions]


def indexes(rows: Rows) -> list[ReflectedIndex]:
    """Return the indexes of a relation."""
    return [_index(row) for row in _present(rows, "index_name")]


def _index(row: Row[Any]) -> ReflectedIndex:
    true_names = {fold(name): name for name in row.names}
    columns = [
        None if element.startswith("(") else true_names[fold(unquoted(element))] for element in row.elements
    ]
    index: ReflectedIndex = {
        "name": row.index_name,
        "column_names": columns,
        "unique": row.is_unique,
        "dialect_options": {},
    }
    if None in columns:
        index["expressions"] = [
            name or _expression(text) for name, text in zip(columns, row.elements, strict=True)
        ]
    return index


def _expression(element: str) -> str:
    """Return an expression of an index in one pair of parentheses, as CREATE INDEX takes it."""
    return f"({unwrapped(element)})"


def comment(rows: Rows) -> ReflectedTableComment:
    """Return the comment on a relation."""
    return {"text": rows[0].comment}


def options(rows: Rows) -> dict[str, Any]:
    """Return nothing: relations have no options."""
    return ReflectionDefaults.table_options()


def definition(rows: Rows) -> str:
    """Return the statement that created a relation."""
    sql: str = rows[0].sql
    return sql
