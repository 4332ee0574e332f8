"""How a repository writes what an object is related to: one more of several, one less, or others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import inspect
from sqlalchemy.orm import QueryableAttribute, RelationshipProperty

from andamios_orm.core.errors import ConfigurationError, NotFoundError
from andamios_orm.repositories.entities import held
from andamios_orm.repositories.keys import key_of
from andamios_orm.repositories.plugins.plugins import Kind, operation
from andamios_orm.repositories.relationships.nesting import Plan
from andamios_orm.repositories.relationships.nodes import usable
from andamios_orm.repositories.relationships.related import identity, members, owns, relationship_of
from andamios_orm.repositories.writing import Writing

__all__ = ["Relating", "RelationshipCounts"]

T = TypeVar("T")

Relationship = RelationshipProperty[Any]
Name = str | QueryableAttribute[Any]


class RelationshipCounts(NamedTuple):
    """What was changed of a relationship.

    Attributes:
        added: How many objects it leads to that it did not before.
        removed: How many it does not lead to any more.
    """

    added: int
    removed: int


class Relating(Writing[T]):
    """Write the relationships of objects that lead to several others.

    What is there is read first, in the transaction of the session. So another transaction that adds the same
    meanwhile makes this one fail, where a constraint keeps pairs unique: the primary key of the table
    between.
    """

    @operation("update")
    async def add(self, target: Any, name: Name, /, *others: Any) -> int:
        """Let a relationship of an object lead to others too; return how many it did not lead to before.

        Args:
            target: The object, or its primary key.
            name: The relationship, as its name or its attribute: ``"tags"`` or ``Project.tags``.
            others: Objects, which may be new, or primary keys.

        Raises:
            ConfigurationError: The relationship leads to one object, or is not written here; or an object
                belongs to another session.
            IntegrityError: A constraint refuses it.
            NotFoundError: There is none with one of the keys.
            UnknownNameError: The model has no such relationship.
        """
        there = await self._related(target, name)
        targets = _once([*there.present, *await self._others(there, others)])
        return (await self._replaced(there, targets)).added

    @operation("update")
    async def remove(self, target: Any, name: Name, /, *others: Any) -> int:
        """Let a relationship of an object not lead to others any more; return to how many it did.

        They are deleted where the relationship says ``delete-orphan``.

        Args:
            target: The object, or its primary key.
            name: The relationship, as its name or its attribute.
            others: Objects or primary keys; it need not lead to them.

        Raises:
            ConfigurationError: The relationship leads to one object, or is not written here; or they have a
                foreign key that may not be NULL; or one is new, or belongs to another session.
            NotFoundError: There is no object with the key of the target.
            UnknownNameError: The model has no such relationship.
        """
        there = await self._related(target, name)
        model = there.relationship.mapper.class_
        gone = {id(held(model, each, self.session)) for each in others if isinstance(each, model)}
        keys = {key_of(model, each) for each in others if not isinstance(each, model)}
        targets = [
            each for each in there.present if id(each) not in gone and inspect(each).identity not in keys
        ]
        return (await self._replaced(there, targets)).removed

    @operation("update")
    async def set(self, target: Any, name: Name, others: Iterable[Any], /) -> RelationshipCounts:
        """Let a relationship of an object lead to these and no others; return what that changed.

        Args:
            target: The object, or its primary key.
            name: The relationship, as its name or its attribute.
            others: Objects, which may be new, or primary keys.

        Raises:
            ConfigurationError: As for `add` and `remove`.
            IntegrityError: A constraint refuses it.
            NotFoundError: There is none with one of the keys.
            UnknownNameError: The model has no such relationship.
        """
        there = await self._related(target, name)
        return await self._replaced(there, _once(await self._others(there, others)))

    async def _related(self, target: Any, name: Name) -> _Related:
        relationship = relationship_of(self.model, name)
        if not relationship.uselist:
            key = relationship.key
            raise ConfigurationError(f"{self.model.__name__}.{key} leads to one: use update(..., {key}=...)")
        entity = await self._held(target)
        await self.session.flush()
        await self._reach.load([entity], relationship.key)
        there = members(entity, relationship)
        outside = await self._reach.outside(there, _kind(relationship))
        return _Related(
            entity,
            relationship,
            [each for each in there if id(each) not in outside],
            [each for each in there if id(each) in outside],
        )

    async def _others(self, there: _Related, given: Iterable[Any]) -> list[Any]:
        model = there.relationship.mapper.class_
        listed = [each if isinstance(each, model) else key_of(model, each) for each in given]
        keys = [each for each in listed if isinstance(each, tuple)]
        rows = await self._reach.found(model, keys, _kind(there.relationship)) if keys else {}
        for key in keys:
            if key not in rows:
                raise NotFoundError(model.__name__, identity(key))
        return [rows[each] if isinstance(each, tuple) else usable(each, self.session) for each in listed]

    async def _replaced(self, there: _Related, targets: list[Any]) -> RelationshipCounts:
        kept = len(set(map(id, there.present)) & set(map(id, targets)))
        entity, relationship, present, beyond = there
        plan = await Plan.to_relate(self._reach, entity, relationship, targets, present, beyond)
        await self._write(plan)
        return RelationshipCounts(len(targets) - kept, len(present) - kept)


class _Related(NamedTuple):
    entity: Any
    relationship: Relationship
    present: list[Any]
    beyond: list[Any]


def _kind(relationship: Relationship) -> Kind:
    # A child is changed, because it has the foreign key.
    return "update" if owns(relationship) else "read"


def _once(objects: list[Any]) -> list[Any]:
    return list({id(each): each for each in objects}.values())
