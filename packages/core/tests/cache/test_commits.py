"""Commits: who watches is told after each of them which tables it wrote, on every way to commit."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import String, event, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager, create_engine
from andamios_orm.core.cache.commits import CommitWatch
from andamios_orm.core.cache.written import EVERYTHING
from andamios_orm.core.errors import (
    DuplicateKeyError,
    IntegrityError,
    OperationalError,
    TransactionConflictError,
)

from ..backends import drop_tables, make_tables
from ..services import MARIADB, POSTGRESQL, require


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = f"note_{os.getpid()}"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    body: Mapped[str | None] = mapped_column(String(20))


class Other(Base):
    __tablename__ = f"other_{os.getpid()}"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


# Several runs may share a server.
NOTE, OTHER, ALL = {Note.__tablename__}, {Other.__tablename__}, {EVERYTHING}


@asynccontextmanager
async def prepared(engine: AndamiosEngine) -> AsyncIterator[AndamiosEngine]:
    """An engine with empty tables, which no server keeps."""
    await make_tables(engine, Base.metadata)
    try:
        yield engine
        await drop_tables(engine, Base.metadata)
    finally:
        await engine.dispose()


@pytest.fixture
async def notes(engine: AndamiosEngine) -> AsyncIterator[AndamiosEngine]:
    """A DuckDB engine with empty tables."""
    async with prepared(engine) as ready:
        yield ready


@pytest.fixture(params=["duckdb", "sqlite", "postgresql", "mariadb"])
async def any_notes(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AndamiosEngine]:
    """An engine of each backend with empty tables."""
    urls = {"duckdb": f"duckdb:///{tmp_path}/a.db", "sqlite": f"sqlite:///{tmp_path}/a.sqlite"}
    servers = {"postgresql": POSTGRESQL, "mariadb": MARIADB}
    url = urls.get(request.param) or require(servers[request.param])
    async with prepared(create_engine(url)) as ready:
        yield ready


class Told(list[set[str]]):
    """What somebody who watches was told, and what there was to see then."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.seen: list[int | None] = []
        self.watch = CommitWatch(engine, self.committed, lambda: len(self))

    def committed(self, tables: frozenset[str]) -> Awaitable[None]:
        self.append(set(tables))
        return self.look()

    async def look(self) -> None:
        async with self.engine.connect() as connection:
            self.seen.append(await connection.scalar(select(func.count()).select_from(Note)))


@pytest.fixture
def told(any_notes: AndamiosEngine) -> Iterator[Told]:
    """Somebody who watches an engine of each backend."""
    told = Told(any_notes)
    told.watch.start()
    yield told
    told.watch.stop()


@pytest.fixture
def heard(notes: AndamiosEngine) -> Iterator[list[set[str]]]:
    """What somebody who watches the DuckDB engine is told."""
    heard: list[set[str]] = []
    watch = CommitWatch(notes, lambda tables: heard.append(set(tables)), lambda: 0)
    watch.start()
    yield heard
    watch.stop()


async def test_a_session_tells_after_its_commit(any_notes: AndamiosEngine, told: Told) -> None:
    async with AsyncSession(any_notes) as session:
        session.add(Note(id=1))
        await session.flush()
        assert told == []
        await session.commit()
        assert (told, told.seen) == ([NOTE], [1])


async def test_a_connection_tells_after_its_commit(any_notes: AndamiosEngine, told: Told) -> None:
    async with any_notes.begin() as connection:
        await connection.execute(insert(Note), [{"id": 1}, {"id": 2}])
    assert (told, told.seen) == ([NOTE], [2])


async def test_a_connection_that_stays_open_tells_of_each_commit(
    any_notes: AndamiosEngine, told: Told
) -> None:
    async with any_notes.connect() as connection:
        for number in (1, 2):
            await connection.execute(insert(Note).values(id=number))
            await connection.commit()
    assert (told, told.seen) == ([NOTE, NOTE], [1, 2])


async def test_a_bulk_insert_tells_its_table(any_notes: AndamiosEngine, told: Told) -> None:
    async with SessionManager(any_notes) as session:
        await session.bulk_insert(Note, [{"id": number} for number in range(100)])
    assert (told, told.seen) == ([NOTE], [100])


async def test_a_rollback_tells_nothing(any_notes: AndamiosEngine, told: Told) -> None:
    async with any_notes.connect() as connection:
        await connection.execute(insert(Note).values(id=1))
        await connection.rollback()
    async with AsyncSession(any_notes) as session:
        session.add(Note(id=1))
        await session.flush()
    assert told == []


async def test_a_commit_of_reads_tells_nothing(any_notes: AndamiosEngine, told: Told) -> None:
    async with any_notes.begin() as connection:
        await connection.execute(select(Note.id))
        await connection.execute(text(f"SELECT id FROM {Note.__tablename__}"))
    async with any_notes.begin():
        pass
    assert told == []


async def test_text_that_writes_tells_everything(any_notes: AndamiosEngine, told: Told) -> None:
    async with any_notes.begin() as connection:
        await connection.execute(text(f"INSERT INTO {Note.__tablename__} (id) VALUES (:id)"), {"id": 1})
    async with any_notes.begin() as connection:
        await connection.exec_driver_sql(f"DELETE FROM {Note.__tablename__}")
    assert (told, told.seen) == ([ALL, ALL], [1, 0])


async def test_autocommit_tells_after_each_statement(any_notes: AndamiosEngine, told: Told) -> None:
    engine = any_notes.execution_options(isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(insert(Note).values(id=1))
        assert (told, told.seen) == ([NOTE], [1])
        await connection.execute(select(Note.id))
        await connection.execute(insert(Other).values(id=1))
        assert (told, told.seen) == ([NOTE, OTHER], [1, 1])
        await connection.rollback()
    assert told == [NOTE, OTHER]


async def test_a_failed_statement_under_autocommit_tells_too(any_notes: AndamiosEngine, told: Told) -> None:
    # What it wrote before it failed may stay.
    engine = any_notes.execution_options(isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        for expected in (nullcontext(), pytest.raises(IntegrityError)):
            with expected:
                await connection.execute(insert(Note).values(id=1))
    assert told == [NOTE, NOTE]


async def test_a_failed_statement_in_a_transaction_tells_nothing(
    any_notes: AndamiosEngine, told: Told
) -> None:
    with pytest.raises(IntegrityError):
        async with any_notes.begin() as connection:
            for _ in range(2):
                await connection.execute(insert(Note).values(id=1))
    assert told == []


@pytest.mark.parametrize("any_notes", ["sqlite", "postgresql", "mariadb"], indirect=True)
async def test_what_was_rolled_back_to_a_savepoint_counts_as_written(
    any_notes: AndamiosEngine, told: Told
) -> None:
    async with SessionManager(any_notes) as session:
        session.add(Note(id=1))
        async with session.begin_nested() as savepoint:
            session.add(Other(id=1))
            await session.flush()
            await savepoint.rollback()
    assert (told, told.seen) == ([NOTE | OTHER], [1])


@pytest.mark.parametrize("any_notes", ["mariadb"], indirect=True)
async def test_a_commit_in_two_phases_counts_as_writing_everything(
    any_notes: AndamiosEngine, told: Told
) -> None:
    async with AsyncSession(any_notes, twophase=True) as session:
        session.add(Note(id=1))
        await session.commit()
    assert all(EVERYTHING in tables for tables in told)
    assert told.seen[-1] == 1


async def test_engines_with_other_options_are_watched_whenever_they_were_made(notes: AndamiosEngine) -> None:
    before, heard = notes.execution_options(isolation_level="SNAPSHOT"), list[frozenset[str]]()
    watch = CommitWatch(notes, heard.append, lambda: 0)
    watch.start()
    for engine in (before, notes.execution_options(isolation_level="SNAPSHOT")):
        async with engine.begin() as connection:
            await connection.execute(insert(Note).values(id=len(heard)))
    watch.stop()
    assert heard == [NOTE, NOTE]


async def test_nobody_is_told_any_more_after_the_stop(notes: AndamiosEngine) -> None:
    heard: list[str] = []
    first = CommitWatch(notes, lambda tables: heard.append("first"), lambda: 0)
    second = CommitWatch(notes, lambda tables: heard.append("second"), lambda: 0)
    for watch in (first, second):
        watch.start()
    for number, stopping in enumerate((first, second, None)):
        async with notes.begin() as connection:
            await connection.execute(insert(Note).values(id=number))
        if stopping is not None:
            stopping.stop()
    assert heard == ["first", "second", "second"]
    assert "do_commit" not in vars(notes.dialect)


async def test_ddl_tells_everything(notes: AndamiosEngine, heard: list[set[str]]) -> None:
    async with notes.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
    assert heard == [ALL]


async def test_duckdb_knows_text_that_only_reads(notes: AndamiosEngine, heard: list[set[str]]) -> None:
    async with notes.begin() as connection:
        await connection.execute(text(f"SELECT 'delete', id FROM {Note.__tablename__}"))
    assert heard == []


async def test_a_conflict_at_commit_tells(notes: AndamiosEngine, heard: list[set[str]]) -> None:
    # What became of a commit that failed may not be known.
    with pytest.raises(DuplicateKeyError):
        async with notes.begin() as first, notes.begin() as second:
            await first.execute(insert(Note).values(id=1))
            await second.execute(insert(Note).values(id=1))
    assert heard == [NOTE, NOTE]


async def test_a_conflict_of_a_statement_tells_nothing(notes: AndamiosEngine, heard: list[set[str]]) -> None:
    async with notes.begin() as connection:
        await connection.execute(insert(Note).values(id=1))
    async with notes.connect() as first, notes.connect() as second:
        await first.execute(text(f"UPDATE {Note.__tablename__} SET body = 'a'"))
        with pytest.raises(TransactionConflictError):
            await second.execute(text(f"UPDATE {Note.__tablename__} SET body = 'b'"))
    assert heard == [NOTE]


async def test_a_transaction_that_began_before_tells_everything(notes: AndamiosEngine) -> None:
    heard: list[frozenset[str]] = []
    watch = CommitWatch(notes, heard.append, lambda: 0)
    async with notes.begin() as idle, notes.begin() as reading:
        await idle.execute(insert(Note).values(id=1))
        watch.start()
        await reading.execute(select(Note.id))
        transaction = watch.transaction(reading.sync_connection)  # type: ignore[arg-type] # it is open
        assert transaction is not None
        assert transaction.mark is None
    watch.stop()
    assert heard == [ALL, ALL]


async def test_a_statement_that_was_sent_before_is_no_fault(notes: AndamiosEngine) -> None:
    watch, sent = CommitWatch(notes, lambda tables: None, lambda: 0), asyncio.Event()
    event.listen(notes.sync_engine, "before_cursor_execute", lambda *arguments: sent.set())
    async with notes.connect() as connection:
        running = asyncio.create_task(connection.execute(text("SELECT 1")))
        await sent.wait()
        watch.start()
        await running
        assert connection.sync_connection is not None
        transaction = watch.transaction(connection.sync_connection)
    watch.stop()
    assert transaction is not None
    assert transaction.mark is None


async def test_a_commit_whose_task_is_cancelled_tells(notes: AndamiosEngine) -> None:
    telling, go_on, heard = asyncio.Event(), asyncio.Event(), list[frozenset[str]]()

    async def tell(tables: frozenset[str]) -> None:
        telling.set()
        await go_on.wait()
        heard.append(tables)

    watch = CommitWatch(notes, tell, lambda: 0)
    watch.start()

    async def write() -> None:
        async with notes.begin() as connection:
            await connection.execute(insert(Note).values(id=1))

    task = asyncio.create_task(write())
    await telling.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    while not heard:
        await asyncio.sleep(0)
    watch.stop()
    assert heard == [NOTE]


async def test_a_cancelled_statement_under_autocommit_tells(
    notes: AndamiosEngine, heard: list[set[str]]
) -> None:
    engine = notes.execution_options(isolation_level="AUTOCOMMIT")

    async def write() -> None:
        async with engine.connect() as connection:
            await connection.execute(
                text(f"INSERT INTO {Note.__tablename__} SELECT range, 'x' FROM range(100_000_000)")
            )

    task = asyncio.create_task(write())
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert heard == [ALL]


async def test_what_is_raised_then_is_logged(notes: AndamiosEngine, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(tables: frozenset[str]) -> None:
        raise LookupError("no such thing")

    watch = CommitWatch(notes, fail, lambda: 0)
    watch.start()
    async with notes.begin() as connection:
        await connection.execute(insert(Note).values(id=1))
    watch.stop()
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("andamios_orm.core.commits", logging.ERROR)


async def test_a_listener_to_the_beginning_may_send_a_statement(notes: AndamiosEngine) -> None:
    @event.listens_for(notes.sync_engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("SELECT 1")

    heard, marks = list[frozenset[str]](), iter(range(10))
    watch = CommitWatch(notes, heard.append, lambda: next(marks))
    watch.start()
    for number in range(2):
        with watch.observed() as transactions:
            async with notes.connect() as connection:
                await connection.execute(insert(Note).values(id=number))
        assert [transaction.mark for transaction in transactions] == [number]
    async with notes.begin() as connection:
        await connection.execute(insert(Other).values(id=1))
    watch.stop()
    assert heard == [OTHER]


async def test_a_transaction_is_marked_before_its_first_statement(notes: AndamiosEngine) -> None:
    marks = iter(range(10))
    watch = CommitWatch(notes, lambda tables: None, lambda: next(marks))
    watch.start()
    async with notes.connect() as connection:
        assert connection.sync_connection is not None
        assert watch.transaction(connection.sync_connection) is None
        for mark in range(2):
            await connection.execute(select(Note.id))
            await connection.execute(select(Note.id))
            transaction = watch.transaction(connection.sync_connection)
            assert transaction is not None
            assert (transaction.mark, transaction.written, transaction.sets) == (mark, set(), False)
            await connection.rollback()
    watch.stop()


async def test_a_transaction_that_changes_a_setting_is_known(notes: AndamiosEngine) -> None:
    watch = CommitWatch(notes, lambda tables: None, lambda: 0)
    watch.start()
    async with notes.connect() as connection:
        await connection.execute(text("SET TimeZone = 'UTC'"))
        transaction = watch.transaction(connection.sync_connection)  # type: ignore[arg-type] # it is open
        assert transaction is not None
        assert transaction.sets
    watch.stop()


async def test_the_transactions_that_a_task_uses_are_observed(notes: AndamiosEngine) -> None:
    watch = CommitWatch(notes, lambda tables: None, lambda: 0)
    other = CommitWatch(notes, lambda tables: None, lambda: 1)
    watch.start()

    async def read() -> None:
        async with notes.connect() as connection:
            await connection.execute(select(Note.id))

    with watch.observed() as outer, other.observed() as foreign:
        await read()
        with watch.observed() as inner:
            await asyncio.create_task(read())
    await read()
    watch.stop()
    assert (len(outer), len(inner), len(foreign)) == (2, 1, 0)
    assert inner < outer


async def test_an_error_of_a_closed_connection_is_no_fault(notes: AndamiosEngine) -> None:
    watch = CommitWatch(notes, lambda tables: None, lambda: 0)
    watch.start()
    async with notes.connect() as connection:
        result = await connection.stream(text("SELECT range FROM range(100_000)"))
        await connection.invalidate()
        with pytest.raises(OperationalError, match="before all rows"):
            await result.all()
    watch.stop()
