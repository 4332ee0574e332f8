"""Named parameters: their names, and their values put into a statement that becomes a part of another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from sqlalchemy import BindParameter, ClauseElement, Select, bindparam
from sqlalchemy.sql import visitors

__all__ = ["filled", "named_parameters"]

S = TypeVar("S", bound=Select[Any])


def filled(statement: S, values: Mapping[str, Any] | None) -> S:
    """Return a statement in which the values stand; a parameter of that name elsewhere has its own.

    A parameter without a value stays one.

    Args:
        statement: The statement.
        values: The values by the names of the parameters.
    """
    if not values:
        return statement

    def value_of(element: Any, **_: Any) -> BindParameter[Any] | None:
        if not isinstance(element, BindParameter) or not element.required or element.key not in values:
            return None
        given = values[element.key]
        return bindparam(None, given, element.type, unique=True, expanding=element.expanding)

    found: Any = visitors.replacement_traverse(statement, {}, value_of)
    made: S = found
    return made


def named_parameters(statement: ClauseElement) -> set[str]:
    """Return the names of the parameters of a statement that get their values when it is executed."""
    return {
        part.key for part in visitors.iterate(statement) if isinstance(part, BindParameter) and part.required
    }
