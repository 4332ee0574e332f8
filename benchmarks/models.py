"""Print what models cost, row by row, beside the same work without what they add."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from statistics import median
from time import perf_counter
from typing import Annotated, Any

from benchmarks.cases import Bound, Case
from benchmarks.measure import timed
from benchmarks.sheet import parser, print_costs
from pydantic import Field
from sqlalchemy import DateTime, delete, insert, update
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager, create_memory_engine
from andamios_orm.models import AuditMixin, BaseModel, SoftDeleteMixin, create_all

_MADE = 10_000
_READS = 200
_OBJECTS = 1_000
_ROWS = 10_000


def _recorded(name: str, title: str, own_baseline: str) -> Case:
    return Case(
        name, title, "the model without AuditMixin", "ms",
        Bound(ratio=2.2), Bound(ratio=2), own_baseline=own_baseline, repeats=5,
    )  # fmt: skip


CASES = (
    Case(
        "validated", "10,000 objects of a validated model constructed", "plain SQLAlchemy", "ms",
        Bound(ratio=3), Bound(ratio=2), own_baseline="plain", repeats=5,
    ),
    Case(
        "unvalidated", "10,000 objects constructed, validation off", "plain SQLAlchemy", "ms",
        Bound(ratio=1.2), Bound(ratio=1.1), own_baseline="plain", repeats=5,
    ),
    Case(
        "soft_delete_read", "PK read of a soft-delete model", "the same columns without the mixin", "ms",
        Bound(ratio=1.05), Bound(ratio=1.02), own_baseline="read", repeats=15,
    ),
    _recorded("history_objects", "1,000 objects with history, add_all + commit", "objects"),
    _recorded("history_changes", "1,000 changed objects with history, commit", "changes"),
    _recorded("history_bulk", "10,000 rows with history through bulk_insert", "bulk"),
    _recorded("history_update", "one UPDATE of 10,000 rows with history", "update"),
    _recorded("history_delete", "one DELETE of 10,000 rows with history", "delete"),
)  # fmt: skip


class Base(DeclarativeBase):
    """What models are measured against."""


class PlainFlight(Base):
    """A flight as SQLAlchemy maps it."""

    __tablename__ = "plain_flight"

    id: Mapped[int] = mapped_column(primary_key=True)
    carrier: Mapped[str]
    origin: Mapped[str]
    dest: Mapped[str]
    distance: Mapped[int]
    dep_delay: Mapped[int | None]


class Constrained:
    """The columns of a flight, with what is true of each."""

    carrier: Mapped[Annotated[str, Field(min_length=2, max_length=2)]]
    origin: Mapped[Annotated[str, Field(min_length=3, max_length=3)]]
    dest: Mapped[Annotated[str, Field(min_length=3, max_length=3)]]
    distance: Mapped[Annotated[int, Field(gt=0)]]
    dep_delay: Mapped[Annotated[int | None, Field(gt=-1_440)]]


class Flight(Constrained, BaseModel):
    """A flight that is validated."""


class UncheckedFlight(Constrained, BaseModel):
    """A flight that is not."""

    __validate__ = False


class HiddenFlight(Constrained, SoftDeleteMixin, BaseModel):
    """A flight that is deleted softly."""


class VisibleFlight(Constrained, BaseModel):
    """A flight that has the column for it, and nothing more."""

    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class RecordedFlight(Constrained, AuditMixin, BaseModel):
    """A flight that keeps its history."""


def _values(number: int) -> dict[str, Any]:
    return {"carrier": "UA", "origin": "EWR", "dest": "IAH", "distance": 1 + number % 5_000, "dep_delay": 2}


_GIVEN = [_values(number) for number in range(_MADE)]


class ModelsSide:
    """Do the work of each row, with what a model adds and without it.

    Args:
        engine: An engine on a database with the tables of all models.
    """

    def __init__(self, engine: AndamiosEngine) -> None:
        self._engine = engine

    async def plain(self) -> float:
        """Construct objects of a class that SQLAlchemy maps."""
        return _construct(PlainFlight)

    async def validated(self) -> float:
        """Construct objects that are validated."""
        return _construct(Flight)

    async def unvalidated(self) -> float:
        """Construct objects of a model whose validation is off."""
        return _construct(UncheckedFlight)

    async def read(self) -> float:
        """Read by key."""
        return await self._read(VisibleFlight)

    async def soft_delete_read(self) -> float:
        """Read by key what is not deleted."""
        return await self._read(HiddenFlight)

    async def objects(self) -> float:
        """Add objects."""
        return await self._add(Flight)

    async def history_objects(self) -> float:
        """Add objects, and record them."""
        return await self._add(RecordedFlight)

    async def changes(self) -> float:
        """Change objects."""
        return await self._change(Flight)

    async def history_changes(self) -> float:
        """Change objects, and record it."""
        return await self._change(RecordedFlight)

    async def bulk(self) -> float:
        """Insert rows."""
        return await self._written(Flight, lambda session: session.bulk_insert(Flight, _GIVEN))

    async def history_bulk(self) -> float:
        """Insert rows, and record them."""
        return await self._written(
            RecordedFlight, lambda session: session.bulk_insert(RecordedFlight, _GIVEN)
        )

    async def update(self) -> float:
        """Update rows by one statement."""
        return await self._execute(Flight, update(Flight).values(dep_delay=3))

    async def history_update(self) -> float:
        """Update rows by one statement, and record it."""
        return await self._execute(RecordedFlight, update(RecordedFlight).values(dep_delay=3))

    async def delete(self) -> float:
        """Delete rows by one statement."""
        return await self._execute(Flight, delete(Flight))

    async def history_delete(self) -> float:
        """Delete rows by one statement, and record it."""
        return await self._execute(RecordedFlight, delete(RecordedFlight))

    async def _read(self, model: type[Any]) -> float:
        await self._clear(model)
        async with SessionManager(self._engine) as session:
            await session.execute(insert(model).values(id=1, **_GIVEN[0]))
        taken = []
        for _ in range(_READS):
            start = perf_counter()
            async with AsyncSession(self._engine) as session:
                await session.get_one(model, 1)
            taken.append(perf_counter() - start)
        return median(taken) * 1000

    async def _add(self, model: type[Any]) -> float:
        flights = [model(**values) for values in _GIVEN[:_OBJECTS]]

        async def add(session: AsyncSession) -> None:
            session.add_all(flights)

        return await self._written(model, add)

    async def _change(self, model: type[Any]) -> float:
        await self._clear(model)
        async with AsyncSession(self._engine, expire_on_commit=False) as session:
            flights = [model(**values) for values in _GIVEN[:_OBJECTS]]
            session.add_all(flights)
            await session.commit()
            for flight in flights:
                flight.dep_delay += 1
            return await timed(session.commit)

    async def _execute(self, model: type[Any], statement: Any) -> float:
        await self._clear(model)
        async with SessionManager(self._engine) as session:
            await session.bulk_insert(model, _GIVEN[:_ROWS])
        return await self._timed(lambda session: session.execute(statement))

    async def _written(self, model: type[Any], work: Callable[[AsyncSession], Awaitable[object]]) -> float:
        await self._clear(model)
        return await self._timed(work)

    async def _timed(self, work: Callable[[AsyncSession], Awaitable[object]]) -> float:
        async def committed() -> None:
            async with SessionManager(self._engine) as session:
                await work(session)

        return await timed(committed)

    async def _clear(self, model: type[Any]) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(delete(model.__table__))
            if issubclass(model, AuditMixin):
                await connection.execute(delete(model.__history_table__))


def _construct(model: type[Any]) -> float:
    start = perf_counter()
    for values in _GIVEN:
        model(**values)
    return (perf_counter() - start) * 1000


@asynccontextmanager
async def _side() -> AsyncIterator[ModelsSide]:
    engine = create_memory_engine()
    await create_all(engine)
    yield ModelsSide(engine)
    await engine.dispose()


def main() -> None:
    """Measure what the command line asks for, and print the table."""
    options = parser("hatch run bench-models", __doc__, CASES).parse_args()
    print_costs(options, CASES, _side(), title="What andamios_orm.models costs", first="creating the tables")


if __name__ == "__main__":
    main()
