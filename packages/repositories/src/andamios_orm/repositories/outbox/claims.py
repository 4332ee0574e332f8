"""Who delivers which message of an outbox: claims, and what becomes of them.

The rules:

* A claim is one UPDATE, which counts a delivery and puts the message off for as long as it may take. Whoever
  comes second changes no row, or meets a conflict. No transaction is open while a delivery is under way.
* A message is marked as delivered when its delivery has returned, and not before. A relay that ends in
  between has marked nothing: when the time of its claim is up, another one delivers the message again.
* What marks a failure asks whether the claim is still its own; what marks a success does not, because the
  message has been delivered, whoever has claimed it since.
* Every write sets ``attempts``. DuckDB notices conflicts column by column, and not at all when the second
  transaction sets a column to NULL that the first one set to a value.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import ColumnElement, delete, update
from sqlalchemy.sql.dml import UpdateBase

from andamios_orm.core import TransactionManager
from andamios_orm.models.timestamps import utc_now
from andamios_orm.queries import QueryBuilder
from andamios_orm.repositories.outbox.messages import OutboxMessage

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from andamios_orm.core import AsyncSession

__all__ = ["Claims"]

M = TypeVar("M", bound=OutboxMessage)

_PAGE = 100
"""Messages that are read at once."""

_REPLAYS = 50
"""How often a statement is tried that meets others: what was delivered should be marked as such."""


class Claims(Generic[M]):
    """Claim and mark the messages of an outbox, each time in a transaction of its own.

    Args:
        engine: The engine.
        model: The model of the outbox.
    """

    def __init__(self, engine: AsyncEngine, model: type[M]) -> None:
        self._model = model
        self._manager = TransactionManager(engine)

    async def due(self, now: datetime) -> list[M]:
        """Return the first messages that are due, in the order in which they were published."""
        return await self._read(_PAGE, self._model.due_at <= now)

    async def dead(self, limit: int) -> list[M]:
        """Return messages that are not tried again, in the order in which they were published."""
        return await self._read(limit, self._model.due_at.is_(None), self._model.delivered_at.is_(None))

    async def claim(self, message: M, now: datetime, time: float) -> bool:
        """Count a delivery of a message, and keep others away; return whether nobody was faster.

        Args:
            message: The message, as it was read.
            now: What `due` was asked for, so that both agree on what is due when a clock is set back.
            time: Seconds until others may claim it.
        """
        model = self._model
        seen = (model.id == message.id, model.attempts == message.attempts, model.due_at <= now)
        message.attempts += 1
        until = utc_now() + timedelta(seconds=time)
        return await self._change(*seen, attempts=message.attempts, due_at=until) == 1

    async def succeed(self, message: M) -> None:
        """Mark a message as delivered."""
        model = self._model
        waiting = (model.id == message.id, model.delivered_at.is_(None))
        await self._change(*waiting, attempts=model.attempts, due_at=None, delivered_at=utc_now())

    async def fail(self, message: M, fault: str, pause: float | None) -> None:
        """Mark a message as failed, unless others have claimed it since.

        Args:
            message: The message.
            fault: What went wrong.
            pause: Seconds until it is due again; None for never.
        """
        model = self._model
        mine = (model.id == message.id, model.attempts == message.attempts, model.delivered_at.is_(None))
        due = None if pause is None else utc_now() + timedelta(seconds=pause)
        await self._change(*mine, attempts=message.attempts, due_at=due, last_error=fault)

    async def revive(self, messages: Iterable[M]) -> int:
        """Make messages due that are dead, and return how many they are."""
        model = self._model
        keys = model.id.in_([message.id for message in messages])
        dead = (model.due_at.is_(None), model.delivered_at.is_(None))
        return await self._change(keys, *dead, attempts=0, due_at=utc_now())

    async def purge(self, before: datetime) -> int:
        """Delete messages that were delivered before a moment, and return how many they are."""
        return await self._write(delete(self._model).where(self._model.delivered_at <= before))

    async def _read(self, limit: int, *conditions: ColumnElement[bool]) -> list[M]:
        async def read(session: AsyncSession) -> list[M]:
            query = QueryBuilder(self._model, session).filter(*conditions)
            return await query.order_by("id").limit(limit).all()

        return await self._manager.run(read)

    async def _change(self, *conditions: ColumnElement[bool], attempts: Any, **values: Any) -> int:
        changed = update(self._model).where(*conditions)
        return await self._write(changed.values(attempts=attempts, **values))

    async def _write(self, statement: UpdateBase) -> int:
        async def write(session: AsyncSession) -> int:
            # Without RETURNING, for which DuckDB would write a new row, and miss the conflicts with this one.
            result: Any = await session.execute(statement, execution_options={"synchronize_session": False})
            return int(result.rowcount)

        return await self._manager.run(write, attempts=_REPLAYS)
