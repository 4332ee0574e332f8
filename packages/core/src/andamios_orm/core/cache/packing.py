"""Turn values into bytes and back, so that what comes out equals what went in, and has the same types.

The bytes are msgpack, with an extension for each type that it lacks. To read them makes values of these types
and nothing else, whoever wrote them: no code is run, and no module is imported.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgpack
import pytz

from andamios_orm.core.errors import NotSupportedError

__all__ = ["UnpackError", "pack", "unpack"]


class UnpackError(ValueError):
    """Report bytes that `pack` has not made, or that name a member of an Enum this process does not know."""


def pack(value: Any) -> bytes:
    """Return the bytes of a value.

    It is None, a bool, int, float, str, bytes, Decimal, date, datetime, time, timedelta or UUID, a member of
    an Enum that stands at the top of a module, or a list, tuple or dict of such values.

    A bytearray or memoryview comes back as bytes.

    Raises:
        NotSupportedError: It holds something else, a subclass of one of these included, or itself.
    """
    try:
        return _packed_parts(value)
    except (ValueError, RecursionError) as error:
        raise NotSupportedError.of(
            "the cache", f"this value ({error})", "keep one that nests less, and not in itself"
        ) from error


def unpack(data: bytes) -> Any:
    """Return a new copy of the value that `pack` made the bytes of.

    Raises:
        UnpackError: It made no such bytes.
    """
    try:
        return msgpack.unpackb(data, ext_hook=_unextended, strict_map_key=False, **_TEXT)
    except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
        raise UnpackError(f"{type(error).__name__}: {error}") from error


class _Extension(NamedTuple):
    code: int
    taken: Callable[[Any], bytes]
    made: Callable[[bytes], Any]


def _of_parts(code: int, taken: Callable[[Any], list[Any]], made: Callable[[list[Any]], Any]) -> _Extension:
    return _Extension(code, lambda value: _packed_parts(taken(value)), lambda data: made(unpack(data)))


def _packed_parts(parts: Any) -> bytes:
    # A packer is not reentrant, so each value inside of another has its own, with a small buffer.
    packer = msgpack.Packer(default=_extended, strict_types=True, buf_size=_BUFFER, **_TEXT)
    packed: bytes = packer.pack(parts)
    return packed


def _moment(value: datetime) -> bytes:
    # Most have no zone, and their text is enough.
    if value.tzinfo is None and not value.fold:
        return value.isoformat().encode()
    return _packed_parts(_moment_parts(value))


def _from_moment(data: bytes) -> datetime:
    if data[:1].isdigit():
        return datetime.fromisoformat(data.decode())
    return _from_moment_parts(unpack(data))


def _moment_parts(value: datetime) -> list[Any]:
    # For a zone of pytz the moment in UTC, because its offset belongs to the object; else the local time.
    zone = value.tzinfo
    if isinstance(zone, pytz.tzinfo.BaseTzInfo) and zone.zone is not None:
        return ["pytz", zone.zone, value.astimezone(UTC).replace(tzinfo=None).isoformat(), 0]
    return [*_zone(zone, value.utcoffset()), value.replace(tzinfo=None).isoformat(), value.fold]


def _from_moment_parts(parts: list[Any]) -> datetime:
    kind, name, text, fold = parts
    if kind == "pytz":
        moment: datetime = pytz.timezone(name).fromutc(datetime.fromisoformat(text))
        return moment
    return datetime.fromisoformat(text).replace(tzinfo=_from_zone(kind, name), fold=fold)


def _clock(value: time) -> list[Any]:
    return [*_zone(value.tzinfo, value.utcoffset()), value.replace(tzinfo=None).isoformat(), value.fold]


def _from_clock(parts: list[Any]) -> time:
    kind, name, text, fold = parts
    return time.fromisoformat(text).replace(tzinfo=_from_zone(kind, name), fold=fold)


def _zone(zone: tzinfo | None, offset: timedelta | None) -> tuple[str, Any]:
    return ("zone", zone.key) if isinstance(zone, ZoneInfo) and zone.key else ("offset", offset)


def _from_zone(kind: str, name: Any) -> tzinfo | None:
    if kind == "zone":
        return ZoneInfo(name)
    return None if name is None else timezone(name)


def _member(value: Enum) -> list[Any]:
    parts = [type(value).__module__, type(value).__qualname__, value.name]
    if _known(*parts) is not value:
        raise NotSupportedError.of(
            "the cache",
            f"{value!r} of type {_name(type(value))}",
            "define the Enum at the top of a module, or keep the member's value",
        )
    return parts


def _from_member(parts: list[Any]) -> Enum:
    member = _known(*parts)
    if member is None:
        raise LookupError(f"no member {parts} is known")
    return member


def _known(module: str, qualified: str, name: str | None) -> Enum | None:
    # Looks only at what is imported already.
    found: Any = sys.modules.get(module)
    for part in qualified.split("."):
        found = getattr(found, "__dict__", {}).get(part)
    is_enum = isinstance(found, type) and issubclass(found, Enum)
    return found.__members__.get(name) if is_enum else None


_MEMBER = _of_parts(9, _member, _from_member)

_BY_TYPE: dict[type, _Extension] = {
    tuple: _of_parts(1, list, tuple),
    int: _Extension(2, lambda value: str(value).encode(), lambda data: int(data)),
    Decimal: _Extension(3, lambda value: str(value).encode(), lambda data: Decimal(data.decode())),
    UUID: _Extension(4, lambda value: value.bytes, lambda data: UUID(bytes=data)),
    date: _Extension(
        5, lambda value: value.isoformat().encode(), lambda data: date.fromisoformat(data.decode())
    ),
    datetime: _Extension(6, _moment, _from_moment),
    time: _of_parts(7, _clock, _from_clock),
    timedelta: _of_parts(
        8,
        lambda value: [value.days, value.seconds, value.microseconds],
        lambda parts: timedelta(*parts),
    ),
}
_BY_CODE = {extension.code: extension for extension in (*_BY_TYPE.values(), _MEMBER)}

_REMEDIES = {
    "Row": "keep [tuple(row) for row in result]",
    "RowMapping": "keep [dict(row) for row in result.mappings()]",
}


def _extended(value: Any) -> msgpack.ExtType:
    # msgpack calls this for what it does not pack itself: subclasses, tuples, integers beyond 64 bits ...
    extension = _MEMBER if isinstance(value, Enum) else _BY_TYPE.get(type(value))
    if extension is None:
        kind = type(value)
        remedy = _REMEDIES.get(kind.__name__, "keep plain values, or lists, tuples and dicts of them")
        raise NotSupportedError.of("the cache", f"values of type {_name(kind)}", remedy)
    return msgpack.ExtType(extension.code, extension.taken(value))


def _unextended(code: int, data: bytes) -> Any:
    return _BY_CODE[code].made(data)


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


_TEXT: dict[str, Any] = {"unicode_errors": "surrogatepass"}
"""Text may hold any code point that a str may."""

_BUFFER = 256
"""Bytes that a packer starts with."""
