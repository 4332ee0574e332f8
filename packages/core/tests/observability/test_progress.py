"""A long statement reports how much of it is done, and its result is never lost by that."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from io import StringIO
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import Column, Integer, MetaData, Table, insert, text

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager
from andamios_orm.core.dialect.progress import ProgressCallback, reported
from andamios_orm.core.errors import ConfigurationError, DataError, NotSupportedError
from andamios_orm.core.observability.progress import rich_progress

ENDLESS = text("SELECT sum(hash(a.range + b.range)) FROM range(1_000_000_000) a, range(1_000_000_000) b")


@pytest.fixture
async def session(engine: AndamiosEngine) -> AsyncIterator[AsyncSession]:
    """A session on a database with many numbers."""
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE number AS SELECT range AS n FROM range(2_000_000)"))
    async with AsyncSession(engine) as session:
        yield session


def pending() -> asyncio.Future[int]:
    return asyncio.get_running_loop().create_future()


async def test_reports_until_the_outcome_is_there() -> None:
    outcome, told = pending(), list[float]()
    parts = iter([0.25, 0.5])

    def share_done() -> float | None:
        share = next(parts, None)
        if share is None and not outcome.done():
            outcome.set_result(7)
        return share

    assert await reported(outcome, share_done, told.append, 0.001) == 7
    assert told == [0.25, 0.5, 1.0]


async def test_what_is_done_already_reports_its_end() -> None:
    outcome, told = pending(), list[float]()
    outcome.set_result(7)
    assert await reported(outcome, lambda: 0.5, told.append) == 7
    assert told == [1.0]


async def test_a_failure_reports_no_end() -> None:
    outcome, told = pending(), list[float]()
    outcome.set_exception(LookupError("failed"))
    with pytest.raises(LookupError, match="failed"):
        await reported(outcome, lambda: 0.5, told.append)
    assert told == []


async def test_a_callback_that_raises_is_logged_and_told_no_more(caplog: pytest.LogCaptureFixture) -> None:
    outcome, told = pending(), list[float]()
    asyncio.get_running_loop().call_later(0.05, outcome.set_result, 7)

    def fail(share: float) -> None:
        told.append(share)
        raise LookupError("no bar there")

    assert await reported(outcome, lambda: 0.5, fail, 0.001) == 7
    assert told == [0.5]
    assert [record.name for record in caplog.records] == ["andamios_orm.core.progress"]
    assert "no bar there" in caplog.text


async def test_a_callback_may_be_a_coroutine_function() -> None:
    outcome, told = pending(), list[float]()
    outcome.set_result(7)

    async def tell(share: float) -> None:
        await asyncio.sleep(0)
        told.append(share)

    assert await reported(outcome, lambda: 0.5, tell) == 7
    assert told == [1.0]


async def test_a_task_that_is_cancelled_cancels_the_outcome() -> None:
    outcome = pending()
    task = asyncio.create_task(reported(outcome, lambda: None, print, 0.001))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert outcome.cancelled()


async def test_a_long_query_reports_how_much_is_done(
    session: AsyncSession, capfd: pytest.CaptureFixture[str]
) -> None:
    told: list[float] = []
    query = text("SELECT max(md5(repeat('x', 2_000) || n)) FROM number")
    task = asyncio.create_task(session.execute(query, execution_options={"progress": told.append}))
    while not any(told):
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait((task,))
    assert told == sorted(told)
    assert 0.0 < told[-1] < 1.0
    assert capfd.readouterr() == ("", "")


async def test_a_statement_may_bring_its_callback(session: AsyncSession) -> None:
    told: list[float] = []
    await session.execute(text("SELECT 1").execution_options(progress=told.append))
    await session.execute(text("SELECT 2"))
    assert told == [1.0]


async def test_a_query_that_fails_does_not_report_its_end(session: AsyncSession) -> None:
    told: list[float] = []
    with pytest.raises(DataError):
        await session.execute(text("SELECT 'a'::int"), execution_options={"progress": told.append})
    assert told == []


async def test_the_result_is_not_lost_when_the_callback_fails(
    session: AsyncSession, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(share: float) -> None:
        raise LookupError(share)

    assert await session.scalar(text("SELECT 1"), execution_options={"progress": fail}) == 1
    assert "told no more" in caplog.text


async def test_a_query_that_is_cancelled_is_stopped(engine: AndamiosEngine, session: AsyncSession) -> None:
    told: list[float] = []
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3), SessionManager(engine) as other:
            await other.execute(ENDLESS, execution_options={"progress": told.append})
    assert 1.0 not in told
    assert await session.scalar(text("SELECT 1")) == 1


async def test_rows_that_were_not_read_are_kept(engine: AndamiosEngine) -> None:
    told: list[float] = []
    async with engine.connect() as connection, connection.stream(text("FROM range(50_000)")) as rows:
        first = await rows.fetchone()
        await connection.execute(text("SELECT 1"), execution_options={"progress": told.append})
        rest = await rows.fetchall()
    assert (first, len(rest), told) == ((0,), 49_999, [1.0])


async def test_an_arrow_table_reports_too(session: AsyncSession) -> None:
    told: list[float] = []
    table = await session.arrow(text("FROM range(10)").execution_options(progress=told.append))
    assert (table.num_rows, told) == (10, [1.0])


async def test_many_rows_report_their_end(engine: AndamiosEngine) -> None:
    told: list[float] = []
    seats = Table("seat", MetaData(), Column("id", Integer, primary_key=True, autoincrement=False))
    async with engine.begin() as connection:
        await connection.run_sync(seats.create)
        rows = [{"id": number} for number in range(1_000)]
        await connection.execute(insert(seats), rows, execution_options={"progress": told.append})
    # On a busy machine it may be asked for before.
    assert told[-1] == 1.0


async def test_what_cannot_be_called_is_refused_before_the_statement_is_sent(
    engine: AndamiosEngine, session: AsyncSession
) -> None:
    with pytest.raises(ConfigurationError, match="progress is a function"):
        await session.execute(text("CREATE TABLE a (id INTEGER)"), execution_options={"progress": True})
    await session.commit()
    assert await session.scalar(text("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'a'")) == 0


async def test_none_asks_for_no_reports(engine: AndamiosEngine) -> None:
    silent = engine.execution_options(progress=None)
    async with silent.connect() as connection, connection.stream(text("SELECT 1")) as streamed:
        assert await streamed.scalar_one() == 1
        assert await connection.scalar(text("SELECT 2")) == 2


async def test_a_stream_has_no_progress_to_report(engine: AndamiosEngine) -> None:
    async with engine.connect() as connection:
        with pytest.raises(NotSupportedError, match="progress of a streamed result"):
            await connection.stream(text("SELECT 1"), execution_options={"progress": print})


async def test_a_transaction_that_only_read_stays_one(engine: AndamiosEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"), execution_options={"progress": lambda share: None})
        adapted: Any = (await connection.get_raw_connection()).dbapi_connection
        assert adapted.only_read


async def test_of_a_connection_that_ends_nothing_is_known(engine: AndamiosEngine) -> None:
    connection = await engine.connect()
    raw: Any = (await connection.get_raw_connection()).driver_connection
    assert raw.share_done() is None
    with raw._transaction._stopping:
        assert raw.share_done() is None
    await connection.close()
    await engine.dispose()
    assert raw.closed
    assert raw.share_done() is None


def bar(stream: StringIO) -> Any:
    return rich_progress("loading [all]", console=Console(file=stream, width=100))


async def test_rich_shows_a_bar(session: AsyncSession) -> None:
    stream = StringIO()
    with bar(stream) as show:
        await session.execute(text("SELECT 1"), execution_options={"progress": show})
    assert "loading [all]" in stream.getvalue()
    assert "100%" in stream.getvalue()


def test_rich_shows_a_part() -> None:
    stream = StringIO()
    show: ProgressCallback
    with bar(stream) as show:
        show(0.25)
    assert "25%" in stream.getvalue()


def test_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    with pytest.raises(ConfigurationError, match=r'pip install "andamios-orm-core\[cli\]"'), rich_progress():
        pass
