"""What names mean in a query: fields of its model, of related models, and what it has computed.

A name is a path: the parts between double underscores lead from the model over relationships to a field, and
into it. The rules:

* A relationship to one object is an outer join, made once for each path. So no row is lost by it.
* A relationship to many is a subquery. In a condition it asks whether there is such an object, in an
  aggregate it computes over all of them. So no row is doubled by it, and two of them do not multiply.
* Conditions that one call makes about the same relationship to many are about the same object.
* What the query has joined itself, by a relationship or under a name, is what it has joined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, FromClause, Select, SelectBase, and_, inspect, select
from sqlalchemy.orm import Mapper, RelationshipProperty, aliased
from sqlalchemy.sql import coercions, roles, visitors

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries.errors import UnknownNameError
from andamios_orm.queries.fields import Field, Simple
from andamios_orm.queries.objects import OBJECT_LOOKUPS, object_condition
from andamios_orm.queries.order import Order

__all__ = ["Scope"]

Path = tuple[str, ...]


class _Lookup(NamedTuple):
    path: Path
    value: Any


class _Kept(NamedTuple):
    """What names of a mapped class mean, kept with the class: where a name is that of one of its columns."""

    lookups: dict[str, Simple]
    orders: dict[tuple[str, bool, bool], Order]


class Scope:
    """The names of one query.

    Args:
        entity: The model, or an alias of it; None where rows are no objects.
        joined: The entities and tables that the query joins, by the paths that lead to them.
        computed: What it has computed, by name.
        is_inside: Whether the entity is an alias for the rows of a query inside of this one.
        include_deleted: What the query says of softly deleted rows.
    """

    def __init__(
        self,
        entity: Any,
        joined: Mapping[Path, Any] | None = None,
        computed: Mapping[str, ColumnElement[Any]] | None = None,
        *,
        is_inside: bool = False,
        include_deleted: bool | str = False,
    ) -> None:
        self.entity = entity
        self.joined: dict[Path, Any] = dict(joined or {})
        self.computed: dict[str, ColumnElement[Any]] = dict(computed or {})
        self._joins: list[Any] = []
        # Of a model itself, because what an alias has is its own.
        self._kept = _kept_with(entity) if isinstance(entity, type) else None
        self.is_inside = is_inside
        self.include_deleted = include_deleted

    @property
    def mapper(self) -> Mapper[Any]:
        """The mapper of the model."""
        return _mapper(self.entity)

    def names(self) -> set[str]:
        """Return the names that a path can begin with."""
        known = set(self.computed) | {path[0] for path in self.joined}
        return known if self.entity is None else known | set(_names_of(self.entity))

    def column_names(self) -> set[str]:
        """Return what the columns of the model are called, as attributes and in the database."""
        columns = self.mapper.columns
        return {*columns.keys(), *(column.name for column in columns if isinstance(column, Column))}

    def copy(self) -> Scope:
        """Return a scope that may learn more names."""
        other = object.__new__(Scope)
        vars(other).update(vars(self))
        other.joined, other.computed, other._joins = self.joined.copy(), self.computed.copy(), []
        return other

    def join_to(self, query: Select[Any]) -> Select[Any]:
        """Return a query with the joins that were needed since this was asked last."""
        for target in self._joins:
            query = query.outerjoin(target)
        self._joins.clear()
        return query

    def adapted(self, expression: Any) -> Any:
        """Return an expression of the model's attributes as one about the rows of a query inside.

        Subqueries in it are left alone: they are about the model.
        """
        if not self.is_inside:
            return expression
        replace = inspect(self.entity)._adapter.replace

        def adapted(element: Any, **_: Any) -> Any:
            return element if isinstance(element, SelectBase) else replace(element)

        found: Any = coercions.expect(roles.ExpressionElementRole, expression)
        return visitors.replacement_traverse(found, {}, adapted)

    def value(self, name: str, beside: Any = None) -> ColumnElement[Any]:
        """Return the value that a name leads to.

        Args:
            name: The name.
            beside: What the value is computed or compared with.

        Raises:
            ConfigurationError: It leads to many objects, or to an object instead of a field.
            UnknownNameError: It leads nowhere.
        """
        if not isinstance(name, str):
            raise ConfigurationError(f"a field is named by a text, not by {name!r}")
        simple = self._simple(name)
        if simple is not None and simple[0].key == name:
            return simple[0]
        field, rest = self._field(tuple(name.split("__")), name)
        return field.value(rest, beside)

    def order(self, name: str, *, descending: bool, nulls_first: bool) -> Order:
        """Return the order by the value that a name leads to."""
        value = self.value(name)
        if self._kept is None or self._kept.lookups.get(name, (None,))[0] is not value:
            return Order(value, descending, nulls_first)
        key = name, descending, nulls_first
        known = self._kept.orders.get(key)
        return known or self._kept.orders.setdefault(key, Order(value, descending, nulls_first))

    def conditions(self, lookups: Mapping[str, Any]) -> list[ColumnElement[bool]]:
        """Return the conditions that lookups stand for.

        Raises:
            ConfigurationError: A lookup does not take its value.
            UnknownNameError: A name leads nowhere.
        """
        found: list[ColumnElement[bool]] = []
        given: list[_Lookup] = []
        for name, value in lookups.items():
            simple = self._simple(name)
            if simple is None:
                given.append(_Lookup(tuple(name.split("__")), value))
            else:
                field, comparison = simple
                found.append(comparison(field, value))
        return [*found, *self._conditions((), given)] if given else found

    def aggregate(
        self, name: str, make: Callable[[Scope, ColumnElement[Any]], ColumnElement[Any]]
    ) -> ColumnElement[Any]:
        """Return an aggregate of what a name leads to; of many objects, a subquery.

        Args:
            name: The name.
            make: Makes the aggregate, given the scope in which the value stands, and the value.
        """
        path = tuple(name.split("__"))
        at, many = self._first_many(path)
        if many is None:
            return make(self, self.value(name))
        scope, steps, query = self._related(self._entity(at), many, path[len(at) + 1 :])
        found = make(scope, scope.value("__".join(steps)) if steps else scope.key_columns()[0])
        return scope.join_to(query.with_only_columns(found)).scalar_subquery()

    def leads_to_many(self, name: str) -> bool:
        """Return whether a name leads over a relationship to many."""
        return self._first_many(tuple(name.split("__")))[1] is not None

    def key_names(self) -> list[str]:
        """Return the names of the attributes that are the model's primary key."""
        mapper = self.mapper
        return [mapper.get_property_by_column(column).key for column in mapper.primary_key]

    def key_columns(self) -> list[ColumnElement[Any]]:
        """Return these attributes."""
        return [getattr(self.entity, name) for name in self.key_names()]

    def _simple(self, name: str) -> Simple | None:
        # Only while nothing else has names.
        if self._kept is None or self.computed or self.joined:
            return None
        known = self._kept.lookups
        if name in known:
            return known[name]
        head, *steps = name.split("__")
        attribute = self._attribute((), head)
        # What a hybrid property returns may be another expression the next time.
        is_column = head in self.mapper.column_attrs
        found = Field.of(attribute, head).simple(steps) if is_column else None
        if found is not None:
            known[name] = found
        return found

    def _computed(self, path: Path) -> tuple[Field, Path] | None:
        # A column may be called after the path that led to it.
        for length in range(len(path), 0, -1) if self.computed else ():
            name = "__".join(path[:length])
            if name in self.computed:
                return Field.of(self.computed[name], name), path[length:]
        return None

    def _field(self, path: Path, name: str) -> tuple[Field, Path]:
        found = self._computed(path)
        if found is not None:
            return found
        at: Path = ()
        for number, part in enumerate(path):
            if (*at, part) in self.joined:
                at = (*at, part)
                continue
            attribute = self._attribute(at, part)
            relationship = _relationship(attribute)
            if relationship is None:
                return Field.of(attribute, "__".join(path[: number + 1])), path[number + 1 :]
            if relationship.uselist:
                raise ConfigurationError(
                    f"{name!r} leads to many: filter by it, or aggregate it, as in Count({name!r})"
                )
            at = self._joined((*at, part))
        entity = self._entity(at)
        columns = entity.c if isinstance(entity, FromClause) else _mapper(entity).column_attrs
        raise ConfigurationError(
            f"{name!r} is an object: name one of its fields, as in '{name}__{columns.keys()[0]}'"
        )

    def _conditions(self, at: Path, lookups: Iterable[_Lookup]) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = []
        further: dict[str, list[_Lookup]] = {}
        for lookup in lookups:
            found = self._direct_condition(at, lookup)
            if found is None:
                head, *rest = lookup.path
                further.setdefault(head, []).append(_Lookup(tuple(rest), lookup.value))
            else:
                conditions.append(found)
        for head, shorter in further.items():
            if (*at, head) not in self.joined and self._attribute(at, head).property.uselist:
                conditions.append(self._any(at, head, shorter))
            else:
                conditions += self._conditions(self._joined((*at, head)), shorter)
        return conditions

    def _direct_condition(self, at: Path, lookup: _Lookup) -> ColumnElement[bool] | None:
        # None where the path goes on over a relationship, or what the query joins.
        computed = None if at else self._computed(lookup.path)
        if computed is not None:
            field, steps = computed
            return field.condition(steps, lookup.value)
        head, *rest = lookup.path
        goes_on = bool(rest) and rest[0] not in OBJECT_LOOKUPS
        if goes_on and (*at, head) in self.joined:
            return None
        attribute = self._attribute(at, head)
        relationship = _relationship(attribute)
        if relationship is None:
            return Field.of(attribute, "__".join((*at, head))).condition(rest, lookup.value)
        if goes_on or (rest and rest[0] in relationship.mapper.attrs):
            return None
        return object_condition(attribute, rest, lookup.value)

    def _any(self, at: Path, head: str, lookups: Sequence[_Lookup]) -> ColumnElement[bool]:
        attribute = self._attribute(at, head)
        scope = Scope(aliased(attribute.property.mapper.class_))
        conditions = scope._conditions((), lookups)
        if not scope._joins:
            found: ColumnElement[bool] = attribute.of_type(scope.entity).any(and_(*conditions))
            return found
        query = _related_query(self._entity(at), head, scope.entity)
        return scope.join_to(query).where(*conditions).exists()

    def _first_many(self, path: Path) -> tuple[Path, str | None]:
        at: Path = ()
        for part in () if self._computed(path) else path:
            if (*at, part) in self.joined:
                at = (*at, part)
                continue
            relationship = _relationship(self._attribute(at, part))
            if relationship is None:
                break
            if relationship.uselist:
                return at, part
            at = self._joined((*at, part))
        return at, None

    def _related(self, entity: Any, head: str, rest: Path) -> tuple[Scope, Path, Select[Any]]:
        # Further relationships are joined: an aggregate is over all that they lead to.
        scope = Scope(aliased(getattr(entity, head).property.mapper.class_))
        query = _related_query(entity, head, scope.entity)
        while rest:
            relationship = _relationship(scope._attribute((), rest[0]))
            if relationship is None:
                break
            following = aliased(relationship.mapper.class_)
            query = query.join(getattr(scope.entity, rest[0]).of_type(following))
            scope, rest = Scope(following), rest[1:]
        return scope, rest, query

    def _joined(self, path: Path) -> Path:
        if path not in self.joined:
            attribute = self._attribute(path[:-1], path[-1])
            alias = aliased(attribute.property.mapper.class_)
            self._joins.append(attribute.of_type(alias))
            self.joined[path] = alias
        return path

    def _entity(self, at: Path) -> Any:
        return self.joined[at] if at else self.entity

    def _attribute(self, at: Path, name: str) -> Any:
        entity = self._entity(at)
        if isinstance(entity, FromClause):
            if name not in entity.c:
                raise UnknownNameError(name, f"column of {'__'.join(at)}", entity.c.keys())
            return entity.c[name]
        if entity is None:
            raise UnknownNameError(name, "column of this query", self.names())
        mapper = _mapper(entity)
        if name[:1] in ("", "_") or name not in mapper.all_orm_descriptors:
            known = set(mapper.attrs.keys()) | (self.names() if not at else set())
            raise UnknownNameError(name, f"field of {mapper.class_.__name__}", known)
        return getattr(entity, name)


def _mapper(entity: Any) -> Mapper[Any]:
    inspected: Any = inspect(entity)
    mapper: Mapper[Any] = inspected.mapper
    return mapper


def _kept_with(model: type[Any]) -> _Kept:
    kept: _Kept = _mapper(model).class_manager.info.setdefault("andamios_orm.queries", _Kept({}, {}))
    return kept


def _names_of(entity: Any) -> Iterable[str]:
    names: Iterable[str] = entity.c.keys() if isinstance(entity, FromClause) else _mapper(entity).attrs.keys()
    return names


def _relationship(attribute: Any) -> RelationshipProperty[Any] | None:
    found = getattr(attribute, "property", None)
    return found if isinstance(found, RelationshipProperty) else None


def _related_query(entity: Any, name: str, target: Any) -> Select[Any]:
    # From another alias of the model, so that any relationship can be joined.
    mapper = _mapper(entity)
    source = aliased(mapper.class_)
    keys = [mapper.get_property_by_column(column).key for column in mapper.primary_key]
    same = (getattr(source, key) == getattr(entity, key) for key in keys)
    query: Select[Any] = select(1).select_from(source).join(getattr(source, name).of_type(target))
    return query.where(*same).correlate(inspect(entity).selectable)
