"""Mark what a flush would delete.

The rules:

* ``session.delete(obj)`` marks at the next flush, and so does the removal from a list whose relationship says
  ``delete-orphan``. The row keeps its references, so that it can be restored.
* With it go the objects that a relationship with ``cascade="delete"`` leads to and that can be marked. The
  others stay, unless they were deleted before it was.
* Rows follow whose foreign key says ``ondelete="CASCADE"``, as far as they can be marked.
* What goes together has the same moment as its mark, which tells what to restore together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, inspect

from andamios_orm.core.unit_of_work import UnitOfWork
from andamios_orm.models.soft_delete.cascades import mark_referrers
from andamios_orm.models.soft_delete.mark import Markable
from andamios_orm.models.soft_delete.orphans import Adoption, adopt, leave, orphans_in
from andamios_orm.models.soft_delete.visibility import is_everything
from andamios_orm.models.timestamps import utc_now

if TYPE_CHECKING:
    from sqlalchemy.orm import InstanceState, Mapper, Session

__all__ = ["start"]

_FLUSH = "_andamios_marking"
"""Where a session keeps what its flush marks."""


@dataclass
class _Flush:
    when: datetime = field(default_factory=utc_now)
    mappers: dict[Mapper[Any], None] = field(default_factory=dict)
    """Of the objects that it marks, in order."""
    adopted: list[Adoption] = field(default_factory=list)

    def mark(self, session: Session, instance: Markable) -> None:
        # add() cancels the deletion that the session has noted.
        session.add(instance)
        if instance.deleted_at is None:
            instance.deleted_at = self.when
            self.mappers[inspect(instance).mapper] = None


def start() -> None:
    """Mark from now on."""
    # It comes before all other listeners, so that they see an update and not a deletion.
    event.listen(UnitOfWork, "before_flush", _flushing, insert=True)
    event.listen(UnitOfWork, "after_flush_postexec", _flushed)


def _flushing(session: Session, context: Any, instances: Any) -> None:
    if is_everything():
        return
    flush, deleted, orphans = _Flush(), list(session.deleted), list(orphans_in(session))
    kept = _kept(deleted)
    for instance in kept.values():
        session.add(instance)
    for orphan in orphans:
        flush.adopted += adopt(session, orphan)
    for instance in _going((*deleted, *orphans), kept):
        flush.mark(session, instance)
    session.info[_FLUSH] = flush


def _flushed(session: Session, context: Any) -> None:
    flush: _Flush | None = session.info.pop(_FLUSH, None)
    if flush is not None:
        for adopted in flush.adopted:
            leave(adopted)
        for mapper in flush.mappers:
            mark_referrers(session, mapper, flush.when)


def _going(roots: Iterable[Any], kept: dict[int, Any]) -> Iterator[Markable]:
    # Returns what is marked: the objects that were deleted, and those that their relationships cascade to.
    for root in roots:
        if isinstance(root, Markable) and id(root) not in kept:
            for instance in (root, *_cascade(root)):
                if isinstance(instance, Markable) and id(instance) not in kept:
                    yield instance


def _kept(deleted: Iterable[Any]) -> dict[int, Any]:
    # Returns what cannot be marked and is deleted only because of an object that can be: the session has
    # noted its deletion after that of the other object.
    positions = {id(instance): number for number, instance in enumerate(deleted)}
    kept: dict[int, Any] = {}
    for root in deleted:
        for child in _cascade(root) if isinstance(root, Markable) else ():
            if not isinstance(child, Markable) and positions.get(id(child), -1) > positions[id(root)]:
                kept |= {id(instance): instance for instance in (child, *_cascade(child))}
    return kept


def _cascade(instance: Any) -> Iterator[Any]:
    state: InstanceState[Any] = inspect(instance)
    for child, *_ in state.mapper.cascade_iterator("delete", state):
        yield child
