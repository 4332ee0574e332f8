"""ASOF joins: of the rows that fulfil a condition, the nearest one (https://duckdb.org/docs/stable/sql/query_syntax/from).

``select(Trade, Quote).join(Quote, asof(and_(Trade.symbol == Quote.symbol, Trade.time >= Quote.time)))``
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import Grouping

from andamios_orm.core.errors import NotSupportedError

__all__ = ["AsofCondition", "asof", "is_asof"]


class AsofCondition(Grouping[bool]):
    """The condition of an ASOF join; see `asof`."""

    __visit_name__ = "andamios_asof"
    inherit_cache = True


def asof(condition: ColumnElement[bool]) -> AsofCondition:
    """Make the join whose ON clause it is an ASOF join.

    Args:
        condition: Equalities, and one inequality: ``>=`` or ``>`` for the latest row before, ``<=`` or ``<``
            for the first one behind.

    Raises:
        NotSupportedError: When it is compiled for another database than DuckDB.
    """
    return AsofCondition(condition)


def is_asof(on: Any) -> bool:
    """Return whether a join is an ASOF join by its ON clause, to which others may have added criteria."""
    return isinstance(on, AsofCondition) or any(map(is_asof, getattr(on, "clauses", ())))


@compiles(AsofCondition)
def _refuse(element: AsofCondition, compiler: Any, **options: Any) -> str:
    raise NotSupportedError.of(compiler.dialect.name, "an ASOF join", "join a subquery that finds the row")


@compiles(AsofCondition, "duckdb")
def _compile(element: AsofCondition, compiler: Any, **options: Any) -> str:
    condition: str = compiler.process(element.element, **options)
    return condition
