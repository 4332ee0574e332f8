"""Keys that DuckDB keeps for the time of a statement, in a temporary table of the connection.

An UPDATE may change what its own WHERE looks at, such as the status by which it finds its rows. Their keys
are kept beforehand, and do not pass through Python. A rollback removes the table.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ClauseElement, Executable, Select, column, select, table
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.visitors import InternalTraversal

from andamios_orm.models.history.found import FoundRows

__all__ = ["DropKept", "KeepKeys", "kept_rows"]


class KeepKeys(Executable, ClauseElement):
    """Make the temporary table with what a query finds; what it held before is gone.

    SQLAlchemy's own ``CREATE TABLE AS`` takes no parameters.
    """

    _traverse_internals = [  # noqa: RUF012 # as SQLAlchemy declares it
        ("name", InternalTraversal.dp_string),
        ("keys", InternalTraversal.dp_clauseelement),
    ]

    def __init__(self, name: str, keys: Select[Any]) -> None:
        self.name = name
        self.keys = keys


class DropKept(Executable, ClauseElement):
    """Remove the temporary table."""

    _traverse_internals = [("name", InternalTraversal.dp_string)]  # noqa: RUF012 # as SQLAlchemy declares it

    def __init__(self, name: str) -> None:
        self.name = name


def kept_rows(name: str, keys: Select[Any]) -> FoundRows:
    """Return the rows whose keys are kept in the temporary table that `KeepKeys` has made of ``keys``."""
    # It is no `Table`, because schema_translate_map would put a Table into a schema.
    source = table(name, *(column(str(key.key), key.type) for key in keys.selected_columns))
    return FoundRows(select(*source.c), None)


@compiles(KeepKeys)
def _keep(element: KeepKeys, compiler: Any, **options: Any) -> str:
    name = compiler.preparer.quote(element.name)
    return f"CREATE OR REPLACE TEMP TABLE {name} AS {compiler.process(element.keys, **options)}"


@compiles(DropKept)
def _drop(element: DropKept, compiler: Any, **options: Any) -> str:
    return f"DROP TABLE temp.{compiler.preparer.quote(element.name)}"
