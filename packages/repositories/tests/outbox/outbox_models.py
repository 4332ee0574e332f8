"""An outbox, what is published to it, and a place for what is delivered."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from pydantic import BaseModel as PydanticModel
from pydantic import ConfigDict, Field
from sqlalchemy import MetaData, update
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import Mapped

from andamios_orm.core import SessionManager
from andamios_orm.models import NAMING_CONVENTION, BaseModel, IntegerKey
from andamios_orm.queries import QueryBuilder
from andamios_orm.repositories.outbox.messages import OutboxMessage
from andamios_orm.repositories.unit_of_work import UnitOfWork

__all__ = [
    "Base",
    "Held",
    "Order",
    "OrderPlaced",
    "Outbox",
    "Paid",
    "Receiver",
    "ignore",
    "make_due",
    "messages",
    "publish",
]


class Base(BaseModel):
    """The models of these tests; nothing else shares their metadata."""

    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Outbox(OutboxMessage, Base):
    """The messages."""

    __tablename__ = "repository_outbox"


class Order(IntegerKey, Base):
    """What the messages tell of."""

    __tablename__ = "repository_orders"

    changes: Mapped[int]


@dataclass
class OrderPlaced:
    """An event that is a dataclass."""

    number: int
    total: Decimal = Decimal("9.50")
    lines: list[str] = field(default_factory=list)


class Paid(PydanticModel):
    """An event that is a pydantic model, whose field is called otherwise outside."""

    model_config = ConfigDict(populate_by_name=True)

    order: UUID = Field(alias="orderId")
    moment: datetime


class Receiver:
    """Takes messages, and fails where it is told to."""

    def __init__(self, *, failing: set[int] | None = None) -> None:
        self.numbers: list[int] = []
        self.failing = set() if failing is None else failing

    async def __call__(self, message: Outbox) -> None:
        """Take a message."""
        number = message.read(OrderPlaced).number
        if number in self.failing:
            raise ConnectionError(f"no broker at amqp://ada:secret@broker/{number}")
        self.numbers.append(number)


async def ignore(message: Outbox) -> None:
    """Take a message and be done."""


class Held(Receiver):
    """Takes messages, each as long as its gate is shut."""

    def __init__(self, *, failing: set[int] | None = None) -> None:
        super().__init__(failing=failing)
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()

    async def __call__(self, message: Outbox) -> None:
        self.begun.set()
        await self.gate.wait()
        await super().__call__(message)


async def publish(engine: AsyncEngine, *numbers: int) -> None:
    """Publish that orders were placed, in one transaction."""
    async with UnitOfWork(engine, outbox=Outbox) as unit:
        for number in numbers:
            unit.publish(OrderPlaced(number))


async def messages(engine: AsyncEngine) -> list[Outbox]:
    """Return the messages in the order in which they were published."""
    async with SessionManager(engine) as session:
        return await QueryBuilder(Outbox, session).order_by("id").all()


async def make_due(engine: AsyncEngine) -> None:
    """Let the time of claims and pauses be over."""
    waiting = update(Outbox).where(Outbox.due_at.is_not(None))
    async with SessionManager(engine) as session:
        await session.execute(waiting.values(due_at=Outbox.created_at))
