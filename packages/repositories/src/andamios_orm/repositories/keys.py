"""Primary keys, as callers give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import inspect

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries.kinds import kind_of

__all__ = ["AT_ONCE", "key_names", "key_of", "version_names"]

AT_ONCE = 1_000
"""Keys of a statement where each one is a parameter of its own."""


def key_names(model: type[Any]) -> list[str]:
    """Return the names of the attributes that are the primary key of a model."""
    mapper: Any = inspect(model)
    return [mapper.get_property_by_column(column).key for column in mapper.primary_key]


def version_names(model: type[Any]) -> list[str]:
    """Return the name of the attribute that is the version of a model; nothing where it has none."""
    mapper: Any = inspect(model)
    column = mapper.version_id_col
    return [] if column is None else [mapper.get_property_by_column(column).key]


def key_of(model: type[Any], given: Any) -> tuple[Any, ...]:
    """Return the values of a primary key, in the order of its columns.

    Args:
        model: The mapped class.
        given: The value; of a composite key a tuple, or a dict by the names of the attributes.

    Raises:
        ConfigurationError: It has other parts than the primary key, or one of another type.
    """
    names = key_names(model)
    values = _parts(given, names)
    if values is None:
        raise ConfigurationError(f"the key of {model.__name__} is ({', '.join(names)}), not {given!r}")
    columns: Any = inspect(model).primary_key
    return tuple(
        _checked(model, name, column.type, value)
        for name, column, value in zip(names, columns, values, strict=True)
    )


def _parts(given: Any, names: list[str]) -> tuple[Any, ...] | None:
    if isinstance(given, Mapping):
        return tuple(given[name] for name in names) if given.keys() == set(names) else None
    values = given if isinstance(given, tuple) else (given,)
    return values if len(values) == len(names) else None


def _checked(model: type[Any], name: str, type_: Any, value: Any) -> Any:
    kind = kind_of(type_)
    if UUID in kind.types and isinstance(value, str) and kind.takes(value):
        return UUID(value)  # as requests bring it
    is_flag = isinstance(value, bool) and bool not in kind.types
    if value is None or is_flag or not isinstance(value, kind.types):
        raise ConfigurationError(f"{model.__name__}.{name} is {kind.one}, not {value!r}")
    return value
