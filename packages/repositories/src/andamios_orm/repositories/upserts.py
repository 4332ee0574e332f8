"""How a repository writes what may be there already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.repositories.bulk import BulkWriting
from andamios_orm.repositories.keys import key_names
from andamios_orm.repositories.plugins.plugins import operation
from andamios_orm.repositories.plugins.scoping import new_rows
from andamios_orm.repositories.reading import Querying
from andamios_orm.repositories.rows import named_rows, refuse_unknown, validated_rows
from andamios_orm.repositories.writing import Writing

__all__ = ["UpsertCounts", "Upserting"]

T = TypeVar("T")


class UpsertCounts(NamedTuple):
    """What an upsert did.

    Attributes:
        inserted: How many rows were new.
        updated: How many were there.
    """

    inserted: int
    updated: int


class Upserting(Querying[T], Writing[T], BulkWriting[T]):
    """Write what may be there already.

    What is there is looked for first, in the transaction of the session. So another transaction that writes
    the same meanwhile makes this one fail, with `DuplicateKeyError` where a constraint keeps the fields
    unique, and nothing else does: declare one.
    """

    async def get_or_create(
        self, defaults: Mapping[str, Any] | None = None, /, **lookups: Any
    ) -> tuple[T, bool]:
        """Return the only object with these values, or a new one, and whether it is new.

        Args:
            defaults: Further values of a new object.
            lookups: The values, by the names of attributes.

        Raises:
            MultipleResultsError: There are several.
            UnknownNameError: The model has no such attribute.
        """
        found = await self._only(lookups)
        return (found, False) if found is not None else (await self.create(defaults, **lookups), True)

    async def update_or_create(
        self, changes: Mapping[str, Any] | None = None, /, **lookups: Any
    ) -> tuple[T, bool]:
        """Change the only object with these values, or create it; return it, and whether it is new.

        Args:
            changes: The values that it gets, or is created with.
            lookups: The values that it is found by, by the names of attributes.

        Raises:
            MultipleResultsError: There are several.
            UnknownNameError: The model has no such attribute.
        """
        found = await self._only(lookups)
        if found is None:
            return await self.create(changes, **lookups), True
        return await self.update(found, changes), False

    async def upsert(self, data: Mapping[str, Any], /, *, match: Sequence[str] | None = None) -> T:
        """Write an object, whether it is there already or not, and return it.

        Args:
            data: Its values.
            match: The attributes that it is found by; by default the primary key.

        Raises:
            ConfigurationError: ``data`` lacks one of them.
            MultipleResultsError: There are several such objects.
        """
        given, names = named_rows(self.model, [data]), _match(self.model, match)
        (values,) = validated_rows(self.model, given)
        _check_names(names, values, "this")
        found = await self._only(_part(given[0], names))
        if found is None:
            return await self.create(given[0])
        fixed = {*names, *key_names(self.model)}
        key = {name: getattr(found, name) for name in fixed}
        _check_key(_others(self.model, names), values, key, names, "this")
        return await self.update(found, _part(given[0], [name for name in values if name not in fixed]))

    async def upsert_many(
        self,
        rows: Iterable[Mapping[str, Any]],
        *,
        match: Sequence[str] | None = None,
        update: Sequence[str] | None = None,
    ) -> UpsertCounts:
        """Write many rows, whether they are there already or not: all or none.

        Args:
            rows: Dicts, all with the same keys.
            match: The attributes that a row is found by, which no two rows have in common; by default the
                primary key.
            update: The attributes that a row which is there gets; by default all others that are given.

        Raises:
            ConfigurationError: A row lacks an attribute, or two rows are the same by ``match``; nothing was
                sent.
            IntegrityError: A constraint refuses a row.
            MultipleResultsError: Several rows of the table are the same by ``match``.
            UnknownNameError: The model has no such attribute.
            ValidationError: The model refuses a value.
        """
        names, fixed = _match(self.model, match), self._fixed
        given = named_rows(self.model, new_rows(self.model, fixed, rows))
        checked = validated_rows(self.model, given)
        _refuse_repeated(checked, names)
        changed = [name for name in _changed(self.model, given, names, update) if name not in fixed]
        await self.session.flush()
        keys = await self._matched(names, checked)
        others = _others(self.model, names)
        for number, key in keys.items() if others else ():
            _check_key(others, checked[number], key, names, f"row {number}")
        new = [row for number, row in enumerate(given) if number not in keys]
        async with self._whole():
            if new:
                await self.create_many(new)
            if changed and keys:
                changes = [{**key, **_part(given[number], changed)} for number, key in keys.items()]
                await self._update_many(changes, keys.values())
        return UpsertCounts(len(new), len(keys))

    @operation("update", "update_many")
    async def _update_many(self, rows: list[dict[str, Any]], found: Iterable[Mapping[str, Any]]) -> None:
        await self._change(rows, found)

    async def _only(self, values: Mapping[str, Any]) -> T | None:
        if not values:
            raise ConfigurationError(f"say which {self.model.__name__}: give values that it is found by")
        (checked,) = validated_rows(self.model, named_rows(self.model, [values]))
        return await self.find_one(checked)


def _match(model: type[Any], match: Sequence[str] | None) -> list[str]:
    if match is None:
        return key_names(model)
    names = [match] if isinstance(match, str) else list(match)
    if not names:
        raise ConfigurationError("match= is empty: name the attributes that a row is found by")
    refuse_unknown(model, names)
    return names


def _check_names(names: Sequence[str], row: Mapping[str, Any], what: str) -> None:
    missing = [name for name in names if row.get(name) is None]
    if missing:
        raise ConfigurationError(f"{what} has no {missing[0]}, which it is found by")


def _others(model: type[Any], names: Sequence[str]) -> list[str]:
    # The names of the key that a row is not found by.
    return [name for name in key_names(model) if name not in names]


def _check_key(
    others: Sequence[str], row: Mapping[str, Any], key: Mapping[str, Any], names: Sequence[str], what: str
) -> None:
    for name in others:
        if row.get(name) not in (None, key[name]):
            raise ConfigurationError(
                f"{what} gives {name}={row[name]!r}, and what is there by {', '.join(names)} has "
                f"{key[name]!r}: leave the key out, or match by it"
            )


def _refuse_repeated(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> None:
    seen: dict[tuple[Any, ...], int] = {}
    for number, row in enumerate(rows):
        key = tuple(map(row.get, names))
        if any(value is None for value in key):
            _check_names(names, row, f"row {number}")
        before = seen.setdefault(key, number)
        if before != number:
            raise ConfigurationError(f"rows {before} and {number} are the same by {', '.join(names)}")


def _changed(
    model: type[Any], rows: Sequence[Mapping[str, Any]], names: Sequence[str], update: Sequence[str] | None
) -> list[str]:
    given = list(rows[0]) if rows else []
    fixed = {*names, *key_names(model)}
    if update is None:
        return [name for name in given if name not in fixed]
    wanted = [update] if isinstance(update, str) else list(update)
    refuse_unknown(model, wanted)
    for name in wanted:
        if name in key_names(model):
            raise ConfigurationError(f"update= names {name}, and a key is not changed")
        if rows and name not in given:
            raise ConfigurationError(f"update= names {name}, which the rows do not give")
    return wanted


def _part(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: row[name] for name in names}
