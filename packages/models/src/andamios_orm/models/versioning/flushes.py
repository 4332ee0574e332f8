"""What a flush writes is compared: an UPDATE by its rowcount, a DELETE by raising the version before it.

On DuckDB the version is also raised before an UPDATE that replaces the row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, Update, event
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.base import instance_dict, instance_state

from andamios_orm.models.versioning.conflicts import FLUSHED
from andamios_orm.models.versioning.replaced import replaces_row
from andamios_orm.models.versioning.rows import (
    RAISED,
    VersionedRow,
    stale,
    version_column,
    versioned_mapper,
    written_row,
)

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection
    from sqlalchemy.orm import Mapper

__all__ = ["start"]


def start(model: type[Any]) -> None:
    """Compare from now on.

    Args:
        model: The base of the models whose objects are compared.
    """
    event.listen(Engine, "before_execute", _executing, retval=True)
    event.listen(Engine, "after_execute", _executed)
    event.listen(model, "before_delete", _deleting, propagate=True)


def _executing(
    connection: Connection, statement: Any, multiple: Any, single: Any, options: Any
) -> tuple[Any, Any, Any]:
    unchanged = (statement, multiple, single)
    if not isinstance(statement, Update) or FLUSHED not in options or connection.dialect.name != "duckdb":
        return unchanged
    row = written_row(statement, single)
    if row is None:
        return unchanged
    version = version_column(row.mapper)
    if not replaces_row(statement, version.table, single, connection.dialect):
        return unchanged
    _raise_version(connection, row)
    # The UPDATE compares the raised version, and sets the same one again.
    raised = {**single, version._label: row.expected + 1}
    return statement.execution_options(**{RAISED: row}), multiple, raised


def _executed(
    connection: Connection, statement: Any, multiple: Any, single: Any, options: Any, result: Any
) -> None:
    if not isinstance(statement, Update) or FLUSHED not in options or result.rowcount:
        return
    row = written_row(statement, single)
    if row is not None:
        raise stale(connection, row)


def _deleting(mapper: Mapper[Any], connection: Connection, instance: Any) -> None:
    version = version_column(mapper)
    base: Any = versioned_mapper(version.table)
    *key, expected = (_committed(mapper, instance, column) for column in (*base.primary_key, version))
    row = VersionedRow(base, tuple(key), expected)
    _raise_version(connection, row)
    # The DELETE compares the raised version. After a rollback the object loads its own again.
    set_committed_value(instance, mapper.get_property_by_column(version).key, expected + 1)


def _raise_version(connection: Connection, row: VersionedRow) -> None:
    if not connection.execute(row.raised(connection), execution_options={RAISED: row}).rowcount:
        raise stale(connection, row)


def _committed(mapper: Mapper[Any], instance: Any, column: ColumnElement[Any]) -> Any:
    read: Any = mapper._get_committed_state_attr_by_column
    return read(instance_state(instance), instance_dict(instance), column)
