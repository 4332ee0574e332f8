"""Listeners that wait, while others come and go."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from andamios_orm.core import AndamiosEngine
from andamios_orm.core.events.listeners import SharedListeners, listen
from andamios_orm.core.undisturbed import make_undisturbed, make_undisturbed_class


@pytest.fixture
def told() -> list[str]:
    """What the listeners said."""
    return []


async def test_listeners_may_come_and_go_while_one_is_called(engine: AndamiosEngine, told: list[str]) -> None:
    target = engine.sync_engine
    make_undisturbed(target, "after_cursor_execute")

    def come_and_go(*arguments: Any) -> None:
        told.append("changes")
        listen(target, "after_cursor_execute", lambda *arguments: told.append("new"))
        stop()

    def go(*arguments: Any) -> None:
        told.append("old")

    listen(target, "after_cursor_execute", come_and_go)
    stop = listen(target, "after_cursor_execute", go)
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
    # The walk that is open meets those that were there.
    assert told == ["changes", "old"]


async def test_those_that_were_there_stay(engine: AndamiosEngine, told: list[str]) -> None:
    event.listen(engine.sync_engine, "after_cursor_execute", lambda *arguments: told.append("old"))
    make_undisturbed(engine.sync_engine, "after_cursor_execute")
    make_undisturbed(engine.sync_engine, "after_cursor_execute")
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
    assert told == ["old"]


class Own(Session):
    """A session of this test."""


make_undisturbed_class(Own, "before_commit")


class TestClasses:
    def test_listeners_may_come_while_one_is_called(self, told: list[str]) -> None:
        stops = []

        def come(session: Session) -> None:
            told.append("comes")
            stops.append(listen(Own, "before_commit", lambda session: told.append("new")))

        stops.append(listen(Own, "before_commit", come))
        Own().commit()
        assert told == ["comes"]
        for stop in stops:
            stop()

    def test_it_is_done_once(self, told: list[str]) -> None:
        stop = listen(Own, "before_commit", lambda session: told.append("called"))
        session = Own()
        make_undisturbed_class(Own, "before_commit")
        session.commit()
        stop()
        session.commit()
        assert told == ["called"]


class TestSharing:
    @pytest.fixture
    def shared(self, told: list[str]) -> SharedListeners:
        return SharedListeners((Own, "before_commit", lambda session: told.append("called")))

    def test_they_are_there_from_the_first_start_to_the_last_stop(
        self, shared: SharedListeners, told: list[str]
    ) -> None:
        first, second = Own(), Own()
        Own().commit()
        shared.start(first)
        shared.start(second)
        shared.stop(first)
        Own().commit()
        assert told == ["called"]
        shared.stop(second)
        Own().commit()
        assert told == ["called"]

    def test_they_rest_when_their_user_is_gone(self, shared: SharedListeners, told: list[str]) -> None:
        user = Own()
        shared.start(user)
        shared.rest()
        Own().commit()
        assert told == ["called"]
        del user
        shared.rest()
        Own().commit()
        assert told == ["called"]

    def test_one_that_waits_keeps_them(self, shared: SharedListeners, told: list[str]) -> None:
        user = Own()
        shared.start(user)
        with shared.walk():
            shared.stop(user)
        Own().commit()
        assert told == ["called"]
        shared.start(user)
        Own().commit()
        assert told == ["called", "called"]
        shared.stop(user)
        Own().commit()
        assert told == ["called", "called"]
