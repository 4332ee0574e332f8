"""Queries of another shape: values that become columns, columns and lists that become rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, String, func, literal
from sqlalchemy.types import ARRAY, NullType, TypeEngine

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.core.types import LIST
from andamios_orm.queries.aggregates import Aggregate
from andamios_orm.queries.expressions import Q
from andamios_orm.queries.state import State

__all__ = ["pivoted", "unnested", "unpivoted"]


def pivoted(
    state: State, on: str, values: Mapping[str, Any] | Iterable[Any], computed: Mapping[str, Aggregate]
) -> State:
    """Return a query of groups with one more column for each value of a field, and each aggregate.

    Raises:
        ConfigurationError: The query has no groups, there are no values, or something is no aggregate.
        UnknownNameError: A name leads nowhere.
    """
    if not state.grouped:
        raise ConfigurationError(
            "pivot() adds columns to groups: name what makes up a row with group_by() before"
        )
    columns = _labelled(values)
    if not columns or not computed:
        raise ConfigurationError("pivot() takes the values that become columns, and an aggregate: n=Count()")
    for label, value in columns.items():
        for name, aggregate in computed.items():
            if not isinstance(aggregate, Aggregate):
                raise ConfigurationError(f"pivot() computes aggregates, such as Count(), not {aggregate!r}")
            scope = state.scope.copy()
            column = label if len(computed) == 1 else f"{label}_{name}"
            one = aggregate.filtered(Q(**{on: value}))
            state = state.computing(column, one.resolve(scope), scope)
            state = state.changed(aggregates=state.aggregates | {column})
    return state


def _labelled(values: Mapping[str, Any] | Iterable[Any]) -> Mapping[str, Any]:
    if isinstance(values, Mapping):
        return values
    given = list(values)
    columns = {str(value): value for value in given}
    if len(columns) < len(given):
        raise ConfigurationError(
            "two values of a pivot have one name: give them names, pivot(on, {'name': value})"
        )
    return columns


def unnested(state: State, field: str, name: str) -> State:
    """Return a query with a row for each element of a list, which is one more column.

    Raises:
        ConfigurationError: The field is no list.
        UnknownNameError: A name leads nowhere.
    """
    scope = state.scope.copy()
    values = scope.value(field)
    if not isinstance(values.type, ARRAY):
        raise ConfigurationError(f"unnest() makes rows of the elements of a list, and {field!r} is none")
    made = state.computing(name, func.unnest(values, type_=values.type.item_type), scope).nested()
    return made.changed(unique=False)


def unpivoted(state: State, fields: Sequence[str], name: str, value: str, *, nulls: bool) -> State:
    """Return a query with a row for each of some columns: its name, its value, and the other columns.

    Raises:
        ConfigurationError: There are no columns to make rows of.
        UnknownNameError: A name leads nowhere.
    """
    rows = state.fields(())
    missing = [field for field in fields if field not in rows.columns]
    if missing or not fields:
        raise ConfigurationError(
            f"unpivot() makes rows of columns of the query, {', '.join(rows.columns)}: "
            f"not of {missing or fields!r}"
        )
    inner = rows.nested()
    scope = inner.scope.copy()
    kept = {column: scope.value(column) for column in inner.columns if column not in fields}
    values = [scope.value(field) for field in fields]
    kept[name] = func.unnest(literal(list(fields), LIST(String())), type_=String())
    kept[value] = func.unnest(func.list_value(*values), type_=_common_type(values))
    made = inner.selecting(kept, scope).nested()
    base = made.base if nulls else made.base.where(made.scope.computed[value].is_not(None))
    return made.changed(base=base, unique=False)


def _common_type(values: Sequence[ColumnElement[Any]]) -> TypeEngine[Any]:
    # Of different types the engine makes one, whose values come as they are.
    first = values[0].type
    return first if all(repr(value.type) == repr(first) for value in values) else NullType()
