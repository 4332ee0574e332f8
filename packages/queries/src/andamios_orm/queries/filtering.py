"""What narrows a query, and leaves its rows what they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from sqlalchemy import func, tablesample, text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Load

from andamios_orm.core.cache import CachePolicy
from andamios_orm.core.errors import ConfigurationError, NotSupportedError
from andamios_orm.queries.aggregates import Aggregate, check_objects, check_rows
from andamios_orm.queries.expressions import Q, begins_with, mentions, ordering
from andamios_orm.queries.loading import Loading
from andamios_orm.queries.resolving import Embeddable, named, parts_of
from andamios_orm.queries.state import State
from andamios_orm.queries.windows import Window

__all__ = ["Filtering"]


class Filtering(Embeddable):
    """Narrow a query; each call returns another one."""

    _state: State

    def filter(self, /, *conditions: Any, **lookups: Any) -> Self:
        """Leave out the rows for which the conditions do not hold.

        Conditions about aggregates are about the groups (HAVING), those about window functions about what
        these have computed (QUALIFY).

        Args:
            conditions: Expressions, or `Q`.
            lookups: Fields with lookups, as in ``dep_delay__gt=60``.

        Raises:
            ConfigurationError: A lookup does not take its value, or something is no condition.
            UnknownNameError: A name leads nowhere.
        """
        state = self._state.open()
        after = state.aggregates | state.windows
        apart = {name: lookups.pop(name) for name in list(lookups) if begins_with(name, after)}
        parts = [*([Q(**lookups)] if lookups else []), *map(Q, conditions)]
        parts += [Q(**{name: value}) for name, value in apart.items()]
        for part in parts:
            state = _narrowed(state, part)
        return self._with(state)

    def where(self, /, *conditions: Any, **lookups: Any) -> Self:
        """Do what `filter` does."""
        return self.filter(*conditions, **lookups)

    def exclude(self, /, *conditions: Any, **lookups: Any) -> Self:
        """Leave out the rows for which all the conditions hold; those where SQL does not know (NULL) stay.

        Without a condition no row is left out.
        """
        state = self._state.open()
        return self._with(_narrowed(state, ~Q(*conditions, **lookups)))

    def having(self, /, *conditions: Any, **lookups: Any) -> Self:
        """Leave out the groups for which the conditions do not hold.

        Raises:
            ConfigurationError: The query has no groups.
        """
        state = self._state.open()
        if not state.grouped:
            raise ConfigurationError("having() is about groups: make them before, with group_by()")
        return self._with(_having(state, Q(*conditions, **lookups)))

    def qualify(self, /, *conditions: Any, **lookups: Any) -> Self:
        """Leave out the rows for which conditions about window functions do not hold."""
        return self._with(_qualified(self._state.open(), Q(*conditions, **lookups)))

    def order_by(self, *orders: Any, nulls: str | None = None) -> Self:
        """Order the rows, in place of any order before; rows without a value come last.

        Args:
            orders: Fields, with a minus in front for descending order, or expressions. None takes the order
                away.
            nulls: ``"first"`` to have the rows without a value first.

        Raises:
            ConfigurationError: ``nulls`` is something else.
            UnknownNameError: A name leads nowhere.
        """
        state = self._state.open()
        scope = state.scope.copy()
        found = tuple(ordering(order, nulls).resolve(scope) for order in orders if order is not None)
        return self._with(state.continued(scope, state.base, orders=found))

    def limit(self, count: int | None) -> Self:
        """Leave out what comes after so many rows, counted behind an `offset`; a lower limit before stays.

        Args:
            count: How many; None for no limit, whatever was said before.
        """
        given, before = _counted("limit()", count), self._state.limit
        if given is not None and before is not None:
            given = min(given, before)
        return self._with(self._state.changed(limit=given))

    def offset(self, count: int) -> Self:
        """Leave out so many rows at the beginning."""
        return self._with(self._state.changed(offset=_counted("offset()", count) or 0))

    def __getitem__(self, rows: slice) -> Self:
        """Return a query for some of its rows, counted from 0."""
        if not isinstance(rows, slice) or rows.step is not None:
            raise ConfigurationError("a query takes a slice of rows without a step, as in query[10:20]")
        start, stop = _counted("a slice", rows.start) or 0, _counted("a slice", rows.stop)
        state = self._state
        left = None if state.limit is None else max(state.limit - start, 0)
        wanted = None if stop is None else max(stop - start, 0)
        limits = [limit for limit in (left, wanted) if limit is not None]
        return self._with(state.changed(offset=state.offset + start, limit=min(limits, default=None)))

    def nested(self) -> Self:
        """Return a query about the rows of this one, to go on behind a limit."""
        return self._with(self._state.nested())

    def distinct(self) -> Self:
        """Leave out rows that are equal to another one."""
        state = self._state.open()
        return self._with(state.changed(base=state.base.distinct(), distinct=True))

    def distinct_on(self, *fields: Any) -> Self:
        """Keep the first row, in the order of the query, of those with the same values in some fields.

        Args:
            fields: Fields or expressions; an `order_by` has to begin with them.
        """
        state = self._state.open()
        scope = state.scope.copy()
        base = state.base.ext(distinct_on(*named(fields, scope)))
        return self._with(state.continued(scope, base, distinct=True, chosen=True))

    def sample(
        self, rows: int | None = None, *, percent: float | None = None, seed: int | None = None
    ) -> Self:
        """Keep some rows by chance.

        Args:
            rows: How many.
            percent: Or which share of them, from 0 to 100.
            seed: Makes the choice repeatable, as far as the engine reads the rows in the same order.

        Raises:
            ConfigurationError: Not exactly one of ``rows`` and ``percent`` is given, or it is no such number.
        """
        size = _sample_size(rows, percent)
        state = self._state
        # Of all columns, so that what goes on from here finds the same as before.
        chosen = tablesample(
            state.statement.subquery(),
            func.reservoir(text(size)),
            seed=None if seed is None else text(str(_counted("seed", seed))),
        )
        return self._with(state.over(chosen))

    def options(self, *options: Any) -> Self:
        """Load related objects too, or leave them alone.

        Args:
            options: What `selectinload`, `joinedload` and `noload` of this package return for
                names, or options of SQLAlchemy.

        Raises:
            UnknownNameError: A name is no relationship.
        """
        state = self._state
        if not state.with_object:
            raise ConfigurationError(
                "options() loads what belongs to objects: the rows of this query are none"
            )
        for each in options:
            if isinstance(each, Loading):
                each.option(state.scope.entity)
        loads = tuple(each for each in options if isinstance(each, Loading | Load))
        others = (each for each in options if not isinstance(each, Loading | Load))
        return self._with(state.changed(base=state.base.options(*others), loads=(*state.loads, *loads)))

    def with_deleted(self) -> Self:
        """Ask for what is softly deleted too."""
        return self._including(True)

    def only_deleted(self) -> Self:
        """Ask for what is softly deleted, and nothing else."""
        return self._including("only")

    def cached(self, ttl: float | None = None, *, tables: Sequence[Any] | None = None) -> Self:
        """Have the rows cached, where a `CacheManager` of the engine is started.

        Args:
            ttl: Seconds for which they are kept at most; by default the manager's.
            tables: Further tables that they depend on; see `CachePolicy`.
        """
        return self._executed_with(cache=CachePolicy(ttl=ttl, tables=tables))

    def for_update(self, *, nowait: bool = False, skip_locked: bool = False) -> Self:
        """Lock the rows until the end of the transaction.

        Args:
            nowait: Raise an error where another transaction has locked one of them.
            skip_locked: Leave those out.

        Raises:
            NotSupportedError: The session's database is DuckDB, which has no row locks.
        """
        state = self._state
        if state.dialect.name == "duckdb":
            raise NotSupportedError.of(
                "duckdb",
                "for_update(): it has no row locks, of two transactions that change a row one fails",
                "let TransactionManager run the unit of work again on a conflict",
            )
        return self._with(
            state.changed(base=state.base.with_for_update(nowait=nowait, skip_locked=skip_locked))
        )

    def _including(self, deleted: bool | str) -> Self:
        scope = self._state.scope.copy()
        scope.include_deleted = deleted
        base = self._state.base.execution_options(include_deleted=deleted)
        return self._with(self._state.changed(scope=scope, base=base))

    def _executed_with(self, **options: Any) -> Self:
        return self._with(self._state.changed(base=self._state.base.execution_options(**options)))

    def _with(self, state: State) -> Self:
        changed = object.__new__(type(self))
        changed._state = state
        return changed


def _narrowed(state: State, condition: Q) -> State:
    if condition.is_empty:
        return state
    if condition.is_plain and not (state.windows or state.aggregates):
        return _where(state, condition)
    parts = list(parts_of(condition))
    if mentions(condition, state.windows) or any(isinstance(part, Window) for part in parts):
        return _qualified(state, condition)
    if not state.grouped:
        check_objects(state, condition)
    elif mentions(condition, state.aggregates) or any(isinstance(part, Aggregate) for part in parts):
        check_rows(state, condition)
        return _having(state, condition)
    return _where(state, condition)


def _where(state: State, condition: Q) -> State:
    scope = state.scope.copy()
    return state.continued(scope, state.base.where(*condition.conjuncts(scope)), narrowed=True)


def _having(state: State, condition: Q) -> State:
    scope = state.scope.copy()
    return state.continued(scope, state.base.having(condition.resolve(scope)))


def _qualified(state: State, condition: Q) -> State:
    # A subquery computes the condition, because not every database has QUALIFY, and none lets WHERE see
    # windows.
    if condition.is_empty:
        return state
    state = state.nested() if state.distinct else state
    scope = state.scope.copy()
    found = condition.resolve(scope)
    inside, values = state.continued(scope, state.base).nested_with({"condition_": found})
    return inside.changed(base=inside.base.where(values["condition_"]), narrowed=True)


def _counted(what: str, given: Any) -> int | None:
    if given is None or (isinstance(given, int) and not isinstance(given, bool) and 0 <= given < 2**63):
        return given
    raise ConfigurationError(f"{what} takes a number that is not negative, not {given!r}")


def _sample_size(rows: int | None, percent: float | None) -> str:
    if (rows is None) is (percent is None):
        raise ConfigurationError("sample() takes a number of rows or a percentage, as in sample(percent=10)")
    if percent is None:
        return f"{_counted('sample()', rows)} ROWS"
    if not isinstance(percent, int | float) or not 0 <= percent <= 100:
        raise ConfigurationError(f"a percentage is between 0 and 100, not {percent!r}")
    return f"{float(percent)} PERCENT"
