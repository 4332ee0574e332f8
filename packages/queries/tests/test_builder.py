"""The builder: it is never changed, selects, groups, and combines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Select, func, select
from sqlalchemy.orm import aliased

from andamios_orm.core import AsyncSession
from andamios_orm.core.errors import ConfigurationError, NoCurrentSessionError
from andamios_orm.queries import Count, F, Max, Param, Q, QueryBuilder, UnknownNameError, selectinload

from .airport import Airline, Flight, Note, Plane

ALL = [1, 2, 3, 4, 5, 6, 7]


@pytest.fixture
def flights(session: AsyncSession) -> QueryBuilder[Flight]:
    """A query for all flights."""
    return QueryBuilder(Flight, session)


async def ids(query: QueryBuilder[Any]) -> list[int]:
    return await query.order_by("id").values_list("id", flat=True)


CALLS: tuple[Callable[[QueryBuilder[Any]], QueryBuilder[Any]], ...] = (
    lambda query: query.filter(id=1),
    lambda query: query.filter(airline__name="x"),
    lambda query: query.filter(tags__word="x"),
    lambda query: query.where(Q(id=1)),
    lambda query: query.exclude(id=1),
    lambda query: query.order_by("airline__name"),
    lambda query: query.limit(1),
    lambda query: query.offset(1),
    lambda query: query[1:2],
    lambda query: query.nested(),
    lambda query: query.distinct(),
    lambda query: query.distinct_on("airline__code"),
    lambda query: query.sample(1),
    lambda query: query.options(selectinload("tags")),
    lambda query: query.with_deleted(),
    lambda query: query.only_deleted(),
    lambda query: query.cached(),
    lambda query: query.select("id", name=F("airline__name")),
    lambda query: query.annotate(n=Count("tags")),
    lambda query: query.group_by("airline__name"),
    lambda query: query.join("plane"),
    lambda query: query.asof_join(Note, on="id"),
    lambda query: query.union(query),
    lambda query: query.intersect(query),
    lambda query: query.except_(query),
    lambda query: query.with_cte("x", query),
    lambda query: query.top_per_group(1, by="airline_code", order_by="id"),
    lambda query: query.unnest("stops", "stop"),
    lambda query: query.unpivot("delay"),
    lambda query: query.time_bucket("day", "1 day", n=Count()),
)


@pytest.mark.parametrize("call", CALLS)
async def test_a_builder_is_never_changed(
    flights: QueryBuilder[Flight], call: Callable[[QueryBuilder[Any]], QueryBuilder[Any]]
) -> None:
    query = flights.filter(id__gt=0)
    names, before = query._state.scope.names(), query.to_sql()
    changed = call(query)
    assert changed is not query
    assert (query._state.scope.names(), query.to_sql()) == (names, before)
    assert isinstance(changed.statement, Select)
    assert await ids(query) == ALL


@pytest.mark.parametrize(
    "call",
    [
        lambda groups: groups.having(n=1),
        lambda groups: groups.pivot("id", [1], m=Count()),
        lambda groups: groups.qualify(n=1),
        lambda groups: groups.filter(n=1),
    ],
)
def test_groups_are_not_changed(call: Callable[[QueryBuilder[Any]], QueryBuilder[Any]]) -> None:
    groups = QueryBuilder(Flight).group_by("airline_code").annotate(n=Count())
    before = groups.to_sql()
    assert call(groups).to_sql() != before
    assert groups.to_sql() == before


@pytest.mark.parametrize("model", [int, "Flight", None, 3, Flight.__table__])
def test_what_is_no_model(model: Any) -> None:
    with pytest.raises(ConfigurationError, match="a query is about a mapped class, not"):
        QueryBuilder(model)


async def test_an_alias(session: AsyncSession) -> None:
    alias = aliased(Flight)
    query = QueryBuilder(alias, session).filter(alias.delay > 20, airline__name__contains="Amer", delay__gt=0)
    assert await ids(query) == [5, 6]


async def test_the_current_session(session: AsyncSession) -> None:
    assert len((await session.scalars(QueryBuilder(Flight).filter(delay__gt=20).statement)).all()) == 3


def test_without_a_session() -> None:
    with pytest.raises(NoCurrentSessionError):
        QueryBuilder(Flight).count().send(None)


async def test_the_statement_is_sqlalchemys(session: AsyncSession, flights: QueryBuilder[Flight]) -> None:
    statement = flights.filter(delay__gt=20).statement.where(Flight.id > 2).order_by(Flight.id)
    assert [flight.id for flight in await session.scalars(statement)] == [5, 6]
    late: Any = flights.filter(delay__gt=20).select("tailnum")
    assert (await session.scalars(select(Plane.tailnum).where(Plane.tailnum.in_(late)))).all() == ["N1", "N3"]


class TestColumns:
    """Columns in place of objects, and beside them."""

    async def test_select(self, flights: QueryBuilder[Flight]) -> None:
        query = flights.select(
            "id", "airline__name", Flight.delay, twice=F("delay") * 2, up=func.upper(F("route__to"))
        )
        rows = await query.filter(id=2).all()
        assert [row._asdict() for row in rows] == [
            {"id": 2, "airline__name": "United Air Lines", "delay": 70, "twice": 140, "up": "SFO"}
        ]

    async def test_select_goes_on(self, flights: QueryBuilder[Flight]) -> None:
        query = flights.select("id", twice=F("delay") * 2)
        assert await query.filter(twice__gt=50, delay__lt=60).order_by("-id").values_list() == [
            (6, 60),
            (5, 60),
        ]
        assert await query.select("twice").order_by("twice").limit(1).values_list() == [(-10,)]
        assert await query.nested().filter(twice=140).select("id").values_list() == [(2,)]

    async def test_paths_that_are_columns_keep_their_names(self, flights: QueryBuilder[Flight]) -> None:
        rows = flights.select("id", "airline__name").order_by("-id").limit(4).nested()
        assert await rows.filter(airline__name__startswith="A").values_list("id", flat=True) == [6, 5, 4]
        assert await rows.order_by("airline__name", "id").values_list("id", flat=True) == [7, 4, 5, 6]
        assert [row.airline__name for row in await rows.select("airline__name").limit(1).all()] == [
            "100%_Blue"
        ]

    async def test_groups_by_paths_keep_their_names(self, flights: QueryBuilder[Flight]) -> None:
        groups = flights.group_by("airline__name").annotate(n=Count()).nested()
        assert await groups.filter(n=3).order_by("airline__name").values_list("airline__name", flat=True) == [
            *("American Airlines", "United Air Lines")
        ]

    async def test_annotate(self, flights: QueryBuilder[Flight]) -> None:
        query = flights.annotate(more=F("id") + 1, most=F("more") * 2, name=F("airline__name"))
        row = await query.filter(most=6).one()
        assert (row[0].id, row.more, row.most, row.name) == (2, 3, 6, "United Air Lines")
        assert await ids(query.filter(name__startswith="A", more__gt=5)) == [5, 6]

    async def test_annotate_a_condition(self, flights: QueryBuilder[Flight]) -> None:
        query = flights.annotate(late=Q(delay__gt=20)).order_by("id")
        assert await query.values_list("late", flat=True) == [False, True, None, False, True, True, False]
        assert await ids(query.filter(late=True)) == [2, 5, 6]

    @pytest.mark.parametrize(
        ("build", "message"),
        [
            (lambda q: q.select(func.abs(Flight.id)), r"name fields, and give expressions a name: select\('"),
            (lambda q: q.select(F("id")), "give expressions a name"),
            (lambda q: q.select(3), "give expressions a name"),
            (lambda q: q.select("dealy"), "'dealy' is no field of Flight: did you mean 'delay'"),
            (lambda q: q.select("tags"), "'tags' leads to many"),
            (lambda q: q.select(x=F("dealy")), "did you mean 'delay'"),
            (lambda q: q.select(), "select"),
            (lambda q: q.select(**{"": F("id")}), "a column cannot be called ''"),
            (lambda q: q.annotate(**{"a\0": F("id")}), "a column cannot be called"),
            (
                lambda q: q.annotate(delay=F("id")),
                "'delay' is there already: give what is computed another name",
            ),
            (lambda q: q.annotate(airline=F("id")), "'airline' is there already"),
            (lambda q: q.annotate(a=F("id")).annotate(a=F("id")), "'a' is there already"),
            (lambda q: q.select("id").annotate(id=F("id")), "'id' is there already"),
            (lambda q: q.annotate(a=F("b"), b=F("id")), "'b' is no field of Flight"),
            (lambda q: q.select("id").select("id", id=F("delay")), "'id'"),
            (lambda q: q.annotate(n="delay"), "delay"),
            (lambda q: q.select("id", n="delay"), "delay"),
            (lambda q: q.group_by("id").group_by("delay"), r"name all their fields in one group_by\(\)"),
            (lambda q: q.group_by("dealy"), "did you mean 'delay'"),
            (lambda q: q.group_by(), "group_by"),
        ],
    )
    def test_what_cannot_be_selected(self, flights: QueryBuilder[Flight], build: Any, message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):
            build(flights)


class TestGroups:
    """GROUP BY."""

    async def test_fields_and_expressions(self, flights: QueryBuilder[Flight]) -> None:
        query = flights.group_by("airline_code", Flight.delay, odd=F("id") % 2).annotate(n=Count())
        assert await query.filter(airline_code="AA").order_by("delay", "odd").values_list() == [
            *(("AA", -5, 0, 1), ("AA", 30, 0, 1), ("AA", 30, 1, 1))
        ]

    async def test_groups_alone(self, flights: QueryBuilder[Flight]) -> None:
        query = flights.group_by("airline_code").order_by("airline_code")
        assert await query.values_list() == [("AA",), ("B6",), ("UA",)]
        assert await query.count() == 3

    async def test_groups_of_groups(self, flights: QueryBuilder[Flight]) -> None:
        groups = flights.group_by("airline_code").annotate(n=Count()).nested()
        again = groups.group_by("n").annotate(airlines=Count()).order_by("n")
        assert await again.values_list() == [(1, 1), (3, 2)]

    async def test_orders_by_aggregates(self, flights: QueryBuilder[Flight]) -> None:
        query = flights.group_by("airline_code").annotate(n=Count())
        assert await query.order_by(Max("delay").desc()).values_list("airline_code", flat=True) == [
            "UA",
            "AA",
            "B6",
        ]
        assert await query.order_by("-n", "-airline_code")[:2].values_list("airline_code", flat=True) == [
            "UA",
            "AA",
        ]

    async def test_computed_fields_make_groups(self, flights: QueryBuilder[Flight]) -> None:
        query = flights.annotate(late=F("delay") > 20).group_by("late").annotate(n=Count()).order_by("late")
        assert await query.values_list() == [(False, 3), (True, 3), (None, 1)]

    async def test_columns_of_groups(self, flights: QueryBuilder[Flight]) -> None:
        query = flights.group_by("airline_code").annotate(n=Count(), m=Max("delay")).order_by("airline_code")
        assert await query.select("m").values_list() == [(30,), (0,), (70,)]
        assert await query.select("airline_code", half=F("n") / 2).values_list("half", flat=True) == [
            1.5,
            0.5,
            1.5,
        ]


class TestCombined:
    """Union, intersection, difference."""

    @pytest.mark.parametrize(
        ("combine", "found"),
        [
            (lambda a, b: a.union(b), [1, 2, 3, 4, 5]),
            (lambda a, b: a.union(b, a, all_rows=True), [1, 1, 2, 2, 3, 3, 3, 4, 5]),
            (lambda a, b: a.intersect(b), [3]),
            (lambda a, b: a.union(a, all_rows=True).intersect(a, all_rows=True), [1, 2, 3]),
            (lambda a, b: a.except_(b), [1, 2]),
            (lambda a, b: a.union(a, all_rows=True).except_(b, all_rows=True), [1, 1, 2, 2, 3]),
            (lambda a, b: a.union(b).except_(a), [4, 5]),
            (lambda a, b: a.order_by("-id").limit(1).union(b.order_by("-id").limit(1)), [3, 5]),
            (lambda a, b: a.union(b).filter(airline__name__contains="Amer"), [4, 5]),
            (lambda a, b: a.union(b).order_by("-id").limit(2).nested(), [4, 5]),
            (lambda a, b: a.union(b).exclude(tags__word="late"), [3, 4, 5]),
        ],
    )
    async def test_rows(self, flights: QueryBuilder[Flight], combine: Any, found: list[int]) -> None:
        low, middle = flights.filter(id__lte=3), flights.filter(id__between=(3, 5))
        query = (
            combine(low.select("id"), middle.select("id"))
            if found[:1] == found[1:2]
            else combine(low, middle)
        )
        assert await ids(query) == found
        assert await query.count() == len(found)

    async def test_objects_are_whole(self, flights: QueryBuilder[Flight]) -> None:
        found = await flights.filter(id=1).union(flights.filter(id=2)).order_by("-id").all()
        assert [(flight.id, flight.stops) for flight in found] == [(2, ["ORD", "DEN"]), (1, ["ORD"])]

    async def test_of_rows(self, session: AsyncSession, flights: QueryBuilder[Flight]) -> None:
        codes = flights.select(code=F("airline_code"))
        airlines = QueryBuilder(Airline, session).select("code")
        assert await airlines.except_(codes).values_list() == [("ZZ",)]
        assert await codes.union(airlines).count() == 4
        assert await codes.union(airlines, all_rows=True).count() == 11
        late = flights.annotate(n=F("id")).filter(n=1).union(flights.annotate(n=F("id")).filter(n=2))
        assert [(row[0].id, row.n) for row in await late.order_by("n").all()] == [(1, 1), (2, 2)]

    @pytest.mark.parametrize(
        "other",
        [
            lambda q: q.select("id"),
            lambda q: q.annotate(n=F("id")),
            lambda q: q.group_by("id"),
        ],
    )
    def test_columns_are_the_same(self, flights: QueryBuilder[Flight], other: Any) -> None:
        for combine in (flights.union, flights.intersect, flights.except_):
            with pytest.raises(ConfigurationError, match="queries that are combined have the same columns"):
                combine(flights, other(flights))

    def test_models_are_the_same(self, flights: QueryBuilder[Flight]) -> None:
        with pytest.raises(ConfigurationError, match="about one model: Airline is not Flight"):
            flights.union(QueryBuilder(Airline))

    async def test_values_of_a_frozen_query_stay_its_own(self, flights: QueryBuilder[Flight]) -> None:
        frozen = flights.filter(id=Param("id")).freeze()
        assert await ids(frozen(id=1).union(frozen(id=3))) == [1, 3]
        assert await ids(flights.filter(id__in=frozen(id=2).select("id"))) == [2]
        assert await ids(flights.with_cte("one", frozen(id=4)).join("one", on="id")) == [4]

    def test_something_is_combined(self, flights: QueryBuilder[Flight]) -> None:
        assert flights.union().to_sql().count("SELECT") >= 1


async def test_names_of_columns_follow_the_other_query(flights: QueryBuilder[Flight]) -> None:
    query = flights.select("id", "delay")
    with pytest.raises(ConfigurationError, match="id, delay are not delay, id"):
        query.union(flights.select("delay", "id"))


async def test_parameters_in_unions(flights: QueryBuilder[Flight]) -> None:
    query = flights.filter(id=Param("one")).union(flights.filter(id=Param("two"))).order_by("id").freeze()
    assert await query(one=1, two=7).values_list("id", flat=True) == [1, 7]


def test_unknown_fields_of_rows() -> None:
    with pytest.raises(UnknownNameError, match="'idd' is no field of Flight: did you mean 'id'"):
        QueryBuilder(Flight).select("id").filter(idd=1)
