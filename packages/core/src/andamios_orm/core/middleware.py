"""Wrap the execution of statements: to restrict them to a tenant, tag, cache, time or refuse them.

A middleware is called with what a session is about to execute, and with what executes it. It may change the
statement before, replace the result afterwards, execute it several times or not at all. The rules:

* Middleware of the engine is outside of that of the session; of each, the first one added is the outermost.
* It is called for ``execute``, ``scalar``, ``scalars``, ``stream`` and ``get`` of a session, and for what
  loads relationships and attributes; not for what a flush sends, nor for ``bulk_insert``, ``arrow`` and
  connections. An object that the session has already comes without a statement.
* A middleware is not called for what it executes itself, other than by ``call_next``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, cast

from sqlalchemy import Result
from sqlalchemy.ext.asyncio import AsyncEngine, async_session
from sqlalchemy.util.concurrency import await_, greenlet_spawn

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.core.events.bus import Subscription
from andamios_orm.core.events.handlers import root_of
from andamios_orm.core.events.listeners import SharedListeners
from andamios_orm.core.undisturbed import make_undisturbed
from andamios_orm.core.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from sqlalchemy import Executable
    from sqlalchemy.ext.asyncio import AsyncSession as SQLAlchemyAsyncSession
    from sqlalchemy.orm import ORMExecuteState

    from andamios_orm.core.session import AsyncSession

__all__ = ["CallNext", "Middleware", "StatementExecution", "StatementMiddleware", "middleware_of"]


@dataclass(frozen=True, eq=False)
class StatementExecution:
    """A statement that a session is about to execute; `dataclasses.replace` changes it.

    Attributes:
        session: The session.
        statement: The statement.
        parameters: Its parameters, or a list of them; those that stand in the statement are not among them.
        execution_options: Its options; one that is replaced or added holds, one that is left out stays.
        state: SQLAlchemy's account of it, which tells a load of a relationship (``is_relationship_load``) or
            of attributes (``is_column_load``) from others. It is for reading.
    """

    session: AsyncSession
    statement: Executable
    parameters: Any = field(repr=False)
    execution_options: Mapping[str, Any] = field(repr=False)
    state: ORMExecuteState = field(repr=False)


CallNext = Callable[[StatementExecution], Awaitable[Result[Any]]]
"""Executes a statement, by way of the middleware further inside."""


class StatementMiddleware(Protocol):
    """Wraps executions; a coroutine function, or an object with such a method."""

    async def __call__(self, execution: StatementExecution, call_next: CallNext, /) -> Result[Any]:
        """Return the result of an execution.

        The result of ``session.stream()`` is returned as it is: its rows cannot be read here. Others may be
        read, and returned as ``result.freeze()()``.

        Args:
            execution: What is to be executed.
            call_next: Executes it.
        """
        ...


@dataclass(eq=False)
class _Entry:
    middleware: StatementMiddleware


class Middleware:
    """The middleware of an engine or of a session.

    Args:
        listeners: What makes it take part while there is some.
    """

    def __init__(self, listeners: SharedListeners) -> None:
        self.stack: tuple[_Entry, ...] = ()
        self._listeners = listeners

    def add(self, middleware: StatementMiddleware) -> Subscription:
        """Add a middleware inside of all others, for what is executed from now on.

        Returns:
            What removes it.

        Raises:
            ConfigurationError: It cannot be called.
        """
        if not callable(middleware):
            raise ConfigurationError(
                f"a middleware is a coroutine function of (execution, call_next), not {middleware!r}"
            )
        entry = _Entry(middleware)
        self.stack = (*self.stack, entry)
        self._listeners.start(self)
        return Subscription(partial(self._remove, entry))

    def _remove(self, entry: _Entry) -> None:
        self.stack = tuple(other for other in self.stack if other is not entry)
        if not self.stack:
            self._listeners.stop(self)


def middleware_of(owner: AsyncEngine | SQLAlchemyAsyncSession) -> Middleware:
    """Return the middleware of a session, or of an engine and all that ``execution_options()`` made of it.

    That of an engine is for the sessions of this package.

    Args:
        owner: The engine or the session.
    """
    if isinstance(owner, AsyncEngine):
        return _known(root_of(owner.sync_engine), _EXECUTIONS)
    session = owner.sync_session
    make_undisturbed(session, _EVENT)
    return _known(session, SharedListeners((session, _EVENT, _through_session)))


def _known(owner: object, listeners: SharedListeners) -> Middleware:
    middleware: Middleware = vars(owner).setdefault(_KEY, Middleware(listeners))
    return middleware


_KEY = "_andamios_middleware"
"""The attribute of an engine or a session. It may refer to its owner, so a weak mapping would keep both."""

_EVENT = "do_orm_execute"

_inside: ContextVar[frozenset[_Entry]] = ContextVar("andamios_orm_middleware", default=frozenset())
"""The middleware that what happens here is done by."""


def _through_engine(state: ORMExecuteState) -> Result[Any] | None:
    _EXECUTIONS.rest()
    return _through(root_of(state.session.get_bind(**state.bind_arguments).engine), state)


def _through_session(state: ORMExecuteState) -> Result[Any] | None:
    return _through(state.session, state)


def _through(owner: object, state: ORMExecuteState) -> Result[Any] | None:
    middleware: Middleware | None = vars(owner).get(_KEY)
    outside = _inside.get()
    stack = () if middleware is None else tuple(entry for entry in middleware.stack if entry not in outside)
    if not stack:
        return None
    # A UnitOfWork is the inside of an AsyncSession.
    session = cast("AsyncSession", async_session(state.session))
    execution = StatementExecution(session, state.statement, state.parameters, state.execution_options, state)
    return await_(_executed(stack, outside, execution))


async def _executed(
    stack: tuple[_Entry, ...], outside: frozenset[_Entry], execution: StatementExecution
) -> Result[Any]:
    if not stack:
        with _inside_of(outside):
            return await greenlet_spawn(_invoke, execution)
    entry, *inner = stack

    async def call_next(execution: StatementExecution) -> Result[Any]:
        return await _executed(tuple(inner), outside, execution)

    with _inside_of(outside | {entry}):
        result: Any = await entry.middleware(execution, call_next)
    if not isinstance(result, Result):
        # SQLAlchemy would take None as the wish to execute the statement once more.
        raise ConfigurationError(
            f"a statement middleware returns a Result, not {result!r}: {entry.middleware!r}"
        )
    return result


@contextmanager
def _inside_of(entries: frozenset[_Entry]) -> Iterator[None]:
    token = _inside.set(entries)
    try:
        yield
    finally:
        _inside.reset(token)


def _invoke(execution: StatementExecution) -> Result[Any]:
    state = execution.state
    state.parameters = execution.parameters
    present = state.execution_options
    changed = {
        name: value
        for name, value in execution.execution_options.items()
        if name not in present or present[name] is not value
    }
    return state.invoke_statement(execution.statement, execution_options=changed)


_EXECUTIONS = SharedListeners((UnitOfWork, _EVENT, _through_engine))
