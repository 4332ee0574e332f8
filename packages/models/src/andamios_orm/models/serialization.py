"""Read an object as plain data: what is loaded of it, and what has changed since."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields, is_dataclass
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import (
    ColumnProperty,
    InstanceState,
    Mapper,
    PassiveFlag,
    RelationshipDirection,
    RelationshipProperty,
)
from sqlalchemy.orm.base import DONT_SET
from sqlalchemy.orm.collections import collection_adapter

from andamios_orm.core.errors import ConfigurationError

__all__ = ["SerializationMixin", "chosen", "loaded", "related", "to_dict"]


class SerializationMixin:
    """Tells the values of an object, and the names of those that have changed. Nothing is loaded for it."""

    def to_dict(
        self, *, include: Collection[str] | None = None, exclude: Collection[str] = (), depth: int = 0
    ) -> dict[str, Any]:
        """Return the values of columns by the names of their attributes, as far as they are loaded.

        Args:
            include: The attributes that are wanted; None for all.
            exclude: Attributes that are left out.
            depth: How many relationships deep, where they are loaded, other objects become dicts as well. An
                object does not tell of the one that it was reached from.

        Raises:
            ConfigurationError: The model has no such attribute.
        """
        return to_dict(self, include=include, exclude=exclude, depth=depth)

    def changed_fields(self) -> frozenset[str]:
        """Return the names of attributes whose values differ from those in the database.

        They are columns and references to one other object. Of a new object, they are those that have a
        value; after a flush there are none.
        """
        state: InstanceState[Any] = inspect(self)
        return frozenset(
            name for name in state.manager.keys() - state.unmodified if _has_changed(state, name)
        )


def to_dict(
    instance: object, *, include: Collection[str] | None = None, exclude: Collection[str] = (), depth: int = 0
) -> dict[str, Any]:
    """Return what is loaded of an object of any mapped class; see `SerializationMixin.to_dict`."""
    state: InstanceState[Any] = inspect(instance)
    return _dict(state, chosen(state.mapper, include, exclude), depth, None)


def loaded(state: InstanceState[Any]) -> dict[str, Any]:
    """Return what can be read of an object without loading anything, by the names of attributes.

    For a new object of a dataclass that includes the defaults of its columns. SQLAlchemy does not store them
    in the object before the flush.
    """
    instance = state.obj()
    if state.key is not None or not is_dataclass(instance):
        return state.dict
    columns = state.mapper.column_attrs
    defaults = [field.name for field in fields(instance) if field.default is DONT_SET]
    return {name: getattr(instance, name) for name in defaults if name in columns} | state.dict


def chosen(mapper: Mapper[Any], include: Collection[str] | None, exclude: Collection[str]) -> list[str]:
    """Return the names of mapped attributes without those that are not wanted.

    Raises:
        ConfigurationError: There is no such attribute, or a text stands for a list of names.
    """
    known = list(mapper.attrs.keys())
    for names in (include, exclude):
        unknown = [names] if isinstance(names, str) else sorted(set(names or ()) - set(known))
        if unknown:
            raise ConfigurationError(
                f"include and exclude list attributes of {mapper.class_.__name__}, not {unknown[0]!r}; "
                f"it has {', '.join(known)}"
            )
    return [name for name in known if (include is None or name in include) and name not in exclude]


def related(value: Any) -> list[Any]:
    """Return the objects in a collection of a relationship, whichever kind it is."""
    return list(collection_adapter(value))


def _dict(
    state: InstanceState[Any], names: list[str], depth: int, back: RelationshipProperty[Any] | None
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    values = loaded(state)
    for name in names:
        attribute: Any = state.mapper.attrs[name]
        if name not in values or attribute is back:
            continue
        if isinstance(attribute, ColumnProperty):
            found[name] = values[name]
        elif isinstance(attribute, RelationshipProperty) and depth:
            found[name] = _others(values[name], attribute, depth - 1)
    return found


def _others(value: Any, attribute: RelationshipProperty[Any], depth: int) -> Any:
    if value is None:
        return None
    back = next(iter(attribute._reverse_property), None)
    if attribute.uselist:
        return [_other(inspect(other), depth, back) for other in related(value)]
    return _other(inspect(value), depth, back)


def _other(state: InstanceState[Any], depth: int, back: RelationshipProperty[Any] | None) -> dict[str, Any]:
    return _dict(state, list(state.mapper.attrs.keys()), depth, back)


def _has_changed(state: InstanceState[Any], name: str) -> bool:
    attribute = state.mapper.attrs.get(name)
    written = isinstance(attribute, ColumnProperty) or (
        isinstance(attribute, RelationshipProperty)
        and attribute.direction is RelationshipDirection.MANYTOONE
        and not attribute.viewonly
    )
    return written and state.get_history(name, PassiveFlag.PASSIVE_NO_INITIALIZE).has_changes()
