"""Say in words what a plan tells: rows, times, sizes, and the tree as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from andamios_orm.queries.plans.plan import PlanNode, QueryPlan

__all__ = ["about", "duration", "facts", "heading", "mismatch", "size", "summary", "tree_lines"]

_TOLD = {
    "Table": "",
    "Function": "",
    "Filename(s)": "",
    "Filters": "where ",
    "Expression": "where ",
    "Join Type": "join ",
    "Conditions": "on ",
    "Condition": "on ",
    "Groups": "by ",
    "Aggregates": "",
    "Order By": "by ",
    "Top": "limit ",
    "Limit": "limit ",
    "CTE Name": "",
}
"""The details that are told, in this order, and what stands before each."""

_FOLLOWING = {"PROJECTION", "ORDER_BY", "TOP_N", "LIMIT", "STREAMING_LIMIT"}
"""Operators whose estimate is as wrong as that below them."""

_FAR = 10
"""How many times more or fewer rows than expected are worth a remark."""


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    for factor, unit in ((1, "s"), (1e3, "ms")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e6:.0f} µs"


def size(count: int) -> str:
    """Return a number of bytes in the unit that suits it."""
    value = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def about(node: PlanNode) -> list[str]:
    """Return what an operator works on: its table, filters, conditions."""
    return [before + node.details[name] for name, before in _TOLD.items() if node.details.get(name)]


def mismatch(node: PlanNode) -> str | None:
    """Return by how much the estimate was wrong, where that is worth a remark."""
    times = node.misestimate
    if times is None or node.operator in _FOLLOWING or 1 / _FAR < times < _FAR:
        return None
    return f"{times:,.0f} times the expected" if times > 1 else f"1/{1 / times:,.0f} of the expected"


def facts(node: PlanNode, share: float) -> list[str]:
    """Return the numbers of an operator, the rows first.

    Args:
        node: The operator.
        share: Its share of the work.
    """
    said = []
    expected = None if node.estimated_rows is None else f"{node.estimated_rows:,} expected"
    if node.rows is not None:
        said.append(_rows(node.rows) + (f" ({expected})" if expected else ""))
    elif expected:
        said.append(f"rows: {expected}")
    if node.seconds is not None:
        said.append(f"{duration(node.seconds)}, {share:.0%}")
    if node.row_groups:
        said.append(f"{node.row_groups_read:,} of {node.row_groups:,} row groups read")
    if node.files_read is not None:
        said.append(f"{node.files_read:,} files read")
    return said


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def summary(plan: QueryPlan) -> dict[str, str]:
    """Return the numbers of the whole plan by their names."""
    if not plan.executed:
        expected = "unknown" if plan.estimated_rows is None else f"{plan.estimated_rows:,}"
        return {"not executed": "estimates only", "rows expected": expected}
    told = {"time": duration(plan.seconds or 0)}
    if plan.rows is not None:
        told["rows"] = f"{plan.rows:,}"
    told["memory"] = size(plan.peak_memory or 0)
    if plan.bytes_read:
        told["read from files"] = size(plan.bytes_read)
    told["spilled to disk"] = size(plan.spilled_bytes or 0) if plan.spilled_bytes else "nothing"
    return told


def heading(plan: QueryPlan) -> str:
    """Return the numbers of the whole plan in one line."""
    return ", ".join(f"{name}: {value}" for name, value in summary(plan).items())


def tree_lines(plan: QueryPlan) -> Iterator[str]:
    """Give the lines of the tree, each operator below the one that takes its rows."""
    return _lines(plan, plan.root, "", "")


def _lines(plan: QueryPlan, node: PlanNode, first: str, rest: str) -> Iterator[str]:
    said = facts(node, plan.share(node))
    wrong = mismatch(node)
    yield f"{first}{node.operator}  {', '.join([*said, *([wrong] if wrong else [])])}".rstrip()
    below = "│ " if node.children else "  "
    for text in about(node):
        yield f"{rest}{below}  {text}"
    for index, child in enumerate(node.children, 1):
        last = index == len(node.children)
        yield from _lines(plan, child, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "))
