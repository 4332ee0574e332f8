"""Rows as objects of a type: a dataclass, a msgspec Struct, a NamedTuple, a TypedDict or a pydantic model."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from importlib import import_module
from inspect import Parameter, signature
from itertools import starmap
from typing import Any, NamedTuple, NotRequired, Required, get_origin, get_type_hints, is_typeddict

from andamios_orm.core.errors import ConfigurationError

__all__ = ["RowType", "row_type"]

Make = Callable[[Iterable[Sequence[Any]]], list[Any]]


class RowType(NamedTuple):
    """A type of rows.

    Attributes:
        names: The names of its fields, in order.
        required: Those that have no default.
        make: Makes objects of rows, whose values stand in the order of some of these names.
    """

    names: tuple[str, ...]
    required: frozenset[str]
    make: Callable[[tuple[str, ...]], Make]


def row_type(type_: type[Any]) -> RowType:
    """Return how objects of a type are made of rows.

    Raises:
        ConfigurationError: It is none of the types that have named fields.
    """
    for made in (_of_dataclass, _of_struct, _of_pydantic, _of_tuple, _of_typed_dict):
        found = made(type_)
        if found is not None:
            return found
    raise ConfigurationError(
        "rows become objects of a dataclass, a msgspec.Struct, a NamedTuple, a TypedDict or a pydantic "
        f"model, not of {type_!r}"
    )


def _by_position(type_: type[Any], names: tuple[str, ...]) -> Callable[[tuple[str, ...]], Make]:
    def make(given: tuple[str, ...]) -> Make:
        if given == names[: len(given)]:
            return lambda rows: list(starmap(type_, rows))
        return _by_name(type_)(given)

    return make


def _by_name(type_: Callable[..., Any]) -> Callable[[tuple[str, ...]], Make]:
    def make(given: tuple[str, ...]) -> Make:
        return lambda rows: [type_(**dict(zip(given, row, strict=True))) for row in rows]

    return make


def _of_dataclass(type_: type[Any]) -> RowType | None:
    if not dataclasses.is_dataclass(type_) or hasattr(type_, "model_fields"):
        return None
    fields = [field for field in dataclasses.fields(type_) if field.init]
    names = tuple(field.name for field in fields)
    required = frozenset(
        field.name
        for field in fields
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    )
    by_name = any(field.kw_only for field in fields)
    return RowType(names, required, _by_name(type_) if by_name else _by_position(type_, names))


def _of_struct(type_: type[Any]) -> RowType | None:
    # Without an import of msgspec, unless whoever has such a type has made one.
    if not hasattr(type_, "__struct_config__"):
        return None
    fields = import_module("msgspec.structs").fields(type_)
    names = tuple(field.name for field in fields)
    kinds = {parameter.kind for parameter in signature(type_).parameters.values()}
    by_name = Parameter.KEYWORD_ONLY in kinds
    required = frozenset(field.name for field in fields if field.required)
    return RowType(names, required, _by_name(type_) if by_name else _by_position(type_, names))


def _of_pydantic(type_: type[Any]) -> RowType | None:
    fields = getattr(type_, "model_fields", None)
    if fields is None or not hasattr(type_, "model_validate"):
        return None
    required = frozenset(name for name, field in fields.items() if field.is_required())
    return RowType(tuple(fields), required, _by_name(partial(_validated, type_)))


def _validated(type_: Any, /, **values: Any) -> Any:
    # Columns have the names of fields, whatever a field is called elsewhere.
    return type_.model_validate(values, by_name=True, by_alias=False)


def _of_tuple(type_: type[Any]) -> RowType | None:
    names = getattr(type_, "_fields", None)
    if not (isinstance(type_, type) and issubclass(type_, tuple)) or names is None:
        return None
    required = frozenset(names) - type_._field_defaults.keys()  # type: ignore[attr-defined] # a NamedTuple has them
    return RowType(names, frozenset(required), _by_position(type_, names))


def _of_typed_dict(type_: type[Any]) -> RowType | None:
    if not is_typeddict(type_):
        return None
    # Annotations that are texts hide from Python which of them say Required and NotRequired.
    hints = get_type_hints(type_, include_extras=True)
    required = set(type_.__required_keys__)
    required -= {name for name, hint in hints.items() if get_origin(hint) is NotRequired}
    required |= {name for name, hint in hints.items() if get_origin(hint) is Required}
    return RowType(tuple(hints), frozenset(required), _by_name(dict))
