"""Units of work of models that are bound to an engine, and what becomes of objects when they fail."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect

from andamios_orm.core import AndamiosEngine, SessionManager, create_file_engine, current_session
from andamios_orm.core.errors import ConfigurationError, DuplicateKeyError, NoCurrentSessionError
from andamios_orm.core.events import BeforeCommit, events_of
from andamios_orm.models import BaseModel
from andamios_orm.repositories.active_record.active_record import ActiveRecord
from andamios_orm.repositories.active_record.binding import NotBoundError, engine_of_model

from .record_models import Club, Letter, Member, Oven, Page, Tool, bound, unsaved


@pytest.fixture
async def engine(engine: AndamiosEngine) -> AsyncIterator[AndamiosEngine]:
    """An engine that all the models are bound to."""
    async with bound(engine) as engine:
        yield engine


@pytest.fixture
async def ada(engine: AndamiosEngine) -> Member:
    await Member.create(name="bob")
    return await Member.create(name="ada", age=36)


async def test_the_nearest_class_that_is_bound(engine: AndamiosEngine, tmp_path: Path) -> None:
    other = create_file_engine(tmp_path / "other.db")
    Tool.bind(other)
    assert [engine_of_model(each) for each in (Member, Tool, Oven)] == [engine, other, other]
    Oven.bind(engine)
    assert engine_of_model(Oven) is engine
    for model in (Oven, Tool):
        model.bind(None)
    assert engine_of_model(Oven) is engine
    await other.dispose()


def test_no_engine_is_refused() -> None:
    given: Any = "duckdb:///"
    with pytest.raises(ConfigurationError, match=r"Member.bind\(\) needs an engine"):
        Member.bind(given)
    with pytest.raises(NoCurrentSessionError):
        engine_of_model(Member)


@pytest.mark.parametrize(
    "call",
    [
        lambda: Member.create(name="ada"),
        lambda: Member.find(1),
        lambda: Member.all(),
        lambda: Member.first_or_create(name="ada"),
        lambda: Member(name="ada").save(),
        lambda: Member(name="ada").delete(),
        lambda: Member(name="ada").refresh(),
    ],
)
async def test_neither_session_nor_engine(call: Any) -> None:
    with pytest.raises(NotBoundError, match=r"no current session: .*Member.bind\(engine\)") as caught:
        await call()
    assert caught.value.model == "Member"
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


async def test_a_write_that_fails_can_be_repeated(ada: Member) -> None:
    """After a rollback SQLAlchemy would know of no change, and a second attempt would write nothing."""
    ada.name, ada.age = "bob", 37
    for _ in range(2):
        with pytest.raises(DuplicateKeyError):
            await ada.save()
        assert (ada.name, ada.age, unsaved(ada)) == ("bob", 37, ["age", "name"])
    ada.name = "eve"
    await ada.save()
    assert [each.age for each in await Member.where(name="eve").all()] == [37]


async def test_a_commit_that_fails_can_be_repeated(engine: AndamiosEngine) -> None:
    page = await Page.create(title="first")
    page.title = "second"

    def refuse(event: BeforeCommit) -> None:
        raise LookupError

    with events_of(engine).subscribe(BeforeCommit, refuse), pytest.raises(LookupError):
        await page.save()
    assert (page.version, unsaved(page)) == (1, ["title"])
    await page.save()
    assert [(each.title, each.version) for each in await Page.all()] == [("second", 2)]


async def test_a_new_object_stays_new(ada: Member) -> None:
    eve = Member(name="ada")
    for call in (eve.save, lambda: Member.create(eve)):
        with pytest.raises(DuplicateKeyError):
            await call()
        assert (inspect(eve).transient, inspect(eve).dict.get("id")) == (True, None)
    eve.name = "eve"
    await eve.save()
    assert [each.id for each in await Member.where(name="eve").all()] == [eve.id]


async def test_what_belongs_to_an_object_stays_what_it_was(engine: AndamiosEngine) -> None:
    red = await Club.create(name="red", members=[Member(name="ada"), Member(name="bob")])
    ada, bob = red.members
    red.members.remove(bob)
    new = Member(name="ada")
    red.members.append(new)
    ada.age = 36
    with pytest.raises(DuplicateKeyError):
        await red.save()
    assert (red.members, inspect(new).transient, unsaved(ada)) == ([ada, new], True, ["age"])
    new.name = "eve"
    red.members.append(Member(name="dan"))
    await red.save()
    found = await Member.where().order_by("name").values_list("name", "age", "club_id")
    assert found == [("ada", 36, red.id), ("dan", None, red.id), ("eve", None, red.id)]


async def test_values_stay_what_they_were(ada: Member) -> None:
    red, blue = await Club.create(name="red"), await Club.create(name="blue")
    red.name = "crimson"
    for call in (
        lambda: Member.create({"club": red}, name="ada"),
        lambda: Member.first_or_create({"name": "ada", "club": red}, age=99),
        lambda: Club.create(name="blue", members=[ada]),
    ):
        with pytest.raises(DuplicateKeyError):
            await call()
        assert (red.name, unsaved(red), ada.name, blue.name) == ("crimson", ["name"], "ada", "blue")


async def test_a_deletion_that_fails(engine: AndamiosEngine) -> None:
    page = await Page.create(title="first")

    def refuse(event: BeforeCommit) -> None:
        raise LookupError

    with events_of(engine).subscribe(BeforeCommit, refuse), pytest.raises(LookupError):
        await page.delete()
    assert (page.title, page.version) == ("first", 1)
    await page.delete()
    assert await Page.all() == []


async def test_a_key_that_is_taken(ada: Member) -> None:
    key = ada.id
    ada.id = 1
    with pytest.raises(DuplicateKeyError):
        await ada.save()
    assert (ada.id, inspect(ada).identity) == (1, (key,))
    ada.id = 9
    await ada.save()
    assert sorted(each.id for each in await Member.all()) == [1, 9]


async def test_a_task_that_is_cancelled_before_it_has_written(
    engine: AndamiosEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = await Letter.create(text="a")
    letter.text = "B"
    reached = asyncio.Event()
    monkeypatch.setattr(Letter, "reached", reached)
    task = asyncio.create_task(letter.save())
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (letter.text, unsaved(letter)) == ("B", ["text"])
    monkeypatch.setattr(Letter, "reached", None)
    await letter.save()
    assert [each.text for each in await Letter.all()] == ["b"]


@pytest.mark.parametrize("times", [1, 2])
async def test_a_task_that_is_cancelled_while_it_commits(engine: AndamiosEngine, times: int) -> None:
    """What was written is not written again: the object knows."""
    reached, goes_on = asyncio.Event(), asyncio.Event()

    async def wait(event: BeforeCommit) -> None:
        reached.set()
        await goes_on.wait()

    eve = Member(name="eve")
    with events_of(engine).subscribe(BeforeCommit, wait):
        task = asyncio.create_task(eve.save())
        await reached.wait()
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0)
        assert not task.done()
        goes_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert inspect(eve).detached
    await eve.save()
    assert [each.id for each in await Member.all()] == [eve.id]


async def test_a_cancelled_task_whose_commit_fails(engine: AndamiosEngine) -> None:
    reached, goes_on = asyncio.Event(), asyncio.Event()

    async def refuse(event: BeforeCommit) -> None:
        reached.set()
        await goes_on.wait()
        raise LookupError

    eve = Member(name="eve")
    with events_of(engine).subscribe(BeforeCommit, refuse):
        task = asyncio.create_task(eve.save())
        await reached.wait()
        task.cancel()
        goes_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (inspect(eve).transient, await Member.all()) == (True, [])


@pytest.mark.parametrize("name", ["ada", "new"])
async def test_an_object_serves_one_task_at_a_time(ada: Member, name: str) -> None:
    member = ada if name == "ada" else Member(name=name)
    member.age = 37
    first, second = await asyncio.gather(member.save(), member.save(), return_exceptions=True)
    assert first is member
    assert isinstance(second, ConfigurationError)
    assert "another task works with this Member" in str(second)
    await member.save()
    assert await Member.where(name=name, age=37).count() == 1


async def test_tasks_with_objects_of_their_own(engine: AndamiosEngine) -> None:
    made = await asyncio.gather(*(Member.create(name=f"n{number}") for number in range(20)))
    for member in made:
        member.age = member.id
    await asyncio.gather(*(member.save() for member in made))
    assert all(each.age == each.id for each in await Member.all())


async def test_a_unit_is_the_current_session_of_hooks(engine: AndamiosEngine) -> None:
    class Note(Letter):
        async def before_save(self) -> None:
            current_session().info["noted"] = True

        def after_save(self) -> None:
            assert current_session().info["noted"]
            self.text = "changed after"

    note = await Note.create(text="a")
    assert [each.text for each in await Note.all()] == ["changed after"]
    assert note.text == "changed after"
    with pytest.raises(NoCurrentSessionError):
        current_session()


def test_bases_apart() -> None:
    class Other(ActiveRecord, BaseModel):
        __abstract__ = True

    with pytest.raises(NotBoundError, match=r"Other.bind\(engine\)"):
        engine_of_model(Other)


async def test_a_session_that_was_open_goes_on(ada: Member, engine: AndamiosEngine) -> None:
    async with SessionManager(engine) as session:
        ada.age = 37
        await ada.save()
        assert current_session() is session
