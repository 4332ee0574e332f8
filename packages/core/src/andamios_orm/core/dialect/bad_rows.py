"""Find the row and the column of a bulk write that was refused, and say so.

The engine names a value, a key, a column or neither, never a row. The rows are still in memory, so they are
looked through, after the failure and on another connection to the database than the one that failed. A value
that does not fit its type is found by casting each column by itself, at first as texts, which is fast; what
is left is halved until it is one value. A key that exists already is found by comparing the texts of the keys
with the one that the engine printed.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
from sqlalchemy import Column, Index, PrimaryKeyConstraint, Table, UniqueConstraint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import TableClause

    from andamios_orm.core.dialect.bulk_plan import BulkPlan
    from andamios_orm.core.dialect.raw import Row

__all__ = ["UNREADABLE", "Place", "placed", "search"]

UNREADABLE = (duckdb.InvalidInputException, duckdb.NotImplementedException)
"""What DuckDB raises for a value of Python that it cannot read, as for a wrong call."""

_DUPLICATE = re.compile(r'duplicate key "(?P<key>.*)"', re.IGNORECASE | re.DOTALL)
_NOT_NULL = re.compile(r'NOT NULL constraint failed: .*?(?:"(?P<quoted>(?:[^"]|"")+)"|(?P<plain>[^".]+))$')

_FROM_TEXTS = "FROM (SELECT unnest(from_json($1, '[\"VARCHAR\"]')) AS v)"
"""Texts that come as one JSON text: DuckDB 1.5 takes seconds for a list of ten thousand."""

_TEXTUAL = frozenset(
    {type(None), bool, int, float, str, Decimal, dt.date, dt.datetime, dt.time, dt.timedelta, uuid.UUID}
)
"""The types of values that mean the same as their text."""

_Found = tuple[int, str | None]


class Place(NamedTuple):
    """Where a bulk write failed.

    Attributes:
        row: Index of the row, counted from 0.
        column: Name of the column; None where several make up the key.
        parameters: The row as it was sent.
    """

    row: int
    column: str | None
    parameters: Row


class _Key(NamedTuple):
    """A unique key, and the rows whose values are those that the engine printed."""

    columns: tuple[str, ...]
    rows: list[int]


def placed(text: str, table: str, rows: int, place: Place | None) -> str:
    """Return the ``text`` of an error with its place, at the end of its first line.

    Args:
        text: What was said.
        table: Name of the table.
        rows: How many rows were to be written.
        place: The one that it is about, where it is known.
    """
    where = f"{rows} rows" if place is None else f"row {place.row}"
    column = "" if place is None or place.column is None else f", column {place.column!r}"
    first, *rest = text.split("\n")
    return "\n".join([f"{first} (table {table}, {where}{column})", *rest])


def search(
    error: duckdb.Error, plan: BulkPlan, rows: Sequence[Row], connection: duckdb.DuckDBPyConnection
) -> Place | None:
    """Return the place that ``error`` is about; None where it cannot be told.

    Args:
        error: What the engine said.
        plan: How the rows were to be written.
        rows: The rows, as they were sent.
        connection: The connection that failed; it is left alone.
    """
    if not isinstance(error, (duckdb.IntegrityError, duckdb.DataError, *UNREADABLE)):
        # No fault of a row; and after a fatal one the database opens no further connection.
        return None
    with connection.cursor() as another:
        found = _searched(error, plan, [row[plan.shared :] for row in rows], another)
    return None if found is None else Place(*found, tuple(rows[found[0]]))


def _searched(
    error: duckdb.Error, plan: BulkPlan, rows: Sequence[Row], connection: duckdb.DuckDBPyConnection
) -> _Found | None:
    if isinstance(error, duckdb.IntegrityError):
        return _missing(error, plan, rows) or _duplicate(error, plan, rows, connection)
    return _unfit(plan, rows, connection)


def _missing(error: duckdb.Error, plan: BulkPlan, rows: Sequence[Row]) -> _Found | None:
    found = _NOT_NULL.search(str(error))
    column = None if found is None else found["plain"] or found["quoted"].replace('""', '"')
    if column not in plan.columns:
        return None
    position = plan.columns.index(column)
    return next(((number, column) for number, row in enumerate(rows) if row[position] is None), None)


def _duplicate(
    error: duckdb.Error, plan: BulkPlan, rows: Sequence[Row], connection: duckdb.DuckDBPyConnection
) -> _Found | None:
    found = _DUPLICATE.search(str(error))
    if found is None:
        return None
    keys = [
        _Key(columns, _rows_of(found["key"], columns, plan, rows, connection))
        for columns in _unique(plan.table)
        if set(columns) <= set(plan.columns)
    ]
    # The engine does not say which constraint it is. Where a key occurs twice, the second row is the bad one.
    likely = [key for key in keys if len(key.rows) > 1] or [key for key in keys if key.rows]
    if len(likely) != 1:
        return None
    key = likely[0]
    return key.rows[:2][-1], key.columns[0] if len(key.columns) == 1 else None


def _unique(table: TableClause) -> Iterator[tuple[str, ...]]:
    if not isinstance(table, Table):
        return
    for constraint in table.constraints:
        if isinstance(constraint, PrimaryKeyConstraint | UniqueConstraint) and constraint.columns:
            yield tuple(column.name for column in constraint.columns)
    for index in table.indexes:
        if index.unique and _has_only_columns(index):
            yield tuple(column.name for column in index.columns)


def _has_only_columns(index: Index) -> bool:
    return all(isinstance(expression, Column) for expression in index.expressions)


def _rows_of(
    printed: str,
    columns: Sequence[str],
    plan: BulkPlan,
    rows: Sequence[Row],
    connection: duckdb.DuckDBPyConnection,
) -> list[int]:
    # The engine prints a key that was committed before as "a: 1, b: x", one of this transaction as "1, x".
    positions = [plan.columns.index(column) for column in columns]
    texts = [
        _texts(connection, plan.types[position], [row[position] for row in rows]) for position in positions
    ]
    return [
        number
        for number, values in enumerate(zip(*texts, strict=True))
        if None not in values and printed in _printed(columns, values)
    ]


def _printed(columns: Sequence[str], values: Sequence[str]) -> tuple[str, str]:
    named = (f"{column}: {value}" for column, value in zip(columns, values, strict=True))
    return ", ".join(values), ", ".join(named)


def _texts(connection: duckdb.DuckDBPyConnection, type_: str, values: Sequence[Any]) -> list[Any]:
    try:
        texts = connection.execute(f"SELECT v::{type_}::VARCHAR {_FROM_TEXTS}", [_json_text(values)])
        return [text for (text,) in texts.fetchall()]
    except duckdb.Error:
        # A type that the failed transaction made, or one whose values are no texts.
        return [None if value is None else str(value) for value in values]


def _json_text(values: Sequence[Any]) -> str:
    return json.dumps([None if value is None else str(value) for value in values])


def _unfit(plan: BulkPlan, rows: Sequence[Row], connection: duckdb.DuckDBPyConnection) -> _Found | None:
    for position, (column, type_) in enumerate(zip(plan.columns, plan.types, strict=True)):
        values = [row[position] for row in rows]
        suspects = [] if column is None else _suspects(connection, type_, values)
        suspected = [values[number] for number in suspects]
        if not _casts(connection, type_, suspected):
            return suspects[_first_unfit(connection, type_, suspected)], column
    return None


def _suspects(connection: duckdb.DuckDBPyConnection, type_: str, values: Sequence[Any]) -> list[int]:
    # A textual value that casts as text is above suspicion; any other value may be the bad one.
    cast = f"SELECT v IS NULL OR TRY_CAST(v AS {type_}) IS NOT NULL {_FROM_TEXTS}"
    try:
        fits = [fit for (fit,) in connection.execute(cast, [_json_text(values)]).fetchall()]
    except duckdb.Error:
        return list(range(len(values)))
    return [n for n, value in enumerate(values) if not (fits[n] and type(value) in _TEXTUAL)]


def _first_unfit(connection: duckdb.DuckDBPyConnection, type_: str, values: Sequence[Any]) -> int:
    start, end = 0, len(values)
    while end - start > 1:
        middle = (start + end) // 2
        if _casts(connection, type_, values[start:middle]):
            start = middle
        else:
            end = middle
    return start


def _casts(connection: duckdb.DuckDBPyConnection, type_: str, values: Sequence[Any]) -> bool:
    try:
        connection.execute(f"SELECT unnest($1::{type_}[])", [list(values)]).fetchall()
    except duckdb.CatalogException:
        # A type that the failed transaction made, which other connections do not know.
        return True
    except (duckdb.Error, RuntimeError):
        # DuckDB 1.5 refuses text that is no valid Unicode with a RuntimeError.
        return False
    return True
