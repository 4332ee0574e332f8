"""Expressions that name fields, conditions of them, subqueries, parameters."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import case, func, literal_column, select, text
from sqlalchemy.orm import aliased

from andamios_orm.core import AsyncSession
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries import (
    Count,
    Exists,
    F,
    Max,
    OuterRef,
    Param,
    Q,
    QueryBuilder,
    RowNumber,
    Subquery,
    UnknownNameError,
)

from .airport import Airline, Flight, Plane

ALL = [1, 2, 3, 4, 5, 6, 7]


async def ids(query: QueryBuilder[Any]) -> list[int]:
    return await query.order_by("id").values_list("id", flat=True)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (F("id") + 1, 3),
        (1 + F("id"), 3),
        (7 // F("id"), 3),
        (7 % F("id"), 1),
        (F("delay") - F("id"), 68),
        (100 - F("id"), 98),
        (F("id") * 3, 6),
        (3 * F("id"), 6),
        (F("delay") / 4, Decimal("17.5")),
        (7 / F("id"), Decimal("3.5")),
        (F("delay") // 4, 17),
        (F("delay") % 3, 1),
        (-F("id"), -2),
        (F("id") == 2, True),
        (F("id") != 2, False),
        (F("id") < 2, False),
        (F("id") <= 2, True),
        (F("id") > 1, True),
        (F("id") >= 3, False),
        (F("route__to") + "-" + F("airline__code"), "SFO-UA"),
        (func.upper(F("airline__name")), "UNITED AIR LINES"),
        (F("id") + Flight.delay, 72),
        (case((F("delay") > 60, "late"), else_="fine"), "late"),
        (func.coalesce(F("tailnum"), "none") + "!", "N1!"),
        (Flight.delay + F("id"), 72),
    ],
)
async def test_computing(session: AsyncSession, expression: Any, value: Any) -> None:
    assert await QueryBuilder(Flight, session).filter(id=2).select(value=expression).scalar() == value


CONDITIONS: list[tuple[Any, list[int]]] = [
    (Q(), ALL),
    (~Q(), [1, 2, 3, 4, 5, 6, 7]),
    (Q() | Q(id=1), [1]),
    (Q(id=1) | Q() | ~Q(), [1]),
    (Q(id=1), [1]),
    (Q(id=1) | Q(id=2), [1, 2]),
    (Q(id__gt=1) & Q(id__lt=4), [2, 3]),
    (Q(id__gt=1, id__lt=4), [2, 3]),
    (Q(Q(id__gt=1), F("id") < 4), [2, 3]),
    (~Q(delay__gt=20), [1, 3, 4, 7]),
    (~~Q(delay__gt=20), [2, 5, 6]),
    (~Q(delay=None), [1, 2, 4, 5, 6, 7]),
    (~(Q(delay__gt=20) | Q(id=3)), [1, 4, 7]),
    (~(Q(delay__gt=20) & Q(id=3)), ALL),
    (~(F("delay") > 20), [1, 3, 4, 7]),
    (~Q(delay__in=[10, 70]), [3, 4, 5, 6, 7]),
    (~Q(delay__notin=[10, 70]), [1, 2, 3]),
    ((F("id") < 3) | (F("id") == 7), [1, 2, 7]),
    ((F("id") < 3) & Q(id__gt=1), [2]),
    (Q(id__gt=1) & (Flight.id < 3), [2]),
    (Q(id=7) | (F("delay") > F("id") * 10), [2, 7]),
    (Q(func.abs(F("delay")) == 5), [4]),
    (Q(Flight.id == 4) | Q(airline__name=None), [4]),
    (Q(~Q(id__gt=2), ~Q(id=1)), [2]),
]


@pytest.mark.parametrize(("condition", "found"), CONDITIONS)
async def test_conditions(session: AsyncSession, condition: Any, found: list[int]) -> None:
    assert await ids(QueryBuilder(Flight, session).filter(condition)) == found


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (lambda: (Flight.id < 3) & Q(id__gt=1), [2]),
        (lambda: (Flight.id < 3) | Q(id=7), [1, 2, 7]),
    ],
)
async def test_a_condition_of_sqlalchemy_on_the_left(
    session: AsyncSession, condition: Any, found: list[int]
) -> None:
    assert await ids(QueryBuilder(Flight, session).filter(condition())) == found


async def test_a_condition_is_not_changed(session: AsyncSession) -> None:
    first = Q(id__gt=1)
    both, either, neither = first & Q(id__lt=3), first | Q(id=1), ~first
    query = QueryBuilder(Flight, session)
    assert [await query.filter(each).count() for each in (first, both, either, neither)] == [6, 1, 7, 1]


def test_an_expression_has_no_truth() -> None:
    with pytest.raises(ConfigurationError, match=r"combine conditions with & and |"):
        bool(F("id") == 1)
    with pytest.raises(ConfigurationError, match="neither true nor false"):
        QueryBuilder(Flight).filter(1 < F("id") < 3)


def test_a_condition_has_no_truth() -> None:
    """``Q(a=1) and Q(b=2)`` would silently be the second one."""
    with pytest.raises(ConfigurationError, match=r"combine conditions with & and |"):
        bool(Q(id=1))


@pytest.mark.parametrize("given", [True, "id = 1", 3, None, {"id": 1}])
def test_what_is_no_condition(given: Any) -> None:
    with pytest.raises(ConfigurationError, match="is no condition: give lookups"):
        QueryBuilder(Flight).filter(given)
    with pytest.raises(ConfigurationError, match="is no condition: give lookups"):
        QueryBuilder(Flight).filter(Q() & given)


def test_what_is_no_condition_on_the_left() -> None:
    for condition in (True & Q(id=1), True | Q(id=1)):
        with pytest.raises(ConfigurationError, match="True is no condition: give lookups"):
            QueryBuilder(Flight).filter(condition)


def test_an_expression_outside_of_a_query() -> None:
    with pytest.raises(ConfigurationError, match=r"F\('delay'\) names a field of a query: give it to a Quer"):
        str(select(func.abs(F("delay"))))


def test_expressions_show_their_names() -> None:
    assert [repr(each) for each in (F("a"), OuterRef("b"), Param("c"))] == [
        "F('a')",
        "OuterRef('b')",
        "Param('c')",
    ]
    assert len({F("a"), F("a")}) == 2


async def test_exists(session: AsyncSession) -> None:
    planes = QueryBuilder(Plane, session).order_by("tailnum")
    flown = Exists(QueryBuilder(Flight).filter(tailnum=OuterRef("tailnum"), delay__gt=0))
    assert await planes.filter(flown).values_list("tailnum", flat=True) == ["N1", "N3"]
    assert await planes.filter(~flown).values_list("tailnum", flat=True) == ["N2", "N4"]
    assert await planes.filter(flown & Q(seats__gt=100)).values_list("tailnum", flat=True) == ["N3"]
    assert await planes.annotate(flown=flown).values_list("flown", flat=True) == [True, False, True, False]
    assert await planes.order_by(flown, "-tailnum").values_list("tailnum", flat=True) == [
        "N4",
        "N2",
        "N3",
        "N1",
    ]


async def test_exists_in_itself(session: AsyncSession) -> None:
    """Whose airline has a flight whose plane is bigger than that of the flight, two queries further out."""
    bigger = QueryBuilder(Plane).filter(tailnum=OuterRef("tailnum"), seats__gt=150)
    flights = QueryBuilder(Flight).filter(Exists(bigger), airline_code=OuterRef("code"))
    assert await QueryBuilder(Airline, session).filter(Exists(flights)).values_list("code", flat=True) == [
        "UA"
    ]


async def test_a_path_to_the_query_around(session: AsyncSession) -> None:
    named = QueryBuilder(Airline).filter(name=OuterRef("airline__name"), code__startswith="U")
    assert await ids(QueryBuilder(Flight, session).filter(Exists(named))) == [1, 2, 3]


async def test_an_alias_of_the_same_model(session: AsyncSession) -> None:
    other = aliased(Flight)
    later = QueryBuilder(other).filter(airline_code=OuterRef("airline_code"), id__gt=OuterRef("id"))
    assert await ids(QueryBuilder(Flight, session).filter(~Exists(later))) == [3, 6, 7]


@pytest.mark.parametrize("wrap", [Exists, Subquery])
def test_the_same_model_needs_an_alias(wrap: Any) -> None:
    inner = QueryBuilder(Flight).filter(id__gt=OuterRef("id")).select("id")
    with pytest.raises(ConfigurationError, match=r"both queries are about Flight: .*aliased\(Flight\)"):
        QueryBuilder(Flight).annotate(value=wrap(inner))


async def test_a_subquery_of_the_same_model_that_refers_to_nothing_outside(session: AsyncSession) -> None:
    worst = QueryBuilder(Flight).select(worst=func.max(F("delay")))
    assert await ids(QueryBuilder(Flight, session).filter(delay=Subquery(worst))) == [2]
    assert await ids(
        QueryBuilder(Flight, session).filter(id__in=QueryBuilder(Flight).filter(id__lt=3).select("id"))
    ) == [1, 2]


async def test_a_subquery_is_a_value(session: AsyncSession) -> None:
    worst = QueryBuilder(Flight).filter(tailnum=OuterRef("tailnum")).select(worst=func.max(F("delay")))
    planes = QueryBuilder(Plane, session).order_by("tailnum").annotate(worst=Subquery(worst))
    assert await planes.values_list("worst", flat=True) == [70, None, 30, None]
    assert await planes.filter(worst__gt=50).values_list("tailnum", flat=True) == ["N1"]
    assert await planes.filter(seats__gt=Subquery(worst) + 100).values_list("tailnum", flat=True) == ["N3"]


async def test_a_query_as_the_values_of_in(session: AsyncSession) -> None:
    late: Any = QueryBuilder(Flight).filter(delay__gt=20, tailnum__isnull=False).select("tailnum")
    planes = QueryBuilder(Plane, session).order_by("tailnum")
    assert await planes.filter(tailnum__in=late).values_list("tailnum", flat=True) == ["N1", "N3"]
    assert await planes.filter(tailnum__notin=late).values_list("tailnum", flat=True) == ["N2", "N4"]
    assert await planes.filter(Plane.tailnum.in_(late)).values_list("tailnum", flat=True) == ["N1", "N3"]


async def test_subqueries_behind_nested(session: AsyncSession) -> None:
    late = QueryBuilder(Flight).filter(tailnum=OuterRef("tailnum"), delay__gt=20)
    planes = QueryBuilder(Plane, session).order_by("-tailnum").limit(3).nested()
    assert await planes.filter(Exists(late)).values_list("tailnum", flat=True) == ["N3"]


async def test_subqueries_of_rows_that_are_no_objects(session: AsyncSession) -> None:
    planes = QueryBuilder(Plane, session).select("tailnum", "seats").nested()
    late = QueryBuilder(Flight).filter(tailnum=OuterRef("tailnum"), delay__gt=20)
    assert await planes.filter(Exists(late)).order_by("seats").values_list("tailnum", flat=True) == [
        "N1",
        "N3",
    ]


async def test_an_unknown_name_for_the_query_around(session: AsyncSession) -> None:
    inner = QueryBuilder(Flight).filter(tailnum=OuterRef("tailnumb"))
    with pytest.raises(UnknownNameError, match="'tailnumb' is no field of Plane: did you mean 'tailnum'"):
        QueryBuilder(Plane, session).filter(Exists(inner))


@pytest.mark.parametrize("name", ["", "a b", "1", "a'"])
def test_names_of_parameters(name: str) -> None:
    with pytest.raises(ConfigurationError, match="a parameter is named as in Python"):
        Param(name)


async def test_parameters(session: AsyncSession) -> None:
    query = QueryBuilder(Flight, session).filter(
        delay__between=(Param("low"), Param("high")), airline__name__icontains=Param("text")
    )
    frozen = query.order_by("id").freeze()
    assert await frozen(low=0, high=40, text="amer").values_list("id", flat=True) == [5, 6]
    assert await frozen(low=0, high=99, text="%").values_list("id", flat=True) == [7]


async def test_expressions_in_orders(session: AsyncSession) -> None:
    query = QueryBuilder(Flight, session)
    assert await query.order_by(F("id") % 3, F("id").desc()).values_list("id", flat=True) == [
        6,
        3,
        7,
        4,
        1,
        5,
        2,
    ]
    assert await query.order_by(F("delay").asc(), "id").values_list("id", flat=True) == [4, 7, 1, 5, 6, 2, 3]
    assert await query.order_by(Flight.id.desc()).limit(2).values_list("id", flat=True) == [7, 6]
    assert await query.order_by(-F("id")).limit(2).values_list("id", flat=True) == [7, 6]


async def test_expressions_of_sqlalchemy_behind_nested(session: AsyncSession) -> None:
    rows = QueryBuilder(Flight, session).order_by("id").limit(5).nested()
    assert await ids(rows.filter(func.coalesce(Flight.delay, 99) > F("id") * 10)) == [2, 3]
    assert await rows.annotate(twice=Flight.id * 2).order_by("-twice").values_list("twice", flat=True) == [
        *(10, 8, 6, 4, 2)
    ]


async def test_count_of_an_expression(session: AsyncSession) -> None:
    query = QueryBuilder(Flight, session)
    assert await query.aggregate(
        n=Count(F("delay") + F("id")), airlines=Count(F("airline_code"), distinct=True)
    ) == {
        "n": 6,
        "airlines": 3,
    }


async def test_a_comparison_with_none_asks_for_a_value(session: AsyncSession) -> None:
    flights = QueryBuilder(Flight, session)
    assert await ids(flights.filter(F("delay") == None)) == [3]  # noqa: E711 # what is tested
    assert await ids(flights.filter(F("tailnum") != None)) == [1, 2, 3, 4, 6]  # noqa: E711 # what is tested


async def test_windows_and_aggregates_are_seen_in_lists(session: AsyncSession) -> None:
    numbered = QueryBuilder(Flight, session).annotate(number=RowNumber().over(order_by="-id"))
    assert [row.number for row in await numbered.filter(id__in=[F("number"), 7]).order_by("id").all()] == [
        4,
        1,
    ]
    assert sorted(row.number for row in await numbered.filter(id__between=(1, F("number"))).all()) == [
        4,
        5,
        6,
        7,
    ]
    groups = QueryBuilder(Flight, session).group_by("airline_code").annotate(n=Count(), last=Max("id"))
    found = await groups.filter(last__in=[F("n"), 7]).order_by("last").values_list("airline_code", flat=True)
    assert found == ["UA", "B6"]


@pytest.mark.parametrize("order", [1, text("id"), None.__class__])
def test_what_nothing_can_be_ordered_by(order: Any) -> None:
    with pytest.raises(
        ConfigurationError, match=r"order_by\(\) takes fields and expressions, as in '-id', not"
    ):
        QueryBuilder(Flight).order_by(order)


@pytest.mark.parametrize("condition", [text("id = 1 OR 1 = 1"), literal_column("id = 1 OR 1 = 1")])
async def test_text_undoes_no_other_condition(session: AsyncSession, condition: Any) -> None:
    query = QueryBuilder(Flight, session).filter(id=2)
    assert [flight.id for flight in await query.filter(condition).all()] == [2]
    assert [flight.id for flight in await query.exclude(condition).all()] == []
