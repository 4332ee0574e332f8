"""What the annotations of a model say about its columns: a Python type, and constraints in ``Annotated``."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from pydantic.fields import FieldInfo
from sqlalchemy import Column
from sqlalchemy import inspect as inspect_mapped
from sqlalchemy.orm import ColumnProperty, Mapped, MappedColumn, Mapper, MapperProperty
from sqlalchemy.orm.util import _extract_mapped_subtype
from sqlalchemy.util.typing import de_stringify_annotation, eval_expression
from typing_extensions import TypeAliasType

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.models._types.money import Money

__all__ = [
    "ColumnField",
    "column_fields",
    "constraints_of",
    "field_attributes",
    "flat",
    "is_checked",
    "optional",
    "plain",
    "resolve_annotated",
]

_SCALARS = frozenset(
    {bool, bytes, date, datetime, Decimal, float, int, str, time, timedelta, type(None), UUID}
)
"""What pydantic checks without a copy, and without a doubt what is meant."""

_FIELD_ATTRIBUTES = (
    "alias",
    "alias_priority",
    "deprecated",
    "description",
    "examples",
    "exclude",
    "json_schema_extra",
    "repr",
    "serialization_alias",
    "title",
    "validation_alias",
)
"""What a ``Field`` says of the field, and not of its values; its default is left out."""


@dataclass(frozen=True)
class ColumnField:
    """A mapped column.

    Attributes:
        name: The attribute.
        annotation: The type that ``Mapped[...]`` holds, with its constraints; None where it is not annotated.
        attribute: The mapped attribute.
        column: Its column.
    """

    name: str
    annotation: Any
    attribute: ColumnProperty[Any]
    column: Column[Any]

    @property
    def generated(self) -> bool:
        """Whether a value that is missing comes from the sequence of a key, or from a default.

        In joined inheritance a key is several columns, and the value may come from that of the parent.
        """
        return any(isinstance(column, Column) and _is_generated(column) for column in self.attribute.columns)

    @property
    def validated(self) -> bool:
        """Whether its values are validated: its annotation says so, see `is_checked`, or it holds money.

        Where it has no annotation, as in a mixin, the type of the column says what its values are.
        """
        return isinstance(self.column.type, Money) or is_checked(self._declared)

    @property
    def _declared(self) -> Any:
        return self.column.type.python_type if self.annotation is None else self.annotation

    def values(self, *, without: tuple[type[Any], ...] = ()) -> Any:
        """Return the type of its values, with None where the column may have it.

        Args:
            without: Kinds of constraints that are left out.
        """
        given = plain(self._declared, without=without)
        return optional(given) if self.column.nullable else given


def _is_generated(column: Column[Any]) -> bool:
    given = column.default is not None or column.server_default is not None
    return given or column is column.table.autoincrement_column


def column_fields(model: type[Any]) -> dict[str, ColumnField]:
    """Return the columns of a mapped class by the names of their attributes.

    The mapper need not be configured, so other classes that it refers to need not be there.
    """
    mapper: Mapper[Any] = inspect_mapped(model)
    return {
        name: ColumnField(name, declared_type(model, name, attribute), attribute, attribute.columns[0])
        for name, attribute in mapper._props.items()
        if isinstance(attribute, ColumnProperty) and isinstance(attribute.columns[0], Column)
    }


def resolve_annotated(model: type[Any]) -> None:
    """Resolve annotations that are texts and hold ``Annotated``, for a class that is about to be mapped.

    SQLAlchemy would split their text at commas, and take a call in it for a text.

    Raises:
        ConfigurationError: A name in one of them is not known.
    """
    for owner in model.__mro__:
        annotations = owner.__dict__.get("__annotations__", {})
        for name, text in annotations.items():
            if isinstance(text, str) and "Mapped[" in text and "Annotated[" in text:
                annotations[name] = _evaluated(owner, name, text)


def _evaluated(owner: type[Any], name: str, text: str) -> Any:
    try:
        return eval_expression(text, owner.__module__, locals_={"Mapped": Mapped}, in_class=owner)
    except NameError as error:
        raise ConfigurationError(
            f"{owner.__name__}.{name}: {text} cannot be resolved ({error.__cause__}): import or define "
            "what it names at the top of the module"
        ) from error


def declared_type(model: type[Any], name: str, attribute: MapperProperty[Any]) -> Any:
    """Return what stands inside of ``Mapped[...]``, resolved; None where there is no annotation."""
    for owner in model.__mro__:
        raw = inspect.get_annotations(owner).get(name)
        found = raw and _extract_mapped_subtype(
            raw, owner, owner.__module__, name, type(attribute), False, False, expect_mapped=False
        )
        if found:
            return _resolved(owner, found[0])
    return None


def _resolved(owner: type[Any], annotation: Any) -> Any:
    return de_stringify_annotation(owner, annotation, owner.__module__, {}, include_generic=True)


def is_checked(annotation: Any) -> bool:
    """Whether values of this type are checked: constraints stand in it, or its values are never copied."""
    return _is_scalar(annotation) or _holds_constraints(annotation)


def constraints_of(annotation: Any) -> Iterator[Any]:
    """Give what stands in the ``Annotated`` of a type, not of its elements, and is not SQLAlchemy's."""
    if isinstance(annotation, TypeAliasType):
        yield from constraints_of(annotation.__value__)
    elif get_origin(annotation) is Annotated:
        yield from constraints_of(get_args(annotation)[0])
        yield from (item for item in annotation.__metadata__ if not isinstance(item, MappedColumn))
    elif get_origin(annotation) in (Union, UnionType):
        for part in get_args(annotation):
            yield from constraints_of(part)


def plain(annotation: Any, *, without: tuple[type[Any], ...] = ()) -> Any:
    """Return a type with its constraints alone, so that it may be a part of another.

    Args:
        annotation: The type.
        without: Kinds of constraints that are left out.
    """
    if isinstance(annotation, TypeAliasType):
        return plain(annotation.__value__, without=without)
    if get_origin(annotation) in (Union, UnionType):
        return reduce(or_, (plain(part, without=without) for part in get_args(annotation)))
    if get_origin(annotation) is not Annotated:
        return annotation
    inner = plain(get_args(annotation)[0], without=without)
    left_out: tuple[type[Any], ...] = (MappedColumn, *without)
    kept = [item for item in flat(annotation.__metadata__) if not isinstance(item, left_out)]
    return Annotated[(inner, *kept)] if kept else inner


def flat(constraints: Iterable[Any]) -> Iterator[Any]:
    """Give constraints one by one, also those that a ``Field`` holds."""
    for constraint in constraints:
        if isinstance(constraint, FieldInfo):
            yield from constraint.metadata
        else:
            yield constraint


def field_attributes(annotation: Any) -> dict[str, Any]:
    """Return what each ``Field`` in a type says of the field: its title, alias and the like."""
    found: dict[str, Any] = {}
    for constraint in constraints_of(annotation):
        if isinstance(constraint, FieldInfo):
            given = {name: getattr(constraint, name) for name in _FIELD_ATTRIBUTES}
            found |= {name: value for name, value in given.items() if value is not None}
    return found


def _holds_constraints(annotation: Any) -> bool:
    return next(constraints_of(annotation), None) is not None or any(
        map(_holds_constraints, get_args(getattr(annotation, "__value__", annotation)))
    )


def _is_scalar(annotation: Any) -> bool:
    if isinstance(annotation, TypeAliasType):
        return _is_scalar(annotation.__value__)
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _is_scalar(parts[0])
    if origin in (Union, UnionType):
        return all(map(_is_scalar, parts))
    return origin is Literal or (isinstance(annotation, type) and _is_scalar_class(annotation))


def _is_scalar_class(kind: type[Any]) -> bool:
    return kind in _SCALARS or issubclass(kind, Enum) or hasattr(kind, "__get_pydantic_core_schema__")


def optional(annotation: Any) -> Any:
    """Return the type with None."""
    return annotation | None
