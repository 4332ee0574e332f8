"""Texts of SQL."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from andamios_orm.models.reflection.sql_texts import unbound


@pytest.mark.parametrize(
    "sql",
    ["1", "':a'", "x::text", "'\\:a'", "'\\: a'", "'12:30:00'", "{'a': :b}", ": a", "'\\\\:a'", "':'", "::a"],
)
def test_no_colon_begins_a_parameter(sql: str) -> None:
    compiled = text(unbound(sql)).compile()
    assert (str(compiled), compiled.params) == (sql, {})
