"""Print what the services around the engine cost, row by row, beside the same work without them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from itertools import cycle, product
from statistics import median
from time import perf_counter
from typing import Any
from uuid import uuid4

from benchmarks.cases import Bound, Case
from benchmarks.measure import timed
from benchmarks.sheet import parser, print_costs
from sqlalchemy import ForeignKey, delete, func, insert, literal_column, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import (
    AfterExecute,
    AndamiosEngine,
    AsyncSession,
    CacheManager,
    MetricsCollector,
    SessionManager,
    Telemetry,
    TransactionManager,
    create_engine,
    events_of,
)

_READS = 100
_OBJECTS = 1_000
_HITS = 500
_KEYS = ("flight 1545", "flight 1714")
_REDIS = "redis://127.0.0.1:6379/0"
_FLIGHTS = 336_776
"""As many as there are in nycflights13."""

CASES = (
    Case(
        "replayed", "a unit of work through TransactionManager.run", "through SessionManager", "ms",
        Bound(ratio=1.2), Bound(ratio=1.1), own_baseline="written", repeats=9,
    ),
    Case(
        "checked_objects", "1,000 objects with one foreign key, add_all + commit", 'foreign_keys="off"', "ms",
        Bound(ratio=1.15), Bound(ratio=1.1), own_baseline="unchecked_objects", repeats=5,
    ),
    Case(
        "checked_flights", "COMMIT of 336,776 flights with two foreign keys", 'foreign_keys="off"', "ms",
        Bound(value=200), Bound(value=100), own_baseline="unchecked_flights",
    ),
    Case(
        "without_handlers", "PK read, events used before, no handler left", "an engine without events", "ms",
        Bound(ratio=1.01), Bound(ratio=1.005), own_baseline="read", repeats=15,
    ),
    Case(
        "measured", "PK read with a MetricsCollector", "without one", "ms",
        Bound(ratio=1.03), Bound(ratio=1.02), own_baseline="read", repeats=15,
    ),
    Case(
        "traced", "PK read with Telemetry, no SDK installed", "without it", "ms",
        Bound(ratio=1.03), Bound(ratio=1.02), own_baseline="read", repeats=15,
    ),
    Case(
        "memory_hit", "a cached value, from memory", "the PK read that it spares", "ms",
        Bound(value=0.02), Bound(value=0.01), own_baseline="read", repeats=5,
    ),
    Case(
        "redis_hit", "a cached value, from Redis", "the PK read that it spares", "ms",
        Bound(value=1), Bound(value=0.5), own_baseline="read", repeats=5,
    ),
)  # fmt: skip


class Base(DeclarativeBase):
    """Hold the mapped classes together."""


class Airline(Base):
    """What flights refer to."""

    __tablename__ = "airline"

    id: Mapped[int] = mapped_column(primary_key=True)


class Plane(Base):
    """What flights refer to as well."""

    __tablename__ = "plane"

    id: Mapped[int] = mapped_column(primary_key=True)


class Flight(Base):
    """A row that refers to one row of each."""

    __tablename__ = "flight"

    id: Mapped[int] = mapped_column(primary_key=True)
    airline_id: Mapped[int] = mapped_column(ForeignKey(Airline.id))
    plane_id: Mapped[int] = mapped_column(ForeignKey(Plane.id))


class Seat(Base):
    """A row that refers to one other."""

    __tablename__ = "seat"

    id: Mapped[int] = mapped_column(primary_key=True)
    airline_id: Mapped[int] = mapped_column(ForeignKey(Airline.id))


class ServicesSide:
    """Do the work of each row, with a service and without it.

    Args:
        engines: Engines on databases of their own, by what is used with them.
        memory: A cache in memory.
        redis: A cache that keeps one value in memory.
    """

    def __init__(self, engines: dict[str, AndamiosEngine], memory: CacheManager, redis: CacheManager) -> None:
        self._engines = engines
        self._memory = memory
        self._redis = redis

    async def written(self) -> float:
        """Return the median of units of work, each committed by a `SessionManager`."""

        async def write() -> None:
            async with SessionManager(self._engines["plain"]) as session:
                await _change(session)

        return await _median(write)

    async def replayed(self) -> float:
        """Return the median of the same units of work, each run by a `TransactionManager`."""
        transactions = TransactionManager(self._engines["plain"])
        return await _median(lambda: transactions.run(_change))

    async def unchecked_objects(self) -> float:
        """Add objects and commit, checking nothing."""
        return await _add_seats(self._engines["off"])

    async def checked_objects(self) -> float:
        """Add objects and commit, foreign keys checked."""
        return await _add_seats(self._engines["plain"])

    async def unchecked_flights(self) -> float:
        """Commit flights, checking nothing."""
        return await _commit_flights(self._engines["off"])

    async def checked_flights(self) -> float:
        """Commit flights, foreign keys checked."""
        return await _commit_flights(self._engines["plain"])

    async def read(self) -> float:
        """Read by key, with no service."""
        return await _read(self._engines["plain"])

    async def without_handlers(self) -> float:
        """Read by key, after a handler was subscribed and unsubscribed."""
        return await _read(self._engines["events"])

    async def measured(self) -> float:
        """Read by key, measured."""
        return await _read(self._engines["metrics"])

    async def traced(self) -> float:
        """Read by key, with spans that nobody collects."""
        return await _read(self._engines["tracing"])

    async def memory_hit(self) -> float:
        """Return the median of values found in memory."""
        return await _hit(self._memory)

    async def redis_hit(self) -> float:
        """Return the median of values found in Redis."""
        return await _hit(self._redis)


async def _change(session: AsyncSession) -> None:
    await session.execute(text("UPDATE plane SET id = id WHERE id = 1"))


async def _median(work: Callable[[], Awaitable[object]], times: int = _READS) -> float:
    taken = []
    for _ in range(times):
        start = perf_counter()
        await work()
        taken.append(perf_counter() - start)
    return median(taken) * 1000


async def _read(engine: AndamiosEngine) -> float:
    async def read() -> None:
        async with AsyncSession(engine) as session:
            await session.get_one(Airline, 1)

    return await _median(read)


async def _hit(cache: CacheManager) -> float:
    # In turn, so that the one asked for is not the one that was kept in memory last.
    keys = cycle(_KEYS)
    return await _median(lambda: cache.get_cached_result(next(keys)), _HITS)


async def _add_seats(engine: AndamiosEngine) -> float:
    seats = [Seat(airline_id=1 + number % 16) for number in range(_OBJECTS)]

    async def add() -> None:
        async with SessionManager(engine) as session:
            session.add_all(seats)

    taken = await timed(add)
    async with engine.begin() as connection:
        await connection.execute(delete(Seat))
    return taken


async def _commit_flights(engine: AndamiosEngine) -> float:
    number: Any = literal_column("range")
    flights = select(number, 1 + number % 16, 1 + number % 3_322).select_from(func.range(_FLIGHTS))
    async with AsyncSession(engine) as session:
        await session.execute(delete(Flight))
        await session.commit()
        await session.execute(insert(Flight).from_select(["id", "airline_id", "plane_id"], flights))
        return await timed(session.commit)


@asynccontextmanager
async def _filled(foreign_keys: str = "checked") -> AsyncIterator[AndamiosEngine]:
    engine = create_engine("duckdb:///:memory:", foreign_keys=foreign_keys)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with SessionManager(engine) as session:
        await session.bulk_insert(Airline, [{"id": number} for number in range(1, 17)])
        await session.bulk_insert(Plane, [{"id": number} for number in range(1, 3_323)])
    yield engine
    await engine.dispose()


@asynccontextmanager
async def _side() -> AsyncIterator[ServicesSide]:
    async with AsyncExitStack() as stack:
        used = ("plain", "events", "metrics", "tracing", "memory", "redis")
        engines = {name: await stack.enter_async_context(_filled()) for name in used}
        engines["off"] = await stack.enter_async_context(_filled("off"))
        with events_of(engines["events"]).subscribe(AfterExecute, lambda event: None):
            await _read(engines["events"])
        stack.enter_context(closing(MetricsCollector(engines["metrics"])))
        stack.enter_context(closing(Telemetry(engines["tracing"])))
        memory = await stack.enter_async_context(CacheManager(engines["memory"]))
        redis = await stack.enter_async_context(
            CacheManager(engines["redis"], redis=_REDIS, namespace=f"bench-{uuid4()}", max_entries=1)
        )
        for cache, key in product((memory, redis), _KEYS):
            await cache.set_cached_result(key, {"carrier": "UA", "delay": 2.0}, ttl=3_600)
        yield ServicesSide(engines, memory, redis)


def main() -> None:
    """Measure what the command line asks for, and print the table."""
    options = parser("hatch run bench-services", __doc__, CASES).parse_args()
    print_costs(
        options,
        CASES,
        _side(),
        title="What the services of andamios_orm.core cost",
        first="filling the databases",
    )


if __name__ == "__main__":
    main()
