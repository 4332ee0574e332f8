"""Queries of another shape: pivot, unpivot, unnest."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from andamios_orm.core import AsyncSession
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries import ArrayAgg, Avg, Count, F, Max, Q, QueryBuilder, Sum, UnknownNameError

from .airport import Flight


@pytest.fixture
def flights(session: AsyncSession) -> QueryBuilder[Flight]:
    """A query for all flights."""
    return QueryBuilder(Flight, session)


class TestPivot:
    """Values that become columns."""

    @pytest.mark.parametrize(
        ("on", "values", "columns", "rows"),
        [
            ("route__to", ["LAX", "SFO"], ("LAX", "SFO"), [(1, 2), (1, 0), (2, 1)]),
            ("route__to", {"los angeles": "LAX", "x": "?"}, ("los angeles", "x"), [(1, 0), (1, 0), (2, 0)]),
            ("delay", [30, None], ("30", "None"), [(2, 0), (0, 0), (0, 1)]),
            ("departs__day", range(1, 4), ("1", "2", "3"), [(0, 0, 0), (0, 0, 0), (1, 1, 1)]),
            ("meta__plan", ("pro",), ("pro",), [(2,), (1,), (0,)]),
            ("plane__seats", [100], ("100",), [(0,), (0,), (2,)]),
            ("delay__gt", {"late": 20}, ("late",), [(2,), (0,), (1,)]),
            ("tags__word", ["late"], ("late",), [(0,), (0,), (2,)]),
        ],
    )
    async def test_counts(
        self, flights: QueryBuilder[Flight], on: str, values: Any, columns: tuple[str, ...], rows: list[Any]
    ) -> None:
        query = flights.group_by("airline_code").pivot(on, values, n=Count()).order_by("airline_code")
        found = await query.values()
        assert [tuple(row) for row in found] == [("airline_code", *columns)] * 3
        assert [tuple(row.values())[1:] for row in found] == rows

    async def test_several_aggregates(self, flights: QueryBuilder[Flight]) -> None:
        query = flights.group_by("airline_code").pivot("route__to", ["LAX"], n=Count(), worst=Max("delay"))
        assert await query.filter(airline_code="AA").values() == [
            {"airline_code": "AA", "LAX_n": 1, "LAX_worst": 30}
        ]
        assert await query.filter(LAX_n__gt=1).values_list("airline_code", flat=True) == ["UA"]

    async def test_it_goes_on(self, flights: QueryBuilder[Flight]) -> None:
        query = flights.group_by("airline_code").annotate(n=Count())
        query = query.pivot("route__to", ["LAX"], s=Sum("id", filter=Q(id__gt=1))).order_by("-LAX")
        assert await query.values_list() == [("B6", 1, 7), ("AA", 3, 5), ("UA", 3, 3)]
        assert await query.filter(LAX__gt=3).limit(1).nested().values_list("LAX", flat=True) == [7]

    @pytest.mark.parametrize(
        ("build", "message"),
        [
            (
                lambda q: q.pivot("delay", [1], n=Count()),
                r"name what makes up a row with group_by\(\) before",
            ),
            (
                lambda q: q.group_by("id").pivot("delay", [], n=Count()),
                "takes the values that become columns",
            ),
            (lambda q: q.group_by("id").pivot("delay", [1]), "takes the values that become columns"),
            (
                lambda q: q.group_by("id").pivot("delay", [1], n=F("id")),
                r"computes aggregates, such as Count\(\)",
            ),
            (lambda q: q.group_by("id").pivot("delay", ["id"], n=Count()), "'id' is there already"),
            (lambda q: q.group_by("id").pivot("dealy", [1], n=Count()), "did you mean 'delay'"),
        ],
    )
    def test_what_cannot_be_done(self, flights: QueryBuilder[Flight], build: Any, message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):
            build(flights)


class TestUnpivot:
    """Columns that become rows."""

    async def test_columns(self, flights: QueryBuilder[Flight]) -> None:
        query = (
            flights.filter(id__gt=2, id__lt=5)
            .select("id", "delay", number=F("price"))
            .unpivot("delay", "number")
        )
        assert await query.order_by("id", "name").values_list() == [
            (3, "number", Decimal(300)),
            (4, "delay", Decimal(-5)),
            (4, "number", Decimal(400)),
        ]

    async def test_names_and_missing_values(self, flights: QueryBuilder[Flight]) -> None:
        rows = (
            flights.filter(id=3).select("id", "delay").unpivot("delay", name="what", value="how", nulls=True)
        )
        assert await rows.values() == [{"id": 3, "what": "delay", "how": None}]

    async def test_of_objects_and_groups(self, flights: QueryBuilder[Flight]) -> None:
        rows = flights.filter(id=1).unpivot("airline_code", "tailnum").order_by("name")
        assert await rows.values_list("id", "name", "value") == [
            (1, "airline_code", "UA"),
            (1, "tailnum", "N1"),
        ]
        groups = flights.group_by("airline_code").annotate(least=Sum("id"), most=Max("id"))
        found = groups.unpivot("least", "most").filter(airline_code="UA").order_by("name")
        assert await found.values_list("name", "value") == [("least", 6), ("most", 3)]

    async def test_it_is_of_the_rows_that_are_left_and_goes_on(self, flights: QueryBuilder[Flight]) -> None:
        rows = flights.select("id", "delay").order_by("-id").limit(2).unpivot("delay")
        assert await rows.aggregate(n=Count(), s=Sum("value")) == {"n": 2, "s": 30}
        assert await rows.filter(value__gt=0).values_list("id", flat=True) == [6]

    @pytest.mark.parametrize("fields", [(), ("tailnum",), ("id", "dealy")])
    def test_what_cannot_be_done(self, flights: QueryBuilder[Flight], fields: tuple[str, ...]) -> None:
        with pytest.raises(
            ConfigurationError, match=r"makes rows of columns of the query, id, delay: not of"
        ):
            flights.select("id", "delay").unpivot(*fields)


class TestUnnest:
    """Lists that become rows."""

    async def test_elements(self, flights: QueryBuilder[Flight]) -> None:
        query = flights.unnest("stops", "stop").order_by("id", "stop")
        assert await query.values_list("id", "stop") == [(1, "ORD"), (2, "DEN"), (2, "ORD"), (4, "DFW")]
        assert [(row[0].id, row.stop) for row in await query.filter(stop="ORD").all()] == [
            (1, "ORD"),
            (2, "ORD"),
        ]
        assert await query.count() == 4

    async def test_it_goes_on(self, flights: QueryBuilder[Flight]) -> None:
        query = flights.unnest("stops", "stop").filter(airline__name__contains="United")
        groups = query.group_by("stop").annotate(n=Count(), mean=Avg("delay")).order_by("stop")
        assert await groups.values_list() == [("DEN", 1, 70.0), ("ORD", 2, 40.0)]

    async def test_the_order_stays(self, flights: QueryBuilder[Flight]) -> None:
        query = flights.order_by("-id").unnest("stops", "stop")
        assert await query.values_list("id", flat=True) == [4, 2, 2, 1]

    async def test_of_rows(self, flights: QueryBuilder[Flight]) -> None:
        lists = flights.group_by("airline_code").annotate(found=ArrayAgg("id"))
        assert await lists.unnest("found", "one").filter(one__gt=5).order_by("one").values_list(
            "airline_code", "one"
        ) == [("AA", 6), ("B6", 7)]

    def test_what_is_no_list(self, flights: QueryBuilder[Flight]) -> None:
        with pytest.raises(
            ConfigurationError, match="makes rows of the elements of a list, and 'delay' is none"
        ):
            flights.unnest("delay", "x")
        with pytest.raises(ConfigurationError, match="'delay' is there already"):
            flights.unnest("stops", "delay")
        with pytest.raises(UnknownNameError, match="did you mean 'stops'"):
            flights.unnest("stop", "x")


def test_values_of_a_pivot_have_names_of_their_own(session: AsyncSession) -> None:
    groups = QueryBuilder(Flight, session).group_by("airline_code")
    with pytest.raises(ConfigurationError, match="two values of a pivot have one name"):
        groups.pivot("delay", [10, "10"], n=Count())
