"""What a relay delivers, marks, tries again and gives up, whatever happens in between."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncEngine

from andamios_orm.core import AndamiosEngine, SessionManager, create_engine, create_file_engine
from andamios_orm.core.errors import ConfigurationError, DatabaseError
from andamios_orm.models import create_all, drop_all
from andamios_orm.models.timestamps import utc_now
from andamios_orm.repositories.outbox.relay import DeliveryCounts, OutboxRelay
from andamios_orm.repositories.unit_of_work import UnitOfWork

from ..test_databases import URLS, reachable
from .outbox_models import (
    Base,
    Held,
    Order,
    OrderPlaced,
    Outbox,
    Receiver,
    ignore,
    make_due,
    messages,
    publish,
)

LONG = 3600.0
"""Seconds that no test waits for."""


@pytest.fixture
async def engine(engine: AndamiosEngine) -> AndamiosEngine:
    """An engine on a database of its own, with an empty outbox."""
    await create_all(engine, Base)
    return engine


@pytest.fixture(params=["duckdb", *URLS])
async def each_engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """An engine on each of the databases, with an empty outbox."""
    url = "duckdb:///:memory:" if request.param == "duckdb" else reachable(request.param, tmp_path)
    engine = create_engine(url)
    await drop_all(engine, Base)
    await create_all(engine, Base)
    yield engine
    await drop_all(engine, Base)
    await engine.dispose()


class TestEachDatabase:
    async def test_what_is_committed_is_delivered_in_order(self, each_engine: AsyncEngine) -> None:
        receiver = Receiver()
        await publish(each_engine, 1, 2, 3)
        with pytest.raises(LookupError):
            async with UnitOfWork(each_engine, outbox=Outbox) as unit:
                unit.publish(OrderPlaced(4))
                await unit.session.flush()
                raise LookupError
        await publish(each_engine, 5)
        relay = OutboxRelay(each_engine, Outbox, receiver)
        assert await relay.deliver_pending() == DeliveryCounts(delivered=4)
        assert await relay.deliver_pending() == DeliveryCounts()
        assert receiver.numbers == [1, 2, 3, 5]

    async def test_a_failure_is_tried_again_and_given_up(self, each_engine: AsyncEngine) -> None:
        receiver = Receiver(failing={2})
        relay = OutboxRelay(each_engine, Outbox, receiver, attempts=2)
        await publish(each_engine, 1, 2, 3)
        assert await relay.deliver_pending() == (2, 1, 0)
        await make_due(each_engine)
        assert await relay.deliver_pending() == (0, 0, 1)
        (dead,) = await relay.dead()
        receiver.failing.clear()
        assert await relay.retry([dead]) == 1
        assert await relay.deliver_pending() == (1, 0, 0)
        assert receiver.numbers == [1, 3, 2]

    async def test_relays_share_the_messages(self, each_engine: AsyncEngine) -> None:
        numbers: list[int] = []

        async def deliver(message: Outbox) -> None:
            numbers.append(message.read(OrderPlaced).number)
            await asyncio.sleep(0)

        await publish(each_engine, *range(150))
        relays = [OutboxRelay(each_engine, Outbox, deliver) for _ in range(3)]
        counts = await asyncio.gather(*(relay.deliver_pending() for relay in relays))
        assert sorted(numbers) == list(range(150))
        assert sum(each.delivered for each in counts) == 150
        assert all(message.attempts == 1 for message in await messages(each_engine))

    async def test_what_was_delivered_is_purged(self, each_engine: AsyncEngine) -> None:
        relay = OutboxRelay(each_engine, Outbox, Receiver(failing={2}))
        await publish(each_engine, 1, 2)
        await relay.deliver_pending()
        assert await relay.purge(timedelta(hours=1)) == 0
        assert await relay.purge(timedelta()) == 1
        assert [message.payload["number"] for message in await messages(each_engine)] == [2]


class TestDelivery:
    async def test_it_is_marked_when_it_has_returned(self, engine: AndamiosEngine) -> None:
        async def deliver(message: Outbox) -> None:
            (found,) = await messages(engine)
            assert (found.attempts, found.delivered_at) == (1, None)
            assert found.due_at is not None
            assert found.due_at > utc_now()

        await publish(engine, 1)
        assert await OutboxRelay(engine, Outbox, deliver).deliver_pending() == (1, 0, 0)
        (found,) = await messages(engine)
        assert (found.attempts, found.due_at, found.last_error) == (1, None, None)
        assert found.delivered_at is not None

    async def test_what_is_not_committed_is_not_delivered(self, engine: AndamiosEngine) -> None:
        relay = OutboxRelay(engine, Outbox, ignore)
        async with UnitOfWork(engine, outbox=Outbox) as unit:
            unit.publish(OrderPlaced(1))
            await unit.session.flush()
            assert await relay.deliver_pending() == (0, 0, 0)
        assert await relay.deliver_pending() == (1, 0, 0)

    async def test_what_is_published_meanwhile_waits_for_the_next_call(self, engine: AndamiosEngine) -> None:
        async def deliver(message: Outbox) -> None:
            await publish(engine, message.read(OrderPlaced).number + 1)

        await publish(engine, 1)
        relay = OutboxRelay(engine, Outbox, deliver)
        assert [await relay.deliver_pending() for _ in range(3)] == [(1, 0, 0)] * 3

    async def test_more_than_a_page_is_delivered(self, engine: AndamiosEngine) -> None:
        receiver = Receiver()
        await publish(engine, *range(120))
        assert await OutboxRelay(engine, Outbox, receiver).deliver_pending() == (120, 0, 0)
        assert receiver.numbers == list(range(120))

    async def test_a_failure_is_recorded_without_credentials(
        self, engine: AndamiosEngine, caplog: pytest.LogCaptureFixture
    ) -> None:
        await publish(engine, 7)
        await OutboxRelay(engine, Outbox, Receiver(failing={7})).deliver_pending()
        (found,) = await messages(engine)
        assert found.last_error == "ConnectionError: no broker at amqp://ada:***@broker/7"
        assert "delivery 1 of 10 failed: ConnectionError" in caplog.text
        assert "secret" not in caplog.text

    async def test_any_text_of_an_error_is_kept(self, engine: AndamiosEngine) -> None:
        async def deliver(message: Outbox) -> None:
            raise LookupError("\0\ud800" + "x" * 5_000)

        await publish(engine, 1)
        await OutboxRelay(engine, Outbox, deliver).deliver_pending()
        (found,) = await messages(engine)
        assert (found.last_error or "")[:17] == "LookupError: ?xxx"
        assert len(found.last_error or "") <= 2_000

    @pytest.mark.parametrize(
        ("attempts", "pause"), [(0, 100), (1, 200), (3, 800), (5, 3_200), (6, 3_600), (5_000, 3_600)]
    )
    async def test_pauses_double_up_to_an_hour(
        self, engine: AndamiosEngine, attempts: int, pause: int
    ) -> None:
        await publish(engine, 1)
        async with SessionManager(engine) as session:
            await session.execute(update(Outbox).values(attempts=attempts))
        relay = OutboxRelay(engine, Outbox, Receiver(failing={1}), attempts=10_000, backoff=100)
        before = utc_now()
        assert await relay.deliver_pending() == (0, 1, 0)
        (found,) = await messages(engine)
        assert found.due_at is not None
        assert before <= found.due_at - timedelta(seconds=pause) <= utc_now()

    async def test_a_delivery_has_a_time(self, engine: AndamiosEngine) -> None:
        async def deliver(message: Outbox) -> None:
            await asyncio.Event().wait()

        await publish(engine, 1)
        relay = OutboxRelay(engine, Outbox, deliver, timeout=0.01)
        assert await relay.deliver_pending() == (0, 1, 0)
        assert [found.last_error for found in await messages(engine)] == ["TimeoutError"]

    async def test_a_cancellation_of_something_else_is_a_failure(self, engine: AndamiosEngine) -> None:
        async def deliver(message: Outbox) -> None:
            task = asyncio.create_task(asyncio.Event().wait())
            task.cancel()
            await task

        await publish(engine, 1)
        assert await OutboxRelay(engine, Outbox, deliver).deliver_pending() == (0, 1, 0)
        assert [found.last_error for found in await messages(engine)] == ["CancelledError"]

    async def test_dead_ones_wait_for_nothing(self, engine: AndamiosEngine) -> None:
        receiver = Receiver(failing={1, 2, 3})
        relay = OutboxRelay(engine, Outbox, receiver, attempts=1)
        await publish(engine, 1, 2, 3)
        assert await relay.deliver_pending() == (0, 0, 3)
        await make_due(engine)
        assert await relay.deliver_pending() == (0, 0, 0)
        assert [each.read(OrderPlaced).number for each in await relay.dead(limit=2)] == [1, 2]

    async def test_only_dead_ones_are_retried(self, engine: AndamiosEngine) -> None:
        relay = OutboxRelay(engine, Outbox, Receiver(failing={2, 3}), attempts=1)
        await publish(engine, 1, 2, 3)
        await relay.deliver_pending()
        assert await relay.retry([]) == 0
        every = await messages(engine)
        assert await relay.retry(every) == 2
        assert await relay.retry(every) == 0
        assert [message.attempts for message in await messages(engine)] == [1, 0, 0]


class TestRun:
    async def test_a_commit_wakes_it(self, engine: AndamiosEngine) -> None:
        arrived: asyncio.Queue[int] = asyncio.Queue()

        async def deliver(message: Outbox) -> None:
            await arrived.put(message.read(OrderPlaced).number)

        async with OutboxRelay(engine, Outbox, deliver, interval=LONG):
            for number in range(5):
                await publish(engine, number)
                assert await arrived.get() == number

    async def test_a_retry_wakes_it(self, engine: AndamiosEngine) -> None:
        receiver, arrived = Receiver(failing={1}), asyncio.Event()

        async def deliver(message: Outbox) -> None:
            await receiver(message)
            arrived.set()

        relay = OutboxRelay(engine, Outbox, deliver, attempts=1, interval=LONG)
        await publish(engine, 1)
        await relay.deliver_pending()
        receiver.failing.clear()
        async with relay:
            await asyncio.sleep(0.01)
            await relay.retry(await relay.dead())
            await arrived.wait()

    async def test_it_finds_what_others_have_written(self, engine: AndamiosEngine) -> None:
        arrived = asyncio.Event()

        async def deliver(message: Outbox) -> None:
            arrived.set()

        async with OutboxRelay(engine, Outbox, deliver, interval=0.01):
            async with SessionManager(engine) as session:
                session.add(Outbox.of(OrderPlaced(1)))
            await arrived.wait()

    async def test_the_end_waits_for_the_delivery_under_way(self, engine: AndamiosEngine) -> None:
        held = Held()
        await publish(engine, 1, 2)
        relay = OutboxRelay(engine, Outbox, held, interval=LONG)
        async with relay:
            await held.begun.wait()
            asyncio.get_running_loop().call_soon(held.gate.set)
        assert held.numbers == [1]
        assert [message.delivered_at is None for message in await messages(engine)] == [False, True]
        assert await relay.deliver_pending() == (1, 0, 0)

    async def test_an_error_inside_ends_it_as_well(self, engine: AndamiosEngine) -> None:
        held = Held()
        await publish(engine, 1)
        with pytest.raises(LookupError):
            async with OutboxRelay(engine, Outbox, held):
                await held.begun.wait()
                asyncio.get_running_loop().call_soon(held.gate.set)
                raise LookupError
        assert held.numbers == [1]

    async def test_who_is_cancelled_at_the_end_cancels_the_delivery(self, engine: AndamiosEngine) -> None:
        held, leaving = Held(), asyncio.Event()

        async def use() -> None:
            async with OutboxRelay(engine, Outbox, held):
                await held.begun.wait()
                leaving.set()

        await publish(engine, 1)
        task = asyncio.create_task(use())
        await leaving.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        held.gate.set()
        assert held.numbers == []

    async def test_it_runs_again_after_its_end(self, engine: AndamiosEngine) -> None:
        receiver = Receiver()
        relay = OutboxRelay(engine, Outbox, receiver, interval=0.01)
        for number in range(2):
            await publish(engine, number)
            async with relay:
                while number not in receiver.numbers:
                    await asyncio.sleep(0)
        assert receiver.numbers == [0, 1]

    async def test_it_runs_once_at_a_time(self, engine: AndamiosEngine) -> None:
        async with OutboxRelay(engine, Outbox, ignore) as relay:
            with pytest.raises(ConfigurationError, match="this OutboxRelay runs already"):
                await relay.__aenter__()

    async def test_a_failure_of_the_database_does_not_end_it(
        self, engine: AndamiosEngine, caplog: pytest.LogCaptureFixture
    ) -> None:
        arrived = asyncio.Event()

        async def deliver(message: Outbox) -> None:
            arrived.set()

        await drop_all(engine, Base)
        async with OutboxRelay(engine, Outbox, deliver, interval=0.01):
            while "the outbox Outbox failed: ProgrammingError" not in caplog.text:
                await asyncio.sleep(0.001)
            await create_all(engine, Base)
            await publish(engine, 1)
            await arrived.wait()

    async def test_a_failure_of_the_database_is_told_to_who_asks(self, engine: AndamiosEngine) -> None:
        await drop_all(engine, Base)
        with pytest.raises(DatabaseError):
            await OutboxRelay(engine, Outbox, ignore).deliver_pending()

    async def test_a_cancellation_ends_it(self, engine: AndamiosEngine) -> None:
        held = Held()
        await publish(engine, 1)
        task = asyncio.create_task(OutboxRelay(engine, Outbox, held).run())
        await held.begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [message.delivered_at for message in await messages(engine)] == [None]


class Broker:
    async def send(self, message: Outbox) -> None: ...


BAD: list[tuple[dict[str, Any], str]] = [
    ({"engine": "duckdb:///"}, "OutboxRelay needs an engine"),
    ({"model": Order}, r"OutboxRelay needs a model as its outbox, class Outbox\(OutboxMessage\), not Order"),
    ({"deliver": print}, r"deliver is a coroutine function \(async def\), not <built-in"),
    ({"deliver": lambda message: None}, "deliver is a coroutine function"),
    ({"deliver": None}, "deliver is a coroutine function"),
    ({"attempts": 0}, "a message needs at least one attempt: attempts=0"),
    ({"attempts": 1.5}, "a message needs at least one attempt"),
    ({"backoff": -1}, "backoff is a number of seconds"),
    ({"timeout": 0}, "timeout is a positive number of seconds"),
    ({"interval": 0}, "interval is a positive number of seconds"),
]


class TestArguments:
    @pytest.mark.parametrize(("wrong", "why"), BAD)
    async def test_wrong_ones_are_refused(
        self, engine: AndamiosEngine, wrong: dict[str, Any], why: str
    ) -> None:
        arguments: dict[str, Any] = {"engine": engine, "model": Outbox, "deliver": ignore}
        with pytest.raises(ConfigurationError, match=why):
            OutboxRelay(**arguments | wrong)

    @pytest.mark.parametrize("deliver", [ignore, Broker().send, partial(Broker.send, Broker()), Receiver()])
    async def test_what_is_awaited_may_deliver(self, engine: AndamiosEngine, deliver: Any) -> None:
        await publish(engine, 1)
        assert await OutboxRelay(engine, Outbox, deliver).deliver_pending() == (1, 0, 0)

    @pytest.mark.parametrize("older_than", [3600, timedelta(seconds=-1), None])
    async def test_a_wrong_age_is_refused(self, engine: AndamiosEngine, older_than: Any) -> None:
        with pytest.raises(ConfigurationError, match="older_than is a timedelta of at least 0"):
            await OutboxRelay(engine, Outbox, ignore).purge(older_than)


class Shop:
    """Changes few orders from many tasks at once, and publishes each change; some of them are rolled back."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.committed: set[int] = set()
        self.random = random.Random(7)

    async def open(self) -> None:
        async with SessionManager(self.engine) as session:
            await session.execute(insert(Order), [{"id": key, "changes": 0} for key in (1, 2)])

    async def change(self, number: int) -> None:
        async def work(unit: UnitOfWork) -> None:
            one = update(Order).where(Order.id == 1 + number % 2)
            await unit.session.execute(one.values(changes=Order.changes + 1))
            unit.publish(OrderPlaced(number))
            await unit.session.flush()
            if number % 5 == 0:
                raise LookupError

        try:
            await UnitOfWork(self.engine, outbox=Outbox).run(work, attempts=200)
        except LookupError:
            return
        self.committed.add(number)

    async def changed(self, numbers: range) -> None:
        for number in numbers:
            await self.change(number)


@pytest.mark.parametrize("each_engine", ["duckdb", "postgresql", "mariadb"], indirect=True)
async def test_nothing_is_lost_and_nothing_is_made_up(each_engine: AsyncEngine) -> None:
    """Conflicts, rollbacks, failing deliveries, and a relay that is killed in the middle."""
    shop, delivered, chance = Shop(each_engine), [], random.Random(8)
    await shop.open()

    async def deliver(message: Outbox) -> None:
        await asyncio.sleep(0)
        if chance.random() < 0.2:
            raise ConnectionError
        delivered.append(message.read(OrderPlaced).number)
        await asyncio.sleep(0)
        if chance.random() < 0.1:
            raise ConnectionError

    def relay() -> OutboxRelay[Outbox]:
        return OutboxRelay(
            each_engine, Outbox, deliver, attempts=1_000, backoff=0.01, timeout=0.2, interval=0.01
        )

    killed = asyncio.create_task(relay().run())
    async with relay(), relay():
        shops = [asyncio.create_task(shop.changed(range(at, 100, 5))) for at in range(5)]
        while len(delivered) < 20:
            await asyncio.sleep(0.001)
        killed.cancel()
        await asyncio.gather(*shops)
        while any(message.delivered_at is None for message in await messages(each_engine)):
            await asyncio.sleep(0.01)
    assert shop.committed == set(delivered) == {number for number in range(100) if number % 5}
    async with SessionManager(each_engine) as session:
        changes = [(await session.get_one(Order, key)).changes for key in (1, 2)]
    assert changes == [40, 40]
    assert killed.cancelled()


KILLED = """
import asyncio, os, signal, sys

sys.path.insert(0, sys.argv[1])
from pathlib import Path
from andamios_orm.core import create_file_engine
from andamios_orm.models import create_all
from andamios_orm.repositories.outbox.relay import OutboxRelay
from outbox_models import Base, Outbox, publish


async def deliver(message):
    print(message.id, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


async def main():
    engine = create_file_engine(Path(sys.argv[2]))
    await create_all(engine, Base)
    await publish(engine, 1)
    await OutboxRelay(engine, Outbox, deliver, timeout=0.01).deliver_pending()


asyncio.run(main())
"""
"""A process that ends when it has delivered a message and has not marked it."""


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
async def test_a_process_that_ended_has_lost_nothing(tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", KILLED, str(Path(__file__).parent), str(tmp_path / "shop.duckdb")]
    process = await asyncio.create_subprocess_exec(*arguments, stdout=subprocess.PIPE)
    said, _ = await process.communicate()
    again = asyncio.Event()
    keys: list[str] = []

    async def deliver(message: Outbox) -> None:
        keys.append(str(message.id))
        again.set()

    engine = create_file_engine(tmp_path / "shop.duckdb")
    async with OutboxRelay(engine, Outbox, deliver, interval=0.01):
        await again.wait()
    assert (process.returncode, keys) == (-9, [said.decode().strip()])
    (message,) = await messages(engine)
    assert (message.attempts, message.delivered_at is None) == (2, False)
    await engine.dispose()
