"""What is said of plans in words."""

from __future__ import annotations

import pytest

from andamios_orm.queries.plans import PlanNode, QueryPlan
from andamios_orm.queries.plans.wording import about, duration, facts, mismatch, size, summary


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(12.34, "12.3 s"), (1, "1 s"), (0.0123, "12.3 ms"), (0.0000042, "4 µs"), (0, "0 µs")],
)
def test_a_duration_has_the_unit_that_suits_it(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (3 << 20, "3.0 MiB"), (5 << 30, "5.0 GiB")],
)
def test_a_size_has_the_unit_that_suits_it(count: int, said: str) -> None:
    assert size(count) == said


def test_about_an_operator_is_what_it_works_on() -> None:
    node = PlanNode("SEQ_SCAN", {"Filters": "(a = 1)", "Projections": "a", "Table": "t", "Groups": ""})
    assert about(node) == ["t", "where (a = 1)"]


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (PlanNode("FILTER", {}, 10, 99), None),
        (PlanNode("FILTER", {}, 10, 120), "12 times the expected"),
        (PlanNode("FILTER", {}, 120, 10), "1/12 of the expected"),
        (PlanNode("PROJECTION", {}, 120, 10), None),
        (PlanNode("FILTER", {}, 120), None),
    ],
)
def test_only_great_mismatches_are_told(node: PlanNode, said: str | None) -> None:
    assert mismatch(node) == said


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (PlanNode("A", {}, 1000, 1, 0.5), ["1 row (1,000 expected)", "500 ms, 50%"]),
        (PlanNode("A", {}, None, 2000, 0.5), ["2,000 rows", "500 ms, 50%"]),
        (PlanNode("A", {}, 5), ["rows: 5 expected"]),
        (PlanNode("A", row_groups_read=1, row_groups=4), ["1 of 4 row groups read"]),
        (PlanNode("A", files_read=3), ["3 files read"]),
        (PlanNode("A"), []),
    ],
)
def test_the_facts_are_those_that_are_known(node: PlanNode, said: list[str]) -> None:
    assert facts(node, 0.5) == said


def test_the_summary_of_an_execution() -> None:
    plan = QueryPlan(PlanNode("A", rows=5), True, 0.5, 1024, 2048, 4096)
    assert summary(plan) == {
        "time": "500 ms",
        "rows": "5",
        "memory": "2.0 KiB",
        "read from files": "1.0 KiB",
        "spilled to disk": "4.0 KiB",
    }


def test_the_summary_of_an_execution_leaves_out_what_is_unknown() -> None:
    assert "rows" not in summary(QueryPlan(PlanNode("UNION"), True, 0.5))


@pytest.mark.parametrize(("rows", "said"), [(1234, "1,234"), (None, "unknown")])
def test_the_summary_of_estimates(rows: int | None, said: str) -> None:
    plan = QueryPlan(PlanNode("A", {}, rows))
    assert summary(plan) == {"not executed": "estimates only", "rows expected": said}
