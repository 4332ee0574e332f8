"""DuckDB's MERGE, as a statement of SQLAlchemy, and the values that a model adds to it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import (
    ClauseElement,
    Column,
    ColumnElement,
    Date,
    DateTime,
    Executable,
    FromClause,
    Table,
    Time,
    inspect,
    literal,
)
from sqlalchemy.ext.compiler import compiles

from andamios_orm.core.dialect.sequences import declared_sequence
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries.kinds import undecorated

__all__ = ["Merge", "Values", "added_values", "changed_values", "made_columns", "made_values"]

Values = dict[Column[Any], ColumnElement[Any]]
"""What columns get."""


class Merge(Executable, ClauseElement):
    """``MERGE INTO table USING rows``.

    Args:
        table: The table.
        rows: What is merged.
        criterion: When a row of them is a row of the table.
        changed: What the columns of such a row get; nothing leaves it as it is.
        added: The values of a new row.
    """

    inherit_cache = False

    def __init__(
        self, table: Table, rows: FromClause, criterion: ColumnElement[bool], changed: Values, added: Values
    ) -> None:
        self.table = table
        self.rows = rows
        self.criterion = criterion
        self.changed = changed
        self.added = added


@compiles(Merge, "duckdb")
def _compile_merge(element: Merge, compiler: Any, **options: Any) -> str:
    def sql(part: ClauseElement, **more: Any) -> str:
        return str(compiler.process(part, **options, **more))

    quote = compiler.preparer.quote
    given = ", ".join(f"{quote(column.name)} = {sql(value)}" for column, value in element.changed.items())
    names = ", ".join(quote(column.name) for column in element.added)
    values = ", ".join(sql(value) for value in element.added.values())
    clauses = [
        f"MERGE INTO {sql(element.table, asfrom=True)}",
        f"USING {sql(element.rows, asfrom=True)} ON {sql(element.criterion)}",
        f"WHEN MATCHED THEN UPDATE SET {given}" if given else "WHEN MATCHED THEN DO NOTHING",
        f"WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({values})",  # noqa: S608 # compiled by SQLAlchemy
    ]
    return " ".join(clauses)


def added_values(model: type[Any], given: Collection[Column[Any]]) -> Values:
    """Return what new rows get in columns that are not given, where it is the same, or SQL.

    What `made_columns` names is not among them, nor what the database fills in by itself.
    """
    mapper: Any = inspect(model)
    added = {
        column: value
        for column in mapper.local_table.columns
        if column not in given and (value := _default(column)) is not None
    }
    constants = [(mapper.polymorphic_on, mapper.polymorphic_identity)]
    if mapper.version_id_col is not None:
        constants.append((mapper.version_id_col, mapper.version_id_generator(None)))
    for column, constant in constants:
        if column is not None and column not in given:
            added[column] = literal(constant, column.type)
    return added


def changed_values(model: type[Any], given: Collection[Column[Any]]) -> Values:
    """Return what rows that change get in columns that are not given."""
    mapper: Any = inspect(model)
    columns = (column for column in mapper.local_table.columns if column not in given)
    changed = {
        column: value for column in columns if (value := _constant(column, column.onupdate)) is not None
    }
    version = mapper.version_id_col
    return changed if version is None else {**changed, version: version + 1}


def made_columns(model: type[Any], given: Collection[Column[Any]]) -> list[Column[Any]]:
    """Return the columns that are not given and for which a function makes a value for each new row."""
    mapper: Any = inspect(model)
    return [each for each in mapper.local_table.columns if each not in given and _is_made_for_each(each)]


def made_values(column: Column[Any], count: int) -> list[Any]:
    """Return what the function of a column makes for so many rows.

    Raises:
        ConfigurationError: It wants the other values of the row.
    """
    return [_made(column, column.default) for _ in range(count)]


def _is_made_for_each(column: Column[Any]) -> bool:
    # A moment is the same for all rows of a statement.
    default: Any = column.default
    is_moment = isinstance(undecorated(column.type), Date | DateTime | Time)
    return default is not None and default.is_callable and not is_moment


def _default(column: Column[Any]) -> ColumnElement[Any] | None:
    sequence = declared_sequence(column)
    if sequence is not None:
        return sequence.next_value()
    return None if _is_made_for_each(column) else _constant(column, column.default)


def _constant(column: Column[Any], default: Any) -> ColumnElement[Any] | None:
    if default is None or default.is_sequence:
        return None
    if default.is_clause_element:
        expression: ColumnElement[Any] = default.arg
        return expression
    return literal(_made(column, default) if default.is_callable else default.arg, column.type)


def _made(column: Column[Any], default: Any) -> Any:
    # SQLAlchemy wraps a callable that takes no argument; one that takes it wants the row's other values.
    if not hasattr(default.arg, "__wrapped__"):
        raise ConfigurationError(
            f"{column} is made by a function of the other values of a row, which merge_from() does not call: "
            "give it in the source"
        )
    return default.arg(None)
