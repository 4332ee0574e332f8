"""Expressions that name fields, resolved in the query they are used in: ``F("arr_delay") - F("dep_delay")``.

Each can stand wherever SQLAlchemy takes an expression, as in ``func.coalesce(F("dep_delay"), 0)``, as long as
a query builder gets the whole.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, TextClause, UnaryExpression, and_, bindparam, or_, true
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import AbstractTextClause, Grouping

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries.order import Order
from andamios_orm.queries.resolving import Resolvable, embedded, is_sql, parts_of, resolved, value_of
from andamios_orm.queries.scope import Scope

if TYPE_CHECKING:
    from andamios_orm.queries.builder import QueryBuilder

__all__ = [
    "Exists",
    "Expression",
    "F",
    "Ordering",
    "OuterRef",
    "Param",
    "Q",
    "Subquery",
    "begins_with",
    "mentions",
    "ordering",
]


class Expression(Resolvable):
    """Something to compute in a query, which names fields that the query resolves.

    Arithmetic and comparisons with other expressions, columns and values make another expression.
    """

    def __add__(self, other: object) -> Expression:
        return _Operation(operator.add, self, other)

    def __radd__(self, other: object) -> Expression:
        return _Operation(operator.add, other, self)

    def __sub__(self, other: object) -> Expression:
        return _Operation(operator.sub, self, other)

    def __rsub__(self, other: object) -> Expression:
        return _Operation(operator.sub, other, self)

    def __mul__(self, other: object) -> Expression:
        return _Operation(operator.mul, self, other)

    def __rmul__(self, other: object) -> Expression:
        return _Operation(operator.mul, other, self)

    def __truediv__(self, other: object) -> Expression:
        return _Operation(operator.truediv, self, other)

    def __rtruediv__(self, other: object) -> Expression:
        return _Operation(operator.truediv, other, self)

    def __floordiv__(self, other: object) -> Expression:
        return _Operation(operator.floordiv, self, other)

    def __rfloordiv__(self, other: object) -> Expression:
        return _Operation(operator.floordiv, other, self)

    def __rmod__(self, other: object) -> Expression:
        return _Operation(operator.mod, other, self)

    def __mod__(self, other: object) -> Expression:
        return _Operation(operator.mod, self, other)

    def __neg__(self) -> Expression:
        return _Operation(operator.neg, self)

    def __lt__(self, other: object) -> Expression:
        return _Operation(operator.lt, self, other)

    def __le__(self, other: object) -> Expression:
        return _Operation(operator.le, self, other)

    def __gt__(self, other: object) -> Expression:
        return _Operation(operator.gt, self, other)

    def __ge__(self, other: object) -> Expression:
        return _Operation(operator.ge, self, other)

    def __eq__(self, other: object) -> Expression:  # type: ignore[override] # as SQLAlchemy's: a comparison of the database
        return _Operation(operator.eq, self, other)

    def __ne__(self, other: object) -> Expression:  # type: ignore[override] # as SQLAlchemy's: a comparison of the database
        return _Operation(operator.ne, self, other)

    __hash__ = object.__hash__

    def __and__(self, other: object) -> Q:
        return Q(self) & other

    def __or__(self, other: object) -> Q:
        return Q(self) | other

    def __invert__(self) -> Q:
        return ~Q(self)

    def __bool__(self) -> bool:
        raise ConfigurationError(
            "an expression is neither true nor false before the database computes it: combine conditions "
            "with & and | of Q objects, not with `and` and `or`"
        )

    def asc(self) -> Ordering:
        """Return the ascending order by this."""
        return Ordering(self)

    def desc(self) -> Ordering:
        """Return the descending order by this."""
        return Ordering(self, descending=True)


class _Operation(Expression):
    def __init__(self, apply: Callable[..., Any], *operands: object) -> None:
        self._apply = apply
        self._operands = operands

    @property
    def parts(self) -> Sequence[Any]:
        return self._operands

    def resolve(self, scope: Scope) -> ColumnElement[Any]:
        operands = list(self._operands)
        for number, operand in enumerate(operands):
            if isinstance(operand, F):
                others = [resolved(other, scope) for other in operands if other is not operand]
                operands[number] = scope.value(operand.name, next(iter(others), None))
        # Compared with None is asked whether there is a value.
        given = (None if operand is None else resolved(operand, scope) for operand in operands)
        found: ColumnElement[Any] = self._apply(*given)
        return found


class F(Expression):
    """A field, by the path that leads to it: ``F("airline__name")``.

    Args:
        name: The path.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def resolve(self, scope: Scope) -> ColumnElement[Any]:
        """Return what the path leads to."""
        return scope.value(self.name)

    def __repr__(self) -> str:
        return f"F({self.name!r})"


class OuterRef(Expression):
    """A field of the query around a subquery: ``Exists(QueryBuilder(Leg).filter(tailnum=OuterRef("id")))``.

    Args:
        name: The path that leads to it there.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def resolve(self, scope: Scope) -> ColumnElement[Any]:
        """Return what the query around resolves, when it gets the subquery."""
        return F(self._name).__clause_element__()

    def __repr__(self) -> str:
        return f"OuterRef({self._name!r})"


class Exists(Expression):
    """Whether a query has rows, as a condition of another.

    Args:
        query: The query, which may refer to the one around it with `OuterRef`.
    """

    def __init__(self, query: QueryBuilder[Any]) -> None:
        self._query = query

    def resolve(self, scope: Scope) -> ColumnElement[bool]:
        """Return the condition."""
        found: ColumnElement[bool] = resolved(embedded(self._query, scope).exists(), scope)
        return found


class Subquery(Expression):
    """The only value of the only row of a query, as a value in another; NULL where it has no row.

    Args:
        query: The query, of one column, which may refer to the one around it with `OuterRef`.
    """

    def __init__(self, query: QueryBuilder[Any]) -> None:
        self._query = query

    def resolve(self, scope: Scope) -> ColumnElement[Any]:
        """Return the value."""
        found: ColumnElement[Any] = resolved(embedded(self._query, scope).scalar_subquery(), scope)
        return found


class Param(Expression):
    """A value that is given when a frozen query is executed: ``filter(carrier=Param("carrier"))``.

    Args:
        name: Its name.
    """

    def __init__(self, name: str) -> None:
        if not name.isidentifier():
            raise ConfigurationError(
                f"a parameter is named as in Python, as in Param('carrier'), not {name!r}"
            )
        self._name = name

    def resolve(self, scope: Scope) -> ColumnElement[Any]:
        """Return the parameter; it gets the type of what it is compared with, and None is not ``isnull``."""
        return bindparam(self._name)

    def __repr__(self) -> str:
        return f"Param({self._name!r})"


class Q(Resolvable):
    """A condition: ``Q(carrier="UA") & ~(Q(dep_delay__gt=60) | Q(dep_delay=None))``.

    ``~`` negates as Python does: it holds for each row for which the condition is not true, those where SQL
    would not know (NULL) included.

    Args:
        conditions: Expressions, or other conditions.
        lookups: Lookups, see `andamios_orm.queries.lookups`; all of them hold.
    """

    def __init__(self, /, *conditions: Any, **lookups: Any) -> None:
        self._conditions = conditions
        self._lookups: Mapping[str, Any] = lookups
        self._combine: Callable[..., ColumnElement[bool]] = and_
        self._negated = False

    @property
    def parts(self) -> Sequence[Any]:
        """The conditions and values that this one is made of."""
        return [*self._conditions, *self._lookups.values(), *map(F, self._lookups)]

    def __bool__(self) -> bool:
        raise ConfigurationError(
            "a condition is neither true nor false before the database computes it: combine conditions with "
            "& and |, not with `and` and `or`"
        )

    @property
    def is_empty(self) -> bool:
        """Whether it has no condition.

        It holds for each row then, and adds nothing to others, nor does its negation.
        """
        return not self._lookups and all(map(_is_empty, self._conditions))

    @property
    def is_plain(self) -> bool:
        """Whether it holds no expression of this package, which would have to be looked into."""
        return type(self) is Q and all(
            part.is_plain if type(part) is Q else not _holds_sql(part)
            for part in (*self._conditions, *self._lookups.values())
        )

    def __and__(self, other: object) -> Q:
        return self._combined(and_, other)

    def __rand__(self, other: object) -> Q:
        return Q(other) & self

    def __or__(self, other: object) -> Q:
        return self._combined(or_, other)

    def __ror__(self, other: object) -> Q:
        return Q(other) | self

    def __invert__(self) -> Q:
        negated = Q(self)
        negated._negated = True
        return negated

    def resolve(self, scope: Scope) -> ColumnElement[bool]:
        """Return the condition."""
        if self.is_empty:
            return true()
        parts = self._resolved_parts(scope)
        found = parts[0] if len(parts) == 1 else self._combine(*parts)
        return found.is_not(true()) if self._negated else found

    def conjuncts(self, scope: Scope) -> list[ColumnElement[bool]]:
        """Return the conditions, one or more, all of which hold where this one holds."""
        if type(self) is not Q or self._negated or self._combine is not and_ or self.is_empty:
            return [self.resolve(scope)]
        return self._resolved_parts(scope)

    def _resolved_parts(self, scope: Scope) -> list[ColumnElement[bool]]:
        parts = [_condition(part, scope) for part in self._conditions if not _is_empty(part)]
        lookups = {name: value_of(each, scope) for name, each in self._lookups.items()}
        return [*parts, *scope.conditions(lookups)] if lookups else parts

    def _combined(self, combine: Callable[..., ColumnElement[bool]], other: object) -> Q:
        both = Q(self, other)
        both._combine = combine
        return both


_ORDERS = (operators.asc_op, operators.desc_op, operators.nulls_first_op, operators.nulls_last_op)


class Ordering:
    """An order by an expression.

    Args:
        by: The expression.
        descending: Whether the greatest comes first.
        nulls: Where rows without a value stand, ``"first"`` or ``"last"``; by default last.
    """

    def __init__(self, by: Any, *, descending: bool = False, nulls: str | None = None) -> None:
        self.by = F(by) if isinstance(by, str) else by
        self._descending = descending
        self._nulls = nulls

    def with_nulls(self, nulls: str) -> Ordering:
        """Return the order with rows without a value at one end."""
        return Ordering(self.by, descending=self._descending, nulls=nulls)

    def resolve(self, scope: Scope) -> Order:
        """Return the order in a query."""
        if isinstance(self.by, F):
            return scope.order(self.by.name, descending=self._descending, nulls_first=self._nulls == "first")
        found, descending, nulls = resolved(self.by, scope), self._descending, self._nulls
        while isinstance(found, UnaryExpression) and found.modifier in _ORDERS:
            # An order of SQLAlchemy, such as Flight.dep_delay.desc().nulls_first().
            descending = descending or found.modifier is operators.desc_op
            nulls = "first" if found.modifier is operators.nulls_first_op else nulls
            found = found.element
        return Order(found, descending, nulls == "first")


def ordering(given: Any, nulls: str | None = None) -> Ordering:
    """Return the order that a name, such as ``"-dep_delay"``, or an expression asks for."""
    if nulls not in (None, "first", "last"):
        raise ConfigurationError(f'nulls is "first" or "last", not {nulls!r}')
    if isinstance(given, Ordering):
        return given if nulls is None else given.with_nulls(nulls)
    if isinstance(given, str):
        return Ordering(F(given.removeprefix("-")), descending=given.startswith("-"), nulls=nulls)
    if not is_sql(given) or isinstance(given, TextClause):
        raise ConfigurationError(f"order_by() takes fields and expressions, as in '-id', not {given!r}")
    return Ordering(given, nulls=nulls)


def mentions(given: Any, names: Collection[str]) -> bool:
    """Return whether an expression names one of these fields."""
    return any(isinstance(part, F) and begins_with(part.name, names) for part in parts_of(given))


def begins_with(path: str, names: Collection[str]) -> bool:
    """Return whether a path begins with one of these names, which may have double underscores themselves."""
    return bool(names) and any(path == name or path.startswith(f"{name}__") for name in names)


def _holds_sql(part: Any) -> bool:
    return any(map(is_sql, part)) if isinstance(part, list | tuple) else is_sql(part)


def _is_empty(part: Any) -> bool:
    return isinstance(part, Q) and part.is_empty


def _condition(part: Any, scope: Scope) -> ColumnElement[bool]:
    if not is_sql(part):
        raise ConfigurationError(
            f"{part!r} is no condition: give lookups, as in filter(carrier='UA'), an expression, or a Q"
        )
    condition: ColumnElement[bool] = resolved(part, scope)
    # SQLAlchemy puts text beside an AND as it is, and an OR in it would undo the other conditions.
    return Grouping(condition) if any(map(_is_text, visitors.iterate(condition))) else condition


def _is_text(element: Any) -> bool:
    return isinstance(element, AbstractTextClause) or getattr(element, "is_literal", False)
