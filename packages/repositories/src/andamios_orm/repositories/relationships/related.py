"""Relationships of a model: which of them can be written, what they hold, and how it is replaced."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, inspect
from sqlalchemy.orm import QueryableAttribute, RelationshipDirection, RelationshipProperty
from sqlalchemy.orm.collections import collection_adapter
from sqlalchemy.util import duck_type_collection

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries import UnknownNameError

__all__ = [
    "Relationship",
    "counterparts",
    "identity",
    "implied",
    "members",
    "owns",
    "parent_key",
    "refers",
    "refuse_removal",
    "relationship_of",
    "replace",
]

Relationship = RelationshipProperty[Any]


def relationship_of(model: type[Any], name: str | QueryableAttribute[Any]) -> Relationship:
    """Return a relationship of a model that can be written.

    Args:
        model: The mapped class.
        name: Its name, or the attribute itself.

    Raises:
        ConfigurationError: It only shows what others hold, or is not loaded as a whole.
        UnknownNameError: The model has no such relationship.
    """
    key = name.key if isinstance(name, QueryableAttribute) else name
    known = inspect(model).relationships
    if key not in known:
        raise UnknownNameError(key, f"relationship of {model.__name__}", known.keys())
    relationship: Relationship = known[key]
    if relationship.viewonly:
        raise ConfigurationError(
            f"{model.__name__}.{key} is viewonly: change the relationship that it is a view of"
        )
    if relationship.lazy in ("dynamic", "write_only"):
        raise ConfigurationError(
            f"{model.__name__}.{key} has lazy={relationship.lazy!r}: use its own add() and remove()"
        )
    return relationship


def owns(relationship: Relationship) -> bool:
    """Return whether what it leads to has the foreign key, so that each one belongs to one object."""
    return relationship.direction is RelationshipDirection.ONETOMANY


def refers(relationship: Relationship) -> bool:
    """Return whether the model has the foreign key itself."""
    return relationship.direction is RelationshipDirection.MANYTOONE


def identity(key: Any) -> Any:
    """Return a primary key as callers give it: one value where it has one column."""
    return key[0] if len(key) == 1 else tuple(key)


def implied(relationship: Relationship, parent: Any) -> dict[str, Any]:
    """Return what the foreign key of a child is, by the names of its attributes, because of its parent."""
    pairs = relationship.synchronize_pairs
    own, other = inspect(type(parent)), relationship.mapper
    return {
        other.get_property_by_column(child).key: getattr(parent, own.get_property_by_column(column).key)
        for column, child in pairs
    }


def parent_key(relationship: Relationship, child: Any) -> tuple[Any, ...] | None:
    """Return the primary key of the object that a child belongs to in the database; None where to none."""
    state, by_column = inspect(child), {}
    for column, foreign in relationship.synchronize_pairs:
        name = relationship.mapper.get_property_by_column(foreign).key
        by_column[column] = state.committed_state.get(name, state.dict.get(name))
    key = tuple(by_column.get(column) for column in relationship.parent.primary_key)
    return None if None in key else key


def counterparts(relationship: Relationship) -> list[str]:
    """Return the names of the relationships that say the same from the other side."""
    return [
        other.key
        for other in relationship.mapper.relationships
        if _foreign(other) == _foreign(relationship)
        and other is not relationship
        and (other.direction is not relationship.direction or other.secondary is not None)
    ]


def _foreign(relationship: Relationship) -> set[ColumnElement[Any]]:
    pairs = [*relationship.synchronize_pairs, *(relationship.secondary_synchronize_pairs or ())]
    return {column for _, column in pairs}


def members(entity: Any, relationship: Relationship) -> list[Any]:
    """Return the objects that a relationship, which is loaded, leads to."""
    held = getattr(entity, relationship.key)
    if relationship.uselist:
        return list(collection_adapter(held))
    return [] if held is None else [held]


def replace(entity: Any, relationship: Relationship, targets: Sequence[Any]) -> None:
    """Let a relationship, which is loaded, lead to these objects."""
    if relationship.uselist:
        # SQLAlchemy wants what is like the collection; of a dict it takes the values, and makes the keys.
        kind = duck_type_collection(getattr(entity, relationship.key))
        like = dict(enumerate(targets)) if kind is dict else set(targets) if kind is set else list(targets)
        setattr(entity, relationship.key, like)
    else:
        setattr(entity, relationship.key, targets[0] if targets else None)


def refuse_removal(relationship: Relationship, removed: Iterable[Any], path: str) -> None:
    """Refuse to take objects out of a relationship where they could not go on without it.

    Raises:
        ConfigurationError: Their foreign key has to hold something, and they are not deleted as orphans.
    """
    if not owns(relationship) or relationship.cascade.delete_orphan:
        return
    names = [column.name for _, column in relationship.synchronize_pairs if not column.nullable]
    if names and any(inspect(each).persistent for each in removed):
        name = relationship.mapper.class_.__name__
        raise ConfigurationError(
            f"{path} leaves out a {name} that is there, whose {', '.join(names)} may not be NULL: give "
            'all of them, or declare cascade="all, delete-orphan", which deletes it'
        )
