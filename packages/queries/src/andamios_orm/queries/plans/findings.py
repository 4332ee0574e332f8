"""Find what is likely to be wrong with a query, in its statement and in its plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Cast, Date, Extract
from sqlalchemy.sql import operators
from sqlalchemy.sql.selectable import GenerativeSelect

from andamios_orm.queries.plans.plan import PlanNode, QueryPlan
from andamios_orm.queries.plans.predicates import Comparison, comparisons

__all__ = ["QueryWarning", "found_in"]

_DATES = {"year", "month", "day", "week", "quarter", "date_part", "datepart", "strftime", "date"}
_TEXTS = {"lower", "upper", "trim", "ltrim", "rtrim"}

_REWRITTEN = {"date_trunc", "datetrunc"}
"""Functions that DuckDB turns into a range of the column by itself, BETWEEN aside.

DuckDB 2 does so with more of them, such as ``year``, and 1.5 does not; nor does 1.5 with a cast to DATE,
where the value is bound.
"""

_LIMITS = {"LIMIT", "STREAMING_LIMIT", "TOP_N"}
_ONE_ROW = {"UNGROUPED_AGGREGATE", "DUMMY_SCAN", "EMPTY_RESULT"}


@dataclass(frozen=True)
class QueryWarning:
    """Something about a query that is likely to be wrong, or slow.

    Attributes:
        kind: What it is.
        message: What happens, and what to do.
        where: The tables, or the expression, that it is about.
    """

    kind: Literal[
        "cartesian_product", "missing_join_condition", "function_on_filtered_column", "unbounded_fetch"
    ]
    message: str
    where: str

    def __str__(self) -> str:
        return self.message


def found_in(statement: Any, plan: QueryPlan, *, unconnected: bool, max_rows: int) -> list[QueryWarning]:
    """Return what is found in a query.

    Args:
        statement: SQLAlchemy's statement.
        plan: Its plan, of estimates.
        unconnected: Whether nothing in the statement connects some of its tables.
        max_rows: How many rows may be fetched without a limit.
    """
    products = [_product(node, unconnected=unconnected) for node in plan.walk() if _multiplies(node)]
    functions = [_function(each) for each in comparisons(statement) if _hinders(each)]
    return [*products, *functions, *_fetched(statement, plan, max_rows)]


def _multiplies(node: PlanNode) -> bool:
    is_product = node.operator == "CROSS_PRODUCT" or node.details.get("Condition") == "true"
    return is_product and all(not _is_single(child) for child in node.children)


def _is_single(node: PlanNode) -> bool:
    # A limit without a number, as 1.5 shows it, is most often that of a scalar subquery.
    if node.operator in _ONE_ROW or (node.operator in _LIMITS and node.estimated_rows is None):
        return True
    if node.estimated_rows is not None and node.estimated_rows <= 1 and node.operator != "SEQ_SCAN":
        return True
    is_passing = node.operator in {"PROJECTION", "FILTER"}
    return is_passing and _is_single(node.children[0])


def _product(node: PlanNode, *, unconnected: bool) -> QueryWarning:
    sides = [_tables(child) for child in node.children]
    where = " and ".join(sides)
    rows = "" if node.estimated_rows is None else f", about {node.estimated_rows:,} rows"
    if unconnected:
        return QueryWarning(
            "missing_join_condition",
            f"nothing connects {where}, so that each row of one meets each of the other{rows}: join them by "
            "a condition, or leave one out",
            where,
        )
    return QueryWarning(
        "cartesian_product",
        f"each row of {sides[0]} meets each of {sides[1]}{rows}: join them by a condition, or make one small",
        where,
    )


def _tables(node: PlanNode) -> str:
    named = (each.table or each.details.get("Function") for each in node.walk())
    return ", ".join(dict.fromkeys(name for name in named if name)) or node.operator


def _hinders(comparison: Comparison) -> bool:
    if comparison.computed is None:
        return False
    is_rewritten = getattr(comparison.computed, "name", "") in _REWRITTEN
    return not is_rewritten or comparison.operator is operators.between_op


def _function(comparison: Comparison) -> QueryWarning:
    computed: Any = comparison.computed
    where = f"{comparison.table}.{comparison.name}"
    name = "cast" if isinstance(computed, Cast) else getattr(computed, "name", "extract")
    return QueryWarning(
        "function_on_filtered_column",
        f"{name}() is computed of {where} for each row, so that no index, and often no zone map, can leave "
        f"rows out: {_remedy(computed, name, comparison.name)}",
        where,
    )


def _remedy(computed: Any, name: str, column: str) -> str:
    if isinstance(computed, Extract) or name in _DATES or isinstance(computed.type, Date):
        example = f"{column} >= '2013-01-01' AND {column} < '2014-01-01'"
        return f"compare {column} itself with a range, as in {example}"
    if name in _TEXTS:
        return f"store {column} the way it is compared, in a column of its own"
    return f"compare {column} itself, and compute the value that it is compared with"


def _fetched(statement: Any, plan: QueryPlan, max_rows: int) -> Iterator[QueryWarning]:
    rows = plan.estimated_rows
    if rows is None or rows <= max_rows or _is_limited(statement, plan):
        return
    yield QueryWarning(
        "unbounded_fetch",
        f"about {rows:,} rows are fetched, and nothing limits them: add a limit, read pages, or stream them",
        _tables(plan.root),
    )


def _is_limited(statement: Any, plan: QueryPlan) -> bool:
    if not isinstance(statement, GenerativeSelect):
        return any(node.operator in _LIMITS for node in plan.walk())
    return statement._limit_clause is not None or statement._fetch_clause is not None
