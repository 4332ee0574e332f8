"""The order of objects is that of the statements of a flush."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Column, ForeignKey, Table, inspect
from sqlalchemy.orm import DeclarativeBase, Mapped, WriteOnlyMapped, make_transient_to_detached, mapped_column
from sqlalchemy.orm import relationship as related

from andamios_orm.core.events.flush_order import deleted_order, saved_order


class Base(DeclarativeBase):
    pass


class Flight(Base):
    """Refers to an airline; stands before it in the alphabet and in this file."""

    __tablename__ = "flight"

    id: Mapped[int] = mapped_column(primary_key=True)
    carrier: Mapped[int | None] = mapped_column(ForeignKey("airline.id"))
    airline: Mapped[Airline | None] = related()


class Airline(Base):
    __tablename__ = "airline"

    id: Mapped[int] = mapped_column(primary_key=True)
    planes: Mapped[list[Plane]] = related()
    offices: WriteOnlyMapped[Office] = related()


class Plane(Base):
    __tablename__ = "plane"

    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[int | None] = mapped_column(ForeignKey("airline.id"))


class Office(Base):
    __tablename__ = "office"

    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[int | None] = mapped_column(ForeignKey("airline.id"))


class Folder(Base):
    __tablename__ = "folder"

    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("folder.id"))
    parent: Mapped[Folder | None] = related(remote_side=[id])


class Tag(Base):
    __tablename__ = "tag"

    id: Mapped[int] = mapped_column(primary_key=True)
    one: Mapped[int | None] = mapped_column(ForeignKey("mark.id"))
    mark: Mapped[Mark | None] = related(foreign_keys=one)
    others: Mapped[list[Tag]] = related(
        secondary="tag_to_tag",
        primaryjoin="Tag.id == tag_to_tag.c.left",
        secondaryjoin="Tag.id == tag_to_tag.c.right",
    )


Table(
    "tag_to_tag",
    Base.metadata,
    Column("left", ForeignKey("tag.id"), primary_key=True),
    Column("right", ForeignKey("tag.id"), primary_key=True),
)


class Mark(Base):
    __tablename__ = "mark"

    id: Mapped[int] = mapped_column(primary_key=True)
    other: Mapped[int | None] = mapped_column(ForeignKey("tag.id"))
    tag: Mapped[Tag | None] = related(foreign_keys=other)


def states(*instances: Any) -> Any:
    """Return the states of objects that were added in this order."""
    for number, instance in enumerate(instances):
        inspect(instance).insert_order = number
    return [inspect(instance) for instance in instances]


def saved(*instances: Any) -> list[Any]:
    return [state.obj() for state in saved_order(states(*instances))]


def deleted(*instances: Any) -> list[Any]:
    return [state.obj() for state in deleted_order(states(*instances))]


def persistent(instance: Any) -> Any:
    make_transient_to_detached(instance)
    return instance


def test_classes_follow_those_that_they_refer_to() -> None:
    flight, airline, plane = Flight(id=1), Airline(id=1), Plane(id=1)
    assert saved(flight, plane, airline)[0] is airline
    assert deleted(airline, flight, plane)[-1] is airline


def test_objects_of_a_class_stand_in_the_order_of_their_adding() -> None:
    first, second, third = Plane(id=3), Plane(id=2), Plane(id=1)
    assert saved(first, second, third) == [first, second, third]


def test_those_that_are_there_follow_in_the_order_of_their_keys() -> None:
    second, first, new = persistent(Plane(id=2)), persistent(Plane(id=1)), Plane(id=3)
    assert saved(second, first, new) == [new, first, second]
    assert deleted(second, first) == [first, second]


def test_an_object_follows_the_one_of_its_class_that_it_refers_to() -> None:
    top = Folder(id=1)
    middle = Folder(id=2, parent=top)
    bottom = Folder(id=3, parent=middle)
    assert saved(bottom, middle, top) == [top, middle, bottom]
    assert deleted(top, middle, bottom) == [bottom, middle, top]


def test_a_list_stands_for_references_too() -> None:
    airline = Airline(id=1, planes=[Plane(id=1), Plane(id=2)])
    assert saved(*airline.planes, airline) == [airline, *airline.planes]


def test_a_list_that_is_never_loaded_is_passed_over() -> None:
    office, airline = Office(id=1), Airline(id=1)
    airline.offices.add(office)
    assert saved(office, airline) == [airline, office]


def test_a_table_between_two_says_nothing() -> None:
    first, second = Tag(id=1), Tag(id=2)
    first.others = [second]
    second.others = [first]
    assert saved(first, second) == [first, second]


def test_what_is_not_among_them_counts_for_nothing() -> None:
    flight = Flight(id=1, airline=Airline(id=1))
    assert saved(flight) == [flight]


@pytest.mark.parametrize("order", [saved, deleted])
def test_a_circle_does_not_matter(order: Any) -> None:
    tag, mark = Tag(id=1), Mark(id=1)
    tag.mark, mark.tag = mark, tag
    assert set(order(tag, mark)) == {tag, mark}


def test_a_long_chain_is_no_matter_of_depth() -> None:
    chain = [Folder(id=0)]
    for number in range(1, 3_000):
        chain.append(Folder(id=number, parent=chain[-1]))
    assert saved(*reversed(chain)) == chain
