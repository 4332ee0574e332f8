"""Records of the audit log, their table, and how they get into it.

They wait in memory for the commit of their transaction. Right before COMMIT is sent they are written, in the
same transaction, so that whoever waits for the turn to write does not wait for more than a commit.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from sqlalchemy import JSON, BigInteger, Column, DateTime, MetaData, String, Table, Text, event, insert
from sqlalchemy.dialects import mysql

from andamios_orm.core.audit.hash_chain import ChainHead, chained
from andamios_orm.core.audit.turn import DuckDBTurn, head_of, turn_of
from andamios_orm.core.errors import ConfigurationError, ProgrammingError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

__all__ = ["AuditRecord", "PendingRecords", "audit_table", "table_expected"]

_TABLE = "andamios_audit"


@dataclass(frozen=True)
class AuditRecord:
    """Who did what.

    Attributes:
        moment: When it was logged, in UTC.
        user_id: Who it was; None where nobody is known.
        table_name: The table whose data was accessed.
        operation: What was done, in the words of the application.
        key: The key of the row as text, or of a composite key its JSON text; None where it is no single row.
        details: What else there is to say, as JSON.
        correlation_id: The request that it was done for.
    """

    moment: datetime
    user_id: str | None
    table_name: str
    operation: str
    key: str | None
    details: dict[str, Any] | None
    correlation_id: str | None


def audit_table(metadata: MetaData) -> Table:
    """Return the table of the log in ``metadata``, so that `create_all` and migrations know it."""
    name = _TABLE if metadata.schema is None else f"{metadata.schema}.{_TABLE}"
    present = metadata.tables.get(name)
    if present is not None:
        return present
    moment = DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
    return Table(
        _TABLE,
        metadata,
        Column("id", BigInteger, primary_key=True, autoincrement=False),
        Column("moment", moment, nullable=False),
        Column("user_id", Text),
        Column("table_name", Text, nullable=False),
        Column("operation", Text, nullable=False),
        Column("key", Text),
        Column("details", JSON(none_as_null=True)),
        Column("correlation_id", Text),
        Column("previous_hash", String(64), nullable=False),
        Column("hash", String(64), nullable=False),
    )


class PendingRecords:
    """The records for one log that a connection's transaction has not written yet.

    They listen to the events of the connection, and live as long as it does.
    """

    def __init__(self, table: Table, timeout: float) -> None:
        self._table = table
        self._timeout = timeout
        self._records: list[AuditRecord] = []
        self._turn: DuckDBTurn | None = None

    @classmethod
    def of(cls, connection: Connection, table: Table, timeout: float) -> PendingRecords:
        """Return those of ``connection``, whichever logger they come from.

        Args:
            connection: The connection.
            table: The log.
            timeout: Seconds to wait for the turn to write.
        """
        logs = _pending.setdefault(connection, {})
        if table.fullname not in logs:
            pending = logs[table.fullname] = cls(table, timeout)
            event.listen(connection, "begin", pending._begin)
            event.listen(connection, "commit", pending._commit)
            event.listen(connection, "rollback", pending._rollback)
        return logs[table.fullname]

    def add(self, record: AuditRecord) -> None:
        """Write a record with the commit."""
        self._records.append(record)

    def forget(self, record: AuditRecord) -> None:
        """Do not write a record, if it is among them."""
        self._records = [other for other in self._records if other is not record]

    def _begin(self, connection: Connection) -> None:
        if self._turn is not None:
            self._turn.end()

    def _commit(self, connection: Connection) -> None:
        records, self._records = self._records, []
        if records:
            with _rolled_back(connection), table_expected(self._table):
                self._write(connection, records)

    def _write(self, connection: Connection, records: Sequence[AuditRecord]) -> None:
        with turn_of(connection, self._table, self._timeout) as self._turn:
            connection.execute(insert(self._table), _chained(records, head_of(connection, self._table)))

    def _rollback(self, connection: Connection) -> None:
        self._records.clear()


_pending: WeakKeyDictionary[Connection, dict[str, PendingRecords]] = WeakKeyDictionary()


@contextmanager
def _rolled_back(connection: Connection) -> Iterator[None]:
    # SQLAlchemy takes a commit that was begun for one that has ended: it would give the connection back to
    # the pool with its transaction, and the next borrower would commit that.
    try:
        yield
    except BaseException as error:
        connection.invalidate(error)
        raise


@contextmanager
def table_expected(table: Table) -> Iterator[None]:
    """Name the remedy for errors of what is done inside, when it is the table of the log that is missing.

    Raises:
        ConfigurationError: It is.
    """
    try:
        yield
    except ProgrammingError as error:
        raise ConfigurationError(
            f"the database has no table {table.fullname!r} as the audit log needs it: create it once with "
            "`await AuditLogger(engine).create_table()`"
        ) from error


def _chained(records: Sequence[AuditRecord], head: ChainHead) -> list[dict[str, Any]]:
    rows = []
    for record in records:
        rows.append(chained(vars(record), head))
        head = ChainHead(rows[-1]["id"], rows[-1]["hash"])
    return rows
