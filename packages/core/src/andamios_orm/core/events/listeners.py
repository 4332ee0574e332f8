"""Listen to SQLAlchemy's events for as long as somebody has use for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from weakref import WeakSet

from sqlalchemy import event

__all__ = ["Listener", "SharedListeners", "listen"]

Listener = tuple[Any, str, Callable[..., Any]]
"""A target, the name of its event, and what is called with it."""


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
