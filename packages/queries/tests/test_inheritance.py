"""Models that inherit from each other, in one table or in several."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import AndamiosEngine, AsyncSession, ConfigurationError
from andamios_orm.queries import F, QueryBuilder


class Base(DeclarativeBase):
    pass


class Person(Base):
    __tablename__ = "people"
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "person"}

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]
    kind: Mapped[str]


class Manager(Person):
    """In a table beside that of all people."""

    __tablename__ = "managers"
    __mapper_args__ = {"polymorphic_identity": "manager"}

    id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    budget: Mapped[int]


class Vehicle(Base):
    __tablename__ = "vehicles"
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "vehicle"}

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str | None]
    name: Mapped[str]


class Car(Vehicle):
    """In the table of all vehicles."""

    __mapper_args__ = {"polymorphic_identity": "car"}

    doors: Mapped[int | None]


@pytest.fixture
async def session(engine: AndamiosEngine) -> AsyncIterator[AsyncSession]:
    async with AsyncSession(engine) as session:
        await (await session.connection()).run_sync(Base.metadata.create_all)
        session.add_all(
            [Person(id=1, name="a"), *(Manager(id=n, name="abcd"[n - 1], budget=n) for n in (2, 3, 4))]
        )
        session.add_all([Vehicle(id=1, name="v"), Car(id=2, name="c", doors=4), Car(id=3, name="d")])
        await session.flush()
        yield session


async def budgets(session: AsyncSession) -> list[Any]:
    return await QueryBuilder(Manager, session).order_by("id").values_list("name", "budget")


async def test_an_update_is_of_the_objects_of_the_query_alone(session: AsyncSession) -> None:
    assert await QueryBuilder(Manager, session).filter(name="b").update(budget=100) == 1
    assert await budgets(session) == [("b", 100), ("c", 3), ("d", 4)]


async def test_a_field_of_the_parent_is_changed_in_its_table(session: AsyncSession) -> None:
    assert await QueryBuilder(Manager, session).filter(budget__lt=4).update(name=F("name") + "!") == 2
    assert await budgets(session) == [("b!", 2), ("c!", 3), ("d", 4)]
    assert await QueryBuilder(Person, session).filter(id=1).scalar() == await session.get(Person, 1)


def of_managers(session: AsyncSession) -> QueryBuilder[Manager]:
    return QueryBuilder(Manager, session).filter(name="b")


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (
            lambda session: of_managers(session).update(name="x", budget=1),
            "one statement changes one table, and there is name in people, budget in managers",
        ),
        (
            lambda session: of_managers(session).delete(),
            "the rows of Manager are kept in the tables managers, people, and one statement deletes from one",
        ),
        (
            lambda session: QueryBuilder(Person, session).filter(id=1).delete(),
            "the rows of Person are kept in the tables managers, people, and one statement deletes from one",
        ),
        (
            lambda session: QueryBuilder(Manager, session).insert_from(of_managers(session)),
            "the rows of Manager are kept in the tables managers, people, and one statement adds to one",
        ),
    ],
)
async def test_what_one_statement_cannot_write(
    session: AsyncSession, write: Callable[[AsyncSession], Coroutine[Any, Any, int]], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        await write(session)
    assert await budgets(session) == [("b", 2), ("c", 3), ("d", 4)]


async def test_rows_of_a_subclass_are_added_as_such(session: AsyncSession) -> None:
    rows = QueryBuilder(Vehicle, session).select("name", id=F("id") + 10)
    assert await QueryBuilder(Car, session).insert_from(rows) == 3
    assert [type(each) for each in await QueryBuilder(Vehicle, session).order_by("id").all()] == [
        Vehicle, Car, Car, Car, Car, Car,
    ]  # fmt: skip


async def test_a_kind_that_the_rows_give_is_theirs(session: AsyncSession) -> None:
    rows = QueryBuilder(Car, session).select("name", "kind", id=F("id") + 10)
    assert await QueryBuilder(Vehicle, session).insert_from(rows) == 2
    assert await QueryBuilder(Car, session).count() == 4


async def test_a_change_of_a_subclass_leaves_its_siblings_alone(session: AsyncSession) -> None:
    assert await QueryBuilder(Car, session).filter(name__in=["v", "c"]).update(name="q") == 1
    assert await QueryBuilder(Vehicle, session).order_by("id").values_list("name", flat=True) == [
        "v",
        "q",
        "d",
    ]


async def test_a_subclass_may_be_mapped_when_queries_have_been_made(engine: AndamiosEngine) -> None:
    class Own(DeclarativeBase):
        pass

    class Shape(Own):
        __tablename__ = "shapes"
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "shape", "with_polymorphic": "*"}
        id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
        kind: Mapped[str]

    made_before = QueryBuilder(Shape)

    class Circle(Shape):
        __tablename__ = "circles"
        __mapper_args__ = {"polymorphic_identity": "circle"}
        id: Mapped[int] = mapped_column(ForeignKey("shapes.id"), primary_key=True)
        radius: Mapped[int]

    async with AsyncSession(engine) as session:
        await (await session.connection()).run_sync(Own.metadata.create_all)
        session.add_all([Shape(id=1), Circle(id=2, radius=5), Circle(id=3, radius=6)])
        await session.flush()
        found = await QueryBuilder(Shape, session).order_by("id").all()
        assert [type(each) for each in found] == [Shape, Circle, Circle]
        assert await QueryBuilder(Shape, session).order_by("-id").limit(2).nested().count() == 2
    assert "shapes" in made_before.to_sql()
