"""Classes and plain tables, as the module defines them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from andamios_orm.models.reflection.constraints import Constraints
from andamios_orm.models.reflection.entities import Entity
from andamios_orm.models.reflection.layout import (
    Group,
    Node,
    call,
    keyword,
    laid_out,
    literal,
    mapping,
    tuple_of,
)
from andamios_orm.models.reflection.names import prose
from andamios_orm.models.reflection.relationships import Relationship
from andamios_orm.models.reflection.scope import Scope
from andamios_orm.models.reflection.sql_texts import unbound
from andamios_orm.models.reflection.views import query

__all__ = ["class_lines", "table_lines"]


def class_lines(
    entity: Entity, constraints: Constraints, relationships: Sequence[Relationship], scope: Scope
) -> Iterator[str]:
    """Give the lines of a class."""
    relation = entity.relation
    kind, bases = ("view", scope.view_bases) if entity.is_view else ("table", (scope.base,))
    yield from laid_out(Group(f"class {entity.name}(", bases), after=":")
    yield f'    """A row of the {kind} {prose(relation.full_name)}."""'
    yield ""
    yield from laid_out(literal(relation.name), "__tablename__ = ", indent=1)
    if entity.is_view:
        scope.imports.name("andamios_orm.models", "ViewModel")
        yield from laid_out(_query(entity, scope), "__query__ = ", indent=1)
    options = _options(entity)
    arguments = [*constraints.table, *([mapping(options)] if options else [])]
    if arguments:
        yield from laid_out(tuple_of(*arguments), "__table_args__ = ", indent=1)
    yield ""
    for column in relation.columns:
        yield from scope.columns.attribute(entity, column, constraints)
    if relationships:
        scope.imports.name("sqlalchemy.orm", "relationship")
        yield ""
    for relationship in relationships:
        yield from relationship.lines()


def table_lines(entity: Entity, constraints: Constraints, scope: Scope) -> Iterator[str]:
    """Give the lines of a plain table."""
    columns = (scope.columns.argument(entity, column, constraints) for column in entity.relation.columns)
    options = (keyword(name, value) for name, value in _options(entity).items())
    name = literal(entity.relation.name)
    items = (name, f"{scope.base}.metadata", *columns, *constraints.table, *options)
    yield from laid_out(Group(f"{scope.imports.name('sqlalchemy', 'Table')}(", items), f"{entity.name} = ")


def _options(entity: Entity) -> dict[str, Node]:
    relation = entity.relation
    options = {"schema": relation.schema, "comment": relation.comment}
    return {name: literal(value) for name, value in options.items() if value is not None}


def _query(entity: Entity, scope: Scope) -> Node:
    for name in ("TextualSelect", "column", "text"):
        scope.imports.name("sqlalchemy", name)
    columns = (call("column", literal(column["name"])) for column in entity.relation.columns)
    text = call("text", literal(unbound(query(entity.relation))))
    return Group("TextualSelect(", (text, Group("[", tuple(columns), "]")))
