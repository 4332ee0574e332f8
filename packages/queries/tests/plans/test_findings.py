"""What is warned of, and what is not."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import Date, cast, extract, func, lateral, select, text, true
from sqlalchemy.orm import aliased, joinedload

from andamios_orm.queries.builder import QueryBuilder
from andamios_orm.queries.plans import QueryOptimizer

from ..airport import Airline, Flight, Plane
from .tables import measure

DAY = dt.date(2013, 1, 1)
OTHER = aliased(Flight)
TOTAL = select(func.sum(Flight.price).label("total")).cte("total")
FIRST = select(Airline.code).order_by(Airline.code).limit(1)


async def kinds(optimizer: QueryOptimizer, statement: Any, **options: Any) -> list[str]:
    return [warning.kind for warning in await optimizer.warnings(statement, **options)]


async def test_tables_that_nothing_connects(optimizer: QueryOptimizer) -> None:
    (warning,) = await optimizer.warnings(select(Flight, Airline))
    assert warning.kind == "missing_join_condition"
    assert set(warning.where.split(" and ")) == {"memory.main.flights", "memory.main.airlines"}
    assert str(warning) == warning.message
    assert "about 28 rows: join them by a condition" in warning.message


@pytest.mark.parametrize(
    "statement",
    [
        select(Flight, Airline).join(Airline, true()),
        select(Flight, OTHER).outerjoin(OTHER, true()),
        select(select(Flight.id.label("one"), Plane.seats).subquery()),
        select(Airline).where(Airline.code.in_(select(Flight.airline_code).join(Plane, true()))),
        text("SELECT * FROM flights, planes"),
    ],
)
@pytest.mark.filterwarnings("ignore:SELECT statement has a cartesian product")
async def test_each_row_meets_each(optimizer: QueryOptimizer, statement: Any) -> None:
    assert await kinds(optimizer, statement) == ["cartesian_product"]


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(select(Flight).join(Flight.airline), id="join"),
        pytest.param(select(Flight, Plane).where(Flight.tailnum == Plane.tailnum), id="where"),
        pytest.param(select(Flight, Plane).where(Flight.delay + Plane.seats == 100), id="expression"),
        pytest.param(select(Flight, Plane).where(Flight.delay < Plane.seats), id="inequality"),
        pytest.param(
            select(Flight).where(Flight.price > select(TOTAL.c.total).scalar_subquery()), id="scalar"
        ),
        pytest.param(select(Flight.id, FIRST.scalar_subquery()), id="scalar with a limit"),
        pytest.param(select(Flight.id, FIRST.subquery().c.code), id="one row"),
        pytest.param(select(Flight.price / TOTAL.c.total).join_from(Flight, TOTAL, true()), id="one-row CTE"),
        pytest.param(select(Flight.price / TOTAL.c.total), id="one-row CTE without a join"),
        pytest.param(select(Airline).where(Airline.flights.any(Flight.delay > 60)), id="exists"),
        pytest.param(select(Airline).where(select(Plane.tailnum).exists()), id="uncorrelated exists"),
        pytest.param(select(func.count()).select_from(Flight), id="aggregate"),
        pytest.param(select(Flight).options(joinedload(Flight.tags)), id="secondary"),
        pytest.param(
            select(Airline.code, lateral(select(Flight.id).where(Flight.airline_code == Airline.code)).c.id),
            id="lateral",
        ),
        pytest.param(select(func.now()), id="no table"),
        pytest.param(QueryBuilder(Flight).filter(plane__seats__gt=1, airline__name="x"), id="builder"),
        pytest.param(QueryBuilder(Airline).filter(flights__delay__gt=1), id="builder with exists"),
    ],
)
async def test_what_is_connected_raises_no_alarm(optimizer: QueryOptimizer, statement: Any) -> None:
    assert await kinds(optimizer, statement) == []


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (func.year(Flight.departs) == 2013, "compare departs itself with a range, as in departs >= '2013"),
        (extract("year", Flight.departs) == 2013, "extract() is computed of flights.departs"),
        (func.strftime(Flight.departs, "%Y") == "2013", "compare departs itself with a range"),
        (func.lower(Flight.tailnum) == "n1", "store tailnum the way it is compared"),
        (func.abs(Flight.delay) > 5, "compare delay itself, and compute the value"),
        (cast(Flight.departs, Date) == DAY, "compare departs itself with a range"),
        (
            func.date_trunc("month", Flight.departs).between(DAY, DAY),
            "date_trunc() is computed of flights.departs",
        ),
    ],
)
async def test_a_function_of_a_filtered_column(optimizer: QueryOptimizer, condition: Any, said: str) -> None:
    (warning,) = await optimizer.warnings(select(Flight).where(condition))
    assert warning.kind == "function_on_filtered_column"
    assert warning.where.startswith("flights.")
    assert said in warning.message


async def test_a_function_that_the_engine_turns_into_a_range_is_no_alarm(big: QueryOptimizer) -> None:
    month = func.date_trunc("month", measure.c.moment) == dt.datetime(2001, 1, 1)
    statement = select(measure.c.number).where(month)
    (scan,) = (node for node in (await big.analyze_query(statement)).walk() if node.table)
    assert scan.row_groups_read == 1
    assert await kinds(big, statement, max_rows=1_000_000) == []


@pytest.mark.parametrize(
    "statement",
    [
        select(Flight).where(Flight.departs >= DAY),
        select(func.year(Flight.departs)).order_by(func.lower(Flight.tailnum)),
        select(Flight).where(Flight.departs == func.date_trunc("day", func.now())),
    ],
)
async def test_a_function_elsewhere_is_no_alarm(optimizer: QueryOptimizer, statement: Any) -> None:
    assert await kinds(optimizer, statement) == []


@pytest.mark.parametrize(
    "statement",
    [
        select(measure),
        select(measure).order_by(measure.c.word),
        select(measure.c.mixed).distinct(),
        text("FROM measure"),
    ],
)
async def test_many_rows_without_a_limit(big: QueryOptimizer, statement: Any) -> None:
    (warning,) = await big.warnings(statement)
    assert (warning.kind, warning.where) == ("unbounded_fetch", "memory.main.measure")
    assert "rows are fetched, and nothing limits them: add a limit" in warning.message


@pytest.mark.parametrize(
    "statement",
    [
        select(measure).limit(500_000),
        select(measure).order_by(measure.c.word).limit(5),
        select(measure).fetch(5),
        text("FROM measure LIMIT 5"),
        text("FROM measure ORDER BY word LIMIT 5"),
        select(func.count(measure.c.number)),
        select(measure.c.half, func.count()).group_by(measure.c.half),
    ],
)
async def test_few_rows_or_a_limit_are_no_alarm(big: QueryOptimizer, statement: Any) -> None:
    assert await kinds(big, statement) == []


@pytest.mark.parametrize(("max_rows", "kind"), [(6, ["unbounded_fetch"]), (7, [])])
async def test_how_many_rows_are_many_can_be_said(
    optimizer: QueryOptimizer, max_rows: int, kind: list[str]
) -> None:
    assert await kinds(optimizer, select(Flight), max_rows=max_rows) == kind
