"""Listen to SQLAlchemy's events with listeners that wait.

SQLAlchemy walks through a deque of listeners. One that waits inside of its greenlet keeps the walk open, and
whoever begins or stops to listen meanwhile, in another task, would end it with an error. So the deque is
exchanged for one whose walk is not disturbed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from weakref import WeakSet

from sqlalchemy import event

__all__ = ["Listener", "SharedListeners", "listen", "make_undisturbed", "make_undisturbed_class"]

Listener = tuple[Any, str, Callable[..., Any]]
"""A target, the name of its event, and what is called with it."""


class _Listeners(deque[Any]):
    """The listeners of one event; whoever walks through them meets those that were there at the beginning."""

    def __iter__(self) -> Iterator[Any]:
        return iter(tuple(deque.__iter__(self)))


def make_undisturbed(target: Any, name: str) -> None:
    """Let listeners to an event of an engine's dispatcher, a pool or a dialect wait.

    Args:
        target: What has the dispatcher.
        name: The event.
    """
    collection = getattr(target.dispatch, name).for_modify(target.dispatch)
    if not isinstance(collection.listeners, _Listeners):
        collection.listeners = _Listeners(collection.listeners)


def make_undisturbed_class(target: type[Any], name: str) -> None:
    """Let listeners to an event of a class wait; to be called before the class has an instance."""
    level: Any = getattr(target.dispatch, name)
    level.update_subclass(target)
    if not isinstance(level._clslevel[target], _Listeners):
        level._clslevel[target] = _Listeners(level._clslevel[target])


def listen(target: Any, name: str, listener: Callable[..., Any], **options: Any) -> Callable[[], None]:
    """Listen to an event, and return what stops it."""
    event.listen(target, name, listener, **options)
    return partial(event.remove, target, name, listener)


class SharedListeners:
    """Listeners to classes, which all engines share: there as long as somebody has use for them.

    Args:
        listeners: The listeners.
        options: Options for all of them.
    """

    def __init__(self, *listeners: Listener, **options: Any) -> None:
        self._listeners = listeners
        self._options = options
        self._users: WeakSet[object] = WeakSet()
        self._walks = 0
        self._stops: list[Callable[[], None]] = []

    def start(self, user: object) -> None:
        """Listen for a user, until `stop` or until nothing else refers to it."""
        self._users.add(user)
        if not self._stops:
            self._stops = [listen(*listener, **self._options) for listener in self._listeners]

    def stop(self, user: object) -> None:
        """Listen no longer for a user."""
        self._users.discard(user)
        self.rest()

    def rest(self) -> None:
        """Stop to listen if nobody has use for it.

        A listener that has nothing to do calls it too, in case that the garbage collector has taken a user.
        """
        if not self._users and not self._walks:
            stops, self._stops = self._stops, []
            for stop in stops:
                stop()

    @contextmanager
    def walk(self) -> Iterator[None]:
        """Keep the listeners while one of them waits, where their class cannot be made undisturbed."""
        self._walks += 1
        try:
            yield
        finally:
            self._walks -= 1
