"""Rows that are marked because of their foreign keys, as SQL removes them by ``ondelete="CASCADE"``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ForeignKeyConstraint, Table, exists, update

from andamios_orm.core.integrity import constraints_to
from andamios_orm.models.soft_delete.mark import is_markable

if TYPE_CHECKING:
    from sqlalchemy.orm import Mapper, Session

__all__ = ["mark_referrers", "references_that_cascade"]


def references_that_cascade(mapper: Mapper[Any]) -> Iterator[tuple[ForeignKeyConstraint, Mapper[Any]]]:
    """Return the foreign keys to a class that say ``ondelete="CASCADE"``, each with the class that has it.

    Classes whose rows cannot be marked are left out.
    """
    for constraint in constraints_to(_table(mapper)):
        if (constraint.ondelete or "").upper() == "CASCADE":
            for child in mapper.registry.mappers:
                if child.inherits is None and child.local_table is constraint.table and is_markable(child):
                    yield constraint, child


def mark_referrers(session: Session, mapper: Mapper[Any], when: datetime) -> None:
    """Mark the rows that refer to what was marked of a class at a moment, and the rows that refer to them."""
    for constraint, child in references_that_cascade(mapper):
        parent = _table(mapper).alias()
        pairs = ((element.parent, parent.c[element.column.key]) for element in constraint.elements)
        refers = exists().where(*(one == other for one, other in pairs), parent.c["deleted_at"] == when)
        marking = update(child.class_).where(refers.correlate(constraint.table))
        if session.execute(marking.values(deleted_at=when)).rowcount:  # type: ignore[attr-defined] # of an UPDATE
            mark_referrers(session, child, when)


def _table(mapper: Mapper[Any]) -> Table:
    return mapper.columns["deleted_at"].table
