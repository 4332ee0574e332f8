from __future__ import annotations

import asyncio

from andamios_orm import models
from andamios_orm.models.actors import actor, current_actor


async def test_there_is_nobody_outside_of_any() -> None:
    assert current_actor() is None


async def test_a_block_ends() -> None:
    with actor("ada") as name:
        assert (name, current_actor()) == ("ada", "ada")
    assert current_actor() is None


async def test_blocks_nest() -> None:
    with actor("ada"):
        with actor(None):
            assert current_actor() is None
        assert current_actor() == "ada"


async def test_a_plain_call_holds_for_its_task_only() -> None:
    async def work() -> str | None:
        actor("job")
        await asyncio.sleep(0)
        return current_actor()

    assert await asyncio.create_task(work()) == "job"
    assert current_actor() is None


async def test_tasks_inherit_it() -> None:
    async def work() -> str | None:
        return current_actor()

    with actor("ada"):
        task = asyncio.create_task(work())
    assert await task == "ada"


async def test_it_shows_who() -> None:
    with actor("ada"):
        assert repr(actor("bob")) == "actor('bob')"


def test_the_facade_offers_the_class_and_not_the_module() -> None:
    assert models.actor is actor
