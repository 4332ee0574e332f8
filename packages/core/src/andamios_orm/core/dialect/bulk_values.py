"""Tell whether values mean the same to the engine in a list as each by itself.

DuckDB makes one type of the values of a list before it casts them to the type that is asked for: an integer
beside a float becomes a float, a day beside a moment a moment.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

__all__ = ["are_alike", "are_exact", "are_simple"]

_WIDTH = 38
"""Digits of the widest DECIMAL."""

_TEXTS = frozenset({"VARCHAR", "TEXT", "CHAR"})

_INTEGERS = {
    "TINYINT": (-(2**7), 2**7),
    "SMALLINT": (-(2**15), 2**15),
    "INTEGER": (-(2**31), 2**31),
    "BIGINT": (-(2**63), 2**63),
    "UTINYINT": (0, 2**8),
    "USMALLINT": (0, 2**16),
    "UINTEGER": (0, 2**32),
    "UBIGINT": (0, 2**64),
}
"""From which value on and up to which one, exclusively, they go."""

_FLOATS = frozenset({"DOUBLE", "FLOAT", "REAL"})

_SIMPLE = frozenset(
    {bool, bytes, dt.date, dt.datetime, dt.time, dt.timedelta, Decimal, float, int, str, uuid.UUID}
)

_SAME = {
    ("BLOB", bytes),
    ("BOOLEAN", bool),
    ("DATE", dt.date),
    ("DOUBLE", float),
    ("UUID", uuid.UUID),
    *((type_, str) for type_ in _TEXTS),
}
"""Types of the engine and of Python that hold the same values."""


def are_simple(values: Sequence[Any]) -> bool:
    """Tell whether none of the values holds others, or is of a class of somebody's own; None is simple."""
    return set(map(type, values)) <= _SIMPLE | {type(None)}


def are_alike(values: Sequence[Any], type_: str) -> bool:
    """Tell whether the engine finds one type for the values that changes none of them.

    Args:
        values: The values; None is like any.
        type_: What they are cast to, as the engine names it.
    """
    kinds = set(map(type, values)) - {type(None)}
    if kinds == {int, float}:
        return type_ in _FLOATS
    given = [value for value in values if value is not None]
    return not kinds or (kinds <= {int, Decimal} and _fit_together(given)) or _are_of(kinds, given)


def _are_of(kinds: set[type[Any]], values: Sequence[Any]) -> bool:
    if kinds <= {dt.datetime, dt.time}:
        return len({(type(value), value.tzinfo is None) for value in values}) == 1
    return len(kinds) == 1 and not kinds & {int, Decimal}


def _fit_together(values: Sequence[int | Decimal]) -> bool:
    # As decimals with as many digits before and behind the point as any of them needs.
    if set(map(type, values)) == {int}:
        return min(values) >= -(2**127) and max(values) < 2**127
    parts = [Decimal(value).as_tuple() for value in values]
    exponents = [part.exponent for part in parts if isinstance(part.exponent, int)]
    if len(exponents) < len(parts):
        return False
    before = max(len(part.digits) + exponent for part, exponent in zip(parts, exponents, strict=True))
    return max(before, 0) - min(0, *exponents) <= _WIDTH


def are_exact(values: Sequence[Any], type_: str) -> bool:
    """Tell whether a cast to ``type_``, as the engine names it, changes none of the values."""
    name, kinds = type_.partition("(")[0], set(map(type, values))
    if name in _INTEGERS:
        first, end = _INTEGERS[name]
        return kinds == {int} and first <= min(values) and max(values) < end
    return len(kinds) == 1 and (name, *kinds) in _SAME
