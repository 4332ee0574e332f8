"""The audit log: in the transaction of the change, in one chain, and proof against whoever changes it."""

from __future__ import annotations

import asyncio
import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import MetaData, delete, event, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.util.concurrency import await_

from andamios_orm.core import (
    AndamiosEngine,
    AsyncSession,
    SessionManager,
    TransactionManager,
    create_engine,
    create_file_engine,
    create_memory_engine,
)
from andamios_orm.core.audit import AuditLogger, AuditRecord, AuditReport, ChainHead, audit_table
from andamios_orm.core.errors import ConfigurationError, DuplicateKeyError, OperationalError, ValidationError


class Base(DeclarativeBase):
    pass


class Seat(Base):
    __tablename__ = "seat"
    number: Mapped[str] = mapped_column(primary_key=True)
    passenger: Mapped[str]


@pytest.fixture
async def audit(engine: AndamiosEngine) -> AuditLogger:
    """A logger on a database with seats and an empty log."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all, checkfirst=False)
    logger = AuditLogger(engine)
    await logger.create_table()
    return logger


async def rows(engine: AndamiosEngine, audit: AuditLogger) -> list[Any]:
    async with engine.connect() as connection:
        return list(await connection.execute(select(audit.table).order_by(audit.table.c.id)))


async def users(engine: AndamiosEngine, audit: AuditLogger) -> list[str]:
    return [row.user_id for row in await rows(engine, audit)]


async def fill(audit: AuditLogger, count: int) -> None:
    """Log rows 1 to ``count`` in one transaction, by the users 1 to ``count``."""
    async with SessionManager(audit._engine):
        for number in range(1, count + 1):
            await audit.log_data_access(number, "seat", "read", details={"n": number})


async def change(engine: AndamiosEngine, *statements: str) -> None:
    async with engine.begin() as connection:
        for statement in statements:
            await connection.exec_driver_sql(statement)


class TestRow:
    async def test_holds_what_was_logged(self, engine: AndamiosEngine, audit: AuditLogger) -> None:
        before = dt.datetime.now(dt.UTC)
        await audit.log_data_access(
            "ada", "seat", "update", key="1A", details={"old": "Grace"}, correlation_id="request 7"
        )
        (row,) = await rows(engine, audit)
        assert (row.id, row.user_id, row.table_name, row.operation) == (1, "ada", "seat", "update")
        assert (row.key, row.details, row.correlation_id) == ("1A", {"old": "Grace"}, "request 7")
        assert before <= row.moment <= dt.datetime.now(dt.UTC)
        assert (row.previous_hash, len(row.hash)) == ("0" * 64, 64)

    async def test_of_nobody_and_no_single_row(self, engine: AndamiosEngine, audit: AuditLogger) -> None:
        await audit.log_data_access(None, "seat", "export")
        (row,) = await rows(engine, audit)
        assert (row.user_id, row.key, row.details, row.correlation_id) == (None, None, None, None)

    @pytest.mark.parametrize(
        ("key", "kept"),
        [
            ("1A", "1A"),
            (7, "7"),
            (UUID(int=7), str(UUID(int=7))),
            ((7, "A"), '[7,"A"]'),
            ({"b": 1}, '{"b":1}'),
        ],
    )
    async def test_keys_are_text(
        self, engine: AndamiosEngine, audit: AuditLogger, key: object, kept: str
    ) -> None:
        await audit.log_data_access(UUID(int=1), "seat", "read", key=key)
        (row,) = await rows(engine, audit)
        assert (row.user_id, row.key) == (str(UUID(int=1)), kept)

    async def test_details_are_json(self, engine: AndamiosEngine, audit: AuditLogger) -> None:
        details = {
            "on": dt.date(2026, 1, 2),
            "price": Decimal("9.50"),
            "seats": [{"ä": None}, 1.5, True, 10**20],
        }
        await audit.log_data_access("ada", "seat", "read", details=details)
        (row,) = await rows(engine, audit)
        assert row.details == {**details, "on": "2026-01-02", "price": "9.50"}
        assert (await audit.verify()).intact

    @pytest.mark.parametrize(
        "details", [{"a": b"bytes"}, {"a": float("nan")}, {1: "a", "1": "b"}, {1: 1, "a": 2}]
    )
    async def test_details_that_json_has_not_are_refused(
        self, engine: AndamiosEngine, audit: AuditLogger, details: Any
    ) -> None:
        with pytest.raises(ValidationError) as caught:
            await audit.log_data_access("ada", "seat", "read", details=details)
        assert list(caught.value.errors) == ["details"]
        assert await rows(engine, audit) == []

    async def test_details_that_are_nested_too_deeply_are_refused(self, audit: AuditLogger) -> None:
        details: dict[str, Any] = {}
        for _ in range(100_000):
            details = {"": details}
        with pytest.raises(ValidationError):
            await audit.log_data_access("ada", "seat", "read", details=details)

    async def test_a_key_that_json_has_not_is_refused(self, audit: AuditLogger) -> None:
        with pytest.raises(ValidationError, match="AuditRecord: key: a bytes has no place in JSON"):
            await audit.log_data_access("ada", "seat", "read", key=(1, b"A"))


class TestTransaction:
    async def test_the_row_is_committed_with_the_change(
        self, engine: AndamiosEngine, audit: AuditLogger
    ) -> None:
        async with SessionManager(engine) as session:
            session.add(Seat(number="1A", passenger="ada"))
            await audit.log_data_access("ada", "seat", "insert", key="1A")
            await session.flush()
            assert await rows(engine, audit) == []
        assert await users(engine, audit) == ["ada"]

    async def test_a_rollback_forgets_the_row_and_leaves_no_gap(
        self, engine: AndamiosEngine, audit: AuditLogger
    ) -> None:
        await audit.log_data_access("ada", "seat", "read")
        with pytest.raises(LookupError):
            async with SessionManager(engine):
                await audit.log_data_access("grace", "seat", "insert")
                raise LookupError
        await audit.log_data_access("eve", "seat", "read")
        assert [(row.id, row.user_id) for row in await rows(engine, audit)] == [(1, "ada"), (2, "eve")]

    async def test_a_session_goes_on_after_a_rollback(
        self, engine: AndamiosEngine, audit: AuditLogger
    ) -> None:
        async with AsyncSession(engine) as session:
            await audit.log_data_access("ada", "seat", "read", session=session)
            await session.rollback()
            await audit.log_data_access("grace", "seat", "read", session=session)
            await session.commit()
            await audit.log_data_access("eve", "seat", "read", session=session)
            await session.commit()
        assert await users(engine, audit) == ["grace", "eve"]

    async def test_a_commit_that_fails_writes_no_row(
        self, engine: AndamiosEngine, audit: AuditLogger
    ) -> None:
        """The key is taken by a transaction that the snapshot does not show: COMMIT itself fails."""
        with pytest.raises(DuplicateKeyError):
            async with SessionManager(engine) as session:
                session.add(Seat(number="1A", passenger="ada"))
                await session.flush()
                await audit.log_data_access("ada", "seat", "insert", session=session)
                async with AsyncSession(engine) as other:
                    other.add(Seat(number="1A", passenger="grace"))
                    await audit.log_data_access("grace", "seat", "insert", session=other)
                    await other.commit()
        assert await users(engine, audit) == ["grace"]
        await audit.log_data_access("eve", "seat", "read")
        assert (await audit.verify()).rows == 2

    async def test_rows_stand_in_the_order_of_their_commits(
        self, engine: AndamiosEngine, audit: AuditLogger
    ) -> None:
        """Also when the first one's transaction has an older snapshot, and encloses the other."""
        async with SessionManager(engine) as outer:
            await outer.execute(select(Seat))
            await audit.log_data_access("outer", "seat", "read")
            async with SessionManager(engine):
                await audit.log_data_access("inner", "seat", "read")
        assert await users(engine, audit) == ["inner", "outer"]
        assert (await audit.verify()).intact

    async def test_without_a_session_the_row_is_committed_at_once(
        self, engine: AndamiosEngine, audit: AuditLogger
    ) -> None:
        await audit.log_data_access("ada", "seat", "read")
        assert await users(engine, audit) == ["ada"]

    async def test_another_task_has_no_part_in_the_current_session(
        self, engine: AndamiosEngine, audit: AuditLogger
    ) -> None:
        async with SessionManager(engine):
            await asyncio.create_task(audit.log_data_access("ada", "seat", "read"))
            assert await users(engine, audit) == ["ada"]

    async def test_a_current_session_on_another_engine_has_no_part_in_the_log(
        self, engine: AndamiosEngine, audit: AuditLogger
    ) -> None:
        other = create_memory_engine()
        async with SessionManager(other):
            await audit.log_data_access("ada", "seat", "read")
            assert await users(engine, audit) == ["ada"]
        await other.dispose()

    async def test_engines_with_other_options_share_the_log(
        self, engine: AndamiosEngine, audit: AuditLogger
    ) -> None:
        async with SessionManager(engine.execution_options(logging_token="x")):
            await audit.log_data_access("ada", "seat", "read")
            assert await rows(engine, audit) == []
        assert await users(engine, audit) == ["ada"]

    async def test_what_is_logged_by_a_listener_of_the_flush_counts(
        self, engine: AndamiosEngine, audit: AuditLogger
    ) -> None:
        async with SessionManager(engine) as session:

            def log(*_: object) -> None:
                await_(audit.log_data_access("ada", "seat", "insert", session=session))

            event.listen(session.sync_session, "after_flush", log)
            session.add(Seat(number="1A", passenger="ada"))
        assert await users(engine, audit) == ["ada"]

    async def test_a_session_on_a_connection_waits_for_the_commit_of_the_connection(
        self, engine: AndamiosEngine, audit: AuditLogger
    ) -> None:
        async with engine.begin() as connection:
            async with AsyncSession(connection) as session:
                await audit.log_data_access("ada", "seat", "read", session=session)
                await session.commit()
            async with AsyncSession(connection) as session:
                await audit.log_data_access("grace", "seat", "read", session=session)
            assert await rows(engine, audit) == []
        assert await users(engine, audit) == ["ada", "grace"]

    async def test_a_connection_goes_on_to_its_next_transaction(
        self, engine: AndamiosEngine, audit: AuditLogger
    ) -> None:
        async with engine.connect() as connection:
            for name, end in (("nobody", "rollback"), ("ada", "commit"), ("grace", "commit")):
                async with AsyncSession(connection) as session:
                    await audit.log_data_access(name, "seat", "read", session=session)
                    await getattr(session, end)()
            await connection.execute(select(Seat))
            await audit.log_data_access("eve", "seat", "read")
            await connection.commit()
        assert await users(engine, audit) == ["ada", "grace", "eve"]

    async def test_loggers_of_one_transaction_share_the_chain(
        self, engine: AndamiosEngine, audit: AuditLogger
    ) -> None:
        second = AuditLogger(engine)
        async with SessionManager(engine):
            await audit.log_data_access("ada", "seat", "read")
            await second.log_data_access("grace", "seat", "read")
            await audit.log_data_access("eve", "seat", "read")
        assert await users(engine, audit) == ["ada", "grace", "eve"]
        assert (await second.verify()).intact

    async def test_under_autocommit(self, engine: AndamiosEngine, audit: AuditLogger) -> None:
        async with SessionManager(engine.execution_options(isolation_level="AUTOCOMMIT")):
            await audit.log_data_access("ada", "seat", "read")
            await audit.log_data_access("grace", "seat", "read")
        assert (await audit.verify()).rows == 2

    async def test_a_read_only_transaction_takes_no_row(
        self, engine: AndamiosEngine, audit: AuditLogger
    ) -> None:
        with pytest.raises(OperationalError, match="read-only"):
            async with SessionManager(engine, read_only=True):
                await audit.log_data_access("ada", "seat", "read")


class TestTable:
    async def test_it_is_created_once(self, engine: AndamiosEngine, audit: AuditLogger) -> None:
        await audit.log_data_access("ada", "seat", "read")
        await audit.create_table()
        assert await users(engine, audit) == ["ada"]

    async def test_it_is_created_with_the_tables_of_a_metadata(self, engine: AndamiosEngine) -> None:
        metadata = MetaData()
        audit = AuditLogger(engine, metadata=metadata)
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        await audit.log_data_access("ada", "seat", "read")
        assert await users(engine, audit) == ["ada"]

    @pytest.mark.parametrize("schema", [None, "log"])
    def test_it_is_declared_once(self, schema: str | None) -> None:
        metadata = MetaData(schema=schema)
        table = audit_table(metadata)
        assert audit_table(metadata) is table
        assert list(metadata.tables.values()) == [table]

    async def test_it_may_be_created_in_the_transaction_of_the_first_row(
        self, engine: AndamiosEngine
    ) -> None:
        audit = AuditLogger(engine)
        async with SessionManager(engine) as session:
            await (await session.connection()).run_sync(audit.table.create)
            await audit.log_data_access("ada", "seat", "read")
        assert (await audit.verify()).rows == 1

    async def test_logs_in_two_schemas_are_two_chains(self, engine: AndamiosEngine) -> None:
        await change(engine, "CREATE SCHEMA a", "CREATE SCHEMA b")
        first, second = (AuditLogger(engine, metadata=MetaData(schema=name)) for name in ("a", "b"))
        await first.create_table()
        await second.create_table()
        for _ in range(2):
            async with SessionManager(engine):
                await first.log_data_access("ada", "seat", "read")
                await second.log_data_access("grace", "seat", "read")
        assert [(await audit.verify()).rows for audit in (first, second)] == [2, 2]

    async def test_schemas_that_the_engine_translates(self, engine: AndamiosEngine) -> None:
        await change(engine, "CREATE SCHEMA tenant")
        translated = engine.execution_options(schema_translate_map={None: "tenant"})
        audit = AuditLogger(translated)
        await audit.create_table()
        await audit.log_data_access("ada", "seat", "read")
        await audit.log_data_access("ada", "seat", "read")
        assert (await audit.verify()).rows == 2
        assert len(await rows(translated, audit)) == 2

    async def test_the_default_schema_of_the_connection(self, tmp_path: Path) -> None:
        file = create_file_engine(tmp_path / "a.db")
        await change(file, "CREATE SCHEMA tenant")
        await file.dispose()
        engine = create_engine(f"duckdb:///{tmp_path}/a.db?schema=tenant")
        audit = AuditLogger(engine)
        await audit.create_table()
        await audit.log_data_access("ada", "seat", "read")
        await audit.log_data_access("ada", "seat", "read")
        assert (await audit.verify()).rows == 2
        await engine.dispose()

    @pytest.mark.parametrize("call", ["head", "verify"])
    async def test_without_a_table_the_remedy_is_named(self, engine: AndamiosEngine, call: str) -> None:
        with pytest.raises(ConfigurationError, match=r"no table 'andamios_audit' .*\.create_table\(\)"):
            await getattr(AuditLogger(engine), call)()

    async def test_without_a_table_nothing_is_committed(self, engine: AndamiosEngine) -> None:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all, checkfirst=False)
        with pytest.raises(ConfigurationError, match="no table 'andamios_audit'"):
            async with SessionManager(engine) as session:
                session.add(Seat(number="1A", passenger="ada"))
                await AuditLogger(engine).log_data_access("ada", "seat", "insert")
        async with AsyncSession(engine) as session:
            assert (await session.scalars(select(Seat))).all() == []


class TestConcurrency:
    @pytest.mark.parametrize("file", [True, False], ids=["file", "memory"])
    async def test_writers_at_the_same_time_make_one_chain(self, file: bool, tmp_path: Path) -> None:
        """Each has its snapshot before it appends; every third one rolls back, and none conflicts."""
        engine = create_file_engine(tmp_path / "a.db") if file else create_memory_engine()
        audit = AuditLogger(engine)
        await audit.create_table()
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all, checkfirst=False)
        began = asyncio.Barrier(12)

        async def book(number: int) -> None:
            async with SessionManager(engine) as session:
                await session.execute(select(Seat))
                if number < 12:
                    await began.wait()
                session.add(Seat(number=str(number), passenger="ada"))
                for _ in range(number % 4):
                    await audit.log_data_access("ada", "seat", "insert", key=number)
                if number % 3 == 0:
                    await session.flush()
                    raise LookupError

        results = await asyncio.gather(*(book(number) for number in range(60)), return_exceptions=True)
        assert [type(result) for result in results] == [LookupError, type(None), type(None)] * 20
        expected = sorted(number for number in range(60) if number % 3 for _ in range(number % 4))
        logged = await rows(engine, audit)
        assert sorted(int(row.key) for row in logged) == expected
        report = await audit.verify()
        assert report == AuditReport(len(expected), ChainHead(logged[-1].id, logged[-1].hash))
        await engine.dispose()

    async def test_units_of_work_that_are_replayed_log_once(
        self, engine: AndamiosEngine, audit: AuditLogger
    ) -> None:
        async with SessionManager(engine) as session:
            session.add(Seat(number="1A", passenger="nobody"))

        async def rebook(session: AsyncSession) -> None:
            seat = await session.get_one(Seat, "1A")
            seat.passenger += "!"
            await audit.log_data_access("ada", "seat", "update", key=len(seat.passenger))

        manager = TransactionManager(engine)
        await asyncio.gather(*(manager.run(rebook, attempts=100) for _ in range(10)))
        assert [row.key for row in await rows(engine, audit)] == [
            str(len("nobody") + n) for n in range(1, 11)
        ]
        assert (await audit.verify()).intact


class TestVerify:
    async def test_an_empty_log(self, audit: AuditLogger) -> None:
        assert await audit.verify() == AuditReport(0, ChainHead())
        assert await audit.head() == ChainHead()
        assert (await audit.verify(head=ChainHead())).intact

    async def test_a_log_as_it_was_written(self, engine: AndamiosEngine, audit: AuditLogger) -> None:
        await fill(audit, 3)
        head = await audit.head()
        assert head == ChainHead(3, (await rows(engine, audit))[-1].hash)
        await audit.log_data_access("ada", "seat", "read")
        report = await audit.verify(head=head)
        assert (report.rows, report.intact, report.bad_row, report.problem) == (4, True, None, None)

    async def test_the_rows_of_another_process(self, tmp_path: Path) -> None:
        for _ in range(2):
            engine = create_file_engine(tmp_path / "a.db")
            audit = AuditLogger(engine)
            await audit.create_table()
            await fill(audit, 2)
            report = await audit.verify()
            await engine.dispose()
        assert report.rows == 4

    @pytest.mark.parametrize(
        "assignment",
        [
            "moment = moment + INTERVAL 1 MICROSECOND",
            "moment = 'infinity'",
            "user_id = '3'",
            "user_id = NULL",
            "table_name = 'seats'",
            "operation = 'READ'",
            "key = ''",
            """details = '{"n": 3}'""",
            """details = '{"n": 2, "N": 2}'""",
            """details = '{"n": 3, "n": 2}'""",
            "details = NULL",
            "correlation_id = ''",
            "previous_hash = hash",
            "hash = previous_hash",
        ],
    )
    async def test_a_changed_row(self, engine: AndamiosEngine, audit: AuditLogger, assignment: str) -> None:
        await fill(audit, 4)
        await change(engine, f"UPDATE andamios_audit SET {assignment} WHERE id = 2")
        report = await audit.verify()
        assert (report.rows, report.head.id, report.bad_row, report.intact) == (1, 1, 2, False)
        assert report.problem == "row 2 was changed: its hash is not that of its values"

    async def test_missing_rows(self, engine: AndamiosEngine, audit: AuditLogger) -> None:
        await fill(audit, 5)
        await change(engine, "DELETE FROM andamios_audit WHERE id IN (3, 4)")
        report = await audit.verify()
        assert (report.rows, report.bad_row, report.problem) == (2, 3, "row 3 is missing: row 5 comes next")

    async def test_missing_rows_at_the_end_need_the_head(
        self, engine: AndamiosEngine, audit: AuditLogger
    ) -> None:
        await fill(audit, 5)
        head = await audit.head()
        await change(engine, "DELETE FROM andamios_audit WHERE id > 3")
        assert (await audit.verify()).intact
        report = await audit.verify(head=head)
        assert (report.rows, report.bad_row) == (3, 4)
        assert report.problem == "row 4 is missing: there were rows up to 5"

    async def test_an_emptied_log_needs_the_head(self, engine: AndamiosEngine, audit: AuditLogger) -> None:
        await fill(audit, 2)
        head = await audit.head()
        await change(engine, "DELETE FROM andamios_audit")
        assert (await audit.verify()).intact
        assert (await audit.verify(head=head)).bad_row == 1

    async def test_reordered_rows(self, engine: AndamiosEngine, audit: AuditLogger) -> None:
        await fill(audit, 4)
        for old, new in ((2, 99), (3, 2), (99, 3)):
            await change(engine, f"UPDATE andamios_audit SET id = {new} WHERE id = {old}")
        report = await audit.verify()
        assert (report.bad_row, report.problem) == (
            2,
            "row 2 was changed: its hash is not that of its values",
        )

    @pytest.mark.parametrize("number", [0, -3])
    async def test_a_row_that_was_inserted_at_the_beginning(
        self, engine: AndamiosEngine, audit: AuditLogger, number: int
    ) -> None:
        await fill(audit, 2)
        await change(
            engine,
            f"INSERT INTO andamios_audit SELECT * REPLACE ({number} AS id) FROM andamios_audit WHERE id = 1",
        )
        report = await audit.verify()
        assert (report.rows, report.bad_row) == (0, number)
        assert report.problem == f"row {number} was inserted: row 1 should come next"

    async def test_a_row_that_was_inserted_far_behind(
        self, engine: AndamiosEngine, audit: AuditLogger
    ) -> None:
        await fill(audit, 2)
        await change(
            engine,
            "INSERT INTO andamios_audit SELECT * REPLACE (1e18 AS id) FROM andamios_audit WHERE id = 1",
        )
        assert (await audit.verify()).bad_row == 3

    async def test_a_log_that_was_computed_anew_needs_the_head(
        self, engine: AndamiosEngine, audit: AuditLogger
    ) -> None:
        await fill(audit, 3)
        head = await audit.head()
        async with engine.begin() as connection:
            await connection.execute(delete(audit.table))
        await fill(audit, 4)
        assert (await audit.verify()).rows == 4
        report = await audit.verify(head=head)
        assert (report.rows, report.bad_row) == (2, 3)
        assert report.problem == "row 3 was replaced: its hash is not the one that was kept"

    @pytest.mark.parametrize("bad", [1, 1_000, 1_001, 2_500])
    async def test_a_long_log_is_read_in_parts(
        self, engine: AndamiosEngine, audit: AuditLogger, bad: int
    ) -> None:
        await fill(audit, 2_500)
        parts = []
        event.listen(engine.sync_engine, "after_cursor_execute", lambda *_: parts.append(1))
        assert (await audit.verify()).rows == 2_500
        assert len(parts) == 4
        async with engine.begin() as connection:
            await connection.execute(update(audit.table).where(audit.table.c.id == bad).values(key="x"))
        assert (await audit.verify()).bad_row == bad

    async def test_a_whole_part_that_is_missing(self, engine: AndamiosEngine, audit: AuditLogger) -> None:
        await fill(audit, 2_500)
        await change(engine, "DELETE FROM andamios_audit WHERE id BETWEEN 1001 AND 2100")
        report = await audit.verify()
        assert (report.rows, report.bad_row) == (1_000, 1_001)
        assert report.problem == "row 1001 is missing: there were rows up to 2000"


class TestSink:
    async def test_a_function_gets_the_records(self, engine: AndamiosEngine) -> None:
        records: list[AuditRecord] = []
        audit = AuditLogger(engine, sink=records.append)
        await audit.log_data_access(7, "seat", "read", key=("1", "A"), details={"a": 1}, correlation_id="x")
        (record,) = records
        assert record == AuditRecord(record.moment, "7", "seat", "read", '["1","A"]', {"a": 1}, "x")
        assert record.moment.tzinfo is dt.UTC

    async def test_a_coroutine_function_is_awaited(self, engine: AndamiosEngine) -> None:
        records = []

        async def take(record: AuditRecord) -> None:
            await asyncio.sleep(0)
            records.append(record.user_id)

        await AuditLogger(engine, sink=take).log_data_access("ada", "seat", "read")
        assert records == ["ada"]

    async def test_what_it_raises_undoes_the_change(self, engine: AndamiosEngine, audit: AuditLogger) -> None:
        def full(record: AuditRecord) -> None:
            raise OSError("no space left")

        with pytest.raises(OSError, match="no space left"):
            async with SessionManager(engine) as session:
                session.add(Seat(number="1A", passenger="ada"))
                await AuditLogger(engine, sink=full).log_data_access("ada", "seat", "insert")
        async with AsyncSession(engine) as session:
            assert (await session.scalars(select(Seat))).all() == []

    @pytest.mark.parametrize("call", ["create_table", "head", "verify"])
    async def test_there_is_no_table_to_look_at(self, engine: AndamiosEngine, call: str) -> None:
        audit = AuditLogger(engine, sink=lambda record: None)
        with pytest.raises(ConfigurationError, match="hands its records to a sink"):
            await getattr(audit, call)()
