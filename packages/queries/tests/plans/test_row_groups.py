"""Row groups that are worked out from rows, as 1.5 tells them, on either version."""

from __future__ import annotations

from typing import Any

import pytest

from andamios_orm.core import AndamiosEngine
from andamios_orm.queries.plans import PlanNode
from andamios_orm.queries.plans.row_groups import Stored, counted

TABLE = "memory.main.measure"


def scan(rows: int | None, table: str = TABLE, kind: str = "Sequential Scan", **more: Any) -> PlanNode:
    return PlanNode("SEQ_SCAN", {"Table": table, "Type": kind}, rows_scanned=rows, **more)


@pytest.mark.parametrize(
    ("rows", "read"), [(0, 0), (1, 1), (2048, 1), (122_880, 1), (245_760, 2), (1_000_000, 9), (2_000_000, 9)]
)
async def test_the_share_of_the_rows_is_that_of_the_row_groups(
    big_engine: AndamiosEngine, rows: int, read: int
) -> None:
    async with big_engine.connect() as connection:
        node = await counted(connection, scan(rows), {})
    assert (node.row_groups_read, node.row_groups) == (read, 9)


@pytest.mark.parametrize(
    "node",
    [
        pytest.param(scan(None), id="not executed"),
        pytest.param(scan(5, row_groups=3, row_groups_read=2), id="known"),
        pytest.param(scan(5, kind="Other"), id="another database"),
        pytest.param(scan(5, table='m.main."a""b"'), id="quote"),
        pytest.param(PlanNode("PARQUET_SCAN", {"Function": "PARQUET_SCAN"}, rows_scanned=5), id="files"),
    ],
)
async def test_others_are_left_as_they_are(engine: AndamiosEngine, node: PlanNode) -> None:
    async with engine.connect() as connection:
        assert await counted(connection, node, {}) == node


async def test_an_empty_table_has_none(engine: AndamiosEngine) -> None:
    async with engine.begin() as connection:
        await connection.exec_driver_sql("CREATE TABLE nothing (n INTEGER)")
        node = await counted(connection, scan(0, "memory.main.nothing"), {})
    assert (node.row_groups_read, node.row_groups) == (0, 0)


async def test_each_table_is_looked_up_once(big_engine: AndamiosEngine) -> None:
    join = PlanNode("HASH_JOIN", children=(scan(122_880), scan(1_000_000)))
    known: dict[str, Stored] = {}
    async with big_engine.connect() as connection:
        node = await counted(connection, join, known)
        again = await counted(connection, scan(10), {TABLE: Stored(10, 1)})
    assert [child.row_groups_read for child in node.children] == [1, 9]
    assert known == {TABLE: Stored(1_000_000, 9)}
    assert again.row_groups == 1
