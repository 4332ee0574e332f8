"""Write the models of an existing database."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import track

from andamios_orm.core.cli.console import complain, output
from andamios_orm.core.cli.target import DatabaseURL, opened, target
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.core.runner import run
from andamios_orm.models.reflection.catalog import Catalog, read_catalog
from andamios_orm.models.reflection.module import write_module
from andamios_orm.models.reflection.scope import BASE

if TYPE_CHECKING:
    from andamios_orm.core.engine import AndamiosEngine

__all__ = ["reflect"]


def reflect(
    url: DatabaseURL = None,
    tables: Annotated[
        str, typer.Option(metavar="NAMES", help="The tables and views, all by default: flight,air*")
    ] = "",
    schema: Annotated[
        str, typer.Option(metavar="NAMES", help="The schemas, the default one by default: sales,old_*")
    ] = "",
    key: Annotated[
        list[str] | None,
        typer.Option(metavar="TABLE=COLUMNS", help="What tells rows apart where there is no primary key."),
    ] = None,
    base: Annotated[str, typer.Option(metavar="MODULE:CLASS", help="The base of the models.")] = BASE,
    file: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="The module to write, in place of the terminal."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
) -> None:
    """Write a Python module with the models of an existing database, which is not changed.

    For example: andamios-orm reflect duckdb:///flights.db --output airline/models.py
    """
    keys = dict(map(_key, key or ()))
    if file is not None:
        _check_file(file, force=force)
    engine = target(url, read_only=True)
    _check_database(engine)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        catalog = run(_catalog(engine, _names(schema), _names(tables)))
    module = write_module(catalog, keys=keys, base=base)
    for remark in dict.fromkeys([*(str(warning.message) for warning in caught), *module.gaps]):
        complain(remark, "yellow")
    if file is None:
        sys.stdout.write(module.text)
    else:
        _write(file, module.text)
        output().print(f"models written to {file}: {module.models}", markup=False)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _key(text: str) -> tuple[str, Sequence[str]]:
    table, _, columns = text.rpartition("=")
    if not (table and _names(columns)):
        raise ConfigurationError(f"--key {text} names no columns: give --key table=column, or table=one,two")
    return table, _names(columns)


def _check_file(file: Path, *, force: bool) -> None:
    if file.suffix != ".py":
        raise ConfigurationError(f"{file} is no module: the name of one ends in .py")
    if not file.parent.is_dir():
        raise ConfigurationError(f"the folder of {file} does not exist: make it first")
    if file.exists() and not force:
        raise ConfigurationError(f"{file} is there already: --force replaces it")


def _check_database(engine: AndamiosEngine) -> None:
    # SQLite would make a file that is not there.
    name = engine.url.database if engine.dialect.name == "sqlite" else None
    if name and not name.startswith((":memory:", "file:")) and not Path(name).exists():
        raise ConfigurationError(f"{name} does not exist")


async def _catalog(engine: AndamiosEngine, schemas: Sequence[str], tables: Sequence[str]) -> Catalog:
    read = partial(read_catalog, schemas=schemas, tables=tables, watch=_watch)
    async with opened(engine), engine.connect() as connection:
        return await connection.run_sync(read)


def _watch(questions: Sequence[Any]) -> Iterable[Any]:
    console = Console(stderr=True)
    return track(questions, "reading", console=console, transient=True, disable=not console.is_terminal)


def _write(file: Path, text: str) -> None:
    # Beside it first, so that a full disk leaves what was there.
    beside = file.with_name(f".{file.name}.new")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
