"""What columns hold, and which values can be compared with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.types import JSON, Interval, TypeDecorator, TypeEngine, UserDefinedType

__all__ = ["ValueKind", "kind_of", "undecorated"]


class ValueKind(NamedTuple):
    """What a column holds.

    Attributes:
        one: What one value is called.
        many: What several are called.
        types: The types of values that it can be compared with.
        read: Reads a text that it can be compared with.
    """

    one: str
    many: str
    types: tuple[type[Any], ...]
    read: Callable[[str], Any] | None = None

    def takes(self, value: Any) -> bool:
        """Return whether a database can compare a value with it."""
        if value is None or isinstance(value, self.types):
            return True
        if self.read is None or not isinstance(value, str):
            return False
        try:
            self.read(value)
        except ValueError:
            return False
        return True


_NUMBER = ValueKind("a number", "numbers", (int, float, Decimal), float)
_BY_TYPE: dict[Any, ValueKind] = {
    int: _NUMBER,
    float: _NUMBER,
    Decimal: _NUMBER,
    bool: ValueKind("True or False", "truth values", (int, float)),
    str: ValueKind("a text", "texts", (str, bytes)),
    bytes: ValueKind("bytes", "bytes", (bytes, bytearray, memoryview, str)),
    date: ValueKind("a date", "dates", (date,), datetime.fromisoformat),
    datetime: ValueKind("a moment", "moments", (date,), datetime.fromisoformat),
    time: ValueKind("a time", "times", (time,), time.fromisoformat),
    timedelta: ValueKind("a timedelta", "spans of time", (timedelta,)),
    UUID: ValueKind("a UUID", "UUIDs", (UUID,), UUID),
    list: ValueKind("a list", "lists", (list, tuple)),
    dict: ValueKind("a dict", "structs", (dict,)),
}
"""By the type of their values in Python."""

_DOCUMENT = ValueKind("a document", "documents", (object,))
_MEMBER = ValueKind("a member of an Enum", "members of an Enum", (object,))
_ANYTHING = ValueKind("a value", "values", (object,))


def undecorated(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return the type that a database keeps, below those that change its values in Python."""
    # That of spans of time decorates another one only for databases that have none.
    while isinstance(type_, TypeDecorator) and not isinstance(type_, Interval):
        type_ = type_.impl_instance
    return type_


def kind_of(type_: TypeEngine[Any]) -> ValueKind:
    """Return what a column of a type holds; of a type of one's own only that knows."""
    if isinstance(type_, JSON):
        return _DOCUMENT
    if isinstance(type_, UserDefinedType) or undecorated(type_) is not type_:
        return _ANYTHING
    python_type = type_.python_type
    return _MEMBER if issubclass(python_type, Enum) else _BY_TYPE.get(python_type, _ANYTHING)
