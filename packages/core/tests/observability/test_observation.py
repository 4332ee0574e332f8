"""Observers hear of every statement and every acquisition, and of nothing after their end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, event, insert, text

from andamios_orm.core import AndamiosEngine, create_engine, create_file_engine, create_memory_engine
from andamios_orm.core.errors import (
    ConfigurationError,
    DataError,
    DuplicateKeyError,
    PoolTimeoutError,
    ProgrammingError,
)
from andamios_orm.core.observability.observation import (
    AcquisitionObserver,
    Execution,
    StatementObserver,
    database_name,
)

NUMBERS = Table("number", MetaData(), Column("id", Integer, primary_key=True, autoincrement=False))
LONG = text("SELECT sum(hash(a.range + b.range)) FROM range(1_000_000_000) a, range(1_000_000_000) b")


class Heard:
    """What an observer of one engine was told."""

    def __init__(self, engine: AndamiosEngine) -> None:
        self.executions: list[Execution] = []
        self.errors: list[BaseException] = []
        self.observer = StatementObserver(engine, self.executions.append, self.errors.append)


@pytest.fixture
def heard(engine: AndamiosEngine) -> Heard:
    """An observer of the engine."""
    return Heard(engine)


async def test_tells_of_a_statement(engine: AndamiosEngine, heard: Heard) -> None:
    async with engine.connect() as connection:
        await connection.execute(text("SELECT * FROM range(:n)"), {"n": 3})
    execution = heard.executions[-1]
    assert execution.statement == ("select", "", "SELECT")
    assert execution.text == "SELECT * FROM range($1)"
    assert (execution.parameters, execution.batch) == ((3,), None)
    assert (execution.rows, execution.error) == (3, None)
    assert 0 < execution.seconds < 60


async def test_tells_of_a_failure_by_the_error_that_the_user_gets(
    engine: AndamiosEngine, heard: Heard
) -> None:
    async with engine.connect() as connection:
        with pytest.raises(ProgrammingError) as caught:
            await connection.execute(text("SELEC 1"))
    assert heard.errors == [caught.value]
    assert heard.executions[-1].error is caught.value
    assert heard.executions[-1].rows is None


async def test_tells_of_a_cancelled_statement(engine: AndamiosEngine, heard: Heard) -> None:
    async with engine.connect() as connection:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await connection.execute(LONG)
    assert isinstance(heard.executions[-1].error, asyncio.CancelledError)


async def test_tells_of_an_error_at_commit(engine: AndamiosEngine, heard: Heard) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(NUMBERS.create)
    async with engine.connect() as one, engine.connect() as other:
        await one.execute(insert(NUMBERS).values(id=1))
        await other.execute(insert(NUMBERS).values(id=1))
        await one.commit()
        told = len(heard.executions)
        with pytest.raises(DuplicateKeyError):
            await other.commit()
    assert [type(error) for error in heard.errors] == [DuplicateKeyError]
    assert len(heard.executions) == told


async def test_a_stream_that_fails_later_is_told_of_once(engine: AndamiosEngine, heard: Heard) -> None:
    query = text("SELECT CAST(CASE WHEN range < 100_000 THEN '1' ELSE 'x' END AS int) FROM range(200_000)")
    async with engine.connect() as connection:
        heard.executions.clear()
        with pytest.raises(DataError):
            async with connection.stream(query) as result:
                _ = [row async for row in result]
    assert len(heard.executions) == 1
    assert [type(error) for error in heard.errors] == [DataError]


async def test_tells_how_many_sets_of_parameters_there_were(engine: AndamiosEngine, heard: Heard) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(NUMBERS.create)
        await connection.execute(insert(NUMBERS), [{"id": 1}, {"id": 2}])
        await connection.execute(text("INSERT INTO number VALUES (:id)"), [{"id": 3}, {"id": 4}, {"id": 5}])
    assert [execution.batch for execution in heard.executions[-2:]] == [2, 3]


async def test_an_engine_with_other_options_is_observed_too(engine: AndamiosEngine, heard: Heard) -> None:
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        await connection.execute(text("SELECT 1"))
    assert [execution.text for execution in heard.executions] == ["SELECT 1"]


async def test_a_closed_observer_hears_nothing(engine: AndamiosEngine, heard: Heard) -> None:
    heard.observer.close()
    heard.observer.close()
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
        with pytest.raises(ProgrammingError):
            await connection.execute(text("SELEC 1"))
    assert (heard.executions, heard.errors) == ([], [])


async def test_an_observer_that_closes_amidst_leaves_the_other(engine: AndamiosEngine, heard: Heard) -> None:
    second = Heard(engine)
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
        heard.observer.close()
        await connection.execute(text("SELECT 2"))
    assert [execution.text for execution in heard.executions] == ["SELECT 1"]
    assert [execution.text for execution in second.executions] == ["SELECT 1", "SELECT 2"]


class Acquired:
    """What an observer of one engine's pool was told."""

    def __init__(self, engine: AndamiosEngine) -> None:
        self.seconds: list[float] = []
        self.errors: list[BaseException] = []
        self.observer = AcquisitionObserver(engine, self.note)

    def note(self, seconds: float, error: BaseException | None) -> None:
        if error is None:
            self.seconds.append(seconds)
        else:
            self.errors.append(error)


async def test_tells_how_long_a_connection_was_waited_for() -> None:
    engine = create_memory_engine(pool_size=1, max_overflow=0)
    acquired = Acquired(engine)
    async with engine.connect():
        waiting = asyncio.create_task(engine.connect().start())
        await asyncio.sleep(0.1)
    await (await waiting).close()
    await engine.dispose()
    assert len(acquired.seconds) == 2
    assert acquired.seconds[1] >= 0.09


async def test_tells_of_a_connection_that_did_not_come() -> None:
    engine = create_memory_engine(pool_size=1, max_overflow=0, pool_timeout=0.01)
    acquired = Acquired(engine)
    async with engine.connect():
        with pytest.raises(PoolTimeoutError):
            await engine.connect()
    await engine.dispose()
    assert [type(error) for error in acquired.errors] == [PoolTimeoutError]
    assert len(acquired.seconds) == 1


async def test_tells_of_a_connection_that_cannot_be_made() -> None:
    engine = create_memory_engine()
    acquired = Acquired(engine)

    @event.listens_for(engine.sync_engine, "do_connect")
    def refuse(*arguments: Any) -> None:
        raise ConfigurationError("refused")

    with pytest.raises(ConfigurationError, match="refused"):
        await engine.connect()
    assert [type(error) for error in acquired.errors] == [ConfigurationError]


async def test_the_pool_after_a_disposal_is_observed_too(engine: AndamiosEngine) -> None:
    acquired = Acquired(engine)
    for _ in range(2):
        async with engine.connect():
            pass
        await engine.dispose()
    assert len(acquired.seconds) == 2


@pytest.mark.parametrize("first", [0, 1])
async def test_observers_of_a_pool_close_in_any_order(engine: AndamiosEngine, first: int) -> None:
    observers = [Acquired(engine), Acquired(engine)]
    observers[first].observer.close()
    async with engine.connect():
        pass
    observers[1 - first].observer.close()
    async with engine.connect():
        pass
    assert [len(observers[place].seconds) for place in (first, 1 - first)] == [0, 1]


async def test_a_pool_without_observers_is_as_it_was(engine: AndamiosEngine) -> None:
    before = set(vars(engine.pool))
    acquired = Acquired(engine)
    acquired.observer.close()
    acquired.observer.close()
    assert set(vars(engine.pool)) == before
    await engine.dispose()
    assert "connect" not in vars(engine.pool)


@pytest.fixture
def named(tmp_path: Path) -> dict[str, AndamiosEngine]:
    """Engines by the name that their database ought to have."""
    return {
        "memory": create_memory_engine(),
        "flights": create_file_engine(tmp_path / "flights.duckdb"),
        "app": create_engine(f"sqlite:///{tmp_path}/app.db"),
        "shop": create_engine("postgresql://ada:secret@localhost/shop"),
        "postgresql": create_engine("postgresql://localhost"),
    }


def test_a_database_is_called_as_its_url_says(named: dict[str, AndamiosEngine]) -> None:
    assert [database_name(engine) for engine in named.values()] == list(named)


def test_a_database_in_memory_is_called_memory() -> None:
    for url in ("duckdb://", "duckdb:///:memory:shared", "sqlite://"):
        assert database_name(create_engine(url)) == "memory"
