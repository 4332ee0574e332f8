"""How a repository reads."""

from __future__ import annotations

import builtins
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Any, TypeVar

from andamios_orm.core.errors import NotFoundError
from andamios_orm.queries import CursorPage, Page, QueryBuilder
from andamios_orm.repositories.filters import (
    Condition,
    Filters,
    Load,
    Order,
    loading,
    narrowed,
    ordered,
)
from andamios_orm.repositories.keys import AT_ONCE, key_of
from andamios_orm.repositories.plugins.plugins import operation
from andamios_orm.repositories.repository import Repository

__all__ = ["Lookup", "Querying"]

T = TypeVar("T")


class Lookup(Repository[T]):
    """Find objects by their keys, and list them."""

    @operation("read")
    async def get_by_id(self, key: Any, *, load: Load = None) -> T | None:
        """Return the object with a primary key; None where there is none.

        An object that the session holds is found without a statement, unless something is to be loaded.

        Args:
            key: The value; of a composite key a tuple, or a dict by the names of the attributes.
            load: Relationships that are loaded too.

        Raises:
            ConfigurationError: It has other parts than the primary key, or one of another type.
        """
        identity = key_of(self.model, key)
        if load is None and not self._plugins.scopes:
            return await self._got(identity)
        return await self._objects(load).get(identity)

    async def get_one(self, key: Any, *, load: Load = None) -> T:
        """Return the object with a primary key; see `get_by_id`.

        Raises:
            NotFoundError: There is none.
        """
        found = await self.get_by_id(key, load=load)
        if found is None:
            raise NotFoundError(self.model.__name__, key)
        return found

    @operation("read")
    async def list(
        self,
        filters: Filters = None,
        *,
        order_by: Order = None,
        limit: int | None = None,
        offset: int = 0,
        load: Load = None,
    ) -> builtins.list[T]:
        """Return objects.

        Args:
            filters: Which: a dict of lookups, a `FilterBuilder`, an expression, or several.
            order_by: In which order; by default that of the primary key.
            limit: How many at most.
            offset: How many are left out at the beginning.
            load: Relationships that are loaded too.

        Raises:
            ConfigurationError: A lookup does not take its value, or a number is negative.
            UnknownNameError: A name leads nowhere.
        """
        return await self._ordered(filters, order_by, load).limit(limit).offset(offset).all()

    async def _got(self, identity: tuple[Any, ...]) -> T | None:
        return await self.session.get(self.model, identity)

    def _objects(self, load: Load = None) -> QueryBuilder[T]:
        return loading(self.query(), load)

    def _ordered(self, filters: Filters, order_by: Order, load: Load) -> QueryBuilder[T]:
        return ordered(narrowed(self._objects(load), filters), order_by, self.model)


class Querying(Lookup[T]):
    """Find objects by conditions, page by page, and count them."""

    @operation("read")
    async def find(self, *filters: Condition, load: Load = None, **lookups: Any) -> builtins.list[T]:
        """Return the objects for which all conditions hold, in the order of the primary key."""
        return await ordered(self._found(filters, lookups, load), None, self.model).all()

    @operation("read")
    async def find_one(self, *filters: Condition, load: Load = None, **lookups: Any) -> T | None:
        """Return the only object for which all conditions hold; None where there is none.

        Raises:
            MultipleResultsError: There are several.
        """
        return await self._found(filters, lookups, load).one_or_none()

    @operation("read")
    async def exists(self, *filters: Condition, **lookups: Any) -> bool:
        """Return whether there is an object for which all conditions hold."""
        return await self._found(filters, lookups).exists()

    @operation("read")
    async def count(self, *filters: Condition, **lookups: Any) -> int:
        """Return how many objects there are for which all conditions hold."""
        return await self._found(filters, lookups).count()

    @operation("read")
    async def in_bulk(self, keys: Iterable[Any], *, load: Load = None) -> dict[Any, T]:
        """Return the objects with some primary keys, by key; keys without an object are left out.

        Args:
            keys: The keys; composite ones are tuples, and so are they in what is returned.
            load: Relationships that are loaded too.

        Raises:
            ConfigurationError: A key has other parts than the primary key, or one of another type.
        """
        query, wanted = self._objects(load), [key_of(self.model, key) for key in keys]
        found: dict[Any, T] = {}
        for start in range(0, len(wanted), AT_ONCE):
            found |= await query.in_bulk(wanted[start : start + AT_ONCE])
        return found

    @operation("read")
    async def list_and_count(
        self,
        filters: Filters = None,
        *,
        order_by: Order = None,
        limit: int | None = None,
        offset: int = 0,
        load: Load = None,
    ) -> tuple[builtins.list[T], int]:
        """Return objects as `list` does, and how many there would be without limit and offset.

        One statement finds both.
        """
        query = self._ordered(filters, order_by, load)
        return await query.limit(limit).offset(offset).all_and_count()

    @operation("read")
    async def page(
        self,
        number: int = 1,
        size: int = 50,
        filters: Filters = None,
        *,
        order_by: Order = None,
        load: Load = None,
    ) -> Page[T]:
        """Return a page of the objects, and how many there are in all.

        Args:
            number: The number of the page, from 1.
            size: How many objects a page has.
            filters: Which objects; see `list`.
            order_by: In which order; by default that of the primary key.
            load: Relationships that are loaded too.

        Raises:
            ConfigurationError: A number is less than 1.
        """
        return await self._ordered(filters, order_by, load).paginate(number, size)

    @operation("read")
    async def page_after(
        self,
        cursor: str | None = None,
        size: int = 50,
        filters: Filters = None,
        *,
        order_by: Order = None,
        load: Load = None,
    ) -> CursorPage[T]:
        """Return the page behind, or before, another one, however many objects come before it.

        Args:
            cursor: What the other page says; by default the first page is read.
            size: How many objects a page has.
            filters: Which objects; see `list`.
            order_by: In which order; by default that of the primary key.
            load: Relationships that are loaded too.

        Raises:
            InvalidCursorError: The cursor was not made by such a page.
        """
        return await self._ordered(filters, order_by, load).paginate_after(cursor, size)

    async def stream(
        self, filters: Filters = None, *, order_by: Order = None, load: Load = None, batch: int = 1_000
    ) -> AsyncGenerator[T, None]:
        """Give the objects one after the other, in one snapshot, reading so many at once.

        Args:
            filters: Which objects; see `list`.
            order_by: In which order; by default that of the primary key.
            load: Relationships that are loaded too.
            batch: How many are read at once.
        """
        async with aclosing(await self._streamed(filters, order_by, load, batch)) as found:
            async for each in found:
                yield each

    @operation("read", "stream")
    async def _streamed(
        self, filters: Filters, order_by: Order, load: Load, batch: int
    ) -> AsyncGenerator[T, None]:
        found = narrowed(loading(self.query(), load), filters)
        return ordered(found, order_by, self.model).stream(batch)

    def _found(
        self, filters: tuple[Condition, ...], lookups: dict[str, Any], load: Load = None
    ) -> QueryBuilder[T]:
        return narrowed(self._objects(load), filters).filter(**lookups)
