"""How a repository writes: one object after the other, as a unit of work does."""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import inspect

from andamios_orm.repositories.entities import changed, held, made
from andamios_orm.repositories.reading import Lookup

__all__ = ["Writing"]

T = TypeVar("T")


class Writing(Lookup[T]):
    """Create, change and delete single objects; what models do at flushes happens."""

    async def create(self, data: Any = None, /, **values: Any) -> T:
        """Write a new object, and return it with what the database has filled in.

        Args:
            data: The object, a dict or a pydantic model; or nothing beside values.
            values: Values by the names of attributes; they win over those of ``data``.

        Raises:
            ConfigurationError: ``data`` is something else, or has a row already.
            IntegrityError: A constraint refuses it.
            UnknownNameError: The model has no such attribute.
            ValidationError: The model refuses a value.
        """
        entity, session = made(self.model, data, values), self.session
        session.add(entity)
        try:
            return await self._flushed(entity)
        except BaseException:
            # Otherwise each flush from now on would be refused.
            if entity in session.new:
                session.expunge(entity)
            raise

    async def update(self, target: Any, data: Any = None, /, **values: Any) -> T:
        """Change an object and return it.

        Args:
            target: The object, or its primary key.
            data: New values as a dict or a pydantic model, of which the fields count that were given.
            values: New values by the names of attributes; they win over those of ``data``.

        Raises:
            ConfigurationError: The object is new or belongs to another session.
            IntegrityError: A constraint refuses it.
            NotFoundError: There is none with this key.
            StaleVersionError: The values hold a version that the object does not have.
            UnknownNameError: The model has no such attribute.
            ValidationError: The model refuses a value; nothing was changed.
        """
        return await self._flushed(changed(self.model, await self._held(target), data, values))

    async def delete(self, target: Any, /) -> bool:
        """Delete an object, or mark it where its model does so; return whether there was one.

        Args:
            target: The object, or its primary key.

        Raises:
            ConfigurationError: The object is new or belongs to another session.
            IntegrityError: Others refer to it.
        """
        entity = await self.get_by_id(target) if not isinstance(target, self.model) else self._checked(target)
        if entity is None:
            return False
        await self.session.delete(entity)
        await self.session.flush()
        return True

    async def _flushed(self, entity: T) -> T:
        await self.session.flush()
        computed = inspect(entity).expired_attributes
        if computed:
            await self.session.refresh(entity, computed)
        return entity

    async def _held(self, target: Any) -> T:
        return self._checked(target) if isinstance(target, self.model) else await self.get_one(target)

    def _checked(self, entity: T) -> T:
        return held(self.model, entity, self.session)
