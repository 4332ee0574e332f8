"""Trees of operators, and what can be asked of them."""

from __future__ import annotations

import pytest

from andamios_orm.queries.plans import PlanNode, QueryPlan

SCAN = PlanNode("SEQ_SCAN", {"Table": "m.main.t"}, 10, 100, 0.3, 200, 1, 4)
JOIN = PlanNode("HASH_JOIN", {}, 50, 100, 0.1, children=(SCAN, PlanNode("DUMMY_SCAN")))
PLAN = QueryPlan(JOIN, executed=True, seconds=0.2)


def test_walk_gives_parents_before_children_from_left_to_right() -> None:
    assert [node.operator for node in PLAN.walk()] == ["HASH_JOIN", "SEQ_SCAN", "DUMMY_SCAN"]


def test_rows_are_those_of_the_root() -> None:
    assert (PLAN.rows, PLAN.estimated_rows) == (100, 50)


def test_the_shares_are_those_of_the_work() -> None:
    assert [round(PLAN.share(node), 6) for node in PLAN.walk()] == [0.25, 0.75, 0]


def test_a_plan_without_times_has_no_shares() -> None:
    plan = QueryPlan(PlanNode("DUMMY_SCAN"))
    assert plan.share(plan.root) == 0


@pytest.mark.parametrize(("node", "table"), [(SCAN, "m.main.t"), (JOIN, None)])
def test_the_table_is_that_of_a_scan(node: PlanNode, table: str | None) -> None:
    assert node.table == table


@pytest.mark.parametrize(("node", "share"), [(SCAN, 0.25), (JOIN, None)])
def test_the_share_that_is_read_is_that_of_row_groups(node: PlanNode, share: float | None) -> None:
    assert node.share_read == share


@pytest.mark.parametrize(
    ("expected", "rows", "times"), [(10, 100, 10), (100, 10, 0.1), (0, 5, 5), (5, 0, 0.2), (None, 5, None)]
)
def test_a_misestimate_is_how_many_times_the_expected(
    expected: int | None, rows: int, times: float | None
) -> None:
    assert PlanNode("FILTER", {}, expected, rows).misestimate == times


def test_without_an_execution_nothing_is_misestimated() -> None:
    assert PlanNode("FILTER", {}, 5).misestimate is None


def test_as_text_it_is_an_indented_tree() -> None:
    assert str(PLAN).splitlines() == [
        "time: 200 ms, rows: 100, memory: 0 bytes, spilled to disk: nothing",
        "HASH_JOIN  100 rows (50 expected), 100 ms, 25%",
        "├─ SEQ_SCAN  100 rows (10 expected), 300 ms, 75%, 1 of 4 row groups read, 10 times the expected",
        "│      m.main.t",
        "└─ DUMMY_SCAN",
    ]
