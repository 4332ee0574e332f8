"""How handlers are called: in order, not for what they do themselves, and what becomes of their errors."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from typing import Any

import pytest
from sqlalchemy.util.concurrency import greenlet_spawn

from andamios_orm.core import AndamiosEngine
from andamios_orm.core.events.handlers import (
    EVERY_ENGINE,
    Handlers,
    call,
    call_finally,
    call_logged,
    call_shielded,
    handlers_of,
    model_entries,
    schedule,
    tell,
)
from andamios_orm.core.events.types import AfterCommit, Event

EVENT = AfterCommit(None)


@pytest.fixture
def told() -> list[str]:
    """What the handlers said."""
    return []


def entries(*functions: Any) -> Any:
    handlers = Handlers()
    for function in functions:
        handlers.add(Event, function, None)
    return handlers.of(Event)


def saying(told: list[str], word: str) -> Any:
    return lambda event: told.append(word)


def failing(event: Event) -> None:
    raise LookupError("no mail server")


async def test_functions_and_coroutine_functions_are_called_in_order(told: list[str]) -> None:
    async def slow(event: Event) -> None:
        await asyncio.sleep(0.01)
        told.append("slow")

    await call(entries(slow, saying(told, "quick")), EVENT)
    assert told == ["slow", "quick"]


async def test_the_first_error_ends_a_call(told: list[str]) -> None:
    with pytest.raises(LookupError, match="no mail server"):
        await call(entries(saying(told, "first"), failing, saying(told, "last")), EVENT)
    assert told == ["first"]


async def test_an_error_is_logged_and_the_rest_are_called(
    told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    await call_logged(entries(failing, saying(told, "last")), EVENT)
    assert told == ["last"]
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("andamios_orm.core.events", logging.ERROR)
    assert "AfterCommit" in record.message
    assert "no mail server" in str(record.exc_info)


async def test_a_handler_is_not_called_for_what_it_does_itself(told: list[str]) -> None:
    async def ask_again(event: Event) -> None:
        told.append("asked")
        await call(both, event)

    both = entries(ask_again, saying(told, "other"))
    await call(both, EVENT)
    await call(both, EVENT)
    assert told == ["asked", "other", "other"] * 2


async def test_one_that_is_unsubscribed_meanwhile_is_not_called(told: list[str]) -> None:
    handlers = Handlers()
    handlers.add(Event, lambda event: handlers.remove(Event, last), None)
    last = handlers.add(Event, saying(told, "last"), None)
    await call(handlers.of(Event), EVENT)
    assert told == []


async def test_a_cancelled_wait_of_a_handler_is_an_error_of_that_handler(
    told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    async def wait_for_cancelled(event: Event) -> None:
        other = asyncio.ensure_future(asyncio.sleep(1))
        other.cancel()
        await other

    await call_logged(entries(wait_for_cancelled, saying(told, "last")), EVENT)
    assert told == ["last"]
    assert "CancelledError" in str(caplog.records[0].exc_info)


class TestCancellation:
    @pytest.fixture
    def started(self) -> asyncio.Event:
        return asyncio.Event()

    @pytest.fixture
    def goes_on(self) -> asyncio.Event:
        return asyncio.Event()

    @pytest.fixture
    def waiting(self, told: list[str], started: asyncio.Event, goes_on: asyncio.Event) -> Any:
        async def wait(event: Event) -> None:
            started.set()
            await goes_on.wait()
            told.append("waited")

        return entries(wait, saying(told, "last"))

    async def test_it_passes_through_a_call_whose_errors_are_logged(
        self, told: list[str], waiting: Any, started: asyncio.Event
    ) -> None:
        task = asyncio.create_task(call_logged(waiting, EVENT))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert told == []

    async def test_it_does_not_end_a_shielded_call(
        self, told: list[str], waiting: Any, started: asyncio.Event, goes_on: asyncio.Event
    ) -> None:
        task = asyncio.create_task(call_shielded((waiting, EVENT)))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        goes_on.set()
        while "last" not in told:
            await asyncio.sleep(0)
        assert told == ["waited", "last"]

    async def test_where_nothing_may_be_raised_it_comes_with_the_next_wait(
        self, told: list[str], waiting: Any, started: asyncio.Event, goes_on: asyncio.Event
    ) -> None:
        async def work() -> None:
            await call_finally((waiting, EVENT))
            told.append("nothing was raised")
            await asyncio.sleep(0)
            told.append("never")

        task = asyncio.create_task(work())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        goes_on.set()
        while "last" not in told:
            await asyncio.sleep(0)
        assert told == ["nothing was raised", "waited", "last"]

    async def test_a_time_limit_is_told_as_such(self, waiting: Any, goes_on: asyncio.Event) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await call_finally((waiting, EVENT))
                await asyncio.sleep(1)
        goes_on.set()


class TestTelling:
    async def test_in_a_greenlet_it_is_waited_for(self, told: list[str]) -> None:
        async def slow(event: Event) -> None:
            await asyncio.sleep(0.01)
            told.append("slow")

        await greenlet_spawn(tell, (entries(slow), EVENT))
        assert told == ["slow"]

    async def test_outside_of_one_a_task_does_it(self, told: list[str]) -> None:
        async def slow(event: Event) -> None:
            await asyncio.sleep(0.01)
            told.append("slow")

        tell((entries(slow), EVENT))
        assert told == []
        gc.collect()
        while not told:
            await asyncio.sleep(0.001)

    async def test_without_handlers_nothing_happens(self) -> None:
        before = asyncio.all_tasks()
        tell(((), EVENT))
        schedule(((), EVENT))
        assert asyncio.all_tasks() == before

    def test_without_an_event_loop_it_is_logged(
        self, told: list[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        thread = threading.Thread(target=schedule, args=[(entries(saying(told, "called")), EVENT)])
        thread.start()
        thread.join()
        assert told == []
        assert "no event loop runs, so no handler was called: AfterCommit" in caplog.text


class TestModels:
    async def test_those_of_every_engine_stand_among_those_of_the_engine(
        self, engine: AndamiosEngine
    ) -> None:
        handlers = handlers_of(engine.sync_engine)
        first = handlers.add(Event, failing, None)
        everywhere = EVERY_ENGINE.add(Event, failing, None)
        last = handlers.add(Event, failing, None)
        try:
            assert model_entries(engine.sync_engine, Event, int) == (first, everywhere, last)
        finally:
            EVERY_ENGINE.remove(Event, everywhere)
        assert model_entries(engine.sync_engine, Event, int) == (first, last)

    async def test_they_are_for_a_class_and_its_subclasses(self, engine: AndamiosEngine) -> None:
        entry = EVERY_ENGINE.add(Event, failing, int)
        try:
            assert model_entries(engine.sync_engine, Event, bool) == (entry,)
            assert model_entries(engine.sync_engine, Event, str) == ()
        finally:
            EVERY_ENGINE.remove(Event, entry)
