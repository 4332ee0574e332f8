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

__all__ = ["are_alike", "are_exact"]

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


def are_alike(values: Sequence[Any], type_: str) -> bool:
    """Tell whether the engine finds one type for simple values that changes none of them.

    Args:
        values: The values; None is like any.
        type_: What they are cast to, as the engine names it.
    """
    kinds = set(map(type, values)) - {type(None)}
    if kinds == {int, float}:
        return type_ in _FLOATS
    return not kinds or (len(kinds) == 1 and kinds <= _SIMPLE and _is_uniform(values, *kinds))


def _is_uniform(values: Sequence[Any], kind: type[Any]) -> bool:
    given = [value for value in values if value is not None]
    if kind is Decimal:
        return len({value.as_tuple().exponent for value in given}) == 1
    if kind in (dt.datetime, dt.time):
        return len({value.tzinfo is None for value in given}) == 1
    return kind is not int or all(-(2**63) <= value < 2**63 for value in given)


def are_exact(values: Sequence[Any], type_: str) -> bool:
    """Tell whether a cast to ``type_``, as the engine names it, changes none of the values."""
    name, kinds = type_.partition("(")[0], set(map(type, values))
    if name in _INTEGERS:
        first, end = _INTEGERS[name]
        return kinds == {int} and all(first <= value < end for value in values)
    return len(kinds) == 1 and (name, *kinds) in _SAME
