"""What DuckDB's JSON becomes: that of either version, whichever is installed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from andamios_orm.queries.plans import PlanNode, QueryPlan
from andamios_orm.queries.plans.parsing import estimated_plan, measured_plan


def planned(name: str, *children: Any, rows: int | None = None, **details: Any) -> dict[str, Any]:
    estimate = {} if rows is None else {"Estimated Cardinality": str(rows)}
    return {"name": name, "children": list(children), "extra_info": details | estimate}


def estimates(root: dict[str, Any]) -> QueryPlan:
    return estimated_plan(json.dumps([root]))


def measured_by_1(
    name: str, *children: Any, rows: int = 3, scanned: int = 0, **details: Any
) -> dict[str, Any]:
    return {
        "operator_name": name,
        "operator_type": "TABLE_SCAN" if not children else name,
        "operator_cardinality": rows,
        "operator_timing": 0.5,
        "operator_rows_scanned": scanned,
        "extra_info": details,
        "children": list(children),
    }


def plan_of_1(root: dict[str, Any]) -> QueryPlan:
    whole = {"latency": 2.0, "total_bytes_read": 7, "system_peak_buffer_memory": 8}
    whole |= {"system_peak_temp_dir_size": 9}
    plan = measured_plan(json.dumps(whole | {"children": [measured_by_1("EXPLAIN_ANALYZE", root)]}))
    assert plan is not None
    return plan


def measured_by_2(type_: str, *children: Any, rows: int = 3, **more: Any) -> dict[str, Any]:
    told = {"type": type_, "intermediate_rows": rows, "timing": 0.5, "extra_info": more.pop("details", {})}
    return told | more | ({"children": list(children)} if children else {})


def plan_of_2(root: dict[str, Any]) -> QueryPlan:
    wrapped = measured_by_2("RESULT_COLLECTOR", measured_by_2("EXPLAIN_ANALYZE", root))
    whole = {
        "query": {"total_time": 2.0},
        "io": {"total_bytes_read": 7},
        "system": {"peak_buffer_memory": 8, "peak_temp_dir_size": 9},
    }
    plan = measured_plan(json.dumps(whole | {"operator": [wrapped]}))
    assert plan is not None
    return plan


def test_estimates() -> None:
    plan = estimates(planned("FILTER", planned("SEQ_SCAN", rows=9, Table="t"), rows=2, Expression=["a", "b"]))
    scan = PlanNode("SEQ_SCAN", {"Table": "t"}, 9)
    assert plan == QueryPlan(PlanNode("FILTER", {"Expression": "a, b"}, 2, children=(scan,)))


def test_measurements_of_1() -> None:
    plan = plan_of_1(measured_by_1("SEQ_SCAN", scanned=5, Table="t"))
    assert plan == QueryPlan(
        PlanNode("SEQ_SCAN", {"Table": "t"}, None, 3, 0.5, 5),
        executed=True,
        seconds=2.0,
        bytes_read=7,
        peak_memory=8,
        spilled_bytes=9,
    )


def test_measurements_of_2() -> None:
    scan = {"rows_scanned": 5, "row_groups_scanned": 1, "total_row_groups_to_scan": 4}
    plan = plan_of_2(measured_by_2("TABLE_SCAN", details={"Table": "t"}, **scan))
    assert plan == QueryPlan(
        PlanNode("SEQ_SCAN", {"Table": "t"}, None, 3, 0.5, 5, 1, 4),
        executed=True,
        seconds=2.0,
        bytes_read=7,
        peak_memory=8,
        spilled_bytes=9,
    )


def test_what_is_no_table_has_no_row_groups_in_2() -> None:
    scan = {"rows_scanned": 0, "row_groups_scanned": 0, "total_row_groups_to_scan": 0}
    root = plan_of_2(measured_by_2("TABLE_SCAN", details={"Function": "RANGE"}, **scan)).root
    assert (root.operator, root.row_groups_read, root.row_groups) == ("RANGE", None, None)


def test_rows_of_files_that_1_scanned_are_unknown() -> None:
    root = plan_of_1(measured_by_1("READ_CSV ", scanned=99) | {"extra_info": {"Total Files Read": "3"}}).root
    assert (root.operator, root.rows_scanned, root.files_read) == ("READ_CSV", None, 3)


def test_an_index_scan_is_called_so() -> None:
    assert plan_of_1(measured_by_1("SEQ_SCAN", Table="t", Type="Index Scan")).root.operator == "INDEX_SCAN"


@pytest.mark.parametrize(
    ("operator", "rows"),
    [("UNION", 7), ("CTE", 4), ("LEFT_DELIM_JOIN", 4), ("RIGHT_DELIM_JOIN", 4), ("RECURSIVE_CTE", None)],
)
def test_rows_that_an_operator_does_not_count_are_those_below(operator: str, rows: int | None) -> None:
    children = (measured_by_2("A", rows=3), measured_by_2("B", rows=4))
    assert plan_of_2(measured_by_2(operator, *children, rows=0)).rows == rows


def test_estimates_have_no_rows_even_of_a_union() -> None:
    assert estimates(planned("UNION", planned("A", rows=3), planned("B", rows=4))).rows is None


def test_without_measurements_there_is_no_plan() -> None:
    assert measured_plan('{"result": "error"}') is None


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        pytest.param(planned("UNGROUPED_AGGREGATE", planned("A", rows=9)), 1, id="aggregate"),
        pytest.param(planned("PROJECTION", planned("A", rows=9), rows=0), 9, id="projection"),
        pytest.param(planned("PROJECTION", planned("A"), rows=4), 4, id="projection of the unknown"),
        pytest.param(planned("TOP_N", planned("A", rows=9), Top="5"), 5, id="limit"),
        pytest.param(planned("LIMIT", planned("A", rows=3), rows=0, Limit="5"), 3, id="limit of fewer"),
        pytest.param(planned("LIMIT", planned("A"), Limit="5"), 5, id="limit of the unknown"),
        pytest.param(planned("LIMIT", planned("A", rows=3)), None, id="unknown limit"),
        pytest.param(planned("LIMIT", planned("A", rows=3), Limit="5 %"), None, id="limit that is a share"),
        pytest.param(planned("CROSS_PRODUCT", planned("A", rows=3), planned("B", rows=4)), 12, id="product"),
        pytest.param(
            planned("CROSS_PRODUCT", planned("A", rows=3), planned("B")), None, id="unknown product"
        ),
        pytest.param(planned("UNION", planned("A", rows=3), planned("B", rows=4)), 7, id="union"),
        pytest.param(planned("FILTER", planned("A", rows=3)), None, id="nothing told"),
    ],
)
def test_estimates_follow_from_those_below(root: dict[str, Any], expected: int | None) -> None:
    assert estimates(root).estimated_rows == expected
