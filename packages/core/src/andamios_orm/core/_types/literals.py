"""SQL text of a value: what `literal_binds` and server defaults render."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import exc
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

Processor = Callable[[Any], Any]


def string_literal(text: str) -> str:
    """Return `text` as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def type_name(type_: TypeEngine[Any], dialect: Dialect) -> str:
    """Return the name of `type_` in the dialect's DDL, enums spelled out with their labels."""
    name: str = dialect.type_compiler_instance.process(type_, inline_enums=True)
    return name


def cast_processor(
    type_: TypeEngine[Any], dialect: Dialect, text: Callable[[Any], str] = str
) -> Callable[[Any], str]:
    """Return a function that renders a value as a cast of its quoted `text`, so that the literal is typed."""
    name = type_name(type_, dialect)

    def process(value: object) -> str:
        return f"CAST({string_literal(text(value))} AS {name})"

    return process


def element_processor(type_: TypeEngine[Any], dialect: Dialect) -> Callable[[Any], str]:
    """Return a function that renders one element of a nested value, None included.

    Raises:
        CompileError: the type of the element has no literal form.
    """
    processor = type_.dialect_impl(dialect).literal_processor(dialect)
    if processor is None:
        raise exc.CompileError(f"a value of type {type_!r} has no literal form in DuckDB")

    def process(value: object) -> str:
        return "NULL" if value is None and not type_.should_evaluate_none else processor(value)

    return process
