"""The mark of a deleted row."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, Mapper, mapped_column

from andamios_orm.models.timestamps import UTCDateTime

__all__ = ["Markable", "is_markable"]

_LAST = 101
"""The mark stands behind all other columns of its table."""


class Markable:
    """Has a column that tells when a row was deleted."""

    if TYPE_CHECKING:
        deleted_at: Mapped[datetime | None]
    else:
        deleted_at = mapped_column(UTCDateTime, nullable=True, sort_order=_LAST, info={"read_only": True})

    @hybrid_property
    def is_deleted(self) -> bool:
        """Whether the row is marked; in a statement, the condition for it."""
        return self.deleted_at is not None

    @is_deleted.inplace.expression
    @classmethod
    def _is_deleted(cls) -> ColumnElement[bool]:
        return cls.deleted_at.is_not(None)


def is_markable(mapper: Mapper[Any]) -> bool:
    """Tell whether the rows of a class can be marked."""
    return issubclass(mapper.class_, Markable)
