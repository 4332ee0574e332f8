"""Changes inside of a value are noticed, wherever and whenever they are made."""

from __future__ import annotations

import copy
import gc
import pickle
from collections.abc import Callable
from typing import Any
from weakref import ref

import pytest
from cryptography.fernet import Fernet
from pydantic import BaseModel as Schema
from pydantic import ConfigDict
from sqlalchemy import MetaData, select, update
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core import AndamiosEngine, SessionManager
from andamios_orm.models.declarative import NAMING_CONVENTION, BaseModel
from andamios_orm.models.types import Encrypted, PydanticJSON


class Part(Schema):
    name: str = ""
    tags: list[str] = []


class Plan(Schema):
    model_config = ConfigDict(extra="allow")

    part: Part = Part()
    parts: list[Part] = []
    by_name: dict[str, list[int]] = {}
    names: set[str] = set()
    pair: tuple[Part, list[int]] = (Part(), [])


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Project(Base):
    plan: Mapped[Any] = mapped_column(PydanticJSON(Plan), nullable=True, default=Plan)
    hidden: Mapped[Any] = mapped_column(
        Encrypted(PydanticJSON(Part), key=Fernet.generate_key()), nullable=True
    )


def plan() -> Plan:
    parts = [Part(name="a", tags=["x"]), Part(name="b")]
    return Plan.model_validate(
        {
            "part": Part(),
            "parts": parts,
            "by_name": {"a": [2, 1]},
            "names": {"p", "q"},
            "pair": (Part(), [1]),
            "more": [1],
        }
    )


@pytest.fixture
async def filled(engine: AndamiosEngine) -> AndamiosEngine:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with SessionManager(engine) as session:
        session.add(Project(plan=plan(), hidden=Part(name="h")))
    return engine


async def kept(engine: AndamiosEngine) -> Plan:
    async with SessionManager(engine) as session:
        found: Plan = (await session.scalars(select(Project.plan))).one()
        return found


def delete(values: Any, key: Any) -> None:
    del values[key]


def set_item(values: Any, key: Any, value: Any) -> None:
    values[key] = value


def add_in_place(values: Any, more: Any) -> None:
    values += more


def repeat_in_place(values: Any) -> None:
    values *= 2


def join_in_place(values: Any, more: Any) -> None:
    values |= more


CHANGES: list[Callable[[Any], object]] = [
    lambda plan: setattr(plan.part, "name", "new"),
    lambda plan: setattr(plan, "part", Part(name="new")),
    lambda plan: delattr(plan, "more"),
    lambda plan: setattr(plan, "other", 1),
    lambda plan: plan.more.append(2),
    lambda plan: plan.parts.append(Part()),
    lambda plan: plan.parts.extend([Part()]),
    lambda plan: plan.parts.insert(0, Part()),
    lambda plan: plan.parts.pop(),
    lambda plan: plan.parts.remove(plan.parts[0]),
    lambda plan: plan.parts.reverse(),
    lambda plan: plan.parts.clear(),
    lambda plan: plan.by_name["a"].sort(),
    lambda plan: delete(plan.parts, 0),
    lambda plan: set_item(plan.parts, 0, Part()),
    lambda plan: add_in_place(plan.parts, [Part()]),
    lambda plan: repeat_in_place(plan.parts),
    lambda plan: plan.parts[0].tags.append("y"),
    lambda plan: setattr(plan.parts[1], "name", "new"),
    lambda plan: set_item(plan.by_name, "b", [1]),
    lambda plan: delete(plan.by_name, "a"),
    lambda plan: plan.by_name.update(b=[1]),
    lambda plan: plan.by_name.setdefault("b", []),
    lambda plan: plan.by_name.pop("a"),
    lambda plan: plan.by_name.popitem(),
    lambda plan: plan.by_name.clear(),
    lambda plan: join_in_place(plan.by_name, {"b": []}),
    lambda plan: plan.names.add("r"),
    lambda plan: plan.names.discard("p"),
    lambda plan: plan.names.update({"r"}),
    lambda plan: plan.names.difference_update({"p"}),
    lambda plan: plan.names.copy() and plan.names.symmetric_difference_update({"p"}),
    lambda plan: join_in_place(plan.names, {"r"}),
    lambda plan: setattr(plan.pair[0], "name", "new"),
    lambda plan: plan.pair[1].append(2),
]


@pytest.mark.parametrize("change", CHANGES)
async def test_change_of_a_loaded_value(filled: AndamiosEngine, change: Callable[[Any], object]) -> None:
    before = await kept(filled)
    async with SessionManager(filled) as session:
        found = (await session.scalars(select(Project))).one()
        assert not session.dirty
        change(found.plan)
        expected = found.plan.model_copy(deep=True)
    assert expected != before
    assert await kept(filled) == expected


async def test_object_that_nobody_holds_is_written(filled: AndamiosEngine) -> None:
    async with SessionManager(filled) as session:
        (await session.get_one(Project, 1)).plan.part.name = "new"
    assert (await kept(filled)).part.name == "new"


async def test_what_was_put_in_is_watched_after_the_flush(filled: AndamiosEngine) -> None:
    async with SessionManager(filled) as session:
        project = await session.get_one(Project, 1)
        project.plan.parts.append(Part(name="c"))
        await session.flush()
        assert not session.dirty
        project.plan.parts[2].tags.append("late")
        assert project in session.dirty
    assert (await kept(filled)).parts[2].tags == ["late"]


async def test_value_of_a_new_object_is_watched_after_the_flush(filled: AndamiosEngine) -> None:
    async with SessionManager(filled) as session:
        project = Project(plan={"parts": [{}]})
        session.add(project)
        await session.flush()
        project.plan.parts[0].tags.append("late")
        await session.flush()
        assert (await session.scalars(select(Project.plan).where(Project.id == project.id))).one().parts[
            0
        ].tags == ["late"]


async def test_default_is_watched(filled: AndamiosEngine) -> None:
    async with SessionManager(filled) as session:
        project = Project()
        session.add(project)
        await session.flush()
        project.plan.part.name = "late"
        assert project in session.dirty


async def test_value_of_an_update_statement_is_watched(filled: AndamiosEngine) -> None:
    async with SessionManager(filled) as session:
        project = await session.get_one(Project, 1)
        await session.execute(update(Project).values(plan={"parts": [{"name": "z"}]}))
        project.plan.parts[0].name = "late"
        assert project in session.dirty
    assert (await kept(filled)).parts[0].name == "late"


async def test_refreshed_value_is_watched(filled: AndamiosEngine) -> None:
    async with SessionManager(filled) as session:
        project = await session.get_one(Project, 1)
        project.plan.part.name = "forgotten"
        await session.refresh(project, ["id"])
        await session.refresh(project)
        assert not session.dirty
        project.plan.part.name = "new"
    assert (await kept(filled)).part.name == "new"


async def test_pickled_object_is_watched(filled: AndamiosEngine) -> None:
    async with SessionManager(filled) as session:
        project = pickle.loads(pickle.dumps(await session.get_one(Project, 1)))
    async with SessionManager(filled) as session:
        session.add(project)
        project.plan.parts[0].tags.append("late")
    assert (await kept(filled)).parts[0].tags == ["x", "late"]


async def test_merged_object_is_watched(filled: AndamiosEngine) -> None:
    async with SessionManager(filled) as session:
        project = await session.get_one(Project, 1)
    async with SessionManager(filled) as session:
        merged = await session.merge(project, load=False)
        merged.plan.parts[0].tags.append("late")
    assert (await kept(filled)).parts[0].tags == ["x", "late"]


async def test_encrypted_document_is_watched(filled: AndamiosEngine) -> None:
    async with SessionManager(filled) as session:
        (await session.get_one(Project, 1)).hidden.name = "new"
    async with SessionManager(filled) as session:
        assert await session.scalar(select(Project.hidden)) == Part(name="new")


async def test_value_of_two_objects_marks_both(filled: AndamiosEngine) -> None:
    async with SessionManager(filled) as session:
        one = await session.get_one(Project, 1)
        other = Project(plan=one.plan)
        session.add(other)
        await session.flush()
        one.plan.part.name = "both"
        assert set(session.dirty) == {one, other}


async def test_copies_are_not_watched(filled: AndamiosEngine) -> None:
    async with SessionManager(filled) as session:
        project = await session.get_one(Project, 1)
        copied = copy.deepcopy(project.plan)
        copied.part.name = "copy"
        copied.parts.append(Part())
        copied.names.add("z")
        assert not session.dirty


async def test_value_that_was_rolled_back_is_no_part_any_more(filled: AndamiosEngine) -> None:
    async with SessionManager(filled) as session:
        plan = (await session.get_one(Project, 1)).plan
        await session.rollback()
        with pytest.raises(InvalidRequestError, match="not present"):
            plan.parts.append(Part())


async def test_what_nobody_holds_is_collected(filled: AndamiosEngine) -> None:
    async with SessionManager(filled) as session:
        project = await session.get_one(Project, 1)
        known = ref(project)
        del project
        gc.collect()
        assert known() is None


async def test_shared_value_does_not_keep_its_objects(filled: AndamiosEngine) -> None:
    shared = Plan()
    async with SessionManager(filled) as session:
        projects = [Project(plan=shared), Project(plan=shared)]
        session.add_all(projects)
        await session.flush()
    known = [ref(project) for project in projects]
    del projects
    gc.collect()
    assert [project() for project in known] == [None, None]


@pytest.mark.parametrize("value", [None, Plan()])
async def test_replaced_value_is_not_watched(filled: AndamiosEngine, value: Plan | None) -> None:
    async with SessionManager(filled) as session:
        project = await session.get_one(Project, 1)
        old, project.plan = project.plan, value
        await session.flush()
        old.part.name = "nobody's"
        old.parts[0].tags.append("nobody's")
        assert not session.dirty


async def test_part_that_was_taken_out_is_not_watched_after_the_flush(filled: AndamiosEngine) -> None:
    async with SessionManager(filled) as session:
        project = await session.get_one(Project, 1)
        part = project.plan.parts.pop()
        await session.flush()
        part.name = "nobody's"
        assert not session.dirty


async def test_set_value_outlives_what_the_object_knows_of_it(filled: AndamiosEngine) -> None:
    shared = Plan()
    async with SessionManager(filled) as session:
        project = await session.get_one(Project, 1)
        project.plan = shared
        await session.flush()
        session.expire(project)
        shared.part.name = "nobody's"
        assert not session.dirty
