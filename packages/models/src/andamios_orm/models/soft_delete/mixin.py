"""The mixin of models whose rows are marked as deleted."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import async_object_session

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.models.declarative import BaseModel
from andamios_orm.models.soft_delete import deletes, marking, removal, visibility
from andamios_orm.models.soft_delete.mark import Markable
from andamios_orm.models.soft_delete.removal import remove
from andamios_orm.models.soft_delete.restoring import restore

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession
    from sqlalchemy.orm import Mapper

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
        await _session_of(self).run_sync(restore, self)

    async def hard_delete(self) -> None:
        """Remove the row for good, with what its relationships cascade to, marked or not.

        Everything that is pending in the session is flushed.

        Raises:
            ConfigurationError: The object is in no session.
        """
        session = _session_of(self)
        await session.flush()
        await session.run_sync(remove, self)


class SoftDeleteModel(SoftDeleteMixin, BaseModel):
    """Base of models whose rows are marked as deleted, see `SoftDeleteMixin`."""

    __abstract__ = True


@event.listens_for(SoftDeleteMixin, "after_mapper_constructed", propagate=True)
def _mapped(mapper: Mapper[Any], cls: type[Any]) -> None:
    _start()


@cache
def _start() -> None:
    # The first model of this kind begins it.
    for part in (visibility, marking, deletes, removal):
        part.start()


def _session_of(instance: Any) -> AsyncSession:
    session = async_object_session(instance)
    if session is None:
        raise ConfigurationError(
            f"this {type(instance).__name__} is in no AsyncSession: add it to one with session.add(), or "
            "load it in one, with the execution option include_deleted=True where it is deleted"
        )
    return session
