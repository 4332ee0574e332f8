"""When a row was made and when it was changed, in UTC by the clock of the application."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import DateTime
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from andamios_orm.models.declarative import BaseModel

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

__all__ = ["TimestampMixin", "TimestampedModel", "UTCDateTime", "utc_now"]

_LAST = 100
"""Timestamps stand behind the other columns of their table."""


def utc_now() -> datetime:
    """Return the present moment, with UTC as its time zone."""
    return datetime.now(UTC)


class UTCDateTime(TypeDecorator[datetime]):
    """Keep moments, and give them back in UTC whatever the time zone of the connection.

    A backend whose columns know no time zone, such as SQLite, keeps them in UTC.

    Raises:
        DataError: A value has no time zone.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        """Return `datetime`."""
        return datetime

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the same moment in UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone: give one, as in datetime.now(UTC)")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the moment in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class TimestampMixin:
    """Give a model ``created_at`` and ``updated_at``.

    Both are set when a row is inserted, and ``updated_at`` with each UPDATE that names a column of it, be it
    of a flush, of a statement or of its many rows. A value that the application gives itself is kept.
    """

    if TYPE_CHECKING:
        created_at: Mapped[datetime]
        updated_at: Mapped[datetime]
    else:
        # SQLAlchemy lets a dataclass take only those columns of a plain mixin that have no annotation.
        created_at = mapped_column(
            UTCDateTime, nullable=False, default=utc_now, sort_order=_LAST, info={"read_only": True}
        )
        updated_at = mapped_column(
            UTCDateTime,
            nullable=False,
            default=utc_now,
            onupdate=utc_now,
            sort_order=_LAST,
            info={"read_only": True},
        )


class TimestampedModel(TimestampMixin, BaseModel):
    """Base of models that know when they were made and changed, see `TimestampMixin`."""

    __abstract__ = True
