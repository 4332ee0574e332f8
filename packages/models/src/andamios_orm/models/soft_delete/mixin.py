"""The mixin of models whose rows are marked as deleted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, inspect, select
from sqlalchemy.ext.asyncio import async_object_session
from sqlalchemy.orm import with_parent

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.models.base import BaseModel
from andamios_orm.models.soft_delete import marking, visibility
from andamios_orm.models.soft_delete.mark import Markable

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.ext.asyncio import AsyncSession
    from sqlalchemy.orm import InstanceState, Mapper, Session

__all__ = ["SoftDeleteMixin", "SoftDeleteModel"]


class SoftDeleteMixin(Markable):
    """Mark the rows of a model as deleted, in ``deleted_at``, instead of removing them.

    ``session.delete(obj)`` and ``delete(Model)`` mark. What is marked is left out of queries, of what loads
    relationships and of aggregates, unless their execution option ``include_deleted`` is True or ``"only"``.
    ``is_deleted`` tells of an object whether it is marked, and is the condition for it in a statement.
    """

    async def restore(self) -> None:
        """Take the mark away, from this object and from what was marked together with it.

        It is written at the next flush, which raises `DuplicateKeyError` where a row that was added
        meanwhile has taken its place. Lists that are loaded already do not change.

        Raises:
            ConfigurationError: The object is in no session.
        """
        await _session_of(self).run_sync(_restore, self)

    async def hard_delete(self) -> None:
        """Remove the row for good, with what its relationships cascade to, marked or not.

        Everything that is pending in the session is flushed.

        Raises:
            ConfigurationError: The object is in no session.
        """
        session = _session_of(self)
        await session.flush()
        await session.run_sync(_remove, self)


class SoftDeleteModel(SoftDeleteMixin, BaseModel):
    """Base of models whose rows are marked as deleted, see `SoftDeleteMixin`."""

    __abstract__ = True


@event.listens_for(SoftDeleteMixin, "after_mapper_constructed", propagate=True)
def _mapped(mapper: Mapper[Any], cls: type[Any]) -> None:
    _start()


@cache
def _start() -> None:
    # The first model of this kind begins it.
    visibility.start()
    marking.start()


def _session_of(instance: Any) -> AsyncSession:
    session = async_object_session(instance)
    if session is None:
        raise ConfigurationError(
            f"this {type(instance).__name__} is in no AsyncSession: add it to one with session.add(), or "
            "load it in one, with the execution option include_deleted=True where it is deleted"
        )
    return session


def _restore(session: Session, instance: SoftDeleteMixin) -> None:
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
    for constraint, referrer in marking.references_that_cascade(mapper):
        values = (
            element.parent == getattr(parent, mapper.get_property_by_column(element.column).key)
            for element in constraint.elements
        )
        yield select(referrer.class_).where(*values, referrer.class_.deleted_at == when)


def _remove(session: Session, instance: Any) -> None:
    state: InstanceState[Any] = inspect(instance)
    with visibility.everything():
        _forget_relationships(session, instance)
        for child, *_ in state.mapper.cascade_iterator("delete", state):
            _forget_relationships(session, child)
        session.delete(instance)
        session.flush()


def _forget_relationships(session: Session, instance: Any) -> None:
    # What is loaded leaves deleted rows out.
    session.expire(instance, inspect(instance).mapper.relationships.keys())
