"""What narrows a query: conditions, groups, orders, slices, samples, locks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Select, inspect
from sqlalchemy.orm import aliased, defer

from andamios_orm.core import AsyncSession, SessionManager, create_engine
from andamios_orm.core.errors import ConfigurationError, NotSupportedError
from andamios_orm.queries import (
    Avg,
    Count,
    Exists,
    F,
    Max,
    OuterRef,
    Q,
    QueryBuilder,
    RowNumber,
    Subquery,
    Sum,
    UnknownNameError,
    selectinload,
)

from .airport import Airline, Flight, Note

ALL = [1, 2, 3, 4, 5, 6, 7]
POSTGRESQL = "postgresql://postgres@127.0.0.1:5432/postgres"


@pytest.fixture
def flights(session: AsyncSession) -> QueryBuilder[Flight]:
    """A query for all flights."""
    return QueryBuilder(Flight, session)


async def ids(query: QueryBuilder[Any]) -> list[int]:
    return await query.values_list("id", flat=True)


class TestConditions:
    """Conditions."""

    async def test_calls_are_combined(self, flights: QueryBuilder[Flight]) -> None:
        query = flights.filter(delay__gt=0).where(id__gt=1).exclude(id=6).order_by("id")
        assert await ids(query) == [2, 5]

    async def test_lookups_and_expressions_in_one_call(self, flights: QueryBuilder[Flight]) -> None:
        query = flights.where(F("delay") > 0, Q(id__gt=1) | Q(id=1), airline_code="UA").order_by("id")
        assert await ids(query) == [1, 2]

    async def test_nothing_narrows_nothing(self, flights: QueryBuilder[Flight]) -> None:
        assert await flights.filter().count() == await flights.where().count() == 7

    async def test_exclude_keeps_rows_without_a_value(self, flights: QueryBuilder[Flight]) -> None:
        assert await ids(flights.exclude(delay__gt=20).order_by("id")) == [1, 3, 4, 7]
        assert await ids(flights.exclude(delay__gt=20, airline_code="AA").order_by("id")) == [1, 2, 3, 4, 7]
        assert await ids(flights.exclude(F("delay") > 20, id=2).order_by("id")) == [1, 3, 4, 5, 6, 7]

    async def test_exclude_of_nothing(self, flights: QueryBuilder[Flight]) -> None:
        assert await flights.exclude().count() == 7

    async def test_exclude_of_many(self, session: AsyncSession) -> None:
        query = QueryBuilder(Airline, session).exclude(flights__delay__gt=20).order_by("code")
        assert await query.values_list("code", flat=True) == ["B6", "ZZ"]


class TestGroups:
    """Conditions about groups: WHERE or HAVING."""

    @pytest.fixture
    def groups(self, flights: QueryBuilder[Flight]) -> QueryBuilder[Any]:
        """How many flights each airline has, and the worst delay."""
        return (
            flights.group_by("airline_code").annotate(n=Count(), worst=Max("delay")).order_by("airline_code")
        )

    @pytest.mark.parametrize(
        ("narrow", "found"),
        [
            (lambda query: query.filter(n__gt=1), [("AA", 3, 30), ("UA", 3, 70)]),
            (lambda query: query.filter(delay__gt=0), [("AA", 2, 30), ("UA", 2, 70)]),
            (lambda query: query.filter(n__gt=1, delay__gt=0), [("AA", 2, 30), ("UA", 2, 70)]),
            (lambda query: query.filter(delay__gt=0).filter(n=2), [("AA", 2, 30), ("UA", 2, 70)]),
            (lambda query: query.filter(n=2).filter(delay__gt=0), [("AA", 2, 30), ("UA", 2, 70)]),
            (lambda query: query.filter(airline_code="UA", n=3), [("UA", 3, 70)]),
            (lambda query: query.filter(Q(n=1) | Q(airline_code="UA")), [("B6", 1, 0), ("UA", 3, 70)]),
            (lambda query: query.filter(F("worst") > F("n") * 11), [("UA", 3, 70)]),
            (lambda query: query.filter(Sum("id") > 6), [("AA", 3, 30), ("B6", 1, 0)]),
            (lambda query: query.filter(Sum("id") > 6, worst=0), [("B6", 1, 0)]),
            (lambda query: query.exclude(n__gt=1), [("B6", 1, 0)]),
            (lambda query: query.exclude(delay__gt=20), [("AA", 1, -5), ("B6", 1, 0), ("UA", 2, 10)]),
            (lambda query: query.having(n=3, airline_code="AA"), [("AA", 3, 30)]),
            (lambda query: query.having(Avg("delay") > 35), [("UA", 3, 70)]),
            (lambda query: query.having(worst__gt=10).having(~Q(n__lt=3)), [("AA", 3, 30), ("UA", 3, 70)]),
            (lambda query: query.filter(airline__name__contains="Amer"), [("AA", 3, 30)]),
            (lambda query: query.filter(tags__word="late"), [("UA", 2, 70)]),
        ],
    )
    async def test_what_a_condition_is_about(
        self, groups: QueryBuilder[Any], narrow: Callable[[Any], QueryBuilder[Any]], found: list[Any]
    ) -> None:
        assert await narrow(groups).values_list() == found
        assert await narrow(groups).count() == len(found)

    def test_having_needs_groups(self, flights: QueryBuilder[Flight]) -> None:
        with pytest.raises(ConfigurationError, match=r"make them before, with group_by\(\)"):
            flights.having(id=1)

    async def test_a_limit_of_groups(self, groups: QueryBuilder[Any]) -> None:
        assert await groups.order_by("-worst").limit(1).values_list() == [("UA", 3, 70)]
        assert await groups.order_by("-n", "worst")[:2].nested().filter(worst__lt=50).values_list() == [
            ("AA", 3, 30)
        ]


class TestOrders:
    """ORDER BY."""

    @pytest.mark.parametrize(
        ("orders", "nulls", "found"),
        [
            (("delay", "id"), None, [4, 7, 1, 5, 6, 2, 3]),
            (("delay", "id"), "last", [4, 7, 1, 5, 6, 2, 3]),
            (("delay", "id"), "first", [3, 4, 7, 1, 5, 6, 2]),
            (("-delay", "id"), None, [2, 5, 6, 1, 7, 4, 3]),
            (("-delay", "-id"), "first", [3, 2, 6, 5, 1, 7, 4]),
            (("airline__name", "-id"), None, [7, 6, 5, 4, 3, 2, 1]),
            (("-route__to", "id"), None, [2, 4, 6, 1, 3, 5, 7]),
            ((F("delay").desc(), "id"), None, [2, 5, 6, 1, 7, 4, 3]),
            ((Flight.price,), None, [7, 1, 2, 3, 4, 5, 6]),
            ((Flight.price.desc(),), None, [6, 5, 4, 3, 2, 1, 7]),
            ((Flight.delay.asc().nulls_first(), "id"), None, [3, 4, 7, 1, 5, 6, 2]),
        ],
    )
    async def test_orders(
        self, flights: QueryBuilder[Flight], orders: Any, nulls: str | None, found: list[int]
    ) -> None:
        assert await ids(flights.order_by(*orders, nulls=nulls)) == found

    async def test_an_order_takes_the_place_of_the_one_before(self, flights: QueryBuilder[Flight]) -> None:
        query = flights.order_by("-id").order_by("id")
        assert await ids(query) == ALL
        assert "ORDER BY" not in query.order_by(None).to_sql()
        assert "ORDER BY" not in query.order_by().to_sql()

    async def test_nulls_come_first_in_orders_that_are_expressions(
        self, flights: QueryBuilder[Flight]
    ) -> None:
        query = flights.order_by(F("plane__seats").desc(), "delay", nulls="first")
        assert await ids(query) == [7, 5, 3, 4, 6, 1, 2]

    @pytest.mark.parametrize("nulls", ["firts", "", True])
    def test_where_rows_without_a_value_come(self, flights: QueryBuilder[Flight], nulls: Any) -> None:
        with pytest.raises(ConfigurationError, match='nulls is "first" or "last"'):
            flights.order_by("id", nulls=nulls)

    def test_unknown_fields(self, flights: QueryBuilder[Flight]) -> None:
        with pytest.raises(UnknownNameError, match="'dealy' is no field of Flight: did you mean 'delay'"):
            flights.order_by("-dealy")


class TestSlices:
    """LIMIT and OFFSET."""

    @pytest.mark.parametrize(
        ("part", "found"),
        [
            (lambda query: query.limit(2), ALL[:2]),
            (lambda query: query.offset(5), ALL[5:]),
            (lambda query: query.limit(2).offset(3), ALL[3:5]),
            (lambda query: query.limit(0), []),
            (lambda query: query.limit(2).limit(None), ALL),
            (lambda query: query.limit(2).limit(4), ALL[:2]),
            (lambda query: query[2:5].limit(10), ALL[2:5]),
            (lambda query: query[2:5], ALL[2:5]),
            (lambda query: query[:3], ALL[:3]),
            (lambda query: query[4:], ALL[4:]),
            (lambda query: query[:], ALL),
            (lambda query: query[5:2], []),
            (lambda query: query[2:6][1:3], ALL[2:6][1:3]),
            (lambda query: query[1:][2:][:2], ALL[1:][2:][:2]),
            (lambda query: query[1:3][5:], []),
            (lambda query: query[1:3][1:9], ALL[1:3][1:9]),
            (lambda query: query.limit(4)[1:], ALL[1:4]),
            (lambda query: query[99:], []),
        ],
    )
    async def test_parts(
        self, flights: QueryBuilder[Flight], part: Callable[[Any], QueryBuilder[Any]], found: list[int]
    ) -> None:
        query = part(flights.order_by("id"))
        assert await ids(query) == found
        assert await query.count() == len(found)
        assert await query.exists() is bool(found)
        assert await ids(query.nested()) == found

    @pytest.mark.parametrize("wrong", [-1, 1.5, "3", True])
    @pytest.mark.parametrize(
        "build",
        [
            lambda query, count: query.limit(count),
            lambda query, count: query.offset(count),
            lambda query, count: query[count:],
            lambda query, count: query[:count],
            lambda query, count: query.sample(count),
        ],
    )
    def test_counts(self, flights: QueryBuilder[Flight], build: Callable[..., Any], wrong: Any) -> None:
        with pytest.raises(ConfigurationError, match="takes a number that is not negative, not"):
            build(flights, wrong)

    @pytest.mark.parametrize("wrong", [3, slice(0, 4, 2), "id", slice(None, None, -1)])
    def test_what_is_no_slice(self, flights: QueryBuilder[Flight], wrong: Any) -> None:
        with pytest.raises(ConfigurationError, match=r"a slice of rows without a step, as in query\[10:20\]"):
            flights[wrong]

    @pytest.mark.parametrize(
        "more",
        [
            lambda query: query.filter(id=1),
            lambda query: query.where(id=1),
            lambda query: query.exclude(id=1),
            lambda query: query.qualify(id=1),
            lambda query: query.having(id=1),
            lambda query: query.order_by("id"),
            lambda query: query.distinct(),
            lambda query: query.distinct_on("id"),
            lambda query: query.select("id"),
            lambda query: query.annotate(n=F("id")),
            lambda query: query.group_by("id"),
            lambda query: query.join("plane"),
            lambda query: query.asof_join(Note, on="id"),
            lambda query: query.unnest("stops", "stop"),
            lambda query: query.top_per_group(1, by="id", order_by="id"),
            lambda query: query.time_bucket("day", "1 day"),
        ],
    )
    def test_nothing_is_added_behind_a_limit(
        self, flights: QueryBuilder[Flight], more: Callable[[Any], Any]
    ) -> None:
        for query in (flights.limit(3), flights.offset(1), flights[:0]):
            with pytest.raises(ConfigurationError, match=r"this query has a limit: .*nested\(\)"):
                more(query)

    async def test_what_follows_nested_is_about_the_rows_that_are_left(
        self, flights: QueryBuilder[Flight]
    ) -> None:
        late = flights.order_by("-delay", "id").limit(3).nested()
        assert await ids(late) == [2, 5, 6]
        assert await ids(late.filter(airline_code="AA")) == [5, 6]
        assert await ids(late.filter(airline_code="AA").order_by("-id")) == [6, 5]
        assert await ids(late.limit(2).nested().order_by("id").limit(1).nested()) == [2]

    async def test_nested_keeps_orders_of_all_kinds(self, flights: QueryBuilder[Flight]) -> None:
        query = flights.order_by("airline__name", F("id") * -1).limit(4).nested()
        assert await ids(query) == [7, 6, 5, 4]
        first = flights.order_by("delay", "id", nulls="first").nested()
        assert await ids(first) == [3, 4, 7, 1, 5, 6, 2]
        rows = flights.select("airline_code").order_by("-id").nested()
        assert await rows.values_list("airline_code", flat=True) == ["B6", "AA", "AA", "AA", "UA", "UA", "UA"]

    async def test_nested_objects_are_whole(self, flights: QueryBuilder[Flight]) -> None:
        flight = await flights.order_by("-id").limit(1).nested().one()
        assert (flight.id, flight.stops, flight.route) == (7, [], {"from": "JFK", "to": "LAX"})
        rows = await flights.annotate(more=F("id") + 1).order_by("id").limit(1).nested().all()
        assert [(row[0].id, row.more) for row in rows] == [(1, 2)]


class TestDistinct:
    """DISTINCT and DISTINCT ON."""

    async def test_rows(self, flights: QueryBuilder[Flight]) -> None:
        codes = flights.select("airline_code").distinct()
        assert await codes.order_by("-airline_code").values_list("airline_code", flat=True) == [
            "UA",
            "B6",
            "AA",
        ]
        assert await codes.count() == 3
        assert await flights.distinct().count() == 7

    @pytest.mark.parametrize(
        ("orders", "found"),
        [
            (("airline_code", "-id"), [6, 7, 3]),
            (("airline_code", "delay"), [4, 7, 1]),
            (("-airline_code", "-delay", "id"), [2, 7, 5]),
        ],
    )
    async def test_the_first_of_each(
        self, flights: QueryBuilder[Flight], orders: tuple[str, ...], found: list[int]
    ) -> None:
        query = flights.distinct_on("airline_code").order_by(*orders)
        assert [flight.id for flight in await query.all()] == found
        assert await query.count() == 3

    async def test_the_first_of_paths_and_expressions(self, flights: QueryBuilder[Flight]) -> None:
        query = flights.distinct_on("airline__name", Flight.delay > 20).order_by(
            "airline__name", "delay", "id"
        )
        assert len(await query.all()) == 6

    async def test_the_first_of_each_goes_on(self, flights: QueryBuilder[Flight]) -> None:
        last = flights.distinct_on("airline_code").order_by("airline_code", "-id")
        assert await ids(last.nested().filter(delay__gt=0)) == [6]
        assert await last.aggregate(n=Sum("id")) == {"n": 16}


class TestTopPerGroup:
    """QUALIFY and the first rows of groups."""

    @pytest.mark.parametrize(
        ("count", "by", "order", "found"),
        [
            (1, "airline_code", "-delay", None),
            (1, "airline_code", ["-delay", "id"], [2, 5, 7]),
            (2, "airline_code", "id", [1, 2, 4, 5, 7]),
            (1, ["airline_code", "route__to"], "-id", [2, 3, 5, 6, 7]),
            (1, "airline__name", "-plane__seats", None),
            (0, "airline_code", "id", []),
            (9, "airline_code", "id", ALL),
        ],
    )
    async def test_rows(
        self, flights: QueryBuilder[Flight], count: int, by: Any, order: Any, found: list[int] | None
    ) -> None:
        query = flights.top_per_group(count, by=by, order_by=order).order_by("id")
        assert len(await ids(query)) == 3 if found is None else await ids(query) == found

    async def test_the_order_stays(self, flights: QueryBuilder[Flight]) -> None:
        query = flights.order_by("-id").top_per_group(1, by="airline_code", order_by="id")
        assert await ids(query) == [7, 4, 1]

    async def test_of_rows(self, flights: QueryBuilder[Flight]) -> None:
        rows = flights.select("airline_code", "id").top_per_group(1, by="airline_code", order_by="-id")
        assert await rows.order_by("id").values_list() == [("UA", 3), ("AA", 6), ("B6", 7)]


class TestSample:
    """Rows by chance."""

    async def test_rows(self, flights: QueryBuilder[Flight]) -> None:
        found = await flights.filter(id__gt=2).sample(3).all()
        assert len({flight.id for flight in found} - {1, 2}) == 3
        assert await flights.sample(99).count() == 7
        assert await flights.sample(0).count() == 0

    async def test_a_share(self, flights: QueryBuilder[Flight]) -> None:
        assert await flights.sample(percent=100).count() == 7
        assert await flights.sample(percent=0).count() == 0

    async def test_a_seed_makes_it_repeatable(self, flights: QueryBuilder[Flight]) -> None:
        query = flights.order_by("id").sample(3, seed=7).order_by("id")
        assert await ids(query) == await ids(query)

    async def test_it_is_of_the_rows_that_are_left_and_goes_on(self, flights: QueryBuilder[Flight]) -> None:
        query = flights.order_by("id").limit(3).sample(5)
        assert await ids(query.order_by("-id")) == [3, 2, 1]
        assert await ids(query.filter(airline__code="UA", id__gt=1).order_by("id")) == [2, 3]

    @pytest.mark.parametrize(
        "size",
        [{}, {"rows": 1, "percent": 1}, {"percent": 101}, {"percent": -1}, {"rows": 1, "seed": -1}],
    )
    def test_sizes(self, flights: QueryBuilder[Flight], size: dict[str, Any]) -> None:
        with pytest.raises(ConfigurationError):
            flights.sample(**size)


async def test_a_condition_about_what_a_limit_has_left(session: AsyncSession) -> None:
    """The engine must not look for the first flight among those that fulfil it."""
    query = QueryBuilder(Flight, session).order_by("-plane__seats", "id").limit(1).nested()
    assert await ids(query) == [3]
    assert await ids(query.filter(plane__seats__lt=200)) == []


class TestOptions:
    """Options stay with the objects, however the query goes on."""

    @pytest.mark.parametrize(
        "go_on",
        [
            lambda query: query.filter(id__gt=0),
            lambda query: query.annotate(n=F("id")).filter(n=1),
            lambda query: query.limit(7).nested(),
            lambda query: query.top_per_group(3, by="airline_code", order_by="id"),
            lambda query: query.sample(7),
            lambda query: query.union(query),
            lambda query: query.distinct(),
        ],
    )
    async def test_they_stay(
        self, flights: QueryBuilder[Flight], go_on: Callable[[Any], QueryBuilder[Any]]
    ) -> None:
        found: Any = await go_on(flights.options(selectinload("tags"))).order_by("id").first()
        flight = found if isinstance(found, Flight) else found[0]
        assert [tag.word for tag in flight.tags] == ["late"]

    def test_options_of_sqlalchemy_do_not_reach_into_a_subquery(self, flights: QueryBuilder[Flight]) -> None:
        with pytest.raises(ConfigurationError, match="give options at its end"):
            flights.options(defer(Flight.meta)).nested()

    async def test_options_of_sqlalchemy(self, flights: QueryBuilder[Flight]) -> None:
        flight = await flights.options(defer(Flight.meta)).order_by("id").first()
        assert flight is not None
        assert "meta" in inspect(flight).unloaded


class TestDeleted:
    """In every shape, softly deleted rows stay hidden, and `with_deleted` and `only_deleted` hold."""

    @pytest.fixture
    async def notes(self, session: AsyncSession) -> QueryBuilder[Note]:
        """A query for notes, of which the first is deleted."""
        await QueryBuilder(Note, session).filter(id=1).delete()
        return QueryBuilder(Note, session)

    SHAPES: tuple[Callable[[QueryBuilder[Note]], QueryBuilder[Any]], ...] = (
        lambda query: query,
        lambda query: query.nested(),
        lambda query: query.order_by("id").limit(9).nested().nested(),
        lambda query: query.sample(9),
        lambda query: query.top_per_group(9, by="text", order_by="id"),
        lambda query: query.annotate(n=RowNumber().over(order_by="id")).filter(n__lt=9),
        lambda query: query.union(query),
        lambda query: query.intersect(query),
        lambda query: query.union(query).nested(),
        lambda query: query.select("id"),
        lambda query: query.select("id", "text").distinct().nested(),
        lambda query: query.distinct(),
        lambda query: query.distinct_on("id"),
        lambda query: query.group_by("id"),
        lambda query: query.select("id", "stars").unpivot("stars", nulls=True),
        lambda query: query.with_cte("found", query).join("found", on="id"),
        lambda query: query.join(aliased(Note), on="id", name="again"),
        lambda query: query.join(query, on="id", name="again"),
    )

    @pytest.mark.parametrize("shape", SHAPES)
    async def test_in_every_shape(self, notes: QueryBuilder[Note], shape: Any) -> None:
        for query, found in (
            (notes, [2, 3]),
            (notes.with_deleted(), [1, 2, 3]),
            (notes.only_deleted(), [1]),
        ):
            shaped = shape(query)
            assert await shaped.order_by("id").values_list("id", flat=True) == found
            assert await shaped.count() == len(found)
            assert await shaped.aggregate(n=Count(), least=Sum("id")) == {
                "n": len(found),
                "least": sum(found),
            }
            assert await shaped.filter(id=1).exists() is (1 in found)

    @pytest.mark.parametrize("shape", SHAPES)
    async def test_asked_for_at_the_end(self, notes: QueryBuilder[Note], shape: Any) -> None:
        assert await shape(notes).with_deleted().count() == 3
        assert await shape(notes).only_deleted().count() == 1

    async def test_in_subqueries(self, session: AsyncSession, notes: QueryBuilder[Note]) -> None:
        flights = QueryBuilder(Flight, session).filter(id__lte=3).order_by("id")
        same = QueryBuilder(Note).filter(id=OuterRef("id"))
        assert await ids(flights.filter(Exists(same))) == [2, 3]
        assert await ids(flights.filter(~Exists(same))) == [1]
        assert await ids(flights.filter(id__in=notes.select("id"))) == [2, 3]
        texts = flights.annotate(text=Subquery(same.select("text")))
        assert await texts.values_list("text", flat=True) == [None, "second", "third"]

    @pytest.mark.parametrize(
        "take_in",
        [
            lambda query, inner: query.filter(id__in=inner.select("id")),
            lambda query, inner: query.filter(Exists(inner)),
            lambda query, inner: query.annotate(text=Subquery(inner.select("text"))),
            lambda query, inner: query.join(inner, on="id", name="note"),
            lambda query, inner: query.with_cte("note", inner),
        ],
    )
    async def test_a_query_inside_sees_what_the_query_around_sees(
        self, flights: QueryBuilder[Flight], notes: QueryBuilder[Note], take_in: Any
    ) -> None:
        take_in(flights.with_deleted(), notes.with_deleted())
        with pytest.raises(ConfigurationError, match="call the same on the query around"):
            take_in(flights, notes.only_deleted())

    async def test_queries_that_are_combined_agree(self, notes: QueryBuilder[Note]) -> None:
        assert await notes.with_deleted().union(notes.with_deleted()).count() == 3
        with pytest.raises(ConfigurationError, match="call the same on the query around"):
            notes.union(notes.only_deleted())

    async def test_in_joins(self, session: AsyncSession, notes: QueryBuilder[Note]) -> None:
        joined = QueryBuilder(Flight, session).join(Note, on="id", outer=True).order_by("id").limit(3)
        assert await joined.values_list("id", "note__text") == [(1, None), (2, "second"), (3, "third")]
        inner = QueryBuilder(Flight, session).join(Note, on="id").order_by("id")
        assert await ids(inner) == [2, 3]
        near = QueryBuilder(Flight, session).asof_join(Note, on="id", outer=True).order_by("id").limit(3)
        assert await near.values_list("note__id", flat=True) == [None, 2, 3]
        close = QueryBuilder(Flight, session).asof_join(Note, on="id", outer=True, tolerance=1).order_by("id")
        assert await close.limit(3).values_list("note__id", flat=True) == [None, 2, 3]

    async def test_except(self, notes: QueryBuilder[Note]) -> None:
        assert await notes.except_(notes.filter(id=2)).count() == 1


class TestForUpdate:
    """Row locks."""

    def test_duckdb_has_none(self, flights: QueryBuilder[Flight]) -> None:
        with pytest.raises(NotSupportedError, match=r"for_update.*no row locks.*run the unit of work again"):
            flights.for_update()

    async def test_postgresql(self) -> None:
        engine = create_engine(POSTGRESQL)
        async with SessionManager(engine) as session:
            query = QueryBuilder(Airline, session)
            assert query.for_update().to_sql().endswith("FOR UPDATE")
            assert query.filter(code="x").for_update(nowait=True).to_sql().endswith("FOR UPDATE NOWAIT")
            skipping = query.order_by("code").limit(1).for_update(skip_locked=True)
            assert skipping.to_sql().endswith("FOR UPDATE SKIP LOCKED")
        await engine.dispose()


def test_cached_is_an_execution_option(flights: QueryBuilder[Flight]) -> None:
    statement: Select[Any] = flights.cached(5, tables=[Note]).filter(id=1).statement
    policy = statement.get_execution_options()["cache"]
    assert (policy.ttl, policy.tables) == (5, [Note])
