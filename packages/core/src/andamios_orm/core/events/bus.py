"""Events: hear of what happens to objects, in transactions, with statements and connections.

`events_of` gives the `EventBus` of an engine, `model_events` is for the objects of all engines. The events
themselves, one class each, stand in `types`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from andamios_orm.core.arguments import engine_of
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.core.events.engine import ConnectionSource, StatementSource
from andamios_orm.core.events.handlers import EVERY_ENGINE, Entry, Handlers, handlers_of, root_of
from andamios_orm.core.events.lifecycle import FLUSHES, LOADS
from andamios_orm.core.events.listeners import SharedListeners
from andamios_orm.core.events.transactions import TransactionSource
from andamios_orm.core.events.types import (
    AfterCommit,
    AfterDelete,
    AfterExecute,
    AfterInsert,
    AfterLoad,
    AfterRollback,
    AfterUpdate,
    BeforeCommit,
    BeforeDelete,
    BeforeExecute,
    BeforeInsert,
    BeforeUpdate,
    ConnectionAcquired,
    ConnectionClosed,
    ConnectionOpened,
    ConnectionReleased,
    Event,
    ModelEvent,
    TransactionBegin,
)

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["EventBus", "Subscription", "events_of", "model_events"]

E = TypeVar("E", bound=Event)
R = TypeVar("R")


class Subscription:
    """The subscription of one handler: it ends with `unsubscribe`, or with a ``with`` that it is used in."""

    def __init__(self, end: Callable[[], None]) -> None:
        self._end: Callable[[], None] | None = end

    def unsubscribe(self) -> None:
        """Let the handler not be called any more; a second call does nothing."""
        end, self._end = self._end, None
        if end is not None:
            end()

    def __enter__(self) -> Subscription:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.unsubscribe()


class EventBus:
    """Subscribe handlers to the events of an engine; one serves all that ``execution_options()`` made of it.

    A handler is a function or a coroutine function. Handlers are called in the order of their subscription,
    and their operation waits for them. One before an operation aborts it with what it raises; what one after
    it raises is logged under ``andamios_orm.core.events``.

    An engine without handlers pays nothing for them.

    Args:
        engine: The engine; None for the model events of all engines.
    """

    def __init__(self, engine: AsyncEngine | None) -> None:
        self._engine = engine
        self._handlers = EVERY_ENGINE if engine is None else handlers_of(engine.sync_engine)
        self._sources: dict[object, _Source] = {}
        self._users: Counter[object] = Counter()

    def subscribe(
        self,
        event: type[E],
        handler: Callable[[E], Awaitable[object] | object],
        *,
        model: type[Any] | None = None,
    ) -> Subscription:
        """Let a handler be called for each event of a kind, from now on.

        Args:
            event: The class of the event.
            handler: Is called with it.
            model: For a model event, the class whose objects it is about; its subclasses are included, and it
                need not be mapped itself.

        Returns:
            What ends it.

        Raises:
            ConfigurationError: There is no such event, or it is about no object and a model is given; or no
                engine is known, and it is no model event; or the handler cannot be called.
        """
        if not callable(handler):
            raise ConfigurationError(f"a handler is a function that takes the event, not {handler!r}")
        source = self._checked(event, model)
        entry = self._handlers.add(event, handler, model)
        self._start(source)
        return Subscription(partial(self._unsubscribe, event, entry, source))

    def on(
        self, event: type[E], *, model: type[Any] | None = None
    ) -> Callable[[Callable[[E], R]], Callable[[E], R]]:
        """Decorate a handler to subscribe it for as long as the engine lives.

        Args:
            event: As for `subscribe`.
            model: As for `subscribe`.

        Raises:
            ConfigurationError: As for `subscribe`.
        """
        self._checked(event, model)

        def subscribed(handler: Callable[[E], R]) -> Callable[[E], R]:
            self.subscribe(event, handler, model=model)
            return handler

        return subscribed

    def _checked(self, event: type[Event], model: type[Any] | None) -> _MakeSource:
        source = _SOURCES.get(event)
        if source is None:
            names = ", ".join(sorted(known.__name__ for known in _SOURCES))
            raise ConfigurationError(f"{event!r} is no event; subscribe to one of {names}")
        is_about_model = issubclass(event, ModelEvent)
        if self._engine is None and not is_about_model:
            raise ConfigurationError(f"{event.__name__} belongs to an engine: use events_of(engine)")
        if model is not None and not (is_about_model and isinstance(model, type)):
            raise ConfigurationError(
                f"model is a class, and for model events alone: not {model!r} for {event.__name__}"
            )
        return source

    def _start(self, make: _MakeSource) -> None:
        self._users[make] += 1
        if self._users[make] == 1:
            source = self._sources[make] = make(self._engine, self._handlers)
            source.start()

    def _unsubscribe(self, event: type[Event], entry: Entry, make: _MakeSource) -> None:
        self._handlers.remove(event, entry)
        self._users[make] -= 1
        if not self._users[make]:
            self._sources.pop(make).stop()


class _Source(Protocol):
    """Tells handlers of something, from `start` to `stop`."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


_MakeSource = Callable[[Any, Handlers], _Source]


class _SharedSource:
    def __init__(self, listeners: SharedListeners, engine: AsyncEngine | None, handlers: Handlers) -> None:
        self._listeners = listeners
        self._handlers = handlers

    def start(self) -> None:
        self._listeners.start(self._handlers)

    def stop(self) -> None:
        self._listeners.stop(self._handlers)


_SOURCES: dict[type[Event], _MakeSource] = {
    **dict.fromkeys(
        (BeforeInsert, AfterInsert, BeforeUpdate, AfterUpdate, BeforeDelete, AfterDelete),
        partial(_SharedSource, FLUSHES),
    ),
    AfterLoad: partial(_SharedSource, LOADS),
    **dict.fromkeys((TransactionBegin, BeforeCommit, AfterCommit, AfterRollback), TransactionSource),
    **dict.fromkeys((BeforeExecute, AfterExecute), StatementSource),
    **dict.fromkeys(
        (ConnectionOpened, ConnectionAcquired, ConnectionReleased, ConnectionClosed), ConnectionSource
    ),
}
"""The events, and what tells of them."""

_KEY = "_andamios_events"
"""The attribute of an engine."""


def events_of(engine: AsyncEngine) -> EventBus:
    """Return the event bus of an engine.

    Raises:
        ConfigurationError: ``engine`` is no engine.
    """
    # Listeners to the engine that another one was made of with options hear of both.
    root = root_of(engine_of(engine, "events_of()").sync_engine)
    known = vars(root)
    if _KEY not in known:
        known[_KEY] = EventBus(AsyncEngine._retrieve_proxy_for_target(root))
    bus: EventBus = known[_KEY]
    return bus


model_events = EventBus(None)
"""Model events of all engines, for what belongs to a model wherever it is stored."""
