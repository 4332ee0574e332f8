"""Make bytes of the values of a type, and values of the bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import JSON
from sqlalchemy.types import TypeEngine

from andamios_orm.core.errors import ConfigurationError

__all__ = ["codec"]


def codec(plain: TypeEngine[Any]) -> tuple[Callable[[Any], bytes], Callable[[bytes], Any]]:
    """Return what makes bytes of a value of the type, and what makes the value of them.

    Raises:
        ConfigurationError: The type does not tell which Python values it has.
    """
    kind: Any = Any if isinstance(plain, JSON) else plain.python_type
    if kind is object:
        raise ConfigurationError(f"Encrypted does not know what Python values {plain!r} has")
    if kind is str:
        return (lambda value: _only(value, str).encode()), bytes.decode
    if kind is bytes:
        return (lambda value: bytes(_only(value, bytes, bytearray))), bytes
    if kind is float:
        # JSON has no words for what is not finite.
        return (lambda value: repr(float(_only(value, float, int))).encode()), float
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    return (lambda value: _dumped(adapter, value)), adapter.validate_json


def _only(value: Any, *kinds: type[Any]) -> Any:
    if not isinstance(value, kinds):
        raise TypeError(f"a {type(value).__name__} is no {kinds[0].__name__}")
    return value


def _dumped(adapter: TypeAdapter[Any], value: Any) -> bytes:
    try:
        return adapter.dump_json(adapter.validate_python(value))
    except ValidationError as error:
        # Not chained, because it tells the value.
        reasons = "; ".join(sorted({found["msg"] for found in error.errors(include_input=False)}))
        raise ValueError(f"the value of an Encrypted column is refused: {reasons}") from None
