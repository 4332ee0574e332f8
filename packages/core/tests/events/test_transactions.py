"""The events of transactions: of sessions, and of connections."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession as PlainAsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager, create_engine
from andamios_orm.core.errors import AndamiosError
from andamios_orm.core.events import (
    AfterCommit,
    AfterRollback,
    BeforeCommit,
    EventBus,
    TransactionBegin,
    events_of,
)

from ..backends import BACKENDS, engine_with
from ..services import MARIADB, require

INSERT = text("INSERT INTO transaction_events_note VALUES (1, 'a')")
COUNT = text("SELECT count(*) FROM transaction_events_note")


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "transaction_events_note"

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
def told(bus: EventBus) -> list[str]:
    """The events in short, in order."""
    told: list[str] = []

    def write(event: Any) -> None:
        of_session = getattr(event, "session", None) is not None
        told.append(f"{type(event).__name__}{' of a session' if of_session else ''}")

    for kind in (TransactionBegin, BeforeCommit, AfterCommit, AfterRollback):
        bus.subscribe(kind, write)
    return told


COMMITTED = ["TransactionBegin", "BeforeCommit", "AfterCommit"]
COMMITTED_SESSION = ["BeforeCommit of a session", "TransactionBegin", "AfterCommit of a session"]


async def count(engine: AndamiosEngine) -> int:
    async with engine.connect() as connection:
        return await connection.scalar(COUNT) or 0


class TestSessions:
    async def test_a_commit(self, engine: AndamiosEngine, told: list[str]) -> None:
        async with AsyncSession(engine) as session:
            session.add(Note(id=1, text="a"))
            await session.commit()
            assert told == COMMITTED_SESSION

    async def test_a_rollback(self, engine: AndamiosEngine, told: list[str]) -> None:
        async with AsyncSession(engine) as session:
            await session.execute(INSERT)
            await session.rollback()
            assert told == ["TransactionBegin", "AfterRollback of a session"]

    async def test_a_close_without_a_commit(self, engine: AndamiosEngine, told: list[str]) -> None:
        async with AsyncSession(engine) as session:
            await session.execute(COUNT)
        assert told == ["TransactionBegin", "AfterRollback of a session"]

    async def test_a_commit_without_a_transaction_was_none(
        self, engine: AndamiosEngine, told: list[str]
    ) -> None:
        async with SessionManager(engine):
            pass
        assert told == ["BeforeCommit of a session"]

    async def test_one_after_the_other(self, engine: AndamiosEngine, told: list[str]) -> None:
        async with AsyncSession(engine) as session:
            for number in (1, 2):
                session.add(Note(id=number, text="a"))
                await session.commit()
        assert told == COMMITTED_SESSION * 2

    async def test_handlers_before_may_add_objects(self, engine: AndamiosEngine, bus: EventBus) -> None:
        async def add(event: BeforeCommit) -> None:
            assert event.session is not None
            event.session.add(Note(id=await event.session.scalar(COUNT) or 0, text="added"))

        bus.subscribe(BeforeCommit, add)
        async with SessionManager(engine) as session:
            session.add(Note(id=7, text="a"))
        assert await count(engine) == 2

    async def test_one_before_that_raises_aborts_it(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str]
    ) -> None:
        async def refuse(event: BeforeCommit) -> None:
            raise PermissionError("not today")

        subscription = bus.subscribe(BeforeCommit, refuse)
        async with AsyncSession(engine) as session:
            await session.execute(INSERT)
            with pytest.raises(PermissionError, match=r"^not today$"):
                await session.commit()
            await session.rollback()
            assert told[-1] == "AfterRollback of a session"
            subscription.unsubscribe()
            assert await session.scalar(COUNT) == 0
            await session.execute(INSERT)
            await session.commit()
        assert told[-1] == "AfterCommit of a session"
        assert await count(engine) == 1

    async def test_one_after_that_raises_loses_nothing(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(event: AfterCommit) -> None:
            raise LookupError("no mail server")

        bus.subscribe(AfterCommit, fail)
        async with SessionManager(engine) as session:
            await session.execute(INSERT)
        assert "no mail server" in caplog.text
        assert told == ["TransactionBegin", "BeforeCommit of a session", "AfterCommit of a session"]
        assert await count(engine) == 1

    async def test_handlers_after_may_take_the_connection(
        self, engine: AndamiosEngine, bus: EventBus
    ) -> None:
        """It went back to the pool before, so that a full pool is no deadlock."""
        taken: list[int] = []

        async def look(event: AfterCommit) -> None:
            pool: Any = engine.pool
            taken.append(pool.checkedout())

        bus.subscribe(AfterCommit, look)
        async with SessionManager(engine) as session:
            await session.execute(INSERT)
        assert taken == [0]

    async def test_handlers_after_may_commit_themselves(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str]
    ) -> None:
        async def follow_up(event: AfterCommit) -> None:
            async with SessionManager(engine) as session:
                await session.execute(text("INSERT INTO transaction_events_note VALUES (2, 'b')"))

        bus.subscribe(AfterCommit, follow_up)
        async with SessionManager(engine) as session:
            await session.execute(INSERT)
        assert await count(engine) == 2

    async def test_cancellation_does_not_reach_the_handlers_after(
        self, engine: AndamiosEngine, bus: EventBus
    ) -> None:
        started, goes_on = asyncio.Event(), asyncio.Event()
        done: list[str] = []

        async def wait(event: AfterCommit) -> None:
            started.set()
            await goes_on.wait()
            done.append("done")

        async def work() -> None:
            async with SessionManager(engine) as session:
                await session.execute(INSERT)

        subscription = bus.subscribe(AfterCommit, wait)
        task = asyncio.create_task(work())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        goes_on.set()
        while not done:
            await asyncio.sleep(0)
        subscription.unsubscribe()
        assert await count(engine) == 1

    async def test_nor_does_the_cancellation_of_a_callback_of_the_session(
        self, engine: AndamiosEngine, bus: EventBus
    ) -> None:
        started, done = asyncio.Event(), asyncio.Event()

        async def wait() -> None:
            started.set()
            await done.wait()

        async def work() -> None:
            async with SessionManager(engine) as session:
                await session.execute(INSERT)
                session.on_commit(wait)

        bus.subscribe(AfterCommit, lambda event: done.set())
        task = asyncio.create_task(work())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await done.wait()

    async def test_savepoints_are_part_of_it(self, engine: AndamiosEngine, told: list[str]) -> None:
        if engine.dialect.name == "duckdb":
            pytest.skip("DuckDB has no savepoints")
        async with AsyncSession(engine) as session:
            async with session.begin_nested():
                await session.execute(INSERT)
            with pytest.raises(LookupError):
                async with session.begin_nested():
                    await session.execute(COUNT)
                    raise LookupError
            assert told == ["TransactionBegin"]
            await session.commit()
        assert told[1:] == ["BeforeCommit of a session", "AfterCommit of a session"]

    async def test_a_savepoint_that_is_open_at_the_commit(
        self, engine: AndamiosEngine, told: list[str]
    ) -> None:
        if engine.dialect.name == "duckdb":
            pytest.skip("DuckDB has no savepoints")
        async with AsyncSession(engine) as session, session.begin():
            await session.begin_nested()
            await session.execute(INSERT)
        assert told == ["TransactionBegin", "BeforeCommit", "AfterCommit of a session"]

    async def test_one_on_a_connection_does_not_commit(self, engine: AndamiosEngine, told: list[str]) -> None:
        async with engine.begin() as connection:
            async with AsyncSession(connection) as session:
                await session.execute(INSERT)
                await session.commit()
            assert told == ["TransactionBegin"]
        assert told == COMMITTED

    async def test_a_plain_session_is_told_as_its_connection(
        self, engine: AndamiosEngine, told: list[str]
    ) -> None:
        async with PlainAsyncSession(engine) as session:
            session.add(Note(id=1, text="a"))
            await session.commit()
            assert told == COMMITTED

    async def test_one_with_several_engines_tells_each(
        self, engine: AndamiosEngine, told: list[str], tmp_path: Path
    ) -> None:
        other = create_engine(f"duckdb:///{tmp_path / 'other.duckdb'}")
        elsewhere: list[str] = []
        for kind in (BeforeCommit, AfterCommit):
            events_of(other).subscribe(kind, lambda event: elsewhere.append(type(event).__name__))
        async with AsyncSession(binds={Note: engine, Session: other}) as session:
            session.add(Note(id=1, text="a"))
            await session.execute(text("SELECT 1"), bind_arguments={"bind": other.sync_engine})
            await session.commit()
        assert sorted(told) == sorted(COMMITTED_SESSION)
        assert elsewhere == ["BeforeCommit", "AfterCommit"]
        await other.dispose()


class TestConnections:
    async def test_a_commit(self, engine: AndamiosEngine, told: list[str]) -> None:
        async with engine.begin() as connection:
            await connection.execute(INSERT)
        assert told == COMMITTED

    async def test_a_rollback(self, engine: AndamiosEngine, told: list[str]) -> None:
        with pytest.raises(LookupError):
            async with engine.begin() as connection:
                await connection.execute(INSERT)
                raise LookupError
        assert told == ["TransactionBegin", "AfterRollback"]

    async def test_one_after_the_other_on_one_connection(
        self, engine: AndamiosEngine, told: list[str]
    ) -> None:
        async with engine.connect() as connection:
            await connection.execute(INSERT)
            await connection.commit()
            assert told == ["TransactionBegin", "BeforeCommit"]
            await connection.execute(COUNT)
            assert told == [*COMMITTED, "TransactionBegin"]
            await connection.rollback()
            await connection.execute(COUNT)
            assert told[4:] == ["AfterRollback", "TransactionBegin"]
        assert told[6:] == ["AfterRollback"]

    async def test_without_a_statement_there_is_no_transaction(
        self, engine: AndamiosEngine, told: list[str]
    ) -> None:
        async with engine.connect():
            pass
        assert told == []

    async def test_one_before_that_raises_aborts_the_commit(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str]
    ) -> None:
        async def refuse(event: BeforeCommit) -> None:
            raise PermissionError("not today")

        bus.subscribe(BeforeCommit, refuse)
        with pytest.raises(PermissionError, match=r"^not today$"):
            async with engine.begin() as connection:
                await connection.execute(INSERT)
        assert told == ["TransactionBegin", "BeforeCommit", "AfterRollback"]
        assert await count(engine) == 0

    async def test_what_a_handler_sends_before_the_commit_is_part_of_it(
        self, engine: AndamiosEngine, bus: EventBus
    ) -> None:
        async def write(event: BeforeCommit) -> None:
            assert event.connection is not None
            await event.connection.execute(INSERT)

        subscription = bus.subscribe(BeforeCommit, write)
        async with engine.begin() as connection:
            await connection.execute(COUNT)
        subscription.unsubscribe()
        assert await count(engine) == 1

    async def test_a_commit_that_fails_is_a_rollback(self, engine: AndamiosEngine, told: list[str]) -> None:
        if engine.dialect.name != "duckdb":
            pytest.skip("only DuckDB finds it out this late")
        async with engine.connect() as first, engine.connect() as second:
            await first.execute(INSERT)
            await second.execute(INSERT)
            await first.commit()
            with pytest.raises(AndamiosError):
                await second.commit()
        assert sorted(told) == sorted(
            ["TransactionBegin", "BeforeCommit"] * 2 + ["AfterCommit", "AfterRollback"]
        )

    async def test_the_outcome_of_a_cancelled_commit_is_not_told(
        self, engine: AndamiosEngine, told: list[str]
    ) -> None:
        if engine.dialect.name != "duckdb":
            pytest.skip("only DuckDB commits slowly enough")
        waits = asyncio.Event()

        async def work() -> None:
            async with engine.connect() as connection:
                await connection.execute(text("CREATE TABLE big AS SELECT range AS a FROM range(3000000)"))
                waits.set()
                await connection.commit()

        task = asyncio.create_task(work())
        await waits.wait()
        while "BeforeCommit" not in told:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert told == ["TransactionBegin", "BeforeCommit"]

    async def test_handlers_after_are_waited_for(self, engine: AndamiosEngine, bus: EventBus) -> None:
        done: list[str] = []

        async def wait(event: AfterCommit) -> None:
            await asyncio.sleep(0.01)
            done.append("done")

        bus.subscribe(AfterCommit, wait)
        async with engine.begin() as connection:
            await connection.execute(INSERT)
        assert done == ["done"]

    async def test_cancellation_while_they_run_loses_no_connection(
        self, engine: AndamiosEngine, bus: EventBus
    ) -> None:
        started, goes_on = asyncio.Event(), asyncio.Event()

        async def wait(event: AfterCommit) -> None:
            started.set()
            await goes_on.wait()

        async def work() -> None:
            connection = await engine.connect()
            await connection.execute(INSERT)
            await connection.commit()
            await connection.close()
            await asyncio.sleep(60)

        bus.subscribe(AfterCommit, wait)
        task = asyncio.create_task(work())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        pool: Any = engine.pool
        assert pool.checkedout() == 0
        goes_on.set()

    async def test_the_next_pool_of_the_engine_is_told_of_too(
        self, engine: AndamiosEngine, told: list[str]
    ) -> None:
        if engine.dialect.name == "duckdb":
            pytest.skip("a database in memory is gone with its pool")
        await engine.dispose()
        async with engine.begin() as connection:
            await connection.execute(COUNT)
        assert told == COMMITTED


async def test_a_commit_in_two_phases() -> None:
    engine = create_engine(require(MARIADB))
    told: list[str] = []
    for kind in (TransactionBegin, BeforeCommit, AfterCommit, AfterRollback):
        events_of(engine).subscribe(kind, lambda event: told.append(type(event).__name__))

    def work(connection: Any) -> None:
        with connection.begin_twophase():
            connection.execute(text("SELECT 1"))

    async with engine.connect() as connection:
        await connection.run_sync(work)
    await engine.dispose()
    assert told == COMMITTED


class TestBegin:
    async def test_a_handler_sends_the_first_statements(self, engine: AndamiosEngine, bus: EventBus) -> None:
        async def write(event: TransactionBegin) -> None:
            await event.connection.execute(INSERT)

        subscription = bus.subscribe(TransactionBegin, write)
        async with SessionManager(engine) as session:
            assert await session.scalar(COUNT) == 1
        subscription.unsubscribe()
        assert await count(engine) == 1

    async def test_one_that_raises_refuses_the_transaction(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str]
    ) -> None:
        async def refuse(event: TransactionBegin) -> None:
            raise PermissionError("not today")

        subscription = bus.subscribe(TransactionBegin, refuse)
        with pytest.raises(PermissionError, match=r"^not today$"):
            async with AsyncSession(engine) as session:
                await session.execute(INSERT)
        subscription.unsubscribe()
        assert told == ["TransactionBegin"]
        assert await count(engine) == 0

    async def test_a_refusal_undoes_what_others_have_sent(
        self, engine: AndamiosEngine, bus: EventBus
    ) -> None:
        async def write(event: TransactionBegin) -> None:
            await event.connection.execute(INSERT)

        async def refuse(event: TransactionBegin) -> None:
            raise PermissionError("not today")

        async with engine.connect() as connection:
            with (
                bus.subscribe(TransactionBegin, write),
                bus.subscribe(TransactionBegin, refuse),
                pytest.raises(PermissionError),
            ):
                await connection.execute(COUNT)
            assert await connection.scalar(COUNT) == 0

    async def test_cancellation_while_a_handler_sends_something(
        self, engine: AndamiosEngine, bus: EventBus
    ) -> None:
        if engine.dialect.name != "duckdb":
            pytest.skip("only DuckDB has a statement that takes long everywhere")
        started = asyncio.Event()

        async def ask(event: TransactionBegin) -> None:
            started.set()
            await event.connection.execute(text("SELECT count(*) FROM range(10000000) a, range(100000) b"))

        async def work() -> None:
            async with engine.begin() as connection:
                await connection.execute(INSERT)

        with bus.subscribe(TransactionBegin, ask):
            task = asyncio.create_task(work())
            await started.wait()
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await work()
        assert await count(engine) == 1

    async def test_a_connection_goes_on_after_a_refusal(self, engine: AndamiosEngine, bus: EventBus) -> None:
        async def refuse(event: TransactionBegin) -> None:
            raise PermissionError("not today")

        async with engine.connect() as connection:
            with bus.subscribe(TransactionBegin, refuse), pytest.raises(PermissionError):
                await connection.execute(INSERT)
            await connection.execute(INSERT)
            await connection.commit()
        assert await count(engine) == 1


async def test_a_transaction_that_had_begun_before_is_passed_over(
    engine: AndamiosEngine, bus: EventBus
) -> None:
    told: list[str] = []
    async with engine.connect() as connection, AsyncSession(engine) as session:
        await connection.execute(COUNT)
        await session.execute(COUNT)
        for kind in (TransactionBegin, BeforeCommit, AfterCommit, AfterRollback):
            bus.subscribe(kind, lambda event: told.append(type(event).__name__))
        await connection.commit()
        await session.rollback()
        assert told == []
        with pytest.raises(AndamiosError):
            await connection.execute(text("SELEKT 1"))
        assert told == ["TransactionBegin"]


async def test_a_commit_that_fails_of_one_that_had_begun_before(
    engine: AndamiosEngine, bus: EventBus
) -> None:
    if engine.dialect.name != "duckdb":
        pytest.skip("only DuckDB finds it out this late")
    told: list[str] = []
    async with engine.connect() as first, engine.connect() as second:
        await first.execute(INSERT)
        await second.execute(INSERT)
        bus.subscribe(AfterRollback, lambda event: told.append("rolled back"))
        await first.commit()
        with pytest.raises(AndamiosError):
            await second.commit()
    assert told == []


async def test_a_connection_that_is_lost_in_the_middle_is_a_rollback(
    engine: AndamiosEngine, told: list[str]
) -> None:
    async with engine.connect() as connection:
        await connection.execute(COUNT)
        await connection.invalidate()
        assert told == ["TransactionBegin", "AfterRollback"]


async def test_a_connection_that_is_closed_where_nobody_can_wait(
    engine: AndamiosEngine, told: list[str]
) -> None:
    if engine.dialect.name != "duckdb":
        pytest.skip("only DuckDB closes one that has read without waiting")
    connection = await engine.connect()
    await connection.execute(COUNT)
    assert connection.sync_connection is not None
    connection.sync_connection.close()
    assert told == ["TransactionBegin"]
    await asyncio.sleep(0)
    assert told == ["TransactionBegin", "AfterRollback"]


async def test_a_session_that_is_closed_where_nobody_can_wait(
    engine: AndamiosEngine, told: list[str]
) -> None:
    if engine.dialect.name != "duckdb":
        pytest.skip("only DuckDB closes one that has read without waiting")
    session = AsyncSession(engine)
    await session.execute(COUNT)
    session.sync_session.close()
    assert told == ["TransactionBegin"]
    await asyncio.sleep(0)
    assert told == ["TransactionBegin", "AfterRollback of a session"]


async def test_a_session_that_nobody_keeps_tells_as_its_connection(
    engine: AndamiosEngine, told: list[str]
) -> None:
    if engine.dialect.name != "duckdb":
        pytest.skip("what becomes of it is the driver's business")
    session = AsyncSession(engine)
    connection = await session.connection()
    await connection.execute(COUNT)
    del session
    gc.collect()
    await connection.close()
    assert told == ["TransactionBegin", "AfterRollback"]
