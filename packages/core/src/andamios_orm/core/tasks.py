"""Keep tasks alive until they are done.

The event loop refers to its tasks weakly: one that nobody else refers to may be collected before its end
(https://docs.python.org/3/library/asyncio-task.html#asyncio.create_task).
"""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

__all__ = ["kept"]

T = TypeVar("T")

_running: set[asyncio.Task[Any]] = set()


def kept(task: asyncio.Task[T]) -> asyncio.Task[T]:
    """Return a task, which is referred to from here until it is done."""
    _running.add(task)
    task.add_done_callback(_running.discard)
    return task
