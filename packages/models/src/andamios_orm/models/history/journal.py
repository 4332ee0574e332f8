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
    exists,
    func,
    literal,
    literal_column,
    null,
    select,
    tuple_,
    type_coerce,
    update,
)
from sqlalchemy.types import NULLTYPE

from andamios_orm.core.errors import NotSupportedError
from andamios_orm.core.integrity.references import Key, equal, key_list
from andamios_orm.core.observability.logs import current_correlation_id
from andamios_orm.models.actor import current_actor
from andamios_orm.models.history.tables import history_of, key_columns
from andamios_orm.models.history.versions import Operation

__all__ = ["Journal", "among", "moment"]

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


def among(
    columns: Sequence[Column[Any]], keys: Collection[Key], dialect: Any
) -> Iterator[ColumnElement[bool]]:
    """Return criteria that together find the rows whose ``columns`` have one of ``keys``.

    DuckDB takes any number of keys as one list.
    """
    if len(keys) == 1:
        (key,) = keys
        yield equal(
            columns, (literal(value, column.type) for value, column in zip(key, columns, strict=True))
        )
    elif keys and dialect.name == "duckdb":
        listed = key_list(columns, keys, dialect)
        yield tuple_(*columns).in_(select(*listed.c))
    else:
        remaining = list(keys)
        for start in range(0, len(remaining), _CHUNK):
            yield tuple_(*columns).in_(remaining[start : start + _CHUNK])


class Journal(NamedTuple):
    """The history of one table, as one transaction writes it."""

    connection: Connection
    table: Table
    schemas: dict[str | None, str | None]
    """SQLAlchemy's ``schema_translate_map`` of the statement that is recorded."""

    @property
    def history(self) -> Table:
        """The history table."""
        history = history_of(self.table)
        assert history is not None  # noqa: S101 # the type checker cannot know which tables come here
        return history

    def add(self, operation: Operation, keys: Collection[Key], now: datetime) -> None:
        """Write a version of each row of the table that has one of ``keys``."""
        for criterion in among(key_columns(self.table), keys, self.connection.dialect):
            self._copy(operation, criterion, now)

    def add_since(self, mark: int) -> None:
        """Write the first version of the rows that were inserted after `mark` was asked for."""
        self._copy("insert", literal_column("rowid") > mark, moment())

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

    def close(self, keys: Collection[Key], now: datetime) -> None:
        """End the present versions of the rows with one of ``keys``."""
        for criterion in among(self._history_key(), keys, self.connection.dialect):
            self._close(criterion, now)

    def are_recorded(self, rows: Select[Any]) -> bool:
        """Tell whether all rows whose primary keys a query finds have a present version."""
        found = rows.subquery()
        key = list(found.c)
        present = exists().where(equal(self._history_key(), key), self.history.c.valid_to.is_(None))
        return not self._execute(select(func.count()).select_from(found).where(~present)).scalar_one()

    def close_matched(self, rows: Select[Any], now: datetime) -> None:
        """End the present versions of the rows whose primary keys a query finds."""
        self._close(tuple_(*self._history_key()).in_(rows), now)

    def add_matched(self, operation: Operation, rows: Select[Any], now: datetime) -> None:
        """Write a version of each row whose primary key a query finds."""
        self._copy(operation, tuple_(*key_columns(self.table)).in_(rows), now)

    def add_closed(self, now: datetime) -> None:
        """Write the versions that follow those which were closed at a moment."""
        closed = select(*self._history_key()).where(self.history.c.valid_to == now)
        self.add_matched("update", closed, now)

    def found(self, columns: Sequence[Column[Any]], keys: Collection[Key]) -> set[Key]:
        """Return the primary keys of the rows whose ``columns`` have one of ``keys``."""
        found: set[Key] = set()
        for criterion in among(columns, keys, self.connection.dialect):
            found.update(map(tuple, self._execute(select(*key_columns(self.table)).where(criterion))))
        return found

    def matched(self, rows: Select[Any]) -> set[Key]:
        """Return the primary keys that a query finds."""
        return set(map(tuple, self._execute(rows)))

    def _history_key(self) -> list[Column[Any]]:
        return [self.history.c[column.key] for column in key_columns(self.table)]

    def _close(self, criterion: ColumnElement[bool], now: datetime) -> None:
        history = self.history
        self._execute(update(history).where(history.c.valid_to.is_(None), criterion).values(valid_to=now))

    def _copy(self, operation: Operation, criterion: ColumnElement[bool], now: datetime) -> None:
        history = self.history
        stamp = {
            "operation": literal(operation),
            "actor": literal(current_actor(), history.c.actor.type),
            "correlation_id": literal(current_correlation_id(), history.c.correlation_id.type),
            "valid_from": literal(now, history.c.valid_from.type),
            "valid_to": literal(now, history.c.valid_to.type) if operation == "delete" else null(),
        }
        # Without their types, so that nothing is put around the columns on their way.
        columns = [type_coerce(column, NULLTYPE) for column in self.table.columns]
        names = [history.c[column.key] for column in self.table.columns] + [history.c[name] for name in stamp]
        source = select(*columns, *stamp.values()).where(criterion)
        self._execute(history.insert().from_select(names, source, include_defaults=False))

    def _execute(self, statement: Any) -> Any:
        return self.connection.execute(statement, execution_options={"schema_translate_map": self.schemas})
