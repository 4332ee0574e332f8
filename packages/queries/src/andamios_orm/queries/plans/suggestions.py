"""Suggest an index or an order of the rows, where measurements say that it would help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Executable, func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import operators

from andamios_orm.queries.plans.explaining import explained
from andamios_orm.queries.plans.plan import PlanNode, QueryPlan
from andamios_orm.queries.plans.predicates import Comparison, comparisons
from andamios_orm.queries.plans.row_groups import ROW_GROUP

__all__ = ["Suggestion", "suggested"]

_BIG = 8
"""Row groups, about a million rows, that an index has to spare the engine."""

_FEW = 2_048
_FEW_OF = 1_000
"""DuckDB scans an index for at most so many rows, or for one in a thousand."""

_TIMES = 3
"""How many times fewer row groups an order of the rows has to leave."""


@dataclass(frozen=True)
class Suggestion:
    """Something that would make a query faster, with what was measured.

    Attributes:
        kind: ``"index"``, or ``"sort"``: an order of the rows, in which zone maps leave row groups out.
        table: The name of the table.
        columns: The columns of the index or the order.
        reason: What was measured, and what to do.
        rows: How many rows the table has.
        matches: How many of them meet the condition about the column.
        row_groups_read: How many row groups were read to find them.
        row_groups: How many there are.
    """

    kind: Literal["index", "sort"]
    table: str
    columns: tuple[str, ...]
    reason: str
    rows: int
    matches: int
    row_groups_read: int
    row_groups: int

    @property
    def share_read(self) -> float:
        """The share of the row groups that were read, from 0 to 1."""
        return self.row_groups_read / self.row_groups

    def __str__(self) -> str:
        return self.reason


async def suggested(connection: AsyncConnection, query: Executable) -> list[Suggestion]:
    """Return the suggestions for a query.

    Args:
        connection: A connection whose transactions are read-only.
        query: The query.
    """
    plan = await explained(connection, query, execute=False)
    found: dict[tuple[str, str], Suggestion] = {}
    for comparison in comparisons(query):
        if comparison.computed is None:
            suggestion = await _measured(connection, comparison, allows_index=not _aggregates(plan))
            if suggestion is not None:
                found.setdefault((suggestion.table, comparison.name), suggestion)
    return list(found.values())


def _aggregates(plan: QueryPlan) -> bool:
    return any("AGGREGATE" in node.operator or "GROUP_BY" in node.operator for node in plan.walk())


async def _measured(
    connection: AsyncConnection, comparison: Comparison, *, allows_index: bool
) -> Suggestion | None:
    plan = await explained(connection, select(comparison.column).where(comparison.condition), execute=True)
    scan = next((node for node in plan.walk() if node.table and node.row_groups), None)
    if scan is None or scan.operator == "INDEX_SCAN":
        return None
    counted = select(func.count()).select_from(comparison.column.table)
    rows = (await connection.execute(counted)).scalar_one()
    kind = _kind(scan, rows, plan.rows or 0, is_point=comparison.operator is operators.eq and allows_index)
    return None if kind is None else _suggestion(kind, comparison, scan, rows, plan.rows or 0)


def _kind(scan: PlanNode, rows: int, matches: int, *, is_point: bool) -> Literal["index", "sort"] | None:
    read = scan.row_groups_read or 0
    if is_point and read >= _BIG and matches <= max(_FEW, rows // _FEW_OF):
        return "index"
    return "sort" if read >= _TIMES * max(1, -(-matches // ROW_GROUP)) else None


def _suggestion(
    kind: Literal["index", "sort"], comparison: Comparison, scan: PlanNode, rows: int, matches: int
) -> Suggestion:
    read, groups = scan.row_groups_read or 0, scan.row_groups or 0
    table, column = comparison.table, comparison.name
    measured = (
        f"the condition about {table}.{column} holds for {matches:,} of {rows:,} rows, and {read:,} of "
        f"{groups:,} row groups ({read / groups:.0%}) are read to find them"
    )
    remedy = (
        f"an index on {column} leads to them at once"
        if kind == "index"
        else f"sort by {column} when the rows are written, and zone maps leave the other row groups out"
    )
    return Suggestion(kind, table, (column,), f"{measured}: {remedy}", rows, matches, read, groups)
