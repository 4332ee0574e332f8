"""Piccolo, which opens a connection to SQLite for each query or transaction."""

# It is installed in an environment of its own, so mypy does not find it.
# mypy: disable-error-code="call-arg, import-not-found, misc"

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from piccolo.columns import BigInt, Text, Timestamp
from piccolo.engine.sqlite import SQLiteEngine
from piccolo.query.functions.aggregate import Avg, Count, Max
from piccolo.table import Table

__all__ = ["on_sqlite"]

_AT_ONCE = 3_000
"""Rows of one INSERT: SQLite takes 32,766 parameters."""

_ENGINE = SQLiteEngine()


class Flight(Table, tablename="flight", db=_ENGINE):
    """A row of the table that is read."""

    time_hour = Timestamp()
    carrier = Text()
    flight = BigInt()
    tailnum = Text(null=True)
    origin = Text()
    dest = Text()
    dep_delay = BigInt(null=True)
    arr_delay = BigInt(null=True)
    distance = BigInt()


class Landing(Table, tablename="landing", db=_ENGINE):
    """A row of the table that is written."""

    time_hour = Timestamp()
    carrier = Text()
    flight = BigInt()
    tailnum = Text(null=True)
    origin = Text()
    dest = Text()
    dep_delay = BigInt(null=True)
    arr_delay = BigInt(null=True)
    distance = BigInt()


class PiccoloWorks:
    """Do each work with a table."""

    async def create(self, row: dict[str, Any], /) -> None:
        """Save a new object, which is a transaction."""
        await Landing(**row).save()

    async def get(self, key: int, /) -> object:
        """Get an object."""
        return await Flight.objects().get(Flight._meta.primary_key == key)

    async def update(self, key: int, delay: int, /) -> None:
        """Get an object and save it, in a transaction."""
        async with _ENGINE.transaction():
            landing = await Landing.objects().get(Landing._meta.primary_key == key)
            landing.dep_delay = delay
            await landing.save([Landing.dep_delay])

    async def create_many(self, rows: list[dict[str, Any]], /) -> None:
        """Insert many objects."""
        async with _ENGINE.transaction():
            for part in _parts(rows):
                await Landing.insert(*part)

    async def upsert_many(self, rows: list[dict[str, Any]], /) -> None:
        """Insert or update many objects."""
        key, *values = Landing.all_columns()
        async with _ENGINE.transaction():
            for part in _parts(rows):
                await Landing.insert(*part).on_conflict(target=key, action="DO UPDATE", values=values)

    async def list(self, limit: int, /) -> Sequence[object]:
        """Get objects."""
        found: Sequence[object] = await Flight.objects().order_by(Flight._meta.primary_key).limit(limit)
        return found

    async def list_and_count(self, carrier: str, limit: int, /) -> tuple[Sequence[object], int]:
        """Get objects, and count them with another query."""
        of_carrier = Flight.carrier == carrier
        flights = Flight.objects().where(of_carrier).order_by(Flight._meta.primary_key)
        return await flights.limit(limit), await Flight.count().where(of_carrier)

    async def aggregate(self) -> Sequence[object]:
        """Aggregate."""
        figures = Count(), Avg(Flight.dep_delay), Max(Flight.distance)
        found: Sequence[object] = await Flight.select(Flight.carrier, *figures).group_by(Flight.carrier)
        return found


def _parts(rows: list[dict[str, Any]]) -> list[list[Landing]]:
    landings = [Landing(**row) for row in rows]
    return [landings[start : start + _AT_ONCE] for start in range(0, len(landings), _AT_ONCE)]


@asynccontextmanager
async def on_sqlite(file: Path) -> AsyncIterator[PiccoloWorks]:
    """Open the works on a file of SQLite's."""
    _ENGINE.path = str(file)
    yield PiccoloWorks()
