"""Window functions: what they compute, their frames, and conditions about them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from andamios_orm.core import AsyncSession
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries import (
    Avg,
    Count,
    CumeDist,
    DenseRank,
    F,
    FirstValue,
    Lag,
    LastValue,
    Lead,
    Max,
    Ntile,
    PercentRank,
    Q,
    QueryBuilder,
    Rank,
    RowNumber,
    Sum,
)

from .airport import Airline, Flight


@pytest.mark.parametrize(
    ("window", "values"),
    [
        (RowNumber().over(order_by="-id"), [7, 6, 5, 4, 3, 2, 1]),
        (RowNumber().over(partition_by="airline_code", order_by="id"), [1, 2, 3, 1, 2, 3, 1]),
        (
            RowNumber().over(partition_by=["airline_code", "route__to"], order_by=["id"]),
            [1, 1, 2, 1, 1, 2, 1],
        ),
        (Rank().over(order_by="-delay"), [4, 1, 7, 6, 2, 2, 5]),
        (DenseRank().over(order_by="-delay"), [3, 1, 6, 5, 2, 2, 4]),
        (PercentRank().over(order_by="id"), [n / 6 for n in range(7)]),
        (CumeDist().over(order_by="id"), [n / 7 for n in range(1, 8)]),
        (Ntile(2).over(order_by="id"), [1, 1, 1, 1, 2, 2, 2]),
        (Lag("id").over(order_by="id"), [None, 1, 2, 3, 4, 5, 6]),
        (Lag("id", 2, 0).over(order_by="id"), [0, 0, 1, 2, 3, 4, 5]),
        (Lag("id", default=F("delay")).over(order_by="id"), [10, 1, 2, 3, 4, 5, 6]),
        (
            Lag("airline__name").over(order_by="-id", partition_by="airline_code"),
            [
                *(
                    "United Air Lines",
                    "United Air Lines",
                    None,
                    "American Airlines",
                    "American Airlines",
                    None,
                    None,
                )
            ],
        ),
        (Lead("id", 3).over(order_by="id"), [4, 5, 6, 7, None, None, None]),
        (Lead(F("id") * 2).over(order_by="id"), [4, 6, 8, 10, 12, 14, None]),
        (FirstValue("id").over(partition_by="airline_code", order_by="-delay"), [2, 2, 2, 5, 5, 5, 7]),
        (LastValue("id").over(order_by="id"), [1, 2, 3, 4, 5, 6, 7]),
        (LastValue("id").over(order_by="id", rows=(None, None)), [7] * 7),
        (Sum("id").over(), [28] * 7),
        (Sum("id").over(order_by="id"), [1, 3, 6, 10, 15, 21, 28]),
        (Sum("id").over(order_by="id", rows=(-1, 0)), [1, 3, 5, 7, 9, 11, 13]),
        (Sum("id").over(order_by="id", rows=(1, None)), [27, 25, 22, 18, 13, 7, None]),
        (Sum("id").over(order_by="id", rows=(-1, 1)), [3, 6, 9, 12, 15, 18, 13]),
        (Sum("id").over(order_by="id", rows=(None, -2)), [None, None, 1, 3, 6, 10, 15]),
        (Count().over(order_by="delay", range=(-10, 0)), [2, 1, 1, 1, 2, 2, 2]),
        (Count().over(order_by="id", range=(None, 0)), [1, 2, 3, 4, 5, 6, 7]),
        (Count().over(partition_by=F("id") % 2), [4, 3, 4, 3, 4, 3, 4]),
        (Count().over(partition_by=Flight.airline_code), [3, 3, 3, 3, 3, 3, 1]),
        (Count(filter=Q(delay__gt=20)).over(partition_by="airline_code"), [1, 1, 1, 2, 2, 2, 0]),
        (Max("delay").over(partition_by="airline__name") - F("delay"), [60, 0, None, 35, 0, 0, 0]),
        (Avg("id").over(order_by=F("id").desc(), rows=(-1, 0)), [1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.0]),
    ],
)
async def test_values(session: AsyncSession, window: Any, values: list[Any]) -> None:
    query = QueryBuilder(Flight, session).annotate(value=window).order_by("id")
    assert await query.values_list("value", flat=True) == pytest.approx(values)


async def test_a_range_of_time(session: AsyncSession) -> None:
    """Departures are 25 hours apart."""
    days = Count().over(order_by="departs", range=(-dt.timedelta(days=2), dt.timedelta(0)))
    query = QueryBuilder(Flight, session).annotate(n=days).order_by("id")
    assert await query.values_list("n", flat=True) == [1, 2, 2, 2, 2, 2, 2]


async def test_over_groups(session: AsyncSession) -> None:
    query = QueryBuilder(Flight, session).group_by("airline_code").annotate(n=Count())
    ranked = query.annotate(rank=Rank().over(order_by=["-n"]), share=F("n") * 100 / Sum("n").over())
    assert await ranked.order_by("airline_code").values_list("airline_code", "rank") == [
        *(("AA", 1), ("B6", 3), ("UA", 1))
    ]
    assert await ranked.filter(rank=3).values_list("airline_code", "n") == [("B6", 1)]
    assert [
        round(share) for share in await ranked.order_by("airline_code").values_list("share", flat=True)
    ] == [*(43, 14, 43)]


async def test_over_aggregates_of_many(session: AsyncSession) -> None:
    query = QueryBuilder(Airline, session).annotate(r=Rank().over(order_by=Count("flights").desc()))
    assert await query.order_by("code").values_list("r", flat=True) == [1, 3, 1, 4]


async def test_conditions_by_name(session: AsyncSession) -> None:
    query = QueryBuilder(Flight, session).order_by("-id").annotate(n=RowNumber().over(order_by="id"))
    assert await query.filter(n__lte=3).values_list("id", "n") == [(3, 3), (2, 2), (1, 1)]
    assert await query.filter(Q(n=1) | Q(id=7)).values_list("id", "n") == [(7, 7), (1, 1)]
    assert await query.exclude(n__lt=6).values_list("id", "n") == [(7, 7), (6, 6)]


async def test_conditions_before_and_behind_the_window(session: AsyncSession) -> None:
    """What is filtered by a window condition is no part of windows that are computed afterwards."""
    query = QueryBuilder(Flight, session).annotate(n=RowNumber().over(order_by="id"))
    again = query.filter(n__gt=3).annotate(m=RowNumber().over(order_by="id")).order_by("id")
    assert await again.values_list("id", "n", "m") == [(4, 4, 1), (5, 5, 2), (6, 6, 3), (7, 7, 4)]
    assert await again.filter(m=2).values_list("id", flat=True) == [5]


async def test_conditions_about_fields_are_about_the_rows_that_the_window_sees(session: AsyncSession) -> None:
    """As WHERE is about rows before windows in SQL, in one call and in two."""
    query = QueryBuilder(Flight, session).annotate(n=RowNumber().over(order_by="id")).order_by("id")
    found = [(1, 1), (2, 2), (5, 3)]
    assert await query.filter(n__lte=3, delay__gt=0).values_list("id", "n") == found
    assert await query.filter(delay__gt=0).filter(n__lte=3).values_list("id", "n") == found
    assert await query.filter(n__lte=3).filter(delay__gt=0).values_list("id", "n") == found[:2]


async def test_conditions_that_are_expressions(session: AsyncSession) -> None:
    query = QueryBuilder(Flight, session).order_by("-id")
    first = RowNumber().over(partition_by="airline_code", order_by="id") == 1
    assert await query.filter(first).values_list("id", flat=True) == [7, 4, 1]
    assert await query.qualify(first, id__lt=7).values_list("id", flat=True) == [4, 1]
    assert await query.filter(~first & Q(id__gt=3)).values_list("id", flat=True) == [6, 5]


async def test_computed_of_a_window(session: AsyncSession) -> None:
    query = QueryBuilder(Flight, session).annotate(before=Lag("delay").over(order_by="id"))
    query = query.annotate(more=F("delay") - F("before")).order_by("id")
    assert await query.values_list("more", flat=True) == [None, 60, None, None, 35, 0, -30]
    assert await query.filter(more__gt=0).values_list("id", flat=True) == [2, 5]


async def test_a_window_over_distinct_rows(session: AsyncSession) -> None:
    """Rows that were made distinct stay so, and are what is numbered."""
    codes = QueryBuilder(Flight, session).select("airline_code").distinct()
    numbered = codes.annotate(n=RowNumber().over(order_by="airline_code")).order_by("airline_code")
    assert await numbered.values_list() == [("AA", 1), ("B6", 2), ("UA", 3)]


async def test_conditions_about_distinct_rows(session: AsyncSession) -> None:
    codes = QueryBuilder(Flight, session).select("airline_code").distinct()
    few = codes.qualify(RowNumber().over(order_by="-airline_code") <= 2).order_by("airline_code")
    assert await few.values_list() == [("B6",), ("UA",)]


async def test_frames(session: AsyncSession) -> None:
    with pytest.raises(ConfigurationError, match="rows"):
        QueryBuilder(Flight, session).annotate(n=Count().over(order_by="id", rows=(0, 1), range=(0, 1)))
