"""Sessions: who commits, who rolls back, and for which task a session is current."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextvars import Context
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession as SQLAlchemyAsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager, create_engine, current_session
from andamios_orm.core.errors import (
    AndamiosError,
    ConfigurationError,
    DuplicateKeyError,
    NoCurrentSessionError,
    NotSupportedError,
    ProgrammingError,
    SavepointNotSupportedError,
)


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str]


@pytest.fixture
async def notes(engine: AndamiosEngine) -> AndamiosEngine:
    """An engine with an empty table of notes."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all, checkfirst=False)
    return engine


async def bodies(engine: AndamiosEngine) -> list[str]:
    async with AsyncSession(engine) as session:
        return list(await session.scalars(select(Note.body).order_by(Note.id)))


async def test_commits_on_success(notes: AndamiosEngine) -> None:
    async with SessionManager(notes) as session:
        assert isinstance(session, SQLAlchemyAsyncSession)
        session.add(Note(body="kept"))
    assert await bodies(notes) == ["kept"]


async def test_rolls_back_on_an_error(notes: AndamiosEngine) -> None:
    with pytest.raises(KeyError):
        async with SessionManager(notes) as session:
            session.add(Note(body="lost"))
            await session.flush()
            raise KeyError
    assert await bodies(notes) == []


async def test_rolls_back_on_a_cancellation(notes: AndamiosEngine) -> None:
    flushed = asyncio.Event()

    async def work() -> None:
        async with SessionManager(notes) as session:
            session.add(Note(body="lost"))
            await session.flush()
            flushed.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await flushed.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await bodies(notes) == []
    assert notes.pool.checkedout() == 0  # type: ignore[attr-defined] # a queue pool


async def test_an_error_of_the_commit_is_raised_and_the_session_closed(notes: AndamiosEngine) -> None:
    with pytest.raises(DuplicateKeyError):
        async with SessionManager(notes) as session:
            session.add_all([Note(id=1, body="one"), Note(id=1, body="other")])
    assert await bodies(notes) == []
    assert notes.pool.checkedout() == 0  # type: ignore[attr-defined] # a queue pool


async def test_a_swallowed_error_does_not_commit_by_half(notes: AndamiosEngine) -> None:
    with pytest.raises(AndamiosError, match="nothing of it was written"):
        async with SessionManager(notes) as session:
            await session.execute(insert(Note).values(id=1, body="one"))
            with pytest.raises(DuplicateKeyError):
                await session.execute(insert(Note).values(id=1, body="other"))
    assert await bodies(notes) == []


async def test_objects_stay_usable_after_the_commit(notes: AndamiosEngine) -> None:
    async with SessionManager(notes) as session:
        note = Note(body="kept")
        session.add(note)
    assert (note.id, note.body) == (1, "kept")


async def test_options_reach_the_session(notes: AndamiosEngine) -> None:
    async with SessionManager(notes, expire_on_commit=True, autoflush=False) as session:
        assert session.sync_session.autoflush is False
        assert session.sync_session.expire_on_commit is True


async def test_a_manager_may_be_used_again(notes: AndamiosEngine) -> None:
    manager = SessionManager(notes)
    for body in ("one", "two"):
        async with manager as session:
            session.add(Note(body=body))
    assert await bodies(notes) == ["one", "two"]


async def test_a_manager_may_be_used_again_after_an_error(notes: AndamiosEngine) -> None:
    manager = SessionManager(notes)
    with pytest.raises(KeyError):
        async with manager:
            raise KeyError
    async with manager as session:
        session.add(Note(body="kept"))
    assert await bodies(notes) == ["kept"]


async def test_a_manager_is_not_used_inside_of_itself(notes: AndamiosEngine) -> None:
    manager = SessionManager(notes)
    async with manager as session:
        with pytest.raises(ConfigurationError, match="make one for each"):
            async with manager:
                raise AssertionError("entered twice")
        assert current_session() is session


async def test_two_tasks_do_not_share_a_manager(notes: AndamiosEngine) -> None:
    manager = SessionManager(notes)

    async def use() -> None:
        async with manager as session:
            session.add(Note(body="kept"))
            await asyncio.sleep(0.01)

    outcomes = await asyncio.gather(use(), use(), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), ConfigurationError]
    assert await bodies(notes) == ["kept"]


async def test_the_session_is_current_inside_and_not_after(notes: AndamiosEngine) -> None:
    with pytest.raises(NoCurrentSessionError):
        current_session()
    async with SessionManager(notes) as session:
        assert current_session() is session
    with pytest.raises(NoCurrentSessionError, match="open one with"):
        current_session()


async def test_the_innermost_session_is_current(notes: AndamiosEngine) -> None:
    async with SessionManager(notes) as outer:
        async with SessionManager(notes) as inner:
            assert current_session() is inner
        assert current_session() is outer


async def test_a_child_task_has_no_current_session(notes: AndamiosEngine) -> None:
    async def ask() -> AsyncSession:
        return current_session()

    async with SessionManager(notes) as session:
        with pytest.raises(NoCurrentSessionError):
            await asyncio.create_task(ask())
        with pytest.raises(NoCurrentSessionError):
            await asyncio.to_thread(current_session)
        assert await ask() is session


async def test_a_child_task_may_open_a_session_of_its_own(notes: AndamiosEngine) -> None:
    async def own() -> bool:
        async with SessionManager(notes) as session:
            return current_session() is session

    async with SessionManager(notes) as session:
        assert await asyncio.create_task(own())
        assert current_session() is session


async def test_a_session_may_be_left_in_another_context(notes: AndamiosEngine) -> None:
    """As an asynchronous fixture is, or a dependency of a web framework."""

    async def dependency() -> AsyncIterator[AsyncSession]:
        async with SessionManager(notes) as session:
            yield session

    entered = dependency()

    async def enter() -> AsyncSession:
        return await anext(entered)

    session = await asyncio.get_running_loop().create_task(enter(), context=Context())
    session.add(Note(body="kept"))
    async with SessionManager(notes) as other:
        with pytest.raises(StopAsyncIteration):
            await anext(entered)
        assert current_session() is other
    assert await bodies(notes) == ["kept"]


async def test_tasks_have_their_own_sessions(notes: AndamiosEngine) -> None:
    async def write(number: int) -> None:
        async with SessionManager(notes):
            await asyncio.sleep(0)
            current_session().add(Note(body=str(number)))

    await asyncio.gather(*(write(number) for number in range(20)))
    assert sorted(await bodies(notes), key=int) == [str(number) for number in range(20)]


async def test_arrow_gives_a_table(notes: AndamiosEngine) -> None:
    async with AsyncSession(notes) as session:
        table = await session.arrow(select(func.range(3).label("n"), text("'x' AS s")))
    assert isinstance(table, pa.Table)
    assert table.column_names == ["n", "s"]


async def test_arrow_sees_what_the_session_wrote(notes: AndamiosEngine) -> None:
    async with AsyncSession(notes) as session:
        session.add(Note(id=1, body="pending"))
        table = await session.arrow(select(Note.id, Note.body))
    assert table.to_pylist() == [{"id": 1, "body": "pending"}]


async def test_arrow_takes_parameters(notes: AndamiosEngine) -> None:
    async with AsyncSession(notes) as session:
        await session.bulk_insert(Note, [{"id": n, "body": str(n)} for n in range(10)])
        table = await session.arrow(
            select(Note.body).where(Note.id > 7, Note.body.in_(["8", "9"])).order_by(Note.id)
        )
        text_table = await session.arrow(text("SELECT id FROM notes WHERE id = :id").bindparams(id=3))
    assert table.to_pydict() == {"body": ["8", "9"]}
    assert text_table.to_pydict() == {"id": [3]}


async def test_arrow_of_no_rows_has_columns(notes: AndamiosEngine) -> None:
    async with AsyncSession(notes) as session:
        table = await session.arrow(select(Note))
    assert (table.num_rows, table.column_names) == (0, ["id", "body"])


async def test_arrow_works_on_a_session_with_binds(notes: AndamiosEngine) -> None:
    async with AsyncSession(binds={Note: notes}) as session:
        assert (await session.arrow(select(Note))).num_rows == 0


@pytest.mark.parametrize(
    "statement", [insert(Note).values(id=1, body="x"), text("DELETE FROM notes"), text("nothing")]
)
async def test_arrow_of_a_statement_that_gives_no_rows_is_refused(
    notes: AndamiosEngine, statement: Any
) -> None:
    async with AsyncSession(notes) as session:
        with pytest.raises(ProgrammingError):
            await session.arrow(statement)
    assert await bodies(notes) == []


async def test_arrow_on_another_backend_is_refused(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/a.db")
    async with AsyncSession(engine) as session:
        with pytest.raises(
            NotSupportedError, match=r"sqlite does not support arrow\(\): read rows"
        ) as caught:
            await session.arrow(select(Note))
    assert (caught.value.backend, caught.value.feature) == ("sqlite", "arrow()")
    assert caught.value.remedy is not None
    await engine.dispose()


async def test_arrow_without_pyarrow_names_its_pip_install(
    notes: AndamiosEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    async with AsyncSession(notes) as session:
        with pytest.raises(ConfigurationError, match=r'pip install "andamios-orm-core\[arrow\]"'):
            await session.arrow(select(Note))


@pytest.fixture(autouse=True)
def no_session_is_left() -> Iterator[None]:
    yield
    with pytest.raises(NoCurrentSessionError):
        current_session()


async def test_a_savepoint_is_refused_before_anything_is_sent(engine: AndamiosEngine) -> None:
    async with AsyncSession(engine) as session:
        with pytest.raises(SavepointNotSupportedError, match="transaction of its own"):
            session.begin_nested()
        assert not session.in_transaction()


async def test_a_savepoint_on_another_backend() -> None:
    other = create_engine("sqlite:///:memory:")
    async with AsyncSession(other) as session:
        await session.execute(text("CREATE TABLE t (i INTEGER)"))
        async with session.begin_nested() as savepoint:
            await session.execute(text("INSERT INTO t VALUES (1)"))
            await savepoint.rollback()
        assert await session.scalar(text("SELECT count(*) FROM t")) == 0
    await other.dispose()


async def test_arrow_without_autoflush_leaves_pending_objects_alone(engine: AndamiosEngine) -> None:
    async with AsyncSession(engine, autoflush=False) as session:
        table = await session.arrow(text("SELECT 42 AS i"))
        assert table.to_pydict() == {"i": [42]}


async def test_a_session_whose_connection_was_lost_closes(engine: AndamiosEngine) -> None:
    async with AsyncSession(engine) as session:
        connection = await session.connection()
        await connection.execute(text("SELECT 1"))
        await connection.invalidate()
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined] # a queue pool
