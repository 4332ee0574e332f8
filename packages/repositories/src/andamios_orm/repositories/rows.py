"""Rows that callers give, checked before anything is sent.

What is sent is validated once more on its way, so send what was given: a validator may change a value, and
would change it twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import Mapper
from sqlalchemy.orm.attributes import instance_dict

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries import UnknownNameError

__all__ = ["named_rows", "refuse_unknown", "validated_rows"]


def named_rows(model: type[Any], rows: Iterable[Any]) -> list[dict[str, Any]]:
    """Return rows as dicts whose keys are names of columns; their values are as they were given.

    Args:
        model: The mapped class.
        rows: Dicts, all with the same keys, or objects of the model.

    Raises:
        ConfigurationError: They are something else, or have different keys.
        UnknownNameError: The model has no such attribute.
    """
    if isinstance(rows, Mapping):
        raise ConfigurationError("rows is one dict: give a list of them, such as [row]")
    given = [_mapping(model, number, row) for number, row in enumerate(rows)]
    for number, row in enumerate(given):
        _refuse_other_names(given[0], row, number)
    if given:
        refuse_unknown(model, given[0])
    return given


def validated_rows(model: type[Any], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return named rows with their values as the model validates them.

    Raises:
        ValidationError: The model refuses a value.
    """
    check = getattr(model, "__check_rows__", None)
    if check is None or not rows:
        return rows
    names = list(rows[0])
    values = check(names, [tuple(map(row.__getitem__, names)) for row in rows])
    return [dict(zip(names, each, strict=True)) for each in values]


def refuse_unknown(model: type[Any], names: Iterable[str]) -> None:
    """Refuse names that are no columns of a model.

    Raises:
        UnknownNameError: One is none.
    """
    mapper: Mapper[Any] = inspect(model)
    known = mapper.column_attrs.keys()
    for name in names:
        if name not in known:
            raise UnknownNameError(name, f"column of {model.__name__}", known)


def _mapping(model: type[Any], number: int, row: Any) -> dict[str, Any]:
    if isinstance(row, model):
        known: Any = inspect(model).column_attrs
        return {name: value for name, value in instance_dict(row).items() if name in known}
    if not isinstance(row, Mapping):
        raise ConfigurationError(f"row {number} is a {type(row).__name__}: give dicts")
    return dict(row)


def _refuse_other_names(first: Mapping[str, Any], row: Mapping[str, Any], number: int) -> None:
    if row.keys() != first.keys():
        missing, surplus = sorted(first.keys() - row.keys()), sorted(row.keys() - first.keys())
        raise ConfigurationError(
            f"row {number} differs from row 0: missing {missing}, surplus {surplus}. Give all rows the "
            "same keys"
        )
