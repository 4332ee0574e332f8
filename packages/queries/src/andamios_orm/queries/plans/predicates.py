"""Find in a statement what it compares with values: columns, and functions of columns.

Only conditions count that every row has to meet: the parts of a WHERE, joined by AND, of the statement and of
its subqueries.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BinaryExpression,
    BooleanClauseList,
    Cast,
    Column,
    ColumnClause,
    ColumnElement,
    Date,
    DateTime,
    Extract,
    Interval,
    Numeric,
    Select,
    String,
    Table,
    Time,
    Uuid,
)
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.selectable import Alias, SelectBase
from sqlalchemy.types import Integer

__all__ = ["Comparison", "comparisons"]

_COMPARING = {
    operators.eq,
    operators.in_op,
    operators.lt,
    operators.le,
    operators.gt,
    operators.ge,
    operators.between_op,
}

_ORDERED = (Integer, Numeric, String, Date, DateTime, Time, Interval, Uuid)
"""Types whose values DuckDB keeps the least and the greatest of, for each row group."""


@dataclass(frozen=True)
class Comparison:
    """A condition about one column.

    Attributes:
        condition: The condition.
        table: The name of the column's table, with its schema where it has one.
        column: The column, of the table or of an alias of it.
        computed: The function of the column that is compared; None where it is the column itself.
        operator: SQLAlchemy's operator.
    """

    condition: ColumnElement[Any]
    table: str
    column: ColumnElement[Any]
    computed: ColumnElement[Any] | None
    operator: Any

    @property
    def name(self) -> str:
        """The name of the column."""
        return str(getattr(self.column, "name", ""))


def comparisons(statement: Any) -> Iterator[Comparison]:
    """Give the comparisons of columns of tables with values, as far as the statement tells them."""
    for select in _selects(statement):
        for part in _parts(select.whereclause):
            if isinstance(part, BinaryExpression) and part.operator in _COMPARING:
                yield from _compared(part, part.left, part.right)
                yield from _compared(part, part.right, part.left)


def _selects(statement: Any) -> list[Select[Any]]:
    found = {id(each): each for each in visitors.iterate(statement) if isinstance(each, Select)}
    return list(found.values())


def _parts(condition: Any) -> Iterator[Any]:
    if isinstance(condition, BooleanClauseList) and condition.operator is operators.and_:
        for part in condition.clauses:
            yield from _parts(part)
    else:
        yield condition


def _compared(condition: BinaryExpression[Any], side: Any, value: Any) -> Iterator[Comparison]:
    columns = _columns(side)
    if len(columns) != 1 or _columns(value):
        return
    column = columns[0]
    table = _table(column)
    if table is None or not isinstance(_stored(column), _ORDERED):
        return
    if side is column:
        yield Comparison(condition, table.fullname, column, None, condition.operator)
    elif isinstance(side, FunctionElement | Cast | Extract):
        yield Comparison(condition, table.fullname, column, side, condition.operator)


def _columns(expression: Any) -> list[Any]:
    # A subquery counts as well, because what it gives is no value that is known beforehand.
    found: dict[Any, Any] = {}
    for each in visitors.iterate(expression):
        if isinstance(each, ColumnClause):
            found[id(each.table), each.name] = each
        elif isinstance(each, SelectBase):
            found[id(each)] = each
    return list(found.values())


def _table(column: Any) -> Table | None:
    table = column.table if isinstance(column, Column) else None
    table = table.element if isinstance(table, Alias) else table
    return table if isinstance(table, Table) else None


def _stored(column: Column[Any]) -> Any:
    # A type of somebody's own stores its values as another one.
    return getattr(column.type, "impl", column.type)
