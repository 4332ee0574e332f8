"""The flights and landings in a file of SQLite's, as all rivals on SQLite have them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
from benchmarks.flights import COLUMNS
from sqlalchemy import Engine, event

__all__ = ["PRAGMAS", "SQLiteStore", "with_pragmas"]

PRAGMAS = {"journal_mode": "WAL", "synchronous": "NORMAL"}
"""What SQLite's own documentation advises for applications: https://sqlite.org/pragma.html#pragma_synchronous"""

_NAMES = ("id", *COLUMNS)
_TABLE = """(
    id INTEGER PRIMARY KEY, time_hour TIMESTAMP, carrier VARCHAR, flight BIGINT, tailnum VARCHAR,
    origin VARCHAR, dest VARCHAR, dep_delay BIGINT, arr_delay BIGINT, distance BIGINT
)"""
_MOMENT = "%Y-%m-%d %H:%M:%S.%f"
"""How SQLAlchemy stores moments, and all rivals read them."""


class SQLiteStore:
    """The tables of flights and landings in a file of SQLite's.

    Args:
        file: The file, which is made.
        flights: A connection of DuckDB's to the flights.
    """

    def __init__(self, file: Path, flights: duckdb.DuckDBPyConnection) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None)
        for name, value in PRAGMAS.items():
            self._connection.execute(f"PRAGMA {name} = {value}")
        for table in ("flight", "landing"):
            self._connection.execute(f"CREATE TABLE {table} {_TABLE}")
        moment = f"strftime(time_hour, '{_MOMENT}')"
        query = f"SELECT id, {moment}, {', '.join(COLUMNS[1:])} FROM flight ORDER BY id"  # noqa: S608 # own names
        self._insert("flight", flights.execute(query).fetchall())

    def fill(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Make the landings anew from rows with keys, and leave nothing of it to the next commit."""
        self._connection.execute("DELETE FROM landing")
        self._insert("landing", ((key, f"{moment:{_MOMENT}}", *others) for key, moment, *others in rows))
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def count(self, condition: str) -> int:
        """Return for how many landings a condition in SQL holds."""
        found = self._connection.execute(f"SELECT count(*) FROM landing WHERE {condition}")  # noqa: S608 # own text
        return int(found.fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _insert(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        values = ", ".join("?" * len(_NAMES))
        self._connection.execute("BEGIN")
        self._connection.executemany(f"INSERT INTO {table} ({', '.join(_NAMES)}) VALUES ({values})", rows)  # noqa: S608 # own names
        self._connection.execute("COMMIT")


def with_pragmas(engine: Engine) -> None:
    """Let each connection of an engine of SQLAlchemy's begin with `PRAGMAS`."""

    @event.listens_for(engine, "connect")
    def connect(connection: Any, record: object) -> None:
        cursor = connection.cursor()
        for name, value in PRAGMAS.items():
            cursor.execute(f"PRAGMA {name} = {value}")
        cursor.close()
