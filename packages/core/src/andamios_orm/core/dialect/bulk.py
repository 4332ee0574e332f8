"""Write the many rows of one statement the columnar way.

The rows go by the appender, or as one list parameter for each column, as `bulk_plan` says; each is about a
hundred times faster than row by row. DuckDB 1.5 has no appender, and takes 100 microseconds for each value of
a list, so there a column of plain values travels as one JSON text. Rows whose values would be others in a
list go one by one.

Keys that a sequence generates are drawn from it in one block beforehand, so that they are known without
asking for them. All rows are written or none; where it can be told, an error names the row and the column.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb
from sqlalchemy.sql.compiler import _InsertManyValuesBatch

from andamios_orm.core._types.elements import KEEPS_NAN, spelt
from andamios_orm.core.dialect import bad_rows
from andamios_orm.core.dialect.bulk_plan import NEXTVAL, statement_plan
from andamios_orm.core.dialect.bulk_values import are_alike, are_exact
from andamios_orm.core.dialect.identifiers import string_literal
from andamios_orm.core.dialect.raw import NOTHING, Outcome, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy.sql.compiler import SQLCompiler

    from andamios_orm.core.dialect.bulk_plan import AppendPlan, BulkPlan
    from andamios_orm.core.dialect.raw import RawConnection

__all__ = ["BulkRows", "batches", "slices", "write"]

T = TypeVar("T")

_SLICE = 250
"""Rows of one call, which holds the interpreter's lock for a millisecond, and with it the event loop."""

_LISTS_SLICE = 10_000
"""Rows of one statement with list parameters."""

_HAS_APPENDER = hasattr(duckdb.DuckDBPyConnection, "appender")
"""Whether this is DuckDB 2, whose lists are fast too."""

_NONE = frozenset({type(None)})
_WHOLE = _NONE | {int}
_PLAIN: dict[str, frozenset[type]] = {
    **dict.fromkeys(("VARCHAR", "TEXT", "CHAR"), _NONE | {str}),
    "BOOLEAN": _NONE | {bool},
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), _WHOLE),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"), _WHOLE),
    **dict.fromkeys(("REAL", "FLOAT", "DOUBLE"), _WHOLE | {float}),
    "DECIMAL": _WHOLE | {Decimal},
    "DATE": _NONE | {dt.date},
    "TIME": _NONE | {dt.time},
    "TIMESTAMP": _NONE | {dt.datetime},
    "TIMESTAMP WITH TIME ZONE": _NONE | {dt.datetime},
    "UUID": _NONE | {uuid.UUID},
}
"""The types of values that a cast of their text gives back exactly, by the type of the column."""


class BulkRows(tuple[Any, ...]):
    """The rows of one statement, each a sequence of values, and how they are written.

    Attributes:
        plan: How.
        place: Which of them was refused, after a failure and where that could be told.
    """

    plan: BulkPlan
    place: bad_rows.Place | None
    _convert: Callable[[], Sequence[Row]] | None

    @classmethod
    def of(
        cls,
        rows: Iterable[Sequence[Any]],
        plan: BulkPlan,
        convert: Callable[[], Sequence[Row]] | None = None,
    ) -> BulkRows:
        """Return ``rows`` with their plan.

        Args:
            rows: The rows.
            plan: How they are written.
            convert: Makes parameters of them, on the thread that writes them; None where they are some.
        """
        self = cls(rows)
        self.plan = plan
        self.place = None
        self._convert = convert
        return self

    def parameters(self) -> Sequence[Row]:
        """Return the rows as they are sent."""
        return self if self._convert is None else self._convert()


def batches(
    compiled: SQLCompiler,
    statement: str,
    parameters: Sequence[Sequence[Any]],
    values: Sequence[Mapping[str, Any]],
    translate: Callable[[str], str],
) -> Iterator[_InsertManyValuesBatch]:
    """Divide the rows of an INSERT into what is sent at once: all by a plan, or one by one without.

    Args:
        compiled: The INSERT.
        statement: Its text, schemas translated.
        parameters: The parameters of each row.
        values: The values of each row by name, as they were before types converted them.
        translate: Puts the schemas of this execution into a text.
    """
    plan = statement_plan(compiled, statement, translate)
    if plan is not None:
        yield _batch(compiled._insertmanyvalues, BulkRows.of(parameters, plan), values)
        return
    for number, row in enumerate(parameters, 1):
        yield _InsertManyValuesBatch(
            statement, tuple(row), None, [row], [], 1, number, len(parameters), True, True
        )


def _batch(insert: Any, rows: BulkRows, values: Sequence[Mapping[str, Any]]) -> _InsertManyValuesBatch:
    keys = insert.sentinel_param_keys or ()
    return _InsertManyValuesBatch(
        replaced_statement=rows.plan.statement(),
        replaced_parameters=rows,
        processed_setinputsizes=None,
        batch=rows,
        sentinel_values=[_sentinel(row, keys) for row in values] if keys else [],
        current_batch_size=len(rows),
        batchnum=1,
        total_batches=1,
        rows_sorted=True,
        # Else SQLAlchemy would sort the returned rows by the generated key. They are in order already, and a
        # sequence may descend, or start anew.
        is_downgraded=insert.implicit_sentinel,
    )


def _sentinel(row: Mapping[str, Any], keys: Sequence[str]) -> Any:
    return row[keys[0]] if len(keys) == 1 else tuple(row[key] for key in keys)


def write(raw: RawConnection, rows: BulkRows) -> Outcome:
    """Write ``rows``, all or none; return the rows of the RETURNING clause in the order of ``rows``.

    Raises:
        duckdb.Error: The engine refused; ``rows.place`` says which of them, where that can be told.
        DataError: A type does not convert a value; nothing was sent.
    """
    parameters = rows.parameters()
    try:
        with raw.atomic():
            return _written(raw, rows.plan, parameters)
    except duckdb.Error as error:
        rows.place = bad_rows.search(error, rows.plan, parameters, raw.duckdb)
        raise


def _written(raw: RawConnection, plan: BulkPlan, rows: Sequence[Row]) -> Outcome:
    by_appender = plan.append if _HAS_APPENDER else None
    appended = None if by_appender is None else _append(raw, by_appender, rows)
    return _write_lists(raw, plan, rows) if appended is None else appended


def _append(raw: RawConnection, how: AppendPlan, rows: Sequence[Row]) -> Outcome | None:
    # Returns None, with nothing written, where the table's key is not drawn from a sequence.
    if how.key is None:
        raw.call(lambda connection: _append_rows(connection, how.table, how.columns, rows))
        return Outcome([], None, len(rows))
    draw = how.draw or _default(raw, how.table, how.key)
    if not re.fullmatch(NEXTVAL, draw):
        return None
    drawn = raw.execute(f"SELECT {draw} FROM range($1)", [len(rows)])
    keyed = ((*row, key) for row, (key,) in zip(rows, drawn.rows, strict=True))
    columns = (*how.columns, how.key)
    raw.call(lambda connection: _append_rows(connection, how.table, columns, keyed))
    if not how.returned:
        return Outcome([], None, len(rows))
    description = [(how.key, *(drawn.description or [()])[0][1:])] * how.returned
    return Outcome([key * how.returned for key in drawn.rows], description, len(rows))


def _default(raw: RawConnection, table: str, column: str) -> str:
    asked = raw.execute(
        f"SELECT dflt_value FROM pragma_table_info({string_literal(table)}) WHERE name = $1", [column]
    )
    return next((str(default) for (default,) in asked.rows), "")


def _append_rows(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str], rows: Iterable[Row]
) -> None:
    with connection.appender(table, columns=list(columns)) as appender:
        for part in slices(rows):
            appender.append_rows(part)


def _write_lists(raw: RawConnection, plan: BulkPlan, rows: Sequence[Row]) -> Outcome:
    returned, counted, last = list[Row](), 0, NOTHING
    for part in slices(rows, _LISTS_SLICE):
        for last in _parts_written(raw, plan, part):
            returned += last.rows
            counted += last.rowcount
    return Outcome(returned, last.description, counted)


def _parts_written(raw: RawConnection, plan: BulkPlan, rows: Sequence[Row]) -> Iterator[Outcome]:
    columns = [list(column) for column in zip(*(row[plan.shared :] for row in rows), strict=True)]
    texts = () if _HAS_APPENDER else _plain_positions(columns, plan.types)
    if not _mean_the_same(plan, columns, texts):
        yield from (raw.execute(plan.single, row) for row in rows)
        return
    sent = [
        _json_text(column) if position in texts else _sent(column) for position, column in enumerate(columns)
    ]
    yield raw.execute(plan.statement(texts), [*rows[0][: plan.shared], *sent])


def _mean_the_same(plan: BulkPlan, columns: Sequence[list[Any]], texts: Collection[int]) -> bool:
    # A parameter in an expression has the type that SQLAlchemy takes it for, and not that of its value.
    return all(
        are_exact(column, type_) if name is None else position in texts or are_alike(column, type_)
        for position, (name, column, type_) in enumerate(zip(plan.columns, columns, plan.types, strict=True))
    )


def _plain_positions(columns: Sequence[list[Any]], types: Sequence[str]) -> set[int]:
    # The positions of the columns whose values survive the way through text and a cast unchanged.
    return {
        position
        for position, (column, type_) in enumerate(zip(columns, types, strict=True))
        if set(map(type, column)) <= _PLAIN.get(type_.partition("(")[0], _NONE)
        and not (type_ == "TIMESTAMP" and _any_aware(column))
    }


def _any_aware(column: list[Any]) -> bool:
    # A moment with a zone is converted to the zone of the connection, a text with one is not.
    return any(value is not None and value.tzinfo is not None for value in column)


def _sent(values: list[Any]) -> list[Any]:
    return values if KEEPS_NAN else list(map(spelt, values))


def _json_text(values: list[Any]) -> str:
    return json.dumps([value if value is None or type(value) is str else str(value) for value in values])


def slices(rows: Iterable[T], size: int = _SLICE) -> Iterator[list[T]]:
    """Return ``rows`` in parts of ``size``, by default so few that the event loop gets its turns."""
    remaining = iter(rows)
    while part := list(islice(remaining, size)):
        yield part
