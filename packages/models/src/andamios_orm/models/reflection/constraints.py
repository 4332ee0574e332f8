"""Constraints and indexes of a table, as arguments of its columns or of the table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ClauseElement
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import ReflectedForeignKeyConstraint, ReflectedIndex

from andamios_orm.models.reflection.catalog import Relation
from andamios_orm.models.reflection.entities import Entity, Place
from andamios_orm.models.reflection.imports import Imports
from andamios_orm.models.reflection.layout import Group, Node, call, keyword, literal
from andamios_orm.models.reflection.sql_texts import unbound

__all__ = ["Constraints", "constraints_of", "reference"]


@dataclass(frozen=True)
class Constraints:
    """What a table is bound to.

    Attributes:
        columns: The arguments of each column.
        table: The arguments of the table.
        missing: What cannot be said, in words.
    """

    columns: dict[str, list[Node]] = field(default_factory=lambda: defaultdict(list))
    table: list[Node] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def constraints_of(
    entity: Entity, entities: Mapping[Place, Entity], dialect: Dialect, imports: Imports
) -> Constraints:
    """Return the constraints and indexes of a table."""
    found = Constraints()
    relation = entity.relation
    _add_key(found, entity, imports)
    for foreign_key in relation.foreign_keys:
        if reference(foreign_key, entities) is None:
            found.missing.append(_missing(foreign_key))
        else:
            _add_foreign_key(found, foreign_key, imports)
    _add_unique(found, relation, imports)
    _add_checks(found, relation, imports)
    for index in relation.indexes:
        if index.get("duplicates_constraint") is None:
            found.table.append(_index(index, dialect, imports))
    return found


def reference(foreign_key: ReflectedForeignKeyConstraint, entities: Mapping[Place, Entity]) -> Entity | None:
    """Return what a foreign key refers to, where the module has it and SQLAlchemy can name it."""
    found = entities.get((foreign_key["referred_schema"], foreign_key["referred_table"]))
    if any("." in name for name in (foreign_key["referred_table"], *foreign_key["referred_columns"])):
        return None
    return found


def _missing(foreign_key: ReflectedForeignKeyConstraint) -> str:
    own, others = (", ".join(foreign_key[side]) for side in ("constrained_columns", "referred_columns"))
    return f"({own}) refers to {_table(foreign_key)} ({others}), which this module cannot name"


def _table(foreign_key: ReflectedForeignKeyConstraint) -> str:
    schema, name = foreign_key["referred_schema"], foreign_key["referred_table"]
    return name if schema is None else f"{schema}.{name}"


def _add_key(found: Constraints, entity: Entity, imports: Imports) -> None:
    columns = [column["name"] for column in entity.relation.columns if column["name"] in entity.key]
    if columns == list(entity.key):
        for name in columns:
            found.columns[name].append("primary_key=True")
    else:
        imports.name("sqlalchemy", "PrimaryKeyConstraint")
        found.table.append(call("PrimaryKeyConstraint", *map(literal, entity.key)))


def _add_foreign_key(
    found: Constraints, foreign_key: ReflectedForeignKeyConstraint, imports: Imports
) -> None:
    own, others = foreign_key["constrained_columns"], foreign_key["referred_columns"]
    options = {"name": foreign_key["name"], **foreign_key.get("options", {})}
    named = [keyword(name, literal(value)) for name, value in options.items() if value]
    targets = [literal(f"{_table(foreign_key)}.{name}") for name in others]
    if len(own) == 1:
        imports.name("sqlalchemy", "ForeignKey")
        found.columns[own[0]].insert(0, Group("ForeignKey(", (*targets, *named)))
    else:
        imports.name("sqlalchemy", "ForeignKeyConstraint")
        names = (literal(list(own)), Group("[", tuple(targets), "]"))
        found.table.append(Group("ForeignKeyConstraint(", (*names, *named)))


def _add_unique(found: Constraints, relation: Relation, imports: Imports) -> None:
    for constraint in relation.unique_constraints:
        columns, name = constraint["column_names"], constraint["name"]
        if constraint.get("duplicates_index"):
            continue  # which is among the indexes
        if len(columns) == 1 and name is None:
            found.columns[columns[0]].append("unique=True")
        else:
            imports.name("sqlalchemy", "UniqueConstraint")
            named = [] if name is None else [keyword("name", literal(name))]
            found.table.append(Group("UniqueConstraint(", (*map(literal, columns), *named)))


def _add_checks(found: Constraints, relation: Relation, imports: Imports) -> None:
    for number, check in enumerate(relation.check_constraints, 1):
        imports.name("sqlalchemy", "CheckConstraint")
        name = _check_name(check["name"], number, relation.name, imports)
        found.table.append(call("CheckConstraint", literal(unbound(check["sqltext"])), keyword("name", name)))


def _check_name(name: str | None, number: int, table: str, imports: Imports) -> Node:
    # The convention of BaseModel wants a name, and puts one of its own in front.
    prefix = f"ck_{table}_"
    if name is None:
        return literal(f"check_{number}")
    if name.startswith(prefix):
        return literal(name.removeprefix(prefix))
    return call(imports.name("sqlalchemy.schema", "conv"), literal(name))


def _index(index: ReflectedIndex, dialect: Dialect, imports: Imports) -> Node:
    items = [literal(index["name"]), *_elements(index, dialect, imports)]
    if index["unique"]:
        items.append("unique=True")
    for option, value in index.get("dialect_options", {}).items():
        if isinstance(value, ClauseElement) or option.endswith("_where"):
            condition = call(imports.name("sqlalchemy", "text"), literal(unbound(str(value))))
            items.append(keyword(option, condition))
        elif value:
            items.append(keyword(option, literal(value)))
    imports.name("sqlalchemy", "Index")
    return Group("Index(", tuple(items))


def _elements(index: ReflectedIndex, dialect: Dialect, imports: Imports) -> Iterator[Node]:
    sorting: Mapping[str, Any] = index.get("column_sorting", {})
    names = index["column_names"]
    for name, element in zip(names, index.get("expressions", names), strict=True):
        shown = str(element)
        if name is not None and name not in sorting:
            yield literal(name)
            continue
        if name is not None:
            order = " ".join(words.replace("_", " ").upper() for words in sorting[name])
            shown = f"{dialect.identifier_preparer.quote(name)} {order}"
        yield call(imports.name("sqlalchemy", "text"), literal(unbound(shown)))
