"""Read the annotations of a function of Python: the types of SQL that they stand for."""

from __future__ import annotations

import datetime as dt
import inspect
import uuid
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from sqlalchemy import (
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Double,
    Interval,
    LargeBinary,
    String,
    Time,
    Uuid,
)
from sqlalchemy.types import TypeEngine

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.core.types import LIST

__all__ = ["Kind", "kinds_of"]

_TYPES: dict[Any, type[TypeEngine[Any]]] = {
    bool: Boolean,
    bytes: LargeBinary,
    dt.date: Date,
    dt.datetime: DateTime,
    dt.time: Time,
    dt.timedelta: Interval,
    float: Double,
    int: BigInteger,
    str: String,
    uuid.UUID: Uuid,
}


class Kind(NamedTuple):
    """What a parameter, or a value, is in SQL.

    Attributes:
        type: Its type.
        optional: Whether it may be NULL.
    """

    type: TypeEngine[Any]
    optional: bool


def kinds_of(function: Callable[..., Any], signature: inspect.Signature, vectorized: bool) -> list[Kind]:
    """Return what the parameters of a function are, in order, and at the end what it returns.

    Raises:
        ConfigurationError: It is no plain function, it takes any number of arguments, or an annotation is
            missing or has no type in SQL.
    """
    if not inspect.isfunction(function) or inspect.iscoroutinefunction(function):
        raise ConfigurationError(f"SQL calls plain functions, not {function!r}")
    several = [
        each.name
        for each in signature.parameters.values()
        if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD, each.KEYWORD_ONLY)
    ]
    if several or (vectorized and not signature.parameters):
        raise ConfigurationError(
            f"{function.__name__}() takes a fixed number of arguments by position, and columns if vectorized"
        )
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError as error:
        raise ConfigurationError(
            f"the annotations of {function.__name__}() cannot be resolved: {error}"
        ) from error
    return [_kind(hints.get(name), function, name) for name in (*signature.parameters, "return")]


def _kind(annotation: Any, function: Callable[..., Any], name: str) -> Kind:
    found = _read(annotation)
    if found is None:
        raise ConfigurationError(
            f"{function.__name__}() does not say which type of SQL {name!r} has: annotate it with one of "
            f"{', '.join(sorted(each.__name__ for each in _TYPES))}, a list of them, or Annotated[X, type] "
            "with a type of SQLAlchemy, such as Annotated[Decimal, Numeric(10, 2)]"
        )
    return found


def _read(annotation: Any) -> Kind | None:
    if get_origin(annotation) is Annotated:
        found = map(_read, annotation.__metadata__)
        return next((each for each in found if each is not None), None) or _read(annotation.__origin__)
    if get_origin(annotation) in (Union, UnionType):
        parts = [part for part in get_args(annotation) if part is not NoneType]
        inner = _read(parts[0]) if len(parts) == 1 else None
        return inner and inner._replace(optional=True)
    type_ = _type(annotation)
    return None if type_ is None else Kind(type_, False)


def _type(annotation: Any) -> TypeEngine[Any] | None:
    if isinstance(annotation, TypeEngine):
        return annotation
    if inspect.isclass(annotation) and issubclass(annotation, TypeEngine):
        return annotation()
    if get_origin(annotation) is list:
        element = _read(*get_args(annotation))
        return None if element is None else LIST(element.type)
    found = _TYPES.get(annotation) if inspect.isclass(annotation) else None
    return None if found is None else found()
