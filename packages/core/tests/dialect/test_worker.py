"""Jobs on threads."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from andamios_orm.core.dialect import worker
from andamios_orm.core.dialect.worker import WorkerPool, default_worker_threads


async def test_outcome_is_the_calls_result() -> None:
    assert await WorkerPool(1).submit(lambda: threading.current_thread().name).outcome == "andamios-duckdb-0"


async def test_outcome_is_the_calls_exception() -> None:
    def fail() -> None:
        raise LookupError("no such thing")

    with pytest.raises(LookupError, match="no such thing"):
        await WorkerPool(1).submit(fail).outcome


async def test_threads_are_bounded() -> None:
    pool = WorkerPool(3)
    names = await asyncio.gather(*(pool.submit(threading.get_ident).outcome for _ in range(100)))
    assert len(set(names)) <= 3
    assert pool.threads <= 3


async def test_an_idle_thread_is_used_again() -> None:
    pool = WorkerPool(8)
    for _ in range(20):
        await pool.submit(int).outcome
        await asyncio.sleep(0.001)
    assert pool.threads < 8


async def test_jobs_run_side_by_side() -> None:
    """Both sides of the barrier are needed for either to pass it."""
    pool, barrier = WorkerPool(2), threading.Barrier(2, timeout=10)
    first, second = pool.submit(barrier.wait), pool.submit(barrier.wait)
    assert sorted(await asyncio.gather(first.outcome, second.outcome)) == [0, 1]


async def test_a_withdrawn_job_never_starts() -> None:
    pool, gate, ran = WorkerPool(1), threading.Event(), []
    running = pool.submit(gate.wait)
    waiting = pool.submit(lambda: ran.append(True))
    assert waiting.withdraw()
    gate.set()
    await running.outcome
    await pool.submit(int).outcome
    assert ran == []
    assert waiting.ended


async def test_a_started_job_cannot_be_withdrawn() -> None:
    pool, started, gate = WorkerPool(1), threading.Event(), threading.Event()
    job = pool.submit(lambda: started.set() or gate.wait())  # type: ignore[func-returns-value] # None, and on
    while not started.is_set():
        await asyncio.sleep(0.001)
    assert not job.withdraw()
    assert not await job.wait_ended(0.01)
    gate.set()
    assert await job.wait_ended(10)
    assert await job.wait_ended(0)
    assert job.withdraw()


async def test_a_cancelled_outcome_is_not_resolved() -> None:
    pool, gate = WorkerPool(1), threading.Event()
    job = pool.submit(gate.wait)
    job.outcome.cancel()
    gate.set()
    await pool.submit(int).outcome
    assert job.outcome.cancelled()


def test_a_loop_that_is_gone_is_nobodys_loss() -> None:
    pool, gate = WorkerPool(1), threading.Event()

    async def submit() -> None:
        pool.submit(gate.wait)

    asyncio.run(submit())
    gate.set()
    assert asyncio.run(_answer(pool)) == 42


async def _answer(pool: WorkerPool) -> int:
    return await pool.submit(lambda: 42).outcome


async def test_an_abandoned_pool_ends_its_threads() -> None:
    pool = WorkerPool(1)
    thread = await pool.submit(threading.current_thread).outcome
    del pool
    gc.collect()
    await asyncio.to_thread(thread.join, 10)
    assert not thread.is_alive()


def test_the_interpreter_ends_while_a_job_runs() -> None:
    code = """
import asyncio, time
from andamios_orm.core.dialect.worker import WorkerPool

pool = WorkerPool(1)

async def main():
    pool.submit(lambda: (time.sleep(0.3), print("done")))

asyncio.run(main())
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout == "done\n"
    assert ended.stderr == ""


def test_the_interpreter_ends_at_once_when_threads_are_idle() -> None:
    """They are told to end before they are waited for."""
    code = """
import asyncio
from andamios_orm.core.dialect import worker

pool = worker.WorkerPool(1)
async def main():
    return await pool.submit(lambda: 42).outcome
print(asyncio.run(main()))
pool.join(60)
print([thread.is_alive() for thread in pool._threads])
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout.split() == ["42", "[False]"]


async def test_deferred_calls_run_together_soon() -> None:
    pool, ran = WorkerPool(1), []
    for number in range(5):
        pool.defer(lambda number=number: ran.append((number, threading.current_thread().name)))  # type: ignore[misc] # bound early
    assert ran == []
    while len(ran) < 5:
        await asyncio.sleep(0.005)
    assert ran == [(number, "andamios-duckdb-0") for number in range(5)]


def test_calls_deferred_on_a_loop_that_is_gone_run_with_the_next_ones() -> None:
    pool, ran = WorkerPool(1), []

    async def defer(number: int, seconds: float) -> None:
        pool.defer(lambda: ran.append(number))
        await asyncio.sleep(seconds)

    asyncio.run(defer(1, 0))
    asyncio.run(defer(2, 0.3))
    assert ran == [1, 2]


def test_default_threads() -> None:
    assert 4 < default_worker_threads() <= 32


def failing() -> None:
    raise LookupError("no such thing")


async def test_a_posted_call_that_raises_is_logged_and_its_thread_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pool = WorkerPool(1)
    pool.post(failing)
    assert await pool.submit(lambda: threading.current_thread().name).outcome == "andamios-duckdb-0"
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("andamios_orm.core", "ERROR")
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], LookupError)


async def test_a_deferred_call_that_raises_keeps_none_of_the_others_from_being_made(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pool, made = WorkerPool(1), threading.Event()
    pool.defer(failing)
    pool.defer(made.set)
    assert await asyncio.to_thread(made.wait, 10)
    assert [record.name for record in caplog.records] == ["andamios_orm.core"]


@pytest.fixture
def no_more_threads(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """What makes the system refuse further threads."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    return lambda: monkeypatch.setattr(threading.Thread, "start", refuse)


async def test_a_job_for_which_there_is_no_thread_is_refused_and_never_made(
    no_more_threads: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, made = WorkerPool(2), []
    no_more_threads()
    with pytest.raises(RuntimeError, match="can't start new thread"):
        pool.submit(lambda: made.append("refused"))
    monkeypatch.undo()
    await pool.submit(lambda: made.append("accepted")).outcome
    assert (made, pool.threads) == (["accepted"], 1)


async def test_the_threads_that_run_serve_when_the_system_gives_no_more(
    no_more_threads: Callable[[], None],
) -> None:
    pool, gate = WorkerPool(2), threading.Event()
    held = pool.submit(gate.wait)
    no_more_threads()
    job = pool.submit(lambda: 42)
    gate.set()
    assert await job.outcome == 42
    assert await held.outcome
    assert pool.threads == 1


async def test_garbage_collection_may_post_while_a_thread_is_started() -> None:
    pool, made = WorkerPool(2), threading.Event()

    def collect() -> None:
        with pool._starting:
            pool.post(made.set)

    threading.Thread(target=collect, daemon=True).start()
    assert await asyncio.to_thread(made.wait, 10)


async def with_threads(pool: WorkerPool) -> WorkerPool:
    """Return the pool with all of its threads started."""
    barrier = threading.Barrier(pool.size)
    await asyncio.gather(*(pool.submit(barrier.wait).outcome for _ in range(pool.size)))
    return pool


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds for which each thread was waited for, none of which ends in time."""
    waited: list[float] = []
    monkeypatch.setattr(worker, "monotonic", lambda: sum(waited))
    monkeypatch.setattr(threading.Thread, "join", lambda thread, timeout: waited.append(timeout))
    return waited


async def test_joining_waits_for_all_threads_together(waited: list[float]) -> None:
    (await with_threads(WorkerPool(3))).join(5)
    assert waited == [5, 0, 0]


async def test_the_exit_of_the_interpreter_waits_for_all_pools_together(
    waited: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_pools", {await with_threads(WorkerPool(1)) for _ in range(3)})
    worker._join_pools()
    assert waited == [5, 0, 0]


async def test_joining_ends_the_threads() -> None:
    pool = WorkerPool(2)
    thread = await pool.submit(threading.current_thread).outcome
    await asyncio.to_thread(pool.join, 10)
    assert not thread.is_alive()


async def test_the_exit_of_the_interpreter_joins_every_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = WorkerPool(2)
    thread = await pool.submit(threading.current_thread).outcome
    monkeypatch.setattr(worker, "_pools", {pool})
    await asyncio.to_thread(worker._join_pools)
    assert not thread.is_alive()
