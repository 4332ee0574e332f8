"""Transactions around what a repository does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from sqlalchemy import event

from andamios_orm.core.errors import ConfigurationError, TransactionAbortedError

if TYPE_CHECKING:
    from andamios_orm.core import AsyncSession
    from andamios_orm.repositories.repository import Repository

__all__ = ["transaction", "transactional"]

F = TypeVar("F", bound=Callable[..., Any])

_BEGUN = "andamios_orm.repositories.transaction"
"""Where a session keeps that a block around this one commits it."""


def transaction(session: AsyncSession, *, savepoints: bool) -> AbstractAsyncContextManager[AsyncSession]:
    """Make a block a transaction, or a part of that which it stands in; see `Repository.transaction`."""
    if not (session.is_managed or _BEGUN in session.info):
        return _whole(session)
    return _savepoint(session) if savepoints else _part(session)


def transactional(method: F) -> F:
    """Decorate a coroutine method of a repository: what it writes is written whole, or not at all.

    Each call is a block of `Repository.transaction`: a transaction of its own in a session that nobody
    manages, and otherwise a part of that which is under way.

    Raises:
        ConfigurationError: From a call, where such a session has begun a transaction before.
    """

    @wraps(method)
    async def called(self: Repository[Any], /, *args: Any, **kwargs: Any) -> Any:
        async with self.transaction():
            return await method(self, *args, **kwargs)

    return cast("F", called)


@asynccontextmanager
async def _whole(session: AsyncSession) -> AsyncIterator[AsyncSession]:
    if session.in_transaction():
        raise ConfigurationError(
            "this session has begun a transaction, as reading does too: put all that belongs together into "
            "the block, or end what was before with `await session.commit()`"
        )
    session.info[_BEGUN] = True
    try:
        async with session.begin():
            yield session
    finally:
        del session.info[_BEGUN]


@asynccontextmanager
async def _savepoint(session: AsyncSession) -> AsyncIterator[AsyncSession]:
    async with session.begin_nested():
        yield session


@asynccontextmanager
async def _part(session: AsyncSession) -> AsyncIterator[AsyncSession]:
    try:
        yield session
    except BaseException:
        _refuse_commit(session)
        raise


def _refuse_commit(session: AsyncSession) -> None:
    target = session.sync_session
    if session.in_transaction() and not event.contains(target, "before_commit", _refuse):
        session.on_rollback(partial(event.remove, target, "before_commit", _refuse))
        event.listen(target, "before_commit", _refuse)


def _refuse(session: Any) -> None:
    raise TransactionAbortedError(
        "a part of this transaction has failed, and DuckDB cannot undo it alone: roll all of it back"
    )
