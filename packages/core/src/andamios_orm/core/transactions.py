"""Run units of work in transactions, and replay them when another transaction was faster."""

from __future__ import annotations

import inspect
import logging
from contextlib import asynccontextmanager
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from andamios_orm.core.arguments import engine_of
from andamios_orm.core.errors import AndamiosError
from andamios_orm.core.replay import Replay
from andamios_orm.core.session import SessionManager, current_session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSessionTransaction

    from andamios_orm.core.session import AsyncSession

__all__ = ["TransactionManager", "transactional"]

T = TypeVar("T")
P = ParamSpec("P")

_logger = logging.getLogger("andamios_orm.core.transactions")

_ATTEMPTS = 5

_LONGEST_PAUSE = 1.0
"""Seconds of a pause between two attempts at most."""


class TransactionManager:
    """Run units of work, each in a session and a transaction of its own.

    A unit of work is a coroutine function that gets the session. The session is the current one of its task,
    so that what it calls finds it. One manager serves any number of tasks.

    Args:
        engine: The engine.
        read_only: Whether the engine is to refuse writes.
        on_retry: Called before each further attempt, with the conflict that made it necessary.
        options: Options of `AsyncSession`.

    Raises:
        ConfigurationError: ``engine`` is no engine.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        read_only: bool = False,
        on_retry: Callable[[BaseException], object] | None = None,
        **options: Any,
    ) -> None:
        self._engine = engine_of(engine, type(self).__name__)
        self._on_retry = on_retry
        self._options = options | {"read_only": read_only}

    async def execute_in_transaction(
        self, operations: Sequence[Callable[[AsyncSession], Awaitable[T]]]
    ) -> list[T]:
        """Run operations one after the other in one transaction, and return their results.

        The first error rolls all of them back.
        """
        async with SessionManager(self._engine, **self._options) as session:
            return [await operation(session) for operation in operations]

    async def run(
        self,
        work: Callable[[AsyncSession], Awaitable[T]],
        *,
        attempts: int = _ATTEMPTS,
        timeout: float | None = None,
    ) -> T:
        """Run a unit of work and commit it; replay it from its start when another transaction was faster.

        Each attempt has a fresh session, so ``work`` must not keep objects of an earlier one. It runs as
        often as it is tried: what must happen once belongs into ``session.on_commit()``.

        Args:
            work: The unit of work.
            attempts: How often it is tried at most, with pauses that grow and vary between.
            timeout: Seconds for all attempts together. A commit that has started is waited for.

        Returns:
            What ``work`` returned in the attempt that was committed.

        Raises:
            RetriesExhaustedError: Every attempt met a conflict.
            QueryTimeoutError: The time was up; nothing was written.
            AndamiosError: What else failed is not tried again.
        """
        replay = Replay(_is_conflict, attempts, _LONGEST_PAUSE, timeout, self._on_retry)
        return await replay.run(partial(SessionManager, self._engine, **self._options), work)

    @asynccontextmanager
    async def savepoint(
        self, name: str, session: AsyncSession | None = None
    ) -> AsyncIterator[AsyncSessionTransaction]:
        """Make a block a part of the transaction that can be undone alone, on a backend that has savepoints.

        An error in the block rolls back to its start and is raised on; the transaction goes on.

        Args:
            name: What the savepoint is called in the log.
            session: The session; by default the current one.

        Raises:
            SavepointNotSupportedError: The backend is DuckDB; nothing was sent.
        """
        begun = (session or current_session()).begin_nested()
        try:
            async with begun:
                yield begun
        except BaseException:
            _logger.debug("rolled back to savepoint %r", name)
            raise


def transactional(
    engine: AsyncEngine, *, attempts: int = _ATTEMPTS, timeout: float | None = None, **options: Any
) -> Callable[[Callable[Concatenate[AsyncSession, P], Awaitable[T]]], Callable[P, Awaitable[T]]]:
    """Decorate a coroutine function so that each call is a unit of work.

    The function gets the session as its first argument, in front of those of the caller; a method gets it in
    front of ``self``. Each call has a transaction of its own, also inside of another one.

    Args:
        engine: The engine.
        attempts: As for `TransactionManager.run`.
        timeout: As for `TransactionManager.run`.
        options: As for `TransactionManager`.

    Raises:
        ConfigurationError: ``engine`` is no engine.
    """
    manager = TransactionManager(engine, **options)

    def decorated(work: Callable[Concatenate[AsyncSession, P], Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        @wraps(work)
        async def called(*args: P.args, **kwargs: P.kwargs) -> T:
            return await manager.run(
                lambda session: work(session, *args, **kwargs), attempts=attempts, timeout=timeout
            )

        # A framework that reads the signature must not ask its caller for a session.
        called.__signature__ = _without_session(work)  # type: ignore[attr-defined] # inspect looks for it
        return called

    return decorated


def _without_session(work: Callable[..., object]) -> inspect.Signature:
    signature = inspect.signature(work)
    return signature.replace(parameters=list(signature.parameters.values())[1:])


def _is_conflict(error: BaseException, at_commit: bool) -> bool:
    return isinstance(error, AndamiosError) and error.retryable
