"""Ask for objects, rows and columns: a fluent builder on SQLAlchemy's select."""

from andamios_orm.queries.__about__ import __version__
from andamios_orm.queries.aggregates import (
    ArrayAgg,
    Avg,
    Count,
    Max,
    Median,
    Min,
    Mode,
    Quantile,
    StdDev,
    StringAgg,
    Sum,
    Variance,
)
from andamios_orm.queries.builder import QueryBuilder
from andamios_orm.queries.errors import InvalidCursorError, UnknownNameError
from andamios_orm.queries.expressions import Exists, F, OuterRef, Param, Q, Subquery
from andamios_orm.queries.filters import FilterBuilder
from andamios_orm.queries.frozen import FrozenQuery
from andamios_orm.queries.functions import SQLFunction, sql_function
from andamios_orm.queries.loading import joinedload, noload, selectinload
from andamios_orm.queries.named_filters import NamedFilter, named_filter
from andamios_orm.queries.pages import CursorPage, Page
from andamios_orm.queries.plans import PlanNode, QueryOptimizer, QueryPlan, QueryWarning, Suggestion
from andamios_orm.queries.raw_sql import RawSQL, sql
from andamios_orm.queries.time_buckets import TimeBucket
from andamios_orm.queries.windows import (
    CumeDist,
    DenseRank,
    FirstValue,
    Lag,
    LastValue,
    Lead,
    Ntile,
    PercentRank,
    Rank,
    RowNumber,
)

__all__ = [
    "ArrayAgg",
    "Avg",
    "Count",
    "CumeDist",
    "CursorPage",
    "DenseRank",
    "Exists",
    "F",
    "FilterBuilder",
    "FirstValue",
    "FrozenQuery",
    "InvalidCursorError",
    "Lag",
    "LastValue",
    "Lead",
    "Max",
    "Median",
    "Min",
    "Mode",
    "NamedFilter",
    "Ntile",
    "OuterRef",
    "Page",
    "Param",
    "PercentRank",
    "PlanNode",
    "Q",
    "Quantile",
    "QueryBuilder",
    "QueryOptimizer",
    "QueryPlan",
    "QueryWarning",
    "Rank",
    "RawSQL",
    "RowNumber",
    "SQLFunction",
    "StdDev",
    "StringAgg",
    "Subquery",
    "Suggestion",
    "Sum",
    "TimeBucket",
    "UnknownNameError",
    "Variance",
    "__version__",
    "joinedload",
    "named_filter",
    "noload",
    "selectinload",
    "sql",
    "sql_function",
]
