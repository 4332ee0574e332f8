"""Carry work over faults of the connection that pass: a lost server, a locked file, a pool under load."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy.exc import DBAPIError

from andamios_orm.core.arguments import engine_of
from andamios_orm.core.errors import AndamiosError, DatabaseLockedError, OperationalError, PoolTimeoutError
from andamios_orm.core.replay import Replay
from andamios_orm.core.session import SessionManager

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy.ext.asyncio import AsyncEngine

    from andamios_orm.core.session import AsyncSession

__all__ = ["ConnectionResilience"]

T = TypeVar("T")


class ConnectionResilience:
    """Retry operations while what keeps them from succeeding passes.

    These faults pass: a write conflict; a connection that was lost, also because a fatal error closed the
    database, which is opened anew; a server that cannot be reached; a file that another process has locked; a
    pool without a free connection. A connection that is lost *while committing* is none of them: nobody knows
    whether the commit took place, so that fault is raised as it is.

    Args:
        engine: The engine.
        attempts: How often an operation is tried at most.
        longest_pause: Seconds between two attempts at most.
        on_retry: Called before each further attempt, with the fault that made it necessary.
        options: Options of `AsyncSession`.

    Raises:
        ConfigurationError: ``engine`` is no engine, or ``attempts`` is less than 1.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        attempts: int = 5,
        longest_pause: float = 5.0,
        on_retry: Callable[[BaseException], object] | None = None,
        **options: Any,
    ) -> None:
        self._replay = Replay(_passes, attempts, longest_pause, on_retry=on_retry)
        self._opened = partial(SessionManager, engine_of(engine, type(self).__name__), **options)

    async def execute_with_retry(self, operation: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """Run an operation in a transaction, and run it again from its start after a fault that passes.

        Args:
            operation: A coroutine function that gets the session, a fresh one in each attempt.

        Returns:
            What it returned in the attempt that was committed.

        Raises:
            RetriesExhaustedError: The fault did not pass.
            AndamiosError: What else failed is not tried again.
        """
        return await self._replay.run(self._opened, operation)


def _passes(error: BaseException, at_commit: bool) -> bool:
    if isinstance(error, DatabaseLockedError | PoolTimeoutError) or _was_refused(error):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return not at_commit
    return isinstance(error, AndamiosError) and error.retryable


def _was_refused(error: BaseException) -> bool:
    # The driver could not reach the server at all.
    return isinstance(error, OperationalError) and isinstance(error.orig, OSError)
