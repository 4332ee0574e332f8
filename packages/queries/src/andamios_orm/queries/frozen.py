"""Queries that are made once, and executed with other values."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries.parameters import named_parameters

if TYPE_CHECKING:
    from andamios_orm.queries.builder import QueryBuilder

__all__ = ["FrozenQuery"]

T = TypeVar("T")


class FrozenQuery(Generic[T]):
    """Execute one query again and again, with other values: ``late(minutes=60).all()``.

    Its statement is made once, and compiled once for each database. It may live as long as the program, and
    be used by all tasks.

    Args:
        query: The query; its `Param` expressions stand for the values.

    Attributes:
        parameters: The names of these.
    """

    def __init__(self, query: QueryBuilder[T]) -> None:
        self._query = query
        self.parameters = frozenset(named_parameters(query.statement))

    def __call__(self, **values: Any) -> QueryBuilder[T]:
        """Return the query with values, to be ended as any other: ``await late(minutes=60).count()``.

        Raises:
            ConfigurationError: A value is missing, or belongs to no parameter.
        """
        missing, unknown = sorted(self.parameters - values.keys()), sorted(values.keys() - self.parameters)
        if missing or unknown:
            raise ConfigurationError(
                f"this query takes values for {', '.join(sorted(self.parameters)) or 'no parameter'}: "
                + "; ".join(
                    f"{what} {', '.join(names)}"
                    for what, names in (("missing:", missing), ("not known:", unknown))
                    if names
                )
            )
        given = copy(self._query)
        given._state = self._query._state.changed(parameters=values)
        return given
