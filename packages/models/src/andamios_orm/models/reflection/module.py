"""A module with the models of a database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import NamedTuple

from andamios_orm.models.reflection.catalog import Catalog
from andamios_orm.models.reflection.constraints import constraints_of
from andamios_orm.models.reflection.definitions import class_lines, table_lines
from andamios_orm.models.reflection.entities import Entity
from andamios_orm.models.reflection.layout import WIDTH, call, laid_out, literal, tuple_of
from andamios_orm.models.reflection.names import prose
from andamios_orm.models.reflection.relationships import Relationship, plan_relationships
from andamios_orm.models.reflection.remarks import gaps, notes
from andamios_orm.models.reflection.scope import BASE, Scope, open_scope
from andamios_orm.models.reflection.views import reads

__all__ = ["Module", "write_module"]


class Module(NamedTuple):
    """A module that was written.

    Attributes:
        text: Its text.
        models: How many models it has.
        gaps: What the database has and the module has not, in sentences.
    """

    text: str
    models: int
    gaps: Sequence[str]


def write_module(
    catalog: Catalog, *, keys: Mapping[str, Sequence[str]] | None = None, base: str = BASE
) -> Module:
    """Write the models of tables and views.

    Args:
        catalog: The tables and views.
        keys: Columns that tell the rows apart of a table without a primary key or of a view, by its name.
        base: The base of the models, as ``module:class``.

    Raises:
        ConfigurationError: A key cannot be, the base is none, or the query of a view cannot be told.
    """
    trial = open_scope(catalog, keys or {}, base)
    _body(trial, [])
    # Once more, now that it is known what is imported: nothing else may be called so.
    scope = open_scope(catalog, keys or {}, base, trial.imports.taken)
    missing: list[str] = []
    body = _body(scope, missing)
    first = next(line for line in body if line and not line.startswith("#"))
    if not first.startswith("class "):
        # Behind imports, two empty lines are for classes alone.
        del body[0]
    head = ['"""Models of an existing database, as it was found."""', "", *scope.imports.lines()]
    models = sum(entity.is_model for entity in scope.entities.values())
    return Module("\n".join([*head, *body, ""]), models, missing)


def _body(scope: Scope, missing: list[str]) -> list[str]:
    relationships = plan_relationships(scope.entities)
    entities = sorted(scope.entities.values(), key=lambda entity: entity.is_view)
    defined = [
        line
        for entity in entities
        for line in _definition(entity, relationships.get(entity.name, ()), scope, missing)
    ]
    return [*scope.enums.lines(), *defined, *_order(scope)]


def _definition(
    entity: Entity, relationships: Sequence[Relationship], scope: Scope, missing: list[str]
) -> Iterator[str]:
    constraints = constraints_of(entity, scope.entities, scope.catalog.dialect, scope.imports)
    found = list(gaps(entity, constraints, scope.catalog))
    missing += found
    yield from ("", "")
    for remark in map(prose, (*found, *notes(entity))):
        yield from wrap(remark, WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
    if entity.is_model:
        yield from class_lines(entity, constraints, relationships, scope)
    else:
        yield from table_lines(entity, constraints, scope)


def _order(scope: Scope) -> Iterator[str]:
    pairs = [
        tuple_of(literal(view.relation.full_name), literal(read.relation.full_name))
        for view in scope.entities.values()
        if view.is_view
        for read in reads(view.relation, scope.entities, scope.catalog)
    ]
    if pairs:
        tables = f"{scope.base}.metadata.tables"
        yield from ("", "", "# The views are made after what they read.")
        yield from laid_out(tuple_of(*pairs), "for _view, _read in ", ":")
        yield from laid_out(call(f"{tables}[_view].add_is_dependent_on", f"{tables}[_read]"), indent=1)
