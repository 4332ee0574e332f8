"""Filters that stand in models."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Annotated

import pytest
from pydantic import Field
from sqlalchemy import ForeignKey, MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, aliased, mapped_column, relationship

from andamios_orm.core import AsyncSession
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.models import NAMING_CONVENTION, BaseModel, DataclassModel
from andamios_orm.queries import Count, Q, QueryBuilder
from andamios_orm.queries.filters import FilterBuilder
from andamios_orm.queries.named_filters import NamedFilter, named_filter

from ..shared import held


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Dated:
    day: Mapped[dt.date]

    since = named_filter(lambda day: Q(day__gte=day))


class Hall(Base):
    flights: Mapped[list[Flight]] = relationship(back_populates="hall")


class Flight(Dated, Base):
    kind: Mapped[str] = mapped_column(default="flight")
    delay: Mapped[Annotated[int, Field(ge=-60)]]
    hall_id: Mapped[int] = mapped_column(ForeignKey("hall.id"))
    hall: Mapped[Hall] = relationship(back_populates="flights")

    late = named_filter(lambda: Q(delay__gt=60))
    early = named_filter(lambda: Flight.delay < 0)
    around = named_filter(lambda minutes=10: FilterBuilder(Flight).between("delay", -minutes, minutes))

    @named_filter
    @staticmethod
    def later_than(minutes: int, *, kind: str = "flight") -> Q:
        return Q(delay__gt=minutes, kind=kind)

    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "flight"}


class Charter(Flight):
    __mapper_args__ = {"polymorphic_identity": "charter"}


async def fill(session: AsyncSession) -> None:
    """Make the tables, and write the rows."""
    await (await session.connection()).run_sync(Base.metadata.create_all)
    hall = Hall(id=1)
    session.add_all(
        [
            Flight(id=1, delay=-5, day=dt.date(2013, 1, 1), hall=hall),
            Flight(id=2, delay=40, day=dt.date(2013, 1, 2), hall=hall),
            Charter(id=3, delay=90, day=dt.date(2013, 1, 3), hall=hall),
        ]
    )


@pytest.fixture(scope="module")
def shared_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database with three flights."""
    with held(request.module.__name__, fill) as url:
        yield url


async def ids(session: AsyncSession, condition: Q, model: type[Flight] = Flight) -> list[int]:
    """Return the numbers of the flights for which a condition holds."""
    found: list[int] = (
        await QueryBuilder(model, session).filter(condition).order_by("id").values_list("id", flat=True)
    )
    return found


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Flight.late, [3]),
        (Flight.late(), [3]),
        (Flight.early, [1]),
        (Flight.around, [1]),
        (Flight.around(50), [1, 2]),
        (Flight.later_than(30), [2]),
        (Flight.later_than(minutes=30, kind="charter"), [3]),
        (Flight.since(dt.date(2013, 1, 2)), [2, 3]),
        (Flight.late | Flight.early, [1, 3]),
        (Flight.since(dt.date(2013, 1, 2)) & ~Flight.late, [2]),
        (Q(Flight.late, id=2), []),
    ],
)
async def test_named_filter(session: AsyncSession, condition: Q, expected: list[int]) -> None:
    assert await ids(session, condition) == expected


async def test_filter_of_a_parent_is_one_of_the_child(session: AsyncSession) -> None:
    assert await ids(session, Flight.late, Charter) == await ids(session, Charter.late, Charter) == [3]


async def test_filter_of_what_many_have(session: AsyncSession) -> None:
    query = QueryBuilder(Hall, session).annotate(late=Count("flights", filter=Flight.late))
    assert [row.late for row in await query.all()] == [1]


async def test_filter_in_a_builder(session: AsyncSession) -> None:
    assert await ids(session, FilterBuilder(Flight).any_of(Flight.late, Flight.early).gt("id", 1)) == [3]


async def test_filter_of_an_alias(session: AsyncSession) -> None:
    other = aliased(Flight)
    found = await QueryBuilder(other, session).filter(other.late).all()
    assert [flight.id for flight in found] == [3]


async def test_mapping_does_not_see_it() -> None:
    assert set(Flight.__mapper__.attrs.keys()) == {"id", "kind", "day", "delay", "hall_id", "hall"}
    assert "late" not in Flight(delay=5).to_dict()


def test_object_has_no_filter() -> None:
    """Where it would be true whatever the delay is."""
    flight = Flight(delay=5)
    assert not hasattr(flight, "late")
    with pytest.raises(AttributeError, match=r"'late' is a filter for queries: Flight\.late"):
        flight.late  # noqa: B018 # reading it is what is tested


def test_object_takes_no_filter() -> None:
    with pytest.raises(AttributeError, match="'late' is a filter for queries, and no attribute of objects"):
        Flight(late=True)


def test_arguments_that_it_does_not_take() -> None:
    with pytest.raises(TypeError, match="missing a required argument: 'minutes'"):
        Flight.later_than(kind="charter")  # type: ignore[call-arg] # that is what is tested


def test_arguments_that_are_forgotten() -> None:
    with pytest.raises(ConfigurationError, match=r"Flight\.since takes arguments: call it, .*since\(day\)"):
        QueryBuilder(Flight).filter(Flight.since)


def test_filter_of_another_model() -> None:
    with pytest.raises(ConfigurationError, match="about Flight, and the query about Hall"):
        QueryBuilder(Hall).filter(Flight.late)


def test_what_is_no_condition() -> None:
    class Ticket(Base):
        wrong = named_filter(lambda: "price > 5")  # type: ignore[arg-type,return-value] # that is what is tested

    with pytest.raises(ConfigurationError, match="is no condition"):
        QueryBuilder(Ticket).filter(Ticket.wrong)


def test_filter_of_a_dataclass() -> None:
    class Data(DataclassModel):
        __abstract__ = True
        metadata = MetaData(naming_convention=NAMING_CONVENTION)

    class Point(Data):
        x: Mapped[int]

        right = named_filter(lambda: Q(x__gt=0))

    assert Point(1).x == 1
    assert "point.x > " in QueryBuilder(Point).filter(Point.right).to_sql()


def test_filter_of_a_plain_mapped_class() -> None:
    class Plain(DeclarativeBase):
        pass

    class Thing(Plain):
        __tablename__ = "things"
        id: Mapped[int] = mapped_column(primary_key=True)
        first = named_filter(lambda: Q(id=1))

    assert isinstance(Thing.first, NamedFilter)
    assert "things.id = " in QueryBuilder(Thing).filter(Thing.first).to_sql()
