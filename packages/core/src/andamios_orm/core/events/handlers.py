"""Keep the handlers of events, and call them.

The rules:

* Handlers are called in the order in which they were subscribed, one after the other, on the event loop.
* A handler is not called for what it does itself: a handler of statements may send some, one of commits may
  commit a session of its own.
* One that was unsubscribed is not called any more, not even for what has begun to be told.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar, cast

from sqlalchemy.util.concurrency import await_, in_greenlet

from andamios_orm.core.tasks import kept

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from andamios_orm.core.events.types import Event

__all__ = [
    "EVERY_ENGINE",
    "Entries",
    "Entry",
    "Handler",
    "Handlers",
    "Told",
    "call",
    "call_finally",
    "call_logged",
    "call_shielded",
    "handlers_of",
    "known_handlers",
    "model_entries",
    "root_of",
    "schedule",
    "tell",
]

E = TypeVar("E", bound="Event")

Handler = Callable[[E], Awaitable[object] | object]
"""Is called with an event; a function or a coroutine function."""

_logger = logging.getLogger("andamios_orm.core.events")

_KEY = "_andamios_handlers"
"""The attribute of an engine. A handler may refer to its engine, so a weak mapping would keep both."""


@dataclass(eq=False)
class Entry:
    """One handler.

    Attributes:
        handler: The handler.
        model: The class whose objects it is for; None for all.
        number: Its place among all handlers.
        subscribed: Whether it is to be called.
    """

    handler: Handler[Any]
    model: type[Any] | None
    number: int
    subscribed: bool = True


Entries = tuple[Entry, ...]

Told = tuple[Entries, "Event"]
"""An event, and the handlers that are called with it."""

_numbers = count()


class Handlers:
    """The handlers of one engine."""

    def __init__(self) -> None:
        self._entries: dict[type[Event], Entries] = {}

    def add(self, event: type[Event], handler: Handler[Any], model: type[Any] | None) -> Entry:
        """Add a handler behind all others."""
        entry = Entry(handler, model, next(_numbers))
        self._entries[event] = (*self.of(event), entry)
        return entry

    def remove(self, event: type[Event], entry: Entry) -> None:
        """Remove a handler."""
        entry.subscribed = False
        self._entries[event] = tuple(other for other in self.of(event) if other is not entry)

    def of(self, event: type[Event]) -> Entries:
        """Return the handlers of one kind of event."""
        return self._entries.get(event, ())


EVERY_ENGINE = Handlers()
"""The handlers of model events that are not bound to an engine."""


def root_of(engine: Engine) -> Engine:
    """Return the engine that this one was made of with ``execution_options()``, or the engine itself."""
    root: Any = engine
    while hasattr(root, "_proxied"):
        root = root._proxied
    return cast("Engine", root)


def handlers_of(engine: Engine) -> Handlers:
    """Return the handlers of an engine and of all that were made of it; they are made if there are none."""
    handlers: Handlers = vars(root_of(engine)).setdefault(_KEY, Handlers())
    return handlers


def known_handlers(engine: Engine) -> Handlers | None:
    """Return the handlers of an engine, or None if there were never any."""
    return vars(root_of(engine)).get(_KEY)


def model_entries(engine: Engine, event: type[Event], model: type[Any]) -> Entries:
    """Return the handlers for objects of one class, of an engine and of every engine, in order."""
    handlers = known_handlers(engine)
    entries = EVERY_ENGINE.of(event)
    if handlers is not None:
        own = handlers.of(event)
        entries = tuple(sorted(own + entries, key=_number)) if entries else own
    return tuple(entry for entry in entries if entry.model is None or issubclass(model, entry.model))


def _number(entry: Entry) -> int:
    return entry.number


async def call(entries: Entries, event: Event) -> None:
    """Call handlers; the first error ends it."""
    for entry in entries:
        await _called(entry, event)


async def call_logged(
    entries: Entries, event: Event, is_fatal: Callable[[BaseException], Awaitable[bool]] | None = None
) -> None:
    """Call handlers, and log what they raise; the cancellation of the task passes.

    Args:
        entries: The handlers.
        event: The event.
        is_fatal: Tells which errors are to pass too.
    """
    for entry in entries:
        try:
            await _called(entry, event)
        except (Exception, asyncio.CancelledError) as error:
            # A handler may meet the cancellation of something else that it waits for.
            if isinstance(error, asyncio.CancelledError) and _present_task().cancelling():
                raise
            if is_fatal is not None and await is_fatal(error):
                raise
            _logger.exception("a handler of %s failed: %r", type(event).__name__, entry.handler)


async def call_shielded(*told: Told) -> None:
    """Call handlers in a task of their own and wait for it; it is not cancelled with whoever waits."""
    await asyncio.wait([_started(told)])


async def call_finally(*told: Told) -> None:
    """Call handlers as `call_shielded` does, from where nothing may be raised.

    A cancellation meets its task when that waits the next time.
    """
    try:
        await call_shielded(*told)
    except asyncio.CancelledError:
        task = _present_task()
        task.uncancel()
        task.cancel()


def tell(*told: Told) -> None:
    """Call handlers and wait for them; outside of a greenlet, where nobody can wait, call them in a task."""
    heard = [(entries, event) for entries, event in told if entries]
    if heard and in_greenlet():
        await_(_call_all(heard))
    else:
        schedule(*heard)


def schedule(*told: Told) -> asyncio.Task[None] | None:
    """Call handlers in a task, and return it; None where there is none of them."""
    heard = [(entries, event) for entries, event in told if entries]
    if not heard:
        return None
    try:
        return _started(heard)
    except RuntimeError:
        # The garbage collector may run in another thread, or when the loop is closed.
        names = ", ".join(type(event).__name__ for _, event in heard)
        _logger.error("no event loop runs, so no handler was called: %s", names)
        return None


def _started(told: Iterable[Told]) -> asyncio.Task[None]:
    loop = asyncio.get_running_loop()
    return kept(loop.create_task(_call_all(told)))


def _present_task() -> asyncio.Task[Any]:
    return cast("asyncio.Task[Any]", asyncio.current_task())


async def _call_all(told: Iterable[Told]) -> None:
    for entries, event in told:
        await call_logged(entries, event)


_calling: ContextVar[frozenset[Entry]] = ContextVar("andamios_orm_calling", default=frozenset())
"""The handlers that what happens here is done by."""


async def _called(entry: Entry, event: Event) -> None:
    calling = _calling.get()
    if entry in calling or not entry.subscribed:
        return
    token = _calling.set(calling | {entry})
    try:
        outcome = entry.handler(event)
        if inspect.isawaitable(outcome):
            await outcome
    finally:
        _calling.reset(token)
