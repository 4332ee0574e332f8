"""What a path leads to in a model, and how values for it are made of what comes from outside.

The rules:

* Values are converted as pydantic converts them, so ``"60"`` is a number, and a text for a text only.
* What pydantic would take for something that was hardly meant is refused: a number for a moment (it would be
  the seconds since 1970), true and false for numbers.
* What DuckDB could not compare with the column is refused here: numbers of too many digits, moments without
  a zone where the column has one, and the other way round.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Literal

import pydantic_core
from pydantic import AfterValidator, AwareDatetime, Field, NaiveDatetime, TypeAdapter
from sqlalchemy import inspect
from sqlalchemy.orm import Mapper
from sqlalchemy.types import ARRAY, JSON, DateTime, Enum, Time, TypeEngine

from andamios_orm.queries.scope import Scope

__all__ = ["RELATED", "RefusedValueError", "Target", "converted", "is_list", "is_ordered", "target"]

Target = Any
"""A Python type, as in annotations; None where values are not of one."""

RELATED = object()
"""What a path leads to that ends at a relationship."""

_HUGEINT = 2**127 - 1

_NUMBERS: dict[Any, Any] = {
    int: Annotated[int, Field(ge=-_HUGEINT, le=_HUGEINT)],
    float: Annotated[float, Field(allow_inf_nan=False)],
}


def _with_zone(value: dt.time) -> dt.time:
    if value.tzinfo is None:
        raise ValueError("Input should have timezone info")
    return value


def _without_zone(value: dt.time) -> dt.time:
    if value.tzinfo is not None:
        raise ValueError("Input should not have timezone info")
    return value


_AWARE_TIME = Annotated[dt.time, AfterValidator(_with_zone)]
_NAIVE_TIME = Annotated[dt.time, AfterValidator(_without_zone)]

_MOMENTS = (
    dt.date,
    dt.datetime,
    dt.time,
    dt.timedelta,
    AwareDatetime,
    NaiveDatetime,
    _AWARE_TIME,
    _NAIVE_TIME,
)
_NUMBER = re.compile(r"\s*[-+]?[\d.]+\s*")

_ORDERED = (int, float, Decimal, *_MOMENTS)
_UNKNOWN = (object, dict, list, bytes)


class RefusedValueError(ValueError):
    """Say what is wrong with a value."""


def target(model: type[Any], path: str) -> Target:
    """Return the Python type of what a path leads to, of a list that of its elements.

    Raises:
        ConfigurationError: It leads to many objects on its way into a field.
        UnknownNameError: It leads nowhere.
    """
    types = _types(model, path)
    if types is None:
        return RELATED
    *above, type_ = types
    if any(issubclass(each._type_affinity or type(each), JSON) for each in above):
        # Inside of a JSON document each value may have another type, and all can be read as text.
        return str
    return _python_type(type_.item_type if isinstance(type_, ARRAY) else type_)


def is_list(model: type[Any], path: str) -> bool:
    """Return whether a path leads to a column of lists."""
    types = _types(model, path)
    return types is not None and isinstance(types[-1], ARRAY)


def is_ordered(kind: Target) -> bool:
    """Return whether one value of a type is greater than another."""
    return kind in _ORDERED or getattr(kind, "__origin__", None) in _ORDERED


def converted(kind: Target, value: Any) -> Any:
    """Return a value as one of a Python type.

    Raises:
        RefusedValueError: It cannot be one.
    """
    if kind in _MOMENTS and (isinstance(value, int | float) or _is_number(value)):
        raise RefusedValueError('Input should be a date or time in ISO form, such as "2013-01-31"')
    if kind is not bool and isinstance(value, bool):
        raise RefusedValueError("Input should not be true or false")
    if isinstance(value, str) and not _is_unicode(value):
        raise RefusedValueError("Input should be a valid string, without halves of characters")
    try:
        return _validator(_NUMBERS.get(kind, kind))(value)
    except pydantic_core.ValidationError as error:
        # `from None`, because the message of pydantic's error contains the value.
        fault = error.errors(include_url=False, include_input=False)[0]
        own = fault["type"] == "value_error"
        raise RefusedValueError(str(fault["ctx"]["error"]) if own else fault["msg"]) from None


def _is_unicode(value: str) -> bool:
    # JSON can spell half of a surrogate pair, which no database takes.
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and _NUMBER.fullmatch(value) is not None


def _types(model: type[Any], path: str) -> list[TypeEngine[Any]] | None:
    mapper: Mapper[Any] = inspect(model)
    steps = path.split("__")
    while steps and steps[0] in mapper.relationships:
        mapper = mapper.relationships[steps.pop(0)].mapper
    scope = Scope(mapper.class_)
    lengths = range(1, len(steps) + 1)
    return [scope.value("__".join(steps[:length])).type for length in lengths] or None


def _python_type(type_: TypeEngine[Any]) -> Target:
    if isinstance(type_, Enum) and type_.enum_class is None:
        return Literal[tuple(type_.enums)]
    kind = type_.python_type
    if kind is dt.datetime and isinstance(type_, DateTime):
        return AwareDatetime if type_.timezone else NaiveDatetime
    if kind is dt.time and isinstance(type_, Time):
        return _AWARE_TIME if type_.timezone else _NAIVE_TIME
    if kind is Decimal:
        return _decimal(getattr(type_, "precision", None), getattr(type_, "scale", None))
    return None if kind in _UNKNOWN else kind


def _decimal(precision: int | None, scale: int | None) -> Target:
    # DuckDB casts a number to the scale of the column, for which it has 38 digits in all. `Numeric()` keeps
    # ten decimals and refuses more.
    unscaled = precision is None and scale is None
    end = 10 ** (38 - (10 if unscaled else scale or 0))
    return Annotated[Decimal, Field(gt=-end, lt=end, decimal_places=10 if unscaled else None)]


@lru_cache(maxsize=256)
def _validator(kind: Any) -> Callable[[Any], Any]:
    return TypeAdapter(kind).validator.validate_python
