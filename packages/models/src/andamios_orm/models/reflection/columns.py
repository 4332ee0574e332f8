"""Columns of a table, as attributes of a class or as parts of a plain table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.types import Enum

from andamios_orm.models.reflection.catalog import Catalog
from andamios_orm.models.reflection.column_types import annotation, expression, is_implied, is_known
from andamios_orm.models.reflection.constraints import Constraints
from andamios_orm.models.reflection.defaults import defaults_of
from andamios_orm.models.reflection.entities import Entity
from andamios_orm.models.reflection.enums import Enums
from andamios_orm.models.reflection.imports import Imports
from andamios_orm.models.reflection.layout import Group, Node, attribute, keyword, laid_out, literal

__all__ = ["Columns"]


@dataclass(frozen=True)
class Columns:
    """Writes columns.

    Attributes:
        catalog: Where they are from.
        enums: The enumerations of the module.
        imports: What the module imports.
    """

    catalog: Catalog
    enums: Enums
    imports: Imports

    def attribute(self, entity: Entity, column: ReflectedColumn, constraints: Constraints) -> Iterator[str]:
        """Give the lines of an attribute of a class."""
        name = entity.attributes[column["name"]]
        items: list[Node] = [] if name == column["name"] else [literal(column["name"])]
        if not is_known(column["type"], self.catalog.dialect):
            # Without a type there is no annotation, which says whether it may be NULL.
            yield from laid_out(self._column(items, entity, column, constraints), f"{name} = ", indent=1)
            return
        annotated = self._annotation(entity, column)
        if not self._is_implied(entity, column, annotated):
            items.append(self._type(entity, column))
        items += self._rest(entity, column, constraints)
        # SQLite says of a key that it may be NULL.
        optional = " | None" if column["nullable"] and column["name"] not in entity.relation.key else ""
        self.imports.name("sqlalchemy.orm", "Mapped")
        call = f"{self.imports.name('sqlalchemy.orm', 'mapped_column')}(" if items else ""
        yield from attribute(name, f"{annotated}{optional}", Group(call, tuple(items)) if items else None)

    def argument(self, entity: Entity, column: ReflectedColumn, constraints: Constraints) -> Node:
        """Return an argument of a plain table."""
        return self._column([literal(column["name"])], entity, column, constraints)

    def _column(
        self, items: list[Node], entity: Entity, column: ReflectedColumn, constraints: Constraints
    ) -> Node:
        items = [*items, self._type(entity, column), *self._rest(entity, column, constraints)]
        optional = () if column["nullable"] else ("nullable=False",)
        return Group(f"{self.imports.name('sqlalchemy', 'Column')}(", (*items, *optional))

    def _annotation(self, entity: Entity, column: ReflectedColumn) -> str:
        type_ = column["type"]
        if isinstance(type_, Enum):
            return self.enums.annotation(entity, column["name"], type_)
        return annotation(type_, self.imports)

    def _is_implied(self, entity: Entity, column: ReflectedColumn, annotated: str) -> bool:
        type_ = column["type"]
        if isinstance(type_, Enum):
            return self.enums.is_implied(entity, column["name"], type_)
        return is_implied(type_, annotated, self.catalog.dialect)

    def _type(self, entity: Entity, column: ReflectedColumn) -> Node:
        type_ = column["type"]
        if isinstance(type_, Enum):
            return self.enums.expression(entity, column["name"], type_)
        if not is_known(type_, self.catalog.dialect):
            return self.imports.name("sqlalchemy.types", "NullType")
        return expression(type_, self.catalog.dialect, self.imports)

    def _rest(self, entity: Entity, column: ReflectedColumn, constraints: Constraints) -> list[Node]:
        defaults = defaults_of(entity, column, self.catalog, self.imports)
        items = [*defaults.positional, *constraints.columns[column["name"]], *defaults.named]
        comment = column.get("comment")
        return items if comment is None else [*items, keyword("comment", literal(comment))]
