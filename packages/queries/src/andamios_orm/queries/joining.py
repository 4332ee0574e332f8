"""Joins that a query asks for: with a relationship, a model, a query or a table, and with the nearest row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, FromClause, and_, inspect, select
from sqlalchemy.orm import QueryableAttribute, RelationshipProperty, aliased

from andamios_orm.core.dialect.asof import asof
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries.errors import UnknownNameError
from andamios_orm.queries.expressions import Expression, Q
from andamios_orm.queries.resolving import Embeddable, embedded, resolved
from andamios_orm.queries.scope import Scope
from andamios_orm.queries.state import State

__all__ = ["Asof", "Pairs", "asof_joined", "joined"]

Pairs = str | Sequence[str] | Mapping[str, str]
"""Fields that are compared: one or several names, the same on both sides, or a dict from here to there."""


class Asof(NamedTuple):
    """How the nearest row is found.

    Attributes:
        on: The field that orders the rows, such as a moment: here, and there.
        by: The fields that are equal, from those here to those there.
        tolerance: How far away it may be.
    """

    on: tuple[str, str]
    by: Mapping[str, str]
    tolerance: timedelta | float | None

    @classmethod
    def of(cls, on: Pairs, by: Pairs, tolerance: timedelta | float | None) -> Asof:
        """Return how the nearest row is found.

        Raises:
            ConfigurationError: ``on`` is more than one field.
        """
        moments = _pairs(on)
        if len(moments) != 1:
            raise ConfigurationError(
                f"on= of an ASOF join is one field, such as the moment, not {on!r}: by= is for fields that "
                "are equal"
            )
        (moment,) = moments.items()
        return cls(moment, _pairs(by), tolerance)

    def condition(self, scope: Scope, target: Scope) -> ColumnElement[bool]:
        """Return the condition of the join."""
        here, there = self.on
        return asof(and_(*_same(scope, target, self.by), scope.value(here) >= _own_value(target, there)))

    def is_near(self, scope: Scope, target: Scope) -> ColumnElement[bool]:
        """Return the condition that the row is not too far away."""
        here, there = self.on
        return target.value(there) >= scope.value(here) - self.tolerance


class _Target(NamedTuple):
    name: str
    entity: Any
    relationship: Any = None
    alias_of: Any = None

    @property
    def scope(self) -> Scope:
        """The names of what is joined alone."""
        is_table = isinstance(self.entity, FromClause)
        return Scope(None, computed=dict(self.entity.c)) if is_table else Scope(self.entity)


def joined(state: State, target: Any, on: Any, name: str | None, *, outer: bool) -> State:
    """Return a query that joins a target.

    Raises:
        ConfigurationError: It needs a condition, or it cannot be joined.
        UnknownNameError: A name leads nowhere.
    """
    found = _found(state, target, name)
    scope = state.scope.copy()
    if found.relationship is not None and on is None:
        base = state.base.join(found.relationship.of_type(found.entity), isouter=outer)
        unique = state.unique and not found.relationship.property.uselist
    else:
        condition = _condition(scope, found, on)
        base = scope.join_to(state.base).join(found.entity, condition, isouter=outer)
        unique = False
    scope.joined[(found.name,)] = found.entity
    return state.continued(scope, base, unique=unique)


def asof_joined(state: State, target: Any, asof_: Asof, name: str | None, *, outer: bool) -> State:
    """Return a query that joins the last row of a target that is not behind the row of the query.

    Raises:
        ConfigurationError: It cannot be joined.
        UnknownNameError: A name leads nowhere.
    """
    found = _found(state, target, name)
    if outer and asof_.tolerance is not None:
        return _joined_if_near(state, found, asof_)
    scope = state.scope.copy()
    condition = asof_.condition(scope, found.scope)
    base = scope.join_to(state.base).join(found.entity, condition, isouter=outer)
    if asof_.tolerance is not None:
        base = base.where(asof_.is_near(scope, found.scope))
    scope.joined[(found.name,)] = found.entity
    return state.continued(scope, base)


def _joined_if_near(state: State, target: _Target, asof_: Asof) -> State:
    # A condition behind an outer join would take its rows away, so what is too far away is left out before:
    # by a subquery with the keys of the rows here, and what belongs to each.
    if isinstance(target.entity, FromClause) or state.scope.entity is None or not state.unique:
        raise ConfigurationError(
            "an outer ASOF join with a tolerance joins a model to objects, each of which occurs once"
        )
    scope = state.scope.copy()
    names = (asof_.on[0], *asof_.by)
    keys = {f"key_{number}_": key for number, key in enumerate(scope.key_columns())}
    here = {name: scope.value(name) for name in names}
    base = scope.join_to(state.base)
    selected = (value.label(name) for name, value in (keys | here).items())
    rows = base.with_only_columns(*selected).subquery()
    inside = Scope(None, computed=dict(rows.c))
    pairs = select(target.entity, *(rows.c[name] for name in keys)).select_from(rows)
    pairs = pairs.join(target.entity, asof_.condition(inside, target.scope))
    found = pairs.where(asof_.is_near(inside, target.scope)).subquery()
    scope.joined[(target.name,)] = aliased(target.entity, found)
    same = (found.c[name] == key for name, key in keys.items())
    return state.continued(scope, base.outerjoin(scope.joined[(target.name,)], and_(*same)))


def _found(state: State, target: Any, name: str | None) -> _Target:
    found = _target(state, target, name)
    scope = state.scope
    fields = () if scope.entity is None else scope.mapper.column_attrs.keys()
    if found.name in fields or found.name in scope.computed or (found.name,) in scope.joined:
        raise ConfigurationError(
            f"{found.name!r} is there already: give what is joined another name, join(..., name='other')"
        )
    return found


def _target(state: State, target: Any, name: str | None) -> _Target:
    if isinstance(target, str):
        return _named(state, target, name)
    if isinstance(getattr(target, "property", None), RelationshipProperty):
        related = target.property.mapper.class_
        return _Target(name or target.key, _own(related, state, name), _of(state, target))
    if isinstance(target, FromClause):
        return _Target(name or str(getattr(target, "name", "")), _once(state, target))
    if isinstance(target, Embeddable):
        if name is None:
            raise ConfigurationError("a query that is joined gets a name: join(query, name='late', on=...)")
        return _Target(name, embedded(target, state.scope).subquery(name))
    if isinstance(target, type) and hasattr(target, "__mapper__"):
        alias = aliased(target) if name or target is state.model else target
        return _Target(
            name or target.__name__.lower(), alias, alias_of=target if alias is not target else None
        )
    if hasattr(target, "_aliased_insp"):
        return _Target(
            name or target._aliased_insp.name or target._aliased_insp.mapper.class_.__name__.lower(), target
        )
    raise ConfigurationError(
        f"a relationship, a model, a query or a table is joined, not a value of type {type(target).__name__}"
    )


def _named(state: State, target: str, name: str | None) -> _Target:
    if state.ctes and target in state.ctes:
        return _Target(name or target, _once(state, state.ctes[target]))
    relationships = [] if state.scope.entity is None else state.scope.mapper.relationships.keys()
    if target not in relationships:
        known = {*relationships, *(state.ctes or ())}
        owner = (
            "this query, whose rows are no objects" if state.scope.entity is None else state.model.__name__
        )
        raise UnknownNameError(target, f"relationship of {owner}", known)
    attribute = getattr(state.scope.entity, target)
    return _Target(name or target, _own(attribute.property.mapper.class_, state, name), attribute)


def _once(state: State, table: FromClause) -> FromClause:
    # An alias where the table is in the query already.
    return table.alias() if any(each is table for each in state.scope.joined.values()) else table


def _own(model: type[Any], state: State, name: str | None) -> Any:
    # An alias where the model is in the query already, or asked for by a name of its own.
    return aliased(model) if name is not None or model is state.model else model


def _of(state: State, attribute: QueryableAttribute[Any]) -> Any:
    inside = state.scope.entity is not None and attribute.property.parent is state.scope.mapper
    return getattr(state.scope.entity, attribute.key) if inside else attribute


def _condition(scope: Scope, target: _Target, on: Any) -> ColumnElement[bool]:
    if on is None:
        raise ConfigurationError(
            f"join() of {target.name!r} needs a condition: on='code' for a field that both have, "
            "on={'airline_code': 'code'}, or an expression"
        )
    if isinstance(on, str | Mapping | list | tuple):
        return and_(*_same(scope, target.scope, _pairs(on)))
    scope.joined[(target.name,)] = target.entity
    condition: ColumnElement[bool] = resolved(on if isinstance(on, Q) else Q(on), scope)
    _check_paths("__".join(path) for path in scope.joined if path[0] == target.name and len(path) > 1)
    if target.alias_of is None or isinstance(on, Expression | Q):
        return condition
    # The model in the condition means what is joined, unless it may mean what is there already.
    if scope.entity is not None and scope.mapper is inspect(target.alias_of):
        name = target.alias_of.__name__
        raise ConfigurationError(
            f"both sides of the join are {name}: say on={{'manager_id': 'id'}}, from the field here to the "
            f"one there, or join an alias, aliased({name})"
        )
    adapted: ColumnElement[bool] = inspect(target.entity)._adapter.traverse(condition)
    return adapted


def _same(scope: Scope, target: Scope, pairs: Mapping[str, str]) -> list[ColumnElement[bool]]:
    return [scope.value(left) == _own_value(target, right) for left, right in pairs.items()]


def _own_value(target: Scope, name: str) -> ColumnElement[Any]:
    value = target.value(name)
    _check_paths(name for _ in target.joined)
    return value


def _check_paths(paths: Iterable[str]) -> None:
    # What a relationship of the target leads to could only be joined behind it.
    path = next(iter(paths), None)
    if path is not None:
        raise ConfigurationError(
            f"the condition of a join is about fields of what is joined itself, and {path!r} leads on from "
            "there: join a query that has it as a column, as in "
            "join(QueryBuilder(Plane).select('tailnum', 'airline__name'), name='machine', on=...)"
        )


def _pairs(given: Pairs) -> Mapping[str, str]:
    if isinstance(given, str):
        return {given: given}
    return given if isinstance(given, Mapping) else {name: name for name in given}
