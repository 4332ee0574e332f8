"""The history table of a table: the same columns without their constraints, and who, what and when.

It belongs to the same MetaData, so it is created, dropped and migrated with the table that it follows. A
column that the table gets later, the history gets too.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Column, DateTime, Table, Text, event
from sqlalchemy.dialects.mysql import DATETIME
from sqlalchemy.sql.base import SchemaEventTarget
from sqlalchemy.sql.schema import BLANK_SCHEMA
from sqlalchemy.types import TypeEngine

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.models.timestamps import UTCDateTime

__all__ = ["OWN_COLUMNS", "add_history", "history_of", "key_columns"]

_HISTORY = "andamios_orm_history"
"""The key in a Table's ``info`` that tells that it has a history."""


class _Moment(UTCDateTime):
    """To the microsecond everywhere, because that is what orders versions."""

    impl = DateTime(timezone=True).with_variant(DATETIME(fsp=6), "mysql", "mariadb")
    cache_ok = True


def _own() -> list[Column[Any]]:
    return [
        Column("operation", Text, nullable=False),
        Column("actor", Text),
        Column("correlation_id", Text),
        Column("valid_from", _Moment, nullable=False),
        Column("valid_to", _Moment),
    ]


OWN_COLUMNS = tuple(column.name for column in _own())
"""The names of the columns of a history table that are not those of its table, in their order."""


class _FollowingColumn(Column[Any]):
    """A column whose type is always that of another.

    The type of a foreign key is often known only when the table that it refers to is.
    """

    inherit_cache = True

    def __init__(self, followed: Column[Any]) -> None:
        self._followed = followed
        self._own_type: TypeEngine[Any] | None = None
        super().__init__(followed.name, key=followed.key, nullable=True)
        if isinstance(followed.type, SchemaEventTarget):
            # Some types, such as Enum, belong to one column and cannot be shared.
            self._own_type = followed.type.copy()
            self._own_type._set_parent_with_dispatch(self)

    @property
    def _constructor(self) -> type[Column[Any]]:  # type: ignore[override] # SQLAlchemy's is not a property
        # SQLAlchemy makes copies with it. A copy is a plain column, with the type that this one has now.
        return Column

    @property
    def type(self) -> TypeEngine[Any]:
        return self._own_type or self._followed.type

    @type.setter
    def type(self, value: TypeEngine[Any]) -> None:
        """Leave it to the followed column."""


def history_of(table: Table) -> Table | None:
    """Return the history table of ``table``; None where it has none.

    A copy of a table in another MetaData has the copy of its history.
    """
    return table.metadata.tables.get(_history_key(table)) if _HISTORY in table.info else None


def _history_key(table: Table) -> str:
    return f"{table.key}_history"


def key_columns(table: Table) -> list[Column[Any]]:
    """Return the columns that tell which row of ``table`` a version is one of."""
    return list(table.primary_key.columns)


def add_history(table: Table) -> Table:
    """Return the history table of ``table``, made now if there was none.

    Raises:
        ConfigurationError: The name of the table or of a column of it is taken.
    """
    present = history_of(table)
    if present is not None:
        return present
    name, schema = f"{table.name}_history", table.schema or BLANK_SCHEMA
    if _history_key(table) in table.metadata.tables:
        raise ConfigurationError(
            f"the history of {table.name} would be called {name}, and another table is: rename that one"
        )
    for column in table.columns:
        _refuse_taken(column)
    _start()
    history = Table(name, table.metadata, *map(_FollowingColumn, table.columns), *_own(), schema=schema)
    table.info[_HISTORY] = True
    return history


def _refuse_taken(column: Column[Any]) -> None:
    if column.name in OWN_COLUMNS or column.key in OWN_COLUMNS:
        table, name = column.table.name, column.name
        raise ConfigurationError(
            f"{table}.{name} has the name of a column that its history has for itself: call it something "
            f'else in the database, as in mapped_column("{table}_{name}")'
        )


@cache
def _start() -> None:
    # The first table with a history begins it.
    event.listen(Column, "after_parent_attach", _attached)


def _attached(column: Column[Any], parent: Any) -> None:
    history = history_of(parent) if isinstance(parent, Table) else None
    if history is None:
        return
    _refuse_taken(column)
    if column.key not in history.columns:
        history.append_column(_FollowingColumn(column))
