"""What a column gets by itself: from an expression, a sequence, an identity or a default."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.types import Integer

from andamios_orm.core.dialect.identifiers import split_schema
from andamios_orm.models.reflection.catalog import Catalog
from andamios_orm.models.reflection.entities import Entity
from andamios_orm.models.reflection.imports import Imports
from andamios_orm.models.reflection.layout import Group, Node, call, keyword, literal
from andamios_orm.models.reflection.sql_texts import unbound

__all__ = ["Defaults", "defaults_of"]

_NEXT = re.compile(r"nextval\('((?:[^']|'')+)'(?:::regclass)?\)")

_PLAIN_TEXT = re.compile(r"'([^'\\%]*)'")
"""A default that is a text, and that every dialect quotes in the same way."""

_SEQUENCE = {"start": 1, "increment": 1, "minvalue": 1, "maxvalue": 2**63 - 1, "cycle": False}
"""The options of a sequence that is made without any."""

_IDENTITY = {"always": False, "start": 1, "increment": 1, "cycle": False}
"""Those of an identity; its other options follow from the type of the column."""


class Defaults(NamedTuple):
    """Arguments of a column: those that come first, and those with a name."""

    positional: list[Node]
    named: list[Node]


@dataclass(frozen=True)
class _Sequence:
    schema: str | None
    name: str
    options: Mapping[str, Any]


def defaults_of(entity: Entity, column: ReflectedColumn, catalog: Catalog, imports: Imports) -> Defaults:
    """Return what a column gets by itself, as arguments."""
    sequence = _sequence(column, catalog)
    if sequence is not None and _is_implicit(sequence, entity, column):
        return Defaults([], [])
    positional = list(_expressions(column, imports))
    if sequence is not None:
        positional.append(_sequence_node(sequence, imports))
    default = column["default"]
    named = [] if default is None else [keyword("server_default", _default(default, imports))]
    if _counts_by_mistake(entity, column, catalog):
        named.append("autoincrement=False")
    return Defaults(positional, named)


def _sequence(column: ReflectedColumn, catalog: Catalog) -> _Sequence | None:
    found = _NEXT.fullmatch(column["default"] or "")
    if found is None:
        return None
    schema, name = split_schema(found[1].replace("''", "'"))
    if schema == catalog.default_schema:
        schema = None
    options = catalog.sequences.get((schema, name), {})
    told = {key: value for key, value in options.items() if value not in (None, _SEQUENCE[key])}
    return _Sequence(schema, name, told)


def _is_implicit(sequence: _Sequence, entity: Entity, column: ReflectedColumn) -> bool:
    """Tell whether a generated key has the sequence that it would get anyway."""
    relation = entity.relation
    usual = _Sequence(relation.schema, f"{relation.name}_{column['name']}_seq", {})
    return sequence == usual and _is_single_integer_key(entity, column)


def _is_single_integer_key(entity: Entity, column: ReflectedColumn) -> bool:
    return list(entity.key) == [column["name"]] and isinstance(column["type"], Integer)


def _expressions(column: ReflectedColumn, imports: Imports) -> Iterator[Node]:
    if (computed := column.get("computed")) is not None:
        imports.name("sqlalchemy", "Computed")
        text = literal(unbound(computed["sqltext"]))
        yield call("Computed", text, *(["persisted=True"] if computed.get("persisted") else []))
    if (identity := column.get("identity")) is not None:
        imports.name("sqlalchemy", "Identity")
        given: dict[str, Any] = {key: identity.get(key, usual) for key, usual in _IDENTITY.items()}
        options = {key: value for key, value in given.items() if value != _IDENTITY[key]}
        yield Group("Identity(", tuple(_named(options.items())))


def _sequence_node(sequence: _Sequence, imports: Imports) -> Node:
    schema = [] if sequence.schema is None else [("schema", sequence.schema)]
    imports.name("sqlalchemy", "Sequence")
    named = _named([*sequence.options.items(), *schema])
    return Group("Sequence(", (literal(sequence.name), *named))


def _named(options: Iterable[tuple[str, Any]]) -> list[Node]:
    return [keyword(name, literal(value)) for name, value in options]


def _default(default: str, imports: Imports) -> Node:
    plain = _PLAIN_TEXT.fullmatch(default)
    if plain is not None:
        return literal(plain[1])
    return call(imports.name("sqlalchemy", "text"), literal(unbound(default)))


def _counts_by_mistake(entity: Entity, column: ReflectedColumn, catalog: Catalog) -> bool:
    """Tell whether SQLAlchemy would take a key for a generated one, which it is not."""
    generated = column["default"] is not None or column.get("identity") or column.get("autoincrement") is True
    # SQLite numbers them all.
    return _is_single_integer_key(entity, column) and not generated and catalog.dialect.name != "sqlite"
