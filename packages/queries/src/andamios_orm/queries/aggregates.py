"""Aggregates: one value for many rows, of a group, of all, or of the objects that a relationship leads to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from functools import partial
from os.path import commonprefix
from typing import TYPE_CHECKING, Any, ClassVar, Self

from sqlalchemy import ColumnElement, Double, Function, Integer, distinct, func
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import (
    ARRAY,
    JSON,
    Boolean,
    Date,
    DateTime,
    Interval,
    LargeBinary,
    String,
    Time,
    TypeEngine,
    Uuid,
)

from andamios_orm.core.errors import ConfigurationError, NotSupportedError
from andamios_orm.core.types import LIST, STRUCT
from andamios_orm.queries.errors import UnknownNameError
from andamios_orm.queries.expressions import F, Ordering, Q, ordering
from andamios_orm.queries.kinds import kind_of, undecorated
from andamios_orm.queries.resolving import parts_of, resolved
from andamios_orm.queries.scope import Scope
from andamios_orm.queries.windows import Windowable

if TYPE_CHECKING:
    from andamios_orm.queries.state import State

__all__ = [
    "BY_FUNCTION",
    "Aggregate",
    "ArrayAgg",
    "Avg",
    "Count",
    "Max",
    "Median",
    "Min",
    "Mode",
    "Quantile",
    "StdDev",
    "StringAgg",
    "Sum",
    "Variance",
    "check_objects",
    "check_rows",
]


class Aggregate(Windowable):
    """Compute one value for many rows.

    ``Sum("dep_delay")`` is over the rows of a group, or of the query. ``Sum("flights__dep_delay")``, where
    ``flights`` are many, is over the flights of each row. Rows without a value do not count.

    Args:
        of: A field or an expression.
        distinct: Whether equal values count once.
        filter: Which rows count, as a `Q` or an expression. Its names begin at the objects that are computed
            over: ``Count("flights", filter=Q(dep_delay__gt=60))``.
        order_by: For aggregates whose result depends on it, the order of the rows.

    Attributes:
        function: The function of the database.
        wanted: What the values are called that it is computed of.
        kinds: What these hold, as `ValueKind.many`; None where any value will do.
    """

    function: ClassVar[str]
    wanted: ClassVar[str] = "values"
    kinds: ClassVar[frozenset[str] | None] = None

    def __init__(
        self,
        of: Any,
        *,
        distinct: bool = False,
        filter: Any = None,  # noqa: A002 # SQL's word, and Django's
        order_by: Sequence[Any] | str = (),
    ) -> None:
        self._of = of
        self._distinct = distinct
        self._filter = filter
        self._orders: list[Ordering] = [
            ordering(each) for each in ([order_by] if isinstance(order_by, str) else order_by)
        ]

    @property
    def parts(self) -> Sequence[Any]:
        """What it is computed of, and its order; its filter is about rows that do not come out."""
        return [F(self._of) if isinstance(self._of, str) else self._of, *(order.by for order in self._orders)]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'' if self._of is None else repr(self._of)})"

    def is_of_rows(self, scope: Scope) -> bool:
        """Return whether it is over rows of the query, and not over what a relationship leads to."""
        return not isinstance(self._of, str) or not scope.leads_to_many(self._of)

    def filtered(self, condition: Any) -> Self:
        """Return the aggregate over those rows alone for which a condition holds too."""
        narrowed = copy(self)
        narrowed._filter = condition if self._filter is None else Q(self._filter, condition)
        return narrowed

    def resolve(self, scope: Scope) -> ColumnElement[Any]:
        """Return the call of the function, or a subquery with it."""
        if isinstance(self._of, str):
            return scope.aggregate(self._of, self._made)
        return self._made(scope, resolved(self._of, scope))

    def _made(self, scope: Scope, value: ColumnElement[Any]) -> ColumnElement[Any]:
        found = self._call(distinct(value) if self._distinct else value, value.type)
        if self._orders:
            found = found.aggregate_order_by(*(order.resolve(scope).clause for order in self._orders))
        return self._filtered(found, scope)

    def _filtered(self, call: Any, scope: Scope) -> ColumnElement[Any]:
        found: ColumnElement[Any] = call
        if self._filter is not None:
            try:
                found = call.filter(resolved(self._filter, scope))
            except UnknownNameError as error:
                self._check_beginnings(error.name, scope)
                raise
        return found

    def _check_beginnings(self, unknown: str, scope: Scope) -> None:
        # Whoever knows Django repeats the path to the objects that are computed over.
        path = self._of.split("__") if isinstance(self._of, str) else []
        for part in parts_of(self._filter) if unknown in path[:1] else ():
            steps = part.name.split("__") if isinstance(part, F) else []
            shorter = "__".join(steps[len(commonprefix([path, steps])) :])
            if steps[:1] == path[:1] and shorter:
                raise ConfigurationError(
                    f"the names in the filter of {self!r} begin at {scope.mapper.class_.__name__}: "
                    f"{shorter!r} in place of {part.name!r}"
                )

    def _call(self, value: Any, type_: TypeEngine[Any]) -> Any:
        held = kind_of(undecorated(type_)).many
        is_plain = self.kinds is None or held in _COMPUTED_ANYWHERE
        function = getattr(func, self.function) if is_plain else partial(_Particular, self.function)
        return function(value, *self._arguments(), type_=self._type(type_))

    def _arguments(self) -> Sequence[Any]:
        return ()

    def _type(self, type_: TypeEngine[Any]) -> TypeEngine[Any]:
        return type_


class _Particular(Function[Any]):
    """What is computed of moments and other values that not each database computes with."""

    inherit_cache = True


@compiles(_Particular)
def _compile(element: _Particular, compiler: Any, **options: Any) -> str:
    text: str = compiler.visit_function(element, **options)
    return text


@compiles(_Particular, "sqlite", "mysql", "mariadb")
def _refuse(element: _Particular, compiler: Any, **options: Any) -> str:
    # They compute with the numbers that such values begin with, or are written with.
    raise NotSupportedError.of(
        compiler.dialect.name,
        f"{element.name}() of moments, days and other values that are no numbers",
        "read them, and compute it in Python",
    )


_TIMES = frozenset({"dates", "moments", "times", "spans of time"})
_NUMBERS = frozenset({"numbers", "values"})
"""Of what is called values is not known what it is."""

_COMPUTED_ANYWHERE = _NUMBERS | {"truth values", "texts", "documents"}
"""What each database computes with, or refuses."""

_UNCHANGED = (ARRAY, DateTime, Interval, JSON, LargeBinary, STRUCT, String, Time, Uuid)
"""Between two values of these types is another one, or the engine takes one of them."""


class _Fraction(Aggregate):
    """An aggregate whose value is a floating point number, or a moment where the values are moments."""

    def _type(self, type_: TypeEngine[Any]) -> TypeEngine[Any]:
        kept = undecorated(type_)
        found: TypeEngine[Any] = Double()
        if isinstance(kept, Date):
            found = DateTime()
        elif isinstance(kept, _UNCHANGED):
            found = type_
        return found


class Sum(Aggregate):
    """The sum."""

    function = "sum"
    wanted = "numbers"
    kinds = _NUMBERS | {"truth values"}

    def _type(self, type_: TypeEngine[Any]) -> TypeEngine[Any]:
        return Integer() if isinstance(undecorated(type_), Boolean) else type_


class Avg(_Fraction):
    """The mean."""

    function = "avg"
    wanted = "numbers or moments"
    kinds = _NUMBERS | _TIMES


class Min(Aggregate):
    """The least value."""

    function = "min"


class Max(Aggregate):
    """The greatest value."""

    function = "max"


class Mode(Aggregate):
    """The most frequent value."""

    function = "mode"


class Median(_Fraction):
    """The median."""

    function = "median"


class StdDev(_Fraction):
    """The standard deviation of a sample."""

    function = "stddev_samp"
    wanted = "numbers"
    kinds = _NUMBERS


class Variance(_Fraction):
    """The variance of a sample."""

    function = "var_samp"
    wanted = "numbers"
    kinds = _NUMBERS


class Quantile(_Fraction):
    """The value below which a share of the rows is, interpolated.

    Args:
        of: A field or an expression.
        share: The share, from 0 to 1.
        options: See `Aggregate`.
    """

    function = "quantile_cont"
    wanted = "numbers or moments"
    kinds = _NUMBERS | _TIMES - {"spans of time"}

    def __init__(self, of: Any, share: float, **options: Any) -> None:
        if not 0 <= share <= 1:
            raise ConfigurationError(f"a quantile is for a share between 0 and 1, not {share!r}")
        super().__init__(of, **options)
        self._share = share

    def _arguments(self) -> Sequence[Any]:
        return (self._share,)


class Count(Aggregate):
    """How many rows have a value; without an argument, how many there are.

    Args:
        of: A field, a relationship or an expression.
        options: See `Aggregate`.
    """

    function = "count"

    def __init__(self, of: Any = None, **options: Any) -> None:
        super().__init__(of, **options)

    def resolve(self, scope: Scope) -> ColumnElement[Any]:
        """Return the call of the function, or a subquery with it."""
        return self._filtered(func.count(), scope) if self._of is None else super().resolve(scope)

    def _type(self, type_: TypeEngine[Any]) -> TypeEngine[Any]:
        return Integer()


class ArrayAgg(Aggregate):
    """A list of the values."""

    function = "list"

    def _type(self, type_: TypeEngine[Any]) -> TypeEngine[Any]:
        return LIST(type_)


class StringAgg(Aggregate):
    """The values, joined into one text.

    Args:
        of: A field or an expression.
        separator: What stands between two of them.
        options: See `Aggregate`.
    """

    function = "string_agg"

    def __init__(self, of: Any, separator: str = ",", **options: Any) -> None:
        super().__init__(of, **options)
        self._separator = separator

    def _arguments(self) -> Sequence[Any]:
        return (self._separator,)

    def _type(self, type_: TypeEngine[Any]) -> TypeEngine[Any]:
        return String()


BY_FUNCTION: Mapping[str, type[Aggregate]] = {
    each.function: each
    for each in (
        *(ArrayAgg, Avg, Count, Max, Median, Min),
        *(Mode, Quantile, StdDev, StringAgg, Sum, Variance),
    )
}
"""The aggregates by the functions of the database."""


def check_objects(state: State, expression: Any) -> None:
    """Check that no aggregate in an expression is over the rows of a query, which has no groups.

    Raises:
        ConfigurationError: One is.
    """
    for part in _aggregates_in(expression):
        if part.is_of_rows(state.scope.copy()):
            raise ConfigurationError(
                f"{part!r} is over all rows: make groups with group_by() before, compute it over a window "
                "with over(), or end the query with aggregate()"
            )


def check_rows(state: State, expression: Any) -> None:
    """Check that no aggregate in an expression is over what belongs to one object, of which groups have many.

    Raises:
        ConfigurationError: One is.
    """
    for part in _aggregates_in(expression):
        if not part.is_of_rows(state.scope.copy()):
            raise ConfigurationError(
                f"{part!r} is computed for one object: annotate() objects with it, or begin with the model "
                "that it is about"
            )


def _aggregates_in(expression: Any) -> Iterator[Aggregate]:
    return (part for part in parts_of(expression) if isinstance(part, Aggregate))
