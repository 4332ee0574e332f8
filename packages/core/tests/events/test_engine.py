"""The events of statements and connections."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager
from andamios_orm.core.errors import DatabaseError, DuplicateKeyError
from andamios_orm.core.events import (
    AfterExecute,
    BeforeExecute,
    ConnectionAcquired,
    ConnectionClosed,
    ConnectionOpened,
    ConnectionReleased,
    EventBus,
    events_of,
)
from andamios_orm.core.observability.metrics import MetricsCollector

from ..backends import BACKENDS, engine_with


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "engine_events_note"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


@pytest.fixture(params=BACKENDS)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AndamiosEngine]:
    """An engine on a database with the tables of this module."""
    async with engine_with(request.param, Base.metadata, tmp_path) as engine:
        yield engine


@pytest.fixture
def bus(engine: AndamiosEngine) -> EventBus:
    return events_of(engine)


@pytest.fixture
def told() -> list[str]:
    """The events in short, in order."""
    return []


class TestStatements:
    async def test_a_statement_is_told_before_and_after(self, engine: AndamiosEngine, bus: EventBus) -> None:
        before: list[BeforeExecute] = []
        after: list[AfterExecute] = []
        bus.subscribe(BeforeExecute, before.append)
        bus.subscribe(AfterExecute, after.append)
        async with engine.connect() as connection:
            await connection.execute(text("SELECT CAST(:n AS INTEGER)"), {"n": 3})
        assert [event.statement for event in before] == [event.statement for event in after]
        # On SQLite the engine sends a BEGIN before.
        told = after[-1]
        assert "SELECT CAST(" in told.statement
        assert list(told.parameters) == [3]
        assert told.seconds > 0
        assert told.error is None

    async def test_rows_are_counted_where_they_are_known(self, engine: AndamiosEngine, bus: EventBus) -> None:
        rows: list[int | None] = []
        bus.subscribe(AfterExecute, lambda event: rows.append(event.rows))
        async with engine.begin() as connection:
            await connection.execute(text("INSERT INTO engine_events_note VALUES (1, 'a'), (2, 'b')"))
            await connection.execute(text("UPDATE engine_events_note SET text = 'c'"))
        assert rows[-2:] == [2, 2]

    async def test_bulk_inserts_are_told(self, engine: AndamiosEngine, bus: EventBus) -> None:
        after: list[AfterExecute] = []
        bus.subscribe(AfterExecute, after.append)
        async with SessionManager(engine) as session:
            await session.bulk_insert(Note, [{"id": 1, "text": "one"}, {"id": 2, "text": "two"}])
        (told,) = (event for event in after if event.statement.startswith("INSERT"))
        assert told.rows == (None if engine.dialect.name == "postgresql" else 2)
        assert [list(row)[-1] for row in told.parameters] == ["one", "two"]

    async def test_a_stream_is_told_when_it_begins(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str]
    ) -> None:
        bus.subscribe(AfterExecute, lambda event: told.append("executed"))
        async with AsyncSession(engine) as session:
            result = await session.stream(text("SELECT 1"))
            told.append("begun")
            assert await result.scalar_one() == 1
        assert told[-2:] == ["executed", "begun"]

    async def test_one_before_that_raises_aborts_the_statement(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str]
    ) -> None:
        async def refuse(event: BeforeExecute) -> None:
            if event.statement.startswith("INSERT"):
                raise ValueError("no writes today")

        bus.subscribe(BeforeExecute, refuse)
        bus.subscribe(AfterExecute, lambda event: told.append(event.statement))
        async with AsyncSession(engine) as session:
            with pytest.raises(ValueError, match=r"^no writes today$"):
                await session.execute(text("INSERT INTO engine_events_note VALUES (1, 'a')"))
            await session.rollback()
            assert await session.scalar(text("SELECT count(*) FROM engine_events_note")) == 0
        assert "BEGIN" not in told[:-1] or engine.dialect.name == "sqlite"
        assert told[-1] == "SELECT count(*) FROM engine_events_note"
        assert not any(statement.startswith("INSERT") for statement in told)

    async def test_what_handlers_before_take_is_not_measured(
        self, engine: AndamiosEngine, bus: EventBus
    ) -> None:
        measured: list[float] = []
        waited: list[float] = []

        async def wait(event: BeforeExecute) -> None:
            clock = asyncio.get_running_loop().time
            started = clock()
            await asyncio.sleep(0.1)
            waited.append(clock() - started)

        bus.subscribe(AfterExecute, lambda event: measured.append(event.seconds))
        bus.subscribe(BeforeExecute, wait)
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
        assert measured[0] < waited[0]

    async def test_an_error_is_told_and_raised(
        self, engine: AndamiosEngine, bus: EventBus, caplog: pytest.LogCaptureFixture
    ) -> None:
        errors: list[BaseException | None] = []

        async def note(event: AfterExecute) -> None:
            await asyncio.sleep(0)
            errors.append(event.error)
            raise LookupError("no mail server")

        bus.subscribe(AfterExecute, note)
        async with engine.connect() as connection:
            with pytest.raises(DatabaseError) as raised:
                await connection.execute(text("SELEKT 1"))
        assert errors[-1] is raised.value
        assert "no mail server" in caplog.text

    async def test_one_after_that_raises_is_logged(
        self, engine: AndamiosEngine, bus: EventBus, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(event: AfterExecute) -> None:
            raise LookupError("no mail server")

        bus.subscribe(AfterExecute, fail)
        async with SessionManager(engine) as session:
            session.add(Note(id=1, text="kept"))
        assert {record.name for record in caplog.records} == {"andamios_orm.core.events"}
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT count(*) FROM engine_events_note")) == 1

    async def test_a_handler_may_send_statements(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str]
    ) -> None:
        async def log(event: AfterExecute) -> None:
            told.append(event.statement)
            async with engine.connect() as connection:
                await connection.execute(text("SELECT 2"))

        bus.subscribe(AfterExecute, log)
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
        assert [statement for statement in told if statement != "BEGIN"] == ["SELECT 1"]

    async def test_a_cancelled_statement_is_told(self, engine: AndamiosEngine, bus: EventBus) -> None:
        if engine.dialect.name != "duckdb":
            pytest.skip("only DuckDB has a statement that takes long everywhere")
        errors: list[BaseException | None] = []
        started = asyncio.Event()
        bus.subscribe(BeforeExecute, lambda event: started.set())
        bus.subscribe(AfterExecute, lambda event: errors.append(event.error))

        async def ask() -> None:
            async with engine.connect() as connection:
                await connection.execute(text("SELECT count(*) FROM range(10000000) a, range(100000) b"))

        task = asyncio.create_task(ask())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [type(error) for error in errors] == [asyncio.CancelledError]

    async def test_observers_may_come_and_go_while_a_handler_waits(
        self, engine: AndamiosEngine, bus: EventBus
    ) -> None:
        waits, goes_on = asyncio.Event(), asyncio.Event()

        async def wait(event: AfterExecute) -> None:
            waits.set()
            await goes_on.wait()

        async def write_twice() -> None:
            async with engine.begin() as connection:
                await connection.execute(text("INSERT INTO engine_events_note VALUES (1, 'a')"))
                await connection.execute(text("INSERT INTO engine_events_note VALUES (1, 'b')"))

        bus.subscribe(AfterExecute, wait)
        task = asyncio.create_task(write_twice())
        await waits.wait()
        metrics = MetricsCollector(engine)
        event.listen(engine.sync_engine, "handle_error", lambda context: None)
        goes_on.set()
        with pytest.raises(DuplicateKeyError):
            await task
        metrics.close()


class TestConnections:
    def subscribe(self, bus: EventBus, told: list[str]) -> None:
        for kind in (ConnectionOpened, ConnectionAcquired, ConnectionReleased, ConnectionClosed):
            bus.subscribe(kind, lambda event: told.append(type(event).__name__.removeprefix("Connection")))

    async def told_after(self, told: list[str], number: int) -> list[str]:
        while len(told) < number:
            await asyncio.sleep(0)
        return told

    async def test_a_connection_is_told_of_from_its_opening_to_its_closing(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str]
    ) -> None:
        await engine.dispose()
        self.subscribe(bus, told)
        for _ in range(2):
            async with engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        await engine.dispose()
        assert await self.told_after(told, 6) == [
            "Opened",
            "Acquired",
            "Released",
            "Acquired",
            "Released",
            "Closed",
        ]

    async def test_the_next_pool_of_the_engine_is_told_of_too(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str]
    ) -> None:
        await engine.dispose()
        subscription = bus.subscribe(ConnectionOpened, lambda event: told.append("opened"))
        await engine.dispose()
        async with engine.connect():
            assert told == ["opened"]
        await engine.dispose()
        subscription.unsubscribe()
        async with engine.connect():
            assert told == ["opened"]

    async def test_a_handler_may_use_the_engine(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str]
    ) -> None:
        await engine.dispose()

        async def ask(event: Any) -> None:
            async with engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
            told.append(type(event).__name__)

        subscriptions = [bus.subscribe(kind, ask) for kind in (ConnectionOpened, ConnectionAcquired)]
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
        for subscription in subscriptions:
            subscription.unsubscribe()
        assert sorted(told) == ["ConnectionAcquired", "ConnectionAcquired", "ConnectionOpened"]

    async def test_the_info_stays_with_the_connection(self, engine: AndamiosEngine, bus: EventBus) -> None:
        await engine.dispose()
        seen: list[Any] = []

        async def prepare(event: ConnectionOpened) -> None:
            await asyncio.sleep(0)
            event.info["tenant"] = "red"
            assert event.driver_connection is not None

        bus.subscribe(ConnectionOpened, prepare)
        bus.subscribe(ConnectionAcquired, lambda event: seen.append(event.info["tenant"]))
        for _ in range(2):
            async with engine.connect() as connection:
                assert (await connection.get_raw_connection()).info["tenant"] == "red"
        assert seen == ["red", "red"]

    async def test_a_handler_that_raises_is_logged(
        self, engine: AndamiosEngine, bus: EventBus, caplog: pytest.LogCaptureFixture
    ) -> None:
        await engine.dispose()

        async def fail(event: Any) -> None:
            raise LookupError(type(event).__name__)

        for kind in (ConnectionOpened, ConnectionAcquired, ConnectionReleased, ConnectionClosed):
            bus.subscribe(kind, fail)
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1
        await engine.dispose()
        while len(caplog.records) < 4:
            await asyncio.sleep(0)
        assert {record.levelno for record in caplog.records} == {logging.ERROR}

    async def test_cancellation_while_a_handler_waits_loses_no_connection(
        self, engine: AndamiosEngine, bus: EventBus
    ) -> None:
        started = asyncio.Event()

        async def wait(event: Any) -> None:
            started.set()
            await asyncio.sleep(60)

        async def work() -> None:
            async with engine.connect() as connection:
                await connection.execute(text("SELECT 1"))

        for kind in (ConnectionOpened, ConnectionAcquired):
            await engine.dispose()
            started.clear()
            subscription = bus.subscribe(kind, wait)
            task = asyncio.create_task(work())
            await started.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            subscription.unsubscribe()
            await work()
            pool: Any = engine.pool
            assert pool.checkedout() == 0

    async def test_nobody_waits_for_the_release(self, engine: AndamiosEngine, bus: EventBus) -> None:
        goes_on = asyncio.Event()
        done: list[str] = []

        async def wait(event: ConnectionReleased) -> None:
            await goes_on.wait()
            done.append("done")

        bus.subscribe(ConnectionReleased, wait)
        async with engine.connect():
            pass
        pool: Any = engine.pool
        assert (pool.checkedout(), done) == (0, [])
        gc.collect()
        goes_on.set()
        await self.told_after(done, 1)

    async def test_one_that_is_left_to_the_garbage_collector_is_told_of(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str]
    ) -> None:
        if engine.dialect.name != "duckdb":
            pytest.skip("what becomes of it is the driver's business")
        self.subscribe(bus, told)
        with pytest.warns(match="garbage collector"):  # noqa: PT031
            connection: Any = await engine.connect()
            del connection
            gc.collect()
        assert await self.told_after(told, 3) == ["Acquired", "Released", "Closed"]
