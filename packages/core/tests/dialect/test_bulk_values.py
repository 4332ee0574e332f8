"""Values that mean the same in a list as each by itself."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest

from andamios_orm.core.dialect.bulk_values import are_alike, are_exact, are_simple

NOON = dt.datetime(2013, 1, 1, 12)


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        ([], "INTEGER"),
        ([None, None], "VARCHAR"),
        ([1, None, 2], "INTEGER"),
        ([1, 1.5], "DOUBLE"),
        ([Decimal("1.5"), Decimal("2.25"), 3, None], "DECIMAL(5, 2)"),
        ([2**100, -1], "HUGEINT"),
        ([NOON, NOON], "TIMESTAMP"),
        (["a"], "VARCHAR"),
        ([[1], None, [2]], "INTEGER[]"),
    ],
)
def test_values_that_are_alike(values: list[Any], type_: str) -> None:
    assert are_alike(values, type_)


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        ([1, 1.5], "BIGINT"),
        ([1, "a"], "VARCHAR"),
        ([1, True], "INTEGER"),
        ([2**127], "DOUBLE"),
        ([Decimal(10**30), Decimal("0.0000000001")], "DECIMAL(38, 2)"),
        ([Decimal("NaN"), Decimal(1)], "DECIMAL(5, 2)"),
        ([NOON, NOON.replace(tzinfo=dt.UTC)], "TIMESTAMP WITH TIME ZONE"),
        ([dt.time(1), dt.time(1, tzinfo=dt.UTC)], "TIME WITH TIME ZONE"),
        ([NOON, NOON.date()], "TIMESTAMP"),
        ([[1], (2,)], "INTEGER[]"),
    ],
)
def test_values_that_are_not_alike(values: list[Any], type_: str) -> None:
    assert not are_alike(values, type_)


@pytest.mark.parametrize(
    ("values", "type_", "exact"),
    [
        ([1, -(2**31)], "INTEGER", True),
        ([2**31], "INTEGER", False),
        ([1, None], "INTEGER", False),
        ([1.0], "INTEGER", False),
        ([-1], "UTINYINT", False),
        (["a"], "VARCHAR(8)", True),
        (["1"], "DATE", False),
        ([NOON.date()], "DATE", True),
        ([uuid.UUID(int=1)], "UUID", True),
        ([1.5], "DOUBLE", True),
        ([1, "a"], "VARCHAR", False),
    ],
)
def test_values_that_a_cast_leaves_as_they_are(values: list[Any], type_: str, exact: bool) -> None:
    assert are_exact(values, type_) is exact


def test_values_that_hold_others_are_not_simple() -> None:
    assert are_simple([1, "a", None, NOON])
    assert not are_simple([[1]])
    assert not are_simple([{}])
