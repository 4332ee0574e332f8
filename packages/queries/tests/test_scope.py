"""Paths over relationships: which rows they find, and that none is doubled or lost by them."""

from __future__ import annotations

from typing import Any

import pytest

from andamios_orm.core import AsyncSession
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries import Count, Exists, F, Max, OuterRef, Q, QueryBuilder, Sum, UnknownNameError

from .airport import Airline, Flight, Plane, Tag

AIRLINES: list[tuple[dict[str, Any], list[str]]] = [
    ({"flights__delay__gt": 20}, ["AA", "UA"]),
    ({"flights__delay": None}, ["UA"]),
    ({"flights__isnull": True}, ["ZZ"]),
    ({"planes__seats__gte": 150}, ["AA", "UA"]),
    ({"flights__tags__word": "full"}, ["AA", "UA"]),
    ({"flights__tags__word": "late"}, ["UA"]),
    ({"flights__plane__seats": 200}, ["UA"]),
    ({"flights__plane__airline__name__startswith": "Am"}, ["AA"]),
    ({"flights__airline__code": "B6"}, ["B6"]),
    ({"flights__airline__planes__seats__gt": 150}, ["UA"]),
    ({"flights__route__to": "SFO"}, ["AA", "UA"]),
    ({"flights__stops__has": "DFW"}, ["AA"]),
    # One flight of UA is late, another one goes by N2: no flight is both.
    ({"flights__delay__gt": 60, "flights__tailnum": "N2"}, []),
    ({"flights__delay__gt": 60, "flights__tailnum": "N1"}, ["UA"]),
    ({"flights__delay": 10, "flights__tags__word": "full"}, []),
    ({"flights__tags__word": "late", "flights__tags__id": 2}, []),
    ({"flights__delay__gt": 60, "planes__seats": 200}, ["UA"]),
    ({"flights__delay__gt": 60, "name": None}, []),
]


async def codes(query: QueryBuilder[Any]) -> list[str]:
    return await query.order_by("code").values_list("code", flat=True)


async def ids(query: QueryBuilder[Any]) -> list[int]:
    return await query.order_by("id").values_list("id", flat=True)


@pytest.mark.parametrize(("lookups", "found"), AIRLINES)
async def test_one_call_is_about_one_object(
    session: AsyncSession, lookups: dict[str, Any], found: list[str]
) -> None:
    query = QueryBuilder(Airline, session)
    assert await codes(query.filter(**lookups)) == found
    assert await codes(query.filter(Q(**lookups))) == found
    assert await codes(query.exclude(**lookups)) == [
        code for code in ("AA", "B6", "UA", "ZZ") if code not in found
    ]


async def test_two_calls_are_about_two_objects(session: AsyncSession) -> None:
    query = QueryBuilder(Airline, session).filter(flights__delay__gt=60)
    assert await codes(query.filter(flights__tailnum="N2")) == ["UA"]
    assert await codes(query.filter(Q(flights__tailnum="N2") & Q(flights__id=1))) == ["UA"]


FLIGHTS: list[tuple[dict[str, Any], list[int]]] = [
    ({"airline__name__contains": "Air L"}, [1, 2, 3]),
    ({"plane__seats__gt": 100}, [3, 4, 6]),
    ({"plane__seats": None}, [5, 7]),
    ({"plane__airline__name__icontains": "united"}, [1, 2, 3]),
    ({"airline__planes__seats": 200}, [1, 2, 3]),
    ({"airline__flights__delay": 0}, [7]),
    ({"tags__word__in": ["late", "full"]}, [1, 2, 5]),
    ({"tags__id__gt": 0, "airline__code": "UA"}, [1, 2]),
    ({"airline__name": "x"}, []),
    ({"plane__tailnum__ne": "N1"}, [3, 4, 6]),
]


@pytest.mark.parametrize(("lookups", "found"), FLIGHTS)
async def test_rows_are_neither_doubled_nor_lost(
    session: AsyncSession, lookups: dict[str, Any], found: list[int]
) -> None:
    query = QueryBuilder(Flight, session)
    assert await ids(query.filter(**lookups)) == found
    assert await query.filter(**lookups).count() == len(found)
    assert await ids(query.exclude(**lookups)) == [number for number in range(1, 8) if number not in found]


async def test_alternatives_lose_no_row(session: AsyncSession) -> None:
    """A condition about a plane keeps flights without one where another alternative holds."""
    query = QueryBuilder(Flight, session)
    assert await ids(query.filter(Q(plane__seats=200) | Q(id=7))) == [3, 7]
    assert await ids(query.filter(Q(tags__word="late") | Q(tags=None))) == [1, 2, 3, 4, 6, 7]


async def test_orders_lose_no_row(session: AsyncSession) -> None:
    query = QueryBuilder(Flight, session)
    by_seats = query.order_by("-plane__seats", "id")
    assert await by_seats.values_list("id", flat=True) == [3, 4, 6, 1, 2, 5, 7]
    first = query.order_by("plane__seats", "id", nulls="first")
    assert await first.values_list("id", flat=True) == [5, 7, 1, 2, 4, 6, 3]


async def test_a_relationship_to_one_is_joined_once(session: AsyncSession) -> None:
    query = QueryBuilder(Flight, session).filter(airline__name="x", airline__code="y")
    rows = query.order_by("airline__name").annotate(upper=F("airline__name"))
    assert rows.to_sql().count("JOIN") == 1
    assert await rows.all() == []


async def test_two_relationships_to_many_do_not_multiply(session: AsyncSession) -> None:
    query = QueryBuilder(Airline, session).annotate(
        flights_=Count("flights"), seats=Sum("planes__seats"), worst=Max("flights__delay")
    )
    assert await query.order_by("code").values_list("code", "flights_", "seats", "worst") == [
        ("AA", 3, 150, 30),
        ("B6", 1, None, 0),
        ("UA", 3, 300, 70),
        ("ZZ", 0, None, None),
    ]


async def test_aggregates_over_several_relationships(session: AsyncSession) -> None:
    query = QueryBuilder(Airline, session).annotate(
        tags=Count("flights__tags"),
        words=Count("flights__tags__word", distinct=True),
        seats=Sum("flights__plane__seats"),
        late=Count("flights", filter=Q(plane__seats=100, delay__gt=20)),
    )
    assert await query.order_by("code").values_list("code", "tags", "words", "seats", "late") == [
        ("AA", 1, 1, 300, 0),
        ("B6", 0, 0, None, 0),
        ("UA", 3, 2, 400, 1),
        ("ZZ", 0, 0, None, 0),
    ]


async def test_aggregates_of_related_objects(session: AsyncSession) -> None:
    query = QueryBuilder(Flight, session).annotate(planes=Count("airline__planes"))
    rows = await query.order_by("id").values_list("id", "planes")
    assert rows == [(1, 2), (2, 2), (3, 2), (4, 1), (5, 1), (6, 1), (7, 0)]


async def test_aggregates_over_many_in_conditions_and_orders(session: AsyncSession) -> None:
    query = QueryBuilder(Airline, session)
    assert await codes(query.annotate(n=Count("flights")).filter(n__gt=1)) == ["AA", "UA"]
    assert await codes(query.filter(Count("flights") == 0)) == ["ZZ"]
    ordered = query.order_by(Sum("planes__seats").desc(), "code")
    assert await ordered.values_list("code", flat=True) == ["UA", "AA", "B6", "ZZ"]


async def test_paths_go_on_behind_nested(session: AsyncSession) -> None:
    inner = QueryBuilder(Flight, session).order_by("-id").limit(5).nested()
    assert await ids(inner.filter(airline__name__contains="Amer")) == [4, 5, 6]
    assert await ids(inner.filter(tags__word="full")) == [5]
    assert await inner.annotate(n=Count("tags")).order_by("id").values_list("n", flat=True) == [0, 0, 1, 0, 0]
    assert await inner.order_by("plane__seats", "id").values_list("id", flat=True) == [4, 6, 3, 5, 7]
    assert await ids(inner.filter(Flight.delay == 0)) == [7]


async def test_a_path_in_a_subquery(session: AsyncSession) -> None:
    other = QueryBuilder(Flight).filter(tailnum=OuterRef("tailnum"), airline__name__contains="United")
    assert await QueryBuilder(Plane, session).filter(Exists(other)).count() == 2


@pytest.mark.parametrize(
    ("name", "wrong", "nearest"),
    [
        ("dealy", "dealy", "delay"),
        ("airlin__name", "airlin", "airline"),
        ("airline__nam", "nam", "name"),
        ("airline__flights__dellay__gt", "dellay", "delay"),
        ("tags__wrod", "wrod", "word"),
        ("zzzzzz", "zzzzzz", None),
        ("", "", None),
        ("__class__", "", None),
        ("_sa_registry", "_sa_registry", None),
        ("metadata", "metadata", None),
    ],
)
def test_the_nearest_field_is_named(name: str, wrong: str, nearest: str | None) -> None:
    with pytest.raises(UnknownNameError) as refused:
        QueryBuilder(Flight).filter(**{name: 1})
    assert refused.value.name == wrong
    assert nearest is None or refused.value.nearest == nearest


def test_unknown_columns_of_rows() -> None:
    rows = QueryBuilder(Flight).select("id", late=F("delay")).limit(3).nested()
    with pytest.raises(UnknownNameError, match="'lat' is no column of this query: did you mean 'late'"):
        rows.filter(lat=3)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tags", r"'tags' leads to many: filter by it, or aggregate it, as in Count\('tags'\)"),
        ("airline__flights__id", "'airline__flights__id' leads to many"),
        ("airline", "'airline' is an object: name one of its fields, as in 'airline__code'"),
    ],
)
def test_what_is_no_value(name: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        QueryBuilder(Flight).order_by(name)


async def test_a_name_is_a_text(session: AsyncSession) -> None:
    with pytest.raises(ConfigurationError, match="a field is named by a text, not by 3"):
        await QueryBuilder(Flight, session).values_list(3)  # type: ignore[arg-type] # what is refused


async def test_tags_of_one_flight(session: AsyncSession) -> None:
    """A model without a relationship back is found by nothing else than its fields."""
    assert await ids(QueryBuilder(Tag, session).filter(word__startswith="l")) == [1]
    with pytest.raises(UnknownNameError, match="'flights' is no field of Tag"):
        QueryBuilder(Tag, session).filter(flights__id=1)


async def test_conditions_about_many_behind_one_are_about_the_same_object(session: AsyncSession) -> None:
    """Of the flights of one airline, one is long delayed and another one has the number 3."""
    query = QueryBuilder(Plane, session).order_by("tailnum")
    both = {"airline__flights__delay__gt": 60, "airline__flights__id": 3}
    assert await query.filter(**both).values_list("tailnum", flat=True) == []
    assert await query.filter(airline__flights__delay__gt=60).filter(airline__flights__id=3).values_list(
        "tailnum", flat=True
    ) == ["N1", "N2"]
