"""The fields and lookups that a filter from outside may use, and how it may spell them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries.errors import UnknownNameError
from andamios_orm.queries.filters.field_types import RELATED, Target, is_list, is_ordered, target
from andamios_orm.queries.lookups import COMPARISONS, LIST_COMPARISONS

__all__ = ["Allow", "AllowList", "Allowed", "allow_list"]

Allow = Mapping[str, Sequence[str]] | Sequence[str]
"""Fields with their lookups, or fields alone."""

_SAME = ("eq", "ne", "in", "notin", "isnull")
_ORDERED = (*_SAME, "gt", "gte", "lt", "lte", "between")
_SUBSTRINGS = ("contains", "icontains", "startswith", "istartswith", "endswith", "iendswith", "iexact")
_OF_LISTS = (*LIST_COMPARISONS, "isnull")

_OTHER_SPELLINGS = {"gte": "ge", "lte": "le", "notin": "not_in", "isnull": "is_null"}
"""How the methods of `FilterBuilder` call some lookups; both are understood."""

_TEXTS = frozenset({*_SUBSTRINGS, "like", "ilike", "regex", "iregex"})


@dataclass(frozen=True)
class Allowed:
    """A lookup of a field.

    Attributes:
        field: The path of the field.
        lookup: The lookup.
        kind: The Python type of its value, or of the elements of its value.
    """

    field: str
    lookup: str
    kind: Target

    @property
    def takes_list(self) -> bool:
        """Whether its value is a list."""
        return self.lookup in ("in", "notin", "between", "overlap")

    @property
    def takes_none(self) -> bool:
        """Whether its value, or an element of it, may be None."""
        return self.lookup in ("eq", "ne", "in", "notin")


class AllowList:
    """What a filter from outside may name.

    Args:
        lookups: The lookups of each field.
    """

    def __init__(self, lookups: Mapping[str, Sequence[Allowed]]) -> None:
        self._lookups = lookups
        self._known = {name: each for all_ in lookups.values() for each in all_ for name in _spellings(each)}

    def find(self, name: str) -> Allowed | None:
        """Return what a name stands for; None where it is not allowed."""
        return self._known.get(name)

    def refusal(self, name: str) -> str:
        """Return why a name is refused; it tells of nothing that is not allowed."""
        for field, allowed in self._lookups.items():
            if name == field or name.startswith(f"{field}__"):
                return f"has the lookups {', '.join(each.lookup for each in allowed)}"
        return f"is no filter; there are filters for {', '.join(self._lookups)}"


def allow_list(model: type[Any], allow: Allow, types: Mapping[str, Any] | None = None) -> AllowList:
    """Return what a filter of a model may name.

    Args:
        model: The model.
        allow: Fields with their lookups, or fields alone, which get the lookups that suit their types.
        types: Python types of fields, in place of those that their columns have.

    Raises:
        ConfigurationError: Something cannot be allowed.
        UnknownNameError: The model has no such field, or there is no such lookup.
    """
    if isinstance(allow, str):
        raise ConfigurationError(f"allow is a list of fields, or a dict of their lookups, not {allow!r}")
    given: Mapping[str, Sequence[str] | None]
    given = allow if isinstance(allow, Mapping) else dict.fromkeys(allow)
    return AllowList({field: _lookups(model, field, names, types or {}) for field, names in given.items()})


def _lookups(
    model: type[Any], field: str, names: Sequence[str] | None, types: Mapping[str, Any]
) -> list[Allowed]:
    kind = target(model, field)
    kind = types.get(field, kind)
    listed = is_list(model, field)
    if names is None:
        names = _suitable(kind, listed=listed)
    elif isinstance(names, str):
        raise ConfigurationError(f"the lookups of {field!r} are a list, as in [{names!r}], not {names!r}")
    return [_allowed(field, _lookup(field, name, listed=listed), kind) for name in names]


def _suitable(kind: Target, *, listed: bool) -> Sequence[str]:
    if kind is None or kind is RELATED:
        return ("isnull",)
    if listed:
        return _OF_LISTS
    if kind is str:
        return (*_SAME, *_SUBSTRINGS)
    return _ORDERED if is_ordered(kind) else _SAME


def _lookup(field: str, name: str, *, listed: bool) -> str:
    known = _OF_LISTS if listed else COMPARISONS
    spellings = {other: lookup for lookup, other in _OTHER_SPELLINGS.items()}
    found = spellings.get(name, name)
    if found not in known:
        raise UnknownNameError(name, f"lookup of {field}", known)
    return found


def _allowed(field: str, lookup: str, kind: Target) -> Allowed:
    if lookup == "isnull":
        return Allowed(field, lookup, bool)
    if kind is RELATED:
        raise ConfigurationError(
            f"{field!r} is an object: allow isnull, or the fields of it, as in '{field}__name'"
        )
    if lookup in _TEXTS:
        return Allowed(field, lookup, str)
    if kind is None:
        raise ConfigurationError(
            f"values for {field!r} cannot be made of what comes from outside: allow a part of it, as in "
            f"'{field}__key', or say what they are with types={{{field!r}: ...}}"
        )
    return Allowed(field, lookup, kind)


def _spellings(allowed: Allowed) -> Iterable[str]:
    yield f"{allowed.field}__{allowed.lookup}"
    if allowed.lookup == "eq":
        yield allowed.field
    if allowed.lookup in _OTHER_SPELLINGS:
        yield f"{allowed.field}__{_OTHER_SPELLINGS[allowed.lookup]}"
