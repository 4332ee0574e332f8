"""The queries of views, and what they read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import duckdb

from andamios_orm.core.dialect.identifiers import unquoted
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.models.reflection.catalog import Catalog, Relation
from andamios_orm.models.reflection.entities import Entity, Place

__all__ = ["query", "reads"]

_NAME = r'(?:"(?:[^"]|"")*"|`[^`]*`|[^\s"`.(]+)'

_ALIAS = re.compile(rf" AS {_NAME}$")

_CREATE = re.compile(
    rf"\s*CREATE\b.*?\bVIEW\s+(?:IF\s+NOT\s+EXISTS\s+)?{_NAME}(?:\.{_NAME})*"
    r"\s*(?P<columns>\([^()]*\))?\s*AS\s(?P<query>.*)",
    re.IGNORECASE | re.DOTALL,
)


def query(view: Relation) -> str:
    """Return the query of a view.

    Raises:
        ConfigurationError: It cannot be told from the statement that made the view.
    """
    text = (view.definition or "").strip().rstrip(";").rstrip()
    if not text.upper().startswith("CREATE"):
        return text
    found = _CREATE.fullmatch(text)
    if found is None:
        raise ConfigurationError(f"the query of the view {view.full_name} cannot be told from: {text}")
    if found["columns"] is None:
        return found["query"]
    # Its columns have other names than those of the query.
    return f"WITH named {found['columns']} AS ({found['query']}) SELECT * FROM named"  # noqa: S608 # the database's own


def reads(view: Relation, entities: Mapping[Place, Entity], catalog: Catalog) -> Iterator[Entity]:
    """Give the tables and views of the module that a view reads.

    DuckDB parses the query. Of another backend they are those that the query mentions.
    """
    text = query(view)
    parsed = _parsed(text) if catalog.dialect.name == "duckdb" else None
    for place, entity in entities.items():
        if entity.relation is view:
            continue
        if _mentions(text, place[1]) if parsed is None else _is_among(place, parsed, catalog.default_schema):
            yield entity


def _parsed(text: str) -> list[list[str]]:
    """Return the names that a query reads from, each with its schema where that is written."""
    with duckdb.connect() as connection:
        names = connection.get_table_names(text, qualified=True)
    parts = (re.findall(_NAME, _ALIAS.sub("", name)) for name in names)
    return [[unquoted(part).lower() for part in each[-2:]] for each in parts]


def _is_among(place: Place, parsed: list[list[str]], default_schema: str | None) -> bool:
    schema, name = place
    full = [str(schema or default_schema).lower(), name.lower()]
    return full in parsed or (schema is None and full[1:] in parsed)


def _mentions(text: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None
