"""Lookups: which rows each finds, what it takes, and how the text of users is escaped."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, literal

from andamios_orm.core import AsyncSession
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries import F, QueryBuilder, UnknownNameError

from .airport import Airline, Flight

FLIGHTS: list[tuple[dict[str, Any], list[int]]] = [
    ({"delay": 30}, [5, 6]),
    ({"delay__eq": 30}, [5, 6]),
    ({"delay": None}, [3]),
    ({"delay__ne": 30}, [1, 2, 4, 7]),
    ({"delay__ne": None}, [1, 2, 4, 5, 6, 7]),
    ({"delay__gt": 10}, [2, 5, 6]),
    ({"delay__gte": 10}, [1, 2, 5, 6]),
    ({"delay__lt": 0}, [4]),
    ({"delay__lte": 0}, [4, 7]),
    ({"delay__in": [30, 70]}, [2, 5, 6]),
    ({"delay__in": (30, None)}, [3, 5, 6]),
    ({"delay__in": {None}}, [3]),
    ({"delay__in": []}, []),
    ({"delay__in": range(0, 11, 10)}, [1, 7]),
    ({"delay__notin": [30, 70]}, [1, 4, 7]),
    ({"delay__notin": [30, None]}, [1, 2, 4, 7]),
    ({"delay__notin": [None]}, [1, 2, 4, 5, 6, 7]),
    ({"delay__notin": []}, [1, 2, 3, 4, 5, 6, 7]),
    ({"delay__between": (0, 30)}, [1, 5, 6, 7]),
    ({"delay__between": [31, 0]}, []),
    ({"delay__isnull": True}, [3]),
    ({"delay__isnull": False}, [1, 2, 4, 5, 6, 7]),
    ({"price": Decimal("99.50")}, [7]),
    ({"price__gt": 500}, [6]),
    ({"departs__lt": dt.datetime(2013, 1, 2, 2, 30)}, [1]),
    ({"day__between": (dt.date(2013, 1, 2), dt.date(2013, 1, 3))}, [2, 3]),
    ({"delay__like": "3%"}, [5, 6]),
    ({"delay__contains": "0"}, [1, 2, 5, 6, 7]),
    ({"delay__gt": F("id")}, [1, 2, 5, 6]),
    ({"delay": F("delay")}, [1, 2, 4, 5, 6, 7]),
    ({"delay__gt": F("id") * 5}, [1, 2, 5]),
    ({"delay__lt": func.least(F("id"), 5)}, [4, 7]),
    ({"delay__gt": 0, "airline_code": "AA"}, [5, 6]),
    ({}, [1, 2, 3, 4, 5, 6, 7]),
]


@pytest.mark.parametrize(("lookups", "found"), FLIGHTS)
async def test_values(session: AsyncSession, lookups: dict[str, Any], found: list[int]) -> None:
    query = QueryBuilder(Flight, session).filter(**lookups).order_by("id")
    assert await query.values_list("id", flat=True) == found


@pytest.mark.parametrize(
    ("lookups", "found"),
    [
        ({"delay__between": (F("id"), 50)}, [1, 5, 6]),
        ({"delay__in": [F("id") * 10, 70]}, [1, 2]),
        ({"delay__in": [F("id") * 10, None]}, [1, 3]),
        ({"delay__notin": [F("id") * 10, 70]}, [4, 5, 6, 7]),
    ],
)
async def test_expressions_in_lists(session: AsyncSession, lookups: dict[str, Any], found: list[int]) -> None:
    query = QueryBuilder(Flight, session).filter(**lookups).order_by("id")
    assert await query.values_list("id", flat=True) == found


TEXTS: list[tuple[str, Any, list[str]]] = [
    ("like", "%Air%", ["AA", "UA"]),
    ("like", "_nited%", ["UA"]),
    ("like", "%air%", []),
    ("ilike", "%AIR%", ["AA", "UA"]),
    ("contains", "Air L", ["UA"]),
    ("contains", "", ["AA", "B6", "UA"]),
    ("icontains", "AIR", ["AA", "UA"]),
    ("startswith", "United", ["UA"]),
    ("startswith", "united", []),
    ("istartswith", "united", ["UA"]),
    ("endswith", "Lines", ["UA"]),
    ("endswith", "LINES", []),
    ("iendswith", "LINES", ["AA", "UA"]),
    ("iexact", "UNITED air lines", ["UA"]),
    ("iexact", "united", []),
    ("iexact", None, ["ZZ"]),
    ("regex", "^Uni|Blue$", ["B6", "UA"]),
    ("regex", "^uni", []),
    ("iregex", "^uni", ["UA"]),
    ("gt", "B", ["UA"]),
    ("in", ["American Airlines", None], ["AA", "ZZ"]),
]


@pytest.mark.parametrize(("lookup", "value", "codes"), TEXTS)
async def test_texts(session: AsyncSession, lookup: str, value: Any, codes: list[str]) -> None:
    query = QueryBuilder(Airline, session).filter(**{f"name__{lookup}": value}).order_by("code")
    assert await query.values_list("code", flat=True) == codes


@pytest.mark.parametrize(
    "lookup", ["contains", "icontains", "startswith", "istartswith", "endswith", "iendswith"]
)
@pytest.mark.parametrize("text", ["%", "_", "n_t", "/", "/%", "//", "\\", "U%s", "%%"])
async def test_wildcards_are_characters(session: AsyncSession, lookup: str, text: str) -> None:
    names = ["United Air Lines", "American Airlines", "100%_Blue"]
    tests = {"contains": str.__contains__, "startswith": str.startswith, "endswith": str.endswith}
    query = QueryBuilder(Airline, session).filter(**{f"name__{lookup}": text}).order_by("-code")
    matches = tests[lookup.removeprefix("i")]
    assert await query.values_list("name", flat=True) == [name for name in names if matches(name, text)]


@pytest.mark.parametrize(
    ("text", "codes"), [("0%_", ["B6"]), ("n_t", []), ("/", []), ("Air L", ["UA"]), ("%", ["B6"])]
)
async def test_wildcards_of_expressions_are_characters(
    session: AsyncSession, text: str, codes: list[str]
) -> None:
    query = QueryBuilder(Airline, session).filter(name__contains=func.concat(literal(text), ""))
    assert await query.values_list("code", flat=True) == codes


async def test_a_field_in_a_text_lookup(session: AsyncSession) -> None:
    query = QueryBuilder(Airline, session).filter(name__startswith=func.left(F("code"), 1)).order_by("code")
    assert await query.values_list("code", flat=True) == ["AA", "UA"]


@pytest.mark.parametrize("value", ["' OR 1=1 --", "x'; DROP TABLE flights; --", '"', ":id", "$1"])
async def test_values_are_bound(session: AsyncSession, value: str) -> None:
    query = QueryBuilder(Airline, session)
    for lookup in ("eq", "in", "icontains", "regex", "like"):
        given = [value] if lookup == "in" else value
        assert value not in query.filter(**{f"name__{lookup}": given}).to_sql() or value == "$1"
    assert await query.filter(name__contains=value).count() == 0


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"delay__gt": None}, "nothing is greater than None: use isnull=True"),
    ({"delay__gte": None}, "nothing is at least None"),
    ({"delay__lt": None}, "nothing is less than None"),
    ({"delay__lte": None}, "nothing is at most None"),
    ({"delay__in": 3}, "^in takes a list of values, not 3"),
    ({"airline_code__in": "UA"}, "^in takes a list of values, not 'UA'"),
    ({"airline_code__notin": b"UA"}, "^notin takes a list"),
    ({"delay__notin": None}, "^notin takes a list of values, not None"),
    ({"delay__between": 3}, r"between takes its two ends, as in between=\(1, 9\), not 3"),
    ({"delay__between": (1, 2, 3)}, "between takes its two ends"),
    ({"delay__between": (1, None)}, "between takes its two ends"),
    ({"airline_code__between": "ab"}, "between takes its two ends"),
    ({"delay__isnull": None}, "isnull takes True or False, not None"),
    ({"delay__isnull": 1}, "isnull takes True or False, not 1"),
    ({"airline_code__contains": None}, "contains takes a text, not None"),
    ({"airline_code__icontains": 3}, "icontains takes a text, not 3"),
    ({"airline_code__like": ["a"]}, "like takes a text"),
    ({"airline_code__iexact": 3}, "iexact takes a text, not 3"),
    ({"airline_code__regex": None}, "regex takes a text, not None"),
    ({"stops__overlap": "ORD"}, "^overlap takes a list of values, not 'ORD'"),
]


@pytest.mark.parametrize(("lookups", "message"), REFUSED)
async def test_values_that_a_lookup_does_not_take(
    session: AsyncSession, lookups: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        QueryBuilder(Flight, session).filter(**lookups)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("delay__gtee", "gte"),
        ("delay__isnul", "isnull"),
        ("airline_code__startwith", "startswith"),
        ("airline_code__icontain", "icontains"),
        ("delay__zzz", None),
    ],
)
def test_the_nearest_lookup_is_named(name: str, nearest: str | None) -> None:
    with pytest.raises(UnknownNameError) as refused:
        QueryBuilder(Flight).filter(**{name: "x"})
    assert (refused.value.name, refused.value.nearest) == (name.split("__")[-1], nearest)
    assert (f"did you mean {nearest!r}?" in str(refused.value)) is (nearest is not None)
