"""Keys of rows: as values, and as something that a statement selects from.

A key is the tuple of the values of some columns: as Python has them, of what is written, or in the engine's
own words, of what is in the database. Only the words come back to it as they were, whatever a type makes of a
value on its way to Python. However many keys there are, they travel to DuckDB as one parameter for each
column.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Column,
    String,
    and_,
    bindparam,
    cast,
    func,
    literal_column,
    select,
)

from andamios_orm.core._types.lists import LIST

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement, FromClause, Subquery
    from sqlalchemy.engine import Dialect

__all__ = ["Key", "columns_in", "equal", "key_list", "word_list", "words"]

Key = tuple[Any, ...]
"""The values of some columns, none of which is None."""

_TEXTS = frozenset({str, int, Decimal, uuid.UUID, dt.date})
"""Types of values that a cast of their text gives back exactly."""


def key_list(columns: Sequence[Column[Any]], keys: Iterable[Key], dialect: Dialect) -> Subquery:
    """Return ``keys``, which are values of ``columns`` as Python has them, as something to select from.

    Its columns stand in the order of ``columns``. Only DuckDB understands it.
    """
    given = zip(columns, zip(*keys, strict=True), strict=True)
    return _listed(_unnested(column, values, dialect) for column, values in given)


def word_list(columns: Sequence[Column[Any]], keys: Iterable[Key]) -> Subquery:
    """Return ``keys``, which are values of ``columns`` in the engine's words, as something to select from."""
    given = zip(columns, zip(*keys, strict=True), strict=True)
    return _listed(_read(column, texts) for column, texts in given)


def words(columns: Iterable[ColumnElement[Any]]) -> list[ColumnElement[Any]]:
    """Return ``columns`` in the engine's words, which it reads back as the same values."""
    return [cast(column, String) for column in columns]


def columns_in(table: FromClause, columns: Iterable[Column[Any]]) -> list[ColumnElement[Any]]:
    """Return ``columns`` as ``table``, which may be an alias of theirs, has them."""
    return [table.c[column.key] for column in columns]


def equal(left: Iterable[ColumnElement[Any]], right: Iterable[ColumnElement[Any]]) -> ColumnElement[bool]:
    """Compare columns with columns, pair by pair."""
    return and_(*(one == other for one, other in zip(left, right, strict=True)))


def _listed(columns: Iterable[ColumnElement[Any]]) -> Subquery:
    return select(*(column.label(f"k{number}") for number, column in enumerate(columns))).subquery()


def _unnested(column: Column[Any], values: Sequence[Any], dialect: Dialect) -> ColumnElement[Any]:
    implementation: Any = column.type.dialect_impl(dialect)
    process = column.type._cached_bind_processor(dialect)
    sent = values if process is None else [process(value) for value in values]
    listed: ColumnElement[Any]
    if _TEXTS.issuperset(map(type, sent)):
        # DuckDB 1.5 takes 100 microseconds for each value of a list, and next to nothing for a text.
        listed = _read(column, list(map(str, sent)))
    else:
        listed = func.unnest(bindparam(None, list(values), LIST(column.type), unique=True), type_=column.type)
    # A type that puts a function around a parameter gets it around the list.
    return implementation.bind_expression(listed) if implementation._has_bind_expression else listed


def _read(column: Column[Any], texts: Sequence[str]) -> ColumnElement[Any]:
    listed = bindparam(None, json.dumps(texts), String, unique=True)
    return cast(func.unnest(func.from_json(listed, literal_column("""'["VARCHAR"]'"""))), column.type)
