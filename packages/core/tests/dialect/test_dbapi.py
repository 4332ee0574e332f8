"""The DBAPI over worker threads, driven through SQLAlchemy: hops, cancellation, streams."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections import Counter
from typing import Any

import duckdb
import pytest
from blockbuster import BlockingError
from sqlalchemy import Column, Integer, MetaData, Table, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.util.concurrency import greenlet_spawn

from andamios_orm.core import AndamiosEngine, AsyncSession
from andamios_orm.core.dialect.database import Database, DatabaseOptions
from andamios_orm.core.dialect.dbapi import DBAPI, ReturnedConnection, _opened
from andamios_orm.core.dialect.raw import RawConnection
from andamios_orm.core.dialect.worker import WorkerPool
from andamios_orm.core.errors import AndamiosError, TransactionAbortedError

SLOW = text("SELECT count(*) FROM range(100000000000) t(i) WHERE i % 7 = 3")


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many jobs were handed to worker threads: waited for, or deferred."""
    counted: Counter[str] = Counter()
    submit, defer = WorkerPool.submit, WorkerPool.defer

    def counting_submit(self: WorkerPool, call: Any) -> Any:
        counted["waited"] += 1
        return submit(self, call)

    def counting_defer(self: WorkerPool, call: Any) -> None:
        counted["deferred"] += 1
        defer(self, call)

    monkeypatch.setattr(WorkerPool, "submit", counting_submit)
    monkeypatch.setattr(WorkerPool, "defer", counting_defer)
    return counted


async def adapted(connection: AsyncConnection) -> Any:
    return (await connection.get_raw_connection()).dbapi_connection


def test_the_blocked_loop_is_noticed() -> None:
    """The guard that every test runs under bites."""

    async def block() -> None:
        raw: Any = await asyncio.to_thread(lambda: RawConnection(Database.acquire(DatabaseOptions()), {}))
        raw.execute("SELECT 1")

    with pytest.raises(BlockingError, match="DuckDBPyConnection"):
        asyncio.run(block())


class TestHops:
    @pytest.fixture(autouse=True)
    async def _warm(self, engine: AndamiosEngine) -> None:
        async with engine.begin() as connection:
            await connection.execute(text("CREATE TABLE t (i INTEGER)"))

    async def test_a_read_waits_once(self, engine: AndamiosEngine, jobs: Counter[str]) -> None:
        async with AsyncSession(engine) as session:
            assert await session.scalar(text("SELECT 42")) == 42
        assert jobs["waited"] == 1
        assert jobs["deferred"] == 1

    async def test_a_write_and_its_commit_wait_once_each(
        self, engine: AndamiosEngine, jobs: Counter[str]
    ) -> None:
        async with AsyncSession(engine) as session:
            await session.execute(text("INSERT INTO t VALUES (1)"))
            await session.commit()
        assert jobs["waited"] == 2

    async def test_a_transaction_without_a_statement_waits_never(
        self, engine: AndamiosEngine, jobs: Counter[str]
    ) -> None:
        async with engine.begin():
            pass
        async with AsyncSession(engine) as session:
            await session.commit()
        assert jobs["waited"] == jobs["deferred"] == 0

    async def test_a_written_transaction_is_rolled_back_before_close_returns(
        self, engine: AndamiosEngine
    ) -> None:
        """Else the next writer of the row would meet a conflict with work that is given up."""
        async with engine.begin() as connection:
            await connection.execute(text("INSERT INTO t VALUES (1)"))
        for _ in range(50):
            async with engine.connect() as connection:
                await connection.execute(text("UPDATE t SET i = i + 1"))
        async with engine.begin() as connection:
            await connection.execute(text("UPDATE t SET i = i + 1"))
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT i FROM t")) == 2


class TestCancellation:
    async def test_a_cancelled_query_ends_and_the_pool_is_clean(self, engine: AndamiosEngine) -> None:
        async def wait() -> None:
            async with engine.connect() as connection:
                await connection.execute(SLOW)

        task = asyncio.create_task(wait())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert engine.pool.checkedout() == 0  # type: ignore[attr-defined] # a queue pool
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1

    async def test_a_timeout_is_a_timeout(self, engine: AndamiosEngine) -> None:
        async with engine.connect() as connection:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await connection.execute(SLOW)

    async def test_the_job_has_ended_when_the_task_goes_on(self, engine: AndamiosEngine) -> None:
        """With one worker thread a query that ran on would keep the next one waiting for ever."""
        single = create_async_engine("duckdb+andamios:///:memory:", worker_threads=1)
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02), single.connect() as connection:
                    await connection.execute(SLOW)
            async with single.connect() as connection:
                assert await connection.scalar(text("SELECT 1")) == 1
        await single.dispose()

    async def test_cancelled_twice(self, engine: AndamiosEngine) -> None:
        async def wait() -> None:
            async with engine.connect() as connection:
                await connection.execute(SLOW)

        task = asyncio.create_task(wait())
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert engine.pool.checkedout() == 0  # type: ignore[attr-defined] # a queue pool

    async def test_a_job_that_waits_for_a_thread_is_withdrawn(self) -> None:
        """It must not wait for the long query before it."""
        single = create_async_engine("duckdb+andamios:///:memory:", worker_threads=1)
        async with single.connect() as first, single.connect() as second:
            await adapted(first)
            connection = await adapted(second)
            gate = threading.Event()
            blocker = asyncio.create_task(
                greenlet_spawn((await adapted(first)).run, lambda raw: gate.wait(30))
            )
            await asyncio.sleep(0.01)
            waiting = asyncio.create_task(greenlet_spawn(connection.run, lambda raw: raw.execute("SELECT 1")))
            await asyncio.sleep(0.01)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert not blocker.done()
            gate.set()
            assert await blocker
        await single.dispose()

    async def test_a_commit_that_runs_is_not_stopped(self, engine: AndamiosEngine) -> None:
        """The task is told of its cancellation, and the data is there."""
        async with engine.connect() as connection:
            await connection.execute(text("CREATE TABLE big AS SELECT range AS i FROM range(3000000)"))
            task = asyncio.create_task(connection.commit())
            raw = (await adapted(connection)).raw
            while not raw._transaction._sealed and not task.done():
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT count(*) FROM big")) == 3000000

    async def test_cancelled_before_the_database_opens(self, tmp_path: Any) -> None:
        engine = create_async_engine(f"duckdb+andamios:///{tmp_path}/a.db", worker_threads=1)
        gate = threading.Event()
        engine.sync_engine.dialect.workers.post(lambda: gate.wait(30))  # type: ignore[attr-defined] # our dialect
        task = asyncio.create_task(engine.connect().start())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gate.set()
        await engine.dispose()
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("fails", [False, True])
    async def test_cancelled_while_the_database_opens(self, fails: bool) -> None:
        """What comes of it is closed, when it comes."""
        workers, started, gate = WorkerPool(1), threading.Event(), threading.Event()
        raw = await asyncio.to_thread(lambda: RawConnection(Database.acquire(DatabaseOptions()), {}))

        def opened() -> RawConnection:
            started.set()
            gate.wait(30)
            if fails:
                raise duckdb.IOException("no such file")
            return raw

        task = asyncio.create_task(_opened(opened, workers))
        while not started.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gate.set()
        await workers.submit(int).outcome
        await asyncio.sleep(0.01)
        await workers.submit(int).outcome
        assert raw.closed is not fails
        await asyncio.to_thread(raw.close)


class TestStreaming:
    async def test_batches(self, engine: AndamiosEngine) -> None:
        async with engine.connect() as connection:
            result = await connection.stream(text("SELECT range FROM range(2500)"))
            sizes = [len(rows) async for rows in result.partitions(1000)]
        assert sizes == [1000, 1000, 500]

    async def test_one_by_one_and_all_the_rest(self, engine: AndamiosEngine) -> None:
        async with engine.connect() as connection:
            result = await connection.stream(text("SELECT range FROM range(30000)"))
            assert (await result.fetchone())[0] == 0  # type: ignore[index] # there is a row
            assert len(await result.fetchall()) == 29999

    async def test_other_statements_in_between(self, engine: AndamiosEngine) -> None:
        async with engine.connect() as connection:
            seen = []
            async for (number,) in await connection.stream(
                text("SELECT range FROM range(3000)"), execution_options={"yield_per": 100}
            ):
                if number % 1000 == 0:
                    assert await connection.scalar(text("SELECT 42")) == 42
                seen.append(number)
        assert seen == list(range(3000))

    async def test_a_stream_given_up_leaves_a_clean_connection(self, engine: AndamiosEngine) -> None:
        async with engine.connect() as connection:
            result = await connection.stream(text("SELECT range FROM range(1000000)"))
            await result.fetchone()
            await result.close()
            assert await connection.scalar(text("SELECT 1")) == 1

    async def test_a_rolled_back_stream_says_so(self, engine: AndamiosEngine) -> None:
        async with engine.connect() as connection:
            result = await connection.stream(text("SELECT range FROM range(1000000)"))
            await result.fetchone()
            await connection.rollback()
            with pytest.raises(AndamiosError, match="before all of its rows were read"):
                await result.fetchall()

    async def test_closed_while_another_statement_reads_its_rows(self, engine: AndamiosEngine) -> None:
        """The job of the statement goes on; the rows that nobody wants are not kept."""
        async with engine.connect() as connection:
            dbapi_connection = await adapted(connection)
            cursor = dbapi_connection.cursor(server_side=True)
            await greenlet_spawn(cursor.execute, "SELECT range FROM range(1000000)")
            stream = cursor._stream
            other = asyncio.create_task(connection.scalar(text("SELECT 42")))
            while not dbapi_connection.raw._busy.locked():
                await asyncio.sleep(0)
            cursor.close()
            assert await other == 42
        assert stream.fetchmany(1) == []

    async def test_a_stream_without_rows(self, engine: AndamiosEngine) -> None:
        async with engine.connect() as connection:
            result = await connection.stream(text("CREATE TABLE t (i INTEGER)"))
            assert not result._real_result.returns_rows  # type: ignore[attr-defined] # a cursor's result


async def test_an_abandoned_connection_is_closed(engine: AndamiosEngine) -> None:
    """Collected outside of a greenlet, where nobody can wait."""
    connection = await engine.connect()
    await connection.execute(text("SELECT 1"))
    raw = (await adapted(connection)).raw
    del connection
    with pytest.warns(Warning, match="garbage collector"):
        gc.collect()
    for _ in range(100):
        if raw.closed:
            break
        await asyncio.sleep(0.01)
    assert raw.closed


async def test_tasks_that_share_a_connection_take_turns(engine: AndamiosEngine) -> None:
    async with engine.connect() as connection:
        found = await asyncio.gather(*(connection.scalar(text(f"SELECT {number}")) for number in range(50)))
    assert found == list(range(50))


async def test_an_error_while_fetching_is_translated(engine: AndamiosEngine) -> None:
    async with engine.connect() as connection:
        with pytest.raises(AndamiosError, match="late"):
            await connection.execute(
                text("SELECT CASE WHEN range < 9000 THEN 1 ELSE error('late') END FROM range(9999)")
            )
        with pytest.raises(TransactionAbortedError):
            await connection.commit()


async def test_a_cursor_of_the_dbapi(engine: AndamiosEngine) -> None:
    """What SQLAlchemy does not use but PEP 249 promises."""

    def use(connection: Any) -> Any:
        cursor = connection.connection.dbapi_connection.cursor()
        cursor.execute("SELECT range FROM range($1)", [5])
        cursor.setinputsizes()
        first, rest = cursor.fetchone(), cursor.fetchmany()
        return first, rest, cursor.fetchmany(2), cursor.fetchall(), cursor.fetchone()

    async with engine.connect() as connection:
        assert await connection.run_sync(use) == ((0,), [(1,)], [(2,), (3,)], [(4,)], None)


def test_the_module() -> None:
    module = DBAPI()
    assert module.Error is duckdb.Error
    assert (module.apilevel, module.paramstyle, module.Binary(b"x")) == ("2.0", "numeric_dollar", b"x")


async def test_a_streaming_cursor_of_the_dbapi(engine: AndamiosEngine) -> None:
    def use(connection: Any) -> Any:
        cursor = connection.connection.dbapi_connection.cursor(server_side=True)
        before = cursor.fetchmany(5)
        cursor.execute("SELECT range FROM range(3)")
        first, rest, end = cursor.fetchone(), cursor.fetchmany(5), cursor.fetchone()
        cursor.close()
        cursor.close()
        return before, first, rest, end

    async with engine.connect() as connection:
        assert await connection.run_sync(use) == ([], (0,), [(1,), (2,)], None)


async def test_returned_rows_of_a_streamed_write(engine: AndamiosEngine) -> None:
    async with engine.connect() as connection:
        table = Table("t", MetaData(), Column("i", Integer))
        await connection.run_sync(table.create)
        result = await connection.stream(table.insert().returning(table.c.i), [{"i": 1}, {"i": 2}, {"i": 3}])
        assert sorted(await result.scalars().all()) == [1, 2, 3]


async def test_a_statement_that_comes_after_its_session_is_refused(engine: AndamiosEngine) -> None:
    """It must not end up in the transaction of the next borrower of the connection."""
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE t (i INTEGER)"))

    async def work(session: AsyncSession, number: int) -> None:
        if number == 0:
            await asyncio.sleep(0)
            raise ValueError
        await session.execute(text("INSERT INTO t VALUES (:n)"), {"n": number})

    for _ in range(5):
        tasks: list[asyncio.Task[None]] = []
        with pytest.raises(ValueError, match=r"^$"):
            async with AsyncSession(engine) as session:
                tasks = [asyncio.create_task(work(session, number)) for number in range(5)]
                await asyncio.gather(*tasks)
        await asyncio.gather(*tasks, return_exceptions=True)
        async with AsyncSession(engine) as other:
            assert await other.scalar(text("SELECT count(*) FROM t")) == 0
            await other.commit()


async def test_a_job_of_an_earlier_lending_is_refused(engine: AndamiosEngine) -> None:
    async with engine.connect() as connection:
        dbapi_connection = await adapted(connection)
        cursor = dbapi_connection.cursor()
    async with engine.connect():
        with pytest.raises(ReturnedConnection, match="Await every task that uses a session"):
            await greenlet_spawn(cursor.execute, "SELECT 1")


async def test_a_commit_of_an_earlier_lending_is_refused() -> None:
    """It must not commit what the next borrower of the connection has begun."""
    engine = create_async_engine("duckdb+andamios:///:memory:", pool_reset_on_return=None)
    gate = threading.Event()
    async with engine.connect() as connection:
        dbapi_connection = await adapted(connection)
        blocker = asyncio.create_task(greenlet_spawn(dbapi_connection.run, lambda raw: gate.wait(30)))
        await asyncio.sleep(0)
        late = asyncio.create_task(greenlet_spawn(dbapi_connection.commit))
        await asyncio.sleep(0)
    gate.set()
    assert await blocker
    with pytest.raises(ReturnedConnection):
        await late
    await engine.dispose()


async def test_what_a_job_of_an_earlier_lending_begins_is_rolled_back() -> None:
    engine = create_async_engine("duckdb+andamios:///:memory:", pool_reset_on_return=None)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE t (i INTEGER)"))
    gate = threading.Event()

    def write(raw: RawConnection) -> None:
        gate.wait(30)
        raw.execute("INSERT INTO t VALUES (1)")

    async with engine.connect() as connection:
        late = asyncio.create_task(greenlet_spawn((await adapted(connection)).run, write))
        await asyncio.sleep(0)
    gate.set()
    await late
    async with engine.begin() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM t")) == 0
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM t")) == 0
    await engine.dispose()


async def test_a_commit_takes_in_the_statement_that_waits_for_its_turn(engine: AndamiosEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE t (i INTEGER)"))

    async def commit(connection: AsyncConnection) -> None:
        await connection.execute(text("-- nothing, so that no transaction has begun"))
        await connection.commit()

    async with engine.connect() as connection:
        await asyncio.gather(commit(connection), connection.execute(text("INSERT INTO t VALUES (1)")))
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM t")) == 1


async def test_a_rollback_waits_for_the_statement_that_runs(engine: AndamiosEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(text("CREATE TABLE t (i INTEGER)"))
        await connection.commit()
        write = asyncio.create_task(connection.execute(text("INSERT INTO t SELECT range FROM range(300000)")))
        await asyncio.sleep(0.001)
        await asyncio.gather(write, connection.rollback(), return_exceptions=True)
        await connection.rollback()
        assert await connection.scalar(text("SELECT count(*) FROM t")) == 0


async def test_a_close_that_is_cancelled_happens_nevertheless(engine: AndamiosEngine) -> None:
    single = create_async_engine("duckdb+andamios:///:memory:", worker_threads=1)
    async with single.connect() as connection:
        dbapi_connection = await adapted(connection)
        gate = threading.Event()
        single.sync_engine.dialect.workers.post(lambda: gate.wait(30))  # type: ignore[attr-defined] # our dialect
        closing = asyncio.create_task(greenlet_spawn(dbapi_connection.close))
        await asyncio.sleep(0.01)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        gate.set()
        await single.sync_engine.dialect.workers.submit(int).outcome  # type: ignore[attr-defined] # our dialect
        assert dbapi_connection.raw.closed
    await single.dispose()


async def test_a_connection_that_cannot_end_its_transaction_is_closed_nevertheless(
    engine: AndamiosEngine,
) -> None:
    """Else its database would stay open for ever."""
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
        await connection.rollback()
        dbapi_connection = await adapted(connection)
        await asyncio.to_thread(dbapi_connection.raw.duckdb.close)
        await greenlet_spawn(dbapi_connection.close)
        assert dbapi_connection.raw.closed


async def test_a_timeout_that_the_job_itself_raises_is_not_ours(engine: AndamiosEngine) -> None:
    def fail(raw: RawConnection) -> None:
        raise TimeoutError("a type of the user's own")

    async with engine.connect() as connection:
        run = (await adapted(connection)).run
        with pytest.raises(TimeoutError, match="own"):
            await greenlet_spawn(run, fail, None, 60.0)


async def test_what_is_given_back_open_is_rolled_back(engine: AndamiosEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(text("CREATE TABLE t (i INTEGER)"))
        lent = await adapted(connection)
        lent.give_back()
        assert not lent.raw.in_transaction
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM duckdb_tables()")) == 0
