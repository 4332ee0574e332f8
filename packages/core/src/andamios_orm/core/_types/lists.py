"""Lists of one type, of any or of a fixed length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from sqlalchemy import ColumnElement, func
from sqlalchemy import types as sqltypes
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.base import SchemaEventTarget
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


class LIST(sqltypes.ARRAY[Any]):
    """List of any length of one type, in Python a `list`.

    `column[i]` and `column[a:b]` count from 1 as DuckDB does, or from 0 with `zero_indexes=True`; both ends
    of a slice are in it, a missing one is the end of the list. `contains` takes one element, or a list of
    elements that must all be there; `overlap` a list of which one must be there.

    Args:
        item_type: the type of the elements; another LIST nests.
        as_tuple: give back tuples, which can be hashed.
        dimensions: levels of lists, 1 by default; `LIST(Integer, dimensions=2)` is `LIST(LIST(Integer))`.
        zero_indexes: count from 0 in SQL expressions.

    Raises:
        ValueError: in an expression, a slice has a step.
    """

    __visit_name__ = "LIST"
    render_bind_cast = True

    def __init__(
        self,
        item_type: AnyType,
        as_tuple: bool = False,
        dimensions: int | None = None,
        zero_indexes: bool = False,
    ) -> None:
        self.item_type = to_instance(item_type)
        self.as_tuple = as_tuple
        self.dimensions = dimensions
        self.zero_indexes = zero_indexes

    @property
    def element_type(self) -> TypeEngine[Any]:
        """Type of one element: the item type, or a list of one dimension less."""
        if self.dimensions is None or self.dimensions <= 1:
            return self.item_type
        return LIST(self.item_type, self.as_tuple, self.dimensions - 1, self.zero_indexes)

    def _set_parent(self, parent: SchemaEventTarget, outer: bool = False, **kw: object) -> None:
        """Keep named enums inside from being created: nested types spell their labels out."""

    def _set_parent_with_dispatch(self, parent: SchemaEventTarget, **kw: object) -> None:
        SchemaEventTarget._set_parent_with_dispatch(self, parent, outer=True)

    def bind_processor(self, dialect: Dialect) -> Processor | None:
        """Convert the elements that need it."""
        element = element_binder(self.element_type, dialect)
        if element is None:
            return None

        def process(value: Sequence[Any] | None) -> list[Any] | None:
            return None if value is None else [element(item) for item in value]

        return process

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor | None:
        """Convert the elements that need it, and the whole into a tuple if asked for."""
        element = element_reader(self.element_type, dialect)
        whole: type[Any] = tuple if self.as_tuple else list
        if element is None and not self._is_converted:
            return None

        def process(value: Sequence[Any] | None) -> object:
            return None if value is None else whole([applied(element, item) for item in value])

        return process

    @property
    def _is_converted(self) -> bool:
        """Whether the client's sequence is not yet the one to give back."""
        return self.as_tuple

    def literal_processor(self, dialect: Dialect) -> Callable[[Any], str]:
        """Render a list, cast to its type."""
        element = element_processor(self.element_type, dialect)
        return cast_of(self, dialect, lambda value: f"[{', '.join(element(item) for item in value)}]")

    class Comparator(sqltypes.ARRAY.Comparator[Any]):
        """Operators of a list."""

        def _setup_getitem(self, index: Any) -> Any:  # position or slice, as in the base
            if not isinstance(index, slice):
                return super()._setup_getitem(index)
            if index.step is not None:
                raise ValueError("the slice of a LIST has no step")
            first, last = (0, -2) if cast("LIST", self.type).zero_indexes else (1, -1)
            start = first if index.start is None else index.start
            return super()._setup_getitem(slice(start, last if index.stop is None else index.stop))

        def contains(self, other: object, **kw: object) -> ColumnElement[bool]:
            """Return whether the list holds `other`, or each element of `other` if that is such a list."""
            list_type = cast("LIST", self.type)
            element_type = list_type.element_type
            operand = as_operand(other, list_type if isinstance(other, list | tuple) else element_type)
            if isinstance(element_type, sqltypes.ARRAY):
                return self._call("list_contains", as_operand(other, element_type))
            name = "list_has_all" if isinstance(operand.type, sqltypes.ARRAY) else "list_contains"
            return self._call(name, operand)

        def overlap(self, other: object) -> ColumnElement[bool]:
            """Return whether the list shares an element with the list `other`."""
            return self._call("list_has_any", as_operand(other, self.type))

        def _call(self, name: str, other: ColumnElement[Any]) -> ColumnElement[bool]:
            call = getattr(func, name)(self.expr, other, type_=sqltypes.Boolean())
            return cast("ColumnElement[bool]", call)

    comparator_factory = Comparator


class ARRAY(LIST):
    """List of a fixed length, DuckDB's `T[n]`, in Python a `list`.

    Args:
        item_type: the type of the elements; another ARRAY nests.
        size: how many elements each value has; another number of them is refused by the engine.
        as_tuple: give back tuples, which can be hashed.
        zero_indexes: count from 0 in SQL expressions.

    Raises:
        ValueError: `size` is less than one.
    """

    __visit_name__ = "FIXED_ARRAY"

    def __init__(
        self, item_type: AnyType, size: int, as_tuple: bool = False, zero_indexes: bool = False
    ) -> None:
        if size < 1:
            raise ValueError(f"an ARRAY has at least one element, not {size}")
        super().__init__(item_type, as_tuple=as_tuple, zero_indexes=zero_indexes)
        self.size = size

    @property
    def _is_converted(self) -> bool:
        return not self.as_tuple
