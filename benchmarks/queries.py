"""Print what queries cost, row by row, beside raw duckdb, or the same statement made by hand."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import duckdb
import msgspec
import psutil
from benchmarks.cases import Bound, Case
from benchmarks.flights import DATABASE, PARQUET, FlightColumns, load
from benchmarks.measure import timed
from benchmarks.sheet import parser, print_costs
from sqlalchemy import BigInteger, select, true
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from andamios_orm.core import AndamiosEngine, AsyncSession, create_engine
from andamios_orm.queries import Avg, Count, F, Max, Param, QueryBuilder

_ROWS = 100_000
_BUILT = 500
_READ = 200
_BATCH = 50_000
_STREAMED = 5_000_000
_SCAN = "SELECT * FROM flight WHERE id <= $1"
_POINT = "SELECT * FROM flight WHERE id = $1"
_COPY = "COPY (SELECT * FROM flight) TO $1"
_AGGREGATE = (
    "SELECT carrier.name, count(*), avg(dep_delay), max(distance) FROM flight JOIN carrier "
    "ON carrier.carrier = flight.carrier WHERE dep_delay IS NOT NULL GROUP BY carrier.name"
)

CASES = (
    Case(
        "into", "100,000 rows into(Struct)", "fetchall", "ms",
        Bound(ratio=1.6), Bound(ratio=1.2), own_baseline="fetchall", repeats=3,
    ),
    Case(
        "arrow", "100,000 rows as Arrow", "to_arrow_table", "ms",
        Bound(ratio=1.2), Bound(ratio=1.05), own_baseline="raw_arrow", repeats=7,
    ),
    Case(
        "built", "a query of five calls built, against select() by hand", "the same select()", "µs",
        Bound(value=60), Bound(value=40), own_baseline="by_hand", repeats=3,
    ),
    Case(
        "aggregated", "join + aggregate over 336,776 flights", "execute + fetchall", "ms",
        Bound(ratio=1.2), Bound(ratio=1.1), own_baseline="raw_aggregate", repeats=15,
    ),
    Case(
        "frozen", "PK read by a frozen query, the session open", "execute + fetchone inline", "ms",
        Bound(), Bound(), own_baseline="raw_read", repeats=5,
    ),
    Case(
        "to_parquet", "336,776 rows written to Parquet by the engine", "COPY", "ms",
        Bound(ratio=1.1), Bound(ratio=1.05), own_baseline="copied", repeats=3,
    ),
    Case(
        "streamed", "growth of memory while 5,000,000 rows are streamed", "fetchmany", "MB",
        Bound(value=100), Bound(value=50), own_baseline="raw_streamed",
    ),
    Case(
        "batches", "growth of memory, 5,000,000 rows as Arrow batches", "fetchmany", "MB",
        Bound(value=100), Bound(value=50), own_baseline="raw_streamed",
    ),
)  # fmt: skip


class Base(DeclarativeBase):
    """Hold the mapped classes together."""


class Carrier(Base):
    """An airline."""

    __tablename__ = "carrier"

    carrier: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]


class Flight(FlightColumns, Base):
    """A flight, which knows its airline."""

    __tablename__ = "flight"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    airline: Mapped[Carrier] = relationship(primaryjoin="foreign(Flight.carrier) == Carrier.carrier")


class Number(Base):
    """One of five million rows."""

    __tablename__ = "number"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    text: Mapped[str]


class Row(msgspec.Struct):
    """A row of the scan."""

    id: int
    time_hour: datetime
    carrier: str
    flight: int
    tailnum: str | None
    origin: str
    dest: str
    dep_delay: int | None
    arr_delay: int | None
    distance: int


class QueriesSide:
    """Do the work of each row, through a query and by hand.

    Args:
        engine: An engine on the database.
        connection: A connection of duckdb to the same one.
        folder: Where files are written.
    """

    def __init__(self, engine: AndamiosEngine, connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self._engine = engine
        self._connection = connection
        self._folder = folder

    async def fetchall(self) -> float:
        """Read rows as tuples."""
        return await self._raw(lambda: self._connection.execute(_SCAN, [_ROWS]).fetchall())

    async def into(self) -> float:
        """Read rows as objects of a type."""
        return await self._timed(lambda session: _scan(session).into(Row))

    async def raw_arrow(self) -> float:
        """Read an Arrow table."""
        return await self._raw(lambda: self._connection.sql(_SCAN, params=[_ROWS]).to_arrow_table())

    async def arrow(self) -> float:
        """Read an Arrow table."""
        return await self._timed(lambda session: _scan(session).arrow())

    async def by_hand(self) -> float:
        """Build a statement."""
        return _built(_statement_by_hand)

    async def built(self) -> float:
        """Build the same statement, and return what that takes more."""
        return _built(_statement) - _built(_statement_by_hand)

    async def raw_aggregate(self) -> float:
        """Join and aggregate."""
        return await self._raw(lambda: self._connection.execute(_AGGREGATE).fetchall())

    async def aggregated(self) -> float:
        """Join and aggregate."""
        return await self._timed(lambda session: _by_airline(session).all())

    async def raw_read(self) -> float:
        """Read by key."""
        taken = []
        for key in range(1, _READ + 1):
            start = perf_counter()
            self._connection.execute(_POINT, [key]).fetchone()
            taken.append(perf_counter() - start)
        return median(taken) * 1000

    async def frozen(self) -> float:
        """Read by key."""
        taken = []
        async with AsyncSession(self._engine) as session:
            query = QueryBuilder(Flight, session).filter(id=Param("id")).freeze()
            for key in range(1, _READ + 1):
                start = perf_counter()
                await query(id=key).one()
                taken.append(perf_counter() - start)
        return median(taken) * 1000

    async def copied(self) -> float:
        """Write a file."""
        file = self._folder / "raw.parquet"
        return await self._raw(lambda: self._connection.execute(_COPY, [str(file)]))

    async def to_parquet(self) -> float:
        """Write a file."""
        return await self._timed(
            lambda session: QueryBuilder(Flight, session).to_parquet(self._folder / "ours.parquet")
        )

    async def raw_streamed(self) -> float:
        """Read rows in batches."""
        grown = Growth()
        result = self._connection.execute("SELECT id, text FROM number")
        while result.fetchmany(_BATCH):
            grown.look()
        return grown.megabytes

    async def streamed(self) -> float:
        """Read rows one after the other."""
        grown = Growth()
        async with AsyncSession(self._engine) as session:
            rows = QueryBuilder(Number, session).select("id", "text").stream(_BATCH)
            number = 0
            async for _ in rows:
                number += 1
                if number % _BATCH == 0:
                    grown.look()
        return grown.megabytes

    async def batches(self) -> float:
        """Read batches of Arrow."""
        grown = Growth()
        async with AsyncSession(self._engine) as session:
            async for _ in QueryBuilder(Number, session).batches(_BATCH):
                grown.look()
        return grown.megabytes

    async def _raw(self, work: Callable[[], object]) -> float:
        async def awaited() -> None:
            work()

        return await timed(awaited)

    async def _timed(self, work: Callable[[AsyncSession], Awaitable[object]]) -> float:
        async with AsyncSession(self._engine) as session:
            await session.connection()
            return await timed(lambda: work(session))


class Growth:
    """How much the memory of the process has grown."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._before = self._most = self._process.memory_info().rss

    def look(self) -> None:
        """Look at the memory."""
        self._most = max(self._most, self._process.memory_info().rss)

    @property
    def megabytes(self) -> float:
        """The most that was seen, above what it was at first."""
        return float(self._most - self._before) / 2**20


def _scan(session: AsyncSession) -> QueryBuilder[Flight]:
    return QueryBuilder(Flight, session).filter(id__lte=_ROWS)


def _by_airline(session: AsyncSession) -> QueryBuilder[Any]:
    flights = QueryBuilder(Flight, session).filter(dep_delay__isnull=False)
    grouped = flights.group_by(name=F("airline__name"))
    return grouped.annotate(flights=Count(), delay=Avg("dep_delay"), farthest=Max("distance"))


def _statement() -> object:
    query = QueryBuilder(Flight).filter(carrier="UA", dep_delay__gt=60).exclude(origin="JFK")
    return query.order_by("-dep_delay").limit(10).statement


def _statement_by_hand() -> object:
    query = select(Flight).where(Flight.carrier == "UA", Flight.dep_delay > 60)
    query = query.where((Flight.origin == "JFK").is_not(true()))
    return query.order_by(Flight.dep_delay.desc().nulls_last()).limit(10)


def _built(build: Callable[[], object]) -> float:
    taken = []
    for _ in range(_BUILT):
        start = perf_counter()
        build()
        taken.append(perf_counter() - start)
    return median(taken) * 1_000_000


@asynccontextmanager
async def _side() -> AsyncIterator[QueriesSide]:
    with duckdb.connect(DATABASE) as connection, tempfile.TemporaryDirectory() as folder:
        load(connection, PARQUET)
        airlines = PARQUET.with_name("airlines.parquet")
        connection.execute("CREATE TABLE carrier AS SELECT * FROM read_parquet($1)", [str(airlines)])
        numbers = "CREATE TABLE number AS SELECT i AS id, 'n' || i AS text FROM range($1) AS t(i)"
        connection.execute(numbers, [_STREAMED])
        engine = create_engine(f"duckdb:///{DATABASE}")
        yield QueriesSide(engine, connection, Path(folder))
        await engine.dispose()


def main() -> None:
    """Measure what the command line asks for, and print the table."""
    options = parser("hatch run bench-queries", __doc__, CASES).parse_args()
    print_costs(options, CASES, _side(), title="What andamios_orm.queries costs", first="loading the flights")


if __name__ == "__main__":
    main()
