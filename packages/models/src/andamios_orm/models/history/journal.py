"""The statements that write versions: set-based, so that a thousand rows cost little more than one.

The values of a version never pass through Python: ``INSERT INTO history SELECT .. FROM table`` copies what
the database holds, defaults that it made and encrypted text included.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    Table,
    literal,
    literal_column,
    null,
    select,
    tuple_,
    type_coerce,
    update,
)
from sqlalchemy.types import NULLTYPE

from andamios_orm.core import current_correlation_id
from andamios_orm.core.dml import ALL_ROWS
from andamios_orm.core.errors import NotSupportedError
from andamios_orm.core.keys import Key, columns_in, equal, key_list
from andamios_orm.models.actors import current_actor
from andamios_orm.models.history.found import FoundRows
from andamios_orm.models.history.kept import DropKept, KeepKeys, kept_rows
from andamios_orm.models.history.tables import OWN_COLUMNS, key_columns
from andamios_orm.models.history.versions import Operation

__all__ = ["Journal", "moment"]

_CHUNK = 400
"""Keys of one statement, on a backend that does not take them as a list."""

_lock = threading.Lock()
_last = datetime.min.replace(tzinfo=UTC)


def moment() -> datetime:
    """Return the present moment in UTC, later than any that was returned before in this process.

    So the versions of a row have an order, and none is empty.
    """
    global _last
    with _lock:
        _last = max(datetime.now(UTC), _last + timedelta(microseconds=1))
        return _last


class Journal(NamedTuple):
    """The history of one table, as one transaction writes it."""

    connection: Connection
    table: Table
    history: Table
    schemas: dict[str | None, str | None]
    """SQLAlchemy's ``schema_translate_map`` of the statement that is recorded."""

    @property
    def takes_queries(self) -> bool:
        """Whether rows can be told by a query for their keys, which then do not pass through Python."""
        return self.connection.dialect.name == "duckdb"

    def add(self, operation: Operation, keys: Collection[Key], now: datetime) -> None:
        """Write a version of each row of the table that has one of ``keys``."""
        for criterion in self._among(key_columns(self.table), keys):
            self._copy(self._stamped(operation, now).where(criterion))

    def close(self, keys: Collection[Key], now: datetime) -> None:
        """End the present versions of the rows with one of ``keys``."""
        for criterion in self._among(self._history_key(), keys):
            self._close(criterion, now)

    def add_since(self, mark: int) -> None:
        """Write the first version of the rows that were inserted after `mark` was asked for."""
        self._copy(self._stamped("insert", moment()).where(literal_column("rowid") > mark))

    def mark(self) -> int:
        """Return what tells rows that are inserted from now on from those that are there.

        In DuckDB the row ids of what a transaction has inserted follow those of all else that it sees.

        Raises:
            NotSupportedError: There are no such row ids.
        """
        backend, columns = self.connection.dialect.name, self.table.columns
        if backend != "duckdb" or any(column.name.lower() == "rowid" for column in columns):
            raise NotSupportedError.of(
                backend,
                f"recording an INSERT whose keys the database makes in the history of {self.table.name}",
                "use session.add_all(), or give the keys",
            )
        latest: Select[Any] = select(literal_column("max(rowid)")).select_from(self.table)
        found = self._execute(latest).scalar_one()
        return -1 if found is None else int(found)

    def keep(self, rows: FoundRows) -> FoundRows:
        """Return the rows that are found now, as they are found until `drop`."""
        self._execute(KeepKeys(self._kept_name, rows.keys))
        return kept_rows(self._kept_name, rows.keys)

    def drop(self, rows: FoundRows) -> None:
        """Forget the keys of rows, if they were kept."""
        if rows.criterion is None:
            self._execute(DropKept(self._kept_name))

    def add_found(self, operation: Operation, rows: FoundRows, now: datetime) -> None:
        """Write a version of each row that is found; rows without a criterion are to be kept beforehand."""
        versions = self._stamped(operation, now)
        if rows.criterion is None:
            keys = rows.keys.subquery()
            versions = versions.join(keys, equal(key_columns(self.table), keys.c))
        else:
            versions = versions.where(rows.criterion)
        self._copy(versions)

    def close_found(self, rows: FoundRows, now: datetime) -> None:
        """End the present versions of the rows that are found; see `add_found`."""
        # A join, because DuckDB takes twice as long for the same rows with IN.
        self._close(equal(self._history_key(), rows.keys.subquery().c), now)

    def found(self, columns: Sequence[Column[Any]], keys: Collection[Key]) -> set[Key]:
        """Return the primary keys of the rows whose ``columns`` have one of ``keys``."""
        found: set[Key] = set()
        for criterion in self._among(columns, keys):
            found |= self.read(select(*key_columns(self.table)).where(criterion))
        return found

    def read(self, keys: Select[Any]) -> set[Key]:
        """Return the primary keys that a query finds."""
        return set(map(tuple, self._execute(keys)))

    def _among(self, columns: Sequence[Column[Any]], keys: Collection[Key]) -> Iterator[ColumnElement[bool]]:
        # Returns criteria that together find the rows whose columns have one of the keys.
        if len(keys) == 1:
            (key,) = keys
            values = (literal(value, column.type) for value, column in zip(key, columns, strict=True))
            yield equal(columns, values)
        elif keys and self.takes_queries:
            listed = key_list(columns, keys, self.connection.dialect)
            yield tuple_(*columns).in_(select(*listed.c))
        else:
            remaining = list(keys)
            for start in range(0, len(remaining), _CHUNK):
                yield tuple_(*columns).in_(remaining[start : start + _CHUNK])

    @property
    def _kept_name(self) -> str:
        return f"andamios_orm_kept_{self.table.name}"

    def _history_key(self) -> list[Column[Any]]:
        return [self.history.c[column.key] for column in key_columns(self.table)]

    def _close(self, criterion: ColumnElement[bool], now: datetime) -> None:
        history = self.history
        self._execute(update(history).where(history.c.valid_to.is_(None), criterion).values(valid_to=now))

    def _stamped(self, operation: Operation, now: datetime) -> Select[Any]:
        # Returns the query for the rows of the table as versions, in the order of the history's columns.
        own = self.history.c
        stamp: list[ColumnElement[Any]] = [
            literal(operation),
            literal(current_actor(), own.actor.type),
            literal(current_correlation_id(), own.correlation_id.type),
            literal(now, own.valid_from.type),
            literal(now, own.valid_to.type) if operation == "delete" else null(),
        ]
        # The columns lose their types, because some types would put a function around them.
        columns: list[ColumnElement[Any]] = [type_coerce(column, NULLTYPE) for column in self.table.columns]
        return select(*columns, *stamp)

    def _copy(self, versions: Select[Any]) -> None:
        own = (self.history.c[name] for name in OWN_COLUMNS)
        names = [*columns_in(self.history, self.table.columns), *own]
        self._execute(self.history.insert().from_select(names, versions, include_defaults=False))

    def _execute(self, statement: Any) -> Any:
        options = {"schema_translate_map": self.schemas, ALL_ROWS: True}
        return self.connection.execute(statement, execution_options=options)
