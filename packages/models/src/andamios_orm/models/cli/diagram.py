"""An entity relationship diagram of models, as text for Mermaid."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from andamios_orm.models.cli.description import ModelDescription

__all__ = ["diagram"]

_TYPE = re.compile(r"[A-Za-z][\w ]*")
"""The name of a type without what it consists of, which Mermaid would not take."""

_LISTS = re.compile(r"(\[\d*\])*$")


def diagram(models: Sequence[ModelDescription]) -> str:
    """Return the diagram, of which GitHub and many others make a picture."""
    tables = {model.table: model for model in models}
    lines = ["erDiagram"]
    for model in tables.values():
        lines += [f"    {_entity(model.table)} {{", *_attributes(model), "    }"]
    for model in tables.values():
        lines += _references(model)
    return "\n".join([*lines, ""])


def _attributes(model: ModelDescription) -> Iterator[str]:
    for column in model.columns:
        keys = [
            name
            for name, has in (
                ("PK", column.primary_key),
                ("FK", bool(column.references)),
                ("UK", column.unique),
            )
            if has
        ]
        comment = f'"{_plain(column.comment)}"' if column.comment else ""
        name = column.column if column.column.isidentifier() else column.name
        shown = (_type(column.type), name, ", ".join(keys), comment)
        yield f"        {' '.join(filter(None, shown))}"


def _references(model: ModelDescription) -> Iterator[str]:
    nullable = {column.column for column in model.columns if column.nullable}
    unique = [{column.column} for column in model.columns if column.unique]
    key = {column.column for column in model.columns if column.primary_key}
    for reference in model.foreign_keys:
        columns = set(reference.columns)
        parent = "|o" if columns & nullable else "||"
        child = "o|" if any(alone <= columns for alone in (key, *unique) if alone) else "o{"
        label = _plain(", ".join(reference.columns))
        yield f'    {_entity(reference.table)} {parent}--{child} {_entity(model.table)} : "{label}"'


def _type(name: str) -> str:
    found, lists = _TYPE.match(name), _LISTS.search(name)
    plain = found[0].strip().replace(" ", "_") if found else "unknown"
    return plain + (lists[0] if lists else "")


def _entity(table: str) -> str:
    return f'"{_plain(table)}"'


def _plain(text: str) -> str:
    return " ".join(text.replace('"', "'").split())
