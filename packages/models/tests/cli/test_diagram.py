"""Diagrams of models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from andamios_orm.models.cli.description import ColumnDescription, ForeignKeyDescription, ModelDescription
from andamios_orm.models.cli.diagram import diagram


def column(name: str, type_: str = "INTEGER", **told: Any) -> ColumnDescription:
    usual: dict[str, Any] = {
        "primary_key": False,
        "unique": False,
        "nullable": False,
        "default": None,
        "references": [],
        "comment": None,
    }
    return ColumnDescription("attribute", name, type_, **{**usual, **told})


def model(
    table: str, *columns: ColumnDescription, keys: Sequence[ForeignKeyDescription] = ()
) -> ModelDescription:
    return ModelDescription(table.title(), "airline", table, None, None, [], columns, keys, [])


def test_a_diagram() -> None:
    airline = model("airline", column("code", "VARCHAR", primary_key=True, comment='two "letters"'))
    flight = model(
        "flight",
        column("id", primary_key=True),
        column("carrier", "VARCHAR", nullable=True, references=["airline.code"]),
        keys=[ForeignKeyDescription(["carrier"], "airline", ["code"], None)],
    )
    assert (
        diagram([airline, flight])
        == """erDiagram
    "airline" {
        VARCHAR code PK "two 'letters'"
    }
    "flight" {
        INTEGER id PK
        VARCHAR carrier FK
    }
    "airline" |o--o{ "flight" : "carrier"
"""
    )


@pytest.mark.parametrize(
    ("told", "ends"),
    [
        ({}, "||--o{"),
        ({"nullable": True}, "|o--o{"),
        ({"unique": True}, "||--o|"),
        ({"primary_key": True}, "||--o|"),
    ],
)
def test_how_many_rows_refer_to_how_many(told: dict[str, Any], ends: str) -> None:
    keys = [ForeignKeyDescription(["x y"], "sales.a b", ["id"], None)]
    child = model(
        "child", column("id", primary_key=not told.get("primary_key")), column("x y", **told), keys=keys
    )
    [*_, found] = diagram([child]).splitlines()
    assert found.strip() == f'"sales.a b" {ends} "child" : "x y"'


def test_a_key_of_several_columns_is_one_line() -> None:
    keys = [ForeignKeyDescription(["x", "y"], "parent", ["a", "b"], None)]
    [*_, found] = diagram([model("child", column("x"), column("y"), keys=keys)]).splitlines()
    assert found.strip() == '"parent" ||--o{ "child" : "x, y"'


@pytest.mark.parametrize(
    ("type_", "shown"),
    [
        ("DECIMAL(12, 3)", "DECIMAL"),
        ("TIMESTAMP WITH TIME ZONE", "TIMESTAMP_WITH_TIME_ZONE"),
        ("VARCHAR[]", "VARCHAR[]"),
        ("FLOAT[3][]", "FLOAT[3][]"),
        ('STRUCT("a" INTEGER)[]', "STRUCT[]"),
        ("<unknown>", "unknown"),
    ],
)
def test_types_and_names_are_such_as_mermaid_takes(type_: str, shown: str) -> None:
    [_, _, line, *_] = diagram([model("a", column("2nd", type_, unique=True))]).splitlines()
    assert line == f"        {shown} attribute UK"


def test_classes_of_one_table_are_one() -> None:
    assert diagram([model("a", column("x")), model("a", column("x"))]).count('"a"') == 1
