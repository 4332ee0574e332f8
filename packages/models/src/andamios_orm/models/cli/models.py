"""Show the models of modules."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from andamios_orm.core.cli.console import output, plain
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.models.cli.description import ColumnDescription, ModelDescription, describe
from andamios_orm.models.cli.diagram import diagram
from andamios_orm.models.cli.imports import import_models

__all__ = ["Format", "models"]


class Format(StrEnum):
    """How models are shown."""

    TABLE = "table"
    JSON = "json"
    MERMAID = "mermaid"


def models(
    modules: Annotated[
        list[str],
        typer.Argument(metavar="MODULE...", help="Modules, packages with all that is in them, or files."),
    ],
    format_: Annotated[Format, typer.Option("--format", help="How they are shown.")] = Format.TABLE,
    file: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="The file to write, in place of the terminal."),
    ] = None,
) -> None:
    """Show the models that come with modules: tables, columns, relationships, or a diagram of them.

    For example: andamios-orm models airline.models --format mermaid
    """
    _check_file(file, format_)
    described = [describe(model) for model in import_models(modules)]
    if not described:
        raise ConfigurationError(f"{', '.join(modules)}: no model is defined there")
    if format_ is Format.TABLE:
        _show(described)
        return
    text = diagram(described) if format_ is Format.MERMAID else _json(described)
    if file is None:
        sys.stdout.write(text)
    else:
        file.write_text(text, encoding="utf-8")
        output().print(f"models written to {file}: {len(described)}", markup=False)


def _check_file(file: Path | None, format_: Format) -> None:
    if file is None:
        return
    if format_ is Format.TABLE:
        raise ConfigurationError("a table is no file: choose --format json or mermaid for --output")
    if file.suffix == ".py":
        raise ConfigurationError(f"{file} is a module: what is written would take its place")


def _json(described: Sequence[ModelDescription]) -> str:
    return json.dumps([asdict(model) for model in described], indent=2, ensure_ascii=False) + "\n"


def _show(described: Sequence[ModelDescription]) -> None:
    console = output()
    for model in described:
        console.print(_shown(f"{model.name} ({model.module}): {model.table}", "bold"))
        console.print(_table(model.columns))
        for note in _notes(model):
            console.print(_shown(note))
        console.print()


def _table(columns: Sequence[ColumnDescription]) -> Table:
    rows = [_cells(column) for column in columns]
    table = Table()
    # What nothing is said about in any row is left out.
    said = [name for name in rows[0] if any(row[name] for row in rows)]
    for name in said:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(_shown(row[name]) for name in said))
    return table


def _cells(column: ColumnDescription) -> dict[str, str]:
    name = column.name if column.name == column.column else f"{column.name} ({column.column})"
    return {
        "attribute": name,
        "type": column.type,
        "key": "primary" if column.primary_key else "unique" if column.unique else "",
        "null": "yes" if column.nullable else "",
        "default": column.default or "",
        "refers to": ", ".join(column.references),
        "comment": column.comment or "",
    }


def _notes(model: ModelDescription) -> Iterator[str]:
    if model.comment:
        yield f"comment: {model.comment}"
    if model.reads:
        yield f"reads: {model.reads}"
    if model.mixins:
        yield f"mixins: {', '.join(model.mixins)}"
    for one in model.relationships:
        back = "" if one.back is None else f", back by {one.back}"
        yield f"{one.name}: {one.kind}, {one.target}{back}"


def _shown(text: str, style: str = "") -> Text:
    return Text(plain(text), style)
