"""Which UPDATEs of a flush replace the row, where DuckDB changes others in place.

DuckDB compares changes in place with one another, and replacements with replacements and deletions. Where a
transaction changes a row in place and another one replaces it, both commit, and the change in place is lost.
A row is replaced when a column is set that a key or an index has, or one of certain types.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from sqlalchemy import ForeignKeyConstraint, PrimaryKeyConstraint, TextClause, UniqueConstraint
from sqlalchemy.exc import CompileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Column, Table, Update
    from sqlalchemy.engine import Dialect

__all__ = ["replaces_row"]

_KEYS = (PrimaryKeyConstraint, UniqueConstraint, ForeignKeyConstraint)

_TYPES = re.compile(r"\[|\b(MAP|UNION|VARIANT|GEOMETRY)\b", re.IGNORECASE)
"""Types that are replaced, lists and arrays first, wherever they stand in the name of a type."""

_replaced: WeakKeyDictionary[Table, frozenset[Column[Any]]] = WeakKeyDictionary()


def replaces_row(statement: Update, table: Table, values: Mapping[str, Any], dialect: Dialect) -> bool:
    """Return whether DuckDB replaces the row that a flush updates.

    Args:
        statement: What the flush sends.
        table: The table that it updates. Its indexes are those that it has at its first UPDATE.
        values: The parameters, under the keys of their columns.
        dialect: The dialect of DuckDB.
    """
    if table not in _replaced:
        _replaced[table] = frozenset(_replaced_columns(table, dialect))
    expressions: Mapping[Any, Any] = statement._values or {}
    return any(column.key in values or column in expressions for column in _replaced[table])


def _replaced_columns(table: Table, dialect: Dialect) -> Iterator[Column[Any]]:
    for key in (constraint for constraint in table.constraints if isinstance(constraint, _KEYS)):
        yield from key.columns
    for index in table.indexes:
        # Which columns stand in SQL text is not known.
        is_text = any(isinstance(expression, TextClause) for expression in index.expressions)
        yield from table.columns if is_text else index.columns
    yield from (column for column in table.columns if _is_replaced(column, dialect))


def _is_replaced(column: Column[Any], dialect: Dialect) -> bool:
    try:
        name = dialect.type_compiler_instance.process(column.type)
    except CompileError:  # A type that has no name here may be any.
        return True
    return _TYPES.search(name) is not None
