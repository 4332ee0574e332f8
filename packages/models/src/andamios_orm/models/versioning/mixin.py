"""Optimistic locking: whoever writes a row that has changed since it was read is told.

Each row has a version, which every UPDATE raises. A flush writes a row only if it still has the version that
its object was loaded with (SQLAlchemy's ``version_id_col``). The rules:

* Where it has another one, or is gone, the flush raises `StaleVersionError`, and nothing is written.
* Where the engine reports a conflict with another transaction instead, the error is a `StaleConflictError`.
  It may be retried, because a new transaction sees what the other has written. Which version that is, is
  read when the failed transaction is over.
* DuckDB lets a DELETE and an UPDATE of one row pass side by side, and the UPDATE would be lost. So the
  version of a row is raised before it is deleted, which makes the two a conflict; an UPDATE without a change
  would be none. It is SQL text, so that a history does not record it.
* It lets an UPDATE in place and one that replaces the row pass as well, and the first would be lost. So the
  version is raised in place before a flush replaces a row.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, ColumnDefault, event
from sqlalchemy.orm import Mapped, Mapper, mapped_column

from andamios_orm.models.versioning import conflicts, flushes, updates
from andamios_orm.models.versioning.rows import add_versioned, version_column

__all__ = ["VersioningMixin"]

_LAST = 100
"""The version stands behind the other columns of its table."""


class VersioningMixin:
    """Give a model ``version``, which starts at 1 and counts the changes of a row.

    * An object that is changed, or deleted with ``session.delete(obj)``, is compared when it is flushed.
      Where its row has another version than the one that was loaded, or is gone, the flush raises
      ``StaleVersionError``, whose ``model``, ``key``, ``expected`` and ``found`` tell which; ``found`` is
      None where the row is gone. If another transaction wrote the row while this one went on, the error is
      `StaleConflictError`, which may be retried.
    * ``update(Model)`` raises the version and compares none. Where it is given a list of rows with their
      keys, each of them says its version and is compared.
    * ``delete(Model)`` compares none.
    * With `SoftDeleteMixin` a deletion is a change of the row like any other.
    """

    if TYPE_CHECKING:
        version: Mapped[int]
    else:
        version = mapped_column(BigInteger, nullable=False, default=1, sort_order=_LAST)


@event.listens_for(VersioningMixin, "after_mapper_constructed", propagate=True)
def _mapped(mapper: Mapper[Any], cls: type[Any]) -> None:
    if mapper.version_id_col is None:
        mapper.version_id_col = mapper.columns["version"]
    column = version_column(mapper)
    if column.table is mapper.local_table and column.onupdate is None:
        ColumnDefault(column + 1, for_update=True)._set_parent_with_dispatch(column)
        add_versioned(mapper)
        _start()


@cache
def _start() -> None:
    # The first model with a version begins it.
    conflicts.start()
    flushes.start(VersioningMixin)
    updates.start()
