"""A task that nobody else refers to is kept until it is done."""

from __future__ import annotations

import asyncio
import gc
from weakref import ref

from andamios_orm.core.tasks import kept

Weak = ref[asyncio.Future[None]]


async def forgotten() -> tuple[ref[asyncio.Task[None]], Weak]:
    """A task that waits for a future, where the two refer to each other alone."""
    futures: list[Weak] = []

    async def wait() -> None:
        future = asyncio.get_running_loop().create_future()
        futures.append(ref(future))
        await future

    task = ref(kept(asyncio.create_task(wait())))
    await asyncio.sleep(0)
    gc.collect()
    return task, futures[0]


async def test_a_task_that_nobody_refers_to_is_not_collected() -> None:
    """asyncio's own reference is a weak one."""
    task, awaited = await forgotten()
    future = awaited()
    assert future is not None
    future.set_result(None)
    running = task()
    assert running is not None
    await running


async def test_a_task_that_is_done_is_let_go() -> None:
    task, awaited = await forgotten()
    future = awaited()
    assert future is not None
    future.set_result(None)
    for _ in range(3):
        await asyncio.sleep(0)
    gc.collect()
    assert task() is None


async def test_a_task_is_returned() -> None:
    task = asyncio.create_task(asyncio.sleep(0))
    assert kept(task) is task
    await task
