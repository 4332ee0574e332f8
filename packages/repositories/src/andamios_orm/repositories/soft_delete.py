"""Repositories of models whose rows are marked as deleted."""

from __future__ import annotations

import builtins
from typing import Any, TypeVar

from andamios_orm.core.errors import ConfigurationError, NotFoundError
from andamios_orm.models import SoftDeleteMixin
from andamios_orm.repositories.filters import Filters, Load, Order
from andamios_orm.repositories.plugins.plugins import operation
from andamios_orm.repositories.repositories import GenericRepository

__all__ = ["SoftDeleteRepository"]

T = TypeVar("T", bound=SoftDeleteMixin)


class SoftDeleteRepository(GenericRepository[T]):
    """Do what `GenericRepository` does, and find, restore and remove what is marked as deleted.

    ``delete`` and its like mark; what is marked is not found by anything but the methods of this class.
    """

    @property
    def model(self) -> type[T]:
        """The model.

        Raises:
            ConfigurationError: There is no type argument, or its rows cannot be marked.
        """
        model = super().model
        if not issubclass(model, SoftDeleteMixin):
            raise ConfigurationError(
                f"{model.__name__} is deleted for good: let it inherit from SoftDeleteMixin, or use a "
                "GenericRepository"
            )
        return model

    @operation("read")
    async def list_deleted(
        self,
        filters: Filters = None,
        *,
        order_by: Order = None,
        limit: int | None = None,
        offset: int = 0,
        load: Load = None,
    ) -> builtins.list[T]:
        """Return the objects that are marked as deleted; see `list`."""
        query = self._ordered(filters, order_by, load).only_deleted()
        return await query.limit(limit).offset(offset).all()

    @operation("update")
    async def restore(self, target: Any, /) -> T:
        """Take the mark away from an object, and from what was marked together with it; return it.

        Args:
            target: The object, or its primary key.

        Raises:
            DuplicateKeyError: Another row has taken its place meanwhile.
            NotFoundError: There is none with this key that is marked.
        """
        entity = await self._found_for("update", target, with_deleted=True)
        if entity is None or not entity.is_deleted:
            raise NotFoundError(f"deleted {self.model.__name__}", target)
        await entity.restore()
        await self.session.flush()
        return entity

    @operation("delete")
    async def hard_delete(self, target: Any, /) -> bool:
        """Remove an object for good, marked or not; return whether there was one.

        Args:
            target: The object, or its primary key.
        """
        entity = await self._found_for("delete", target, with_deleted=True)
        if entity is None:
            return False
        await entity.hard_delete()
        return True
