"""Series of time: groups of equal length, also where there are no rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Date, DateTime, Interval, and_, cast, func, literal, select, true

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries.aggregates import Count
from andamios_orm.queries.expressions import Expression, F
from andamios_orm.queries.kinds import undecorated
from andamios_orm.queries.order import Order
from andamios_orm.queries.resolving import resolved
from andamios_orm.queries.scope import Scope
from andamios_orm.queries.state import State

__all__ = ["Gaps", "TimeBucket", "gaps_filled"]

Moment = datetime | date

_SPAN = re.compile(
    r"\s*0*[1-9]\d{0,8}\s*(microsecond|millisecond|second|minute|hour|day|week|month|quarter|year)s?\s*"
)
"""A length of time as a text: a number and one unit."""


class TimeBucket(Expression):
    """The beginning of the span that a moment is in: ``group_by(day=TimeBucket("time_hour", "1 day"))``.

    Args:
        of: A field of moments or days.
        every: How long a span is: a `timedelta`, or a text such as ``"15 minutes"`` or ``"1 month"``.
    """

    def __init__(self, of: Any, every: timedelta | str) -> None:
        self._of = of
        self._every = span(every)

    @property
    def parts(self) -> Sequence[Any]:
        """What it is of."""
        return [F(self._of) if isinstance(self._of, str) else self._of]

    def resolve(self, scope: Scope) -> ColumnElement[Any]:
        """Return the call of DuckDB's ``time_bucket``.

        Raises:
            ConfigurationError: The field holds no moments or days.
        """
        of = scope.value(self._of) if isinstance(self._of, str) else resolved(self._of, scope)
        if not isinstance(undecorated(of.type), DateTime | Date):
            raise ConfigurationError(f"a time bucket is of moments or days, and {self._of!r} holds neither")
        found: ColumnElement[Any] = func.time_bucket(self._every, of, type_=of.type)
        return found


class Gaps(NamedTuple):
    """The spans for which there have to be rows.

    Attributes:
        bucket: The name of the column with their beginnings.
        every: How long each is.
        start: A moment in the first one; by default the first that has rows.
        end: A moment in the last one; by default the last that has rows.
    """

    bucket: str
    every: timedelta | str
    start: Moment | None
    end: Moment | None


def span(every: timedelta | str) -> ColumnElement[Any]:
    """Return a length of time as an expression.

    Raises:
        ConfigurationError: It is none, or not longer than nothing.
    """
    if isinstance(every, timedelta):
        is_long = every > timedelta(0)
    else:
        is_long = isinstance(every, str) and _SPAN.fullmatch(every.lower()) is not None
    if not is_long:
        raise ConfigurationError(
            f"a span of time is a timedelta, or a text such as '15 minutes', not {every!r}"
        )
    return cast(literal(every), Interval()) if isinstance(every, str) else literal(every, Interval())


def gaps_filled(state: State, gaps: Gaps, by: Sequence[str], computed: Mapping[str, Any]) -> State:
    """Return a query with rows also for spans without any, in which counts are 0 and other values missing.

    Args:
        state: The query, of groups.
        gaps: The spans.
        by: The other columns that make up a group; each combination that occurs gets all spans.
        computed: What is computed of the groups.
    """
    groups = state.statement.cte()
    bucket = groups.c[gaps.bucket]
    first = _beginning(gaps.every, gaps.start, func.min(bucket))
    last = _beginning(gaps.every, gaps.end, func.max(bucket))
    series = func.unnest(func.generate_series(first, last, span(gaps.every)))
    spans = select(cast(series, bucket.type).label(gaps.bucket)).select_from(groups).subquery()
    keys = select(*(groups.c[name] for name in by)).distinct().subquery() if by else None
    rows: Any = spans if keys is None else spans.join(keys, true())
    same = [spans.c[gaps.bucket] == bucket]
    if keys is not None:
        same += [keys.c[name].is_not_distinct_from(groups.c[name]) for name in by]
    columns: dict[str, ColumnElement[Any]] = {gaps.bucket: spans.c[gaps.bucket]}
    columns |= {name: keys.c[name] for name in by if keys is not None}
    columns |= {name: _without_rows(groups.c[name], each) for name, each in computed.items()}
    filled = select(*(column.label(name) for name, column in columns.items()))
    made = state.over(filled.select_from(rows.outerjoin(groups, and_(*same))).subquery())
    return made.changed(orders=tuple(Order(made.scope.computed[name]) for name in (gaps.bucket, *by)))


def _beginning(
    every: timedelta | str, moment: Moment | None, found: ColumnElement[Any]
) -> ColumnElement[Any]:
    # What is found is asked for in any case, because an aggregate makes one row of all.
    if moment is None:
        return found
    given = func.time_bucket(span(every), literal(moment, found.type), type_=found.type)
    return func.coalesce(given, found)


def _without_rows(value: ColumnElement[Any], computed: Any) -> ColumnElement[Any]:
    return func.coalesce(value, 0, type_=value.type) if isinstance(computed, Count) else value
