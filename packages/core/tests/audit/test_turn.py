"""Who may append to the audit log, for how long, and where it ends."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.util.concurrency import await_

from andamios_orm.core import (
    AndamiosEngine,
    AsyncSession,
    SessionManager,
    TransactionManager,
    create_engine,
    create_file_engine,
)
from andamios_orm.core.audit.logger import AuditLogger
from andamios_orm.core.audit.turn import DuckDBTurn
from andamios_orm.core.errors import DuplicateKeyError, QueryTimeoutError, TransactionConflictError

from ..services import MARIADB, POSTGRESQL, require

SQLITE = "sqlite:///"


@pytest.fixture
async def audit(engine: AndamiosEngine) -> AuditLogger:
    logger = AuditLogger(engine)
    await logger.create_table()
    return logger


async def users(engine: AsyncEngine, audit: AuditLogger) -> list[str]:
    async with engine.connect() as connection:
        return list(await connection.scalars(select(audit.table.c.user_id).order_by(audit.table.c.id)))


@asynccontextmanager
async def committing(engine: AndamiosEngine, audit: AuditLogger) -> AsyncIterator[None]:
    """A transaction that has appended its row, and sends its COMMIT at the end of the block."""
    appended, proceed = asyncio.Event(), asyncio.Event()

    def wait(connection: object) -> None:
        appended.set()
        await_(proceed.wait())

    async def commit() -> None:
        async with SessionManager(engine) as session:
            await audit.log_data_access("first", "seat", "read")
            event.listen((await session.connection()).sync_connection, "commit", wait)

    task = asyncio.create_task(commit())
    await appended.wait()
    try:
        yield
    finally:
        proceed.set()
        await task


class TestWaiting:
    async def test_who_appends_waits_for_the_commit_before(
        self, engine: AndamiosEngine, audit: AuditLogger
    ) -> None:
        async with committing(engine, audit):
            tasks = [
                asyncio.create_task(audit.log_data_access(name, "seat", "read"))
                for name in ("second", "third")
            ]
            done, _ = await asyncio.wait(tasks, timeout=0.1)
            assert not done
        await asyncio.gather(*tasks)
        first, *others = await users(engine, audit)
        assert (first, sorted(others)) == ("first", ["second", "third"])
        assert (await audit.verify()).intact

    async def test_who_has_nothing_to_append_waits_for_nobody(
        self, engine: AndamiosEngine, audit: AuditLogger
    ) -> None:
        async with committing(engine, audit):
            async with SessionManager(engine) as session:
                await session.execute(text("CREATE TABLE other (id INTEGER)"))
            assert await users(engine, audit) == []

    async def test_it_waits_for_a_limited_time(self, engine: AndamiosEngine, audit: AuditLogger) -> None:
        impatient = AuditLogger(engine, timeout=0.05)
        async with committing(engine, audit):
            with pytest.raises(
                QueryTimeoutError, match=r"waiting to append to the audit log took longer"
            ) as caught:
                await impatient.log_data_access("second", "seat", "read")
        assert caught.value.seconds == 0.05
        await impatient.log_data_access("third", "seat", "read")
        assert await users(engine, audit) == ["first", "third"]

    async def test_who_is_cancelled_writes_nothing_and_keeps_nobody_away(
        self, engine: AndamiosEngine, audit: AuditLogger
    ) -> None:
        async def create_and_log() -> None:
            async with SessionManager(engine) as session:
                await session.execute(text("CREATE TABLE other (id INTEGER)"))
                await audit.log_data_access("second", "seat", "insert")

        async with committing(engine, audit):
            task = asyncio.create_task(create_and_log())
            await asyncio.wait({task}, timeout=0.1)
            task.cancel()
            await asyncio.wait({task})
            assert task.cancelled()
        await audit.log_data_access("third", "seat", "read")
        assert await users(engine, audit) == ["first", "third"]
        async with engine.connect() as connection:
            tables = await connection.scalars(text("SELECT table_name FROM duckdb_tables()"))
            assert list(tables) == ["andamios_audit"]

    async def test_a_place_that_is_taken_in_spite_of_the_turn_is_refused(
        self, engine: AndamiosEngine, audit: AuditLogger
    ) -> None:
        with pytest.raises(DuplicateKeyError):
            async with committing(engine, audit), engine.begin() as connection:
                forged = {"user_id": "eve", "table_name": "seat", "operation": "read"}
                row = {"id": 1, "moment": datetime.now(UTC), **forged, "previous_hash": "", "hash": ""}
                await connection.execute(audit.table.insert(), row)
        assert await users(engine, audit) == ["eve"]
        assert (await audit.verify()).bad_row == 1

    async def test_engines_on_one_file_wait_for_each_other(self, tmp_path: Path) -> None:
        engines = [create_file_engine(tmp_path / "a.db") for _ in range(2)]
        loggers = [AuditLogger(engine) for engine in engines]
        await loggers[0].create_table()
        async with committing(engines[0], loggers[0]):
            task = asyncio.create_task(loggers[1].log_data_access("second", "seat", "read"))
            done, _ = await asyncio.wait({task}, timeout=0.1)
            assert not done
        await task
        assert (await loggers[1].verify()).rows == 2
        for engine in engines:
            await engine.dispose()

    async def test_event_loops_wait_for_each_other(self, tmp_path: Path) -> None:
        engine = create_file_engine(tmp_path / "a.db")
        audit = AuditLogger(engine)
        await audit.create_table()

        async def log() -> None:
            other = create_file_engine(tmp_path / "a.db")
            for _ in range(10):
                await AuditLogger(other).log_data_access("ada", "seat", "read")
            await other.dispose()

        threads = [Thread(target=asyncio.run, args=(log(),)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            await asyncio.to_thread(thread.join)
        assert (await audit.verify()).rows == 30
        await engine.dispose()

    async def test_what_the_search_path_names_is_read(self, engine: AndamiosEngine) -> None:
        """Not the log of the same name in the schema where a new connection begins."""
        audit = AuditLogger(engine)
        await audit.create_table()
        await audit.log_data_access("elsewhere", "seat", "read")
        async with engine.begin() as connection:
            await connection.execute(text('CREATE SCHEMA "it\'s"'))
        for name in ("ada", "grace"):
            async with engine.connect() as connection:
                await connection.execute(text("SET schema = '\"it''s\"'"))
                await connection.run_sync(audit.table.create, checkfirst=True)
                await connection.commit()
                async with AsyncSession(connection) as session:
                    await audit.log_data_access(name, "seat", "read", session=session)
                    await session.commit()
                log = await connection.execute(select(audit.table.c.id, audit.table.c.user_id))
                found = sorted(tuple(row) for row in log)
                await connection.execute(text("RESET schema"))
        assert found == [(1, "ada"), (2, "grace")]


async def taken(connection: AsyncConnection) -> DuckDBTurn:
    def take(sync: Any) -> DuckDBTurn:
        return DuckDBTurn(sync, 1.0).__enter__()

    return await connection.run_sync(take)


class TestEnd:
    async def test_it_keeps_others_away_while_it_appends(self, engine: AndamiosEngine) -> None:
        async with engine.connect() as connection:
            turn = await taken(connection)
            assert turn.keeps_away(object())

    async def test_it_does_not_keep_away_its_own_transaction(self, engine: AndamiosEngine) -> None:
        async with engine.connect() as connection:
            await taken(connection)
            assert (await taken(connection)).keeps_away(object())

    async def test_it_lasts_until_the_transaction_is_committed(self, engine: AndamiosEngine) -> None:
        async with engine.connect() as connection:
            turn = await taken(connection)
            await connection.execute(select(1))
            turn.__exit__()
            assert turn.keeps_away(object())
            await connection.commit()
            assert not turn.keeps_away(object())

    async def test_it_does_not_last_into_the_next_transaction(self, engine: AndamiosEngine) -> None:
        async with engine.connect() as connection:
            turn = await taken(connection)
            await connection.execute(select(1))
            turn.end()
            assert not turn.keeps_away(object())

    async def test_it_does_not_last_into_the_next_lending(self, engine: AndamiosEngine) -> None:
        async with engine.connect() as connection:
            turn = await taken(connection)
        async with engine.connect() as connection:
            await connection.execute(select(1))
            assert not turn.keeps_away(object())

    async def test_it_ends_with_the_connection(self, engine: AndamiosEngine) -> None:
        async with engine.connect() as connection:
            turn = await taken(connection)
            await connection.invalidate()
        assert not turn.keeps_away(object())

    async def test_it_ends_when_the_connection_is_forgotten(self, engine: AndamiosEngine) -> None:
        async with engine.connect() as connection:
            turn = await taken(connection)
        await engine.dispose()
        del connection
        gc.collect()
        assert not turn.keeps_away(object())


@asynccontextmanager
async def logging(url: str, folder: Path) -> AsyncIterator[AuditLogger]:
    """A logger on another backend, whose table is made anew and dropped at the end."""
    engine = create_engine(f"{SQLITE}{folder}/a.db" if url == SQLITE else require(url))
    audit = AuditLogger(engine)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(audit.table.drop, checkfirst=True)
        await audit.create_table()
        yield audit
        async with engine.begin() as connection:
            await connection.run_sync(audit.table.drop)
    finally:
        await engine.dispose()


@pytest.mark.parametrize("url", [POSTGRESQL, MARIADB, SQLITE], ids=["postgresql", "mariadb", "sqlite"])
class TestOtherBackends:
    async def test_the_chain_does_not_fork(self, url: str, tmp_path: Path) -> None:
        """All rows are written where transactions wait for each other; elsewhere some of them fail."""
        async with logging(url, tmp_path) as audit:

            async def log(number: int) -> None:
                async with SessionManager(audit._engine) as session:
                    await session.execute(select(audit.table).limit(1))
                    await audit.log_data_access("ada", "seat", "read", key=number, details={"n": number})

            results = await asyncio.gather(*(log(number) for number in range(20)), return_exceptions=True)
            written = results.count(None)
            errors = [result for result in results if result is not None]
            assert all(isinstance(error, DuplicateKeyError | TransactionConflictError) for error in errors)
            assert written == 20 if url == POSTGRESQL else written >= 1
            head = await audit.head()
            assert head.id == written
            assert (await audit.verify(head)).intact

    async def test_a_change_is_found(self, url: str, tmp_path: Path) -> None:
        async with logging(url, tmp_path) as audit:
            for number in range(3):
                await audit.log_data_access(
                    "ada", "seat", "read", key=number, details={"ä": [number, 0.1, None]}
                )
            async with audit._engine.begin() as connection:
                await connection.execute(
                    audit.table.update().where(audit.table.c.id == 2).values(user_id="eve")
                )
            assert (await audit.verify()).bad_row == 2

    async def test_a_rollback_to_a_savepoint_forgets_its_rows(self, url: str, tmp_path: Path) -> None:
        async with logging(url, tmp_path) as audit:
            manager = TransactionManager(audit._engine)

            async def work(session: AsyncSession) -> None:
                await audit.log_data_access("before", "seat", "read")
                with pytest.raises(LookupError):
                    async with manager.savepoint("undone"):
                        await audit.log_data_access("undone", "seat", "read")
                        raise LookupError
                async with manager.savepoint("kept"):
                    await audit.log_data_access("kept", "seat", "read")

            await manager.run(work)
            assert await users(audit._engine, audit) == ["before", "kept"]
