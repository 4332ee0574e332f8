"""What callers give to say which objects they mean, in which order, and with what else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Table, inspect

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries import QueryBuilder, selectinload
from andamios_orm.queries.expressions import Expression, Q
from andamios_orm.queries.loading import Loading
from andamios_orm.repositories.keys import key_names

__all__ = [
    "Condition",
    "Filters",
    "Load",
    "Order",
    "conditions",
    "loading",
    "narrowed",
    "ordered",
]

T = TypeVar("T")

Condition = Mapping[str, Any] | Q | Expression | ColumnElement[bool]
"""A dict of lookups, such as ``{"age__gte": 18}``; a `Q`, a `FilterBuilder`, or an expression."""

Filters = Condition | Iterable[Condition] | None
"""A condition, or several, all of which hold."""

Order = Any
"""The name of a field such as ``"-created_at"`` or an expression, or several."""

Load = Any
"""The name of a relationship such as ``"flights__plane"`` or an option of a query, or several."""


def narrowed(query: QueryBuilder[T], filters: Filters) -> QueryBuilder[T]:
    """Return a query with what some filters say.

    Raises:
        ConfigurationError: A condition is about a table that the query does not read.
    """
    for condition in conditions(filters):
        query = query.filter(**condition) if isinstance(condition, Mapping) else query.filter(condition)
        if isinstance(condition, ColumnElement):
            _refuse_other_tables(query, condition)
    return query


def _refuse_other_tables(query: QueryBuilder[Any], condition: ColumnElement[Any]) -> None:
    # Each row would be combined with each one there, and so would every row be meant.
    model = query._state.model
    own: Any = inspect(model)
    tables = [table for table in condition._from_objects if isinstance(table, Table)]
    others = [table for table in tables if table not in own.tables]
    if others and len(query.statement.get_final_froms()) > 1:
        names = ", ".join(sorted(table.name for table in others))
        raise ConfigurationError(
            f"a condition is about {names}, and what is found are {model.__name__} objects: name the way "
            "there, as in project__name=..., or use Model.parts.any(...)"
        )


def conditions(filters: Filters) -> list[Any]:
    """Return the conditions of some filters.

    Raises:
        ConfigurationError: A dict has keys that are no names.
    """
    given = _several(filters, Mapping, str)
    for condition in given:
        if isinstance(condition, Mapping) and not all(isinstance(name, str) for name in condition):
            raise ConfigurationError(f"a dict of lookups has names of fields as keys, unlike {condition!r}")
    return given


def ordered(query: QueryBuilder[T], order: Order, model: type[T]) -> QueryBuilder[T]:
    """Return a query in an order; where none is given, in that of the primary key."""
    return query.order_by(*(_several(order, str) or key_names(model)))


def loading(query: QueryBuilder[T], load: Load) -> QueryBuilder[T]:
    """Return a query that loads what belongs to its objects too."""
    options = [selectinload(each) if isinstance(each, str) else each for each in _several(load, str, Loading)]
    return query.options(*options) if options else query


def _several(given: Any, *single: type[Any]) -> list[Any]:
    if given is None:
        return []
    return [given] if isinstance(given, single) or not isinstance(given, Iterable) else list(given)
