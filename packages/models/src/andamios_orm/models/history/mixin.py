"""The mixin of models whose rows keep their history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

from sqlalchemy import Column, Table, Text, event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, Mapper, mapped_column

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.models.actors import current_actor
from andamios_orm.models.history import recorder
from andamios_orm.models.history.tables import add_history
from andamios_orm.models.history.versions import Version, read_as_of, read_versions

__all__ = ["AuditMixin"]

_LAST = 100
"""The columns of the mixin stand behind the others of their table."""


class AuditMixin:
    """Record who made and who changed a row last, and keep every version of it.

    ``created_by`` and ``updated_by`` are set from `actor` on every insert and update that SQLAlchemy makes:
    by the unit of work, by ``insert()``, upserts and ``update()``, by ``session.bulk_insert()``. A value
    that is given wins.

    The versions stand in ``<table>_history``, see `Version` and ``__history_table__``. They are written in
    the transaction of the change, so a rollback leaves none.

    Raises:
        ConfigurationError: The rows of the model are spread over several tables (joined inheritance), or a
            name that the history needs is taken.
    """

    __history_table__: ClassVar[Table]

    if TYPE_CHECKING:
        created_by: Mapped[str | None]
        updated_by: Mapped[str | None]
    else:
        created_by = mapped_column(
            Text, insert_default=current_actor, sort_order=_LAST, info={"read_only": True}
        )
        updated_by = mapped_column(
            Text,
            insert_default=current_actor,
            onupdate=current_actor,
            sort_order=_LAST + 1,
            info={"read_only": True},
        )

    @classmethod
    async def history(cls, session: AsyncSession, key: Any) -> Sequence[Version[Self]]:
        """Return all versions of a row, oldest first; none where there was never such a row.

        Pending changes of the session are flushed first, and the transaction's own versions are among them.

        Args:
            session: The session.
            key: The primary key; a tuple or a dict where it has several columns, as for ``session.get()``.

        Raises:
            ConfigurationError: The key has the wrong number of values, or wrong names.
        """
        return await read_versions(session, cls, key)

    @classmethod
    async def as_of(cls, session: AsyncSession, key: Any, when: datetime) -> Self | None:
        """Return a row as it was at a moment; None where it was not there.

        The object belongs to no session. ``session.merge(object)`` makes it the present state of the row.

        Args:
            session: The session.
            key: The primary key, as for `history`.
            when: The moment, with a time zone.

        Raises:
            ConfigurationError: The moment has no time zone, or the key does not fit.
        """
        return await read_as_of(session, cls, key, when)


@event.listens_for(AuditMixin, "after_mapper_constructed", propagate=True)
def _mapped(mapper: Mapper[Any], cls: type[Any]) -> None:
    table = mapper.local_table
    if len(mapper.tables) > 1 or not isinstance(table, Table):
        raise ConfigurationError(
            f"{cls.__name__} cannot have a history: its rows are not those of one table. Let the classes "
            "share one table (single table inheritance), or give each its own (concrete=True)"
        )
    if not table.primary_key.columns:
        raise ConfigurationError(f"{cls.__name__} cannot have a history: {table.name} has no primary key")
    if not isinstance(mapper.polymorphic_on, Column | None):
        raise ConfigurationError(
            f"{cls.__name__} cannot have a history: polymorphic_on is an expression, let it be a column"
        )
    cls.__history_table__ = add_history(table)
    recorder.start()
