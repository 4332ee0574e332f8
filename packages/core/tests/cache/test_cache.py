"""The cache of values: what is kept, for how long, who may see it, and who loads it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, delete, func, insert, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import (
    AndamiosEngine,
    AsyncSession,
    SessionManager,
    TransactionManager,
    create_engine,
    create_file_engine,
)
from andamios_orm.core.cache.cache import CacheManager, CacheStatistics
from andamios_orm.core.errors import ConfigurationError, NotSupportedError

from ..backends import drop_tables, make_tables
from ..services import POSTGRESQL, require


class Base(DeclarativeBase):
    pass


class Account(Base):
    __tablename__ = f"account_{os.getpid()}"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    balance: Mapped[int]


@pytest.fixture
async def accounts(engine: AndamiosEngine) -> AndamiosEngine:
    """An engine with one account, which holds 0."""
    return await opened(engine)


@pytest.fixture
async def cache(accounts: AndamiosEngine) -> AsyncIterator[CacheManager]:
    """A cache of that engine, in memory."""
    async with CacheManager(accounts) as cache:
        yield cache


async def opened(engine: AndamiosEngine) -> AndamiosEngine:
    await make_tables(engine, Base.metadata)
    async with engine.begin() as connection:
        await connection.execute(insert(Account).values(id=1, balance=0))
    return engine


async def balance(engine: AndamiosEngine) -> int:
    async with AsyncSession(engine) as session:
        return await session.scalar(select(func.sum(Account.balance))) or 0


async def add(engine: AndamiosEngine, amount: int = 1) -> None:
    async def work(session: AsyncSession) -> None:
        (await session.get_one(Account, 1)).balance += amount

    await TransactionManager(engine).run(work, attempts=1_000)


async def test_a_value_is_kept_until_it_is_invalidated(cache: CacheManager) -> None:
    assert await cache.get_cached_result("a") is None
    assert await cache.get_cached_result("a", default=0) == 0
    await cache.set_cached_result("a", None)
    assert await cache.get_cached_result("a", default=0) is None
    await cache.set_cached_result("a", {"b": (Decimal("1.5"),)})
    assert await cache.get_cached_result("a") == {"b": (Decimal("1.5"),)}
    await cache.set_cached_result("c", 1)
    await cache.invalidate("a", "b")
    assert [await cache.get_cached_result(key) for key in "abc"] == [None, None, 1]
    await cache.clear()
    assert await cache.get_cached_result("c") is None


async def test_nobody_changes_what_is_kept(cache: CacheManager) -> None:
    value = [[1]]
    await cache.set_cached_result("a", value)
    value[0].append(2)
    (await cache.get_cached_result("a"))[0].append(3)
    loaded: Any = await cache.get_or_load("a", pytest.fail)
    loaded[0].append(4)
    assert await cache.get_cached_result("a") == [[1]]


async def test_tasks_that_wait_get_a_copy_each(cache: CacheManager) -> None:
    async def load() -> list[int]:
        await asyncio.sleep(0)
        return [0]

    values = await asyncio.gather(*(cache.get_or_load("a", load) for _ in range(3)))
    for value in values:
        value.append(len(value))
    assert values == [[0, 1]] * 3
    assert await cache.get_cached_result("a") == [0]


async def test_a_value_goes_after_its_time(cache: CacheManager) -> None:
    await cache.set_cached_result("a", 1, ttl=0.05)
    await cache.set_cached_result("b", 1)
    await asyncio.sleep(0.06)
    assert [await cache.get_cached_result(key) for key in "ab"] == [None, 1]


async def test_the_memory_is_bounded(accounts: AndamiosEngine) -> None:
    async with CacheManager(accounts, max_entries=3) as cache:
        for number in range(10):
            await cache.set_cached_result(str(number), number)
        assert cache.statistics().entries == 3
        assert await cache.get_cached_result("9") == 9


async def test_it_counts(cache: CacheManager) -> None:
    await cache.set_cached_result("a", 1)
    for key in "aab":
        await cache.get_cached_result(key)
    assert cache.statistics() == CacheStatistics(
        entries=1, memory_hits=2, memory_misses=1, redis_hits=0, redis_misses=0, connected=False
    )


NAME = Account.__tablename__
ELSEWHERE = Table(NAME.upper(), MetaData(), Column("id", Integer), schema="other")


@pytest.mark.parametrize("tables", [[NAME], [Account], [Account.__table__, "more"], [ELSEWHERE]])
@pytest.mark.parametrize(
    "named", [NAME, f"main.{NAME}", Account, ELSEWHERE], ids=["name", "qualified", "model", "table"]
)
async def test_values_of_a_table_are_invalidated_by_any_of_its_names(
    cache: CacheManager, tables: list[Any], named: Any
) -> None:
    await cache.set_cached_result("a", 1, tables=tables)
    await cache.set_cached_result("b", 2, tables=["airline"])
    await cache.invalidate_table(named)
    assert [await cache.get_cached_result(key) for key in "ab"] == [None, 2]


async def test_values_of_a_model_are_invalidated(cache: CacheManager) -> None:
    await cache.set_cached_result("a", 1, tables=[Account])
    await cache.invalidate_model(Account)
    assert await cache.get_cached_result("a") is None


@pytest.mark.parametrize("write", ["session", "core", "bulk", "text", "delete"])
async def test_a_commit_invalidates(accounts: AndamiosEngine, cache: CacheManager, write: str) -> None:
    await cache.set_cached_result("a", 1, tables=[Account])
    await cache.set_cached_result("b", 2, tables=["airline"])
    async with SessionManager(accounts) as session:
        if write == "session":
            session.add(Account(id=2, balance=1))
        elif write == "core":
            await session.execute(insert(Account).values(id=2, balance=1))
        elif write == "bulk":
            await session.bulk_insert(Account, [{"id": 2, "balance": 1}])
        elif write == "delete":
            await session.execute(delete(Account))
        else:
            await session.execute(text(f"DELETE FROM {NAME}"))
        await session.flush()
        assert await cache.get_cached_result("a") == 1
    assert await cache.get_cached_result("a") is None
    assert await cache.get_cached_result("b") == (None if write == "text" else 2)


async def test_a_rollback_invalidates_nothing(accounts: AndamiosEngine, cache: CacheManager) -> None:
    await cache.set_cached_result("a", 1, tables=[Account])
    async with AsyncSession(accounts) as session:
        await session.execute(delete(Account))
        await session.rollback()
    assert await cache.get_cached_result("a") == 1


async def test_many_tasks_load_once(accounts: AndamiosEngine, cache: CacheManager) -> None:
    loads = 0

    async def load() -> int:
        nonlocal loads
        loads += 1
        return await balance(accounts)

    values = await asyncio.gather(*(cache.get_or_load("a", load, tables=[Account]) for _ in range(100)))
    assert (values, loads) == ([0] * 100, 1)
    assert await cache.get_or_load("a", pytest.fail) == 0


async def test_a_load_that_is_cancelled_leaves_the_others_alone(cache: CacheManager) -> None:
    loads = 0

    async def load() -> int:
        nonlocal loads
        loads += 1
        await asyncio.sleep(0.01)
        return loads

    first, *others = (asyncio.create_task(cache.get_or_load("a", load)) for _ in range(50))
    await asyncio.sleep(0)
    first.cancel()
    assert await asyncio.gather(*others) == [2] * 49
    assert first.cancelled()
    assert loads == 2


async def test_a_task_that_waits_may_be_cancelled_alone(cache: CacheManager) -> None:
    async def load() -> int:
        await asyncio.sleep(0.01)
        return 1

    first, second, third = (asyncio.create_task(cache.get_or_load("a", load)) for _ in range(3))
    await asyncio.sleep(0)
    second.cancel()
    assert await asyncio.gather(first, third) == [1, 1]
    assert second.cancelled()


async def test_a_load_that_fails_fails_for_its_task_alone(cache: CacheManager) -> None:
    loads = 0

    async def load() -> int:
        nonlocal loads
        loads += 1
        await asyncio.sleep(0.01)
        if loads == 1:
            raise LookupError("the first one")
        return 1

    values = await asyncio.gather(*(cache.get_or_load("a", load) for _ in range(10)), return_exceptions=True)
    assert [type(value) for value in values] == [LookupError] + [int] * 9
    assert await cache.get_cached_result("a") == 1


async def test_a_load_that_asks_for_its_own_key_does_not_wait_for_itself(cache: CacheManager) -> None:
    async def inner() -> int:
        return 1

    async def outer() -> int:
        return 1 + await asyncio.create_task(cache.get_or_load("a", inner))

    async with asyncio.timeout(10):
        assert await cache.get_or_load("a", outer) == 2
    assert await cache.get_cached_result("a") == 1


async def test_a_value_that_cannot_be_kept_is_refused_to_each(cache: CacheManager) -> None:
    async def load() -> object:
        await asyncio.sleep(0)
        return object()

    values = await asyncio.gather(*(cache.get_or_load("a", load) for _ in range(3)), return_exceptions=True)
    assert {type(value) for value in values} == {NotSupportedError}
    with pytest.raises(NotSupportedError, match=r"builtins\.object"):
        await cache.set_cached_result("a", object())


async def test_what_changes_while_it_is_loaded_is_not_kept(
    accounts: AndamiosEngine, cache: CacheManager
) -> None:
    async def load() -> int:
        found = await balance(accounts)
        await add(accounts)
        return found

    assert await cache.get_or_load("a", load, tables=[Account]) == 0
    assert await cache.get_cached_result("a") is None


async def test_a_load_that_is_too_old_is_not_waited_for(
    accounts: AndamiosEngine, cache: CacheManager
) -> None:
    read, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> int:
        found = await balance(accounts)
        read.set()
        await go_on.wait()
        return found

    first = asyncio.create_task(cache.get_or_load("a", slow, tables=[Account]))
    await read.wait()
    await add(accounts)
    assert await cache.get_or_load("a", lambda: balance(accounts), tables=[Account]) == 1
    go_on.set()
    assert await first == 0
    assert await cache.get_cached_result("a") == 1


@pytest.mark.parametrize("forget", ["invalidate", "set"])
async def test_what_is_invalidated_while_it_is_loaded_is_not_kept(cache: CacheManager, forget: str) -> None:
    async def load() -> str:
        if forget == "invalidate":
            await cache.invalidate("a")
        else:
            await cache.set_cached_result("a", "new")
        return "old"

    assert await cache.get_or_load("a", load) == "old"
    assert await cache.get_cached_result("a") == (None if forget == "invalidate" else "new")


async def test_a_load_in_an_old_transaction_is_not_kept(
    accounts: AndamiosEngine, cache: CacheManager
) -> None:
    async with AsyncSession(accounts) as session:
        reading = select(Account.balance)
        assert await session.scalar(reading) == 0
        await add(accounts)
        assert await cache.get_or_load("a", lambda: session.scalar(reading), tables=[Account]) == 0
    assert await cache.get_or_load("a", lambda: balance(accounts), tables=[Account]) == 1


async def test_who_waits_gets_nothing_of_an_old_transaction(
    accounts: AndamiosEngine, cache: CacheManager
) -> None:
    async with AsyncSession(accounts) as session:
        reading = select(Account.balance)
        assert await session.scalar(reading) == 0
        await add(accounts)
        old = cache.get_or_load("a", lambda: session.scalar(reading), tables=[Account])
        new = cache.get_or_load("a", lambda: balance(accounts), tables=[Account])
        assert await asyncio.gather(old, new) == [0, 1]


async def test_what_is_not_committed_is_not_kept(accounts: AndamiosEngine, cache: CacheManager) -> None:
    async with AsyncSession(accounts) as session:

        async def load() -> int | None:
            await session.execute(insert(Account).values(id=2, balance=5))
            return await session.scalar(select(func.sum(Account.balance)))

        assert await cache.get_or_load("a", load, tables=[Account]) == 5
        await session.rollback()
    assert await cache.get_cached_result("a") is None


async def test_a_load_inside_of_another_counts_for_both(
    accounts: AndamiosEngine, cache: CacheManager
) -> None:
    async with AsyncSession(accounts) as session:
        await session.execute(insert(Account).values(id=2, balance=5))

        async def inner() -> int | None:
            return await session.scalar(select(func.sum(Account.balance)))

        async def outer() -> int | None:
            return await cache.get_or_load("inner", inner, tables=[Account])

        assert await cache.get_or_load("outer", outer) == 5
    assert await cache.get_cached_result("outer") is None


async def test_no_read_is_stale_after_a_commit(accounts: AndamiosEngine, cache: CacheManager) -> None:
    """Writers add to one row; whoever asks after a commit sees it, through the cache or not."""
    acknowledged = 0
    rounds = 20

    async def write() -> None:
        nonlocal acknowledged
        for _ in range(rounds):
            await add(accounts)
            acknowledged += 1

    async def read() -> int:
        stale = 0
        while acknowledged < 4 * rounds:
            expected = acknowledged
            found = await cache.get_or_load("a", lambda: balance(accounts), tables=[Account])
            stale += found < expected
            await asyncio.sleep(0.001)
        return stale

    _, *stale = await asyncio.gather(
        asyncio.gather(*(write() for _ in range(4))), *(read() for _ in range(16))
    )
    assert not any(stale)
    assert await cache.get_or_load("a", lambda: balance(accounts), tables=[Account]) == 4 * rounds
    assert cache.statistics().memory_hits > 0


async def test_a_disposed_engine_forgets(accounts: AndamiosEngine, cache: CacheManager) -> None:
    await cache.set_cached_result("a", 1)
    await accounts.dispose()
    assert await cache.get_cached_result("a") is None


async def test_an_engine_on_a_file_forgets_when_it_is_disposed_of(tmp_path: Path) -> None:
    engine = await opened(create_file_engine(tmp_path / "a.db"))
    async with CacheManager(engine) as cache:
        await cache.set_cached_result("a", 1)
        engine.sync_engine.dispose(close=False)
        assert await cache.get_cached_result("a") is None
    await engine.dispose()


async def test_it_serves_between_start_and_close(accounts: AndamiosEngine) -> None:
    cache = CacheManager(accounts)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="is not started"):
            await cache.get_cached_result("a")
        await cache.start()
        assert await cache.get_cached_result("a") is None
        await cache.set_cached_result("a", 1)
        await cache.close()
        await cache.close()


async def test_an_engine_has_one_cache_at_a_time(accounts: AndamiosEngine, cache: CacheManager) -> None:
    for other in (cache, CacheManager(accounts), CacheManager(accounts.execution_options(logging_token="x"))):
        with pytest.raises(ConfigurationError, match="one CacheManager at a time"):
            await other.start()
    await cache.close()
    async with CacheManager(accounts):
        pass


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ttl": 0}, "positive number of seconds, not 0"),
        ({"ttl": "60"}, "positive number of seconds, not '60'"),
        ({"ttl": float("nan")}, "not nan"),
        ({"ttl": float("inf")}, "not inf"),
        ({"max_entries": 0}, "at least 1, not 0"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    engine: AndamiosEngine, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        CacheManager(engine, **options)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda cache: cache.set_cached_result("a", 1, ttl=-1), "positive number of seconds, not -1"),
        (lambda cache: cache.set_cached_result("a", 1, tables="flight"), r"list of tables: \['flight'\]"),
        (lambda cache: cache.get_or_load("a", pytest.fail, tables=[int]), "not <class 'int'>"),
        (lambda cache: cache.invalidate_table(1), "not 1"),
    ],
)
async def test_arguments_that_make_no_sense_are_refused(cache: CacheManager, call: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        await call(cache)


def test_redis_needs_its_client(engine: AndamiosEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    monkeypatch.delitem(sys.modules, "andamios_orm.core.cache.redis", raising=False)
    with pytest.raises(ConfigurationError, match=r'pip install "andamios-orm-core\[redis\]"'):
        CacheManager(engine, redis="redis://127.0.0.1")


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
async def test_commits_of_other_backends_invalidate(backend: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.sqlite" if backend == "sqlite" else require(POSTGRESQL)
    engine = await opened(create_engine(url))
    async with CacheManager(engine) as cache:
        for number in range(3):
            assert await cache.get_or_load("a", lambda: balance(engine), tables=[Account]) == number
            assert await cache.get_or_load("a", pytest.fail) == number
            await add(engine)
    await drop_tables(engine, Base.metadata)
    await engine.dispose()
