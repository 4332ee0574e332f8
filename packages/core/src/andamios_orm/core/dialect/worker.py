"""Run blocking jobs on a bounded set of threads, and hand their outcome to the event loop.

The rules, on which every storey above relies:

* A job runs on exactly one worker thread; its outcome reaches the loop that submitted it, in one callback.
* A job that has not started can be withdrawn, and then never starts. One that has started goes on until it
  ends by itself, whether or not its outcome was cancelled; its owner may interrupt it, and wait for its end.
* A worker thread is started when a job finds none idle, up to the bound, and ends with its pool. Nothing that
  a call raises ends it before.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import threading
import weakref
from collections import deque
from functools import partial
from queue import SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Job", "WorkerPool", "default_worker_threads"]

T = TypeVar("T")

_DEFERRED_SECONDS = 0.02
"""Seconds in which deferred calls gather, to be made together."""

_EXIT_PATIENCE = 5.0
"""Seconds that the interpreter's exit waits for the worker threads that are still inside a job, in all."""

_log = logging.getLogger("andamios_orm.core")


def default_worker_threads() -> int:
    """Return how many threads serve an engine by default: four for each core and four more, at most 32.

    DuckDB runs one query on all cores by itself; the surplus lets short statements pass long ones.
    """
    return min(32, 4 * (os.cpu_count() or 1) + 4)


class Job(Generic[T]):
    """One blocking call, and the future of its outcome.

    Attributes:
        outcome: Resolved on the loop with the call's result or exception; may be cancelled.
        ended: Whether the call will not run any further; changes on the loop only.
    """

    __slots__ = ("_call", "_claims", "_loop", "_waiters", "ended", "outcome")

    def __init__(self, call: Callable[[], T], loop: asyncio.AbstractEventLoop) -> None:
        self._call = call
        self._loop = loop
        self._claims = [True]
        self._waiters: list[asyncio.Future[None]] = []
        self.outcome: asyncio.Future[T] = loop.create_future()
        self.ended = False

    def run(self) -> None:
        """Make the call on this thread, unless it was withdrawn."""
        if not self._claim():
            return
        result: Any = None
        error: BaseException | None = None
        try:
            result = self._call()
        except BaseException as raised:  # whatever it is belongs to the task that waits for it
            error = raised
        try:
            self._loop.call_soon_threadsafe(self._deliver, result, error)
        except RuntimeError:
            # The loop was closed in the meantime: nobody is left to be told.
            return

    def withdraw(self) -> bool:
        """Keep the call from being made, and tell whether that was in time."""
        self.ended = self._claim() or self.ended
        return self.ended

    async def wait_ended(self, timeout: float) -> bool:
        """Wait until the call has ended, at most ``timeout`` seconds, and tell whether it has."""
        if not self.ended:
            waiter = self._loop.create_future()
            self._waiters.append(waiter)
            await asyncio.wait((waiter,), timeout=timeout)
        return self.ended

    def _claim(self) -> bool:
        # The worker and whoever withdraws race for the one element; taking it is atomic.
        try:
            return self._claims.pop()
        except IndexError:
            return False

    def _deliver(self, result: T, error: BaseException | None) -> None:
        self.ended = True
        for waiter in self._waiters:
            waiter.set_result(None)
        if self.outcome.cancelled():
            return
        if error is None:
            self.outcome.set_result(result)
        else:
            self.outcome.set_exception(error)


class WorkerPool:
    """Run jobs on at most ``size`` daemon threads.

    The threads end when the pool is garbage-collected, or when the interpreter exits.

    Args:
        size: Bound on the number of threads, at least 1.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._unfinished: deque[bool] = deque()
        # Reentrant, because a connection that is garbage-collected while a thread is started posts a call.
        self._starting = threading.RLock()
        self._deferred: list[Callable[[], None]] = []
        self._deferring: asyncio.AbstractEventLoop | None = None
        self._stop = weakref.finalize(self, _stop, self._queue, self._threads)
        self._stop.atexit = False
        _pools.add(self)

    @property
    def threads(self) -> int:
        """The number of threads that run at present."""
        return len(self._threads)

    def submit(self, call: Callable[[], T]) -> Job[T]:
        """Queue ``call`` for the next free thread; its outcome is for the running event loop."""
        job = Job(call, asyncio.get_running_loop())
        self.post(job.run)
        return job

    def post(self, call: Callable[[], None]) -> None:
        """Queue ``call``, whose outcome nobody waits for; what it raises is logged.

        Raises:
            RuntimeError: The system gives no thread, and there is none to make the call.
        """
        # One token for each call that is queued or runs; to add and to take one is atomic, and never waits.
        self._unfinished.append(True)
        if len(self._unfinished) > len(self._threads):
            self._start_thread()
        self._queue.put(call)

    def defer(self, call: Callable[[], None]) -> None:
        """Queue ``call`` within some milliseconds, together with what else is deferred meanwhile.

        For what is not urgent: waking a thread costs more than most such calls.
        """
        loop = asyncio.get_running_loop()
        self._deferred.append(call)
        if self._deferring is not loop:
            self._deferring = loop
            loop.call_later(_DEFERRED_SECONDS, self._post_deferred)

    def join(self, timeout: float) -> None:
        """End the threads and wait for them, at most ``timeout`` seconds in all."""
        deadline = monotonic() + timeout
        self._stop()
        for thread in self._threads:
            thread.join(max(deadline - monotonic(), 0))

    def _post_deferred(self) -> None:
        calls, self._deferred, self._deferring = self._deferred, [], None
        self.post(partial(_call_all, calls))

    def _start_thread(self) -> None:
        with self._starting:
            if len(self._threads) >= self.size:
                return
            name = f"andamios-duckdb-{len(self._threads)}"
            thread = threading.Thread(
                target=_work, args=(self._queue, self._unfinished), name=name, daemon=True
            )
            self._threads.append(thread)
            try:
                thread.start()
            except RuntimeError:
                self._threads.remove(thread)
                # Those that run make the call; without any it would wait for ever.
                if not self._threads:
                    self._unfinished.pop()
                    raise


def _call_all(calls: list[Callable[[], None]]) -> None:
    for call in calls:
        _call(call)


def _call(call: Callable[[], None]) -> None:
    try:
        call()
    except BaseException:  # whatever it is must not end the thread, nor keep what follows from being done
        # In the log and not with a loop: no task waits for the call, and a call may outlive the loop, or come
        # from garbage collection in a thread that has none.
        _log.exception("A background task of the database failed: %r", call)


def _work(queue: SimpleQueue[Callable[[], None] | None], unfinished: deque[bool]) -> None:
    # Holds no reference to the pool: an abandoned one is collected, and its finalizer stops this thread.
    while (call := queue.get()) is not None:
        _call(call)
        del call
        unfinished.pop()


def _stop(queue: SimpleQueue[Callable[[], None] | None], threads: list[threading.Thread]) -> None:
    # Runs in garbage collection too, wherever that happens: it must not wait.
    for _ in threads:
        queue.put(None)


_pools: weakref.WeakSet[WorkerPool] = weakref.WeakSet()


@atexit.register
def _join_pools() -> None:
    # A daemon thread that is inside DuckDB while the interpreter is torn down would crash it.
    deadline = monotonic() + _EXIT_PATIENCE
    pools = tuple(_pools)
    for pool in pools:
        pool._stop()
    for pool in pools:
        pool.join(deadline - monotonic())
