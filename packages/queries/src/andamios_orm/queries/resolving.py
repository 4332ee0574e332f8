"""How what names fields becomes SQL: each name is looked up in the query that it is used in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import ClauseElement, ColumnElement, Select, Table, inspect, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import QueryableAttribute
from sqlalchemy.sql import visitors
from sqlalchemy.sql.selectable import AliasedReturnsRows

from andamios_orm.core.errors import ConfigurationError

if TYPE_CHECKING:
    from andamios_orm.queries.scope import Scope

__all__ = ["Embeddable", "Resolvable", "embedded", "is_sql", "named", "parts_of", "resolved", "value_of"]


class Resolvable(ABC):
    """What names fields: an expression, a condition."""

    @property
    def parts(self) -> Sequence[Any]:
        """What it is made of."""
        return ()

    @abstractmethod
    def resolve(self, scope: Scope) -> ColumnElement[Any]:
        """Return it as SQLAlchemy's, the names being those of ``scope``.

        Raises:
            ConfigurationError: A name cannot stand here, a lookup does not take its value, or something is no
                condition.
            UnknownNameError: A name leads nowhere.
        """
        ...

    def __clause_element__(self) -> ColumnElement[Any]:
        """Return what stands for it inside of an expression of SQLAlchemy."""
        return _Unresolved(self)


class Embeddable(ABC):
    """A query, which may stand in another one."""

    @property
    @abstractmethod
    def statement(self) -> Select[Any]:
        """SQLAlchemy's statement, to be executed or changed there."""
        ...


class _Unresolved(ColumnElement[Any]):
    """Stand for an expression until a query resolves it."""

    __visit_name__ = "andamios_unresolved"
    inherit_cache = False

    def __init__(self, expression: Resolvable) -> None:
        self.pending = expression


@compiles(_Unresolved)
def _refuse(element: _Unresolved, compiler: Any, **options: Any) -> str:
    raise ConfigurationError(
        f"{element.pending!r} names a field of a query: give it to a QueryBuilder, or use Model.field"
    )


def resolved(given: Any, scope: Scope) -> Any:
    """Return an expression as SQLAlchemy's: one that names fields, one that is SQLAlchemy's, or a value."""
    if isinstance(given, Resolvable):
        return given.resolve(scope)
    if isinstance(given, QueryableAttribute):
        return scope.adapted(given)
    if not is_sql(given):
        return literal(given)
    if isinstance(given, Embeddable):
        embedded(given, scope)
    element = given.__clause_element__() if hasattr(given, "__clause_element__") else given
    if not any(isinstance(part, _Unresolved) for part in visitors.iterate(element)):
        return scope.adapted(element)
    _check_subqueries(element, scope)
    return visitors.replacement_traverse(scope.adapted(element), {}, partial(_resolved_part, scope))


def embedded(query: Embeddable, scope: Scope) -> Select[Any]:
    """Return the statement of a query that becomes a part of another.

    Raises:
        ConfigurationError: It asks for what is softly deleted in another way than the query around it.
    """
    included = query.statement.get_execution_options().get("include_deleted", False)
    if included != scope.include_deleted:
        raise ConfigurationError(
            "with_deleted() and only_deleted() are about a whole statement: call the same on the query "
            "around this one, before it takes this one in"
        )
    return query.statement


def named(given: Iterable[Any], scope: Scope) -> list[Any]:
    """Return what names of fields, and expressions, stand for."""
    return [scope.value(each) if isinstance(each, str) else resolved(each, scope) for each in given]


def value_of(given: Any, scope: Scope) -> Any:
    """Return a value as it is, and an expression, or a list that has some, as SQLAlchemy's."""
    if isinstance(given, list | tuple):
        return [value_of(each, scope) for each in given]
    return resolved(given, scope) if is_sql(given) else given


def parts_of(given: Any) -> Iterator[Any]:
    """Return an expression and all that it is made of."""
    yield given
    if isinstance(given, Resolvable):
        parts = given.parts
    elif isinstance(given, list | tuple):
        parts = given
    elif isinstance(given, ClauseElement):
        parts = [part.pending for part in visitors.iterate(given) if isinstance(part, _Unresolved)]
    else:
        parts = ()
    for part in parts:
        yield from parts_of(part)


def is_sql(given: Any) -> bool:
    """Return whether it is an expression of SQLAlchemy, or stands for one."""
    return isinstance(given, ClauseElement) or hasattr(given, "__clause_element__")


def _resolved_part(scope: Scope, part: Any, **_: Any) -> ColumnElement[Any] | None:
    return part.pending.resolve(scope) if isinstance(part, _Unresolved) else None


def _check_subqueries(element: Any, scope: Scope) -> None:
    # The fields of a subquery and those of the query around it would have the same names.
    if scope.entity is None:
        return
    if hash(inspect(scope.entity).selectable) in set(map(hash, _tables_in(element))):
        name = scope.mapper.class_.__name__
        raise ConfigurationError(
            f"both queries are about {name}: begin the inner one with an alias, QueryBuilder(aliased({name}))"
        )


def _tables_in(element: Any) -> Iterator[Any]:
    if isinstance(element, Table):
        yield element
    elif not isinstance(element, AliasedReturnsRows):
        for part in element.get_children():
            yield from _tables_in(part)
