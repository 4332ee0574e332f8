"""What scopes say, applied to queries and to values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import pydantic

from andamios_orm.core.errors import ConfigurationError, ValidationError
from andamios_orm.queries import QueryBuilder
from andamios_orm.repositories.filters import narrowed
from andamios_orm.repositories.plugins.plugins import Kind, Scope
from andamios_orm.repositories.rows import named_rows, refuse_unknown, validated_rows

__all__ = [
    "ReadingQuery",
    "changing_rows",
    "complete",
    "new_rows",
    "reading_only",
    "refuse_others",
    "scope_values",
    "scoped",
    "values_given",
]

T = TypeVar("T")

Values = Mapping[str, Any]


def scoped(query: QueryBuilder[T], scopes: Iterable[Scope], model: type[T], kind: Kind) -> QueryBuilder[T]:
    """Return a query for those of its objects that scopes are about."""
    for scope in scopes:
        query = narrowed(query, list(scope.conditions(model, kind)))
    return query


class ReadingQuery(QueryBuilder[T]):
    """A query of a repository with scopes: it only reads, because they say for each kind what is meant."""

    async def update(self, /, *, all_rows: bool = False, **values: Any) -> int:
        """Refuse it."""
        raise _refusal("update_where()")

    async def delete(self, *, all_rows: bool = False) -> int:
        """Refuse it."""
        raise _refusal("delete_where()")

    async def insert_from(self, query: QueryBuilder[Any]) -> int:
        """Refuse it."""
        raise _refusal("merge_from()")


def _refusal(method: str) -> ConfigurationError:
    return ConfigurationError(f"the query of a repository with scopes reads: use {method} of the repository")


def reading_only(query: QueryBuilder[T]) -> QueryBuilder[T]:
    """Return a query that refuses to write."""
    found = object.__new__(ReadingQuery)
    found._state = query._state
    return found


def scope_values(scopes: Iterable[Scope], model: type[Any]) -> Values:
    """Return the values that all objects of some scopes have, as the model validates them.

    Raises:
        ConfigurationError: Two scopes say that one attribute has different values.
        UnknownNameError: The model has no such column.
        ValidationError: It refuses a value.
    """
    values: dict[str, Any] = {}
    for scope in scopes:
        for name, value in scope.values(model).items():
            if values.setdefault(name, value) != value:
                raise ConfigurationError(
                    f"{model.__name__}.{name} is {values[name]!r} for one scope, and {value!r} for another"
                )
    if not values:
        return values
    refuse_unknown(model, values)
    (validated,) = validated_rows(model, [values])
    return validated


def values_given(data: Any, values: Values) -> dict[str, Any]:
    """Return by name what an object, a dict or a pydantic model says, and further values."""
    if isinstance(data, pydantic.BaseModel):
        given = {name: getattr(data, name) for name in data.model_fields_set}
    else:
        given = dict(data if isinstance(data, Mapping) else getattr(data, "__dict__", {}))
    return {**given, **values}


def complete(fixed: Values, given: Values) -> dict[str, Any]:
    """Return the values of scopes that a new object was not given."""
    return {name: value for name, value in fixed.items() if given.get(name) is None}


def refuse_others(model: type[Any], fixed: Values, *rows: Values) -> None:
    """Refuse rows with other values than scopes say.

    Args:
        model: The mapped class.
        fixed: What `scope_values` returned.
        rows: Rows, all with the same keys.

    Raises:
        ValidationError: A row has another value.
    """
    names = [name for name in fixed if rows and name in rows[0]]
    given = [{name: row[name] for name in names} for row in rows]
    for number, row in enumerate(validated_rows(model, given) if names else ()):
        wrong = [name for name in names if row[name] != fixed[name]]
        if wrong:
            told = f"row {number}: " if len(rows) > 1 else ""
            message = {name: f"{told}it is {fixed[name]!r} here, not {row[name]!r}" for name in wrong}
            raise ValidationError(model.__name__, message)


def new_rows(model: type[Any], fixed: Values, rows: Iterable[Any]) -> Iterable[Any]:
    """Return new rows with the values that scopes say.

    Raises:
        ConfigurationError: They are no rows, or have different keys.
        ValidationError: A row has another value.
    """
    if not fixed:
        return rows
    completed = [{**row, **complete(fixed, row)} for row in named_rows(model, rows)]
    refuse_others(model, fixed, *completed)
    return completed


def changing_rows(model: type[Any], fixed: Values, rows: Iterable[Any]) -> list[dict[str, Any]]:
    """Return rows that change what is there, as `named_rows` does.

    Raises:
        ConfigurationError: They are no rows, or have different keys.
        ValidationError: A row would get another value than scopes say.
    """
    given = named_rows(model, rows)
    refuse_others(model, fixed, *given)
    return given
