"""Tortoise ORM, which has one connection to SQLite."""

# It is installed in an environment of its own, so mypy does not find it.
# mypy: disable-error-code="import-not-found, misc"

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.flights import COLUMNS
from benchmarks.repository_rivals.sqlite import PRAGMAS
from tortoise import Tortoise, fields
from tortoise.functions import Avg, Count, Max
from tortoise.models import Model
from tortoise.transactions import in_transaction

__all__ = ["on_sqlite"]


class FlightColumns(Model):
    """Columns of a flight besides its key."""

    time_hour = fields.DatetimeField()
    carrier = fields.TextField()
    flight = fields.BigIntField()
    tailnum = fields.TextField(null=True)
    origin = fields.TextField()
    dest = fields.TextField()
    dep_delay = fields.BigIntField(null=True)
    arr_delay = fields.BigIntField(null=True)
    distance = fields.BigIntField()

    class Meta:
        """It has no table."""

        abstract = True


class Flight(FlightColumns):
    """A row of the table that is read."""

    id = fields.BigIntField(primary_key=True)

    class Meta:
        """It has one."""

        table = "flight"


class Landing(FlightColumns):
    """A row of the table that is written."""

    id = fields.BigIntField(primary_key=True)

    class Meta:
        """It has one."""

        table = "landing"


class TortoiseWorks:
    """Do each work with a model."""

    async def create(self, row: dict[str, Any], /) -> None:
        """Create an object, which is a transaction."""
        await Landing.create(**row)

    async def get(self, key: int, /) -> object:
        """Get an object."""
        return await Flight.get(id=key)

    async def update(self, key: int, delay: int, /) -> None:
        """Get an object and save it, in a transaction."""
        async with in_transaction():
            landing = await Landing.get(id=key)
            landing.dep_delay = delay
            await landing.save(update_fields=["dep_delay"])

    async def create_many(self, rows: list[dict[str, Any]], /) -> None:
        """Create many objects."""
        async with in_transaction():
            await Landing.bulk_create([Landing(**row) for row in rows])

    async def upsert_many(self, rows: list[dict[str, Any]], /) -> None:
        """Create or update many objects."""
        async with in_transaction():
            await Landing.bulk_create(
                [Landing(**row) for row in rows], on_conflict=["id"], update_fields=COLUMNS
            )

    async def list(self, limit: int, /) -> Sequence[object]:
        """Get objects."""
        found: Sequence[object] = await Flight.all().order_by("id").limit(limit)
        return found

    async def list_and_count(self, carrier: str, limit: int, /) -> tuple[Sequence[object], int]:
        """Get objects, and count them with another query."""
        flights = Flight.filter(carrier=carrier)
        return await flights.order_by("id").limit(limit), await flights.count()

    async def aggregate(self) -> Sequence[object]:
        """Aggregate."""
        figures = {"flights": Count("id"), "delay": Avg("dep_delay"), "farthest": Max("distance")}
        grouped = Flight.all().annotate(**figures).group_by("carrier")
        found: Sequence[object] = await grouped.values("carrier", *figures)
        return found


@asynccontextmanager
async def on_sqlite(file: Path) -> AsyncIterator[TortoiseWorks]:
    """Open the works on a file of SQLite's."""
    pragmas = "&".join(f"{name}={value}" for name, value in PRAGMAS.items())
    await Tortoise.init(db_url=f"sqlite://{file}?{pragmas}", modules={"models": [__name__]}, use_tz=False)
    yield TortoiseWorks()
    await Tortoise.close_connections()
