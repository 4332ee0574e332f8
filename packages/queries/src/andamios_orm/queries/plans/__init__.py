"""Query plans: what DuckDB does for a query, what would help, and what is wrong."""

from andamios_orm.queries.plans.findings import QueryWarning
from andamios_orm.queries.plans.optimizer import QueryOptimizer
from andamios_orm.queries.plans.plan import PlanNode, QueryPlan
from andamios_orm.queries.plans.suggestions import Suggestion

__all__ = ["PlanNode", "QueryOptimizer", "QueryPlan", "QueryWarning", "Suggestion"]
