"""What the nested types share: the conversion of one element."""

from __future__ import annotations

from collections.abc import Callable
from math import isnan
from typing import Any

import duckdb
from sqlalchemy import ColumnElement, literal
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from andamios_orm.core._types.literals import Processor, type_name

AnyType = TypeEngine[Any] | type[TypeEngine[Any]]


KEEPS_NAN = not duckdb.__version__.startswith("1.")
"""Whether a NaN in a list is one for the engine; to DuckDB 1.5 it is NULL."""


def element_binder(type_: TypeEngine[Any], dialect: Dialect) -> Processor | None:
    """Return what converts an element for the engine, None if nothing does."""
    processor = type_.dialect_impl(dialect).bind_processor(dialect)
    if KEEPS_NAN:
        return processor
    return lambda value: spelt(applied(processor, value))


def spelt(value: object) -> object:
    """Return the text of a NaN, which the cast to its type makes one again, and any other value as it is."""
    return "nan" if isinstance(value, float) and isnan(value) else value


def element_reader(type_: TypeEngine[Any], dialect: Dialect) -> Processor | None:
    """Return what converts an element of the engine's, None if nothing does."""
    return type_.dialect_impl(dialect).result_processor(dialect, type_name(type_, dialect))


def applied(processor: Processor | None, value: object) -> object:
    """Return what `processor`, if there is one, makes of `value`."""
    return value if processor is None else processor(value)


def as_operand(value: object, type_: TypeEngine[Any]) -> ColumnElement[Any]:
    """Return an expression as it is, a mapped attribute's column, or a value as a parameter of `type_`."""
    element = value.__clause_element__() if hasattr(value, "__clause_element__") else value
    return element if isinstance(element, ColumnElement) else literal(element, type_)


def cast_of(type_: TypeEngine[Any], dialect: Dialect, render: Callable[[Any], str]) -> Callable[[Any], str]:
    """Return a function that renders a nested value as a cast of its text to `type_`."""
    name = type_name(type_, dialect)
    return lambda value: f"CAST({render(value)} AS {name})"
