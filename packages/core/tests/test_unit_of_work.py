"""Callbacks after a commit or a rollback: once, and only for what happened."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
from sqlalchemy import Connection, event, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager, create_engine
from andamios_orm.core.errors import AndamiosError, DuplicateKeyError
from andamios_orm.core.unit_of_work import connections_of, filter_identities, is_flushing

from .services import POSTGRESQL, require


class Base(DeclarativeBase):
    pass


class Thing(Base):
    __tablename__ = "thing"

    id: Mapped[int] = mapped_column(primary_key=True)


@pytest.fixture
def told() -> list[str]:
    """What the callbacks said."""
    return []


def telling(told: list[str], word: str) -> Callable[[], None]:
    return lambda: told.append(word)


def register(session: AsyncSession, told: list[str], prefix: str = "") -> None:
    session.on_commit(telling(told, f"{prefix}committed"))
    session.on_rollback(telling(told, f"{prefix}rolled back"))


async def test_a_commit_calls_once(engine: AndamiosEngine, told: list[str]) -> None:
    async with AsyncSession(engine) as session:
        await session.execute(text("CREATE TABLE t (a INTEGER)"))
        register(session, told)
        assert told == []
        await session.commit()
        assert told == ["committed"]
        await session.execute(text("INSERT INTO t VALUES (1)"))
        await session.commit()
    assert told == ["committed"]


async def test_a_rollback_calls_once(engine: AndamiosEngine, told: list[str]) -> None:
    async with AsyncSession(engine) as session:
        await session.execute(text("SELECT 1"))
        register(session, told)
        await session.rollback()
        await session.commit()
    assert told == ["rolled back"]


async def test_a_session_closed_uncommitted_has_rolled_back(engine: AndamiosEngine, told: list[str]) -> None:
    async with AsyncSession(engine) as session:
        await session.execute(text("SELECT 1"))
        register(session, told)
    assert told == ["rolled back"]


async def test_a_begin_block_counts(engine: AndamiosEngine, told: list[str]) -> None:
    async with AsyncSession(engine) as session, session.begin():
        register(session, told)
    assert told == ["committed"]


async def test_without_a_statement_the_next_commit_counts(engine: AndamiosEngine, told: list[str]) -> None:
    async with SessionManager(engine) as session:
        register(session, told)
    assert told == ["committed"]


async def test_without_a_statement_a_rollback_counts(engine: AndamiosEngine, told: list[str]) -> None:
    """The callbacks are not those of the transaction after it."""
    async with AsyncSession(engine) as session:
        register(session, told)
        await session.rollback()
        assert told == ["rolled back"]
        await session.execute(text("SELECT 1"))
        await session.commit()
    assert told == ["rolled back"]


async def test_a_commit_that_fails_is_a_rollback(engine: AndamiosEngine, told: list[str]) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE t (a INTEGER PRIMARY KEY)"))
    with pytest.raises(DuplicateKeyError):
        async with SessionManager(engine) as session:
            await session.execute(text("INSERT INTO t VALUES (1)"))
            register(session, told)
            async with SessionManager(engine) as other:
                await other.execute(text("INSERT INTO t VALUES (1)"))
    assert told == ["rolled back"]


async def test_an_aborted_transaction_is_a_rollback(engine: AndamiosEngine, told: list[str]) -> None:
    with pytest.raises(AndamiosError, match="nothing of it was written"):
        async with SessionManager(engine) as session:
            register(session, told)
            with pytest.raises(AndamiosError):
                await session.execute(text("SELECT error('wrong')"))
    assert told == ["rolled back"]


async def test_coroutine_functions_are_awaited_in_order(engine: AndamiosEngine, told: list[str]) -> None:
    async def slow() -> None:
        await asyncio.sleep(0.01)
        told.append("slow")

    async with SessionManager(engine) as session:
        session.on_commit(slow)
        session.on_commit(telling(told, "quick"))
    assert told == ["slow", "quick"]


async def test_the_data_is_visible_to_a_callback(engine: AndamiosEngine) -> None:
    seen: list[int] = []

    async def count() -> None:
        async with AsyncSession(engine) as other:
            seen.append(await other.scalar(text("SELECT count(*) FROM t")) or 0)

    async with SessionManager(engine) as session:
        await session.execute(text("CREATE TABLE t AS SELECT 1 AS a"))
        session.on_commit(count)
    assert seen == [1]


async def test_a_failing_callback_is_logged_and_the_rest_run(
    engine: AndamiosEngine, told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise LookupError("no mail server")

    async with SessionManager(engine) as session:
        session.on_commit(fail)
        session.on_commit(telling(told, "committed"))
    assert told == ["committed"]
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("andamios_orm.core.transactions", logging.ERROR)
    assert "no mail server" in str(record.exc_info)


async def test_a_cancelled_commit_still_calls_all(engine: AndamiosEngine, told: list[str]) -> None:
    started, goes_on = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        started.set()
        await goes_on.wait()

    async def work() -> None:
        async with SessionManager(engine) as session:
            await session.execute(text("CREATE TABLE t (a INTEGER)"))
            session.on_commit(wait)
            session.on_commit(telling(told, "committed"))

    task = asyncio.create_task(work())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    goes_on.set()
    while not told:
        await asyncio.sleep(0)
    async with AsyncSession(engine) as session:
        assert await session.scalar(text("SELECT count(*) FROM t")) == 0


class TestSavepoints:
    @pytest.fixture
    async def session(self) -> AsyncIterator[AsyncSession]:
        engine = create_engine(require(POSTGRESQL))
        yield AsyncSession(engine)
        await engine.dispose()

    async def test_a_released_one_waits_for_the_transaction(
        self, session: AsyncSession, told: list[str]
    ) -> None:
        async with session:
            async with session.begin_nested():
                register(session, told)
            assert told == []
            await session.commit()
        assert told == ["committed"]

    async def test_a_released_one_shares_the_fate_of_the_transaction(
        self, session: AsyncSession, told: list[str]
    ) -> None:
        async with session:
            async with session.begin_nested(), session.begin_nested():
                register(session, told)
            await session.rollback()
        assert told == ["rolled back"]

    async def test_one_that_is_rolled_back_forgets_its_own(
        self, session: AsyncSession, told: list[str]
    ) -> None:
        async with session:
            register(session, told, "outer ")
            with pytest.raises(LookupError):
                async with session.begin_nested():
                    register(session, told, "inner ")
                    raise LookupError
            assert told == ["inner rolled back"]
            await session.commit()
        assert told == ["inner rolled back", "outer committed"]


async def test_a_connection_tells_whether_its_session_is_flushing(engine: AndamiosEngine) -> None:
    told: list[tuple[str, bool]] = []

    def note(connection: Connection, cursor: Any, sent: str, *rest: Any) -> None:
        told.append((sent.split()[0], is_flushing(connection)))

    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    event.listen(engine.sync_engine, "before_cursor_execute", note)
    async with SessionManager(engine) as session:
        session.add(Thing(id=1))
        await session.execute(select(Thing))
    async with engine.connect() as connection:
        await connection.execute(select(Thing))
    assert told == [("INSERT", True), ("SELECT", False), ("SELECT", False)]


async def test_a_session_tells_its_connections(engine: AndamiosEngine) -> None:
    async with AsyncSession(engine) as session:
        assert connections_of(session.sync_session) == []
        connection = await session.connection()
        assert connections_of(session.sync_session) == [connection.sync_connection]


async def test_a_filter_decides_which_objects_are_found(engine: AndamiosEngine) -> None:
    answers: dict[str, bool | None] = {"answer": True}

    def accepts(found: Any, options: Mapping[str, Any]) -> bool | None:
        return answers["answer"] if isinstance(found, Thing) and "asked" in options else True

    filter_identities(accepts)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with AsyncSession(engine, execution_options={"asked": 1}) as session:
        session.add(thing := Thing(id=1))
        await session.flush()
        assert await session.get(Thing, 1) is thing
        assert await session.get(Thing, 2) is None
        answers["answer"] = False
        assert await session.get(Thing, 1) is None
        # The database is asked, and finds the row of the same object.
        answers["answer"] = None
        await session.execute(text("DELETE FROM thing"))
        assert await session.get(Thing, 1) is None


async def test_a_rollback_forgets_what_waits_for_a_commit(engine: AndamiosEngine, told: list[str]) -> None:
    async with AsyncSession(engine) as session:
        session.on_commit(telling(told, "committed"))
        await session.rollback()
        await session.execute(text("SELECT 1"))
        await session.commit()
    assert told == []
