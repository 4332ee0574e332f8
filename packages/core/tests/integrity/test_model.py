"""Random units of work end as a model of foreign keys in Python says, or write nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import ForeignKey, Table, delete, insert, select, text, update
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager
from andamios_orm.core.errors import ForeignKeyError


class Base(DeclarativeBase):
    pass


class Parent(Base):
    __tablename__ = "parent"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class Child(Base):
    __tablename__ = "child"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    strict: Mapped[int | None] = mapped_column(ForeignKey("parent.id"))
    owner: Mapped[int | None] = mapped_column(ForeignKey("parent.id", ondelete="CASCADE"))
    label: Mapped[int | None] = mapped_column(ForeignKey("parent.id", ondelete="SET NULL"))
    above: Mapped[int | None] = mapped_column(ForeignKey("child.id", ondelete="CASCADE"))


PARENTS, CHILDREN = (Base.metadata.tables[name] for name in ("parent", "child"))
REFERENCES = ("strict", "owner", "label", "above")

Rows = dict[int, dict[str, int | None]]


@dataclass
class World:
    """What the database should hold."""

    parents: set[int] = field(default_factory=set)
    children: Rows = field(default_factory=dict)

    def copy(self) -> World:
        return World(set(self.parents), {key: dict(row) for key, row in self.children.items()})

    def remove_parent(self, key: int) -> None:
        self.parents.discard(key)
        for child in [child for child, row in self.children.items() if row["owner"] == key]:
            self.remove_child(child)
        for row in self.children.values():
            row["label"] = None if row["label"] == key else row["label"]

    def remove_child(self, key: int) -> None:
        if self.children.pop(key, None) is not None:
            for child in [child for child, row in self.children.items() if row["above"] == key]:
                self.remove_child(child)

    def is_sound(self) -> bool:
        return all(
            row[name] is None or row[name] in (self.children if name == "above" else self.parents)
            for row in self.children.values()
            for name in REFERENCES
        )


@dataclass(frozen=True)
class Step:
    """One statement, or one flush, and what it means."""

    what: str
    key: int
    values: dict[str, int | None]

    def applies(self, world: World) -> bool:
        """Whether it could break no other rule, nor do nothing."""
        rows: Any = world.parents if "parent" in self.what else world.children
        fresh = "add" in self.what
        return (self.key in rows) != fresh and not (
            self.what == "rename_parent" and self.values["strict"] in (None, *world.parents)
        )

    def apply(self, world: World) -> None:
        if self.what == "add_parent":
            world.parents.add(self.key)
        elif self.what == "remove_parent":
            world.remove_parent(self.key)
        elif self.what == "rename_parent":
            world.parents.remove(self.key)
            world.parents.add(self.values["strict"] or 0)
        elif self.what == "remove_child":
            world.remove_child(self.key)
        else:
            world.children[self.key] = dict(self.values)

    def _table(self) -> Table:
        return PARENTS if "parent" in self.what else CHILDREN

    def _values(self) -> dict[str, int | None]:
        return {"id": self.values["strict"]} if self.what == "rename_parent" else self.values

    async def execute(self, session: AsyncSession) -> None:
        table = self._table()
        values = {} if self.what == "add_parent" else self.values
        if "add" in self.what:
            await session.execute(insert(table).values(id=self.key, **values))
        elif "remove" in self.what:
            await session.execute(delete(table).where(table.c.id == self.key))
        else:
            await session.execute(update(table).where(table.c.id == self.key).values(**self._values()))

    async def flush(self, session: AsyncSession) -> None:
        model: Any = Parent if "parent" in self.what else Child
        if "add" in self.what:
            session.add(model(id=self.key, **({} if self.what == "add_parent" else self.values)))
        else:
            row = await session.get_one(model, self.key, populate_existing=True)
            if "remove" in self.what:
                await session.delete(row)
            else:
                for name, value in self._values().items():
                    setattr(row, name, value)
        await session.flush()
        session.expunge_all()


KEY = st.integers(1, 4)
VALUES = st.fixed_dictionaries({name: st.none() | KEY for name in REFERENCES})
WHATS = ["add_parent", "remove_parent", "rename_parent", "add_child", "change_child", "remove_child"]
STEP = st.builds(Step, st.sampled_from(WHATS), KEY, VALUES)
UNITS = st.lists(st.lists(STEP, min_size=1, max_size=8), min_size=1, max_size=4)
SLOW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


async def found(engine: AndamiosEngine) -> World:
    async with engine.connect() as connection:
        parents = set(await connection.scalars(select(PARENTS.c.id)))
        children = (await connection.execute(select(CHILDREN))).mappings().all()
    return World(parents, {row["id"]: {name: row[name] for name in REFERENCES} for row in children})


@pytest.fixture
async def tables(engine: AndamiosEngine) -> AndamiosEngine:
    """The engine with the tables of this module."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all, checkfirst=False)
    return engine


async def empty(engine: AndamiosEngine) -> None:
    """Take the rows of the last example out, by text that is not checked."""
    async with engine.begin() as connection:
        await connection.execute(text("DELETE FROM child"))
        await connection.execute(text("DELETE FROM parent"))


@pytest.mark.parametrize("way", ["execute", "flush"])
@SLOW
@given(units=UNITS)
async def test_a_unit_of_work_is_committed_exactly_when_it_is_sound(
    tables: AndamiosEngine, way: str, units: list[list[Step]]
) -> None:
    await empty(tables)
    world = World()
    for unit in units:
        after = world.copy()
        async with AsyncSession(tables) as session:
            for step in unit:
                if step.applies(after):
                    step.apply(after)
                    await getattr(step, way)(session)
            if after.is_sound():
                await session.commit()
                world = after
            else:
                with pytest.raises(ForeignKeyError):
                    await session.commit()
        assert await found(tables) == world


@SLOW
@given(rows=st.dictionaries(KEY, VALUES), parents=st.sets(KEY), units=UNITS)
async def test_a_flush_of_many_objects_leaves_nothing_dangling(
    tables: AndamiosEngine, rows: Rows, parents: set[int], units: list[list[Step]]
) -> None:
    """In a flush the order is SQLAlchemy's; what can be said is that the outcome is sound, or the old one."""
    await empty(tables)
    world = World()
    first = [Step("add_parent", key, {}) for key in parents]
    first += [Step("add_child", *row) for row in rows.items()]
    for unit in [first, *units]:
        try:
            async with SessionManager(tables, autoflush=False) as session:
                await flush_once(session, unit)
        except ForeignKeyError:
            assert await found(tables) == world
        else:
            world = await found(tables)
            assert world.is_sound()


async def flush_once(session: AsyncSession, unit: list[Step]) -> None:
    for step in {("parent" in step.what, step.key): step for step in unit}.values():
        model: Any = Parent if "parent" in step.what else Child
        row = await session.get(model, step.key)
        if row is None:
            session.add(model(id=step.key, **({} if model is Parent else step.values)))
        elif "remove" in step.what:
            await session.delete(row)
        elif model is Child:
            for name, value in step.values.items():
                setattr(row, name, value)
