"""Take the marks away, from an object and from what was marked together with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect, select
from sqlalchemy.orm import with_parent

from andamios_orm.models.soft_delete.cascades import references_that_cascade
from andamios_orm.models.soft_delete.mark import Markable

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.orm import Mapper, Session

__all__ = ["restore"]


def restore(session: Session, instance: Markable) -> None:
    """Restore an object, and all that has the same moment as its mark and that it leads to."""
    when, waiting = instance.deleted_at, [instance]
    while waiting and when is not None:
        restored = waiting.pop()
        restored.deleted_at = None
        for query in _marked_with(restored, when):
            with session.no_autoflush:
                found = session.scalars(query, execution_options={"include_deleted": True})
                waiting += [child for child in found.unique() if child.deleted_at == when]


def _marked_with(parent: Any, when: datetime) -> Iterator[Select[Any]]:
    mapper: Mapper[Any] = inspect(parent).mapper
    for relationship in mapper.relationships:
        child = relationship.mapper.class_
        if relationship.cascade.delete and issubclass(child, Markable):
            yield select(child).where(
                with_parent(parent, relationship.class_attribute), child.deleted_at == when
            )
    for constraint, referrer in references_that_cascade(mapper):
        values = (
            element.parent == getattr(parent, mapper.get_property_by_column(element.column).key)
            for element in constraint.elements
        )
        yield select(referrer.class_).where(*values, referrer.class_.deleted_at == when)
