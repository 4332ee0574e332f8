"""Compare the columns of a model with those that files have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, time
from decimal import Decimal
from typing import Any, TypeAlias

from sqlalchemy import Column
from sqlalchemy.types import TypeEngine

from andamios_orm.core.dialect.type_names import parse_type
from andamios_orm.core.types import JSON, LIST, MAP, STRUCT

__all__ = ["misfits"]

_ALSO: dict[Any, tuple[type[Any], ...]] = {
    float: (int, Decimal),
    Decimal: (int, float),
}
"""What a column may have in the files, beside its own Python type: what is converted when it is read."""

_Parts: TypeAlias = Mapping[str, TypeEngine[Any]]

_NESTED: dict[type[Any], Callable[[Any], _Parts]] = {
    LIST: lambda type_: {"element": type_.element_type},
    MAP: lambda type_: {"key": type_.key_type, "value": type_.value_type},
    STRUCT: lambda type_: type_.fields,
}
"""The types that are inside of a nested type."""


def misfits(
    columns: Iterable[Column[Any]], present: Mapping[str, str], dialect: Any, *, typed: bool, exact: bool
) -> list[str]:
    """Return what is wrong with each column that does not fit.

    Args:
        columns: The columns of the model.
        present: The name and the type of each column of the files.
        dialect: The dialect.
        typed: Whether the files tell the types of their columns.
        exact: Whether upper and lower case differ in names.
    """
    spelt = str if exact else str.casefold
    known = {spelt(name): type_ for name, type_ in present.items()}
    wrong = []
    for column in columns:
        found = known.get(spelt(column.name))
        if found is None:
            wrong.append(f"column {column.name!r} is missing (there are {', '.join(present)})")
        elif typed and not _fits_name(column.type, found, dialect):
            wanted = _name(column.type, dialect)
            wrong.append(f"column {column.name!r} is {found}, and not {wanted}")
    return wrong


def _name(type_: TypeEngine[Any], dialect: Any) -> str:
    name: str = dialect.type_compiler_instance.process(type_, inline_enums=True)
    return name


def _fits_name(wanted: TypeEngine[Any], found: str, dialect: Any) -> bool:
    name = _name(wanted, dialect)
    return name == found or _fits(parse_type(name), parse_type(found))


def _fits(wanted: TypeEngine[Any], found: TypeEngine[Any]) -> bool:
    if isinstance(wanted, JSON):
        return isinstance(found, JSON) or found.python_type is str
    for kind, parts in _NESTED.items():
        if isinstance(wanted, kind):
            return isinstance(found, kind) and _all_fit(parts(wanted), parts(found))
    return _fits_scalar(wanted, found)


def _all_fit(wanted: _Parts, found: _Parts) -> bool:
    return all(name in found and _fits(part, found[name]) for name, part in wanted.items())


def _fits_scalar(wanted: TypeEngine[Any], found: TypeEngine[Any]) -> bool:
    kind, other = wanted.python_type, found.python_type
    if kind in (datetime, time):
        zones: list[Any] = [getattr(type_, "timezone", False) for type_ in (wanted, found)]
        return other is kind and zones[0] == zones[1]
    # SQLAlchemy says `object` where it does not know.
    return (other is kind and kind is not object) or other in _ALSO.get(kind, ())
