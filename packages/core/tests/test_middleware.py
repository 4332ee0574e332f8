"""Middleware around the statements of sessions: what it may do, in which order, and around what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from sqlalchemy import ForeignKey, Result, Select, delete, func, insert, select, text, update
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    defer,
    mapped_column,
    selectinload,
    with_loader_criteria,
)
from sqlalchemy.orm import relationship as related

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager, create_memory_engine
from andamios_orm.core.cache.cache import CacheManager, CachePolicy
from andamios_orm.core.errors import ConfigurationError, DuplicateKeyError
from andamios_orm.core.events import BeforeExecute, events_of
from andamios_orm.core.middleware import CallNext, StatementExecution, StatementMiddleware, middleware_of

from .backends import BACKENDS, engine_with


class Base(DeclarativeBase):
    pass


class Owned:
    tenant: Mapped[str] = mapped_column()


class Airline(Owned, Base):
    __tablename__ = "middleware_airline"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    flights: Mapped[list[Flight]] = related(order_by="Flight.id")


class Flight(Owned, Base):
    __tablename__ = "middleware_flight"

    id: Mapped[int] = mapped_column(primary_key=True)
    airline: Mapped[int] = mapped_column(ForeignKey("middleware_airline.id"))
    number: Mapped[str]


ROWS: list[Any] = [
    {"id": 1, "tenant": "red", "name": "United"},
    {"id": 2, "tenant": "blue", "name": "American"},
]
FLIGHTS: list[Any] = [
    {"id": 1, "tenant": "red", "airline": 1, "number": "UA1"},
    {"id": 2, "tenant": "blue", "airline": 1, "number": "UA2"},
    {"id": 3, "tenant": "blue", "airline": 2, "number": "AA3"},
]


@pytest.fixture(params=BACKENDS)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AndamiosEngine]:
    """An engine on a database with two airlines of two tenants, and their flights."""
    async with engine_with(request.param, Base.metadata, tmp_path) as engine:
        async with engine.begin() as connection:
            await connection.execute(insert(Airline), ROWS)
            await connection.execute(insert(Flight), FLIGHTS)
        yield engine


@pytest.fixture
def told() -> list[str]:
    """What the middleware said."""
    return []


def telling(told: list[str], name: str) -> StatementMiddleware:
    async def tell(execution: StatementExecution, call_next: CallNext) -> Result[Any]:
        told.append(f"{name} before")
        result = await call_next(execution)
        told.append(f"{name} after")
        return result

    return tell


def tenant_of(tenant: str) -> StatementMiddleware:
    async def restrict(execution: StatementExecution, call_next: CallNext) -> Result[Any]:
        criterion = with_loader_criteria(Owned, lambda model: model.tenant == tenant, include_aliases=True)
        return await call_next(replace(execution, statement=execution.statement.options(criterion)))

    return restrict


class TestOrder:
    async def test_the_first_is_the_outermost_and_the_engine_outside_of_the_session(
        self, engine: AndamiosEngine, told: list[str]
    ) -> None:
        async with AsyncSession(engine) as session:
            middleware_of(session).add(telling(told, "session"))
            middleware_of(engine).add(telling(told, "first"))
            middleware_of(engine).add(telling(told, "second"))
            middleware_of(session).add(telling(told, "inner"))
            await session.execute(select(1))
        assert told == [
            *("first before", "second before", "session before", "inner before"),
            *("inner after", "session after", "second after", "first after"),
        ]

    async def test_one_that_was_removed_is_not_called(self, engine: AndamiosEngine, told: list[str]) -> None:
        goes = middleware_of(engine).add(telling(told, "goes"))
        middleware_of(engine).add(telling(told, "stays"))
        async with AsyncSession(engine) as session:
            of_session = middleware_of(session).add(telling(told, "session"))
            goes.unsubscribe()
            of_session.unsubscribe()
            await session.execute(select(1))
        assert told == ["stays before", "stays after"]

    async def test_that_of_a_session_is_its_own(self, engine: AndamiosEngine, told: list[str]) -> None:
        async with AsyncSession(engine) as first, AsyncSession(engine) as second:
            middleware_of(first).add(telling(told, "first"))
            await second.execute(select(1))
        assert told == []

    async def test_that_of_an_engine_is_for_its_sessions(
        self, engine: AndamiosEngine, told: list[str]
    ) -> None:
        middleware_of(engine).add(telling(told, "engine"))
        assert middleware_of(engine.execution_options(logging_token="x")) is middleware_of(engine)
        other = create_memory_engine()
        async with AsyncSession(other) as session:
            await session.execute(select(1))
        await other.dispose()
        assert told == []


class TestWhatItIsAround:
    @pytest.fixture
    def seen(self, engine: AndamiosEngine) -> list[StatementExecution]:
        """What the middleware of the engine has met."""
        seen: list[StatementExecution] = []

        async def look(execution: StatementExecution, call_next: CallNext) -> Result[Any]:
            seen.append(execution)
            return await call_next(execution)

        middleware_of(engine).add(look)
        return seen

    async def test_every_way_to_execute(self, engine: AndamiosEngine, seen: list[StatementExecution]) -> None:
        async with AsyncSession(engine) as session:
            await session.execute(text("SELECT 1"))
            await session.scalar(select(1))
            await session.scalars(select(Flight))
            airline = await session.get(Airline, 1)
            async for _ in await session.stream(select(Airline)):
                pass
            await session.execute(update(Flight).values(number="X"))
            assert len(seen) == 6
            assert await session.get(Airline, 1) is airline
            assert len(seen) == 6
        assert {execution.session for execution in seen} == {session}

    async def test_loads_of_relationships_and_attributes(
        self, engine: AndamiosEngine, seen: list[StatementExecution]
    ) -> None:
        async with AsyncSession(engine) as session:
            airlines = await session.scalars(
                select(Airline).options(selectinload(Airline.flights), defer(Airline.name))
            )
            airline = airlines.first()
            assert airline is not None
            await session.refresh(airline, ["name"])
            session.expire(airline)
            await session.run_sync(lambda sync: airline.flights)
        kinds = [
            "column" if execution.state.is_column_load else "relationship"
            for execution in seen[1:]
            if execution.state.is_column_load or execution.state.is_relationship_load
        ]
        assert {"column", "relationship"} <= set(kinds)

    async def test_not_what_a_flush_sends_nor_connections(
        self, engine: AndamiosEngine, seen: list[StatementExecution]
    ) -> None:
        async with SessionManager(engine) as session:
            session.add(Airline(id=3, tenant="red", name="Delta"))
            await session.flush()
            await session.bulk_insert(Airline, [{"id": 4, "tenant": "red", "name": "Alaska"}])
            connection = await session.connection()
            await connection.execute(select(Airline))
        assert seen == []

    async def test_pending_changes_are_flushed_before(
        self, engine: AndamiosEngine, seen: list[StatementExecution]
    ) -> None:
        async with AsyncSession(engine) as session:
            session.add(Airline(id=3, tenant="red", name="Delta"))
            assert await session.scalar(select(func.count()).select_from(Airline)) == 3


class TestTenants:
    async def test_rows_of_others_are_out_of_reach(self, engine: AndamiosEngine) -> None:
        middleware_of(engine).add(tenant_of("red"))
        async with AsyncSession(engine) as session:
            assert (await session.scalars(select(Flight.number))).all() == ["UA1"]
            assert await session.get(Flight, 2) is None
            streamed = [flight.number async for flight in await session.stream_scalars(select(Flight))]
            assert streamed == ["UA1"]
            counted = await session.scalar(select(func.count()).select_from(Flight))
            assert counted == 1

    async def test_relationships_too(self, engine: AndamiosEngine) -> None:
        middleware_of(engine).add(tenant_of("red"))
        async with AsyncSession(engine) as session:
            airline = await session.get_one(Airline, 1, options=[selectinload(Airline.flights)])
            assert [flight.number for flight in airline.flights] == ["UA1"]
            session.expire(airline)
            flights = await session.run_sync(lambda sync: airline.flights)
            assert [flight.number for flight in flights] == ["UA1"]

    async def test_updates_and_deletes_too(self, engine: AndamiosEngine) -> None:
        async with SessionManager(engine) as session:
            middleware_of(session).add(tenant_of("red"))
            await session.execute(update(Flight).values(number="red"))
            await session.execute(delete(Flight).where(Flight.airline == 2))
        async with AsyncSession(engine) as session:
            numbers = await session.scalars(select(Flight.number).order_by(Flight.id))
            assert numbers.all() == ["red", "UA2", "AA3"]

    async def test_the_cache_keeps_them_apart(self, engine: AndamiosEngine) -> None:
        if engine.dialect.name != "duckdb":
            pytest.skip("it is the same everywhere")
        statement = select(Flight.number).execution_options(cache=CachePolicy(ttl=60))
        async with CacheManager(engine) as cache:
            for tenant, numbers in [("red", ["UA1"]), ("blue", ["UA2", "AA3"])] * 2:
                with middleware_of(engine).add(tenant_of(tenant)):
                    async with AsyncSession(engine) as session:
                        assert (await session.scalars(statement)).all() == numbers
            assert cache.statistics().memory_hits == 2


class TestWhatItMayDo:
    async def test_tag_a_statement(self, engine: AndamiosEngine) -> None:
        sent: list[str] = []

        async def tag(execution: StatementExecution, call_next: CallNext) -> Result[Any]:
            statement = execution.statement
            assert isinstance(statement, Select)
            return await call_next(replace(execution, statement=statement.prefix_with("/* report */")))

        middleware_of(engine).add(tag)
        events_of(engine).subscribe(BeforeExecute, lambda event: sent.append(event.statement))
        async with AsyncSession(engine) as session:
            await session.execute(select(Flight.number))
        assert sent[-1].startswith("SELECT /* report */ ")

    async def test_change_parameters(self, engine: AndamiosEngine) -> None:
        async def shout(execution: StatementExecution, call_next: CallNext) -> Result[Any]:
            return await call_next(
                replace(execution, parameters={"name": execution.parameters["name"].upper()})
            )

        async with AsyncSession(engine) as session:
            middleware_of(session).add(shout)
            assert await session.scalar(text("SELECT CAST(:name AS VARCHAR(9))"), {"name": "ua"}) == "UA"

    async def test_change_many_parameters(self, engine: AndamiosEngine) -> None:
        async def own(execution: StatementExecution, call_next: CallNext) -> Result[Any]:
            rows = [{**row, "tenant": "red"} for row in execution.parameters]
            return await call_next(replace(execution, parameters=rows))

        async with SessionManager(engine) as session:
            with middleware_of(session).add(own):
                await session.execute(
                    insert(Airline), [{"id": 3, "name": "Delta"}, {"id": 4, "name": "Alaska"}]
                )
            reds = select(func.count()).select_from(Airline).where(Airline.tenant == "red")
            assert await session.scalar(reds) == 3

    async def test_change_execution_options(self, engine: AndamiosEngine) -> None:
        async def anew(execution: StatementExecution, call_next: CallNext) -> Result[Any]:
            options = {**execution.execution_options, "populate_existing": True}
            return await call_next(replace(execution, execution_options=options))

        async with AsyncSession(engine) as session:
            airline = await session.get_one(Airline, 1)
            await session.execute(
                update(Airline).values(name="changed"), execution_options={"synchronize_session": False}
            )
            await session.scalars(select(Airline))
            assert airline.name == "United"
            middleware_of(session).add(anew)
            await session.scalars(select(Airline))
            assert airline.name == "changed"

    async def test_execute_twice_or_not_at_all(self, engine: AndamiosEngine) -> None:
        kept: dict[str, Any] = {}

        async def keep(execution: StatementExecution, call_next: CallNext) -> Result[Any]:
            key = str(execution.statement)
            if key not in kept:
                kept[key] = (await call_next(execution)).freeze()
            return kept[key]()  # type: ignore[no-any-return] # it makes results

        async def twice(execution: StatementExecution, call_next: CallNext) -> Result[Any]:
            await call_next(execution)
            return await call_next(execution)

        sent: list[str] = []
        async with AsyncSession(engine) as session:
            middleware_of(session).add(keep)
            middleware_of(session).add(twice)
            await session.connection()
            events_of(engine).subscribe(BeforeExecute, lambda event: sent.append(event.statement))
            numbers = [(await session.scalars(select(Flight.number))).all() for _ in range(3)]
        assert numbers[0] == numbers[1] == numbers[2] == ["UA1", "UA2", "AA3"]
        assert len(sent) == 2

    async def test_measure(self, engine: AndamiosEngine) -> None:
        measured: list[float] = []

        async def measure(execution: StatementExecution, call_next: CallNext) -> Result[Any]:
            started = perf_counter()
            try:
                return await call_next(execution)
            finally:
                measured.append(perf_counter() - started)

        middleware_of(engine).add(measure)
        async with AsyncSession(engine) as session:
            await session.execute(select(Flight))
            with pytest.raises(DuplicateKeyError):
                await session.execute(insert(Airline).values(ROWS[0]))
        assert len(measured) == 2

    async def test_refuse(self, engine: AndamiosEngine) -> None:
        async def refuse(execution: StatementExecution, call_next: CallNext) -> Result[Any]:
            if not execution.statement.is_select:
                raise PermissionError("this session only reads")
            return await call_next(execution)

        async with AsyncSession(engine) as session:
            middleware_of(session).add(refuse)
            with pytest.raises(PermissionError, match=r"^this session only reads$"):
                await session.execute(delete(Flight))
            assert await session.scalar(select(func.count()).select_from(Flight)) == 3

    async def test_run_statements_of_its_own(self, engine: AndamiosEngine, told: list[str]) -> None:
        """They pass through the others, and not through itself."""

        async def look_first(execution: StatementExecution, call_next: CallNext) -> Result[Any]:
            told.append("looks")
            await execution.session.scalar(select(func.count()).select_from(Airline))
            return await call_next(execution)

        middleware_of(engine).add(look_first)
        middleware_of(engine).add(telling(told, "other"))
        async with AsyncSession(engine) as session:
            await session.execute(select(Flight))
            assert told == ["looks", *["other before", "other after"] * 2]
            told.clear()
            # What call_next loads is not its own.
            await session.scalars(select(Airline).options(selectinload(Airline.flights)))
        assert told.count("looks") == 2

    async def test_one_that_cannot_be_called_is_a_mistake(self, engine: AndamiosEngine) -> None:
        with pytest.raises(ConfigurationError, match=r"a coroutine function of .*, not 3"):
            middleware_of(engine).add(3)  # type: ignore[arg-type] # the mistake under test

    async def test_give_no_result_is_a_mistake(self, engine: AndamiosEngine) -> None:
        async def forget(execution: StatementExecution, call_next: CallNext) -> Any:
            await call_next(execution)

        middleware_of(engine).add(forget)
        async with AsyncSession(engine) as session:
            with pytest.raises(ConfigurationError, match=r"returns a Result, not None: <function .*forget"):
                await session.execute(select(Flight))


async def test_objects_of_streams_pass(engine: AndamiosEngine, told: list[str]) -> None:
    middleware_of(engine).add(telling(told, "engine"))
    async with AsyncSession(engine) as session:
        statement = select(Flight).order_by(Flight.id).execution_options(yield_per=1)
        result = await session.stream_scalars(statement)
        assert told == ["engine before", "engine after"]
        assert [flight.number async for flight in result] == ["UA1", "UA2", "AA3"]


async def test_cancellation_passes(engine: AndamiosEngine) -> None:
    started = asyncio.Event()

    async def wait(execution: StatementExecution, call_next: CallNext) -> Result[Any]:
        started.set()
        await asyncio.sleep(60)
        return await call_next(execution)

    async def ask() -> None:
        async with AsyncSession(engine) as session:
            await session.execute(select(Flight))

    with middleware_of(engine).add(wait):
        task = asyncio.create_task(ask())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await ask()
