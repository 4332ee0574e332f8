"""Read what a statement gave: its rows, their description, or how many rows it touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import duckdb

    from andamios_orm.core.dialect.parser import ParsedStatement

__all__ = ["NOTHING", "SLICE", "Description", "Outcome", "Row", "read_description", "read_outcome"]

Description = list[tuple[Any, ...]]
Row = tuple[Any, ...]

SLICE = 2_048
"""Rows of one fetch, as many as a vector of the engine holds: a few milliseconds.

A fetch holds the interpreter's lock, and with it the event loop.
"""


class Outcome(NamedTuple):
    """What one statement gave: its rows, their description, how many it touched (-1: not told)."""

    rows: list[Row]
    description: Description | None
    rowcount: int


NOTHING = Outcome([], None, -1)
"""The outcome of a statement that neither gives nor counts rows."""


def read_outcome(connection: duckdb.DuckDBPyConnection, statement: ParsedStatement) -> Outcome:
    """Return what ``statement``, which was executed just now, gave."""
    if not statement.query and not statement.write:
        return NOTHING
    rows, description = _rows(connection), read_description(connection)
    if statement.write and not statement.returning and [name for name, *_ in description] == ["Count"]:
        return Outcome([], None, rows[0][0])
    return Outcome(rows, description, len(rows))


def read_description(connection: duckdb.DuckDBPyConnection) -> Description:
    """Return the columns of the present result as PEP 249 describes them, types by name."""
    return [(name, str(kind), *rest) for name, kind, *rest in connection.description]


def _rows(connection: duckdb.DuckDBPyConnection) -> list[Row]:
    rows = connection.fetchmany(SLICE)
    if len(rows) == SLICE:
        while part := connection.fetchmany(SLICE):
            rows += part
    return rows
