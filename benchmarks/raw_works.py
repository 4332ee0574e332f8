"""The baseline of every work: duckdb itself, called as directly as the work allows, on a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import duckdb
from benchmarks.flights import COLUMNS, reset_landings

__all__ = ["DuckDBStore", "RawWorks"]

_NAMES = ", ".join(COLUMNS)
_KEYED = ("id", *COLUMNS)
_FLIGHTS = f"SELECT id, {_NAMES} FROM flight"  # noqa: S608 # own names
_INSERT = f"INSERT INTO landing ({_NAMES}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608 # own names
_UPSERT = (
    f"INSERT INTO landing (id, {_NAMES}) FROM given "
    f"ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in COLUMNS)}"
)
_AGGREGATE = "SELECT carrier, count(*), avg(dep_delay), max(distance) FROM flight GROUP BY carrier"


class DuckDBStore:
    """The tables of flights and landings in a file of DuckDB's.

    Args:
        connection: A connection to the file.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def fill(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Make the landings anew from rows with keys."""
        reset_landings(self._connection)
        _append(self._connection, "landing", _KEYED, rows)

    def count(self, condition: str) -> int:
        """Return for how many landings a condition in SQL holds."""
        found = self._connection.execute(f"SELECT count(*) FROM landing WHERE {condition}")  # noqa: S608 # own text
        (count,) = found.fetchone() or (0,)
        return int(count)


class RawWorks:
    """Do each work with duckdb alone.

    Args:
        connection: A connection to the file.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    async def create(self, row: dict[str, Any], /) -> None:
        """Execute an INSERT, which is a transaction."""
        self._connection.execute(_INSERT, list(row.values()))

    async def get(self, key: int, /) -> object:
        """Execute and fetch one row."""
        return self._connection.execute(f"{_FLIGHTS} WHERE id = ?", [key]).fetchone()

    async def update(self, key: int, delay: int, /) -> None:
        """Execute an UPDATE, which is a transaction."""
        self._connection.execute("UPDATE landing SET dep_delay = ? WHERE id = ?", [delay, key])

    async def create_many(self, rows: list[dict[str, Any]], /) -> None:
        """Append the rows in a transaction."""
        self._connection.begin()
        _append(self._connection, "landing", COLUMNS, (tuple(row.values()) for row in rows))
        self._connection.commit()

    async def upsert_many(self, rows: list[dict[str, Any]], /) -> None:
        """Append the rows to a temporary table, and insert from there what is new, in a transaction."""
        self._connection.begin()
        self._connection.execute(f"CREATE TEMP TABLE given AS {_FLIGHTS} LIMIT 0")
        _append(self._connection, "given", _KEYED, (tuple(row.values()) for row in rows))
        self._connection.execute(_UPSERT)
        self._connection.execute("DROP TABLE given")
        self._connection.commit()

    async def list(self, limit: int, /) -> Sequence[object]:
        """Fetch all rows of a query."""
        return self._connection.execute(f"{_FLIGHTS} ORDER BY id LIMIT ?", [limit]).fetchall()

    async def list_and_count(self, carrier: str, limit: int, /) -> tuple[Sequence[object], int]:
        """Fetch the rows, and count them with another query."""
        of_carrier = f"{_FLIGHTS} WHERE carrier = ? ORDER BY id LIMIT ?"
        found = self._connection.execute(of_carrier, [carrier, limit]).fetchall()
        counted = self._connection.execute("SELECT count(*) FROM flight WHERE carrier = ?", [carrier])
        (count,) = counted.fetchone() or (0,)
        return found, count

    async def aggregate(self) -> Sequence[object]:
        """Fetch all rows of a query."""
        return self._connection.execute(_AGGREGATE).fetchall()


def _append(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Iterable[str], rows: Iterable[tuple[Any, ...]]
) -> None:
    with connection.appender(table, columns=list(columns)) as appender:
        appender.append_rows(list(rows))
