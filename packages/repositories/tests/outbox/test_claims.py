"""Claims of messages: what two relays make of one message, whoever is late."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import update

from andamios_orm.core import AndamiosEngine, SessionManager
from andamios_orm.models import create_all
from andamios_orm.models.timestamps import utc_now
from andamios_orm.repositories.outbox.relay import OutboxRelay

from .outbox_models import Base, Held, Outbox, Receiver, ignore, make_due, messages, publish


@pytest.fixture
async def engine(engine: AndamiosEngine) -> AndamiosEngine:
    """An engine on a database of its own, with an empty outbox."""
    await create_all(engine, Base)
    return engine


async def test_a_claim_keeps_others_away(engine: AndamiosEngine) -> None:
    other = OutboxRelay(engine, Outbox, ignore)

    async def deliver(message: Outbox) -> None:
        assert await other.deliver_pending() == (0, 0, 0)

    await publish(engine, 1)
    assert await OutboxRelay(engine, Outbox, deliver).deliver_pending() == (1, 0, 0)


async def test_a_claim_has_an_end(engine: AndamiosEngine) -> None:
    held, other = Held(), Receiver()
    await publish(engine, 1)
    task = asyncio.create_task(OutboxRelay(engine, Outbox, held).deliver_pending())
    await held.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    relay = OutboxRelay(engine, Outbox, other)
    assert await relay.deliver_pending() == (0, 0, 0)
    await make_due(engine)
    assert await relay.deliver_pending() == (1, 0, 0)
    assert other.numbers == [1]


async def test_deliveries_that_did_not_end_are_counted(engine: AndamiosEngine) -> None:
    await publish(engine, 1)
    async with SessionManager(engine) as session:
        await session.execute(update(Outbox).values(attempts=2))
    receiver = Receiver()
    assert await OutboxRelay(engine, Outbox, receiver, attempts=2).deliver_pending() == (0, 0, 1)
    assert receiver.numbers == []
    (dead,) = await OutboxRelay(engine, Outbox, receiver).dead()
    assert dead.last_error == "the last delivery was begun and did not end"


@pytest.mark.parametrize("failing", [set(), {1}])
async def test_a_late_end_takes_nothing_back(engine: AndamiosEngine, failing: set[int]) -> None:
    """A relay whose claim is over fails, or succeeds, after another one has delivered."""
    held, other = Held(failing=failing), Receiver()
    await publish(engine, 1)
    task = asyncio.create_task(OutboxRelay(engine, Outbox, held).deliver_pending())
    await held.begun.wait()
    await make_due(engine)
    assert await OutboxRelay(engine, Outbox, other).deliver_pending() == (1, 0, 0)
    (before,) = await messages(engine)
    held.gate.set()
    await task
    (after,) = await messages(engine)
    assert before.to_dict() == after.to_dict()


async def test_a_late_failure_leaves_the_claim_of_another(engine: AndamiosEngine) -> None:
    first, second = Held(failing={1}), Held()
    await publish(engine, 1)
    tasks = [asyncio.create_task(OutboxRelay(engine, Outbox, first).deliver_pending())]
    await first.begun.wait()
    await make_due(engine)
    tasks.append(asyncio.create_task(OutboxRelay(engine, Outbox, second).deliver_pending()))
    await second.begun.wait()
    first.gate.set()
    await tasks[0]
    (found,) = await messages(engine)
    assert (found.attempts, found.last_error) == (2, None)
    second.gate.set()
    assert await tasks[1] == (1, 0, 0)


async def test_a_late_success_counts(engine: AndamiosEngine) -> None:
    held = Held()
    await publish(engine, 1)
    task = asyncio.create_task(OutboxRelay(engine, Outbox, held).deliver_pending())
    await held.begun.wait()
    await make_due(engine)
    failing = OutboxRelay(engine, Outbox, Receiver(failing={1}), attempts=2)
    assert await failing.deliver_pending() == (0, 0, 1)
    held.gate.set()
    assert await task == (1, 0, 0)
    assert await failing.dead() == []


@pytest.mark.parametrize("failing", [False, True])
async def test_a_mark_meets_the_claim_of_another(
    engine: AndamiosEngine, caplog: pytest.LogCaptureFixture, failing: bool
) -> None:
    """It waits for it: a success counts all the same, and a failure leaves it."""
    caplog.set_level("INFO", "andamios_orm.core.transactions")
    claims: list[asyncio.Task[None]] = []
    claimed = asyncio.Event()

    async def claim() -> None:
        async with SessionManager(engine) as session:
            await session.execute(update(Outbox).values(attempts=2, due_at=utc_now() + timedelta(hours=1)))
            claimed.set()
            while "is replayed after TransactionConflictError" not in caplog.text:
                await asyncio.sleep(0.001)

    async def deliver(message: Outbox) -> None:
        claims.append(asyncio.create_task(claim()))
        await claimed.wait()
        if failing:
            raise ConnectionError

    await publish(engine, 1)
    await OutboxRelay(engine, Outbox, deliver, attempts=1).deliver_pending()
    await claims[0]
    (found,) = await messages(engine)
    assert (found.attempts, found.last_error) == (2, None)
    assert (found.due_at is None, found.delivered_at is None) == (not failing, failing)
