from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import (
    Column,
    Integer,
    MetaData,
    Sequence,
    Table,
    column,
    delete,
    event,
    func,
    select,
    table,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession as PlainAsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

from andamios_orm.core import (
    AndamiosEngine,
    AsyncSession,
    ConfigurationError,
    ForeignKeyError,
    NotSupportedError,
    ProgrammingError,
    SessionManager,
    TransactionConflictError,
    TransactionManager,
    correlation_id,
    create_engine,
    insert,
)
from andamios_orm.models.actors import actor

from .models import Airline, Base, Document, Plane, Seat, recorded


async def test_a_flush_records_what_it_inserts_updates_and_deletes(session: AsyncSession) -> None:
    document = Document(title="plan", size=1)
    session.add(document)
    await session.flush()
    document.size = 2
    await session.flush()
    await session.delete(document)
    await session.commit()
    assert await recorded(session, Document, "title", "size_in_bytes") == [
        ("insert", "plan", 1),
        ("update", "plan", 2),
        ("delete", "plan", 2),
    ]


async def test_a_version_ends_when_the_next_begins(session: AsyncSession) -> None:
    document = Document(title="plan")
    session.add(document)
    await session.flush()
    document.title = "better plan"
    await session.flush()
    await session.delete(document)
    await session.commit()
    first, second, last = await recorded(session, Document, "valid_from", "valid_to")
    assert first.valid_from < first.valid_to == second.valid_from < second.valid_to
    assert second.valid_to == last.valid_from == last.valid_to


async def test_a_version_tells_who_and_for_what(session: AsyncSession) -> None:
    with actor("ada"), correlation_id("request-1"):
        session.add(Document(title="plan"))
        await session.commit()
    assert await recorded(session, Document, "actor", "correlation_id") == [("insert", "ada", "request-1")]


async def test_a_rollback_leaves_nothing(session: AsyncSession) -> None:
    session.add(Document(title="plan"))
    await session.flush()
    await session.bulk_insert(Document, [{"title": "more"}])
    await session.rollback()
    session.add(Document(title="other"))
    await session.commit()
    assert await recorded(session, Document, "title") == [("insert", "other")]


async def test_a_flush_that_failed_leaves_nothing(session: AsyncSession) -> None:
    session.add_all([Airline(code="UA", name="United"), Airline(code="AA", name="United")])
    with pytest.raises(Exception, match="United"):
        await session.commit()
    await session.rollback()
    session.add(Airline(code="DL", name="Delta"))
    await session.commit()
    assert await recorded(session, Airline, "code") == [("insert", "DL")]


async def test_a_replayed_transaction_is_recorded_once(engine: AndamiosEngine) -> None:
    attempts = list[str]()

    async def work(session: AsyncSession) -> None:
        airline = await session.get_one(Airline, "UA")
        attempts.append(airline.name)
        if len(attempts) == 1:
            async with SessionManager(engine) as other:
                (await other.get_one(Airline, "UA")).name = "faster"
        airline.name += "!"

    async with SessionManager(engine) as session:
        session.add(Airline(code="UA", name="first"))
    await TransactionManager(engine).run(work)
    assert attempts == ["first", "faster"]
    async with AsyncSession(engine) as session:
        versions = await recorded(session, Airline, "name")
    assert versions == [("insert", "first"), ("update", "faster"), ("update", "faster!")]


async def test_a_conflict_of_two_flushes_leaves_one_version(engine: AndamiosEngine) -> None:
    async with SessionManager(engine) as session:
        session.add(Airline(code="UA", name="United"))
    async with AsyncSession(engine) as one, AsyncSession(engine) as other:
        (await one.get_one(Airline, "UA")).name = "one"
        (await other.get_one(Airline, "UA")).name = "other"
        await one.commit()
        with pytest.raises(TransactionConflictError):
            await other.commit()
    async with AsyncSession(engine) as session:
        assert await recorded(session, Airline, "name") == [("insert", "United"), ("update", "one")]


async def test_a_bulk_insert_is_recorded(session: AsyncSession) -> None:
    session.add(Document(title="before"))
    await session.bulk_insert(Document, [{"title": f"{number}"} for number in range(300)])
    await session.commit()
    keys = (await session.scalars(select(Document.id))).all()
    assert sorted(row.id for row in await recorded(session, Document, "id")) == sorted(keys)


async def test_an_insert_through_the_orm_is_recorded(session: AsyncSession) -> None:
    await session.execute(insert(Document), [{"title": "a"}, {"title": "b"}])
    returned = await session.scalars(insert(Document).returning(Document), [{"title": "c"}])
    assert [document.title for document in returned] == ["c"]
    await session.commit()
    assert await recorded(session, Document, "title") == [("insert", "a"), ("insert", "b"), ("insert", "c")]


async def test_an_update_and_a_delete_through_the_orm_are_recorded(session: AsyncSession) -> None:
    await session.execute(insert(Document), [{"title": "a", "size": 1}, {"title": "b", "size": 2}])
    await session.execute(update(Document).where(Document.title.in_(["b", "c"])).values(size=9))
    await session.execute(delete(Document).where(Document.size == 9))
    await session.commit()
    assert await recorded(session, Document, "title", "size_in_bytes") == [
        ("insert", "a", 1),
        ("insert", "b", 2),
        ("update", "b", 9),
        ("delete", "b", 9),
    ]


async def test_a_connection_is_recorded_too(engine: AndamiosEngine, session: AsyncSession) -> None:
    async with engine.begin() as connection:
        await connection.execute(insert(Airline), [{"code": "UA", "name": "United"}])
        await connection.execute(update(Airline).values(name="Delta"))
        assert await connection.scalar(func.now()) is not None
        assert await connection.run_sync(lambda inner: inner.scalar(Sequence("document_id_seq"))) == 1
    assert await recorded(session, Airline, "name") == [("insert", "United"), ("update", "Delta")]


async def test_what_ends_without_a_flush_is_recorded_by_the_commit(session: AsyncSession) -> None:
    airlines = [Airline(code="UA", name="United"), Airline(code="DL", name="Delta")]
    await session.run_sync(lambda inner: inner.bulk_save_objects(airlines))
    await session.commit()
    assert await recorded(session, Airline, "code") == [("insert", "DL"), ("insert", "UA")]


async def test_a_commit_that_cannot_record_rolls_back(engine: AndamiosEngine, session: AsyncSession) -> None:
    def refuse(connection: Any, cursor: Any, sent: str, *rest: Any) -> None:
        if "airline_history" in sent:
            raise ConfigurationError("no history today")

    await session.run_sync(lambda inner: inner.bulk_save_objects([Airline(code="UA", name="United")]))
    event.listen(engine.sync_engine, "before_cursor_execute", refuse)
    with pytest.raises(ConfigurationError, match="no history today"):
        await session.commit()
    event.remove(engine.sync_engine, "before_cursor_execute", refuse)
    await session.rollback()
    assert (await session.scalars(select(Airline.code))).all() == []


async def test_cascades_are_recorded(session: AsyncSession) -> None:
    session.add_all([Airline(code="UA", name="United"), Airline(code="DL", name="Delta")])
    session.add_all([Plane(airline_code="UA"), Plane(airline_code="DL", owner_code="UA")])
    await session.commit()
    await session.delete(await session.get_one(Airline, "UA"))
    await session.commit()
    versions = await recorded(session, Plane, "airline_code", "owner_code")
    assert sorted(versions[2:]) == [("delete", "UA", None), ("update", "DL", None)]


async def test_cascades_of_a_statement_are_recorded(session: AsyncSession) -> None:
    session.add_all([Airline(code="UA", name="United"), Airline(code="DL", name="Delta")])
    session.add_all([Plane(airline_code="UA"), Plane(airline_code="DL", owner_code="UA")])
    await session.commit()
    with actor("ada"):
        await session.execute(delete(Airline).where(Airline.code == "UA"))
    await session.commit()
    changes = await recorded(session, Plane, "owner_code", "actor", "updated_by")
    assert sorted(changes[2:]) == [("delete", None, "ada", None), ("update", None, "ada", "ada")]


async def test_what_a_flush_does_to_a_row_is_one_version(session: AsyncSession) -> None:
    airlines = [Airline(code="UA", name="United"), Airline(code="DL", name="Delta")]
    session.add_all([*airlines, plane := Plane(owner_code="UA")])
    await session.commit()
    plane.airline_code = "DL"
    await session.delete(airlines[0])
    await session.commit()
    versions = await recorded(session, Plane, "airline_code", "owner_code")
    assert versions == [("insert", None, "UA"), ("update", "DL", None)]


async def test_a_child_that_goes_in_the_flush_that_made_it_has_both_versions(session: AsyncSession) -> None:
    session.add(Airline(code="UA", name="United"))
    await session.commit()
    airline = await session.get_one(Airline, "UA")
    session.add(Plane(airline_code="UA"))
    await session.delete(airline)
    await session.commit()
    assert await recorded(session, Plane, "airline_code") == [("insert", "UA"), ("delete", "UA")]


async def test_what_a_foreign_key_refuses_leaves_nothing(session: AsyncSession) -> None:
    session.add(Plane(airline_code="nobody"))
    with pytest.raises(ForeignKeyError):
        await session.commit()
    await session.rollback()
    assert await recorded(session, Plane) == []


async def test_a_composite_key_is_recorded(session: AsyncSession) -> None:
    session.add_all([Seat(flight="UA1", number=number) for number in (1, 2, 3)])
    await session.commit()
    await session.execute(update(Seat).where(Seat.number < 3).values(passenger="ada"))
    seats = (await session.scalars(select(Seat).order_by(Seat.number))).all()
    for seat in seats:
        seat.passenger = "grace"
    await session.flush()
    for seat in seats[1:]:
        await session.delete(seat)
    await session.commit()
    versions = await recorded(session, Seat, "number", "passenger")
    assert versions[3:5] == [("update", 1, "ada"), ("update", 2, "ada")]
    assert versions[5:8] == [("update", number, "grace") for number in (1, 2, 3)]
    assert versions[8:] == [("delete", 2, "grace"), ("delete", 3, "grace")]


async def test_a_schema_of_the_execution_is_kept(engine: AndamiosEngine) -> None:
    elsewhere = engine.execution_options(schema_translate_map={None: "tenant"})
    async with elsewhere.begin() as connection:
        await connection.execute(text("CREATE SCHEMA tenant"))
        await connection.run_sync(Base.metadata.create_all)
    async with AsyncSession(elsewhere) as session:
        session.add(Airline(code="UA", name="United"))
        await session.bulk_insert(Airline, [{"code": "DL", "name": "Delta"}])
        await session.commit()
        assert await recorded(session, Airline, "code") == [("insert", "UA"), ("insert", "DL")]
    async with AsyncSession(engine) as session:
        assert await recorded(session, Airline) == []


async def test_a_write_inside_of_a_cte_is_refused(session: AsyncSession) -> None:
    written = insert(Airline).values(code="UA", name="United").returning(Airline.code).cte()
    with pytest.raises(NotSupportedError, match="history of airline what a CTE writes"):
        await session.execute(select(written))
    assert await recorded(session, Airline) == []


async def test_what_has_no_history_is_left_alone(session: AsyncSession) -> None:
    other = Table("other", MetaData(), Column("id", Integer))
    connection = await session.connection()
    await connection.exec_driver_sql("CREATE TABLE other (id INTEGER)")
    await connection.execute(insert(other), [{"id": 1}, {"id": 2}])
    await session.bulk_insert(other, [{"id": 3}])
    await connection.execute(insert(table("other", column("id"))).values(id=4))
    assert (await session.scalars(select(other.c.id))).all() == [1, 2, 3, 4]


async def test_a_write_inside_of_a_cte_may_be_to_another_table(session: AsyncSession) -> None:
    other = Table("other", MetaData(), Column("id", Integer))
    await (await session.connection()).run_sync(other.create)
    written = insert(other).values(id=1).returning(other.c.id).cte()
    if duckdb.__version__ >= "2":
        assert (await session.scalars(select(written))).all() == [1]
    else:
        with pytest.raises(ProgrammingError):
            await session.scalars(select(written))


async def test_autocommit_is_refused(engine: AndamiosEngine, session: AsyncSession) -> None:
    by_itself = engine.execution_options(isolation_level="AUTOCOMMIT")
    async with by_itself.connect() as connection:
        with pytest.raises(NotSupportedError, match="history of airline under AUTOCOMMIT"):
            await connection.execute(insert(Airline).values(code="UA", name="United"))
    assert (await session.scalars(select(Airline.code))).all() == []


async def test_a_database_without_the_history_says_so(engine: AndamiosEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("DROP TABLE airline_history"))
    async with AsyncSession(engine) as session:
        session.add(Airline(code="UA", name="United"))
        with pytest.raises(Exception, match="airline_history"):
            await session.commit()


async def test_many_at_once_are_each_recorded(engine: AndamiosEngine) -> None:
    async def write(number: int) -> None:
        with actor(f"user-{number}"):
            async with SessionManager(engine) as session:
                session.add(Airline(code=f"{number}", name=f"{number}"))

    await asyncio.gather(*map(write, range(20)))
    async with AsyncSession(engine) as session:
        versions = await recorded(session, Airline, "code", "actor")
    assert sorted(versions) == sorted(("insert", f"{number}", f"user-{number}") for number in range(20))


async def test_a_savepoint_that_is_rolled_back_leaves_nothing(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'test.db'}")
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with SessionManager(engine) as session:
        await session.run_sync(lambda inner: inner.bulk_save_objects([Airline(code="UA", name="United")]))
        async with session.begin_nested() as savepoint:
            await session.run_sync(lambda inner: inner.bulk_save_objects([Airline(code="DL", name="Delta")]))
            await savepoint.rollback()
        session.add(Airline(code="AA", name="American"))
    async with AsyncSession(engine) as session:
        assert await recorded(session, Airline, "code") == [("insert", "UA"), ("insert", "AA")]
    await engine.dispose()


async def test_sessions_of_plain_sqlalchemy_are_recorded(tmp_path: Path) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}")
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with PlainAsyncSession(engine) as session, session.begin():
        session.add_all([Document(title="plan"), Airline(code="UA", name="United")])
        await session.flush()
        (await session.get_one(Airline, "UA")).name = "Delta"
    async with AsyncSession(engine) as session:
        assert await recorded(session, Document, "title") == [("insert", "plan")]
        assert await recorded(session, Airline, "name") == [("insert", "United"), ("update", "Delta")]
    await engine.dispose()
