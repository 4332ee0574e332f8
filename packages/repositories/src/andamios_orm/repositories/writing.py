"""How a repository writes: one object after the other, as a unit of work does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from sqlalchemy import inspect

from andamios_orm.core.errors import NotFoundError
from andamios_orm.repositories.entities import fresh, held
from andamios_orm.repositories.keys import key_of
from andamios_orm.repositories.plugins.plugins import Kind, operation
from andamios_orm.repositories.plugins.scoping import complete, refuse_others, values_given
from andamios_orm.repositories.reading import Lookup
from andamios_orm.repositories.relationships.nesting import Plan
from andamios_orm.repositories.relationships.nodes import Node
from andamios_orm.repositories.relationships.reach import Reach
from andamios_orm.repositories.relationships.related import identity

__all__ = ["Writing"]

T = TypeVar("T")


class Writing(Lookup[T]):
    """Create, change and delete single objects; what models do at flushes happens."""

    @operation("create")
    async def create(self, data: Any = None, /, **values: Any) -> T:
        """Write a new object, and return it with what the database has filled in.

        Relationships take what belongs to it, in the same forms: with its key where there is a row already.

        Args:
            data: The object, a dict or a pydantic model; or nothing beside values.
            values: Values by the names of attributes; they win over those of ``data``.

        Raises:
            ConfigurationError: ``data`` is something else, or has a row already.
            IntegrityError: A constraint refuses it.
            NotFoundError: There is none with a key that is nested in ``data``.
            UnknownNameError: The model has no such attribute.
            ValidationError: The model refuses a value.
        """
        return await self._nested(None, data, self._completed(data, values))

    @operation("update")
    async def update(self, target: Any, data: Any = None, /, **values: Any) -> T:
        """Change an object and return it.

        What a relationship is given is all that it leads to then. Children are matched by their keys; those
        that are left out are deleted where the relationship says ``delete-orphan``, and otherwise let go.

        Args:
            target: The object, or its primary key.
            data: New values as a dict or a pydantic model, of which the fields count that were given.
            values: New values by the names of attributes; they win over those of ``data``.

        Raises:
            ConfigurationError: The object is new or belongs to another session.
            IntegrityError: A constraint refuses it.
            NotFoundError: There is none with this key, or with one that is nested in ``data``.
            StaleVersionError: The values hold a version that the object does not have.
            UnknownNameError: The model has no such attribute.
            ValidationError: The model refuses a value; nothing was changed.
        """
        self._refuse_others(target, data, values)
        return await self._nested(await self._held(target), data, values)

    @operation("delete")
    async def delete(self, target: Any, /) -> bool:
        """Delete an object, or mark it where its model does so; return whether there was one.

        Args:
            target: The object, or its primary key.

        Raises:
            ConfigurationError: The object is new or belongs to another session.
            IntegrityError: Others refer to it.
        """
        entity = await self._found_for("delete", target)
        if entity is None:
            return False
        await self.session.delete(entity)
        with self._reach.guarded():
            await self.session.flush()
        return True

    async def _nested(self, entity: T | None, data: Any, values: Mapping[str, Any]) -> T:
        if entity is None and isinstance(data, self.model):
            entity, data = fresh(data), None
        root = Node(self.model, data, values, entity)
        await self._write(await Plan.of(self._reach, root))
        written: T = root.entity
        return written

    async def _write(self, plan: Plan) -> None:
        if plan.is_nested:
            async with self._whole():
                await plan.write()
        else:
            await plan.write()

    @property
    def _reach(self) -> Reach:
        return Reach(self.session, self._plugins.scopes)

    def _completed(self, data: Any, values: Mapping[str, Any]) -> Mapping[str, Any]:
        fixed = self._fixed
        if not fixed:
            return values
        given = values_given(data, values)
        completed = complete(fixed, given)
        refuse_others(self.model, fixed, {**given, **completed})
        return {**values, **completed}

    def _refuse_others(self, target: Any, data: Any, values: Mapping[str, Any]) -> None:
        fixed = self._fixed
        if fixed:
            refuse_others(self.model, fixed, values_given(data, values))
            refuse_others(
                self.model, fixed, values_given(target if isinstance(target, self.model) else None, {})
            )

    async def _held(self, target: Any, *, with_deleted: bool = False) -> T:
        entity = await self._found_for("update", target, with_deleted=with_deleted)
        if entity is None:
            is_entity = isinstance(target, self.model)
            raise NotFoundError(
                self.model.__name__, identity(inspect(target).identity) if is_entity else target
            )
        return entity

    async def _found_for(self, kind: Kind, target: Any, *, with_deleted: bool = False) -> T | None:
        is_scoped = bool(self._plugins.scopes)
        if isinstance(target, self.model):
            entity = held(self.model, target, self.session)
            if not is_scoped:
                return entity
            key = inspect(entity).identity
        else:
            key = key_of(self.model, target)
            if not (is_scoped or with_deleted):
                return await self.session.get(self.model, key)
        query = self._query(kind).with_deleted() if with_deleted else self._query(kind)
        # Decided by what is in the database: a change that waits may only look as if it belonged here.
        with self.session.no_autoflush:
            return await query.get(key)
