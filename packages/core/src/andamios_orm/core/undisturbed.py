"""Let listeners to SQLAlchemy's events wait.

SQLAlchemy walks through a deque of listeners. One that waits inside of its greenlet keeps the walk open, and
whoever begins or stops to listen meanwhile, in another task, would end it with an error. So the deque is
exchanged for one whose walk is not disturbed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

__all__ = ["make_undisturbed", "make_undisturbed_class"]


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
    """Let listeners to an event of a class wait.

    To be called right after the class is made: to instances that are there already, and to what SQLAlchemy
    has kept of them for the next ones, its listeners would be unknown.
    """
    level: Any = getattr(target.dispatch, name)
    level.update_subclass(target)
    if not isinstance(level._clslevel[target], _Listeners):
        level._clslevel[target] = _Listeners(level._clslevel[target])
