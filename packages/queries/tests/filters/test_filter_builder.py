"""The builder of filters: each of its methods, and its place in queries."""

from __future__ import annotations

from typing import Any

import pytest

from andamios_orm.core import AsyncSession
from andamios_orm.core.errors import ConfigurationError, ValidationError
from andamios_orm.queries import Count, Q, QueryBuilder
from andamios_orm.queries.errors import UnknownNameError
from andamios_orm.queries.filters import FilterBuilder

from ..airport import Airline, Flight, Note

FLIGHTS = FilterBuilder(Flight)
AIRLINES = FilterBuilder(Airline)


async def ids(session: AsyncSession, condition: Any) -> list[int]:
    """Return the numbers of the flights for which a condition holds."""
    found: list[int] = (
        await QueryBuilder(Flight, session).filter(condition).order_by("id").values_list("id", flat=True)
    )
    return found


@pytest.mark.parametrize(
    ("built", "expected"),
    [
        (FLIGHTS, [1, 2, 3, 4, 5, 6, 7]),
        (FLIGHTS.eq("airline_code", "UA"), [1, 2, 3]),
        (FLIGHTS.eq("delay", None), [3]),
        (FLIGHTS.ne("delay", 30), [1, 2, 4, 7]),
        (FLIGHTS.gt("delay", 30), [2]),
        (FLIGHTS.ge("delay", 30), [2, 5, 6]),
        (FLIGHTS.lt("delay", 0), [4]),
        (FLIGHTS.le("delay", 0), [4, 7]),
        (FLIGHTS.in_("delay", [10, 70]), [1, 2]),
        (
            FLIGHTS.in_(
                "airline_code", QueryBuilder(Airline).filter(name="100%_Blue").select("code").statement
            ),
            [7],
        ),
        (FLIGHTS.not_in("delay", [10, 70]), [4, 5, 6, 7]),
        (FLIGHTS.between("delay", 0, 10), [1, 7]),
        (FLIGHTS.is_null("tailnum"), [5, 7]),
        (FLIGHTS.is_null("tailnum", False), [1, 2, 3, 4, 6]),
        (FLIGHTS.like("airline__name", "%Air%"), [1, 2, 3, 4, 5, 6]),
        (FLIGHTS.like("airline__name", "%air%"), []),
        (FLIGHTS.ilike("airline__name", "%air%"), [1, 2, 3, 4, 5, 6]),
        (FLIGHTS.contains("airline__name", "%_"), [7]),
        (FLIGHTS.contains("stops", "ORD"), [1, 2]),
        (FLIGHTS.contains("stops", "OR"), []),
        (FLIGHTS.eq("departs__day", 4), [4]),
        (FLIGHTS.eq("route__to", "SFO").eq("meta__plan", "pro"), [6]),
        (FLIGHTS.eq("airline_code", "UA").gt("delay", 10), [2]),
        (FLIGHTS.eq("airline_code", "AA").any_of(FLIGHTS.is_null("tailnum"), Q(delay__lt=0)), [4, 5]),
        (FLIGHTS.any_of(Flight.id == 1, Flight.id == 2), [1, 2]),
        (FLIGHTS.all_of(Q(id__gt=2), Flight.id < 4), [3]),
        (FLIGHTS.not_(Q(delay__gt=5)), [3, 4, 7]),
        (FLIGHTS.not_(Q(airline_code="UA"), Q(delay=10)), [2, 3, 4, 5, 6, 7]),
        (FLIGHTS.eq("id", 1) | FLIGHTS.eq("id", 2), [1, 2]),
        (FLIGHTS.gt("id", 2) & Q(id__lt=4), [3]),
        (~FLIGHTS.gt("id", 2), [1, 2]),
    ],
)
async def test_filter(session: AsyncSession, built: FilterBuilder, expected: list[int]) -> None:
    assert await ids(session, built) == expected


@pytest.mark.parametrize(
    ("text", "fields", "expected"),
    [
        ("united", ["name"], ["UA"]),
        ("lines air", ["name"], ["AA", "UA"]),
        ("united ua", ["name", "code"], ["UA"]),
        ("united aa", ["name", "code"], []),
        ("100%_", "name", ["B6"]),
        ("%", "name", ["B6"]),
        ("_", "name", ["B6"]),
        ("N2", ["flights__tailnum"], ["UA"]),
        (" \n ", ["name"], ["AA", "B6", "UA", "ZZ"]),
    ],
)
async def test_search(session: AsyncSession, text: str, fields: Any, expected: list[str]) -> None:
    found = QueryBuilder(Airline, session).filter(AIRLINES.search(text, fields)).order_by("code")
    assert await found.values_list("code", flat=True) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (" ".join(map(str, range(21))), "has more than 20 words"),
        ("\ud800", "without halves of characters"),
        (5, "should be a valid string"),
    ],
)
def test_refused_search(text: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=f"^Airline: search: .*{message}"):
        AIRLINES.search(text, ["name"])


def test_search_takes_fields() -> None:
    with pytest.raises(ConfigurationError, match=r"search\(\) takes the fields"):
        AIRLINES.search("air", [])


async def test_builder_is_never_changed(session: AsyncSession) -> None:
    united = FLIGHTS.eq("airline_code", "UA")
    united.gt("delay", 10)
    assert await ids(session, united) == [1, 2, 3]


async def test_conditions_about_the_same_of_many(session: AsyncSession) -> None:
    """Two calls are about any flight each, a Q is about one."""
    apart = AIRLINES.eq("flights__delay", 10).eq("flights__tailnum", "N2")
    together = AIRLINES.all_of(Q(flights__delay=10, flights__tailnum="N2"))
    assert await QueryBuilder(Airline, session).filter(apart).values_list("code", flat=True) == ["UA"]
    assert await QueryBuilder(Airline, session).filter(together).values_list("code", flat=True) == []


async def test_filter_of_aggregates(session: AsyncSession) -> None:
    late = Count("flights", filter=FLIGHTS.ge("delay", 30))
    query = QueryBuilder(Airline, session).annotate(late=late).order_by("code")
    assert [row.late for row in await query.all()] == [2, 0, 1, 0]


async def test_filter_of_computed_rows(session: AsyncSession) -> None:
    """Rows without an object have the names that were selected."""
    rows = QueryBuilder(Flight, session).select("id", "delay").limit(7).nested()
    assert [row.id for row in await rows.filter(FLIGHTS.eq("delay", 70)).all()] == [2]


@pytest.mark.parametrize(
    ("build", "nearest"),
    [
        (lambda: FLIGHTS.eq("dealy", 1), "delay"),
        (lambda: FLIGHTS.contains("tailnun", "x"), "tailnum"),
        (lambda: FLIGHTS.gt("airline__nam", "x"), "name"),
        (lambda: FLIGHTS.search("x", ["tailnum", "tags__wrd"]), "word"),
        (lambda: FLIGHTS.any_of(Q(dely__gt=1)), "delay"),
        (lambda: FLIGHTS.all_of(Q(delay__gtt=1)), "gt"),
        (lambda: FLIGHTS.not_(~Q(dalay=1)), "delay"),
    ],
)
def test_names_are_checked_at_once(build: Any, nearest: str) -> None:
    with pytest.raises(UnknownNameError, match="did you mean") as caught:
        build()
    assert caught.value.nearest == nearest


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: FLIGHTS.in_("delay", 5), "takes a list"),
        (lambda: FLIGHTS.gt("delay", None), "isnull"),
        (lambda: FLIGHTS.between("delay", 1, None), "two ends"),
        (lambda: FLIGHTS.like("tailnum", 5), "takes a text"),  # type: ignore[arg-type] # it is wrong
        (lambda: FLIGHTS.any_of(), r"any_of\(\) takes at least one condition"),
        (lambda: FLIGHTS.all_of(), r"all_of\(\) takes at least one condition"),
        (lambda: FLIGHTS.not_(), r"not_\(\) takes at least one condition"),
        (lambda: FLIGHTS.any_of("delay > 5"), "is no condition"),
        (lambda: FLIGHTS.all_of(FilterBuilder(Note).eq("id", 1)), "about Note, and the query about Flight"),
        (lambda: FilterBuilder(int), "a filter is about a mapped class"),
    ],
)
def test_wrong_use_is_told_at_once(build: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        build()


def test_filter_of_another_model() -> None:
    with pytest.raises(
        ConfigurationError, match="about Flight, and the query about Airline: use a filter of"
    ):
        QueryBuilder(Airline).filter(FLIGHTS.eq("id", 1))
