"""Units of work: several repositories on one session, committed or rolled back as one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from andamios_orm.core import SessionManager, TransactionManager
from andamios_orm.core.arguments import engine_of
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.repositories.outbox.messages import OutboxMessage, outbox_of, wake
from andamios_orm.repositories.repository import Repository

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from andamios_orm.core import AsyncSession
    from andamios_orm.core.unit_of_work import EndCallback

__all__ = ["UnitOfWork"]

R = TypeVar("R", bound=Repository[Any])
S = TypeVar("S")


class UnitOfWork:
    """Commit what several repositories write as one, or roll it back.

    It lasts for an ``async with``, which commits when its block succeeds, and whose session is the current
    one of the task; or for a call of `run`, which replays it when another transaction was faster.

    Args:
        engine: The engine.
        outbox: The model of the messages that `publish` stores.
        options: Options of `AsyncSession`.

    Raises:
        ConfigurationError: ``engine`` is no engine, or ``outbox`` no model of messages.
    """

    def __init__(
        self, engine: AsyncEngine, *, outbox: type[OutboxMessage] | None = None, **options: Any
    ) -> None:
        self._engine = engine_of(engine, type(self).__name__)
        self._outbox = None if outbox is None else outbox_of(outbox, type(self).__name__)
        self._options = options
        self._manager = SessionManager(engine, **options)
        self._session: AsyncSession | None = None
        self._repositories: dict[type[Any], Any] = {}

    async def __aenter__(self) -> Self:
        if self._session is not None:
            raise ConfigurationError("this UnitOfWork is in use: make one for each `async with`")
        self._session = await self._manager.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()
        await self._manager.__aexit__(kind, error, traceback)

    def _end(self) -> None:
        self._session = None
        self._repositories.clear()

    @property
    def session(self) -> AsyncSession:
        """The session of its repositories.

        Raises:
            ConfigurationError: It has not begun, or has ended.
        """
        if self._session is None:
            raise ConfigurationError("this UnitOfWork has no session: use it in `async with`, or with run()")
        return self._session

    def repository(self, kind: type[R]) -> R:
        """Return its repository of a kind, the same one each time.

        Args:
            kind: A subclass of a repository, or one with its model, such as ``GenericRepository[User]``.
        """
        if kind not in self._repositories:
            self._repositories[kind] = kind(self.session)
        found: R = self._repositories[kind]
        return found

    def publish(self, event: object, topic: str | None = None) -> OutboxMessage:
        """Store a message in the outbox, which an `OutboxRelay` delivers when it is committed.

        It is a row of this transaction: rolled back with it, and written once however often it is replayed.

        Args:
            event: An instance of a dataclass or of a pydantic model, or a dict; it may change afterwards.
            topic: What it is about; by default the name of the class. A dict needs one.

        Returns:
            The message; a receiver knows it by its ``id``.

        Raises:
            ConfigurationError: There is no outbox, no session or no topic, or the event is something else.
            ValidationError: A value has no place in JSON, or could not be read again as what it is.
        """
        if self._outbox is None:
            raise ConfigurationError(
                "this UnitOfWork has no outbox to publish to: say UnitOfWork(engine, outbox=Outbox), with a "
                "model class Outbox(OutboxMessage)"
            )
        session, message = self.session, self._outbox.of(event, topic)
        session.add(message)
        session.on_commit(partial(wake, self._outbox))
        return message

    def on_commit(self, callback: EndCallback) -> None:
        """Call back once after it was committed; never when it was rolled back.

        Args:
            callback: A function without arguments, or a coroutine function; what it raises is logged.
        """
        self.session.on_commit(callback)

    async def commit(self) -> None:
        """Commit what was written so far; what follows is another transaction."""
        await self.session.commit()

    async def rollback(self) -> None:
        """Undo what was written since the last commit; what follows is another transaction."""
        await self.session.rollback()

    async def run(
        self, work: Callable[[UnitOfWork], Awaitable[S]], *, attempts: int = 5, timeout: float | None = None
    ) -> S:
        """Do some work and commit it; replay it from its start when another transaction was faster.

        Args:
            work: A coroutine function that gets a unit of work, a fresh one for each attempt.
            attempts: How often it is tried at most.
            timeout: Seconds for all attempts together.

        Raises:
            RetriesExhaustedError: Every attempt met a conflict.
            QueryTimeoutError: The time was up; nothing was written.
        """
        manager = TransactionManager(self._engine, **self._options)

        async def attempt(session: AsyncSession) -> S:
            unit = UnitOfWork(self._engine, outbox=self._outbox, **self._options)
            unit._session = session
            try:
                return await work(unit)
            finally:
                unit._end()

        return await manager.run(attempt, attempts=attempts, timeout=timeout)
