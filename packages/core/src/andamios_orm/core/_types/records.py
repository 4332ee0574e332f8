"""Types of named members: all of them at once, or one at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import duckdb
from sqlalchemy import ColumnElement, func, literal_column
from sqlalchemy import types as sqltypes
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.cache_key import CacheConst
from sqlalchemy.sql.operators import OperatorClass
from sqlalchemy.sql.type_api import to_instance
from sqlalchemy.types import TypeEngine

from andamios_orm.core._types.elements import AnyType, applied, cast_of, element_binder, element_reader
from andamios_orm.core._types.literals import Processor, element_processor, string_literal, type_name


class _Fields(TypeEngine[Any]):
    """A type of named members, each with its own type."""

    operator_classes = OperatorClass.BASE | OperatorClass.COMPARISON | OperatorClass.INDEXABLE
    hashable = False

    def __init__(self, fields: Mapping[str, AnyType]) -> None:
        if not fields:
            raise ValueError(f"{type(self).__name__} needs at least one field")
        self.fields: dict[str, TypeEngine[Any]] = {name: to_instance(type_) for name, type_ in fields.items()}

    @property
    def _static_cache_key(self) -> CacheConst | tuple[Any, ...]:
        keys = tuple((name, type_._static_cache_key) for name, type_ in self.fields.items())
        uncached = next((key for _, key in keys if isinstance(key, CacheConst)), None)
        return (type(self), keys) if uncached is None else uncached

    class Comparator(TypeEngine.Comparator[Any]):
        """Access to the members."""

        _function = "struct_extract"

        def __getitem__(self, name: str) -> ColumnElement[Any]:
            """Return the expression of the member `name`, with its type.

            Raises:
                KeyError: the type has no such member.
            """
            type_ = cast("_Fields", self.type).fields[name]
            call = getattr(func, self._function)
            return cast(
                "ColumnElement[Any]", call(self.expr, literal_column(string_literal(name)), type_=type_)
            )

    comparator_factory = Comparator


class STRUCT(_Fields):
    """Record of named fields, in Python a `dict`; `column["field"]` reads one.

    A field left out of a value is NULL, one that the type does not have is refused.

    Args:
        fields: the type of each field, by name and in order.

    Raises:
        ValueError: there is no field, or, at binding, a value has a field that the type has not.
    """

    __visit_name__ = "STRUCT"
    render_bind_cast = True

    @property
    def python_type(self) -> type[Any]:
        """Return `dict`."""
        return dict

    def bind_processor(self, dialect: Dialect) -> Processor:
        """Complete the value's fields in order and convert those that need it."""
        processors = {name: element_binder(type_, dialect) for name, type_ in self.fields.items()}

        def process(value: Mapping[str, Any] | None) -> dict[str, Any] | None:
            if value is None:
                return None
            if unknown := value.keys() - processors.keys():
                names = ", ".join(map(repr, sorted(unknown)))
                raise ValueError(f"STRUCT has no field {names}, only {list(processors)}")
            return {name: applied(processor, value.get(name)) for name, processor in processors.items()}

        return process

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor | None:
        """Convert the fields that need it."""
        found = {name: element_reader(type_, dialect) for name, type_ in self.fields.items()}
        processors = {name: processor for name, processor in found.items() if processor is not None}
        if not processors:
            return None

        def process(value: dict[str, Any] | None) -> dict[str, Any] | None:
            if value is None:
                return None
            return {name: applied(processors.get(name), item) for name, item in value.items()}

        return process

    def literal_processor(self, dialect: Dialect) -> Callable[[Any], str]:
        """Render a struct, cast to its type."""
        fields = {name: element_processor(type_, dialect) for name, type_ in self.fields.items()}

        def render(value: Mapping[str, Any]) -> str:
            items = (f"{string_literal(name)}: {text(value.get(name))}" for name, text in fields.items())
            return "{" + ", ".join(items) + "}"

        return cast_of(self, dialect, render)


class UNION(_Fields):
    """Value of one of several types, tagged with the member's name; in Python the plain value.

    `column["tag"]` is the value if it has that tag, else NULL; `column.tag_name` is the tag. A bound value is
    converted as the first member of its Python type; which tag it gets is the engine's choice by its casts.
    Values come back as the client returns them: only `column["tag"]` converts to the member's Python type.

    Args:
        fields: the type of each member, by tag.

    Raises:
        ValueError: there is no member.
    """

    __visit_name__ = "UNION"

    def bind_processor(self, dialect: Dialect) -> Processor:
        """Convert the value by its member and mark it with the type: unlike values can then share a list."""
        members = [(type_.python_type, element_binder(type_, dialect)) for type_ in self.fields.values()]
        name = type_name(self, dialect)

        def process(value: object) -> object:
            if value is None:
                return None
            found = next((processor for type_, processor in members if type(value) is type_), None)
            return duckdb.Value(applied(found, value), name)  # type: ignore[arg-type]  # a name will do

        return process

    def literal_processor(self, dialect: Dialect) -> Callable[[Any], str]:
        """Render the value by its member's type, cast to the union.

        Raises:
            ValueError: at rendering, no member has the value's Python type.
        """
        members = [(type_.python_type, element_processor(type_, dialect)) for type_ in self.fields.values()]

        def render(value: object) -> str:
            found = next((text for type_, text in members if type(value) is type_), None)
            if found is None:
                raise ValueError(f"no member of the UNION holds a {type(value).__name__}")
            return found(value)

        return cast_of(self, dialect, render)

    class Comparator(_Fields.Comparator):
        """Access to the members and the tag."""

        _function = "union_extract"

        @property
        def tag_name(self) -> ColumnElement[str]:
            """Name of the member that the value has."""
            return cast("ColumnElement[str]", func.union_tag(self.expr, type_=sqltypes.String()))

    comparator_factory = Comparator
