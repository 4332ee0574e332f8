"""Keys that DuckDB keeps in a temporary table, for the time of a statement."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event, func, select, text, update
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core import (
    AndamiosEngine,
    AsyncSession,
    CacheManager,
    CachePolicy,
    MetricsCollector,
    SessionManager,
)
from andamios_orm.models.history import AuditMixin
from andamios_orm.models.history.kept import DropKept, KeepKeys

from .models import Airline, Base, Seat, recorded

TABLES = text("SELECT table_name FROM duckdb_tables() WHERE temporary")


class Quoted(AuditMixin, Base):
    """Has a name that needs quotes, and a key that is a word of SQL."""

    __tablename__ = 'the "table"'

    select: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]


async def rename(session: AsyncSession, model: Any = Airline, name: str = "!") -> None:
    await session.execute(update(model).where(model.name > "aa").values(name=model.name + name))


async def test_no_table_is_left(airlines: AsyncSession) -> None:
    await rename(airlines)
    assert (await airlines.scalars(TABLES)).all() == []


async def test_a_rollback_removes_it(airlines: AsyncSession) -> None:
    def refuse(connection: Any, cursor: Any, sent: str, *rest: Any) -> None:
        if sent.startswith("UPDATE airline_history"):
            raise ValueError

    engine = airlines.get_bind()
    event.listen(engine, "before_cursor_execute", refuse)
    with pytest.raises(ValueError, match=r"^$"):
        await rename(airlines)
    event.remove(engine, "before_cursor_execute", refuse)
    assert (await airlines.scalars(TABLES)).all() == ["andamios_orm_kept_airline"]
    await airlines.rollback()
    assert (await airlines.scalars(TABLES)).all() == []


async def test_names_are_quoted(session: AsyncSession) -> None:
    session.add(Quoted(select="a", name="x"))
    await session.commit()
    await rename(session, Quoted)
    assert await recorded(session, Quoted, "select", "name") == [("insert", "a", "x"), ("update", "a", "x!")]


async def test_keys_do_not_pass_through_python(engine: AndamiosEngine, airlines: AsyncSession) -> None:
    sent: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        sent.append((statement.split()[0], parameters))

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    await rename(airlines)
    event.remove(engine.sync_engine, "before_cursor_execute", note)
    assert [verb for verb, _ in sent] == ["CREATE", "UPDATE", "UPDATE", "INSERT", "DROP"]
    assert not {"AA", "DL", "UA"}.intersection(value for _, parameters in sent for value in parameters)


async def test_the_statement_is_compiled_once(engine: AndamiosEngine, airlines: AsyncSession) -> None:
    await rename(airlines)
    cache: Any = engine.sync_engine._compiled_cache
    known = len(cache)
    await rename(airlines, name="?")
    assert len(cache) == known


async def test_it_holds_many(session: AsyncSession) -> None:
    await session.bulk_insert(Airline, [{"code": f"{n}", "name": f"b{n}"} for n in range(20_000)])
    await rename(session)
    versions = Airline.__history_table__.c
    updated = select(func.count()).where(versions.operation == "update", versions.name.like("b%!"))
    assert await session.scalar(updated) == 20_000


def test_statements_can_be_read() -> None:
    assert str(KeepKeys("kept", select(Airline.code))).startswith(
        "CREATE OR REPLACE TEMP TABLE kept AS SELECT"
    )
    assert str(DropKept("kept")) == "DROP TABLE temp.kept"


async def test_they_are_measured_like_others(engine: AndamiosEngine, airlines: AsyncSession) -> None:
    metrics = MetricsCollector(engine)
    await rename(airlines)
    assert sorted((found.kind, found.table) for found in metrics.snapshot().statements) == [
        ("ddl", ""),
        ("insert", "airline_history"),
        ("update", "airline"),
        ("update", "airline_history"),
    ]


async def test_what_is_cached_of_other_tables_stays(engine: AndamiosEngine, airlines: AsyncSession) -> None:
    async with CacheManager(engine) as cache:
        options: Any = {"cache": CachePolicy(ttl=60)}
        for _ in range(2):
            async with SessionManager(engine) as session:
                await session.scalars(select(Seat.number), execution_options=options)
            await rename(airlines)
            await airlines.commit()
        assert cache.statistics().memory_hits == 1
