"""The relay: what delivers the messages of an outbox, each at least once."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Self, TypeVar

from andamios_orm.core.arguments import engine_of, seconds
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.core.observability.redaction import redacted_text
from andamios_orm.models.timestamps import utc_now
from andamios_orm.repositories.outbox.claims import Claims
from andamios_orm.repositories.outbox.messages import OutboxMessage, listening, outbox_of, wake

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

__all__ = ["DeliveryCounts", "OutboxRelay"]

M = TypeVar("M", bound=OutboxMessage)

_logger = logging.getLogger("andamios_orm.repositories.outbox")

_LONGEST_BACKOFF = 3600.0
"""Seconds between two deliveries of a message at most."""

_LONGEST_ERROR = 2000
"""Characters of an error that are kept."""


class DeliveryCounts(NamedTuple):
    """What `OutboxRelay.deliver_pending` did.

    Attributes:
        delivered: How many messages were delivered.
        failed: How many deliveries failed that will be tried again.
        dead: How many messages will not be tried again.
    """

    delivered: int = 0
    failed: int = 0
    dead: int = 0


class OutboxRelay(Generic[M]):
    """Deliver the messages of an outbox, each at least once, one after the other.

    In ``async with`` it runs in a task of its own, and at the end it finishes the delivery under way.
    Messages are delivered in the order in which they were published; one that fails is tried later, and does
    not hold up the others. Several relays share the work, in no order.

    A message may be delivered twice: when a relay ends between a delivery and its mark, when a delivery that
    was stopped had its effect, or when the clocks of relays differ by more than ``timeout``. Its ``id`` stays
    the same.

    Args:
        engine: The engine.
        model: The model of the outbox.
        deliver: A coroutine function that gets the message; what it raises makes the delivery fail.
        attempts: How many deliveries of a message are begun at most, also by relays that ended meanwhile.
        backoff: Seconds until the second delivery; they double from one to the next, up to an hour.
        timeout: Seconds that a delivery may take. A message whose relay has ended is delivered again after
            twice as long.
        interval: Seconds between two looks at the outbox while nothing is published in this process.

    Raises:
        ConfigurationError: An argument is none of these.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        model: type[M],
        deliver: Callable[[M], Awaitable[object]],
        *,
        attempts: int = 10,
        backoff: float = 1.0,
        timeout: float = 60.0,
        interval: float = 1.0,
    ) -> None:
        outbox_of(model, type(self).__name__)
        if not _is_coroutine_function(deliver):
            raise ConfigurationError(f"deliver is a coroutine function (async def), not {deliver!r}")
        if not isinstance(attempts, int) or attempts < 1:
            raise ConfigurationError(f"a message needs at least one attempt: attempts={attempts!r}")
        self._model = model
        self._deliver = deliver
        self._attempts = attempts
        self._backoff = seconds("backoff", backoff)
        self._timeout = seconds("timeout", timeout, positive=True)
        self._interval = seconds("interval", interval, positive=True)
        self._claims = Claims(engine_of(engine, type(self).__name__), model)
        self._running: list[asyncio.Task[None]] = []
        self._stopping = False

    async def __aenter__(self) -> Self:
        if self._running:
            raise ConfigurationError("this OutboxRelay runs already: make one for each `async with`")
        self._running.append(asyncio.create_task(self.run()))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopping = True
        wake(self._model)
        try:
            # Whoever is cancelled meanwhile cancels it, too.
            await self._running[0]
        finally:
            self._running.clear()
            self._stopping = False

    async def run(self) -> None:
        """Deliver what is published, until it is cancelled.

        It looks at the outbox after each commit of this process that published, and at each interval. A
        failure of the database is logged, and the next look may succeed. A cancellation stops the delivery
        under way; its message is delivered again.
        """
        with listening(self._model) as woken:
            while not self._stopping:
                woken.clear()
                try:
                    await self.deliver_pending()
                except Exception as error:
                    _logger.error("the outbox %s failed: %s", self._model.__name__, _described(error))
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._interval):
                        await woken.wait()

    async def deliver_pending(self) -> DeliveryCounts:
        """Deliver the messages that are due now, and return what became of them.

        Raises:
            DatabaseError: The database failed; what was delivered and not marked is delivered again.
        """
        now = utc_now()
        outcomes: Counter[str] = Counter()
        while page := await self._claims.due(now):
            for message in page:
                if self._stopping:
                    return DeliveryCounts(**outcomes)
                if await self._claims.claim(message, now, 2 * self._timeout):
                    outcomes[await self._attempt(message)] += 1
        return DeliveryCounts(**outcomes)

    async def dead(self, limit: int = 1000) -> list[M]:
        """Return the messages that are not tried again, in the order in which they were published.

        Args:
            limit: How many at most.
        """
        return await self._claims.dead(limit)

    async def retry(self, messages: Iterable[M]) -> int:
        """Let messages that `dead` returned be delivered after all; return how many they are.

        Their attempts are counted anew.
        """
        revived = await self._claims.revive(messages)
        wake(self._model)
        return revived

    async def purge(self, older_than: timedelta) -> int:
        """Delete messages that were delivered longer ago than a time; return how many they are.

        Raises:
            ConfigurationError: ``older_than`` is no ``timedelta``, or negative.
        """
        if not isinstance(older_than, timedelta) or older_than < timedelta():
            raise ConfigurationError(f"older_than is a timedelta of at least 0, not {older_than!r}")
        return await self._claims.purge(utc_now() - older_than)

    async def _attempt(self, message: M) -> str:
        fault = await self._fault(message)
        if fault is None:
            await self._claims.succeed(message)
            return "delivered"
        _logger.warning(
            "%s %s (%s): delivery %d of %d failed: %s",
            *(self._model.__name__, message.id, message.topic, message.attempts, self._attempts, fault),
        )
        is_dead = message.attempts >= self._attempts
        await self._claims.fail(message, fault, None if is_dead else self._pause(message.attempts))
        return "dead" if is_dead else "failed"

    async def _fault(self, message: M) -> str | None:
        if message.attempts > self._attempts:
            return "the last delivery was begun and did not end"
        try:
            async with asyncio.timeout(self._timeout):
                await self._deliver(message)
        except Exception as error:
            return _described(error)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Nobody cancels this task: it is something that the delivery waited for.
            return _described(error)
        return None

    def _pause(self, attempts: int) -> float:
        doublings = min(attempts - 1, 60)
        return min(self._backoff * 2.0**doublings, _LONGEST_BACKOFF)


def _is_coroutine_function(given: Any) -> bool:
    return callable(given) and any(map(inspect.iscoroutinefunction, (given, type(given).__call__)))


def _described(error: BaseException) -> str:
    text = redacted_text(str(getattr(error, "orig", None) or error))
    said = f"{type(error).__name__}: {text}" if text else type(error).__name__
    # No database keeps these as text.
    return said[:_LONGEST_ERROR].replace("\0", "").encode(errors="replace").decode()
