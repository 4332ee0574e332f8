"""advanced-alchemy: its repositories on aiosqlite, and on duckdb-sqlalchemy, which is synchronous."""

# It is installed in an environment of its own, so mypy does not find it.
# mypy: disable-error-code="import-not-found, misc"

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
from advanced_alchemy.base import BigIntBase
from advanced_alchemy.filters import LimitOffset, OrderBy
from advanced_alchemy.repository import SQLAlchemyAsyncRepository, SQLAlchemySyncRepository
from benchmarks.repository_rivals.sqlite import with_pragmas
from sqlalchemy import BigInteger, DateTime, Engine, create_engine, func, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Mapped, Session, mapped_column

__all__ = ["on_aiosqlite", "on_duckdb"]


class _Columns:
    time_hour: Mapped[datetime] = mapped_column(DateTime)
    carrier: Mapped[str]
    flight: Mapped[int] = mapped_column(BigInteger)
    tailnum: Mapped[str | None]
    origin: Mapped[str]
    dest: Mapped[str]
    dep_delay: Mapped[int | None] = mapped_column(BigInteger)
    arr_delay: Mapped[int | None] = mapped_column(BigInteger)
    distance: Mapped[int] = mapped_column(BigInteger)


class Flight(_Columns, BigIntBase):
    """A row of the table that is read."""

    __tablename__ = "flight"


class Landing(_Columns, BigIntBase):
    """A row of the table that is written."""

    __tablename__ = "landing"


class Flights(SQLAlchemyAsyncRepository[Flight]):
    """The table that is read."""

    model_type = Flight


class Landings(SQLAlchemyAsyncRepository[Landing]):
    """The table that is written."""

    model_type = Landing


class SyncFlights(SQLAlchemySyncRepository[Flight]):
    """The table that is read."""

    model_type = Flight


class SyncLandings(SQLAlchemySyncRepository[Landing]):
    """The table that is written."""

    model_type = Landing


_BY_KEY = OrderBy("id")
_AGGREGATE = select(
    Flight.carrier, func.count(), func.avg(Flight.dep_delay), func.max(Flight.distance)
).group_by(Flight.carrier)


class AsyncWorks:
    """Do each work with an asynchronous repository.

    Args:
        engine: An engine on the file.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._session = partial(AsyncSession, engine, expire_on_commit=False)

    async def create(self, row: dict[str, Any], /) -> None:
        """Add an object."""
        async with self._session() as session:
            await Landings(session=session).add(Landing(**row), auto_commit=True)

    async def get(self, key: int, /) -> object:
        """Get an object."""
        async with self._session() as session:
            return await Flights(session=session).get(key)

    async def update(self, key: int, delay: int, /) -> None:
        """Update an object."""
        async with self._session() as session:
            await Landings(session=session).update(Landing(id=key, dep_delay=delay), auto_commit=True)

    async def create_many(self, rows: list[dict[str, Any]], /) -> None:
        """Add many objects."""
        async with self._session() as session:
            await Landings(session=session).add_many([Landing(**row) for row in rows], auto_commit=True)

    async def upsert_many(self, rows: list[dict[str, Any]], /) -> None:
        """Update or add many objects."""
        async with self._session() as session:
            await Landings(session=session).upsert_many([Landing(**row) for row in rows], auto_commit=True)

    async def list(self, limit: int, /) -> Sequence[object]:
        """Get objects."""
        async with self._session() as session:
            found: Sequence[object] = await Flights(session=session).get_many(_BY_KEY, LimitOffset(limit, 0))
            return found

    async def list_and_count(self, carrier: str, limit: int, /) -> tuple[Sequence[object], int]:
        """Get objects, and count them."""
        conditions = Flight.carrier == carrier, _BY_KEY, LimitOffset(limit, 0)
        async with self._session() as session:
            found: tuple[Sequence[object], int] = await Flights(session=session).get_many_and_count(
                *conditions
            )
            return found

    async def aggregate(self) -> Sequence[object]:
        """Aggregate with SQLAlchemy: a repository does not."""
        async with self._session() as session:
            return (await session.execute(_AGGREGATE)).all()


class ThreadedWorks:
    """Do each work with a synchronous repository, off the loop.

    Args:
        engine: An engine on the file.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._session = partial(Session, engine, expire_on_commit=False)

    @contextmanager
    def connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open a connection of DuckDB's to the same file."""
        with closing(self._engine.raw_connection()) as connection:
            driver: Any = connection.driver_connection
            with driver.duplicate() as duplicate:
                yield duplicate

    async def create(self, row: dict[str, Any], /) -> None:
        """Add an object."""
        await self._run(lambda session: SyncLandings(session=session).add(Landing(**row), auto_commit=True))

    async def get(self, key: int, /) -> object:
        """Get an object."""
        return await self._run(lambda session: SyncFlights(session=session).get(key))

    async def update(self, key: int, delay: int, /) -> None:
        """Update an object."""
        changed = Landing(id=key, dep_delay=delay)
        await self._run(lambda session: SyncLandings(session=session).update(changed, auto_commit=True))

    async def create_many(self, rows: list[dict[str, Any]], /) -> None:
        """Add many objects."""
        await self._run(
            lambda session: SyncLandings(session=session).add_many(
                [Landing(**row) for row in rows], auto_commit=True
            )
        )

    async def upsert_many(self, rows: list[dict[str, Any]], /) -> None:
        """Update or add many objects."""
        await self._run(
            lambda session: SyncLandings(session=session).upsert_many(
                [Landing(**row) for row in rows], auto_commit=True
            )
        )

    async def list(self, limit: int, /) -> Sequence[object]:
        """Get objects."""
        found: Sequence[object] = await self._run(
            lambda session: SyncFlights(session=session).get_many(_BY_KEY, LimitOffset(limit, 0))
        )
        return found

    async def list_and_count(self, carrier: str, limit: int, /) -> tuple[Sequence[object], int]:
        """Get objects, and count them."""
        conditions = Flight.carrier == carrier, _BY_KEY, LimitOffset(limit, 0)
        found: tuple[Sequence[object], int] = await self._run(
            lambda session: SyncFlights(session=session).get_many_and_count(*conditions)
        )
        return found

    async def aggregate(self) -> Sequence[object]:
        """Aggregate with SQLAlchemy: a repository does not."""
        found: Sequence[object] = await self._run(lambda session: session.execute(_AGGREGATE).all())
        return found

    async def _run(self, work: Callable[[Session], Any]) -> Any:
        def run() -> Any:
            with self._session() as session:
                return work(session)

        return await asyncio.to_thread(run)


@asynccontextmanager
async def on_aiosqlite(file: Path) -> AsyncIterator[AsyncWorks]:
    """Open the works on a file of SQLite's."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{file}")
    with_pragmas(engine.sync_engine)
    yield AsyncWorks(engine)
    await engine.dispose()


@asynccontextmanager
async def on_duckdb(file: Path) -> AsyncIterator[ThreadedWorks]:
    """Open the works on a file of DuckDB's."""
    engine = create_engine(f"duckdb:///{file}")
    yield ThreadedWorks(engine)
    engine.dispose()
