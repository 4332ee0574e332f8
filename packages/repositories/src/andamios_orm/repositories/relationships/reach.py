"""The rows that can be reached from the object of a repository, as far as its scopes go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import InstanceState
from sqlalchemy.orm.base import PassiveFlag

from andamios_orm.core import AsyncSession
from andamios_orm.core.errors import NotFoundError
from andamios_orm.queries import QueryBuilder
from andamios_orm.repositories.filters import loading
from andamios_orm.repositories.keys import AT_ONCE
from andamios_orm.repositories.plugins.guard import guarded
from andamios_orm.repositories.plugins.plugins import Kind, Scope
from andamios_orm.repositories.plugins.scoping import (
    complete,
    refuse_others,
    scope_values,
    scoped,
    values_given,
)
from andamios_orm.repositories.relationships.related import Relationship, identity, owns, parent_key

__all__ = ["Reach"]

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Reach:
    """The rows of a session, of any model, that some scopes are about.

    Attributes:
        session: The session.
        scopes: The scopes.
    """

    session: AsyncSession
    scopes: Sequence[Scope] = ()

    async def found(self, model: type[Any], keys: Iterable[Key], kind: Kind) -> dict[Key, Any]:
        """Return the objects with some primary keys, by key, as far as scopes are about them."""
        query = scoped(QueryBuilder(model, self.session), self._about(model), model, kind)
        return await _in_bulk(query, keys)

    async def load(self, entities: Sequence[Any], name: str) -> None:
        """Load a relationship of objects of one class as the database has it, whatever was loaded before.

        Raises:
            NotFoundError: The row of one is gone.
        """
        model, keys = type(entities[0]), [tuple(inspect(each).identity) for each in entities]
        for entity in entities:
            self.session.expire(entity, [name])
        rows = await _in_bulk(loading(QueryBuilder(model, self.session), name), keys)
        for key in keys:
            if key not in rows:
                raise NotFoundError(model.__name__, identity(key))

    async def refresh(self, entities: Sequence[Any]) -> None:
        """Load what the database has computed for some objects."""
        expired = [entity for entity in entities if inspect(entity).expired_attributes]
        if len(expired) == 1:
            await self.session.refresh(expired[0], inspect(expired[0]).expired_attributes)
            return
        keys: dict[type[Any], list[Key]] = {}
        for entity in expired:
            keys.setdefault(type(entity), []).append(inspect(entity).identity)
        for model, wanted in keys.items():
            await _in_bulk(QueryBuilder(model, self.session), wanted)

    async def outside(self, entities: Iterable[Any], kind: Kind) -> set[int]:
        """Return which of some objects that have rows scopes are not about, by ``id()``."""
        known: dict[type[Any], dict[Key, Any]] = {}
        for entity in entities if self.scopes else ():
            known.setdefault(type(entity), {})[tuple(inspect(entity).identity)] = entity
        outside: set[int] = set()
        for model, rows in known.items():
            inside = await self.found(model, rows, kind)
            outside |= {id(entity) for key, entity in rows.items() if key not in inside}
        return outside

    def guarded(self) -> AbstractContextManager[None]:
        """Refuse, while it is open, flushes of what scopes are not about."""
        return guarded(self.scopes)

    async def refuse_carried(self, entities: Iterable[Any]) -> None:
        """Refuse what objects bring along by relationships of their own, where scopes are not about it.

        Raises:
            NotFoundError: There is such an object.
        """
        carried = list(_carried(entities)) if self.scopes else []
        children = [each for each, is_child in carried if is_child]
        outside = await self.outside(children, "update")
        outside |= await self.outside([each for each, is_child in carried if not is_child], "read")
        for each, _ in carried:
            if id(each) in outside:
                raise NotFoundError(type(each).__name__, identity(inspect(each).identity))

    async def refuse_children_of_others(self, relationship: Relationship, children: Iterable[Any]) -> None:
        """Refuse children whose present parent scopes are not about.

        Raises:
            NotFoundError: There is such a child.
        """
        if not self.scopes or not owns(relationship):
            return
        parents = {id(each): parent_key(relationship, each) for each in children if inspect(each).persistent}
        keys = [key for key in parents.values() if key is not None]
        found = await self.found(relationship.parent.class_, keys, "update")
        for each in children:
            key = parents.get(id(each))
            if key is not None and key not in found:
                raise NotFoundError(type(each).__name__, identity(inspect(each).identity))

    def completed(self, model: type[Any], given: Any, *, is_new: bool) -> dict[str, Any]:
        """Return what scopes add to an object, or to what was given for it.

        Raises:
            ValidationError: It has, or was given, another value than scopes say.
        """
        fixed = scope_values(self._about(model), model)
        if not fixed:
            return {}
        values: Mapping[str, Any] = values_given(given, {})
        added = complete(fixed, values) if is_new else {}
        refuse_others(model, fixed, {**values, **added})
        return added

    def _about(self, model: type[Any]) -> list[Scope]:
        # What has no columns for the values of a scope is none of its matters, such as the lines of an order.
        names = set(inspect(model).column_attrs.keys())
        return [scope for scope in self.scopes if names.issuperset(scope.values(model))]


def _carried(entities: Iterable[Any]) -> Iterator[tuple[Any, bool]]:
    # The objects with rows that new ones, and changed relationships, lead to; and whether these are children.
    seen, waiting = set(map(id, entities)), list(entities)
    while waiting:
        state: InstanceState[Any] = inspect(waiting.pop())
        for relationship in state.mapper.relationships:
            history = state.get_history(relationship.key, PassiveFlag.PASSIVE_NO_INITIALIZE)
            added = [each for each in history.added or () if each is not None and id(each) not in seen]
            seen.update(map(id, added))
            waiting += added
            for each in added:
                if inspect(each).persistent:
                    yield each, owns(relationship)


async def _in_bulk(query: QueryBuilder[Any], keys: Iterable[Key]) -> dict[Key, Any]:
    wanted = list(dict.fromkeys(keys))
    listed: list[Any] = []
    for start in range(0, len(wanted), AT_ONCE):
        listed += (await query.in_bulk(map(identity, wanted[start : start + AT_ONCE]))).values()
    return {tuple(inspect(each).identity): each for each in listed}
