"""The fluent builder: a query that grows by one call after the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast

from sqlalchemy import (
    ColumnElement,
    Over,
    Row,
    Select,
)
from sqlalchemy.sql import visitors

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries.aggregates import Aggregate, check_objects, check_rows
from andamios_orm.queries.columnar import Columnar
from andamios_orm.queries.combining import Combining
from andamios_orm.queries.display import sql_text
from andamios_orm.queries.expressions import mentions
from andamios_orm.queries.frozen import FrozenQuery
from andamios_orm.queries.joining import Asof, Pairs, asof_joined, joined
from andamios_orm.queries.pages import Paging
from andamios_orm.queries.reading import Reading
from andamios_orm.queries.resolving import parts_of, resolved
from andamios_orm.queries.shapes import pivoted, unnested, unpivoted
from andamios_orm.queries.state import State
from andamios_orm.queries.time_buckets import Gaps, Moment, TimeBucket, gaps_filled
from andamios_orm.queries.windows import RowNumber, Window
from andamios_orm.queries.writing import Writing

if TYPE_CHECKING:
    from andamios_orm.core import AsyncSession

__all__ = ["QueryBuilder"]

T = TypeVar("T")


class QueryBuilder(Combining, Reading[T], Paging[T], Columnar[T], Writing, Generic[T]):
    """Ask for objects of a model, or for what can be computed of them.

    A builder is never changed: each call returns another one, so that a query can be kept and continued in
    several ways. Nothing is sent before one of its endings is awaited, such as `all`.

    Conditions, orders and computations come before `limit` and `offset`; behind them they are refused,
    because they might be meant for all rows or for those that are left. `nested` says that it is the latter.

    Args:
        model: The mapped class, or an alias of it.
        session: Where it is executed; by default the current session of the task that awaits it.

    Raises:
        ConfigurationError: ``model`` is no mapped class.
    """

    def __init__(self, model: type[T], session: AsyncSession | None = None) -> None:
        self._state = State.of(model, session)

    @property
    def statement(self) -> Select[Any]:
        """SQLAlchemy's statement, to be executed or changed there."""
        return self._state.bound

    def __clause_element__(self) -> Select[Any]:
        """Return the statement, where SQLAlchemy takes one."""
        return self._state.bound

    def __repr__(self) -> str:
        return f"<QueryBuilder of {self._state.model.__name__}: {self.to_sql()}>"

    def to_sql(self, *, literal_values: bool = False) -> str:
        """Return the statement as text, to be looked at.

        Args:
            literal_values: Whether values stand in it. Such a text is for people: never execute it.
        """
        return sql_text(self._state, literal_values=literal_values)

    def freeze(self) -> FrozenQuery[T]:
        """Return the query to be executed again and again, with other values for its `Param` expressions."""
        return FrozenQuery(self)

    def select(self, /, *columns: Any, **computed: Any) -> QueryBuilder[Row[Any]]:
        """Ask for columns in place of objects.

        Args:
            columns: Names of fields, which are the names of the columns too, or attributes.
            computed: Expressions, by the names that they get.

        Raises:
            ConfigurationError: Something has no name.
            UnknownNameError: A name leads nowhere.
        """
        state = self._state.open()
        scope = state.scope.copy()
        names = [*_names(columns), *computed]
        if not names or len(set(names)) < len(names):
            raise ConfigurationError(f"select() takes names of columns, each of them once, not {names!r}")
        fields = {name: scope.value(name) for name in names if name not in computed}
        fields |= {name: resolved(_expression(name, each), scope) for name, each in computed.items()}
        return self._rows(_computed_with(state.selecting(fields, scope), computed))

    def annotate(self, /, **computed: Any) -> QueryBuilder[Row[Any]]:
        """Compute more for each row, or each group.

        Rows of the query become rows of SQLAlchemy: the object first, as far as there is one, and then each
        of these.

        Args:
            computed: Expressions, aggregates and window functions, by the names that they get.

        Raises:
            ConfigurationError: An aggregate is over rows of the query, which has no groups, or a name is
                taken.
            UnknownNameError: A name leads nowhere.
        """
        state = self._state.open()
        state = state.nested() if state.distinct else state
        for name, expression in computed.items():
            scope = state.scope.copy()
            if state.grouped:
                check_rows(state, expression)
            else:
                check_objects(state, expression)
            state = state.computing(name, resolved(_expression(name, expression), scope), scope)
            state = _computed_with(state, {name: expression})
        return self._rows(state)

    def group_by(self, /, *fields: Any, **computed: Any) -> QueryBuilder[Row[Any]]:
        """Make groups of the rows with the same values; compute of them with `annotate`.

        Args:
            fields: Names of fields, or attributes.
            computed: Expressions, by the names that they get: ``month=F("time_hour__month")``.

        Raises:
            ConfigurationError: The query has groups already.
            UnknownNameError: A name leads nowhere.
        """
        if self._state.grouped:
            raise ConfigurationError("this query has groups: name all their fields in one group_by()")
        if not fields and not computed:
            raise ConfigurationError("group_by() takes fields; aggregate() computes of all rows")
        rows = self.nested() if self._state.distinct else self
        state = rows.select(*fields, **computed)._state
        groups = [state.scope.computed[name] for name in state.columns]
        base = state.base.group_by(*groups)
        return self._rows(state.changed(base=base, grouped=True, keys=state.columns))

    def join(self, target: Any, on: Any = None, *, outer: bool = False, name: str | None = None) -> Self:
        """Join what is used in conditions, orders and computations; rows without it are left out.

        Names lead over relationships without this, as in ``airline__name``, and leave no row out.

        Args:
            target: A relationship, by its attribute or its name, another model, a query, or the name of a
                common table expression of `with_cte`.
            on: What rows have in common, where it is no relationship: a field that both have, a dict from
                fields here to those there, or a condition.
            outer: Whether rows without it stay.
            name: What it is called in this query; by default the name of the relationship, or that of the
                model in small letters.

        Raises:
            ConfigurationError: It needs a condition.
            UnknownNameError: A name leads nowhere.
        """
        return self._with(joined(self._state.open(), target, on, name, outer=outer))

    def asof_join(
        self,
        target: Any,
        *,
        on: Pairs,
        by: Pairs = (),
        tolerance: timedelta | float | None = None,
        outer: bool = False,
        name: str | None = None,
    ) -> Self:
        """Join the latest row of another model that is not later: the weather of the hour of a flight.

        Args:
            target: The model, or what else `join` takes.
            on: The field that tells when: one name where both call it the same, or a dict with one pair.
            by: The fields that are equal, in the same way.
            tolerance: How far away the row may be, in the unit of ``on``; a `timedelta` for moments.
            outer: Whether rows without such a row stay.
            name: What it is called in this query; by default the name of the model in small letters.

        Raises:
            ConfigurationError: ``on`` is more than one field.
            UnknownNameError: A name leads nowhere.
        """
        return self._with(
            asof_joined(self._state.open(), target, Asof.of(on, by, tolerance), name, outer=outer)
        )

    def top_per_group(self, count: int, *, by: Any, order_by: Any) -> Self:
        """Keep the first rows of each group.

        Args:
            count: How many.
            by: The field that makes up the groups, or several.
            order_by: Which rows come first, as `order_by` takes it, or a list.
        """
        return self.qualify(RowNumber().over(partition_by=by, order_by=order_by) <= count)

    def pivot(
        self, on: str, values: Mapping[str, Any] | Iterable[Any], /, **computed: Aggregate
    ) -> QueryBuilder[Row[Any]]:
        """Add a column to the groups for each value of a field: ``pivot("month", range(1, 13), n=Count())``.

        A column is called after its value; with several aggregates ``value_name``.

        Args:
            on: The field.
            values: Its values, or a dict from names of columns to them. They are a part of the statement, so
                they are known before: ask for them with ``distinct()`` where they are not.
            computed: The aggregates.

        Raises:
            ConfigurationError: The query has no groups, or there are no values.
        """
        return self._rows(pivoted(self._state.open(), on, values, computed))

    def unpivot(
        self, *fields: str, name: str = "name", value: str = "value", nulls: bool = False
    ) -> QueryBuilder[Row[Any]]:
        """Make a row of each of some columns, with its name and its value beside the other columns.

        Args:
            fields: The columns, whose values have types that the engine makes one of.
            name: What the column with their names is called.
            value: What the column with their values is called.
            nulls: Whether there are rows for missing values.

        Raises:
            ConfigurationError: The query has no such column.
        """
        return self._rows(unpivoted(self._state, fields, name, value, nulls=nulls))

    def unnest(self, field: str, name: str) -> QueryBuilder[Row[Any]]:
        """Make a row for each element of a list; an empty list makes none.

        Args:
            field: The list.
            name: What the column with the elements is called.

        Raises:
            ConfigurationError: The field is no list.
        """
        return self._rows(unnested(self._state.open(), field, name))

    def time_bucket(
        self,
        field: str,
        every: timedelta | str,
        /,
        *,
        name: str = "bucket",
        by: Sequence[str] | str = (),
        fill: bool = False,
        start: Moment | None = None,
        end: Moment | None = None,
        **computed: Any,
    ) -> QueryBuilder[Row[Any]]:
        """Compute of the rows of each span of time: ``time_bucket("time_hour", "1 day", n=Count())``.

        Args:
            field: The field that tells when.
            every: How long a span is: a `timedelta`, or a text such as ``"15 minutes"`` or ``"1 month"``.
            name: What the column with the beginning of the span is called.
            by: Further fields that make up the groups.
            fill: Whether there are rows for spans without any: counts are 0, other values missing.
            start: With ``fill``, a moment in the first span; by default the first that has rows.
            end: With ``fill``, a moment in the last span; by default the last that has rows.
            computed: Aggregates, by the names that they get.

        Raises:
            ConfigurationError: The field holds no moments or days.
        """
        keys = [by] if isinstance(by, str) else list(by)
        grouped = self.group_by(*keys, **{name: TimeBucket(field, every)}).annotate(**computed)
        chosen = grouped.select(name, *keys, *computed)
        if fill:
            return self._rows(gaps_filled(chosen._state, Gaps(name, every, start, end), keys, computed))
        return chosen.order_by(name, *keys)

    def _rows(self, state: State) -> QueryBuilder[Row[Any]]:
        return cast("QueryBuilder[Row[Any]]", self._with(state))


def _computed_with(state: State, computed: Mapping[str, Any]) -> State:
    windows = {
        name
        for name, each in computed.items()
        if _holds(each, Window) or _is_over(state.scope.computed[name]) or mentions(each, state.windows)
    }
    groups = {
        name
        for name, each in computed.items()
        if state.grouped and (_holds(each, Aggregate) or mentions(each, state.aggregates))
    }
    return state.changed(windows=state.windows | windows, aggregates=state.aggregates | groups - windows)


def _is_over(expression: ColumnElement[Any]) -> bool:
    return any(isinstance(part, Over) for part in visitors.iterate(expression))


def _holds(expression: Any, kind: type[Any]) -> bool:
    return any(isinstance(part, kind) for part in parts_of(expression))


def _expression(name: str, given: Any) -> Any:
    if isinstance(given, str):
        raise ConfigurationError(
            f"{name}={given!r} may be a field or a text: say F({given!r}), or SQLAlchemy's literal({given!r})"
        )
    return given


def _names(given: Sequence[Any]) -> list[str]:
    names = [name if isinstance(name, str) else getattr(name, "key", None) for name in given]
    if None in names:
        raise ConfigurationError("name fields, and give expressions a name: select('carrier', late=...)")
    return cast("list[str]", names)
