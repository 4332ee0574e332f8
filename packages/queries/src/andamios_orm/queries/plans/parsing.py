"""Read the JSON of DuckDB's EXPLAIN: one form of estimates, and two of measurements, of 1.5 and of 2.

Estimates are completed where DuckDB leaves one out, or says 0 as 1.5 does for what is above an ORDER BY, and
where the rows of an operator follow from those of its children.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from andamios_orm.queries.plans.plan import PlanNode, QueryPlan

__all__ = ["estimated_plan", "measured_plan"]

_WRAPPERS = {"RESULT_COLLECTOR", "EXPLAIN_ANALYZE"}
"""Operators of EXPLAIN itself."""

_PASSING = {"PROJECTION", "ORDER_BY"}
"""Operators that give as many rows as they get."""

_SILENT = {"CTE": -1, "LEFT_DELIM_JOIN": 1, "RIGHT_DELIM_JOIN": 1}
"""Operators that count no rows themselves, with the place of the child that gives them."""

_LIMITS = {"LIMIT": "Limit", "STREAMING_LIMIT": "Limit", "TOP_N": "Top"}
_ESTIMATE = "Estimated Cardinality"


def estimated_plan(text: str) -> QueryPlan:
    """Return the plan of what EXPLAIN with ``FORMAT json`` gave."""
    return QueryPlan(_planned(json.loads(text)[0]))


def measured_plan(text: str) -> QueryPlan | None:
    """Return the plan of what EXPLAIN with ``ANALYZE, FORMAT json`` gave.

    Returns:
        None where DuckDB measured nothing, as it does for rows that are constants.
    """
    told = json.loads(text)
    if "operator" in told:
        return _measured_by_2(told)
    return _measured_by_1(told) if "children" in told else None


def _measured_by_1(told: Mapping[str, Any]) -> QueryPlan:
    return QueryPlan(
        _unwrapped(told["children"][0], _operator_of_1),
        executed=True,
        seconds=told["latency"],
        bytes_read=told["total_bytes_read"],
        peak_memory=told["system_peak_buffer_memory"],
        spilled_bytes=told["system_peak_temp_dir_size"],
    )


def _measured_by_2(told: Mapping[str, Any]) -> QueryPlan:
    return QueryPlan(
        _unwrapped(told["operator"][0], _operator_of_2),
        executed=True,
        seconds=told["query"]["total_time"],
        bytes_read=told["io"]["total_bytes_read"],
        peak_memory=told["system"]["peak_buffer_memory"],
        spilled_bytes=told["system"]["peak_temp_dir_size"],
    )


def _unwrapped(told: Mapping[str, Any], operator: Any) -> PlanNode:
    while _name(told) in _WRAPPERS:
        told = told["children"][0]
    node: PlanNode = operator(told)
    return node


def _planned(told: Mapping[str, Any]) -> PlanNode:
    return _node(told, tuple(map(_planned, told["children"])))


def _operator_of_1(told: Mapping[str, Any]) -> PlanNode:
    # Of files, 1.5 counts the rows that it expected to be there.
    is_table = "Table" in told["extra_info"]
    return _node(
        told,
        tuple(map(_operator_of_1, told["children"])),
        rows=told["operator_cardinality"],
        seconds=told["operator_timing"],
        rows_scanned=told["operator_rows_scanned"] if is_table else None,
    )


def _operator_of_2(told: Mapping[str, Any]) -> PlanNode:
    groups = told.get("total_row_groups_to_scan") or None
    return _node(
        told,
        tuple(map(_operator_of_2, told.get("children", ()))),
        rows=told["intermediate_rows"],
        seconds=told["timing"],
        rows_scanned=told.get("rows_scanned"),
        row_groups=groups,
        row_groups_read=told["row_groups_scanned"] if groups else None,
    )


def _node(
    told: Mapping[str, Any], children: tuple[PlanNode, ...], *, rows: int | None = None, **measured: Any
) -> PlanNode:
    name = _name(told)
    details = {key: _text(value) for key, value in told["extra_info"].items()}
    estimate = details.pop(_ESTIMATE, None)
    files = details.pop("Total Files Read", None)
    return PlanNode(
        name,
        details,
        _estimated(name, details, None if estimate is None else int(estimate), children),
        rows=_counted(name, rows, [child.rows for child in children]),
        files_read=None if files is None else int(files),
        children=children,
        **measured,
    )


def _counted(name: str, told: int | None, below: Sequence[int | None]) -> int | None:
    if name in _SILENT:
        return below[_SILENT[name]]
    if name == "UNION":
        known = [rows for rows in below if rows is not None]
        return sum(known) if known else None
    return None if name == "RECURSIVE_CTE" else told


def _name(told: Mapping[str, Any]) -> str:
    name: str = told.get("operator_name") or told.get("name") or told["type"]
    details = told["extra_info"]
    if details.get("Type") == "Index Scan":
        return "INDEX_SCAN"
    if name == "TABLE_SCAN":
        name = details.get("Function", "SEQ_SCAN")
    return name.strip()


def _text(value: str | Sequence[str]) -> str:
    return value if isinstance(value, str) else ", ".join(value)


def _estimated(
    name: str, details: Mapping[str, str], told: int | None, children: Sequence[PlanNode]
) -> int | None:
    below = [child.estimated_rows for child in children]
    if name == "UNGROUPED_AGGREGATE":
        return 1
    if name in _PASSING and below[0] is not None:
        return below[0]
    if name in _LIMITS:
        return _limited(details.get(_LIMITS[name]), below[0])
    known = [rows for rows in below if rows is not None]
    if name in {"CROSS_PRODUCT", "UNION"} and len(known) == len(below):
        return math.prod(known) if name == "CROSS_PRODUCT" else sum(known)
    return told


def _limited(limit: str | None, below: int | None) -> int | None:
    if limit is None or not limit.isdecimal():
        return None
    return int(limit) if below is None else min(int(limit), below)
