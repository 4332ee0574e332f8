"""Queries with the same columns made one, and queries under a name in another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

from sqlalchemy import CTE, except_, except_all, intersect, intersect_all, union, union_all

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries.filtering import Filtering
from andamios_orm.queries.resolving import embedded
from andamios_orm.queries.state import State

if TYPE_CHECKING:
    from andamios_orm.queries.builder import QueryBuilder

__all__ = ["Combining"]

_COMBINED: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "union": (union, union_all),
    "intersect": (intersect, intersect_all),
    "except": (except_, except_all),
}
"""The set operations, without and with rows that occur several times."""


class Combining(Filtering):
    """Combine a query with others; each call returns another one."""

    def union(self, *others: QueryBuilder[Any], all_rows: bool = False) -> Self:
        """Add the rows of other queries with the same columns.

        Args:
            others: The queries.
            all_rows: Whether rows that several have come several times.

        Raises:
            ConfigurationError: One has other columns.
        """
        return self._combined("union", others, all_rows=all_rows)

    def intersect(self, *others: QueryBuilder[Any], all_rows: bool = False) -> Self:
        """Keep the rows that other queries have too; see `union`."""
        return self._combined("intersect", others, all_rows=all_rows)

    def except_(self, *others: QueryBuilder[Any], all_rows: bool = False) -> Self:
        """Leave out the rows that other queries have; see `union`."""
        return self._combined("except", others, all_rows=all_rows)

    def with_cte(
        self,
        name: str,
        query: QueryBuilder[Any],
        *,
        recursive: Callable[[CTE], QueryBuilder[Any]] | None = None,
    ) -> Self:
        """Give a query a name, under which `join` takes it.

        Args:
            name: The name.
            query: The query; of a recursive one, where it begins.
            recursive: Returns the query for what follows from rows that are there, given these as a table to
                join: ``lambda found: QueryBuilder(Employee).join(found, on={"manager_id": "id"})``. Rows that
                are there already do not count, so that it ends where things go round.

        Raises:
            ConfigurationError: The name is taken, or the parts have other columns.
        """
        ctes = dict(self._state.ctes or {})
        if name in ctes:
            raise ConfigurationError(f"there is a common table expression {name!r} already")
        embedded(query, self._state.scope)
        made = query._state.fields(()).bound.cte(name, recursive=recursive is not None)
        if recursive is not None:
            following = recursive(made)._state.fields(())
            _check_columns(query._state.fields(()), following)
            made = made.union(following.statement)
        return self._with(self._state.changed(ctes=ctes | {name: made}))

    def _combined(
        self,
        operation: Literal["union", "intersect", "except"],
        others: Sequence[QueryBuilder[Any]],
        *,
        all_rows: bool,
    ) -> Self:
        states = [each.without_parameters() for each in (self._state, *(query._state for query in others))]
        for query in others:
            embedded(query, self._state.scope)
            _check_columns(self._state, query._state)
        statements = [state.statement if state.closed else state.base for state in states]
        made = states[0].over(_COMBINED[operation][all_rows](*statements).subquery())
        narrowed = all(state.narrowed or state.closed for state in states)
        # With columns beside, rows that differ may have the same object.
        unique = not all_rows and not (made.with_object and made.columns)
        return self._with(made.changed(unique=unique, narrowed=narrowed))


def _check_columns(first: State, other: State) -> None:
    if first.with_object and other.with_object and first.model is not other.model:
        raise ConfigurationError(
            f"queries that are combined are about one model: {other.model.__name__} is not "
            f"{first.model.__name__}"
        )
    mine, others = first.fields(()).columns, other.fields(()).columns
    if (first.with_object, mine) != (other.with_object, others):
        raise ConfigurationError(
            f"queries that are combined have the same columns: {', '.join(mine)} are not {', '.join(others)}"
        )
