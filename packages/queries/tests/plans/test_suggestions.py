"""Which indexes and orders are suggested: those that measurements speak for."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select, text

from andamios_orm.core import AndamiosEngine
from andamios_orm.queries.plans import QueryOptimizer, Suggestion

from ..airport import Flight
from .tables import measure

C = measure.c
SOME = 5_000_000
"""A value in the middle of those of ``mixed``."""


async def test_an_index_for_few_rows_of_a_big_table(big: QueryOptimizer) -> None:
    (found,) = await big.suggest_indexes(select(measure).where(C.mixed == SOME))
    expected = "and 9 of 9 row groups (100%) are read to find them: an index on mixed leads to them at once"
    assert (found.kind, found.table, found.columns) == ("index", "measure", ("mixed",))
    assert (found.rows, found.row_groups_read, found.row_groups, found.share_read) == (1_000_000, 9, 9, 1)
    assert found.matches < 5
    assert str(found).endswith(expected)


async def test_the_index_helps(engine: AndamiosEngine, own_big: QueryOptimizer) -> None:
    """Once it is there, the engine takes it, and nothing is suggested any more."""
    statement = select(measure).where(C.mixed == SOME)
    async with engine.begin() as connection:
        await connection.exec_driver_sql("CREATE INDEX by_mixed ON measure (mixed)")
    assert [node.operator for node in (await own_big.analyze_query(statement)).walk()][-1] == "INDEX_SCAN"
    assert await own_big.suggest_indexes(statement) == []


async def test_an_order_for_a_range(big: QueryOptimizer) -> None:
    (found,) = await big.suggest_indexes(select(measure).where(C.mixed.between(SOME, SOME + 99)))
    assert (found.kind, found.columns, found.row_groups_read) == ("sort", ("mixed",), 9)
    assert "are read to find them: sort by mixed when the rows are written" in found.reason


async def test_the_order_helps(engine: AndamiosEngine, own_big: QueryOptimizer) -> None:
    async with engine.begin() as connection:
        await connection.exec_driver_sql("CREATE TABLE sorted AS FROM measure ORDER BY mixed")
    ordered = measure.to_metadata(measure.metadata.__class__(), name="sorted")
    statement = select(ordered).where(ordered.c.mixed.between(SOME, SOME + 99))
    (scan,) = (node for node in (await own_big.analyze_query(statement)).walk() if node.table)
    assert (scan.row_groups_read, scan.row_groups) == (1, 9)
    assert await own_big.suggest_indexes(statement) == []


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(select(func.count()).where(C.mixed == SOME), id="aggregate"),
        pytest.param(select(C.number, func.count()).where(C.mixed == SOME).group_by(C.number), id="groups"),
        pytest.param(select(measure).where(C.mixed.in_([SOME, SOME + 1])), id="several values"),
    ],
)
async def test_where_an_index_is_not_worth_it_an_order_is(big: QueryOptimizer, statement: Any) -> None:
    assert [found.kind for found in await big.suggest_indexes(statement)] == ["sort"]


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(select(measure).where(C.number == 5), id="zone maps help already"),
        pytest.param(select(measure).where(C.half == 1), id="half of the rows"),
        pytest.param(select(measure).where(C.mixed > 5), id="nearly all rows"),
        pytest.param(select(measure).where(func.abs(C.mixed) == SOME), id="a function"),
        pytest.param(select(measure), id="no condition"),
        pytest.param(text(f"FROM measure WHERE mixed = {SOME}"), id="text"),
    ],
)
async def test_where_nothing_would_help_nothing_is_suggested(big: QueryOptimizer, statement: Any) -> None:
    assert await big.suggest_indexes(statement) == []


@pytest.mark.parametrize("condition", [Flight.id == 5, Flight.delay == 30, Flight.delay > 60])
async def test_a_small_table_needs_nothing(optimizer: QueryOptimizer, condition: Any) -> None:
    assert await optimizer.suggest_indexes(select(Flight).where(condition)) == []


async def test_each_column_is_told_once(big: QueryOptimizer) -> None:
    some = select(measure).where(C.mixed.between(SOME, SOME + 9), C.mixed.between(SOME, SOME + 99))
    assert [found.columns for found in await big.suggest_indexes(some)] == [("mixed",)]


async def test_a_view_has_no_row_groups_of_its_own(engine: AndamiosEngine) -> None:
    async with engine.begin() as connection:
        await connection.exec_driver_sql("CREATE VIEW few AS SELECT range AS mixed FROM range(9)")
    few = measure.to_metadata(measure.metadata.__class__(), name="few")
    statement = select(few.c.mixed).where(few.c.mixed == 5)
    assert await QueryOptimizer(engine).suggest_indexes(statement) == []


def test_a_suggestion_is_told_in_its_reason() -> None:
    assert str(Suggestion("sort", "t", ("a",), "because", 9, 1, 2, 4)) == "because"
