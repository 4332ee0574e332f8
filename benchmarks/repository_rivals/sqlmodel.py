"""SQLModel: its models and its asynchronous session on aiosqlite."""

# It is installed in an environment of its own, so mypy does not find it.
# mypy: disable-error-code="call-arg, import-not-found, misc"

# It resolves the annotations of models when they are made, and so finds no names that are imported later.

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.flights import COLUMNS
from benchmarks.repository_rivals.sqlite import with_pragmas
from pydantic import NaiveDatetime
from sqlalchemy import func
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlmodel import Field, SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

__all__ = ["on_aiosqlite"]


class FlightColumns(SQLModel):
    """Columns of a flight besides its key."""

    time_hour: NaiveDatetime
    carrier: str
    flight: int
    tailnum: str | None
    origin: str
    dest: str
    dep_delay: int | None
    arr_delay: int | None
    distance: int


class Flight(FlightColumns, table=True):
    """A row of the table that is read."""

    id: int | None = Field(default=None, primary_key=True)


class Landing(FlightColumns, table=True):
    """A row of the table that is written."""

    id: int | None = Field(default=None, primary_key=True)


_UPSERT = insert(Landing)
_UPSERT = _UPSERT.on_conflict_do_update(
    index_elements=["id"], set_={name: _UPSERT.excluded[name] for name in COLUMNS}
)


class SQLModelWorks:
    """Do each work with a session.

    Args:
        engine: An engine on the file.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._session = partial(AsyncSession, engine, expire_on_commit=False)

    async def create(self, row: dict[str, Any], /) -> None:
        """Add an object."""
        async with self._session() as session:
            session.add(Landing(**row))
            await session.commit()

    async def get(self, key: int, /) -> object:
        """Get an object."""
        async with self._session() as session:
            return await session.get(Flight, key)

    async def update(self, key: int, delay: int, /) -> None:
        """Change an object."""
        async with self._session() as session:
            landing = await session.get_one(Landing, key)
            landing.dep_delay = delay
            await session.commit()

    async def create_many(self, rows: list[dict[str, Any]], /) -> None:
        """Add many objects."""
        async with self._session() as session:
            session.add_all([Landing(**row) for row in rows])
            await session.commit()

    async def upsert_many(self, rows: list[dict[str, Any]], /) -> None:
        """Execute an INSERT with many dicts."""
        async with self._session() as session:
            await session.exec(_UPSERT, params=rows)
            await session.commit()

    async def list(self, limit: int, /) -> Sequence[object]:
        """Execute a query."""
        async with self._session() as session:
            found: Sequence[object] = (
                await session.exec(select(Flight).order_by(col(Flight.id)).limit(limit))
            ).all()
            return found

    async def list_and_count(self, carrier: str, limit: int, /) -> tuple[Sequence[object], int]:
        """Execute a query, and another one that counts."""
        of_carrier = Flight.carrier == carrier
        async with self._session() as session:
            query = select(Flight).where(of_carrier).order_by(col(Flight.id)).limit(limit)
            found = (await session.exec(query)).all()
            return found, (
                await session.exec(select(func.count()).select_from(Flight).where(of_carrier))
            ).one()

    async def aggregate(self) -> Sequence[object]:
        """Execute a query."""
        figures = func.count(), func.avg(Flight.dep_delay), func.max(Flight.distance)
        async with self._session() as session:
            found: Sequence[object] = (
                await session.exec(select(Flight.carrier, *figures).group_by(Flight.carrier))
            ).all()
            return found


@asynccontextmanager
async def on_aiosqlite(file: Path) -> AsyncIterator[SQLModelWorks]:
    """Open the works on a file of SQLite's."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{file}")
    with_pragmas(engine.sync_engine)
    yield SQLModelWorks(engine)
    await engine.dispose()
