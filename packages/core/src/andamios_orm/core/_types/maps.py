"""Dictionaries with keys of one type and values of one type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from sqlalchemy import ColumnElement, func
from sqlalchemy import types as sqltypes
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.operators import OperatorClass
from sqlalchemy.sql.type_api import to_instance
from sqlalchemy.types import TypeEngine

from andamios_orm.core._types.elements import (
    AnyType,
    applied,
    as_operand,
    cast_of,
    element_binder,
    element_reader,
)
from andamios_orm.core._types.literals import Processor, element_processor


class MAP(TypeEngine[Any]):
    """Dictionary with keys of one type and values of one type, in Python a `dict`.

    `column[key]` is the value at a key, NULL where there is none; `column.contains(key)` tells which.

    Args:
        key_type: the type of the keys; its Python values must be hashable.
        value_type: the type of the values.
    """

    __visit_name__ = "MAP"
    operator_classes = (
        OperatorClass.BASE | OperatorClass.COMPARISON | OperatorClass.INDEXABLE | OperatorClass.CONTAINS
    )
    hashable = False
    render_bind_cast = True

    def __init__(self, key_type: AnyType, value_type: AnyType) -> None:
        self.key_type: TypeEngine[Any] = to_instance(key_type)
        self.value_type: TypeEngine[Any] = to_instance(value_type)

    @property
    def python_type(self) -> type[Any]:
        """Return `dict`."""
        return dict

    def bind_processor(self, dialect: Dialect) -> Processor:
        """Send keys and values as two lists, the form in which maps of any size fit into one list."""
        key, item = element_binder(self.key_type, dialect), element_binder(self.value_type, dialect)

        def process(value: Mapping[Any, Any] | None) -> dict[str, list[Any]] | None:
            if value is None:
                return None
            keys = [applied(key, k) for k in value]
            return {"key": keys, "value": [applied(item, v) for v in value.values()]}

        return process

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor | None:
        """Convert the keys and values that need it."""
        key, item = element_reader(self.key_type, dialect), element_reader(self.value_type, dialect)
        if key is None and item is None:
            return None

        def process(value: dict[Any, Any] | None) -> dict[Any, Any] | None:
            if value is None:
                return None
            return {applied(key, k): applied(item, v) for k, v in value.items()}

        return process

    def literal_processor(self, dialect: Dialect) -> Callable[[Any], str]:
        """Render a map, cast to its type."""
        key, item = element_processor(self.key_type, dialect), element_processor(self.value_type, dialect)

        def render(value: Mapping[Any, Any]) -> str:
            return f"MAP([{', '.join(map(key, value))}], [{', '.join(map(item, value.values()))}])"

        return cast_of(self, dialect, render)

    class Comparator(TypeEngine.Comparator[Any]):
        """Access to the values."""

        def __getitem__(self, key: object) -> ColumnElement[Any]:
            """Return the expression of the value at `key`, NULL where there is none."""
            map_type = cast("MAP", self.type)
            operand = as_operand(key, map_type.key_type)
            call = func.map_extract_value(self.expr, operand, type_=map_type.value_type)
            return cast("ColumnElement[Any]", call)

        def contains(self, other: object, **kw: object) -> ColumnElement[bool]:
            """Return whether the map has the key `other`."""
            operand = as_operand(other, cast("MAP", self.type).key_type)
            return cast(
                "ColumnElement[bool]", func.map_contains(self.expr, operand, type_=sqltypes.Boolean())
            )

    comparator_factory = Comparator
