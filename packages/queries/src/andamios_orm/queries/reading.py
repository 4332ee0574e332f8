"""The endings of a query that bring Python objects: all of them, one, some values, a number."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import Any, Generic, TypeVar

from sqlalchemy import Result, exists, inspect, select, tuple_

from andamios_orm.core.errors import ConfigurationError, MultipleResultsError, NotFoundError
from andamios_orm.queries.aggregates import Avg, Max, Min, Sum, check_rows
from andamios_orm.queries.expressions import Expression
from andamios_orm.queries.resolving import resolved
from andamios_orm.queries.state import State, check_name

__all__ = ["Reading"]

T = TypeVar("T")


class Reading(Generic[T]):
    """Endings that read."""

    _state: State

    async def execute(self) -> Result[Any]:
        """Execute the query and return SQLAlchemy's result."""
        return await self._state.execute()

    async def all(self) -> list[T]:
        """Return all objects or rows."""
        return self._listed(await self.execute())

    async def first(self) -> T | None:
        """Return the first object or row; None where there is none."""
        found = self._listed(await self._some(1))
        return found[0] if found else None

    async def one(self) -> T:
        """Return the only object or row.

        Raises:
            MultipleResultsError: There are several.
            NotFoundError: There is none.
        """
        found = await self.one_or_none()
        if found is None:
            raise NotFoundError(self._state.model.__name__)
        return found

    async def one_or_none(self) -> T | None:
        """Return the only object or row; None where there is none.

        Raises:
            MultipleResultsError: There are several.
        """
        found = self._listed(await self._some(2))
        if len(found) > 1:
            raise MultipleResultsError(
                f"more than one {self._state.model.__name__} was found, and one expected"
            )
        return found[0] if found else None

    async def get(self, key: Any) -> T | None:
        """Return the object with a primary key, as far as the query holds it; None where there is none.

        Args:
            key: Its value; of a composite key a tuple, or a dict by the names of the attributes.

        Raises:
            ConfigurationError: It has other parts than the primary key, or the rows are no objects.
        """
        state = self._state.open()
        values = _key_values(state, key)
        conditions = (
            column == value for column, value in zip(state.scope.key_columns(), values, strict=True)
        )
        found = self._listed(await state.changed(base=state.base.where(*conditions)).execute())
        return found[0] if found else None

    async def scalar(self) -> Any:
        """Return the first column of the first row; None where there is none."""
        return (await self._some(1)).scalar()

    async def scalars(self) -> list[Any]:
        """Return the first column of all rows."""
        return list((await self.execute()).scalars())

    async def count(self) -> int:
        """Return how many rows there are."""
        found: int = (await self._state.execute(self._state.counting())).scalar_one()
        return found

    async def exists(self) -> bool:
        """Return whether there is a row."""
        state = self._state
        found = state.about(select(exists(state.statement if state.closed else state.base)))
        return bool((await state.execute(found)).scalar_one())

    async def aggregate(self, /, **computed: Any) -> dict[str, Any]:
        """Return values that are computed over all rows.

        Args:
            computed: Aggregates, by the names that they get.

        Raises:
            ConfigurationError: One is over what belongs to each object.
            UnknownNameError: A name leads nowhere.
        """
        state = self._state
        state = state.nested() if state.closed or state.columns or state.distinct else state
        scope = state.scope.copy()
        for name, expression in computed.items():
            check_name(name)
            check_rows(state, expression)
        values = {name: resolved(expression, scope).label(name) for name, expression in computed.items()}
        statement = scope.join_to(state.base).with_only_columns(*values.values())
        row = (await state.execute(statement)).one()
        return dict(zip(values, row, strict=True))

    async def sum(self, of: str | Expression) -> Any:
        """Return the sum of a field; None where no row has a value."""
        return (await self.aggregate(value=Sum(of)))["value"]

    async def min(self, of: str | Expression) -> Any:
        """Return the least value of a field; None where no row has one."""
        return (await self.aggregate(value=Min(of)))["value"]

    async def max(self, of: str | Expression) -> Any:
        """Return the greatest value of a field; None where no row has one."""
        return (await self.aggregate(value=Max(of)))["value"]

    async def avg(self, of: str | Expression) -> float | None:
        """Return the mean of a field; None where no row has a value."""
        found: float | None = (await self.aggregate(value=Avg(of)))["value"]
        return found

    async def in_bulk(self, keys: Iterable[Any]) -> dict[Any, T]:
        """Return the objects with some primary keys, by key; keys without an object are left out.

        Args:
            keys: The keys; composite ones are tuples.

        Raises:
            ConfigurationError: A key has other parts than the primary key, or the rows are no objects.
        """
        state = self._state.open()
        parts = [_key_values(state, key) for key in keys]
        columns = state.scope.key_columns()
        wanted: Any = (
            columns[0].in_([part[0] for part in parts]) if len(columns) == 1 else tuple_(*columns).in_(parts)
        )
        found = self._listed(await state.changed(base=state.base.where(wanted)).execute())
        return {_identity(each): each for each in found}

    async def stream(self, batch: int = 1_000) -> AsyncGenerator[T, None]:
        """Give the objects or rows one after the other, in one snapshot, reading so many at once.

        Objects that nobody keeps are let go of, so that memory stays bounded.

        Args:
            batch: How many are read at once.

        Raises:
            ConfigurationError: ``batch`` is less than 1, or `joinedload` is among the options.
        """
        if batch < 1:
            raise ConfigurationError(f"a batch has at least one row: batch={batch!r}")
        state = self._state
        if state.joins_loads:
            raise ConfigurationError("stream() cannot join what belongs to objects: use selectinload()")
        statement = state.statement.execution_options(yield_per=batch)
        with state.explained(statement):
            result = await state.executed_by().stream(statement, state.parameters)
            rows: Any = result.scalars() if state.only_objects else result
            try:
                async for row in rows:
                    yield row
            finally:
                await result.close()

    async def _some(self, count: int) -> Result[Any]:
        state = self._state
        limit = count if state.limit is None else min(count, state.limit)
        return await state.execute(state.changed(limit=limit).statement)

    def _listed(self, result: Result[Any]) -> list[T]:
        rows: Any = result.unique() if self._state.joins_loads else result
        return list((rows.scalars() if self._state.only_objects else rows).all())


def _key_values(state: State, key: Any) -> tuple[Any, ...]:
    if not state.only_objects:
        raise ConfigurationError("a key finds objects, and the rows of this query are none")
    names = state.scope.key_names()
    if isinstance(key, Mapping) and set(key) == set(names):
        return tuple(key[name] for name in names)
    values = key if isinstance(key, tuple) else (key,)
    if isinstance(key, Mapping) or len(values) != len(names):
        raise ConfigurationError(f"the key of {state.model.__name__} is ({', '.join(names)}), not {key!r}")
    return values


def _identity(instance: Any) -> Any:
    identity = inspect(instance).identity
    return identity[0] if len(identity) == 1 else tuple(identity)
