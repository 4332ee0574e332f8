"""Filters that come from outside: JSON and query strings."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andamios_orm.core import AsyncSession
from andamios_orm.core.errors import ConfigurationError, ValidationError
from andamios_orm.queries import Q, QueryBuilder
from andamios_orm.queries.filters import FilterBuilder

from ..airport import Flight

FLIGHTS = FilterBuilder(Flight)
ALLOW = [
    "airline_code",
    "tailnum",
    "departs",
    "day",
    "delay",
    "price",
    "stops",
    "route__to",
    "meta__plan",
    "airline__name",
    "plane",
    "tags__word",
    "departs__hour",
]

NO_INTEGER = "Input should be a valid integer, unable to parse string as an integer"


def ids_of(found: list[Flight]) -> list[int]:
    """Return the numbers of some flights."""
    return sorted(flight.id for flight in found)


async def found_by(session: AsyncSession, built: FilterBuilder) -> list[int]:
    """Return the numbers of the flights that a filter keeps."""
    return ids_of(await QueryBuilder(Flight, session).filter(built).all())


def refusals(data: Any, allow: Any = ALLOW, **options: Any) -> dict[str, str]:
    """Return what is refused."""
    with pytest.raises(ValidationError) as caught:
        FLIGHTS.from_dict(data, allow=allow, **options)
    assert caught.value.model == "Flight"
    return caught.value.errors


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, [1, 2, 3, 4, 5, 6, 7]),
        ({"airline_code": "UA"}, [1, 2, 3]),
        ({"airline_code__eq": "UA", "delay": {"gte": 10, "lt": 70}}, [1]),
        ({"airline_code": ["AA", "B6"]}, [4, 5, 6, 7]),
        ({"airline_code__in": ["AA", "B6"], "tailnum__notin": ["N3"]}, []),
        ({"delay": None}, [3]),
        ({"delay": [None, 70]}, [2, 3]),
        ({"delay__ne": 30}, [1, 2, 4, 7]),
        ({"delay__ge": "30", "delay": {"le": 69}}, [5, 6]),
        ({"delay": {"not_in": [30]}}, [1, 2, 4, 7]),
        ({"delay": {"between": [0, 10]}}, [1, 7]),
        ({"delay": {"is_null": False}, "tailnum__isnull": True}, [5, 7]),
        ({"departs": "2013-01-04T04:30:00"}, [4]),
        ({"day": {"gt": "2013-01-05"}}, [6, 7]),
        ({"price": "99.50"}, [7]),
        ({"price": {"lt": 200}}, [1, 7]),
        ({"stops": {"has": "DEN"}}, [2]),
        ({"stops__overlap": ["DEN", "DFW"]}, [2, 4]),
        ({"route": {"to": "SFO"}, "meta__plan": "pro"}, [6]),
        ({"departs": {"hour": {"gte": 6}}}, [6, 7]),
        ({"plane__isnull": True}, [5, 7]),
        ({"airline": {"name": {"icontains": "united"}}}, [1, 2, 3]),
        ({"airline__name__contains": "%_"}, [7]),
        ({"tags": {"word": "full"}}, [2, 5]),
        ({"and": [{"delay__gt": 0}, {"delay__lt": 30}]}, [1]),
        ({"or": [{"airline_code": "B6"}, {"delay__gt": 60}]}, [2, 7]),
        ({"not": {"airline_code": "UA", "delay": 10}}, [2, 3, 4, 5, 6, 7]),
        ({"airline_code": "AA", "or": [{"delay__lt": 0}, {"not": {"tailnum__isnull": False}}]}, [4, 5]),
    ],
)
async def test_from_dict(session: AsyncSession, data: dict[str, Any], expected: list[int]) -> None:
    assert await found_by(session, FLIGHTS.from_dict(data, allow=ALLOW)) == expected


@pytest.mark.parametrize(
    ("data", "errors"),
    [
        ({"id": 1}, {"id": "is no filter; there are filters for airline_code, delay"}),
        ({"dealy": 1}, {"dealy": "is no filter; there are filters for airline_code, delay"}),
        ({"delay__regex": "1"}, {"delay__regex": "has the lookups gt, gte, eq"}),
        ({"delay": {"lt": 1}}, {"delay.lt": "has the lookups gt, gte, eq"}),
        ({"airline_code": ["UA"]}, {"airline_code": "Input should be a valid string"}),
        (
            {"delay__gt": "late"},
            {"delay__gt": "Input should be a valid integer, unable to parse string as an integer"},
        ),
        ({"delay__gt": True}, {"delay__gt": "Input should not be true or false"}),
        ({"delay__gt": None}, {"delay__gt": "Input should be a valid integer"}),
        ({"airline_code": 5}, {"airline_code": "Input should be a valid string"}),
        ({"delay__gt": 1, "delay": {"gt": 2}}, {"delay.gt": "is given twice"}),
        ({"delay": {}}, {"delay": "is empty: leave it out"}),
        ({"or": []}, {"or": "should be a list with at least one object"}),
        ({"and": {"delay": 1}}, {"and": "should be a list with at least one object"}),
        ({"or": [{}]}, {"or[0]": "is empty: leave it out"}),
        ({"not": {}}, {"not": "is empty: leave it out"}),
        ({"not": [1]}, {"not": "should be an object, with fields, and, or, not"}),
        ([], {"filter": "should be an object, with fields, and, or, not"}),
        ({5: 1}, {"5": "is no filter; there are filters for airline_code, delay"}),
        (
            {"or": [{"delay": "x"}, {"not": {"delay": {"gte": "y"}}}], "airline_code": 1},
            {
                "or[0].delay": NO_INTEGER,
                "or[1].not.delay.gte": NO_INTEGER,
                "airline_code": "Input should be a valid string",
            },
        ),
    ],
)
def test_refused_data(data: Any, errors: dict[str, str]) -> None:
    assert refusals(data, {"airline_code": ["eq"], "delay": ["gt", "gte", "eq"]}) == errors


@pytest.mark.parametrize(
    ("data", "errors"),
    [
        ({"delay__in": 5}, {"delay__in": "should be a list"}),
        ({"delay__between": [1]}, {"delay__between": "should be a list of the two ends"}),
        ({"delay__between": [1, None]}, {"delay__between[1]": "Input should be a valid integer"}),
        (
            {"delay__in": [1, "x"]},
            {"delay__in[1]": "Input should be a valid integer, unable to parse string as an integer"},
        ),
        (
            {"delay__isnull": 5},
            {"delay__isnull": "Input should be a valid boolean, unable to interpret input"},
        ),
        ({"airline__name__icontains": 5}, {"airline__name__icontains": "Input should be a valid string"}),
    ],
)
def test_refused_values(data: Any, errors: dict[str, str]) -> None:
    assert refusals(data) == errors


def test_lookups_without_a_list_take_none_of_it() -> None:
    assert refusals({"delay__gt": [1]}) == {"delay__gt": "Input should be a valid integer"}


@pytest.mark.parametrize(
    ("data", "option", "errors"),
    [
        ({"delay": {"gt": 1}}, {"max_depth": 1}, {"delay": "is more than 1 objects deep"}),
        ({"not": {"delay": 1}}, {"max_depth": 1}, {"not": "is more than 1 objects deep"}),
        ({"or": [{"not": {"delay": 1}}]}, {"max_depth": 2}, {"or[0].not": "is more than 2 objects deep"}),
        ({"delay": 1, "day": "2013-01-01"}, {"max_conditions": 1}, {"filter": "has more than 1 conditions"}),
        ({"delay__in": [1, 2]}, {"max_values": 1}, {"delay__in": "has more than 1 values"}),
        ({"tailnum": "abc"}, {"max_length": 2}, {"tailnum": "is longer than 2 characters"}),
        ({"tailnum__in": ["abc"]}, {"max_length": 2}, {"tailnum__in[0]": "is longer than 2 characters"}),
    ],
)
def test_limits(data: Any, option: dict[str, int], errors: dict[str, str]) -> None:
    assert refusals(data, **option) == errors


@pytest.mark.parametrize(
    "data",
    [
        {"or": [{"not": {"delay": {"gt": 1}}}]},
        {"delay__in": list(range(100))},
        {"tailnum": "x" * 1_000},
        {"and": [{"delay": 1}] * 50},
    ],
)
def test_within_the_limits(data: dict[str, Any]) -> None:
    assert isinstance(FLIGHTS.from_dict(data, allow=ALLOW), FilterBuilder)


def test_depth_without_end() -> None:
    data: dict[str, Any] = {}
    data["not"] = data
    assert refusals(data) == {"not.not.not.not.not": "is more than 5 objects deep"}


def test_many_faults_are_told_in_part() -> None:
    errors = refusals({"or": [5] * 1_000_000})
    assert len(errors) == 21
    assert errors["..."] == "and what comes behind was not read"


def test_long_names_are_told_in_part() -> None:
    (name,) = refusals({"x" * 100_000: 1})
    assert name == "x" * 80 + "..."


def test_messages_tell_nothing_of_the_model() -> None:
    told = str(refusals({"id": 1, "price": "x", "airline__code": "UA"}, ["delay"]))
    assert "route" not in told
    assert "meta" not in told


async def test_conditions_of_an_object_are_about_the_same_of_many(session: AsyncSession) -> None:
    allow = ["tags__id", "tags__word"]
    together = FLIGHTS.from_dict({"tags": {"id": 1, "word": "full"}}, allow=allow)
    apart = FLIGHTS.from_dict({"and": [{"tags__id": 1}, {"tags__word": "full"}]}, allow=allow)
    assert (await found_by(session, together), await found_by(session, apart)) == ([], [2])


async def test_conditions_of_the_application_stay(session: AsyncSession) -> None:
    built = FLIGHTS.eq("airline_code", "UA").from_dict(
        {"or": [{"delay": 30}, {"delay": 70}]}, allow=["delay"]
    )
    assert await found_by(session, built) == [2]


async def test_types_of_json_keys(session: AsyncSession) -> None:
    options: dict[str, Any] = {"allow": ["meta__miles"], "types": {"meta__miles": int}}
    assert await found_by(session, FLIGHTS.from_dict({"meta__miles__gte": "600"}, **options)) == [6, 7]


async def test_regex_that_is_allowed(session: AsyncSession) -> None:
    built = FLIGHTS.from_dict({"tailnum__regex": "N[12]"}, allow={"tailnum": ["regex"]})
    assert await found_by(session, built) == [1, 2, 3]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, [1, 2, 3, 4, 5, 6, 7]),
        ({"airline_code": "UA", "delay__gte": "60"}, [2]),
        ({"airline_code__in": "AA,B6"}, [4, 5, 6, 7]),
        ([("airline_code", "AA"), ("airline_code", "B6")], [4, 5, 6, 7]),
        ([("airline_code__in", "AA"), ("airline_code__in", "B6,ZZ")], [4, 5, 6, 7]),
        ({"airline_code": ["AA", "B6"]}, [4, 5, 6, 7]),
        ({"tailnum__isnull": "true"}, [5, 7]),
        ({"delay__between": "0,10"}, [1, 7]),
        ({"day": "2013-01-03"}, [3]),
        ({"stops__has": "DEN", "page": "2"}, [2]),
        ({"delay__gt": 60}, [2]),
        ({"tailnum": ""}, []),
    ],
)
async def test_from_query_params(session: AsyncSession, params: Any, expected: list[int]) -> None:
    built = FLIGHTS.from_query_params(params, allow=ALLOW, ignore=["page"])
    assert await found_by(session, built) == expected


class Params(dict[str, str]):
    """Parameters as Starlette has them: a mapping that tells the last value of each, and of all on demand."""

    def multi_items(self) -> list[tuple[str, str]]:
        """Return all values."""
        return [("airline_code", "AA"), ("airline_code", "B6")]


async def test_repeated_params_of_a_framework(session: AsyncSession) -> None:
    built = FLIGHTS.from_query_params(Params(airline_code="B6"), allow=ALLOW)
    assert await found_by(session, built) == [4, 5, 6, 7]


async def test_commas_of_repeated_values_stay(session: AsyncSession) -> None:
    params = [("tailnum", "N1,N2"), ("tailnum", "N3")]
    assert await found_by(session, FLIGHTS.from_query_params(params, allow=ALLOW)) == [4, 6]


@pytest.mark.parametrize(
    ("params", "errors"),
    [
        ([("size", "5")], {"size": "is no filter; there are filters for delay, day"}),
        ([("delay", "x"), ("day", "60")], {"delay", "day"}),
        ([("delay__gt", "1"), ("delay__gt", "2")], {"delay__gt": "Input should be a valid integer"}),
        ([("delay__in", "1"), ("delay", "2"), ("delay", "3")], {"delay": "is given twice"}),
        ([("delay__in", "1,2,3,4")], {"delay__in": "has more than 3 values"}),
        ([("not", "1")], {"not": "is no filter; there are filters for delay, day"}),
        ([(5, "1")], {"5": "is no filter; there are filters for delay, day"}),
    ],
)
def test_refused_params(params: Any, errors: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        FLIGHTS.from_query_params(params, allow=["delay", "day"], max_values=3)
    assert (caught.value.errors if isinstance(errors, dict) else caught.value.errors.keys()) == errors


@pytest.mark.parametrize("params", ["delay=5", 5, [5], [("a", "b", "c")]])
def test_what_are_no_params(params: Any) -> None:
    with pytest.raises(ConfigurationError, match="parameters are a mapping, or pairs"):
        FLIGHTS.from_query_params(params, allow=["delay"])


NAMES = st.one_of(
    st.sampled_from(["and", "or", "not", "id", "airline__planes__seats", "delay__regex", "tailnum__isnull"]),
    st.builds(
        "__".join,
        st.lists(st.sampled_from([*ALLOW, "gt", "in", "between", "isnull", "icontains", "has"]), max_size=3),
    ),
    st.text(max_size=5),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(), max_size=5),
    st.dates().map(dt.date.isoformat),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "airline_code",
    "tailnum",
    "departs",
    "day",
    "delay",
    "price",
    "stops",
    "route",
    "meta",
    "name",
    "word",
)


def columns_in(built: Q) -> set[str]:
    """Return the columns of the models that a condition names, but for the keys of joins."""
    statement = QueryBuilder(Flight).filter(built).statement
    where = str(statement.whereclause) if statement.whereclause is not None else ""
    return {
        column.name
        for table in Flight.metadata.sorted_tables
        for column in table.columns
        if f".{column.name} " in where
    }


@given(st.dictionaries(NAMES, JSON, max_size=4))
def test_any_data_is_read_or_refused(data: dict[str, Any]) -> None:
    try:
        built = FLIGHTS.from_dict(data, allow=["delay", "tailnum", "stops"])
    except ValidationError:
        return
    assert columns_in(built) <= {"delay", "tailnum", "stops"}


@given(st.lists(st.tuples(NAMES, st.text(max_size=10)), max_size=4))
def test_any_params_are_read_or_refused(params: list[tuple[str, str]]) -> None:
    try:
        built = FLIGHTS.from_query_params(params, allow=["delay", "tailnum", "stops"])
    except ValidationError:
        return
    assert columns_in(built) <= {"delay", "tailnum", "stops"}
