"""Series of time: spans, and the gaps between them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import case

from andamios_orm.core import AsyncSession
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries import Count, F, Max, Q, QueryBuilder, Sum, TimeBucket, UnknownNameError

from .airport import Flight, flight


@pytest.fixture
def flights(session: AsyncSession) -> QueryBuilder[Flight]:
    """A query for all flights: one on each of the first seven days of January 2013."""
    return QueryBuilder(Flight, session)


def at(day: int, hour: int = 0) -> dt.datetime:
    return dt.datetime(2013, 1, day, hour)


@pytest.mark.parametrize(
    ("every", "rows"),
    [
        ("1 day", [(at(day), 1) for day in range(1, 8)]),
        (dt.timedelta(days=1), [(at(day), 1) for day in range(1, 8)]),
        ("6 hours", [(at(day, day // 6 * 6), 1) for day in range(1, 8)]),
        (dt.timedelta(hours=6), [(at(day, day // 6 * 6), 1) for day in range(1, 8)]),
        ("1 week", [(at(1) - dt.timedelta(days=1), 6), (at(7), 1)]),
        ("1 month", [(at(1), 7)]),
        ("1 year", [(at(1), 7)]),
    ],
)
async def test_spans(flights: QueryBuilder[Flight], every: Any, rows: list[Any]) -> None:
    assert await flights.time_bucket("departs", every, n=Count()).values_list() == rows


async def test_days(flights: QueryBuilder[Flight]) -> None:
    weeks = flights.time_bucket("day", "7 days", n=Count(), late=Count(filter=Q(delay__gt=20)))
    assert await weeks.values() == [
        {"bucket": dt.date(2012, 12, 31), "n": 6, "late": 3},
        {"bucket": dt.date(2013, 1, 7), "n": 1, "late": 0},
    ]


async def test_further_groups(flights: QueryBuilder[Flight]) -> None:
    rows = flights.time_bucket("day", "1 month", name="month", by=["airline_code", "route__to"], n=Count())
    first = dt.date(2013, 1, 1)
    assert await rows.values_list() == [
        (first, "AA", "LAX", 1),
        (first, "AA", "SFO", 2),
        (first, "B6", "LAX", 1),
        (first, "UA", "LAX", 2),
        (first, "UA", "SFO", 1),
    ]


async def test_spans_alone(flights: QueryBuilder[Flight]) -> None:
    assert await flights.time_bucket("day", "1 month").values_list() == [(dt.date(2013, 1, 1),)]


async def test_it_goes_on(flights: QueryBuilder[Flight]) -> None:
    days = flights.time_bucket("day", "1 day", s=Sum("delay"))
    assert await days.filter(s__gt=20).values_list("s", flat=True) == [70, 30, 30]
    assert await days.order_by("-s").limit(1).values_list("bucket", flat=True) == [dt.date(2013, 1, 2)]
    filled = flights.exclude(id__in=[2, 3]).time_bucket("day", "1 day", fill=True, n=Count())
    assert await filled.filter(n=0).values_list("bucket", flat=True) == [
        dt.date(2013, 1, 2),
        dt.date(2013, 1, 3),
    ]
    assert await filled.count() == 7
    assert await filled.order_by("-bucket").limit(1).values_list() == [(dt.date(2013, 1, 7), 1)]


async def test_gaps(flights: QueryBuilder[Flight]) -> None:
    rows = flights.filter(id__in=[1, 4]).time_bucket(
        "departs", "1 day", fill=True, n=Count(), worst=Max("delay"), cost=Sum("price")
    )
    assert await rows.values_list() == [
        (at(1), 1, 10, Decimal(100)),
        (at(2), 0, None, None),
        (at(3), 0, None, None),
        (at(4), 1, -5, Decimal(400)),
    ]


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        (None, None, range(3, 6)),
        (dt.datetime(2013, 1, 2, 23), None, range(2, 6)),
        (None, dt.datetime(2013, 1, 7, 1), range(3, 8)),
        (dt.datetime(2013, 1, 1), dt.datetime(2013, 1, 7), range(1, 8)),
        (dt.datetime(2013, 1, 4), dt.datetime(2013, 1, 4, 12), range(4, 5)),
        (dt.date(2013, 1, 1), dt.date(2013, 1, 7), range(1, 8)),
    ],
)
async def test_where_it_begins_and_ends(
    flights: QueryBuilder[Flight], start: Any, end: Any, days: range
) -> None:
    rows = flights.filter(id__in=[3, 5]).time_bucket(
        "departs", "1 day", fill=True, start=start, end=end, n=Count()
    )
    assert await rows.values_list() == [(at(day), int(day in (3, 5))) for day in days]


async def test_gaps_without_any_row(flights: QueryBuilder[Flight]) -> None:
    none = flights.filter(id=99)
    assert await none.time_bucket("day", "1 day", fill=True, n=Count()).values_list() == []
    two = none.time_bucket("day", "1 day", fill=True, n=Count(), start=at(1).date(), end=at(2).date())
    assert await two.values_list() == [(dt.date(2013, 1, 1), 0), (dt.date(2013, 1, 2), 0)]


async def test_gaps_of_further_groups(flights: QueryBuilder[Flight]) -> None:
    rows = flights.filter(id__in=[1, 3, 4]).time_bucket(
        "departs", dt.timedelta(days=2), by="airline_code", fill=True, n=Count(), worst=Max("delay")
    )
    begins = [dt.datetime(2012, 12, 31), at(2), at(4)]
    assert await rows.values_list() == [
        (begins[0], "AA", 0, None),
        (begins[0], "UA", 1, 10),
        (begins[1], "AA", 0, None),
        (begins[1], "UA", 1, None),
        (begins[2], "AA", 1, -5),
        (begins[2], "UA", 0, None),
    ]


async def test_gaps_of_groups_without_a_value(flights: QueryBuilder[Flight]) -> None:
    rows = flights.filter(id__in=[4, 5]).time_bucket("day", "1 day", by="tailnum", fill=True, n=Count())
    assert await rows.values_list("tailnum", "n") == [("N3", 1), (None, 0), ("N3", 0), (None, 1)]


async def test_gaps_in_months(session: AsyncSession, flights: QueryBuilder[Flight]) -> None:
    late = flight(8, "UA", None, 1)
    late.day = dt.date(2013, 4, 30)
    session.add(late)
    await session.flush()
    rows = flights.time_bucket("day", "1 month", fill=True, n=Count())
    assert await rows.values_list() == [
        (dt.date(2013, month, 1), n) for month, n in ((1, 7), (2, 0), (3, 0), (4, 1))
    ]


async def test_rows_without_a_moment(flights: QueryBuilder[Flight]) -> None:
    rows = flights.annotate(when=case((Flight.id > 2, Flight.departs)))
    found = rows.time_bucket("when", "1 month", fill=True, n=Count())
    assert await found.values_list() == [(at(1), 5)]


async def test_a_bucket_of_its_own(flights: QueryBuilder[Flight]) -> None:
    query = flights.group_by(month=TimeBucket(F("departs"), "1 month")).annotate(n=Count())
    assert await query.values_list() == [(at(1), 7)]
    rows = flights.filter(id=2).annotate(day_=TimeBucket("departs", "1 day"))
    assert await rows.values_list("day_", flat=True) == [at(2)]


@pytest.mark.parametrize("field", ["delay", "airline__name", "stops"])
def test_what_holds_no_moments(flights: QueryBuilder[Flight], field: str) -> None:
    with pytest.raises(ConfigurationError, match=f"a time bucket is of moments or days, and '{field}' holds"):
        flights.time_bucket(field, "1 day", n=Count())


def test_names(flights: QueryBuilder[Flight]) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'departs'"):
        flights.time_bucket("depart", "1 day", n=Count())
    with pytest.raises(ConfigurationError, match="bucket"):
        flights.time_bucket("day", "1 day", bucket=Count())


@pytest.mark.parametrize("every", ["soon", "", 5, "0 days", dt.timedelta(0), dt.timedelta(days=-1)])
def test_what_is_no_span(flights: QueryBuilder[Flight], every: Any) -> None:
    with pytest.raises(ConfigurationError, match="a span of time is a timedelta, or a text such as"):
        flights.time_bucket("day", every, n=Count())
