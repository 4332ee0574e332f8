"""Joins that a query asks for: relationships, models, queries, tables, the nearest row."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import pytest
from sqlalchemy.orm import aliased

from andamios_orm.core import AsyncSession
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries import Count, F, Max, Q, QueryBuilder, UnknownNameError

from .airport import Airline, Flight, Note, Plane, Tag

ALL = [1, 2, 3, 4, 5, 6, 7]


@pytest.fixture
def flights(session: AsyncSession) -> QueryBuilder[Flight]:
    """A query for all flights."""
    return QueryBuilder(Flight, session)


async def ids(query: QueryBuilder[Any]) -> list[int]:
    return await query.order_by("id").values_list("id", flat=True)


@pytest.mark.parametrize("target", ["plane", Flight.plane])
async def test_a_relationship(flights: QueryBuilder[Flight], target: Any) -> None:
    inner, outer = flights.join(target), flights.join(target, outer=True)
    assert await ids(inner) == [1, 2, 3, 4, 6]
    assert await ids(outer) == ALL
    assert await ids(inner.filter(plane__seats__gt=100)) == [3, 4, 6]
    assert await ids(outer.filter(plane__tailnum=None)) == [5, 7]
    assert inner.filter(plane__seats=1).to_sql().count("JOIN") == 1


async def test_under_another_name(flights: QueryBuilder[Flight]) -> None:
    query = flights.join("plane", name="machine").filter(machine__seats=200)
    assert await query.values_list("id", "machine__tailnum", "plane__tailnum") == [(3, "N2", "N2")]


async def test_expressions_about_what_is_joined(flights: QueryBuilder[Flight]) -> None:
    assert await ids(flights.join("plane").filter(Plane.seats == 200)) == [3]
    assert await ids(flights.join(Plane, on="tailnum").filter(Plane.seats == F("id") * 50)) == [2]
    assert await ids(flights.join(Plane, on="tailnum").filter(Plane.seats > F("id") * 50)) == [1, 3]


async def test_many_make_a_row_each(session: AsyncSession) -> None:
    airlines = QueryBuilder(Airline, session)
    rows = airlines.join("flights").order_by("flights__id")
    assert await rows.values_list("code", "flights__id") == [
        *(("UA", 1), ("UA", 2), ("UA", 3), ("AA", 4), ("AA", 5), ("AA", 6), ("B6", 7))
    ]
    codes = [airline.code for airline in await airlines.join("flights").order_by("code").all()]
    assert codes == ["AA"] * 3 + ["B6"] + ["UA"] * 3
    assert [airline.code for airline in await airlines.join("flights").distinct().order_by("code").all()] == [
        *("AA", "B6", "UA")
    ]
    outer = airlines.join("flights", outer=True)
    assert await outer.filter(flights__id=None).values_list("code", flat=True) == ["ZZ"]
    assert await outer.count() == 8


async def test_conditions_are_about_the_row_that_is_joined(session: AsyncSession) -> None:
    """Several calls are about the same object, where it is joined."""
    query = QueryBuilder(Airline, session).join("flights").filter(flights__delay__gt=60)
    assert await query.filter(flights__tailnum="N2").count() == 0
    assert await query.filter(flights__tailnum="N1").values_list("code", "flights__id") == [("UA", 2)]
    assert await query.filter(flights__tags__word="full", flights__airline__name__contains="Air").count() == 1


async def test_groups_of_what_is_joined(session: AsyncSession) -> None:
    query = QueryBuilder(Airline, session).join("flights", outer=True).group_by("code")
    query = query.annotate(n=Count("flights__id"), worst=Max("flights__delay")).order_by("code")
    assert await query.values_list() == [("AA", 3, 30), ("B6", 1, 0), ("UA", 3, 70), ("ZZ", 0, None)]


async def test_a_relationship_of_what_is_joined(session: AsyncSession) -> None:
    query = QueryBuilder(Airline, session).join(Airline.flights).join(Flight.tags)
    assert await query.order_by("flights__id", "tags__id").values_list("flights__id", "tags__word") == [
        *((1, "late"), (2, "late"), (2, "full"), (5, "full"))
    ]


@pytest.mark.parametrize(
    "on",
    [
        "airline_code",
        {"airline_code": "airline_code"},
        ["airline_code"],
        ("airline_code",),
        Flight.airline_code == Plane.airline_code,
        Q(Flight.airline_code == Plane.airline_code),
        F("airline_code") == F("plane__airline_code"),
        Q(plane__airline_code=F("airline_code")),
    ],
)
async def test_a_model_with_a_condition(flights: QueryBuilder[Flight], on: Any) -> None:
    query = flights.join(Plane, on=on).filter(id__in=[1, 4, 7]).order_by("id", "plane__tailnum")
    assert await query.values_list("id", "plane__tailnum") == [(1, "N1"), (1, "N2"), (4, "N3")]
    outer = flights.join(Plane, on=on, outer=True).filter(plane__tailnum=None)
    assert await ids(outer) == [7]


async def test_a_relationship_with_another_condition(flights: QueryBuilder[Flight]) -> None:
    query = flights.join("plane", on=(F("plane__seats") == 50)).order_by("id")
    assert await query.values_list("plane__tailnum", flat=True) == ["N4"] * 7


async def test_the_model_itself(flights: QueryBuilder[Flight]) -> None:
    previous = flights.join(aliased(Flight), on=F("id") == F("before__id") + 1, name="before", outer=True)
    rows = previous.order_by("id").limit(3)
    assert await rows.values_list("id", "before__id") == [(1, None), (2, 1), (3, 2)]
    assert await ids(flights.join(Flight, on={"id": "delay"}, name="other")) == []
    same = flights.join(aliased(Flight, name="other"), on={"delay": "delay"}).filter(id__lt=F("other__id"))
    assert await same.values_list("id", "other__id") == [(5, 6)]


async def test_paths_behind_what_is_joined(flights: QueryBuilder[Flight]) -> None:
    query = (
        flights.join("plane").filter(plane__airline__name__contains="Amer").order_by("plane__airline__name")
    )
    assert await ids(query) == [4, 6]
    tags = flights.join("airline").filter(airline__flights__tags__word="late")
    assert await ids(tags) == [1, 2, 3]
    assert await flights.join("airline").annotate(n=Count("airline__planes")).order_by("id").limit(
        1
    ).values_list("n", flat=True) == [2]


async def test_a_query(session: AsyncSession, flights: QueryBuilder[Flight]) -> None:
    worst = QueryBuilder(Flight).group_by("airline_code").annotate(worst=Max("delay"))
    query = flights.join(worst, on="airline_code", name="w").filter(delay=F("w__worst"))
    assert await query.order_by("id").values_list("id", "w__worst") == [(2, 70), (5, 30), (6, 30), (7, 0)]
    late = QueryBuilder(Flight).filter(delay__gt=20)
    assert await ids(flights.join(late, on="id", name="late").filter(late__airline_code="AA")) == [5, 6]


async def test_a_table(flights: QueryBuilder[Flight]) -> None:
    labels = Flight.metadata.tables["flight_tags"]
    query = flights.join(labels, on={"id": "flight_id"}).order_by("id", "flight_tags__tag_id")
    assert await query.values_list("id", "flight_tags__tag_id") == [(1, 1), (2, 1), (2, 2), (5, 2)]
    assert await ids(flights.join(labels, on={"id": "flight_id"}, name="l").filter(l__tag_id=1)) == [1, 2]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda q: q.join("plain"), "'plain' is no relationship of Flight: did you mean 'plane'"),
        (lambda q: q.join("delay"), "'delay' is no relationship of Flight"),
        (lambda q: q.join(Plane), r"join\(\) of 'plane' needs a condition: on='code'"),
        (lambda q: q.join(Plane, on="seats"), "'seats' is no field of Flight"),
        (
            lambda q: q.join(Plane, on={"tailnum": "tail"}),
            "'tail' is no field of Plane: did you mean 'tailnum'",
        ),
        (lambda q: q.join(Plane, on=3), "3 is no condition"),
        (lambda q: q.join(QueryBuilder(Plane), on="tailnum"), "a query that is joined gets a name"),
        (
            lambda q: q.join(3, on="id"),
            "a relationship, a model, a query or a table is joined, not a value of type int",
        ),
        (
            lambda q: q.join(pd.DataFrame({"id": [1]}), name="frame", on="id"),
            "a relationship, a model, a query or a table is joined, not a value of type DataFrame",
        ),
        (lambda q: q.join(str, on="id"), "a relationship, a model, a query or a table is joined"),
        (lambda q: q.select("id").join("plan"), "'plan' is no relationship of Flight"),
        (
            lambda q: q.select("id").nested().join("plane"),
            "'plane' is no relationship of this query, whose rows are no objects: there are none",
        ),
        (
            lambda q: QueryBuilder(Note).with_cte("late", q).join("nope"),
            "'nope' is no relationship of Note: there are late",
        ),
        (
            lambda q: q.join("plane").filter(plane__sets=1),
            "'sets' is no field of Plane: did you mean 'seats'",
        ),
        (
            lambda q: q.join(QueryBuilder(Plane), on="tailnum", name="p").filter(p__sets=1),
            "'sets' is no column of p: did you mean 'seats'",
        ),
        (
            lambda q: q.asof_join(Note, on=["id", "text"]),
            r"on= of an ASOF join is one field, such as the moment, not \['id', 'text'\]: "
            r"by= is for fields that are equal$",
        ),
        (lambda q: q.asof_join(Note, on="departs"), "'departs' is no field of Note"),
        (
            lambda q: q.asof_join(q.select("id"), on="id", name="x", outer=True, tolerance=1),
            "an outer ASOF join with a tolerance joins a model to objects",
        ),
    ],
)
def test_what_cannot_be_joined(flights: QueryBuilder[Flight], build: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        build(flights)


@pytest.mark.parametrize(
    "on",
    [
        {"airline__name": "tailnum"},
        F("airline__name") == F("machine__tailnum"),
        Q(machine__tailnum=F("airline__name")),
    ],
)
async def test_paths_of_the_query_in_a_condition(flights: QueryBuilder[Flight], on: Any) -> None:
    query = flights.join(Plane, on=on, name="machine", outer=True).filter(airline__name="100%_Blue")
    assert await query.values_list("id", "airline__name", "machine__seats") == [(7, "100%_Blue", None)]
    assert query.to_sql().count("JOIN airlines") == 1


@pytest.mark.parametrize(
    "build",
    [
        lambda q: q.join(Plane, on={"airline_code": "airline__code"}),
        lambda q: q.join(Plane, on=Q(plane__airline__code=F("airline_code"))),
        lambda q: q.join("plane", on=F("plane__airline__code") == F("airline_code")),
        lambda q: q.asof_join(Plane, on={"delay": "seats"}, by={"airline__name": "airline__name"}),
        lambda q: q.asof_join(Plane, on={"airline_code": "airline__code"}),
        lambda q: q.asof_join(Plane, on={"delay": "airline__code"}, outer=True, tolerance=1),
    ],
)
def test_paths_of_what_is_joined_in_a_condition(flights: QueryBuilder[Flight], build: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"'(plane__)?airline\w*' leads on from there: join a query"):
        build(flights)


async def test_a_query_that_has_a_path_as_a_column(flights: QueryBuilder[Flight]) -> None:
    """The remedy for a path that leads on from what is joined."""
    planes = QueryBuilder(Plane).select("tailnum", "airline__name")
    query = flights.join(planes, on={"airline__name": "airline__name"}, name="machine").filter(id=1)
    assert await query.order_by("machine__tailnum").values_list("machine__tailnum", flat=True) == ["N1", "N2"]


def test_a_name_is_given_once(flights: QueryBuilder[Flight]) -> None:
    with pytest.raises(ConfigurationError, match="plane"):
        flights.join("plane").join("plane")


def test_a_name_hides_no_field(flights: QueryBuilder[Flight]) -> None:
    with pytest.raises(ConfigurationError, match="delay"):
        flights.join(Plane, on="tailnum", name="delay")


class TestAsof:
    """The latest row that is not later."""

    async def test_of_another_model(self, session: AsyncSession, flights: QueryBuilder[Flight]) -> None:
        """Notes 1 to 3, flights 1 to 7."""
        query = flights.asof_join(Note, on="id").order_by("id")
        assert await query.values_list("note__id", flat=True) == [1, 2, 3, 3, 3, 3, 3]
        by_stars = flights.asof_join(Note, on={"id": "stars"}, name="n").order_by("id")
        assert await by_stars.values_list("id", "n__text") == [
            *((n, "first") for n in (1, 2, 3, 4)),
            *((n, "second") for n in (5, 6, 7)),
        ]

    async def test_what_has_none(self, flights: QueryBuilder[Flight]) -> None:
        inner = flights.asof_join(Note, on={"delay": "id"}).order_by("id")
        assert await inner.values_list("id", "note__id") == [(1, 3), (2, 3), (5, 3), (6, 3)]
        outer = flights.asof_join(Note, on={"delay": "id"}, outer=True).order_by("id")
        assert await outer.values_list("note__id", flat=True) == [3, 3, None, None, 3, 3, None]

    @pytest.mark.parametrize(
        ("tolerance", "found"),
        [(0, [1, 2, 3]), (1, [1, 2, 3, 3]), (2.5, [1, 2, 3, 3, 3]), (99, [1, 2, 3, 3, 3, 3, 3])],
    )
    async def test_a_tolerance(
        self, flights: QueryBuilder[Flight], tolerance: float, found: list[int]
    ) -> None:
        inner = flights.asof_join(Note, on="id", tolerance=tolerance).order_by("id")
        assert await inner.values_list("note__id", flat=True) == found
        outer = flights.asof_join(Note, on="id", tolerance=tolerance, outer=True).order_by("id")
        assert await outer.values_list("note__id", flat=True) == found + [None] * (7 - len(found))
        assert await outer.filter(id__gt=1, note__text="second").values_list("id", flat=True) == [2]

    async def test_a_tolerance_of_time(self, session: AsyncSession, flights: QueryBuilder[Flight]) -> None:
        """Flights depart 25 hours apart, and each plane's flights are found by the plane."""
        earlier = aliased(Flight)
        moment = dt.timedelta(hours=25)
        query = flights.annotate(until=F("departs") - dt.timedelta(minutes=1))
        for outer, found in ((False, [(2, 1)]), (True, [(1, None), (2, 1), (3, None), (4, None), (6, None)])):
            near = query.filter(tailnum__isnull=False).asof_join(
                earlier, on={"until": "departs"}, by="tailnum", tolerance=moment, outer=outer, name="before"
            )
            assert await near.order_by("id").values_list("id", "before__id") == found

    async def test_by_several_fields(self, flights: QueryBuilder[Flight]) -> None:
        query = flights.asof_join(
            aliased(Flight), on="id", by=["airline_code", "route__to"], name="same", tolerance=0
        )
        assert await query.order_by("id").values_list("same__id", flat=True) == ALL
        pairs = flights.asof_join(Plane, on={"delay": "seats"}, by={"airline_code": "airline_code"})
        assert await pairs.count() == 0

    async def test_a_query(self, flights: QueryBuilder[Flight]) -> None:
        odd = QueryBuilder(Note).filter(id__ne=2)
        query = flights.asof_join(odd, on="id", name="odd").order_by("id")
        assert await query.values_list("odd__id", flat=True) == [1, 1, 3, 3, 3, 3, 3]

    async def test_it_goes_on(self, flights: QueryBuilder[Flight]) -> None:
        query = flights.asof_join(Note, on="id", tolerance=1).order_by("-id").limit(2).nested()
        assert await ids(query) == [3, 4]
        count = flights.asof_join(Note, on="id").group_by("note__text").annotate(n=Count()).order_by("-n")
        assert await count.limit(1).values_list() == [("third", 5)]


async def test_ctes(session: AsyncSession, flights: QueryBuilder[Flight]) -> None:
    late = QueryBuilder(Flight).filter(delay__gt=20)
    query = flights.with_cte("late", late).with_cte("tags_", QueryBuilder(Tag))
    assert await ids(query.join("late", on="id")) == [2, 5, 6]
    named = query.join("late", on="id", name="x").filter(x__airline_code="AA").order_by("id")
    assert await named.values_list("x__delay", flat=True) == [30, 30]
    assert await ids(query.nested().join("late", on="id", outer=True).filter(late__id=None)) == [1, 3, 4, 7]
    with pytest.raises(UnknownNameError, match="'lates' is no relationship of Flight: did you mean 'late'"):
        query.join("lates", on="id")
    with pytest.raises(ConfigurationError, match="there is a common table expression 'late' already"):
        query.with_cte("late", late)


@pytest.mark.parametrize(("first", "second"), [(None, "x"), ("x", None), ("x", "y")])
async def test_ctes_that_are_joined_twice(
    flights: QueryBuilder[Flight], first: str | None, second: str | None
) -> None:
    query = flights.with_cte("late", QueryBuilder(Flight).filter(delay__gt=20))
    both = query.join("late", on="id", name=first).join("late", on={"id": "delay"}, name=second, outer=True)
    names = f"{first or 'late'}__id", f"{second or 'late'}__id"
    assert await both.order_by("id").values_list(*names) == [(2, None), (5, None), (6, None)]


async def test_tables_that_are_joined_twice(flights: QueryBuilder[Flight]) -> None:
    labels = Flight.metadata.tables["flight_tags"]
    query = flights.join(labels, on={"id": "flight_id"}).join(labels, on={"id": "tag_id"}, name="other")
    query = query.order_by("id", "flight_tags__tag_id", "other__flight_id")
    assert await query.values_list("flight_tags__tag_id", "other__flight_id") == [
        *((1, 1), (1, 2), (1, 2), (1, 5), (2, 2), (2, 5))
    ]


async def test_recursive_ctes(flights: QueryBuilder[Flight]) -> None:
    def following(found: Any) -> QueryBuilder[Any]:
        return QueryBuilder(Flight).select("id").join(found, on=Flight.id == found.c.id + 2).select("id")

    query = flights.with_cte("odd", QueryBuilder(Flight).filter(id=1).select("id"), recursive=following)
    assert await ids(query.join("odd", on="id")) == [1, 3, 5, 7]


async def test_recursive_ctes_end_where_things_go_round(flights: QueryBuilder[Flight]) -> None:
    def following(found: Any) -> QueryBuilder[Any]:
        return QueryBuilder(Flight).join(found, on=Flight.id % 3 == (found.c.id + 1) % 3).filter(id__lt=4)

    query = flights.with_cte("round", QueryBuilder(Flight).filter(id=1), recursive=following)
    assert await ids(query.join("round", on="id")) == [1, 2, 3]


def test_parts_of_recursive_ctes_have_the_same_columns(flights: QueryBuilder[Flight]) -> None:
    with pytest.raises(ConfigurationError, match="have the same columns: id are not delay"):
        flights.with_cte(
            "x",
            QueryBuilder(Flight).select("id"),
            recursive=lambda found: QueryBuilder(Flight).select("delay"),
        )


async def test_the_model_in_a_condition_means_what_is_joined(flights: QueryBuilder[Flight]) -> None:
    query = flights.join(Plane, on=Flight.tailnum == Plane.tailnum, name="machine").order_by("id")
    assert await query.values_list("id", "machine__seats") == [
        (1, 100),
        (2, 100),
        (3, 200),
        (4, 150),
        (6, 150),
    ]


def test_a_condition_about_one_model_twice_says_not_which(flights: QueryBuilder[Flight]) -> None:
    with pytest.raises(ConfigurationError, match="both sides of the join are Flight"):
        flights.join(Flight, on=Flight.id == Flight.delay, name="other")
