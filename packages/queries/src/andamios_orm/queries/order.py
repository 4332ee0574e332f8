"""What a query is ordered by, once its names are resolved."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, UnaryExpression
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import operators

__all__ = ["Order"]


@dataclass(frozen=True)
class Order:
    """One element of ORDER BY.

    Attributes:
        expression: The value that is compared.
        descending: Whether the greatest comes first.
        nulls_first: Whether rows without a value come before the others.
    """

    expression: ColumnElement[Any]
    descending: bool = False
    nulls_first: bool = False

    @cached_property
    def clause(self) -> ColumnElement[Any]:
        """It as SQLAlchemy's."""
        ordered = self.expression.desc() if self.descending else self.expression.asc()
        return ordered.nulls_first() if self.nulls_first else ordered.nulls_last()


@compiles(UnaryExpression, "mysql", "mariadb")
def _compile_without_nulls(element: UnaryExpression[Any], compiler: Any, **options: Any) -> str:
    # They have no NULLS LAST: a value is asked first whether it is missing.
    text: str
    if element.modifier in (operators.nulls_first_op, operators.nulls_last_op):
        missing = "DESC" if element.modifier is operators.nulls_first_op else "ASC"
        ordered: Any = element.element
        value = ordered.element if isinstance(ordered, UnaryExpression) else ordered
        text = (
            f"{compiler.process(value, **options)} IS NULL {missing}, {compiler.process(ordered, **options)}"
        )
    else:
        text = compiler.visit_unary(element, **options)
    return text
