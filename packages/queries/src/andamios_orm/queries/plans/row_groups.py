"""Work out how many row groups a scan has read, where the plan tells how many rows it has scanned.

DuckDB 2 tells them itself. 1.5 tells rows, whose share of the table stands for that of its row groups.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from andamios_orm.queries.plans.plan import PlanNode

__all__ = ["ROW_GROUP", "Stored", "counted"]

ROW_GROUP = 122_880
"""Rows of a full row group of a table."""

_NATIVE = {"Sequential Scan", "Index Scan"}
"""How DuckDB calls scans of its own tables; those of other databases that are attached have no row groups."""


class Stored(NamedTuple):
    """How big a table is."""

    rows: int
    row_groups: int


async def counted(connection: AsyncConnection, node: PlanNode, known: dict[str, Stored]) -> PlanNode:
    """Return an operator that tells the row groups, and so do those below it.

    Args:
        connection: A connection to the database of the plan.
        node: The operator.
        known: The tables that were looked up already.
    """
    children = [await counted(connection, child, known) for child in node.children]
    node = replace(node, children=tuple(children))
    if node.rows_scanned is None or node.row_groups is not None or not _has_row_groups(node):
        return node
    table = node.details["Table"]
    if table not in known:
        known[table] = await _stored(connection, table)
    rows, groups = known[table]
    read = max(round(node.rows_scanned * groups / max(rows, 1)), min(node.rows_scanned, 1))
    return replace(node, row_groups=groups, row_groups_read=min(read, groups))


def _has_row_groups(node: PlanNode) -> bool:
    # 1.5 cannot be asked about a name with a quote in it.
    return node.details.get("Type") in _NATIVE and '""' not in node.details["Table"]


async def _stored(connection: AsyncConnection, table: str) -> Stored:
    groups = "SELECT count(DISTINCT row_group_id) FROM pragma_storage_info(:table)"
    # The plan quotes the parts of the name where they need it.
    asked = text(f"SELECT (SELECT count(*) FROM {table}), ({groups})")  # noqa: S608 - DuckDB's own quotes
    found, stored = (await connection.execute(asked, {"table": table})).one()
    return Stored(found, stored)
