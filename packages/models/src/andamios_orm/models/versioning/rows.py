"""Rows with a version: which tables have them, and the statements about one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast
from weakref import WeakKeyDictionary

from sqlalchemy import Table, bindparam, select, text
from sqlalchemy.orm import Mapper

from andamios_orm.core.errors import StaleVersionError

if TYPE_CHECKING:
    from sqlalchemy import Column, Connection, Select, TextClause, Update

__all__ = [
    "RAISED",
    "VersionedRow",
    "add_versioned",
    "stale",
    "version_column",
    "versioned_mapper",
    "written_row",
]


RAISED = "andamios_orm_raised"
"""The execution option of a statement that raises a version, and of an UPDATE for which it was raised before:
the row as it was."""


class VersionedRow(NamedTuple):
    """A row that is written only as long as it has this version."""

    mapper: Mapper[Any]
    key: tuple[Any, ...]
    expected: int

    def current(self) -> Select[Any]:
        """Return the query for the version that it has."""
        criteria = (column == value for column, value in zip(self.mapper.primary_key, self.key, strict=True))
        return select(version_column(self.mapper)).where(*criteria)

    def raised(self, connection: Connection) -> TextClause:
        """Return the statement that raises its version."""
        version, quote = version_column(self.mapper), connection.dialect.identifier_preparer.quote
        columns = [*self.mapper.primary_key, version]
        values = zip(columns, (*self.key, self.expected), strict=True)
        parameters = [
            bindparam(f"p{n}", value, type_=column.type) for n, (column, value) in enumerate(values)
        ]
        criteria = " AND ".join(f"{quote(column.name)} = :p{n}" for n, column in enumerate(columns))
        schema = connection.schema_for_object(version.table)
        table = ".".join(quote(name) for name in (schema, version.table.name) if name is not None)
        changed = f"{quote(version.name)} = {quote(version.name)} + 1"
        return text(f"UPDATE {table} SET {changed} WHERE {criteria}").bindparams(*parameters)  # noqa: S608 # names are quoted

    def describe(self, error: StaleVersionError, found: int | None) -> None:
        """Make an error tell of this row, and of the version that was found."""
        model, key = self.mapper.class_.__name__, self.key[0] if len(self.key) == 1 else self.key
        became = "it is gone" if found is None else f"it has version {found}"
        if found == self.expected:
            became = "another transaction is changing it"
        error.args = (
            f"{model} {key!r} was changed since it was read: it had version {self.expected}, and now "
            f"{became}. Load it again, and repeat the change",
        )
        error.model, error.key = model, key
        error.expected, error.found = self.expected, found


_mappers: WeakKeyDictionary[Table, Mapper[Any]] = WeakKeyDictionary()


def add_versioned(mapper: Mapper[Any]) -> None:
    """Make known that the rows of a mapper's table have a version."""
    _mappers[version_column(mapper).table] = mapper


def versioned_mapper(table: Any) -> Mapper[Any] | None:
    """Return the mapper of a table whose rows have a version; None for other tables."""
    return _mappers.get(table)


def version_column(mapper: Mapper[Any]) -> Column[Any]:
    """Return the column of the version, which for a class with several tables stands in the first one."""
    return cast("Column[Any]", mapper.version_id_col)


def written_row(statement: Update, values: Any) -> VersionedRow | None:
    """Return the row that a flush updates with these parameters; None where it has no version."""
    # Rows of a class with several tables are updated by one statement, which is marked with the table.
    mapper = versioned_mapper(statement._annotations.get("_emit_update_table", statement.table))
    if mapper is None:
        return None
    raised: VersionedRow | None = statement.get_execution_options().get(RAISED)
    if raised is not None:
        return raised
    # A flush names the parameters of its criteria after the labels of the columns.
    key = tuple(values[column._label] for column in mapper.primary_key)
    return VersionedRow(mapper, key, values[version_column(mapper)._label])


def stale(connection: Connection, row: VersionedRow) -> StaleVersionError:
    """Return the error for a row that has not got the version that it should have."""
    error = StaleVersionError("")
    row.describe(error, connection.scalar(row.current()))
    return error
