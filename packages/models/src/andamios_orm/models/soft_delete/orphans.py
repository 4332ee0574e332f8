"""Objects that were removed from a list whose relationship says ``delete-orphan``.

SQLAlchemy would delete their rows, or take the foreign key away, which a marked row keeps.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect
from sqlalchemy.orm.attributes import set_committed_value

from andamios_orm.models.soft_delete.mark import Markable

if TYPE_CHECKING:
    from sqlalchemy.orm import InstanceState, Session

__all__ = ["Adoption", "adopt", "leave", "orphans_in"]

Adoption = tuple["InstanceState[Any]", int]
"""An orphan, and the token of a relationship that it is passed off as belonging to."""


def orphans_in(session: Session) -> Iterator[Markable]:
    """Return the orphans of a session that can be marked."""
    for instance in session.dirty:
        for candidate in (instance, *_removed(instance)):
            if isinstance(candidate, Markable) and _is_orphan(inspect(candidate)):
                yield candidate


def adopt(session: Session, orphan: Markable) -> Iterator[Adoption]:
    """Keep a flush from treating an object as an orphan, and give it the reference to its parent back."""
    state: InstanceState[Any] = inspect(orphan)
    for mapper in state.mapper.iterate_to_root():
        for name, owner in mapper._delete_orphans:
            relationship = inspect(owner).relationships[name]
            token = id(relationship.class_attribute.impl.parent_token)
            state.parents[token] = state
            for reverse in relationship._reverse_property:
                _take_back(session, orphan, reverse.key)
            yield state, token


def leave(adopted: Adoption) -> None:
    """End what `adopt` began: after the flush, the object may become an orphan again."""
    state, token = adopted
    state.parents.pop(token, None)


def _is_orphan(state: InstanceState[Any]) -> bool:
    return state.key is not None and state.mapper._is_orphan(state)


def _removed(instance: Any) -> Iterator[Any]:
    state: InstanceState[Any] = inspect(instance)
    for relationship in state.mapper.relationships:
        if relationship.cascade.delete_orphan:
            yield from state.attrs[relationship.key].history.deleted or ()


def _take_back(session: Session, instance: Any, name: str) -> None:
    former = inspect(instance).attrs[name].history.deleted
    if former:
        set_committed_value(instance, name, former[0])
    else:
        session.expire(instance, [name])
