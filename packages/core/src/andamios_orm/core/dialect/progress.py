"""Report how much of a long statement is done.

``session.execute(statement, execution_options={"progress": callback})`` on DuckDB calls back with the share
that is done, from 0.0 to 1.0: now and then while the engine works, as far as it can tell, and with 1.0 when
it has succeeded. The result waits for a callback that runs. What a callback raises is logged; it ends the
reports and not the statement.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

__all__ = ["INTERVAL", "ProgressCallback", "reported"]

T = TypeVar("T")

ProgressCallback = Callable[[float], Awaitable[object] | object]
"""Takes the share that is done, from 0.0 to 1.0; may be a coroutine function.

It must not use the session or connection whose statement it hears of: that is busy until the statement ends.
"""

INTERVAL = 0.1
"""Seconds between two reports."""

_logger = logging.getLogger("andamios_orm.core.progress")


async def reported(
    outcome: asyncio.Future[T],
    share_done: Callable[[], float | None],
    callback: ProgressCallback,
    interval: float = INTERVAL,
) -> T:
    """Wait for the outcome of a statement, and report meanwhile.

    Args:
        outcome: What to wait for; it is cancelled when the task that waits is.
        share_done: Tells how much is done; None where that is not known.
        callback: Takes the reports.
        interval: Seconds between two of them.

    Returns:
        The outcome.

    Raises:
        Exception: What the statement failed with.
    """
    reports = _Reports(callback)
    try:
        while not (await asyncio.wait((outcome,), timeout=interval))[0]:
            await reports.send(share_done())
    except asyncio.CancelledError:
        outcome.cancel()
        raise
    result = outcome.result()
    await reports.send(1.0)
    return result


class _Reports:
    def __init__(self, callback: ProgressCallback) -> None:
        self._callback: ProgressCallback | None = callback

    async def send(self, share: float | None) -> None:
        if share is None or self._callback is None:
            return
        try:
            told = self._callback(share)
            if inspect.isawaitable(told):
                await told
        except Exception:
            self._callback = None
            _logger.exception("a progress callback failed, and is told no more")
