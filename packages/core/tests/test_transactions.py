"""Units of work: all or none, replayed on conflict, and nothing else."""

from __future__ import annotations

import asyncio
import inspect
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import (
    AndamiosEngine,
    AsyncSession,
    SessionManager,
    TransactionManager,
    create_engine,
    create_file_engine,
    current_session,
    transactional,
)
from andamios_orm.core.errors import (
    ConfigurationError,
    DuplicateKeyError,
    OperationalError,
    QueryTimeoutError,
    RetriesExhaustedError,
    SavepointNotSupportedError,
    TransactionConflictError,
)

from .backends import drop_tables, make_tables
from .services import MARIADB, POSTGRESQL, require


class Base(DeclarativeBase):
    pass


class Counter(Base):
    __tablename__ = "andamios_counter"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    value: Mapped[int]


@asynccontextmanager
async def counters(engine: AndamiosEngine) -> AsyncIterator[AndamiosEngine]:
    """An engine with one counter, which stands at 0; no server keeps its table."""
    await make_tables(engine, Base.metadata)
    async with SessionManager(engine) as session:
        session.add(Counter(id=1, value=0))
    try:
        yield engine
        await drop_tables(engine, Base.metadata)
    finally:
        await engine.dispose()


@pytest.fixture
async def counter(engine: AndamiosEngine) -> AsyncIterator[AndamiosEngine]:
    async with counters(engine) as counted:
        yield counted


async def value(engine: AndamiosEngine) -> int:
    async with AsyncSession(engine) as session:
        return (await session.get_one(Counter, 1)).value


async def increment(session: AsyncSession) -> int:
    counter = await session.get_one(Counter, 1)
    counter.value += 1
    return counter.value


class TestExecuteInTransaction:
    async def test_results_come_in_order(self, counter: AndamiosEngine) -> None:
        assert await TransactionManager(counter).execute_in_transaction([increment] * 3) == [1, 2, 3]
        assert await value(counter) == 3

    async def test_one_failure_undoes_all(self, counter: AndamiosEngine) -> None:
        async def fail(session: AsyncSession) -> int:
            raise LookupError

        with pytest.raises(LookupError):
            await TransactionManager(counter).execute_in_transaction([increment, fail])
        assert await value(counter) == 0

    async def test_the_session_is_current(self, engine: AndamiosEngine) -> None:
        async def is_current(session: AsyncSession) -> bool:
            return current_session() is session

        assert await TransactionManager(engine).execute_in_transaction([is_current]) == [True]


class TestRun:
    @pytest.mark.parametrize("file", [True, False], ids=["file", "memory"])
    async def test_contention_ends_exact(self, file: bool, tmp_path: object) -> None:
        """Four tasks with a connection each read, modify and write one row 50 times."""
        engine = create_file_engine(f"{tmp_path}/t.db") if file else create_engine("duckdb:///:memory:")
        async with counters(engine):
            manager, called = TransactionManager(engine), []

            async def one_more(session: AsyncSession) -> int:
                session.on_commit(lambda: called.append(1))
                return await increment(session)

            async def many() -> list[int]:
                return [await manager.run(one_more, attempts=100) for _ in range(50)]

            seen = await asyncio.gather(*(many() for _ in range(4)))
            assert await value(engine) == 200
            assert sorted(itertools.chain(*seen)) == list(range(1, 201))
            assert len(called) == 200

    async def test_a_conflict_at_a_statement_is_replayed(self, counter: AndamiosEngine) -> None:
        sessions: list[AsyncSession] = []

        async def overtaken_once(session: AsyncSession) -> int:
            sessions.append(session)
            found = await session.get_one(Counter, 1)
            if len(sessions) == 1:
                async with SessionManager(counter) as other:
                    await increment(other)
            found.value += 10
            await session.flush()
            return found.value

        assert await TransactionManager(counter).run(overtaken_once) == 11
        assert len(sessions) == 2
        assert sessions[0] is not sessions[1]

    async def test_a_conflict_at_commit_is_replayed(self, counter: AndamiosEngine) -> None:
        """Altering a table makes the transaction that wrote to it before fail when it commits."""
        attempts, called = [], []

        async def overtaken_once(session: AsyncSession) -> None:
            attempts.append(1)
            session.on_commit(lambda: called.append(len(attempts)))
            await increment(session)
            await session.flush()
            if len(attempts) == 1:
                async with counter.begin() as other:
                    await other.execute(text("ALTER TABLE andamios_counter ADD COLUMN note VARCHAR"))

        await TransactionManager(counter).run(overtaken_once)
        assert (len(attempts), called) == (2, [2])
        assert await value(counter) == 1

    async def test_a_duplicate_key_at_commit_is_not_replayed(self, counter: AndamiosEngine) -> None:
        attempts = []

        async def insert(session: AsyncSession) -> None:
            attempts.append(1)
            session.add(Counter(id=2, value=0))
            await session.flush()
            async with SessionManager(counter) as other:
                other.add(Counter(id=2, value=0))

        with pytest.raises(DuplicateKeyError):
            await TransactionManager(counter).run(insert)
        assert len(attempts) == 1

    async def test_another_error_is_not_replayed(self, counter: AndamiosEngine) -> None:
        attempts = []

        async def fail(session: AsyncSession) -> None:
            attempts.append(1)
            raise LookupError

        with pytest.raises(LookupError):
            await TransactionManager(counter).run(fail)
        assert len(attempts) == 1

    async def test_attempts_end(self, counter: AndamiosEngine) -> None:
        retries: list[BaseException] = []

        async def always_overtaken(session: AsyncSession) -> None:
            await increment(session)
            async with SessionManager(counter) as other:
                await increment(other)

        manager = TransactionManager(counter, on_retry=retries.append)
        with pytest.raises(RetriesExhaustedError) as caught:
            await manager.run(always_overtaken, attempts=3)
        assert caught.value.attempts == 3
        assert isinstance(caught.value.last_error, TransactionConflictError)
        assert caught.value.__cause__ is caught.value.last_error
        assert [type(error) for error in retries] == [TransactionConflictError] * 2
        assert await value(counter) == 3

    async def test_no_attempt_is_refused(self, engine: AndamiosEngine) -> None:
        with pytest.raises(ConfigurationError, match="at least one attempt"):
            await TransactionManager(engine).run(increment, attempts=0)

    async def test_options_reach_the_session(self, engine: AndamiosEngine) -> None:
        async def option(session: AsyncSession) -> bool:
            return session.sync_session.expire_on_commit

        assert await TransactionManager(engine, expire_on_commit=True).run(option)


class TestTimeout:
    async def test_the_statement_stops_and_nothing_is_written(self, counter: AndamiosEngine) -> None:
        async def slow(session: AsyncSession) -> None:
            await increment(session)
            await session.execute(text("SELECT count(*) FROM range(100000000000) a, range(1000) b"))

        with pytest.raises(QueryTimeoutError, match="unit of work took longer than") as caught:
            await TransactionManager(counter).run(slow, timeout=0.2)
        assert caught.value.seconds == 0.2
        assert await value(counter) == 0
        assert counter.pool.checkedout() == 0  # type: ignore[attr-defined] # a queue pool

    async def test_it_spans_all_attempts(self, counter: AndamiosEngine) -> None:
        attempts = []

        async def overtaken(session: AsyncSession) -> None:
            attempts.append(1)
            await increment(session)
            async with SessionManager(counter) as other:
                await increment(other)

        with pytest.raises(QueryTimeoutError):
            await TransactionManager(counter).run(overtaken, attempts=10_000, timeout=0.2)
        assert len(attempts) > 1

    async def test_a_timeout_of_the_work_itself_passes(self, engine: AndamiosEngine) -> None:
        async def impatient(session: AsyncSession) -> None:
            async with asyncio.timeout(0):
                await asyncio.sleep(1)

        with pytest.raises(TimeoutError) as caught:
            await TransactionManager(engine).run(impatient, timeout=60)
        assert not isinstance(caught.value, QueryTimeoutError)

    async def test_a_commit_that_has_started_is_waited_for(self, counter: AndamiosEngine) -> None:
        """The time is up while callbacks after the commit run: the commit is not denied."""

        async def work(session: AsyncSession) -> int:
            session.on_commit(lambda: asyncio.sleep(0.3))
            return await increment(session)

        assert await TransactionManager(counter).run(work, timeout=0.2) == 1
        assert await value(counter) == 1


class TestTransactional:
    async def test_each_call_is_committed(self, counter: AndamiosEngine) -> None:
        @transactional(counter)
        async def add(session: AsyncSession, first: int, *, second: int) -> int:
            """Add to the counter."""
            counter = await session.get_one(Counter, 1)
            counter.value += first + second
            return counter.value

        assert [await add(1, second=2), await add(3, second=4)] == [3, 10]
        assert await value(counter) == 10
        assert (add.__name__, add.__doc__) == ("add", "Add to the counter.")

    async def test_its_signature_has_no_session(self, engine: AndamiosEngine) -> None:
        @transactional(engine)
        async def add(session: AsyncSession, first: int, *, second: int = 2) -> int:
            return first + second

        assert list(inspect.signature(add).parameters) == ["first", "second"]

    async def test_a_method(self, counter: AndamiosEngine) -> None:
        class Service:
            step = 5

            @transactional(counter)
            async def add(session: AsyncSession, self: Service) -> None:  # noqa: N805 # the session is first
                (await session.get_one(Counter, 1)).value += self.step

        await Service().add()
        assert await value(counter) == 5

    async def test_one_inside_of_another_is_committed_by_itself(self, counter: AndamiosEngine) -> None:
        @transactional(counter)
        async def inner(session: AsyncSession) -> None:
            await increment(session)

        @transactional(counter)
        async def outer(session: AsyncSession) -> None:
            await inner()
            assert current_session() is session
            raise LookupError

        with pytest.raises(LookupError):
            await outer()
        assert await value(counter) == 1

    async def test_a_failed_call_is_rolled_back(self, counter: AndamiosEngine) -> None:
        @transactional(counter, attempts=1)
        async def fail(session: AsyncSession) -> None:
            await increment(session)
            raise LookupError

        with pytest.raises(LookupError):
            await fail()
        assert await value(counter) == 0


class TestReadOnly:
    async def test_duckdb(self, counter: AndamiosEngine) -> None:
        await self.refuses_writes(counter, "read-only")

    async def test_postgresql(self) -> None:
        async with counters(create_engine(require(POSTGRESQL))) as engine:
            await self.refuses_writes(engine, "read-only transaction")

    async def test_mariadb(self) -> None:
        async with counters(create_engine(require(MARIADB))) as engine:
            await self.refuses_writes(engine, "READ ONLY transaction")

    async def test_sqlite(self, tmp_path: object) -> None:
        async with counters(create_engine(f"sqlite:///{tmp_path}/t.sqlite", pool_size=1)) as engine:
            await self.refuses_writes(engine, "readonly database")

    async def refuses_writes(self, engine: AndamiosEngine, words: str) -> None:
        reading = TransactionManager(engine, read_only=True)
        with pytest.raises(Exception, match=words) as caught:
            await reading.run(increment)
        assert isinstance(caught.value, OperationalError)
        assert await reading.run(lambda session: session.scalar(select(func.count(Counter.id)))) == 1
        assert await TransactionManager(engine).run(increment) == 1
        assert await value(engine) == 1

    async def test_a_session_tells(self, counter: AndamiosEngine) -> None:
        assert AsyncSession(counter, read_only=True).read_only
        assert not AsyncSession(counter).read_only

    async def test_it_needs_an_engine(self) -> None:
        with pytest.raises(ConfigurationError, match="needs its engine"):
            AsyncSession(read_only=True)


class TestSavepoint:
    async def test_duckdb_refuses(self, counter: AndamiosEngine) -> None:
        manager = TransactionManager(counter)

        async def part(session: AsyncSession) -> None:
            await increment(session)
            with pytest.raises(SavepointNotSupportedError, match="no savepoints"):
                async with manager.savepoint("part"):
                    raise AssertionError
            await increment(session)

        await manager.run(part)
        assert await value(counter) == 2

    @pytest.mark.parametrize("url", [POSTGRESQL, MARIADB])
    async def test_servers(self, url: str) -> None:
        async with counters(create_engine(require(url))) as engine:
            await self.undoes_a_part(engine)

    async def test_sqlite(self, tmp_path: object) -> None:
        async with counters(create_engine(f"sqlite:///{tmp_path}/t.sqlite")) as engine:
            await self.undoes_a_part(engine)

    async def undoes_a_part(self, engine: AndamiosEngine) -> None:
        manager = TransactionManager(engine)

        async def work(session: AsyncSession) -> None:
            await increment(session)
            await session.flush()
            with pytest.raises(LookupError):
                async with manager.savepoint("undone"):
                    await increment(session)
                    await session.flush()
                    raise LookupError
            async with manager.savepoint("kept", session):
                await increment(session)

        await manager.run(work)
        assert await value(engine) == 2
