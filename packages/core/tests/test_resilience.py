"""Faults of the connection: those that pass are waited out, the others are raised."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, StatementError

from andamios_orm.core import (
    AndamiosEngine,
    AsyncSession,
    ConnectionResilience,
    SessionManager,
    create_engine,
    create_file_engine,
    create_memory_engine,
)
from andamios_orm.core.errors import (
    ConfigurationError,
    DatabaseLockedError,
    DuplicateKeyError,
    InternalError,
    NotSupportedError,
    OperationalError,
    PoolTimeoutError,
    QueryTimeoutError,
    RetriesExhaustedError,
    TransactionAbortedError,
    TransactionConflictError,
)

from .services import POSTGRESQL, require

_HOLDER = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()
"""


async def one(session: AsyncSession) -> int:
    return int(await session.scalar(text("SELECT 1")) or 0)


async def test_the_result_is_committed(engine: AndamiosEngine) -> None:
    async def write(session: AsyncSession) -> int:
        await session.execute(text("CREATE TABLE t AS SELECT 1 AS a"))
        return await one(session)

    assert await ConnectionResilience(engine).execute_with_retry(write) == 1
    async with AsyncSession(engine) as session:
        assert await session.scalar(text("SELECT count(*) FROM t")) == 1


async def test_an_error_that_does_not_pass_is_raised_at_once(engine: AndamiosEngine) -> None:
    attempts = []

    async def duplicate(session: AsyncSession) -> None:
        attempts.append(1)
        await session.execute(text("CREATE TABLE t (a INTEGER PRIMARY KEY)"))
        await session.execute(text("INSERT INTO t VALUES (1), (1)"))

    with pytest.raises(DuplicateKeyError):
        await ConnectionResilience(engine).execute_with_retry(duplicate)
    assert len(attempts) == 1


async def test_a_conflict_passes(engine: AndamiosEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE t AS SELECT 0 AS a"))
    faults: list[BaseException] = []

    async def overtaken_once(session: AsyncSession) -> None:
        await session.scalar(text("SELECT a FROM t"))
        if not faults:
            async with engine.begin() as other:
                await other.execute(text("UPDATE t SET a = a + 1"))
        await session.execute(text("UPDATE t SET a = a + 10"))

    await ConnectionResilience(engine, on_retry=faults.append).execute_with_retry(overtaken_once)
    assert [type(fault) for fault in faults] == [TransactionConflictError]
    async with AsyncSession(engine) as session:
        assert await session.scalar(text("SELECT a FROM t")) == 11


async def test_a_locked_file_is_waited_for(tmp_path: Path) -> None:
    """Another process holds the file, and lets go of it when it hears of the first failure."""
    path, faults, loop = tmp_path / "t.db", list[BaseException](), asyncio.get_running_loop()
    holder = subprocess.Popen(  # noqa: ASYNC220 # it answers at once
        [sys.executable, "-c", _HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert await asyncio.to_thread(holder.stdout.readline)

    def let_go(fault: BaseException) -> None:
        faults.append(fault)
        if len(faults) == 1:
            loop.run_in_executor(None, holder.communicate, b"\n")

    engine = create_file_engine(path)
    assert await ConnectionResilience(engine, on_retry=let_go).execute_with_retry(one) == 1
    assert {type(fault) for fault in faults} == {DatabaseLockedError}
    await engine.dispose()


async def test_a_lock_that_stays_ends_the_attempts(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    holder = subprocess.Popen(  # noqa: ASYNC220 # it answers at once
        [sys.executable, "-c", _HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert await asyncio.to_thread(holder.stdout.readline)
    engine = create_file_engine(path)
    with pytest.raises(RetriesExhaustedError) as caught:
        await ConnectionResilience(engine, attempts=2).execute_with_retry(one)
    assert isinstance(caught.value.last_error, DatabaseLockedError)
    assert caught.value.last_error.pid == holder.pid
    await asyncio.to_thread(holder.communicate, b"\n")
    await engine.dispose()


async def test_a_full_pool_is_waited_for() -> None:
    engine = create_memory_engine(pool_size=1, max_overflow=0, pool_timeout=0.01)
    async with engine.connect() as borrowed:
        faults: list[BaseException] = []

        def give_back(fault: BaseException) -> None:
            faults.append(fault)
            given_back.set()

        given_back = asyncio.Event()
        retried = asyncio.create_task(
            ConnectionResilience(engine, on_retry=give_back, attempts=50).execute_with_retry(one)
        )
        await given_back.wait()
        await borrowed.close()
        assert await retried == 1
    assert {type(fault) for fault in faults} == {PoolTimeoutError}
    await engine.dispose()


class TestLostServer:
    async def test_a_lost_connection_is_replaced(self) -> None:
        engine, faults = create_engine(require(POSTGRESQL), pool_pre_ping=False), list[BaseException]()

        async def lose_once(session: AsyncSession) -> int:
            if not faults:
                await kill(session)
            return await one(session)

        assert await ConnectionResilience(engine, on_retry=faults.append).execute_with_retry(lose_once) == 1
        assert len(faults) == 1
        await engine.dispose()

    async def test_one_that_is_lost_while_committing_is_not_retried(self) -> None:
        engine, attempts = create_engine(require(POSTGRESQL)), list[int]()

        async def lose_at_the_end(session: AsyncSession) -> None:
            attempts.append(1)
            await kill(session)

        with pytest.raises(DBAPIError) as caught:
            await ConnectionResilience(engine).execute_with_retry(lose_at_the_end)
        assert caught.value.connection_invalidated
        assert len(attempts) == 1
        await engine.dispose()

    async def test_a_server_that_is_not_there_ends_the_attempts(self) -> None:
        engine = create_engine("postgresql://nobody@127.0.0.1:1/nothing")
        with pytest.raises(RetriesExhaustedError) as caught:
            await ConnectionResilience(engine, attempts=2).execute_with_retry(one)
        assert isinstance(caught.value.last_error, OperationalError)
        await engine.dispose()


async def kill(session: AsyncSession) -> None:
    """Let the server end the session's connection, and wait until that is known."""
    pid = await session.scalar(text("SELECT pg_backend_pid()"))
    raw = await (await session.connection()).get_raw_connection()
    driver: Any = raw.driver_connection
    async with AsyncSession(session.bind) as other:
        await other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    while not driver.is_closed():
        await asyncio.sleep(0)


class TestFatalError:
    """A fatal error closes the database for everybody: DuckDB wants it opened anew."""

    async def test_a_file_is_opened_anew(self, file_engine: AndamiosEngine) -> None:
        faults = list[BaseException]()

        async def fatal_once(session: AsyncSession) -> int:
            if not faults:
                await break_database(session)
            return int(await session.scalar(text("SELECT count(*) FROM t")) or 0)

        await fill(file_engine)
        retried = ConnectionResilience(file_engine, on_retry=faults.append)
        assert await retried.execute_with_retry(fatal_once) == 3
        assert [type(fault) for fault in faults] == [InternalError]

    async def test_others_on_the_file_get_new_connections_too(self, file_engine: AndamiosEngine) -> None:
        other = create_file_engine(str(file_engine.url.database))
        await fill(file_engine)
        async with other.connect() as bystander, AsyncSession(file_engine) as session:
            assert await bystander.scalar(text("SELECT count(*) FROM t")) == 3
            await bystander.commit()
            with pytest.raises(InternalError):
                await break_database(session)
            await session.close()
            async with AsyncSession(file_engine) as next_one:
                assert await next_one.scalar(text("SELECT count(*) FROM t")) == 3
            with pytest.raises((InternalError, OperationalError)) as caught:
                await bystander.scalar(text("SELECT count(*) FROM t"))
            assert caught.value.connection_invalidated
            await bystander.rollback()
            assert await bystander.scalar(text("SELECT count(*) FROM t")) == 3
        await other.dispose()

    async def test_acknowledged_writes_survive(self, file_engine: AndamiosEngine) -> None:
        await fill(file_engine)
        with pytest.raises(InternalError):
            async with SessionManager(file_engine) as session:
                await session.execute(text("INSERT INTO t VALUES (4)"))
                await session.commit()
                await break_database(session)
        async with AsyncSession(file_engine) as session:
            assert await session.scalar(text("SELECT max(a) FROM t")) == 4


async def fill(engine: AndamiosEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE t AS SELECT range + 1 AS a FROM range(3)"))


async def break_database(session: AsyncSession) -> None:
    """Make a checkpoint fail, which DuckDB takes for fatal."""
    await session.commit()
    connection = await session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
    await connection.execute(text("SET debug_checkpoint_abort = 'before_header'"))
    await connection.execute(text("CREATE OR REPLACE TABLE pending AS SELECT 1 AS a"))
    await connection.execute(text("FORCE CHECKPOINT"))


class TestStatementTimeout:
    async def test_of_the_engine(self) -> None:
        engine = create_memory_engine(statement_timeout=0.1)
        async with AsyncSession(engine) as session:
            await self.expires(session, 0.1)
        await engine.dispose()

    async def test_in_the_url(self) -> None:
        engine = create_engine("duckdb:///:memory:?statement_timeout=0.1")
        async with AsyncSession(engine) as session:
            await self.expires(session, 0.1)
        await engine.dispose()

    async def test_of_a_session(self, engine: AndamiosEngine) -> None:
        async with AsyncSession(engine, statement_timeout=0.1) as session:
            await self.expires(session, 0.1)

    async def test_of_one_call(self, engine: AndamiosEngine) -> None:
        async with AsyncSession(engine, statement_timeout=60) as session:
            await self.expires(session, 0.1, statement_timeout=0.1)

    async def test_one_call_may_take_any_time(self, engine: AndamiosEngine) -> None:
        async with AsyncSession(engine, statement_timeout=0.001) as session:
            busy = text("SELECT count(*) FROM range(20_000_000)")
            assert await session.scalar(busy, execution_options={"statement_timeout": None}) == 20_000_000

    async def test_of_a_stream(self, engine: AndamiosEngine) -> None:
        async with AsyncSession(engine, statement_timeout=0.1) as session:
            with pytest.raises(QueryTimeoutError):
                async for _ in await session.stream(ENDLESS):
                    raise AssertionError

    async def expires(self, session: AsyncSession, seconds: float, **options: float) -> None:
        """The query has really stopped when the error arrives: its connection serves the next statement."""
        with pytest.raises(QueryTimeoutError, match="took longer than") as caught:
            await session.execute(ENDLESS, execution_options=options)
        assert caught.value.seconds == seconds
        await session.rollback()
        assert await session.scalar(text("SELECT 1"), execution_options={"statement_timeout": 60}) == 1

    async def test_its_transaction_cannot_be_committed(self, engine: AndamiosEngine) -> None:
        with pytest.raises(TransactionAbortedError, match="nothing of it was written"):
            async with SessionManager(engine) as session:
                await session.execute(text("CREATE TABLE t (a INTEGER)"))
                with pytest.raises(QueryTimeoutError):
                    await session.execute(ENDLESS, execution_options={"statement_timeout": 0.05})
        async with AsyncSession(engine) as session:
            assert await session.scalar(text("SELECT count(*) FROM duckdb_tables()")) == 0

    async def test_a_cancellation_is_none(self, engine: AndamiosEngine) -> None:
        async with AsyncSession(engine, statement_timeout=60) as session:
            with pytest.raises(TimeoutError) as caught:
                async with asyncio.timeout(0.05):
                    await session.execute(ENDLESS)
            assert not isinstance(caught.value, QueryTimeoutError)

    @pytest.mark.parametrize("seconds", [0, -1, "soon", float("nan"), float("inf")])
    def test_what_is_no_time_is_refused(self, seconds: object) -> None:
        with pytest.raises(ConfigurationError, match="positive number of seconds"):
            create_memory_engine(statement_timeout=seconds)

    @pytest.mark.parametrize("seconds", [0, "soon"])
    async def test_what_is_no_time_is_refused_in_an_option_too(
        self, engine: AndamiosEngine, seconds: object
    ) -> None:
        """SQLAlchemy would wrap it as an error of the statement."""
        async with AsyncSession(engine) as session:
            with pytest.raises(ConfigurationError, match="positive number of seconds") as caught:
                await session.execute(text("SELECT 1"), execution_options={"statement_timeout": seconds})
        assert not isinstance(caught.value, StatementError)

    async def test_other_backends_refuse_it(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="no option 'statement_timeout'"):
            create_engine(f"sqlite:///{tmp_path}/t.sqlite", statement_timeout=1)
        engine = create_engine(f"sqlite:///{tmp_path}/t.sqlite")
        async with AsyncSession(engine, statement_timeout=1) as session:
            with pytest.raises(NotSupportedError, match="limit of the server"):
                await one(session)
        await engine.dispose()


ENDLESS = text("SELECT sum(hash(a.range + b.range)) FROM range(1_000_000_000) a, range(1_000_000_000) b")
