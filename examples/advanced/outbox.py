"""Publish events with the changes that they tell of, and deliver them when they are committed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy.orm import Mapped

from andamios_orm.core import create_memory_engine, run
from andamios_orm.models import TimestampedModel, UUIDKey, create_all
from andamios_orm.repositories import GenericRepository, OutboxMessage, OutboxRelay, UnitOfWork


class Outbox(OutboxMessage):
    """The messages: a table like any other."""


class Order(UUIDKey, TimestampedModel):
    """What customers buy."""

    customer: Mapped[str]
    total: Mapped[int]


class Orders(GenericRepository[Order]):
    """Orders."""


@dataclass
class OrderPlaced:
    """Tells that an order was placed."""

    order: UUID
    customer: str


engine = create_memory_engine()


class Broker:
    """Stands for a message broker, which may be away, and knows a message that it has by its id."""

    def __init__(self) -> None:
        self.away = False
        self.mails: dict[UUID, str] = {}
        self.arrived: asyncio.Queue[str] = asyncio.Queue()

    async def send(self, message: Outbox) -> None:
        """Take a message; to get it twice is as good as once."""
        if self.away:
            raise ConnectionError("the broker at amqp://shop:secret@broker is away")
        event = message.read(OrderPlaced)
        self.mails[message.id] = f"dear {event.customer}, thank you"
        await self.arrived.put(event.customer)


async def place(customer: str, total: int) -> None:
    """Place an order, and publish that."""
    async with UnitOfWork(engine, outbox=Outbox) as unit:
        order = await unit.repository(Orders).create(customer=customer, total=total)
        unit.publish(OrderPlaced(order.id, customer))
        if total <= 0:
            raise ValueError(f"no order for {total}")


async def main() -> None:
    """Place orders, some of which are refused, with a broker that is away for a time."""
    await create_all(engine)
    broker = Broker()
    relay = OutboxRelay(engine, Outbox, broker.send, attempts=2, backoff=0)

    await place("Ada", 12)
    try:
        await place("Bob", 0)
    except ValueError as error:
        print("rolled back, with its message:", error)
    print(await relay.deliver_pending(), list(broker.mails.values()))

    broker.away = True
    await place("Grace", 30)
    print(await relay.deliver_pending())
    print(await relay.deliver_pending())
    (dead,) = await relay.dead()
    print("given up:", dead.topic, "after", dead.attempts, "attempts:", dead.last_error)

    broker.away = False
    await relay.retry([dead])
    async with relay:
        await place("Alan", 7)
        for _ in ("Ada", "Grace", "Alan"):
            await broker.arrived.get()
    print("delivered in the background:", list(broker.mails.values())[1:])
    print("purged:", await relay.purge(timedelta()))
    await engine.dispose()


if __name__ == "__main__":
    run(main())
