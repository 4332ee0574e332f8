"""Chains of rows: what their hashes cover, and which row is the first bad one."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest

from andamios_orm.core.audit.hash_chain import ChainCheck, ChainHead, Fault, canonical, chained, document

Rows = list[dict[str, Any]]


def chain(*values: str) -> Rows:
    rows: Rows = []
    head = ChainHead()
    for value in values:
        rows.append(chained({"value": value}, head))
        head = ChainHead(rows[-1]["id"], rows[-1]["hash"])
    return rows


def fault(rows: Rows, kept: ChainHead | None = None) -> Fault | None:
    return ChainCheck(kept or ChainHead()).follow(rows)


def test_ids_count_from_one_and_each_row_holds_the_hash_before_it() -> None:
    first, second = chain("a", "b")
    assert (first["id"], second["id"]) == (1, 2)
    assert first["previous_hash"] == "0" * 64
    assert second["previous_hash"] == first["hash"]


def test_the_hash_is_that_of_the_canonical_text() -> None:
    """Other programs can compute it: sha256 of the row without its hash, keys sorted, no spaces."""
    (row,) = chain("ä")
    zeros = "0" * 64
    text = rf'{{"id":1,"previous_hash":"{zeros}","value":"\u00e4"}}'
    assert row["hash"] == sha256(text.encode()).hexdigest()


def test_a_good_chain_has_no_fault() -> None:
    check = ChainCheck(ChainHead())
    rows = chain("a", "b", "c")
    assert check.follow(rows[:2]) is None
    assert check.follow(rows[2:]) is None
    assert check.reach(3) is None
    assert check.head == ChainHead(3, rows[2]["hash"])


def test_a_changed_row() -> None:
    rows = chain("a", "b", "c")
    rows[1]["value"] = "x"
    assert fault(rows) == (2, "row 2 was changed: its hash is not that of its values")


def test_a_missing_row() -> None:
    rows = chain("a", "b", "c")
    del rows[1]
    assert fault(rows) == (2, "row 2 is missing: row 3 comes next")


def test_a_missing_first_row() -> None:
    assert fault(chain("a", "b")[1:]) == (1, "row 1 is missing: row 2 comes next")


def test_a_row_before_the_first_one() -> None:
    rows = chain("a")
    assert fault([{**rows[0], "id": -4}, *rows]) == (-4, "row -4 was inserted: row 1 should come next")


def test_a_row_twice() -> None:
    rows = chain("a", "b")
    assert fault([rows[0], *rows]) == (1, "row 1 was inserted: row 2 should come next")


def test_rows_that_changed_places() -> None:
    """Their ids are part of their hashes."""
    first, second, third = chain("a", "b", "c")
    rows = [first, {**third, "id": 2}, {**second, "id": 3}]
    assert fault(rows) == (2, "row 2 was changed: its hash is not that of its values")


def test_a_replaced_row_with_a_hash_of_its_own() -> None:
    rows = chain("a", "b", "c")
    rows[1] = chained({"value": "x"}, ChainHead(1, rows[0]["hash"]))
    assert fault(rows) == (3, "row 3 was inserted or replaced: it does not follow row 2")


def test_a_chain_that_was_computed_anew_does_not_hold_the_kept_head() -> None:
    rows = chain("a", "b", "c")
    kept = ChainHead(3, rows[2]["hash"])
    assert fault(chain("a", "x", "c")) is None
    assert fault(chain("a", "x", "c"), kept) == (
        3,
        "row 3 was replaced: its hash is not the one that was kept",
    )


def test_rows_that_are_missing_at_the_end() -> None:
    check = ChainCheck(ChainHead())
    check.follow(chain("a", "b"))
    assert check.reach(5) == (3, "row 3 is missing: there were rows up to 5")


def test_an_empty_chain() -> None:
    check = ChainCheck(ChainHead())
    assert check.follow([]) is None
    assert check.reach(0) is None
    assert check.reach(1) == (1, "row 1 is missing: there were rows up to 1")


def test_canonical_text() -> None:
    value = {
        "b": [dt.datetime(2026, 1, 2, tzinfo=dt.UTC), dt.date(2026, 1, 2), dt.time(3)],
        "a": {"y": Decimal("1.50"), "x": UUID(int=1), "ü": None},
    }
    assert canonical(value) == (
        r'{"a":{"x":"00000000-0000-0000-0000-000000000001","y":"1.50","\u00fc":null},'
        '"b":["2026-01-02T00:00:00+00:00","2026-01-02","03:00:00"]}'
    )


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, float("nan"), float("inf"), {1: 1, "a": 2}])
def test_what_has_no_place_in_json(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        canonical(value)


def test_a_document_is_read() -> None:
    assert document('{"a": [1, {"b": null}]}') == {"a": [1, {"b": None}]}


def test_a_key_that_is_named_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="a key is named twice"):
        document('{"a": {"b": 1, "b": 2}}')
