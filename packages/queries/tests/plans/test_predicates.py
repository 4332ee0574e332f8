"""What a statement compares with values."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import Date, cast, column, extract, func, literal, or_, select, text, true, union_all
from sqlalchemy.orm import aliased

from andamios_orm.queries.plans.predicates import comparisons

from ..airport import Airline, Flight
from .tables import measure

DAY = dt.date(2013, 1, 1)
C = measure.c
OTHER = aliased(Flight)
ROWS = select(C.number).where(C.half == 1).subquery()


def found(statement: Any) -> list[tuple[str, str, bool]]:
    return [(each.table, each.name, each.computed is not None) for each in comparisons(statement)]


@pytest.mark.parametrize(
    "condition",
    [
        C.number == 1,
        literal(1) == C.number,
        C.number < 1,
        C.number.between(1, 2),
        C.number.in_([1, 2]),
        C.number == func.abs(-1),
    ],
)
def test_a_column_is_compared_with_a_value(condition: Any) -> None:
    assert found(select(measure).where(condition)) == [("measure", "number", False)]


@pytest.mark.parametrize(
    "condition",
    [
        func.year(C.moment) == 2013,
        extract("year", C.moment) == 2013,
        cast(C.moment, Date) == DAY,
        func.date_part("year", func.date_trunc("month", C.moment)).in_([2013]),
        literal(2013) == func.year(C.moment),
    ],
)
def test_a_function_of_a_column_is_compared_with_a_value(condition: Any) -> None:
    assert found(select(measure).where(condition)) == [("measure", "moment", True)]


@pytest.mark.parametrize(
    "condition",
    [
        C.number == C.mixed,
        C.number != 1,
        C.number.is_(None),
        C.number + 1 == 2,
        func.abs(C.number) == func.abs(C.mixed),
        func.coalesce(C.number, C.mixed) == 1,
        or_(C.number == 1, C.mixed == 2),
        ~(or_(C.number == 1, C.mixed == 2)),
        func.now() > dt.datetime(2013, 1, 1),
        func.starts_with(C.word, "x"),
        true(),
        column("loose") == 1,
        C.number == select(func.max(C.number)).scalar_subquery(),
        C.number.in_(select(C.mixed)),
        ROWS.c.number == 1,
    ],
)
def test_other_conditions_are_left_alone(condition: Any) -> None:
    assert found(select(C.word).where(condition)) in ([], [("measure", "half", False)])


def test_types_without_an_order_are_left_alone() -> None:
    assert found(select(Flight).where(Flight.stops == ["ORD"], Flight.id == 1)) == [("flights", "id", False)]


def test_the_parts_of_an_and_count_each_for_itself() -> None:
    condition = (C.number == 1) & ((C.mixed == 2) & (C.half == 3))
    assert [name for _, name, _ in found(select(measure).where(condition))] == ["number", "mixed", "half"]


def test_an_alias_is_its_table() -> None:
    assert found(select(OTHER).where(OTHER.id == 1)) == [("flights", "id", False)]


def test_conditions_of_subqueries_count() -> None:
    late = Airline.flights.any(Flight.delay > 60)
    assert found(select(Airline).where(late)) == [("flights", "delay", False)]


def test_conditions_of_a_union_count() -> None:
    both = union_all(select(C.number).where(C.half == 1), select(C.number).where(C.mixed == 1))
    assert [name for _, name, _ in found(both)] == ["half", "mixed"]


def test_a_text_tells_nothing() -> None:
    assert found(text("SELECT * FROM measure WHERE number = 1")) == []


def test_a_statement_without_conditions_compares_nothing() -> None:
    assert found(select(Flight).join(Flight.airline)) == []
