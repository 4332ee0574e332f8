"""Aggregates: of all rows, of groups, of some of them, in an order."""

from __future__ import annotations

import datetime as dt
import enum
import statistics
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Date, MetaData, String, TypeDecorator, Uuid, cast, func
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core import AndamiosEngine, AsyncSession, create_engine
from andamios_orm.core.errors import ConfigurationError, NotSupportedError
from andamios_orm.models import BaseModel, NaturalKey
from andamios_orm.models.timestamps import UTCDateTime
from andamios_orm.queries import (
    ArrayAgg,
    Avg,
    Count,
    F,
    Max,
    Median,
    Min,
    Mode,
    Q,
    Quantile,
    QueryBuilder,
    StdDev,
    StringAgg,
    Sum,
    UnknownNameError,
    Variance,
)

from .airport import Airline, Flight

DELAYS = [10, 70, -5, 30, 30, 0]


@pytest.mark.parametrize(
    ("aggregate", "value"),
    [
        (Count(), 7),
        (Count("delay"), 6),
        (Count("delay", distinct=True), 5),
        (Count(filter=Q(delay__gt=20)), 3),
        (Count(filter=F("delay") > 20), 3),
        (Count("id", filter=Q(airline__name__contains="Amer")), 3),
        (Count(filter=Q(tags__word="late")), 2),
        (Sum("delay"), 135),
        (Sum("delay", distinct=True), 105),
        (Sum(F("delay") + 1), 141),
        (Sum("price"), Decimal("2199.50")),
        (Sum("plane__seats"), 700),
        (Sum(Flight.delay), 135),
        (Avg("delay"), statistics.mean(DELAYS)),
        (Avg("price", filter=Q(id__lt=3)), 150.0),
        (Min("delay"), -5),
        (Max("airline__name"), "United Air Lines"),
        (Max("delay", filter=Q(id=3)), None),
        (Mode("delay"), 30),
        (Median("delay"), 20.0),
        (Quantile("delay", 0.5), 20.0),
        (Quantile("delay", 0), -5.0),
        (Quantile("delay", 1), 70.0),
        (ArrayAgg("delay", order_by="id"), [10, 70, None, -5, 30, 30, 0]),
        (ArrayAgg("id", order_by=["airline_code", "-id"]), [6, 5, 4, 7, 3, 2, 1]),
        (ArrayAgg("id", order_by=["-delay", F("id").desc()], filter=Q(id__gt=2)), [6, 5, 7, 4, 3]),
        (ArrayAgg("airline_code", distinct=True, order_by="airline_code"), ["AA", "B6", "UA"]),
        (StringAgg("airline_code", distinct=True, order_by="-airline_code"), "UA,B6,AA"),
        (StringAgg("airline_code", "'; ", order_by="id", filter=Q(id__in=[1, 4])), "UA'; AA"),
        (Max("delay") - Min("delay"), 75),
        (func.round(Avg("delay"), 1), 22.5),
    ],
)
async def test_of_all_rows(session: AsyncSession, aggregate: Any, value: Any) -> None:
    assert await QueryBuilder(Flight, session).aggregate(value=aggregate) == {"value": value}


async def test_spread(session: AsyncSession) -> None:
    found = await QueryBuilder(Flight, session).aggregate(s=StdDev("delay"), v=Variance("delay"))
    assert found["s"] == pytest.approx(statistics.stdev(DELAYS))
    assert found["v"] == pytest.approx(statistics.variance(DELAYS))


async def test_of_groups(session: AsyncSession) -> None:
    query = QueryBuilder(Flight, session).group_by("airline__name", part=F("route__to"))
    query = query.annotate(n=Count(), worst=Max("delay"), late=Count(filter=Q(delay__gt=20)))
    assert await query.order_by("airline__name", "part").values_list() == [
        ("100%_Blue", "LAX", 1, 0, 0),
        ("American Airlines", "LAX", 1, 30, 1),
        ("American Airlines", "SFO", 2, 30, 1),
        ("United Air Lines", "LAX", 2, 10, 0),
        ("United Air Lines", "SFO", 1, 70, 1),
    ]


async def test_of_groups_by_parts_of_documents(session: AsyncSession) -> None:
    query = QueryBuilder(Flight, session).group_by("meta__plan").annotate(n=Count()).order_by("-n")
    assert await query.values_list() == [("free", 4), ("pro", 3)]


async def test_of_computed_values(session: AsyncSession) -> None:
    query = QueryBuilder(Flight, session).annotate(twice=F("delay") * 2)
    assert await query.aggregate(value=Max("twice")) == {"value": 140}
    grouped = QueryBuilder(Flight, session).group_by("airline_code").annotate(n=Count())
    assert await grouped.annotate(more=F("n") + 1).order_by("airline_code").values_list(
        "more", flat=True
    ) == [*(4, 2, 4)]
    assert await grouped.aggregate(groups=Count(), most=Max("n")) == {"groups": 3, "most": 3}


async def test_of_the_rows_that_are_left(session: AsyncSession) -> None:
    query = QueryBuilder(Flight, session).order_by("-id")
    assert await query.limit(2).aggregate(value=Min("id")) == {"value": 6}
    assert await query.offset(5).aggregate(value=Max("id")) == {"value": 2}
    codes = query.select("airline_code").distinct()
    assert await codes.aggregate(value=Count("airline_code")) == {"value": 3}
    assert await QueryBuilder(Flight, session).filter(id=99).aggregate(n=Count(), s=Sum("id")) == {
        "n": 0,
        "s": None,
    }


async def test_of_many_with_an_order(session: AsyncSession) -> None:
    query = QueryBuilder(Airline, session).annotate(
        ids=ArrayAgg("flights__id", order_by="-id"), words=StringAgg("flights__tags__word", order_by="word")
    )
    assert await query.order_by("code").values_list("ids", "words") == [
        ([6, 5, 4], "full"),
        ([7], None),
        ([3, 2, 1], "full,late,late"),
        (None, None),
    ]


async def test_of_many_in_an_expression(session: AsyncSession) -> None:
    query = QueryBuilder(Airline, session).annotate(each=Sum("planes__seats") / Count("planes"))
    assert await query.order_by("code").values_list("each", flat=True) == [150, None, 150, None]


@pytest.mark.parametrize(
    ("aggregate", "value"),
    [
        (Avg("day"), dt.datetime(2013, 1, 4)),
        (Avg("departs"), dt.datetime(2013, 1, 4, 4, 30)),
        (Median("departs"), dt.datetime(2013, 1, 4, 4, 30)),
        (Quantile("day", 0.5), dt.datetime(2013, 1, 4)),
        (Median("airline_code"), "B6"),
        (Median("stops"), []),
        (Median("meta__plan"), "free"),
    ],
)
async def test_between_what_is_no_number(session: AsyncSession, aggregate: Any, value: Any) -> None:
    assert await QueryBuilder(Flight, session).aggregate(value=aggregate) == {"value": value}


class Day(TypeDecorator[dt.date]):
    """A type around one of the database."""

    impl = Date
    cache_ok = True


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Base(BaseModel):
    """The model of these tests; nothing else shares its metadata."""

    __abstract__ = True
    metadata = MetaData()


class Event(Base):
    """What has values that are no numbers."""

    __tablename__ = "events"

    id: Mapped[NaturalKey[int]]
    at: Mapped[dt.datetime] = mapped_column(UTCDateTime)
    day: Mapped[dt.date] = mapped_column(Day)
    key: Mapped[uuid.UUID] = mapped_column(Uuid)
    color: Mapped[Color]
    price: Mapped[Decimal]
    lasts: Mapped[dt.timedelta]
    done: Mapped[bool]
    raw: Mapped[bytes]


def moment(day: int) -> dt.datetime:
    return dt.datetime(2024, 1, day, tzinfo=dt.UTC)


def key(number: int) -> uuid.UUID:
    return uuid.UUID(int=number)


@asynccontextmanager
async def events(engine: AndamiosEngine) -> AsyncIterator[QueryBuilder[Event]]:
    """Give a query for three events, on the first days of 2024."""
    async with AsyncSession(engine) as session:
        await (await session.connection()).run_sync(Base.metadata.create_all)
        for number in (1, 2, 3):
            at, price = moment(number), Decimal(number)
            session.add(
                Event(
                    **{"id": number, "at": at, "day": at.date(), "key": key(number), "color": Color.RED},
                    **{"price": price, "lasts": dt.timedelta(hours=number), "done": number < 3, "raw": b"a"},
                )
            )
        await session.flush()
        yield QueryBuilder(Event, session)


BELOW: list[tuple[Any, Any]] = [
    (Avg("at"), moment(2)),
    (Median("at"), moment(2)),
    (Quantile("at", 0.5), moment(2)),
    (Avg("day"), dt.datetime(2024, 1, 2)),
    (Median("day"), dt.datetime(2024, 1, 2)),
    (Avg("lasts"), dt.timedelta(hours=2)),
    (Median("key"), key(2)),
    (Median("color"), Color.RED),
    (Median("raw"), b"a"),
    (StringAgg("color"), "RED,RED,RED"),
]


@pytest.mark.parametrize(("aggregate", "value"), BELOW)
async def test_of_types_around_others(engine: AndamiosEngine, aggregate: Any, value: Any) -> None:
    async with events(engine) as query:
        assert await query.aggregate(value=aggregate) == {"value": value}
        grouped = query.group_by("raw").annotate(value=aggregate)
        assert await grouped.values_list("value", flat=True) == [value]


@pytest.mark.parametrize("field", ["at", "day", "key", "price", "lasts", "done"])
async def test_joined_into_a_text(engine: AndamiosEngine, field: str) -> None:
    async with events(engine) as query:
        texts = await query.order_by("id").select(text=cast(F(field), String)).values_list("text", flat=True)
        joined = await query.aggregate(value=StringAgg(field, " & ", order_by="id"))
    assert joined == {"value": " & ".join(texts)}


async def test_buckets_of_types_around_others(engine: AndamiosEngine) -> None:
    async with events(engine) as query:
        buckets = query.filter(id__ne=2).time_bucket("at", "1 day", n=Count(), fill=True)
        assert await buckets.values_list() == [(moment(1), 1), (moment(2), 0), (moment(3), 1)]


@pytest.mark.parametrize("url", ["duckdb:///:memory:", "sqlite:///:memory:"])
async def test_sums_of_truth_values_are_numbers(url: str) -> None:
    engine = create_engine(url)
    async with events(engine) as query:
        found = [
            await query.sum("done"),
            await query.sum(F("id") > 1),
            *await query.group_by("raw").annotate(n=Sum("done")).values_list("n", flat=True),
        ]
    await engine.dispose()
    assert [(type(each), each) for each in found] == [(int, 2)] * 3


@pytest.mark.parametrize(
    "aggregate",
    [Avg("at"), Avg("day"), Avg("lasts"), Sum("at"), Sum("color"), Avg("key"), Sum("id") + Avg("day")],
)
async def test_a_database_without_means_of_moments(aggregate: Any) -> None:
    """It would compute with the years that the texts of moments begin with."""
    engine = create_engine("sqlite:///:memory:")
    async with events(engine) as query:
        with pytest.raises(NotSupportedError, match=r"sqlite does not support (avg|sum)\(\) of moments"):
            await query.aggregate(value=aggregate)
    await engine.dispose()


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_shares(share: float) -> None:
    with pytest.raises(ConfigurationError, match="a quantile is for a share between 0 and 1"):
        Quantile("delay", share)


@pytest.mark.parametrize("aggregate", [Count(), Sum("delay"), Sum(F("delay")) + 1, Sum("airline__code")])
def test_objects_are_no_groups(aggregate: Any) -> None:
    query = QueryBuilder(Flight)
    with pytest.raises(ConfigurationError, match=r"is over all rows: make groups with group_by\(\) before"):
        query.annotate(n=aggregate)
    with pytest.raises(ConfigurationError, match=r"is over all rows: make groups with group_by\(\) before"):
        query.filter(aggregate > 1)


def test_unknown_names() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'flights'"):
        QueryBuilder(Airline).annotate(n=Count("flihgts"))
    with pytest.raises(UnknownNameError, match="'dealy' is no field of Flight: did you mean 'delay'"):
        QueryBuilder(Airline).annotate(n=Count("flights", filter=Q(dealy=1)))


@pytest.mark.parametrize(
    ("aggregate", "said"),
    [
        (
            Count("flights", filter=Q(flights__delay__gt=10)),
            "Count('flights') begin at Flight: 'delay__gt' in place of 'flights__delay__gt'",
        ),
        (
            Count("flights", filter=Q(delay=1) & ~Q(F("flights__delay") > 10)),
            "Count('flights') begin at Flight: 'delay' in place of 'flights__delay'",
        ),
        (
            Sum("flights__tags__id", filter=Q(flights__tags__word="late")),
            "Sum('flights__tags__id') begin at Tag: 'word' in place of 'flights__tags__word'",
        ),
    ],
)
def test_a_filter_begins_at_the_objects(aggregate: Any, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        QueryBuilder(Airline).annotate(n=aggregate)
    assert str(caught.value) == f"the names in the filter of {said}"


@pytest.mark.parametrize("condition", [Q(planes__seats=1), Q(delay__part=1), Q(flights=1)])
def test_other_names_of_a_filter(condition: Q) -> None:
    with pytest.raises(UnknownNameError):
        QueryBuilder(Airline).annotate(n=Count("flights", filter=condition))


def test_groups_of_objects_that_many_lead_to() -> None:
    """An aggregate over a relationship to many is about one object, and a group has none."""
    query = QueryBuilder(Flight).group_by("airline_code")
    with pytest.raises(ConfigurationError, match="tags"):
        query.annotate(n=Count("tags"))


async def test_all_rows_have_no_relationships(session: AsyncSession) -> None:
    with pytest.raises(ConfigurationError, match="tags"):
        await QueryBuilder(Flight, session).aggregate(n=Count("tags"))
