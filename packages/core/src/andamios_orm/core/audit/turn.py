"""Let transactions append to a log one after the other, and tell each of them where the log ends.

A transaction takes its turn right before it commits and keeps it until it has ended. Nobody else appends
meanwhile, so the last row that is committed is the one to follow. What keeps the others away:

* On DuckDB, this module: no other process can write to the database. The last row is read on a connection
  beside the transaction, whose snapshot may be older.
* On PostgreSQL, an advisory lock that ends with the transaction.
* Elsewhere nothing. Of two that append at once the second fails there, because both take the same id.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager, nullcontext
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

import duckdb
from sqlalchemy import func, select
from sqlalchemy.util.concurrency import await_

from andamios_orm.core.audit.hash_chain import ChainHead
from andamios_orm.core.dialect.identifiers import string_literal
from andamios_orm.core.errors import QueryTimeoutError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select, Table

    from andamios_orm.core.dialect.database import Database
    from andamios_orm.core.dialect.raw import RawConnection

__all__ = ["DuckDBTurn", "head_of", "last_row", "turn_of"]

_POLL = 0.001
"""Seconds between two looks at whether a transaction has ended."""


def turn_of(connection: Connection, table: Table, timeout: float) -> AbstractContextManager[Any]:
    """Return the turn to append to ``table`` in the connection's transaction, taken by entering it.

    What is appended is appended inside; the turn itself lasts until the transaction has ended.

    Args:
        connection: The connection.
        table: The log.
        timeout: Seconds to wait for those before, on DuckDB.

    Raises:
        QueryTimeoutError: By entering it: those before took longer.
    """
    backend = connection.dialect.name
    if backend == "duckdb":
        return DuckDBTurn(connection, timeout)
    if backend == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_lock_number(table))))
    return nullcontext()


def head_of(connection: Connection, table: Table) -> ChainHead:
    """Return the last row of a log for whoever has the turn, or the beginning where there is none."""
    backend, statement = connection.dialect.name, last_row(table)
    if backend == "duckdb":
        adapter: Any = connection.connection.dbapi_connection
        text = _literal(connection, statement)
        row = adapter.run(lambda raw: _read_beside(raw, text))
    elif backend in ("mysql", "mariadb"):
        # Without the lock it would be the last row of the transaction's snapshot.
        row = connection.execute(statement.with_for_update()).first()
    else:
        row = connection.execute(statement).first()
    return ChainHead() if row is None else ChainHead(*row)


def last_row(table: Table) -> Select[tuple[int, str]]:
    """Return the query for the id and the hash of a log's last row."""
    return select(table.c.id, table.c.hash).order_by(table.c.id.desc()).limit(1)


class DuckDBTurn(AbstractContextManager["DuckDBTurn"]):
    """The turn of a transaction on DuckDB, among all those of this process on the same database."""

    def __init__(self, connection: Connection, timeout: float) -> None:
        adapter: Any = connection.connection.dbapi_connection
        self._adapter = ref(adapter)
        self._lending = adapter.lending
        self._timeout = timeout
        self._appending = True
        self._over = False

    def __enter__(self) -> DuckDBTurn:
        await_(self._take())
        return self

    def __exit__(self, *error: object) -> None:
        self._appending = False

    def end(self) -> None:
        """Say that the transaction has ended, where its connection goes on to the next one."""
        self._over = True

    def keeps_away(self, other: object) -> bool:
        """Tell whether the transaction has not ended, and is not the one on the connection ``other``."""
        # No event tells of its end. These are flags of its connection, which any thread may read.
        adapter = self._adapter()
        if self._over or adapter in (None, other) or adapter.raw.closed or adapter.lending != self._lending:
            return False
        return self._appending or bool(adapter.raw.in_transaction)

    async def _take(self) -> None:
        adapter: Any = self._adapter()
        line = _line(adapter.raw.database)
        try:
            async with asyncio.timeout(self._timeout), line.queue():
                # Only the first of those who wait looks at this.
                while line.latest is not None and line.latest.keeps_away(adapter):  # noqa: ASYNC110 # see there
                    await asyncio.sleep(_POLL)
                line.latest = self
        except TimeoutError as error:
            raise QueryTimeoutError.of("waiting to append to the audit log", self._timeout) from error


class _Line:
    """Those who want to append to the logs of one database."""

    def __init__(self) -> None:
        self.latest: DuckDBTurn | None = None
        self._queues: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    def queue(self) -> asyncio.Lock:
        """Return the lock by which the tasks of the running event loop wait in order."""
        return self._queues.setdefault(asyncio.get_running_loop(), asyncio.Lock())


_lines: WeakKeyDictionary[Database, _Line] = WeakKeyDictionary()


def _line(database: Database) -> _Line:
    return _lines.setdefault(database, _Line())


def _read_beside(raw: RawConnection, statement: str) -> tuple[int, str] | None:
    path = raw.execute("SELECT current_setting('search_path')").rows[0][0]
    with raw.database.cursor() as beside:
        try:
            if path:
                beside.execute(f"SET search_path = {string_literal(path)}")
            row: tuple[int, str] | None = beside.execute(statement).fetchone()
        except duckdb.CatalogException:
            # Nobody but the transaction itself sees the table that it has created.
            return None
        return row


def _literal(connection: Connection, statement: Select[Any]) -> str:
    names = connection.get_execution_options().get("schema_translate_map")
    return str(
        statement.compile(
            dialect=connection.dialect,
            schema_translate_map=names,
            render_schema_translate=names is not None,
            compile_kwargs={"literal_binds": True},
        )
    )


def _lock_number(table: Table) -> int:
    return int.from_bytes(sha256(table.fullname.encode()).digest()[:8], signed=True)
