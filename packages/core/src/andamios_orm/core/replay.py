"""Run a unit of work again from its start while its failure is one that passes.

Each attempt has a fresh session and a transaction of its own. The pauses between attempts grow and vary, so
that those who met once do not meet again.
"""

from __future__ import annotations

import asyncio
import logging
import math
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

from tenacity import (
    AsyncRetrying,
    RetryError,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from andamios_orm.core.errors import ConfigurationError, QueryTimeoutError, RetriesExhaustedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tenacity import Future, RetryCallState

    from andamios_orm.core.session import AsyncSession, SessionManager

__all__ = ["Replay"]

T = TypeVar("T")

_logger = logging.getLogger("andamios_orm.core.transactions")

_FIRST_PAUSE = 0.01
"""Seconds of the first pause at most; it doubles from attempt to attempt."""


@dataclass(frozen=True)
class Replay:
    """How often, for which failures and with which pauses a unit of work is replayed.

    Attributes:
        passes: Whether a failure is one that passes, and whether nothing of the attempt was written. The
            second argument tells whether it was the commit that failed.
        attempts: How often it is tried at most.
        longest_pause: Seconds of a pause at most; the first one is much shorter.
        timeout: Seconds for all attempts together; a commit that has started is waited for.
        on_retry: Called before each further attempt, with the failure that made it necessary.

    Raises:
        ConfigurationError: There is no attempt.
    """

    passes: Callable[[BaseException, bool], bool]
    attempts: int
    longest_pause: float
    timeout: float | None = None
    on_retry: Callable[[BaseException], object] | None = None

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ConfigurationError(f"a unit of work needs at least one attempt, not {self.attempts}")

    async def run(
        self, opened: Callable[[], SessionManager], work: Callable[[AsyncSession], Awaitable[T]]
    ) -> T:
        """Run ``work`` in a session that ``opened`` makes, and commit it.

        Raises:
            RetriesExhaustedError: Every attempt failed, the last one too with a failure that passes.
            QueryTimeoutError: The time was up; nothing was written.
        """
        deadline = math.inf if self.timeout is None else asyncio.get_running_loop().time() + self.timeout
        committing = False

        async def attempt() -> T:
            nonlocal committing
            committing = False
            async with opened() as session:
                async with self._until(deadline):
                    result = await work(session)
                    await session.flush()
                committing = True
                return result

        retrying = AsyncRetrying(
            stop=stop_after_attempt(self.attempts),
            wait=wait_random_exponential(multiplier=_FIRST_PAUSE, max=self.longest_pause),
            retry=retry_if_exception(lambda error: self.passes(error, committing)),
            before_sleep=self._report,
            sleep=partial(_sleep_until, deadline),
        )
        try:
            return await retrying(attempt)
        except RetryError as error:
            last = cast("BaseException", error.last_attempt.exception())
            raise RetriesExhaustedError(self.attempts, last) from last

    @asynccontextmanager
    async def _until(self, deadline: float) -> AsyncIterator[None]:
        if self.timeout is None:
            yield
            return
        try:
            async with asyncio.timeout_at(deadline) as limit:
                yield
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise QueryTimeoutError.of("the unit of work", self.timeout) from error

    def _report(self, state: RetryCallState) -> None:
        failure = cast("BaseException", cast("Future", state.outcome).exception())
        # Without its text, which may hold parameters.
        _logger.info("attempt %d is replayed after %s", state.attempt_number, type(failure).__name__)
        if self.on_retry is not None:
            self.on_retry(failure)


async def _sleep_until(deadline: float, seconds: float) -> None:
    await asyncio.sleep(min(seconds, max(deadline - asyncio.get_running_loop().time(), 0)))
