"""Give every side of a comparison the same real rows: flights out of New York in 2013."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
from sqlalchemy import BigInteger, Sequence
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = [
    "COLUMNS",
    "DATABASE",
    "PARQUET",
    "Flight",
    "FlightColumns",
    "Landing",
    "landing_rows",
    "load",
    "reset_landings",
]

DATABASE = ":memory:benchmark"
"""A database in memory that all connections of the process share: no disk takes part in the comparison."""

PARQUET = Path(__file__).parent.parent / "examples" / "data" / "flights.parquet"

COLUMNS = (
    "time_hour",
    "carrier",
    "flight",
    "tailnum",
    "origin",
    "dest",
    "dep_delay",
    "arr_delay",
    "distance",
)
"""What a row holds besides its key."""

_TABLE = """(
    id BIGINT PRIMARY KEY {default}, time_hour TIMESTAMP, carrier VARCHAR, flight BIGINT, tailnum VARCHAR,
    origin VARCHAR, dest VARCHAR, dep_delay BIGINT, arr_delay BIGINT, distance BIGINT
)"""


class Base(DeclarativeBase):
    """Hold the mapped classes together."""


class FlightColumns:
    """Columns of a flight besides its key."""

    time_hour: Mapped[datetime]
    carrier: Mapped[str]
    flight: Mapped[int] = mapped_column(BigInteger)
    tailnum: Mapped[str | None]
    origin: Mapped[str]
    dest: Mapped[str]
    dep_delay: Mapped[int | None] = mapped_column(BigInteger)
    arr_delay: Mapped[int | None] = mapped_column(BigInteger)
    distance: Mapped[int] = mapped_column(BigInteger)


class Flight(FlightColumns, Base):
    """A row of the table that is read: 336,776 of them."""

    __tablename__ = "flight"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)


class Landing(FlightColumns, Base):
    """A row of the table that is written, whose keys a sequence generates."""

    __tablename__ = "landing"

    id: Mapped[int] = mapped_column(BigInteger, Sequence("landing_id_seq"), primary_key=True)


def load(connection: duckdb.DuckDBPyConnection, parquet: Path) -> int:
    """Make the tables, fill the one that is read, and return how many rows it has."""
    values = ", ".join(("row_number() OVER ()", "timezone('UTC', time_hour)", *COLUMNS[1:]))
    connection.execute(f"CREATE TABLE flight {_TABLE.format(default='')}")
    connection.execute(f"INSERT INTO flight SELECT {values} FROM read_parquet($1)", [str(parquet)])  # noqa: S608 # own names
    reset_landings(connection)
    (count,) = connection.execute("SELECT count(*) FROM flight").fetchone() or (0,)
    return int(count)


def reset_landings(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the table that is written anew, and empty."""
    connection.execute("DROP TABLE IF EXISTS landing")
    connection.execute("CREATE OR REPLACE SEQUENCE landing_id_seq")
    default = "DEFAULT nextval('landing_id_seq')"
    connection.execute(f"CREATE TABLE landing {_TABLE.format(default=default)}")


def landing_rows(connection: duckdb.DuckDBPyConnection, count: int) -> list[tuple[Any, ...]]:
    """Return ``count`` flights without their keys."""
    query = f"SELECT {', '.join(COLUMNS)} FROM flight ORDER BY id LIMIT $1"  # noqa: S608 # own names
    return connection.execute(query, [count]).fetchall()
