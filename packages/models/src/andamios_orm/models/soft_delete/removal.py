"""Remove rows for good, where that is asked for, and refuse it where it would happen by mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import event, inspect

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.models.soft_delete.mark import Markable
from andamios_orm.models.soft_delete.visibility import everything, is_everything

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.orm import InstanceState, Mapper, Session

__all__ = ["remove", "start"]


def start() -> None:
    """Refuse, from now on, what would remove a row without having been asked to."""
    event.listen(Markable, "before_delete", _removing, propagate=True)


def remove(session: Session, instance: Any) -> None:
    """Remove the row of an object, and of all that its relationships cascade to, marked or not."""
    state: InstanceState[Any] = inspect(instance)
    with everything():
        _forget_relationships(session, instance)
        for child, *_ in state.mapper.cascade_iterator("delete", state):
            _forget_relationships(session, child)
        session.delete(instance)
        session.flush()


def _forget_relationships(session: Session, instance: Any) -> None:
    # Lists that are loaded already do not contain marked objects, and these are to be removed too.
    session.expire(instance, inspect(instance).mapper.relationships.keys())


def _removing(mapper: Mapper[Any], connection: Connection, instance: Any) -> None:
    if not is_everything():
        name = mapper.class_.__name__
        raise ConfigurationError(
            f"this {name} would be removed for good, because it was deleted while a flush was going on: "
            "delete it before the flush; `await obj.hard_delete()` removes for good"
        )
