"""Which values go by the appender, which as lists, and the texts of a plan."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, Sequence, String, Table, TypeDecorator, func
from sqlalchemy import types as sqltypes
from sqlalchemy.types import TypeEngine

from andamios_orm.core import AndamiosEngine, types
from andamios_orm.core.dialect.bulk_plan import Drawn, appendable, listable, table_plan


class Lowered(TypeDecorator[str]):
    """Text that the database makes small."""

    impl = String
    cache_ok = True

    def bind_expression(self, bindparam: Any) -> Any:
        return func.lower(bindparam)


def test_only_values_that_need_no_sql_are_appended() -> None:
    assert appendable(types.MAP(String, types.JSON))
    assert not appendable(Lowered())


@pytest.mark.parametrize(
    ("type_", "expected"),
    [(String(5), True), (String(collation="nocase"), False), (sqltypes.NullType(), False)],
)
def test_values_of_a_named_type_go_as_a_list(type_: TypeEngine[Any], expected: bool) -> None:
    assert listable(type_) is expected


def test_a_plan_of_a_table_tells_the_insert_of_one_row(engine: AndamiosEngine) -> None:
    ids = Sequence("ids")
    table = Table("the items", MetaData(), Column("id", Integer, ids, primary_key=True), Column("x", Integer))
    drawn = Drawn.of(table.c.id, ids, "s", engine.dialect)
    plan = table_plan(table, "s", [table.c.x], drawn, engine.dialect)
    assert plan.single == """INSERT INTO s."the items" (x, id) VALUES ($1, nextval('s.ids'))"""
    assert plan.statement() == (
        """INSERT INTO s."the items" (x, id) SELECT r.p1, nextval('s.ids') """
        "FROM (SELECT unnest($1::INTEGER[]) AS p1) AS r"
    )
