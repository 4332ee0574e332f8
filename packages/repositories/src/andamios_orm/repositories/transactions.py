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

__all__ = ["owned", "transaction", "transactional"]

F = TypeVar("F", bound=Callable[..., Any])

_OWNED = "andamios_orm.repositories.transaction"
"""Where a session tells that somebody commits what is written in it."""


def owned(session: AsyncSession) -> None:
    """Note that the transactions of a session are committed by who has opened it."""
    session.info[_OWNED] = True


def transaction(session: AsyncSession, *, savepoints: bool) -> AbstractAsyncContextManager[AsyncSession]:
    """Make a block a transaction, or a part of that which it stands in; see `Repository.transaction`."""
    return _block(session, is_part=_OWNED in session.info, savepoints=savepoints)


def transactional(method: F) -> F:
    """Decorate a coroutine method of a repository: what it writes is written whole, or not at all.

    In a session that has begun no transaction each call has one of its own, which is committed when the
    method returns, and rolled back when it raises. Otherwise it is a part of what has begun: where there are
    savepoints an error undoes the method alone; on DuckDB, which has none, the rest cannot be committed then.
    """

    @wraps(method)
    async def called(self: Repository[Any], /, *args: Any, **kwargs: Any) -> Any:
        session = self.session
        is_part = _OWNED in session.info or session.in_transaction()
        async with _block(session, is_part=is_part, savepoints=self._has_savepoints):
            return await method(self, *args, **kwargs)

    return cast("F", called)


def _block(
    session: AsyncSession, *, is_part: bool, savepoints: bool
) -> AbstractAsyncContextManager[AsyncSession]:
    if not is_part:
        return _whole(session)
    return _savepoint(session) if savepoints else _part(session)


@asynccontextmanager
async def _whole(session: AsyncSession) -> AsyncIterator[AsyncSession]:
    if session.in_transaction():
        raise ConfigurationError(
            "this session has begun a transaction, as reading does too: put all that belongs together into "
            "the block, or end what was before with `await session.commit()`"
        )
    owned(session)
    try:
        async with session.begin():
            yield session
    finally:
        del session.info[_OWNED]


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
    event.listen(target, "before_commit", _refuse)
    session.on_rollback(partial(event.remove, target, "before_commit", _refuse))


def _refuse(session: Any) -> None:
    raise TransactionAbortedError(
        "a part of this transaction has failed, and DuckDB cannot undo it alone: roll all of it back"
    )
