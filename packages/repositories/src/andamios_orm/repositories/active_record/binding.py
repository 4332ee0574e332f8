"""Sessions for the calls of active records: the current one, or one of its own for each call.

A model that is bound to an engine works without a session: each call is a unit of work, which is committed
at its end. An object is in no session between two calls, and it must not pay for a unit that fails: a
rollback would make SQLAlchemy forget what was changed, so that saving the object again would write nothing.
So objects are made what they were before, unless the commit has come about.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import InstanceState
from sqlalchemy.orm.collections import collection_adapter

from andamios_orm.core import AsyncSession, SessionManager, current_session
from andamios_orm.core.errors import ConfigurationError, NoCurrentSessionError, NotFoundError
from andamios_orm.core.tasks import kept

__all__ = ["NotBoundError", "add", "engine_of_model", "key_in", "present_session", "working"]

_taken: set[InstanceState[Any]] = set()
"""The objects that a unit works with."""


class NotBoundError(NoCurrentSessionError):
    """Report that a task has no current session, and the model no engine.

    Attributes:
        model: Name of the model.
    """

    def __init__(self, model: str) -> None:
        super().__init__()
        self.args = (f"{self}; in a script or a notebook, bind the model first: {model}.bind(engine)",)
        self.model = model

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.model,)


class _Snapshot:
    """What an object in no session is, to make it that again."""

    def __init__(self, state: InstanceState[Any]) -> None:
        self._instance, self._state = state.obj(), state
        self._values = {name: state.dict[name] for name in state.manager if name in state.dict}
        self._committed = dict(state.committed_state)
        self._expired = set(state.expired_attributes)
        # What else SQLAlchemy knows of the object: its key, its parents, whether it has changed.
        self._facts = {name: _copied(fact) for name, fact in vars(state).items()}

    def restore(self) -> None:
        """Make the object that again, after its session was closed."""
        state = self._state
        for name in state.manager:
            state.dict.pop(name, None)
        state.dict.update(self._values)
        state.committed_state, state.expired_attributes = self._committed, self._expired
        vars(state).clear()
        vars(state).update(self._facts)
        for name in state.manager._collection_impl_keys & self._values.keys():
            collection_adapter(self._values[name]).invalidated = False


@asynccontextmanager
async def working(model: type[Any], *given: Any) -> AsyncIterator[AsyncSession]:
    """Give the current session of the task, or else one of the engine, which is committed at the end.

    Args:
        model: The mapped class.
        given: What takes part: objects, or what holds some. Those that have a row join the session, and are
            what they were before if a unit fails.

    Raises:
        ConfigurationError: One of the objects belongs to another session, or another task works with it; or
            the session holds another object for its row.
        NotBoundError: The task has no current session, and the model is not bound.
        NotFoundError: The row of one of them is gone.
    """
    session = present_session()
    if session is not None:
        await _join(session, given)
        session.on_rollback(partial(_forget, [state for state in _states(given) if state.key is not None]))
        yield session
        return
    engine = engine_of_model(model)
    commit: asyncio.Task[None] | None = None
    with _taking(given) as before:
        try:
            async with SessionManager(engine) as session:
                await _join(session, given)
                yield session
                await _complete(session)
                commit = kept(asyncio.create_task(session.commit()))
                await _ended(commit)
        except BaseException:
            if commit is None or commit.cancelled() or commit.exception() is not None:
                for each in before:
                    each.restore()
            raise


def present_session() -> AsyncSession | None:
    """Return the current session of the task; None where it has none."""
    try:
        return current_session()
    except NoCurrentSessionError:
        return None


def engine_of_model(model: type[Any]) -> AsyncEngine:
    """Return the engine of the nearest class that is bound to one.

    Raises:
        NotBoundError: There is none.
    """
    for owner in model.__mro__:
        engine: AsyncEngine | None = vars(owner).get("_bound_to")
        if engine is not None:
            return engine
    raise NotBoundError(model.__name__)


def add(session: AsyncSession, instance: Any) -> None:
    """Add an object to a session, with what belongs to it: all of it, or nothing.

    Raises:
        ConfigurationError: A part belongs to another session, or this one holds another object for its row.
    """
    joining = [each for each in _together(instance) if each not in session]
    try:
        session.add(instance)
    except InvalidRequestError as error:
        for each in joining:
            if each in session:
                session.expunge(each)
        raise ConfigurationError(
            f"this {type(instance).__name__}, or what belongs to it, cannot take part in the session: {error}"
        ) from error


def key_in(state: InstanceState[Any]) -> Any:
    """Return the primary key of the row of an object; a tuple, where it has several columns."""
    key: Any = state.identity
    return key[0] if len(key) == 1 else tuple(key)


async def _join(session: AsyncSession, given: Iterable[Any]) -> None:
    for instance in _instances(given):
        state: InstanceState[Any] = inspect(instance)
        name = state.class_.__name__
        if state.obj() is not instance:
            raise ConfigurationError(
                f"this {name} was made with copy.copy(), and shares what SQLAlchemy knows with its original: "
                "use copy.deepcopy()"
            )
        if state.deleted or state.was_deleted:
            raise NotFoundError(name, key_in(state))
        if state.session not in (None, session.sync_session):
            raise ConfigurationError(
                f"this {name} belongs to another session: flush that one, or wait for the task that uses it"
            )
        if state.detached:
            await _refuse_gone(session, state)
            add(session, instance)


async def _refuse_gone(session: AsyncSession, state: InstanceState[Any]) -> None:
    columns = state.mapper.primary_key
    key: Any = state.identity
    criteria = (column == value for column, value in zip(columns, key, strict=True))
    if (await session.execute(select(*columns).where(*criteria))).first() is None:
        raise NotFoundError(state.class_.__name__, key_in(state))


async def _complete(session: AsyncSession) -> None:
    # What the database computes could not be read behind the end of the session.
    await session.flush()
    for instance in session:
        computed = inspect(instance).expired_attributes
        if computed:
            await session.refresh(instance, computed)


async def _ended(commit: asyncio.Task[None]) -> None:
    # Whoever is cancelled meanwhile has to know what became of the data, or would write it twice.
    try:
        await asyncio.shield(commit)
    except asyncio.CancelledError:
        while not commit.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([commit])
        raise


@contextmanager
def _taking(given: Iterable[Any]) -> Iterator[list[_Snapshot]]:
    states = _states(given)
    if not _taken.isdisjoint(states):
        name = next(state for state in states if state in _taken).class_.__name__
        raise ConfigurationError(
            f"another task works with this {name}: wait for its end, because an object serves one task at a "
            "time, and so does what belongs to it"
        )
    _taken.update(states)
    try:
        yield [_Snapshot(state) for state in states if state.session is None]
    finally:
        _taken.difference_update(states)


def _forget(states: Iterable[InstanceState[Any]]) -> None:
    # A session that is closed without a commit leaves objects behind that seem to have been written.
    for state in states:
        if state.session is None:
            state._expire(state.dict, set())


def _states(given: Iterable[Any]) -> set[InstanceState[Any]]:
    return {inspect(each) for instance in _instances(given) for each in _together(instance)}


def _instances(given: Iterable[Any]) -> Iterator[Any]:
    for each in given:
        if isinstance(each, Mapping):
            yield from _instances(each.values())
        elif isinstance(each, list | tuple | set | frozenset):
            yield from _instances(each)
        elif isinstance(inspect(each, raiseerr=False), InstanceState):
            yield each


def _together(instance: Any) -> Iterator[Any]:
    state: InstanceState[Any] = inspect(instance)
    yield instance
    for related, *_ in state.mapper.cascade_iterator("save-update", state):
        yield related


def _copied(fact: Any) -> Any:
    return fact.copy() if isinstance(fact, dict | set) else fact
