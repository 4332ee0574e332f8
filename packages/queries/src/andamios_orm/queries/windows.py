"""Window functions: a value for each row, computed over the rows around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Double, FrameClause, FrameClauseType, Integer, func
from sqlalchemy.types import TypeEngine

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries.expressions import Expression, F, ordering
from andamios_orm.queries.resolving import named, resolved
from andamios_orm.queries.scope import Scope

__all__ = [
    "CumeDist",
    "DenseRank",
    "FirstValue",
    "Lag",
    "LastValue",
    "Lead",
    "Ntile",
    "PercentRank",
    "Rank",
    "RowNumber",
    "Window",
    "Windowable",
]

Distance = int | float | timedelta

Frame = tuple[Distance | None, Distance | None]
"""First and last row or value of a frame, counted from the present one; None for the end of the partition."""


class Windowable(Expression):
    """What can be computed over a window."""

    def over(
        self,
        *,
        partition_by: Any = (),
        order_by: Any = (),
        rows: Frame | None = None,
        range: Frame | None = None,  # noqa: A002 # SQL's word
    ) -> Window:
        """Compute it for each row, over the rows of its partition.

        Args:
            partition_by: A name or an expression, or several; rows with the same values are one partition.
            order_by: A name, such as ``"-dep_delay"``, or an expression, or several.
            rows: The frame, as how many rows before (negative) and behind; ``(-2, 0)`` is three rows.
            range: The frame, as distance of the value that orders the rows; a `timedelta` for moments.

        Raises:
            ConfigurationError: There are both.
        """
        if rows is not None and range is not None:
            raise ConfigurationError("a window has a frame of rows or of a range, and not both")
        frame = {"rows": rows} if rows is not None else {"range_": None if range is None else _range(range)}
        return Window(self, _listed(partition_by), _listed(order_by), frame)


class Window(Expression):
    """A function over a window; see `Windowable.over`."""

    def __init__(
        self,
        function: Expression,
        partition_by: Sequence[Any],
        order_by: Sequence[Any],
        frame: Mapping[str, Any],
    ) -> None:
        self._function = function
        self._partition_by = partition_by
        self._order_by = [ordering(each) for each in order_by]
        self._frame = frame

    @property
    def parts(self) -> Sequence[Any]:
        """What it is computed of, and its window."""
        orders = (order.by for order in self._order_by)
        return [*self._function.parts, *map(_named, self._partition_by), *orders]

    def resolve(self, scope: Scope) -> ColumnElement[Any]:
        """Return the call of the function with its OVER."""
        function: Any = self._function.resolve(scope)
        found: ColumnElement[Any] = function.over(
            partition_by=named(self._partition_by, scope) or None,
            order_by=[order.resolve(scope).clause for order in self._order_by] or None,
            **self._frame,
        )
        return found


class _Ranking(Windowable):
    function: ClassVar[str]
    type: ClassVar[TypeEngine[Any]] = Integer()

    def resolve(self, scope: Scope) -> ColumnElement[Any]:
        """Return the call of the function."""
        found: ColumnElement[Any] = getattr(func, self.function)(*self._arguments(), type_=self.type)
        return found

    def _arguments(self) -> Sequence[Any]:
        return ()


class RowNumber(_Ranking):
    """The number of the row in its partition, from 1."""

    function = "row_number"


class Rank(_Ranking):
    """The rank of the row; rows that are equal have the same, and the next rank is left out."""

    function = "rank"


class DenseRank(_Ranking):
    """The rank of the row; rows that are equal have the same, and no rank is left out."""

    function = "dense_rank"


class PercentRank(_Ranking):
    """The rank of the row, from 0 to 1."""

    function = "percent_rank"
    type = Double()


class CumeDist(_Ranking):
    """The share of rows that come before the row or are equal to it."""

    function = "cume_dist"
    type = Double()


class Ntile(_Ranking):
    """The number of the part, of so many equal ones, that the row is in, from 1.

    Args:
        parts: How many.
    """

    function = "ntile"

    def __init__(self, parts: int) -> None:
        self._parts = parts

    def _arguments(self) -> Sequence[Any]:
        return (self._parts,)


class _Picked(Windowable):
    function: ClassVar[str]

    def __init__(self, of: Any) -> None:
        self._of = of

    @property
    def parts(self) -> Sequence[Any]:
        """The value."""
        return [_named(self._of)]

    def resolve(self, scope: Scope) -> ColumnElement[Any]:
        """Return the call of the function."""
        (value,) = named([self._of], scope)
        arguments = (resolved(each, scope) for each in self._arguments())
        found: ColumnElement[Any] = getattr(func, self.function)(value, *arguments, type_=value.type)
        return found

    def _arguments(self) -> Sequence[Any]:
        return ()


class FirstValue(_Picked):
    """The value of the first row of the frame."""

    function = "first_value"


class LastValue(_Picked):
    """The value of the last row of the frame."""

    function = "last_value"


class _Shifted(_Picked):
    def __init__(self, of: Any, by: int = 1, default: Any = None) -> None:
        super().__init__(of)
        self._by = by
        self._default = default

    def _arguments(self) -> Sequence[Any]:
        return (self._by,) if self._default is None else (self._by, self._default)


class Lag(_Shifted):
    """The value of an earlier row.

    Args:
        of: A field or an expression.
        by: How many rows earlier.
        default: What stands for it where there is no such row.
    """

    function = "lag"


class Lead(_Shifted):
    """The value of a later row.

    Args:
        of: A field or an expression.
        by: How many rows later.
        default: What stands for it where there is no such row.
    """

    function = "lead"


def _range(frame: Frame) -> FrameClause:
    # SQLAlchemy's own form of two numbers takes integers alone.
    (first, lower), (last, upper) = map(_end, frame)
    return FrameClause(first, last, lower, upper)


def _end(distance: Distance | None) -> tuple[Distance | None, FrameClauseType]:
    if distance is None:
        return None, FrameClauseType.UNBOUNDED
    if not distance:
        return None, FrameClauseType.CURRENT
    length: Any = abs(distance)
    return length, FrameClauseType.FOLLOWING if length == distance else FrameClauseType.PRECEDING


def _named(given: Any) -> Any:
    return F(given) if isinstance(given, str) else given


def _listed(given: Any) -> Sequence[Any]:
    return given if isinstance(given, list | tuple) else [given]
