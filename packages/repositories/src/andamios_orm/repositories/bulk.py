"""How a repository writes many objects: columns at a time, or one statement for all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeVar, overload

from sqlalchemy import insert, inspect, tuple_, update

from andamios_orm.core.errors import ConfigurationError, NotFoundError
from andamios_orm.core.rows import table_of
from andamios_orm.queries import QueryBuilder
from andamios_orm.queries.expressions import Q
from andamios_orm.repositories.filters import Condition, Filters, conditions, narrowed
from andamios_orm.repositories.keys import AT_ONCE, key_names, key_of
from andamios_orm.repositories.matching import matched
from andamios_orm.repositories.plugins.plugins import Kind, operation
from andamios_orm.repositories.plugins.scoping import changing_rows, new_rows, refuse_others
from andamios_orm.repositories.repository import Repository
from andamios_orm.repositories.rows import named_rows, refuse_unknown, validated_rows

__all__ = ["BulkWriting"]

T = TypeVar("T")


class BulkWriting(Repository[T]):
    """Write many objects without making them objects of the session."""

    @overload
    async def create_many(self, rows: Iterable[Any], *, return_keys: Literal[False] = False) -> int: ...

    @overload
    async def create_many(self, rows: Iterable[Any], *, return_keys: Literal[True]) -> list[Any]: ...

    @operation("create")
    async def create_many(self, rows: Iterable[Any], *, return_keys: bool = False) -> int | list[Any]:
        """Write new rows the columnar way, all or none.

        Args:
            rows: Dicts, all with the same keys, or objects of the model.
            return_keys: Whether to return the primary keys, in the order of the rows, which takes longer.

        Returns:
            How many rows were written, or their keys; composite ones are tuples.

        Raises:
            ConfigurationError: A row has an unknown or a missing name; nothing was sent.
            IntegrityError: A constraint refuses a row.
            ValidationError: The model refuses a value; nothing was sent.
        """
        rows = new_rows(self.model, self._fixed, rows)
        if not return_keys:
            return await self.session.bulk_insert(self.model, rows)
        table, given = table_of(self.model), named_rows(self.model, rows)
        if not given:
            return []
        returned = insert(self.model).returning(*table.primary_key, sort_by_parameter_order=True)
        async with self._whole():
            found = (await self.session.execute(returned, given)).all()
        return [row[0] if len(row) == 1 else tuple(row) for row in found]

    @operation("update")
    async def update_many(self, rows: Iterable[dict[str, Any]]) -> int:
        """Change many objects by their keys, with one statement; return how many they are.

        Args:
            rows: Dicts with the primary key and new values, all with the same keys.

        Raises:
            ConfigurationError: A row has no key or an unknown name, or two have the same key.
            IntegrityError: A constraint refuses a row.
            NotFoundError: There is none with one of these keys; nothing was changed.
            StaleVersionError: A row has another version by now.
            ValidationError: The model refuses a value; nothing was changed.
        """
        given = changing_rows(self.model, self._fixed, rows)
        checked = validated_rows(self.model, given)
        _check_keys(self.model, checked)
        await self.session.flush()
        names = key_names(self.model)
        found = await self._matched(names, checked)
        for number, row in enumerate(checked):
            if number not in found:
                key = tuple(row[name] for name in names)
                raise NotFoundError(self.model.__name__, key[0] if len(key) == 1 else key)
        async with self._whole():
            await self._change(given, found.values())
        return len(given)

    async def _matched(
        self, names: Sequence[str], rows: Sequence[Mapping[str, Any]]
    ) -> dict[int, dict[str, Any]]:
        those = self._query("update").statement
        return await self.session.run_sync(matched, self.model, those, names, rows)

    async def _change(self, rows: Sequence[dict[str, Any]], found: Iterable[Mapping[str, Any]]) -> None:
        # Of rows that are there, and were found by these keys.
        if not rows:
            return
        await self.session.execute(update(self.model), rows)
        names, mapper = key_names(self.model), inspect(self.model)
        objects = self.session.sync_session.identity_map
        keys = [tuple(key[name] for name in names) for key in found]
        held = [key for key in keys if mapper.identity_key_from_primary_key(key) in objects]
        if held:
            # Otherwise they would stay what they were, and so would what is found from now on.
            query = self._with_keys("read", held).statement.execution_options(populate_existing=True)
            (await self.session.execute(query)).scalars().all()

    @operation("update")
    async def update_where(self, filters: Filters, /, *, all: bool = False, **values: Any) -> int:  # noqa: A002 # what the caller means
        """Change all objects for which some conditions hold; return how many they are.

        Args:
            filters: Which objects: a dict of lookups, a `FilterBuilder`, an expression, or several.
            all: Says that all objects are meant, where there is no condition.
            values: New values by the names of attributes; expressions such as ``F("n") + 1`` are computed
                of the values before.

        Raises:
            ConfigurationError: There is no condition, and no ``all``.
            UnknownNameError: A name leads nowhere.
        """
        refuse_unknown(self.model, values)
        refuse_others(self.model, self._fixed, values)
        return await self._meant("update", filters, all).update(all_rows=all, **values)

    @operation("delete")
    async def delete_many(self, keys: Iterable[Any]) -> int:
        """Delete the objects with some primary keys, or mark them; return how many there were.

        Args:
            keys: The keys; composite ones are tuples, or dicts.

        Raises:
            ConfigurationError: A key has other parts than the primary key, or one of another type.
        """
        wanted = [key_of(self.model, key) for key in keys]
        parts = [wanted[start : start + AT_ONCE] for start in range(0, len(wanted), AT_ONCE)]
        async with self._whole():
            return sum([await self._with_keys("delete", part).delete() for part in parts])

    @operation("delete")
    async def delete_where(self, filters: Filters, /, *, all: bool = False) -> int:  # noqa: A002 # what the caller means
        """Delete all objects for which some conditions hold, or mark them; return how many they are.

        Args:
            filters: Which objects; see `update_where`.
            all: Says that all objects are meant, where there is no condition.

        Raises:
            ConfigurationError: There is no condition, and no ``all``.
            UnknownNameError: A name leads nowhere.
        """
        return await self._meant("delete", filters, all).delete(all_rows=all)

    def _meant(self, kind: Kind, filters: Filters, every: bool) -> QueryBuilder[T]:
        if not every and all(map(_is_empty, conditions(filters))):
            raise ConfigurationError(
                f"this is about every {self.model.__name__}: give a condition, or say all=True"
            )
        return narrowed(self._query(kind), filters)

    def _with_keys(self, kind: Kind, keys: list[tuple[Any, ...]]) -> QueryBuilder[T]:
        columns = [getattr(self.model, name) for name in key_names(self.model)]
        wanted = columns[0].in_([key for (key,) in keys]) if len(columns) == 1 else tuple_(*columns).in_(keys)
        return self._query(kind).filter(wanted)


def _is_empty(condition: Condition) -> bool:
    if isinstance(condition, Mapping):
        return not condition
    return isinstance(condition, Q) and condition.is_empty


def _check_keys(model: type[Any], rows: Sequence[Mapping[str, Any]]) -> None:
    names = key_names(model)
    seen: dict[tuple[Any, ...], int] = {}
    for number, row in enumerate(rows):
        if not set(names) <= row.keys():
            raise ConfigurationError(f"row {number} has no key: each row needs {', '.join(names)}")
        key = key_of(model, {name: row[name] for name in names})
        before = seen.setdefault(key, number)
        if before != number:
            raise ConfigurationError(
                f"rows {before} and {number} have the same key: {', '.join(map(repr, key))}"
            )
