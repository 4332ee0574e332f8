"""The cache in Redis: shared by processes, told of their commits, and never in the way when Redis is away."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis
from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import (
    AndamiosEngine,
    AsyncSession,
    SessionManager,
    TransactionManager,
    create_engine,
    create_memory_engine,
)
from andamios_orm.core.cache import redis as redis_level
from andamios_orm.core.cache.cache import CacheManager, CachePolicy
from andamios_orm.core.cache.packing import pack
from andamios_orm.core.cache.redis import SharedCache
from andamios_orm.core.errors import ConfigurationError

from ..backends import drop_tables, make_tables
from ..services import POSTGRESQL, require

REDIS = os.environ.get("ANDAMIOS_REDIS_URL", "redis://127.0.0.1:6379")

KEPT = {"cache": CachePolicy(ttl=60)}


class Base(DeclarativeBase):
    pass


class Account(Base):
    __tablename__ = f"shared_account_{os.getpid()}"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    balance: Mapped[int]


def address() -> tuple[str, int]:
    parts = urlsplit(REDIS)
    return parts.hostname or "127.0.0.1", parts.port or 6379


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Give Redis much time on a busy machine, unless a test says otherwise."""

    def set_patience(seconds: float) -> None:
        monkeypatch.setattr(redis_level, "_PATIENCE", seconds)

    set_patience(20)
    return set_patience


@pytest.fixture
def redis() -> str:
    """The URL of a Redis; without one the test is skipped, or fails when ANDAMIOS_REQUIRE_SERVICES=1."""
    try:
        socket.create_connection(address(), timeout=5).close()
    except OSError:
        if os.environ.get("ANDAMIOS_REQUIRE_SERVICES") == "1":
            raise
        pytest.skip(f"no Redis at {address()}")
    return REDIS


@pytest.fixture
async def namespace(redis: str) -> AsyncIterator[str]:
    """A namespace of its own, whose keys are removed at the end."""
    namespace = f"test-{uuid4().hex}"
    yield namespace
    async with Redis.from_url(redis) as client:
        async for key in client.scan_iter(f"{{{namespace}}}:*"):
            await client.delete(key)


class Proxy:
    """Stands between a cache and Redis, and can cut them off from each other."""

    def __init__(self) -> None:
        self.port = 0
        self.silent = False
        self.delay = 0.0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    async def open(self) -> None:
        self.silent = False
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Refuse connections, and end those that there are."""
        assert self._server is not None
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            other_reader, other_writer = await asyncio.open_connection(*address())
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pass(reader, other_writer))
                    group.create_task(self._pass(other_reader, writer))
            finally:
                other_writer.close()
        except (asyncio.CancelledError, OSError, ExceptionGroup):
            pass
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            await asyncio.sleep(self.delay)
            while self.silent:
                await asyncio.sleep(0.01)
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError


@pytest.fixture
async def proxy(redis: str) -> AsyncIterator[Proxy]:
    """An open proxy."""
    proxy = Proxy()
    await proxy.open()
    yield proxy
    await proxy.cut()


async def opened(engine: AndamiosEngine) -> AndamiosEngine:
    await make_tables(engine, Base.metadata)
    async with engine.begin() as connection:
        await connection.execute(insert(Account).values(id=1, balance=0))
    return engine


@pytest.fixture
async def accounts(engine: AndamiosEngine) -> AndamiosEngine:
    """An engine with one account, which holds 0."""
    return await opened(engine)


@pytest.fixture
async def other_accounts() -> AsyncIterator[AndamiosEngine]:
    """An engine of another program, as it were."""
    engine = await opened(create_memory_engine())
    yield engine
    await engine.dispose()


async def balance(engine: AndamiosEngine) -> int:
    async with AsyncSession(engine) as session:
        return await session.scalar(select(func.sum(Account.balance))) or 0


async def add(engine: AndamiosEngine) -> None:
    async with SessionManager(engine) as session:
        await session.execute(update(Account).values(balance=Account.balance + 1))


async def until(condition: Callable[[], Awaitable[Any]]) -> None:
    """Wait until something holds, as what Redis tells takes its time."""
    async with asyncio.timeout(20):
        while not await condition():
            await asyncio.sleep(0.01)


async def becomes(cache: CacheManager, key: str, value: Any) -> None:
    async def holds() -> bool:
        return bool(await cache.get_cached_result(key) == value)

    await until(holds)


async def connects(cache: CacheManager, *, connected: bool = True) -> None:
    async def holds() -> bool:
        return cache.statistics().connected is connected

    await until(holds)


async def test_processes_share_what_they_keep(
    redis: str, namespace: str, accounts: AndamiosEngine, other_accounts: AndamiosEngine
) -> None:
    async with (
        CacheManager(accounts, redis=redis, namespace=namespace) as one,
        CacheManager(other_accounts, redis=SecretStr(redis), namespace=namespace) as other,
    ):
        value = {"a": [(1, b"x")]}
        await one.set_cached_result("a", value)
        assert await other.get_cached_result("a") == value
        assert await other.get_or_load("a", pytest.fail) == value
        assert await other.get_cached_result("b") is None
        statistics = other.statistics()
        assert (statistics.redis_hits > 0, statistics.redis_misses, statistics.connected) == (True, 1, True)

        async def is_near() -> bool:
            await other.get_cached_result("a")
            return other.statistics().memory_hits > 0

        await until(is_near)
        await other.set_cached_result("a", "new")
        await becomes(one, "a", "new")


async def test_what_one_invalidates_is_gone_for_the_other(
    redis: str, namespace: str, accounts: AndamiosEngine, other_accounts: AndamiosEngine
) -> None:
    async with (
        CacheManager(accounts, redis=redis, namespace=namespace) as one,
        CacheManager(other_accounts, redis=redis, namespace=namespace) as other,
    ):

        async def keep() -> None:
            await one.set_cached_result("a", 1, tables=[Account])
            await becomes(other, "a", 1)

        await keep()
        await other.invalidate("a")
        await becomes(one, "a", None)
        await keep()
        await other.invalidate_table(Account)
        await becomes(one, "a", None)
        await keep()
        await add(other_accounts)
        await becomes(one, "a", None)
        await keep()
        await other.clear()
        await becomes(one, "a", None)
        assert await other.get_cached_result("a") is None


async def test_what_goes_in_memory_is_still_in_redis(
    redis: str, namespace: str, accounts: AndamiosEngine
) -> None:
    async with CacheManager(accounts, redis=redis, namespace=namespace, max_entries=1) as cache:
        await cache.set_cached_result("a", 1, ttl=100, tables=["x", "y"])
        await cache.set_cached_result("b", 2)
        assert await cache.get_cached_result("a") == 1
    async with CacheManager(accounts, redis=redis, namespace=namespace) as cache:
        assert await cache.get_cached_result("a") == 1
        await cache.invalidate_table("y")
        assert await cache.get_cached_result("a") is None
        assert await cache.get_cached_result("b") == 2


async def test_an_entry_goes_after_its_time(redis: str, namespace: str, accounts: AndamiosEngine) -> None:
    async with CacheManager(accounts, redis=redis, namespace=namespace, max_entries=1) as cache:
        await cache.set_cached_result("a", 1, ttl=0.2)
        await cache.set_cached_result("b", 1)
        assert await cache.get_cached_result("a") == 1
        await asyncio.sleep(0.21)
        assert await cache.get_cached_result("a") is None


async def test_tasks_ask_redis_once(redis: str, namespace: str, accounts: AndamiosEngine) -> None:
    async with CacheManager(accounts, redis=redis, namespace=namespace) as cache:
        await cache.set_cached_result("a", [1])
    async with CacheManager(accounts, redis=redis, namespace=namespace) as cache:
        values: list[Any] = await asyncio.gather(*(cache.get_or_load("a", pytest.fail) for _ in range(100)))
        assert values == [[1]] * 100
        assert cache.statistics().redis_hits == 1


ANOTHER_PROCESS = """
import asyncio, sys
from sqlalchemy import Column, Integer, MetaData, Table, insert
from andamios_orm.core import create_file_engine
from andamios_orm.core.cache.cache import CacheManager

async def main():
    path, redis, namespace, name = sys.argv[1:]
    table = Table(name, MetaData(), Column("id", Integer))
    engine = create_file_engine(path)
    async with engine.begin() as connection:
        await connection.run_sync(table.create)
    async with CacheManager(engine, redis=redis, namespace=namespace) as cache:
        for end in ("rollback", "commit"):
            async with engine.connect() as connection:
                await connection.execute(insert(table).values(id=1))
                await getattr(connection, end)()
            print(await cache.get_cached_result("a"), flush=True)
            await asyncio.to_thread(sys.stdin.readline)
    await engine.dispose()

asyncio.run(main())
"""


async def test_a_commit_of_another_process_invalidates_here(
    redis: str, namespace: str, accounts: AndamiosEngine, tmp_path: Path
) -> None:
    async with CacheManager(accounts, redis=redis, namespace=namespace) as cache:
        await cache.set_cached_result("a", 1, tables=[Account])
        await cache.set_cached_result("b", 2, tables=["airline"])
        arguments = (str(tmp_path / "other.db"), redis, namespace, Account.__tablename__)
        other = await asyncio.create_subprocess_exec(
            sys.executable, "-c", ANOTHER_PROCESS, *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert other.stdin is not None
        assert other.stdout is not None
        for expected in (1, None):
            assert (await other.stdout.readline()).decode() == f"{expected}\n"
            await becomes(cache, "a", expected)
            assert await cache.get_cached_result("b") == 2
            other.stdin.write(b"\n")
        assert await other.wait() == 0


async def test_processes_on_one_server_share_rows(redis: str) -> None:
    """Each with an engine and a memory of its own; no read that follows a commit is stale for long."""
    require(POSTGRESQL)
    one, other = await opened(create_engine(POSTGRESQL)), create_engine(POSTGRESQL)
    total = select(func.sum(Account.balance)).execution_options(cache=CachePolicy(ttl=60))

    async def read(engine: AndamiosEngine) -> int | None:
        async with AsyncSession(engine) as session:
            return await session.scalar(total)

    async with CacheManager(one, redis=redis) as cache, CacheManager(other, redis=redis) as other_cache:
        assert await read(one) == await read(other) == 0
        assert other_cache.statistics().redis_hits == 1
        await add(other)
        assert await read(other) == 1

        async def is_read() -> bool:
            return await read(one) == 1

        await until(is_read)
        assert cache.statistics().redis_hits <= 1
        await cache.clear()
    await drop_tables(one, Base.metadata)
    await one.dispose()
    await other.dispose()


async def test_databases_in_memory_share_no_rows(
    redis: str, namespace: str, accounts: AndamiosEngine, other_accounts: AndamiosEngine
) -> None:
    await add(other_accounts)
    for engine, expected in ((accounts, 0), (other_accounts, 1)):
        async with CacheManager(engine, redis=redis, namespace=namespace), AsyncSession(engine) as session:
            assert await session.scalar(select(Account.balance), execution_options=KEPT) == expected


async def test_no_read_is_stale_after_a_commit(redis: str, namespace: str, accounts: AndamiosEngine) -> None:
    acknowledged, rounds = 0, 15

    async def work(session: AsyncSession) -> None:
        (await session.get_one(Account, 1)).balance += 1

    async with CacheManager(accounts, redis=redis, namespace=namespace, max_entries=2) as cache:

        async def write() -> None:
            nonlocal acknowledged
            for _ in range(rounds):
                await TransactionManager(accounts).run(work, attempts=1_000)
                acknowledged += 1

        async def read(number: int) -> int:
            # Two of three find no room in memory, and are read from Redis.
            stale = 0
            while acknowledged < 3 * rounds:
                expected = acknowledged
                key = f"{number % 3}"
                found = await cache.get_or_load(key, lambda: balance(accounts), tables=[Account])
                stale += found < expected
                await asyncio.sleep(0.001)
            return stale

        writers = asyncio.gather(*(write() for _ in range(3)))
        _, *stale = await asyncio.gather(writers, *(read(number) for number in range(12)))
        assert not any(stale)
        assert await cache.get_or_load("0", lambda: balance(accounts), tables=[Account]) == 3 * rounds
        assert cache.statistics().redis_hits > 0


async def test_what_is_found_before_redis_has_heard_of_a_commit_is_forgotten(
    redis: str, namespace: str, accounts: AndamiosEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with CacheManager(accounts, redis=redis, namespace=namespace) as cache:
        await cache.set_cached_result("a", "old", tables=[Account])
        shared = cache._levels.shared
        assert shared is not None
        forget = shared.forget

        async def forget_after_a_read(tables: Any, keys: Any) -> None:
            assert await cache.get_cached_result("a") == "old"
            await forget(tables, keys)

        monkeypatch.setattr(shared, "forget", forget_after_a_read)
        await add(accounts)
        assert await cache.get_cached_result("a") is None


async def test_without_redis_there_is_the_memory(
    accounts: AndamiosEngine, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_level, "_PAUSE", 0.01)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    caplog.set_level(logging.INFO)
    url = f"redis://user:geheim@127.0.0.1:{port}/0"
    async with CacheManager(accounts, redis=url) as cache:
        assert not cache.statistics().connected
        await cache.set_cached_result("a", 1, tables=[Account])
        assert await cache.get_cached_result("a") == 1
        await add(accounts)
        assert await cache.get_cached_result("a") is None
        assert await cache.get_or_load("a", lambda: balance(accounts)) == 1
        await cache.invalidate("a")
        await cache.clear()
        await asyncio.sleep(0.05)
        assert "geheim" not in repr(cache) + repr(vars(cache)) + repr(vars(cache._levels))
    (record,) = [record for record in caplog.records if record.name == "andamios_orm.core.cache"]
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        f"Redis at 127.0.0.1:{port} is away (ConnectionError): every process caches for itself"
    )
    assert "geheim" not in caplog.text


async def test_a_wrong_password_is_an_outage_and_is_not_told(
    redis: str, accounts: AndamiosEngine, caplog: pytest.LogCaptureFixture
) -> None:
    host, port = address()
    async with CacheManager(accounts, redis=f"redis://nobody:geheim@{host}:{port}/0") as cache:
        assert not cache.statistics().connected
    assert "is away (AuthenticationError)" in caplog.text
    assert "geheim" not in caplog.text


async def test_it_recovers_by_itself(
    proxy: Proxy, namespace: str, accounts: AndamiosEngine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with CacheManager(accounts, redis=proxy.url, namespace=namespace) as cache:
        for _ in range(2):
            await cache.set_cached_result("a", 1, tables=[Account])
            await proxy.cut()
            assert await cache.get_cached_result("a") == 1
            assert await cache.get_cached_result("b") is None
            await connects(cache, connected=False)
            await proxy.open()
            await connects(cache)
            # What was said meanwhile was missed: the memory starts anew.
            assert cache.statistics().entries == 0
            assert await cache.get_cached_result("a") == 1
    levels = [record.levelname for record in caplog.records if record.name == "andamios_orm.core.cache"]
    assert levels == ["WARNING", "INFO"] * 2


async def test_changes_of_an_outage_are_told_after_it(
    proxy: Proxy, redis: str, namespace: str, accounts: AndamiosEngine, other_accounts: AndamiosEngine
) -> None:
    async with (
        CacheManager(accounts, redis=proxy.url, namespace=namespace) as cut_off,
        CacheManager(other_accounts, redis=redis, namespace=namespace) as other,
    ):
        for key, tables in (("a", [Account]), ("b", []), ("c", []), ("d", [])):
            await cut_off.set_cached_result(key, 1, tables=tables)
            await becomes(other, key, 1)
        await proxy.cut()
        await add(accounts)
        await cut_off.invalidate("b")
        await cut_off.set_cached_result("c", 2)
        assert [await other.get_cached_result(key) for key in "abcd"] == [1, 1, 1, 1]
        await proxy.open()
        for key in "abc":
            await becomes(other, key, None)
        await connects(cut_off)
        assert [await cut_off.get_cached_result(key) for key in "abcd"] == [None, None, None, 1]


async def test_an_outage_with_very_many_changes_ends_with_a_clean_slate(
    proxy: Proxy,
    namespace: str,
    redis: str,
    accounts: AndamiosEngine,
    other_accounts: AndamiosEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(redis_level, "_MOST_KEYS", 5)
    async with (
        CacheManager(accounts, redis=proxy.url, namespace=namespace) as cut_off,
        CacheManager(other_accounts, redis=redis, namespace=namespace) as other,
    ):
        await other.set_cached_result("a", 1)
        await proxy.cut()
        await cut_off.invalidate(*(str(number) for number in range(10)))
        await proxy.open()
        await becomes(other, "a", None)


async def test_nobody_waits_long_for_a_redis_that_is_silent(
    proxy: Proxy, namespace: str, accounts: AndamiosEngine, patience: Callable[[float], None]
) -> None:
    async with CacheManager(accounts, redis=proxy.url, namespace=namespace) as cache:
        patience(0.2)
        await cache.set_cached_result("a", 1)
        proxy.silent = True
        values = await asyncio.gather(*(cache.get_cached_result("b", number) for number in range(100)))
        assert values == list(range(100))
        assert not cache.statistics().connected
        await add(accounts)
        assert await cache.get_cached_result("a") == 1
        patience(20)
        proxy.silent = False
        await connects(cache)


async def test_silence_is_noticed_without_a_command(
    proxy: Proxy, namespace: str, accounts: AndamiosEngine, patience: Callable[[float], None]
) -> None:
    async with CacheManager(accounts, redis=proxy.url, namespace=namespace) as cache:
        patience(0.2)
        proxy.silent = True
        await connects(cache, connected=False)
        patience(20)
        proxy.silent = False
        await connects(cache)


async def test_a_quiet_redis_is_still_there(
    redis: str, namespace: str, accounts: AndamiosEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_level, "_QUIET", 0.01)
    async with (
        CacheManager(accounts, redis=redis, namespace=namespace) as cache,
        Redis.from_url(redis) as client,
    ):
        await asyncio.sleep(0.2)
        assert cache.statistics().connected
        assert await client.pubsub_numsub(f"{{{namespace}}}:changes") == [
            (f"{{{namespace}}}:changes".encode(), 1)
        ]


async def test_what_changes_while_redis_comes_back_is_told_too(
    proxy: Proxy,
    redis: str,
    namespace: str,
    accounts: AndamiosEngine,
    other_accounts: AndamiosEngine,
) -> None:
    async with (
        CacheManager(accounts, redis=proxy.url, namespace=namespace) as slow,
        CacheManager(other_accounts, redis=redis, namespace=namespace) as other,
    ):
        await proxy.cut()
        await connects(slow, connected=False)
        await other.set_cached_result("99", 1)
        proxy.delay = 0.02
        await proxy.open()
        for number in range(100):
            await slow.invalidate(str(number))
            await asyncio.sleep(0.01)
        await becomes(other, "99", None)
        await connects(slow)


async def test_tasks_may_be_cancelled_at_any_time(
    redis: str, namespace: str, accounts: AndamiosEngine
) -> None:
    async with CacheManager(accounts, redis=redis, namespace=namespace, max_entries=1) as cache:
        for number in range(20):
            await cache.set_cached_result(str(number), number)

        async def read(number: int) -> tuple[int, int]:
            return number, await cache.get_cached_result(str(number))

        for turns in range(100):
            tasks = [asyncio.create_task(read(number)) for number in range(20)]
            for _ in range(turns % 10):
                await asyncio.sleep(0)
            cancelled = [task for task in tasks[::2] if task.cancel()]
            found: list[Any] = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(each, asyncio.CancelledError) or each[0] == each[1] for each in found)
            assert all(task.cancelled() for task in cancelled)
        assert cache.statistics().connected


async def test_a_start_that_is_cancelled_leaves_nothing(
    proxy: Proxy, namespace: str, accounts: AndamiosEngine
) -> None:
    proxy.silent = True
    cache = CacheManager(accounts, redis=proxy.url, namespace=namespace)
    starting = asyncio.create_task(cache.start())
    await asyncio.sleep(0.05)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    with pytest.raises(ConfigurationError, match="is not started"):
        await cache.get_cached_result("a")
    proxy.silent = False
    async with cache:
        await cache.set_cached_result("a", 1)


async def test_a_redis_that_has_lost_its_memory_starts_anew(
    redis: str, namespace: str, accounts: AndamiosEngine, other_accounts: AndamiosEngine
) -> None:
    async with (
        CacheManager(accounts, redis=redis, namespace=namespace) as one,
        CacheManager(other_accounts, redis=redis, namespace=namespace) as other,
        Redis.from_url(redis) as client,
    ):
        await one.set_cached_result("a", 1, tables=[Account])
        await becomes(other, "a", 1)
        await add(accounts)
        await one.set_cached_result("kept", 1)
        await client.delete(f"{{{namespace}}}:clock")
        # Nothing is believed of which it is not known what has changed since.
        await other.set_cached_result("new", 1)
        assert await client.hexists(f"{{{namespace}}}:clock", "all")
        await becomes(one, "kept", None)
        await connects(one)

        async def is_kept() -> bool:
            await one.set_cached_result("b", 2)
            return bool(await other.get_cached_result("b") == 2)

        await until(is_kept)


async def test_what_was_loaded_before_another_process_changed_it_is_refused(
    redis: str, namespace: str
) -> None:
    async with Redis.from_url(redis) as client:
        heard: list[Any] = []
        one = SharedCache(redis, namespace, lambda tables, keys: heard.append((list(tables), list(keys))))
        other = SharedCache(redis, namespace, lambda tables, keys: None)
        await one.start()
        await other.start()
        before = one.clock
        await other.forget(["flight"], ["gone"])
        await one.put("a", b"old", ["flight"], before, 60, tell=False)
        await one.put("gone", b"old", [], before, 60, tell=False)
        await one.put("b", b"right", ["airline"], before, 60, tell=False)
        assert [await one.get(key) for key in ("a", "gone")] == [None, None]
        found = await one.get("b")
        assert found is not None
        assert (found.data, found.tables) == (b"right", {"airline"})
        assert 59 < found.seconds <= 60

        async def is_told() -> bool:
            return (["flight"], ["gone"]) in heard

        await until(is_told)
        assert one.clock == other.clock > before
        await one.put("a", b"new", ["flight"], one.clock, 60, tell=False)
        await other.put("a", b"old", ["flight"], before, 60, tell=False)
        found = await other.get("a")
        assert found is not None
        assert found.data == b"new"

        # What somebody else has written there is nobody's fault.
        await client.hset(f"{{{namespace}}}:entry:a", "tables", pack([1]))
        assert await one.get("a") is None
        for message in (b"", b"x", b"1 x", b"1 " + pack(1), b"1 " + pack(["a", 1, 2])):
            heard.clear()
            await client.publish(f"{{{namespace}}}:changes", message)

            async def is_everything() -> bool:
                return (["*"], []) in heard

            await until(is_everything)
        await one.close()
        await other.close()


async def test_a_value_that_this_process_cannot_read_is_loaded(
    redis: str, namespace: str, accounts: AndamiosEngine
) -> None:
    async with (
        CacheManager(accounts, redis=redis, namespace=namespace) as cache,
        Redis.from_url(redis) as client,
    ):
        await cache.set_cached_result("a", 1)
        await client.hset(f"{{{namespace}}}:entry:value:a", "data", b"\xc1")
        cache._levels.memory.remove("value:a")
        assert await cache.get_cached_result("a") is None
        assert await cache.get_or_load("a", lambda: balance(accounts)) == 0
        assert await cache.get_cached_result("a") == 0


@pytest.mark.parametrize(
    "url",
    ["http://geheim@host", "geheim", "redis://user:geheim@host:geheim/0", "redis://host?geheim=1", ""],
)
def test_what_is_no_url_is_refused_without_its_text(engine: AndamiosEngine, url: str) -> None:
    with pytest.raises(ConfigurationError, match="this is no URL of a Redis") as caught:
        CacheManager(engine, redis=url)
    assert "geheim" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


async def test_a_socket_is_named_by_its_path(
    accounts: AndamiosEngine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with CacheManager(accounts, redis=f"unix://{tmp_path}/redis.sock"):
        pass
    assert f"Redis at {tmp_path}/redis.sock is away" in caplog.text


async def test_it_closes_without_having_been_started(redis: str, namespace: str) -> None:
    with suppress(asyncio.CancelledError):
        await SharedCache(redis, namespace, lambda tables, keys: None).close()
