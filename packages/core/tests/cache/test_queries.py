"""Queries of sessions: which are answered from the cache, with which rows, and which are not."""

from __future__ import annotations

import asyncio
import enum
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import (
    Column,
    CreateView,
    ForeignKey,
    Integer,
    MetaData,
    Numeric,
    Select,
    Sequence,
    String,
    Table,
    TypeDecorator,
    bindparam,
    column,
    delete,
    event,
    func,
    insert,
    lambda_stmt,
    literal,
    literal_column,
    select,
    text,
    type_coerce,
    union_all,
    update,
)
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    aliased,
    mapped_column,
    relationship,
    with_loader_criteria,
)

from andamios_orm.core import (
    AndamiosEngine,
    AsyncSession,
    SessionManager,
    TransactionManager,
    create_engine,
    create_file_engine,
    create_memory_engine,
)
from andamios_orm.core.cache.cache import CacheManager, CachePolicy
from andamios_orm.core.errors import ConfigurationError, NotSupportedError, TransactionAbortedError

from ..backends import drop_tables, make_tables
from ..services import POSTGRESQL, require

KEPT = {"cache": CachePolicy(ttl=60)}


class Status(enum.Enum):
    DONE = "done"
    OPEN = "open"


class Base(DeclarativeBase):
    pass


class Airline(Base):
    __tablename__ = f"airline_{os.getpid()}"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]
    flights: Mapped[list[Flight]] = relationship(back_populates="airline")


class Flight(Base):
    __tablename__ = f"flight_{os.getpid()}"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    airline_id: Mapped[int | None] = mapped_column(ForeignKey(Airline.id))
    delay: Mapped[int]
    price: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    day: Mapped[date | None]
    status: Mapped[Status | None]
    airline: Mapped[Airline | None] = relationship(back_populates="flights")


ROWS: list[dict[str, Any]] = [
    {"id": 1, "delay": 10, "price": Decimal("1.50"), "day": date(2013, 1, 1), "status": Status.OPEN},
    {"id": 2, "delay": 20, "price": None, "day": None, "status": None},
]

DELAYS = select(Flight.id, Flight.delay).order_by(Flight.id)


async def filled(engine: AndamiosEngine) -> AndamiosEngine:
    await make_tables(engine, Base.metadata)
    async with engine.begin() as connection:
        await connection.execute(insert(Airline).values(id=1, name="United"))
        await connection.execute(insert(Flight), ROWS)
    return engine


@pytest.fixture
async def flights(engine: AndamiosEngine) -> AndamiosEngine:
    """An engine with two flights."""
    return await filled(engine)


@pytest.fixture
async def cache(flights: AndamiosEngine) -> AsyncIterator[CacheManager]:
    """A cache of that engine, in memory."""
    async with CacheManager(flights) as cache:
        yield cache


@contextmanager
def sent(engine: AsyncEngine) -> Iterator[list[str]]:
    """Collect the statements that reach the database."""
    statements: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        statements.append(statement)

    event.listen(engine.sync_engine, "after_cursor_execute", note)
    yield statements
    event.remove(engine.sync_engine, "after_cursor_execute", note)


async def rows(engine: AsyncEngine, statement: Any = DELAYS, *arguments: Any, **options: Any) -> list[Any]:
    async with AsyncSession(engine, **options) as session:
        result = await session.execute(statement, *arguments, execution_options=KEPT)
        return [tuple(row) for row in result]


async def set_delay(engine: AsyncEngine, delay: int) -> None:
    async with SessionManager(engine) as session:
        await session.execute(update(Flight).values(delay=delay))


QUERIES: list[Any] = [
    DELAYS,
    select(Flight.status, Flight.price, Flight.day).order_by(Flight.id),
    select(Flight.__table__.c.delay),
    select(func.count(Flight.id).label("flights"), func.max(Flight.delay)),
    select(Flight.id).where(Flight.id.in_([1, 2, 3])),
    select(Flight.id, Airline.name).join(Airline, isouter=True),
    select(aliased(Flight).delay),
    select(Flight.delay).limit(1).offset(1),
    select(func.list(Flight.delay)),
    union_all(select(Flight.id), select(Airline.id)),
    lambda_stmt(lambda: select(Flight.id)),
    text(f"SELECT id, delay FROM {Flight.__tablename__}"),
    text(f"SELECT id, delay FROM {Flight.__tablename__}").columns(Flight.id, Flight.delay),
    select(Flight.id).where(text("delay > 10")),
    select(literal_column("1").label("one"), Flight.delay),
]


@pytest.mark.parametrize("statement", QUERIES, ids=range(len(QUERIES)))
async def test_the_second_result_is_as_the_first_and_sends_nothing(
    flights: AndamiosEngine, cache: CacheManager, statement: Any
) -> None:
    policy = CachePolicy(tables=[Flight])
    results = []
    for options in ({}, {"cache": policy}, {"cache": policy}):
        with sent(flights) as statements:
            async with AsyncSession(flights) as session:
                result = await session.execute(statement, execution_options=options)
                results.append((tuple(result.keys()), [tuple(row) for row in result]))
    assert results[0] == results[1] == results[2]
    assert statements == []
    assert cache.statistics().memory_hits == 1


async def test_its_result_has_all_that_a_result_has(flights: AndamiosEngine, cache: CacheManager) -> None:
    total = func.sum(Flight.delay).label("total")
    grouped = select(Flight.id, total).group_by(Flight.id).order_by(Flight.id)
    grouped = grouped.execution_options(cache=CachePolicy())
    for _ in range(2):
        async with AsyncSession(flights) as session:
            first, second = (await session.execute(grouped)).all()
            assert (first.id, first.total, first[0]) == (1, 10, 1)
            mapping = second._mapping
            assert mapping[Flight.id] == mapping[Flight.__table__.c.id] == mapping["id"] == 2
            assert mapping[total] == mapping["total"] == 20
            assert (await session.execute(grouped)).mappings().all() == [
                {"id": 1, "total": 10},
                {"id": 2, "total": 20},
            ]
            assert (await session.scalars(grouped)).all() == [1, 2]
            assert await session.scalar(grouped) == 1
            assert (await session.execute(grouped)).first() == (1, 10)
            assert (await session.execute(grouped)).columns("total").all() == [(10,), (20,)]
            assert list((await session.execute(grouped)).unique().partitions(1)) == [[(1, 10)], [(2, 20)]]
            assert [row.total async for row in await session.stream(grouped)] == [10, 20]
            with pytest.raises(AttributeError):
                _ = first.delay


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_stream_is_kept_too(flights: AndamiosEngine, cache: CacheManager, streamed: bool) -> None:
    statement = DELAYS.execution_options(yield_per=1) if streamed else DELAYS
    for _ in range(2):
        async with AsyncSession(flights) as session:
            result = await session.stream(statement, execution_options=KEPT)
            assert [tuple(row) async for row in result] == [(1, 10), (2, 20)]
    assert cache.statistics().memory_hits == 1


async def test_nobody_changes_the_rows_that_are_kept(flights: AndamiosEngine, cache: CacheManager) -> None:
    listed = select(func.list(Flight.delay).label("delays"))
    for _ in range(3):
        ((delays,),) = await rows(flights, listed)
        assert sorted(delays) == [10, 20]
        delays.append(30)


async def test_other_parameters_have_another_result(flights: AndamiosEngine, cache: CacheManager) -> None:
    def later(delay: int) -> Select[int]:
        return select(Flight.id).where(Flight.delay > delay).order_by(Flight.id)

    named = select(Flight.id).where(Flight.delay > bindparam("delay")).order_by(Flight.id)
    for _ in range(2):
        assert await rows(flights, later(5)) == await rows(flights, named, {"delay": 5}) == [(1,), (2,)]
        assert await rows(flights, later(15)) == await rows(flights, named, {"delay": 15}) == [(2,)]
        assert await rows(flights, select(Flight.id).where(Flight.id.in_([1]))) == [(1,)]
        assert await rows(flights, select(Flight.id).where(Flight.id.in_([2]))) == [(2,)]


async def test_another_schema_has_another_result(flights: AndamiosEngine, cache: CacheManager) -> None:
    name = Flight.__tablename__
    async with flights.begin() as connection:
        await connection.execute(text("CREATE SCHEMA other"))
        await connection.execute(text(f"CREATE TABLE other.{name} AS SELECT * FROM {name} WHERE id = 2"))
    other = {"schema_translate_map": {None: "other"}}
    for _ in range(2):
        assert await rows(flights) == [(1, 10), (2, 20)]
        assert await rows(flights.execution_options(**other)) == [(2, 20)]
        assert await rows(flights, execution_options=other) == [(2, 20)]
        assert await rows(flights, DELAYS.execution_options(**other)) == [(2, 20)]
        async with AsyncSession(flights) as session:
            await session.connection(execution_options=other)
            result = await session.execute(DELAYS, execution_options=KEPT)
            assert result.all() == [(2, 20)]
    assert cache.statistics().memory_hits > 0


async def test_other_types_have_another_result(flights: AndamiosEngine, cache: CacheManager) -> None:
    class Twice(TypeDecorator[int]):
        impl = Integer
        cache_ok = True

        def process_bind_param(self, value: Any, dialect: Any) -> Any:
            return value * 2

        def process_result_value(self, value: Any, dialect: Any) -> Any:
            return value * 2

    delay = Flight.__table__.c.delay
    for _ in range(2):
        assert await rows(flights, select(func.max(type_coerce(delay, Integer)))) == [(20,)]
        assert await rows(flights, select(func.max(type_coerce(delay, Twice)))) == [(40,)]
        assert await rows(flights, select(Flight.id).where(delay == literal(10, Integer))) == [(1,)]
        assert await rows(flights, select(Flight.id).where(delay == literal(10, Twice))) == [(2,)]


async def test_another_model_of_a_table_has_its_own_names(
    flights: AndamiosEngine, cache: CacheManager
) -> None:
    class Other(DeclarativeBase):
        pass

    class Late(Other):
        __table__ = Table(
            Flight.__tablename__,
            MetaData(),
            Column("id", Integer, key="number", primary_key=True),
            Column("delay", String),
        )

    await rows(flights, select(Flight.id, Flight.delay))
    named = select(Late.number, Late.delay)  # type: ignore[attr-defined] # the table has it
    for _ in range(2):
        async with AsyncSession(flights) as session:
            first = (await session.execute(named, execution_options=KEPT)).first()
            assert first is not None
            assert first.number == 1


async def test_a_table_without_a_model_is_kept_too(flights: AndamiosEngine, cache: CacheManager) -> None:
    table = Table(Flight.__tablename__, MetaData(), Column("id", Integer), Column("delay", Integer))
    for _ in range(2):
        assert await rows(flights, select(table).where(table.c.id == 1)) == [(1, 10)]
    assert cache.statistics().memory_hits == 1


async def test_another_database_has_another_result(flights: AndamiosEngine, cache: CacheManager) -> None:
    assert len(await rows(flights)) == 2
    other = await filled(create_memory_engine())
    await set_delay(other, 1)
    assert await rows(other) == [(1, 1), (2, 1)]
    async with CacheManager(other):
        for _ in range(2):
            assert await rows(other) == [(1, 1), (2, 1)]
    await other.dispose()
    assert cache.statistics().memory_misses == 1


async def test_a_commit_ends_the_result(flights: AndamiosEngine, cache: CacheManager) -> None:
    for delay in range(3):
        await set_delay(flights, delay)
        for _ in range(2):
            assert await rows(flights) == [(1, delay), (2, delay)]
    assert cache.statistics().memory_hits == 3


async def test_a_rollback_does_not(flights: AndamiosEngine, cache: CacheManager) -> None:
    await rows(flights)
    async with AsyncSession(flights) as session:
        await session.execute(delete(Flight))
    with sent(flights) as statements:
        assert len(await rows(flights)) == 2
    assert statements == []


async def test_a_commit_to_another_table_does_not(flights: AndamiosEngine, cache: CacheManager) -> None:
    await rows(flights)
    async with SessionManager(flights) as session:
        session.add(Airline(id=2, name="American"))
    await rows(flights)
    assert cache.statistics().memory_hits == 1


async def test_who_has_written_sees_what_was_written_and_nobody_else(
    flights: AndamiosEngine, cache: CacheManager
) -> None:
    await rows(flights)
    async with AsyncSession(flights) as session:
        await session.execute(update(Flight).values(delay=0))
        assert (await session.execute(DELAYS, execution_options=KEPT)).all() == [(1, 0), (2, 0)]
        assert await rows(flights) == [(1, 10), (2, 20)]
        await session.rollback()
        assert (await session.execute(DELAYS, execution_options=KEPT)).all() == [(1, 10), (2, 20)]


async def test_who_has_changes_to_flush_sees_them(flights: AndamiosEngine, cache: CacheManager) -> None:
    await rows(flights)
    for change in ("new", "dirty", "deleted"):
        async with AsyncSession(flights) as session:
            flight = await session.get_one(Flight, 2)
            if change == "new":
                session.add(Flight(id=3, delay=30))
            elif change == "dirty":
                flight.delay = 0
            else:
                await session.delete(flight)
            found = (await session.execute(DELAYS, execution_options=KEPT)).all()
            assert found == {"new": [(1, 10), (2, 20), (3, 30)], "dirty": [(1, 10), (2, 0)]}.get(
                change, [(1, 10)]
            )
    assert await rows(flights) == [(1, 10), (2, 20)]


async def test_a_transaction_sees_its_own_past(flights: AndamiosEngine, cache: CacheManager) -> None:
    async with AsyncSession(flights) as session:
        await session.execute(select(Airline.id))
        await set_delay(flights, 0)
        assert await rows(flights) == [(1, 0), (2, 0)]
        for _ in range(2):
            found = await session.execute(DELAYS, execution_options=KEPT)
            assert found.all() == [(1, 10), (2, 20)]
        # What has not changed since it began is taken from the cache.
        names = select(Airline.name)
        await rows(flights, names)
        with sent(flights) as statements:
            assert (await session.scalars(names, execution_options=KEPT)).all() == ["United"]
        assert statements == []
    assert await rows(flights) == [(1, 0), (2, 0)]


async def test_a_transaction_with_other_settings_reads_for_itself(
    flights: AndamiosEngine, cache: CacheManager
) -> None:
    await rows(flights)
    async with AsyncSession(flights) as session:
        await session.execute(text("CREATE SCHEMA other"))
        await session.execute(text(f"CREATE TABLE other.{Flight.__tablename__} (id INT, delay INT)"))
        await session.commit()
        await session.execute(text("SET search_path = 'other'"))
        assert (await session.execute(DELAYS, execution_options=KEPT)).all() == []
        await session.execute(text("RESET search_path"))
        await session.commit()
    assert await rows(flights) == [(1, 10), (2, 20)]


async def test_many_sessions_send_one_query(flights: AndamiosEngine, cache: CacheManager) -> None:
    with sent(flights) as statements:
        results = await asyncio.gather(*(rows(flights) for _ in range(100)))
    assert results == [[(1, 10), (2, 20)]] * 100
    assert len(statements) == 1


async def test_sessions_that_hold_connections_do_not_wait_for_each_other(tmp_path: Path) -> None:
    engine = await filled(create_file_engine(tmp_path / "a.db", pool_size=2, max_overflow=0, pool_timeout=5))
    async with CacheManager(engine) as cache:

        async def read(begun: bool) -> list[Any]:
            async with AsyncSession(engine) as session:
                if begun:
                    await session.execute(select(Airline.id))
                    await asyncio.sleep(0)
                return list(await session.execute(DELAYS, execution_options=KEPT))

        results = await asyncio.gather(*(read(begun=number < 2) for number in range(10)))
        assert results == [[(1, 10), (2, 20)]] * 10
        assert cache.statistics().memory_misses >= 2
    await engine.dispose()


async def test_a_session_that_is_cancelled_leaves_the_others_alone(
    flights: AndamiosEngine, cache: CacheManager
) -> None:
    slow = select(func.sum(func.hash(column("range"))), select(func.count(Flight.id)).scalar_subquery())
    slow = slow.select_from(func.range(30_000_000))
    first, *others = (asyncio.create_task(rows(flights, slow)) for _ in range(10))
    await asyncio.sleep(0.02)
    first.cancel()
    results = await asyncio.gather(*others)
    assert len({tuple(result) for result in results}) == 1
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_failed_query_fails_for_each(flights: AndamiosEngine, cache: CacheManager) -> None:
    wrong = select(func.error("wrong"), Flight.id)
    results = await asyncio.gather(*(rows(flights, wrong) for _ in range(3)), return_exceptions=True)
    assert [type(result).__name__ for result in results] == ["ProgrammingError"] * 3
    async with AsyncSession(flights) as session:
        with pytest.raises(Exception, match="wrong"):
            await session.execute(wrong)
        with pytest.raises(TransactionAbortedError):
            await session.execute(DELAYS, execution_options=KEPT)


async def test_no_query_is_stale_after_a_commit(flights: AndamiosEngine, cache: CacheManager) -> None:
    """Writers add to one row; what is read in new and in long transactions is never older than it may be."""
    acknowledged, rounds = 0, 20
    total = select(func.sum(Flight.delay))

    async def add(session: AsyncSession) -> None:
        await session.execute(update(Flight).where(Flight.id == 1).values(delay=Flight.delay + 1))

    async def write() -> None:
        nonlocal acknowledged
        for _ in range(rounds):
            await TransactionManager(flights).run(add, attempts=1_000)
            acknowledged += 1

    async def read() -> int:
        stale = 0
        while acknowledged < 4 * rounds:
            expected = acknowledged
            ((found,),) = await rows(flights, total)
            stale += found - 30 < expected
            await asyncio.sleep(0.001)
        return stale

    async def read_long() -> int:
        differing = 0
        while acknowledged < 4 * rounds:
            async with AsyncSession(flights) as session:
                first = await session.scalar(total)
                for _ in range(5):
                    differing += await session.scalar(total, execution_options=KEPT) != first
        return differing

    readers = [read() for _ in range(12)] + [read_long() for _ in range(4)]
    _, *wrong = await asyncio.gather(asyncio.gather(*(write() for _ in range(4))), *readers)
    assert not any(wrong)
    assert await rows(flights, total) == [(30 + 4 * rounds,)]
    assert cache.statistics().memory_hits > 0


class Tenant:
    """The tenant whose rows a listener leaves in."""

    airline_id: int | None = None


async def test_what_other_listeners_add_decides_about_the_rows(
    flights: AndamiosEngine, cache: CacheManager
) -> None:
    def only_of_tenant(state: Any) -> None:
        if Tenant.airline_id is not None:
            criteria = Flight.airline_id == Tenant.airline_id
            state.statement = state.statement.options(with_loader_criteria(Flight, criteria))

    async with SessionManager(flights) as session:
        await session.execute(update(Flight).where(Flight.id == 2).values(airline_id=1))

    async def seen(tenant: int | None) -> list[int]:
        Tenant.airline_id = tenant
        async with AsyncSession(flights) as session:
            event.listen(session.sync_session, "do_orm_execute", only_of_tenant)
            result = await session.execute(DELAYS, execution_options=KEPT)
            return [row.id for row in result]

    for _ in range(2):
        assert [await seen(tenant) for tenant in (None, 1, 2)] == [[1, 2], [2], []]
    assert cache.statistics().memory_hits == 3


async def test_a_session_may_be_bound_to_a_connection(flights: AndamiosEngine, cache: CacheManager) -> None:
    async with flights.connect() as connection:
        assert await rows(connection) == await rows(connection) == [(1, 10), (2, 20)]  # type: ignore[arg-type]
        await connection.rollback()
        await connection.execute(update(Flight).values(delay=0))
        assert await rows(connection) == [(1, 0), (2, 0)]  # type: ignore[arg-type]
        await connection.rollback()
    assert await rows(flights) == [(1, 10), (2, 20)]
    assert cache.statistics().memory_hits == 2


async def test_a_lost_connection_is_not_hidden(flights: AndamiosEngine, cache: CacheManager) -> None:
    await rows(flights)
    async with AsyncSession(flights) as session:
        await (await session.connection()).invalidate()
        with pytest.raises(Exception, match="invalid transaction"):
            await session.execute(DELAYS, execution_options=KEPT)


async def test_a_transaction_that_began_before_the_cache_reads_for_itself(flights: AndamiosEngine) -> None:
    async with AsyncSession(flights) as session:
        await session.execute(update(Flight).values(delay=0))
        async with CacheManager(flights) as cache:
            for _ in range(2):
                assert (await session.execute(DELAYS, execution_options=KEPT)).all() == [(1, 0), (2, 0)]
            assert await rows(flights) == [(1, 10), (2, 20)]
            await session.commit()
            assert await rows(flights) == [(1, 0), (2, 0)]
            assert cache.statistics().memory_hits == 0


async def test_an_idle_session_that_holds_a_connection_since_before_reads_for_itself(
    flights: AndamiosEngine,
) -> None:
    async with AsyncSession(flights) as session:
        await session.connection()
        async with CacheManager(flights) as cache:
            await session.execute(DELAYS, execution_options=KEPT)
            assert cache.statistics().memory_misses == 0


async def test_loads_of_the_orm_itself_are_not_cached(flights: AndamiosEngine, cache: CacheManager) -> None:
    async with AsyncSession(flights, execution_options={"cache": None}) as session:
        airline = await session.get_one(Airline, 1)
    async with AsyncSession(flights, execution_options=KEPT) as session:
        session.add(airline)
        await session.refresh(airline)
        await session.refresh(airline, ["flights"])
        assert airline.flights == []
        await session.execute(insert(Flight), [{"id": 3, "delay": 1}])
    assert cache.statistics().memory_misses == 0


async def test_without_a_cache_the_option_has_no_effect(flights: AndamiosEngine) -> None:
    assert await rows(flights) == [(1, 10), (2, 20)]


@pytest.mark.parametrize(
    "statement",
    [
        select(Flight).from_statement(select(Flight)),
        select(Flight).from_statement(text(f"SELECT * FROM {Flight.__tablename__}")),
    ],
    ids=range(2),
)
async def test_objects_of_given_statements_are_refused(
    flights: AndamiosEngine, cache: CacheManager, statement: Any
) -> None:
    with pytest.raises(NotSupportedError, match="select the columns or the class itself"):
        await rows(flights, statement)


@pytest.mark.parametrize(
    "statement",
    [
        text("DELETE FROM flight RETURNING id"),
        text("SET TimeZone = 'UTC'"),
        select(func.set_config("app.tenant", "1", True), Flight.id),
        select(insert(Airline).values(id=2, name="x").returning(Airline.id).cte().c.id),
        select(Flight.id, Sequence("numbers").next_value()),
    ],
    ids=range(5),
)
async def test_what_does_more_than_read_is_refused(
    flights: AndamiosEngine, cache: CacheManager, statement: Any
) -> None:
    with pytest.raises(NotSupportedError, match=r"writes or changes a setting|draws from a sequence"):
        await rows(flights, statement)


@pytest.mark.parametrize(
    "statement",
    [text("SELECT 1"), select(func.now()), select(Flight.id).where(text("id IN (SELECT 1)"))],
    ids=range(3),
)
async def test_hidden_tables_must_be_named(
    flights: AndamiosEngine, cache: CacheManager, statement: Any
) -> None:
    with pytest.raises(ConfigurationError, match=r"name them, as in CachePolicy\(tables=\[Flight\]\)"):
        await rows(flights, statement)
    async with AsyncSession(flights) as session:
        policy = CachePolicy(tables=[])
        found = [await session.scalar(statement, execution_options={"cache": policy}) for _ in range(2)]
    assert found[0] == found[1]


async def test_the_tables_behind_a_view_of_the_metadata_are_known(
    flights: AndamiosEngine, cache: CacheManager
) -> None:
    view = CreateView(select(Flight.__table__.c.delay), "delays", metadata=MetaData())
    async with flights.begin() as connection:
        await connection.execute(view)
    for delay in range(3):
        await set_delay(flights, delay)
        for _ in range(2):
            assert await rows(flights, select(view.table)) == [(delay,), (delay,)]
    assert cache.statistics().memory_hits == 3


async def test_a_database_that_is_attached_anew_is_read_anew(
    flights: AndamiosEngine, cache: CacheManager, tmp_path: Path
) -> None:
    other = Table("seat", MetaData(), Column("id", Integer), schema="other.main")
    for number in range(2):
        with duckdb.connect(tmp_path / f"{number}.db") as connection:
            connection.execute(f"CREATE TABLE seat AS SELECT {number} AS id")
    for number in range(2):
        async with SessionManager(flights) as session:
            await session.execute(text(f"ATTACH '{tmp_path}/{number}.db' AS other"))
        assert await rows(flights, select(other)) == [(number,)]
        async with SessionManager(flights) as session:
            await session.execute(text("DETACH other"))


async def test_the_tables_behind_a_view_are_named(flights: AndamiosEngine, cache: CacheManager) -> None:
    async with flights.begin() as connection:
        await connection.execute(text(f"CREATE VIEW late AS SELECT id FROM {Flight.__tablename__}"))
    late = text("SELECT count(*) FROM late").columns(column("n"))
    kept = late.execution_options(cache=CachePolicy(tables=["late", Flight]))
    for number in range(3):
        async with SessionManager(flights) as session:
            assert await session.scalar(kept) == await session.scalar(kept) == 2 + number
            session.add(Flight(id=3 + number, delay=1))


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (60, r"such as CachePolicy\(ttl=60\), not 60"),
        (True, r"such as CachePolicy\(ttl=60\), not True"),
        (CachePolicy(ttl="60"), "positive number of seconds, not '60'"),  # type: ignore[arg-type] # what is tested
        (CachePolicy(ttl=0), "positive number of seconds, not 0"),
        (CachePolicy(tables="flight"), "list of tables"),
    ],
)
async def test_a_policy_that_makes_no_sense_is_refused(
    flights: AndamiosEngine, cache: CacheManager, policy: Any, message: str
) -> None:
    async with AsyncSession(flights) as session:
        with pytest.raises(ConfigurationError, match=message):
            await session.execute(DELAYS, execution_options={"cache": policy})


async def test_a_result_goes_after_its_time(flights: AndamiosEngine, cache: CacheManager) -> None:
    async with AsyncSession(flights) as session:
        for pause in (0, 0, 0.06):
            await asyncio.sleep(pause)
            await session.execute(DELAYS, execution_options={"cache": CachePolicy(ttl=0.05)})
    assert (cache.statistics().memory_hits, cache.statistics().memory_misses) == (1, 2)


async def test_values_that_cannot_be_kept_are_refused(flights: AndamiosEngine, cache: CacheManager) -> None:
    class Own:
        pass

    with pytest.raises(NotSupportedError, match="Own"):
        await rows(flights, select(Flight.id).where(Flight.delay == bindparam("a")), {"a": Own()})


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
async def test_other_backends(backend: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.sqlite" if backend == "sqlite" else require(POSTGRESQL)
    engine = await filled(create_engine(url))
    async with CacheManager(engine):
        for delay in range(3):
            await set_delay(engine, delay)
            for _ in range(2):
                assert await rows(engine) == [(1, delay), (2, delay)]
        with sent(engine) as statements:
            await rows(engine)
            await rows(engine, read_only=True)
        assert statements == []
        if backend == "postgresql":
            with pytest.raises(NotSupportedError, match="locks rows"):
                await rows(engine, DELAYS.with_for_update())
            async with AsyncSession(engine) as session, session.begin():
                async with session.begin_nested():
                    await session.execute(update(Flight).values(delay=7))
                assert (await session.execute(DELAYS, execution_options=KEPT)).all() == [(1, 7), (2, 7)]
    await drop_tables(engine, Base.metadata)
    await engine.dispose()
