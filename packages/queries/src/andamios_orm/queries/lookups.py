"""Lookups: what may stand behind the name of a field, as in ``age__gte=18``.

A comparison is that of SQL: it holds for no row whose field is NULL, unless it is about NULL. A value of None
is such a case: ``eq`` and ``in`` find the rows without a value, ``ne`` and ``notin`` those with one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import BindParameter, ClauseElement, ColumnElement, and_, bindparam, cast, func, or_
from sqlalchemy.types import String

from andamios_orm.core.errors import ConfigurationError

__all__ = ["COMPARISONS", "LIST_COMPARISONS", "Comparison", "listed"]

_ESCAPE = "/"
_WILDCARD = re.compile(rf"[{_ESCAPE}%_]")

Comparison = Callable[[ColumnElement[Any], Any], ColumnElement[bool]]
"""Makes a condition of a field and a value."""


def _eq(field: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    return field.is_(None) if value is None else field == value


def _ne(field: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    return field.is_not(None) if value is None else field != value


def _ordered(compared: Comparison, name: str) -> Comparison:
    def ordered(field: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
        if value is None:
            raise ConfigurationError(f"nothing is {name} None: use isnull=True, or leave the lookup out")
        return compared(field, value)

    return ordered


def listed(lookup: str, value: Any) -> list[Any]:
    """Return the values that a lookup such as ``in`` takes.

    Raises:
        ConfigurationError: It is no list, set or other iterable; a text is one value.
    """
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise ConfigurationError(f"{lookup} takes a list of values, not {value!r}")
    return list(value)


def _in(field: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    if isinstance(value, ClauseElement):
        return field.in_(_several(value))
    values = listed("in", value)
    known = [each for each in values if each is not None]
    return field.in_(known) if len(known) == len(values) else or_(field.in_(known), field.is_(None))


def _notin(field: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    if isinstance(value, ClauseElement):
        return field.not_in(_several(value))
    values = listed("notin", value)
    known = [each for each in values if each is not None]
    return field.not_in(known) if len(known) == len(values) else and_(field.not_in(known), field.is_not(None))


def _several(value: Any) -> Any:
    return bindparam(value.key, expanding=True) if isinstance(value, BindParameter) else value


def _between(field: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    if not isinstance(value, list | tuple) or len(value) != 2 or any(end is None for end in value):
        raise ConfigurationError(f"between takes its two ends, as in between=(1, 9), not {value!r}")
    return and_(field >= value[0], field <= value[1])


def _isnull(field: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    if not isinstance(value, bool):
        raise ConfigurationError(f"isnull takes True or False, not {value!r}")
    return field.is_(None) if value else field.is_not(None)


def _text(field: ColumnElement[Any]) -> ColumnElement[Any]:
    return field if isinstance(field.type, String) else cast(field, String)


def _pattern(method: str) -> Comparison:
    def matches(field: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
        found: ColumnElement[bool] = getattr(_text(field), method)(_matched(method, value))
        return found

    return matches


def _containing(method: str) -> Comparison:
    def matches(field: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
        found: ColumnElement[bool] = getattr(_text(field), method)(
            _escaped(_matched(method, value)), escape=_ESCAPE
        )
        return found

    return matches


def _escaped(value: Any) -> Any:
    # Percent signs and underscores are characters like others.
    if isinstance(value, str):
        return _WILDCARD.sub(rf"{_ESCAPE}\g<0>", value)
    for character in (_ESCAPE, "%", "_"):
        value = func.replace(value, character, _ESCAPE + character, type_=String())
    return value


def _iexact(field: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    if value is None:
        return field.is_(None)
    return func.lower(_text(field)) == func.lower(_matched("iexact", value))


def _regex(name: str, flags: str | None) -> Comparison:
    def matches(field: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
        return _text(field).regexp_match(_matched(name, value), flags)

    return matches


def _matched(name: str, value: Any) -> Any:
    if not isinstance(value, str | ColumnElement):
        raise ConfigurationError(f"{name} takes a text, not {value!r}")
    return value


COMPARISONS: dict[str, Comparison] = {
    "eq": _eq,
    "ne": _ne,
    "gt": _ordered(lambda field, value: field > value, "greater than"),
    "gte": _ordered(lambda field, value: field >= value, "at least"),
    "lt": _ordered(lambda field, value: field < value, "less than"),
    "lte": _ordered(lambda field, value: field <= value, "at most"),
    "in": _in,
    "notin": _notin,
    "between": _between,
    "isnull": _isnull,
    "like": _pattern("like"),
    "ilike": _pattern("ilike"),
    "contains": _containing("contains"),
    "icontains": _containing("icontains"),
    "startswith": _containing("startswith"),
    "istartswith": _containing("istartswith"),
    "endswith": _containing("endswith"),
    "iendswith": _containing("iendswith"),
    "iexact": _iexact,
    "regex": _regex("regex", None),
    "iregex": _regex("iregex", "i"),
}
"""The lookups of every field."""

LIST_COMPARISONS: dict[str, Comparison] = {
    "has": lambda field, value: field.contains(value),
    "overlap": lambda field, value: field.overlap(listed("overlap", value)),
}
"""Those of a list beside them."""
