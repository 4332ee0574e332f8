"""Classes of the enumerations in a database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy.types import Enum

from andamios_orm.models.reflection.catalog import Catalog
from andamios_orm.models.reflection.entities import Entity
from andamios_orm.models.reflection.imports import Imports
from andamios_orm.models.reflection.layout import Group, Node, call, keyword, laid_out, literal
from andamios_orm.models.reflection.names import Names, class_name, constant, prose

__all__ = ["Enums"]


class _Class(NamedTuple):
    name: str
    of: str
    labels: Sequence[str]


class Enums:
    """The enumerations of a module: one class for each type that has a name, and for each column without.

    Args:
        catalog: The names of types.
        names: The names of the module.
        imports: What the module imports.
    """

    def __init__(self, catalog: Catalog, names: Names, imports: Imports) -> None:
        self._catalog = catalog
        self._names = names
        self._imports = imports
        self._classes: dict[Any, _Class] = {}

    def annotation(self, entity: Entity, column: str, type_: Enum) -> str:
        """Return the class of a column's values."""
        schema, name = self._named(entity, type_)
        key = (schema, name) if name else (entity.name, column)
        if key not in self._classes:
            of = name or f"{entity.relation.full_name}.{column}"
            wanted = class_name(name) if name else f"{class_name(entity.name)}{class_name(column)}"
            taken = self._names.unique(wanted, f"{wanted}Value")
            self._classes[key] = _Class(taken, of, type_.enums)
        return self._classes[key].name

    def expression(self, entity: Entity, column: str, type_: Enum) -> Node:
        """Return the expression that makes the type of a column."""
        schema, name = self._named(entity, type_)
        options = {"name": name} if schema is None else {"name": name, "schema": schema}
        self._imports.name("andamios_orm.models.types", "StrEnumType")
        named = (keyword(option, literal(value)) for option, value in options.items())
        return call("StrEnumType", self.annotation(entity, column, type_), *named)

    def is_implied(self, entity: Entity, column: str, type_: Enum) -> bool:
        """Tell whether the annotation alone makes the same type."""
        return self._named(entity, type_) == (None, self.annotation(entity, column, type_).lower())

    def lines(self) -> Iterator[str]:
        """Give the lines of the classes."""
        for class_ in self._classes.values():
            yield from ("", "")
            base = self._imports.name("enum", "StrEnum")
            yield from laid_out(Group(f"class {class_.name}(", (base,)), after=":")
            yield f'    """Values of {prose(class_.of)}."""'
            yield ""
            names = Names()
            for label in class_.labels:
                yield from laid_out(literal(label), f"{names.attribute(constant(label))} = ", indent=1)

    def _named(self, entity: Entity, type_: Enum) -> tuple[str | None, str | None]:
        if type_.name:
            return type_.schema, type_.name
        # DuckDB does not tell which type of a name a column has, but its labels.
        for schema in (entity.relation.schema, None):
            name = self._catalog.enums.get((schema, tuple(type_.enums)))
            if name is not None:
                return schema, name
        return None, None
