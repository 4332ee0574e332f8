"""Load fixtures from the command line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from andamios_orm.core import SessionManager, run
from andamios_orm.core.cli.console import output, plain
from andamios_orm.core.cli.target import database_file, opened, target
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.models.cli.imports import import_models
from andamios_orm.repositories.fixtures.counts import LoadCounts
from andamios_orm.repositories.fixtures.files import FixtureFile
from andamios_orm.repositories.fixtures.loading import Advance, load_sources
from andamios_orm.repositories.fixtures.naming import model_named
from andamios_orm.repositories.fixtures.sources import Source, sources
from andamios_orm.repositories.fixtures.stage import Stage

if TYPE_CHECKING:
    from andamios_orm.core import AndamiosEngine

__all__ = ["db_seed"]


@dataclass(frozen=True)
class _Seed:
    files: Sequence[FixtureFile]
    models: Sequence[type[Any]]
    match: Mapping[type[Any], Sequence[str]]
    is_trial: bool


def db_seed(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="Files, or folders whose fixtures are all loaded."),
    ],
    modules: Annotated[
        list[str],
        typer.Option(
            "--models",
            metavar="MODULE",
            help="A module, a package with all that is in it, or a file. Repeat it.",
        ),
    ],
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The database, such as duckdb:///flights.db. Without it, what the environment variable "
            "ANDAMIOS_DATABASE_URL says.",
            show_default=False,
        ),
    ] = None,
    match: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TABLE=COLUMNS",
            help="What rows are found by, in place of the primary key: airline=carrier. Repeat it.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Load everything, and roll it back.")] = False,
) -> None:
    """Load fixtures (.json, .jsonl, .csv, also .gz; .parquet) into a database: all or nothing.

    Rows that are there get the values of the files; a second run changes nothing. A file is called like its
    table or its model.

    For example: andamios-orm db-seed fixtures --models airline.models --url duckdb:///flights.db
    """
    files = list(_files(paths))
    models = import_models(modules)
    if not models:
        raise ConfigurationError(f"{', '.join(modules)}: no model is defined there")
    seed = _Seed(files, models, dict(_match(each, models) for each in match or ()), dry_run)
    engine = target(url, read_only=False)
    file = database_file(engine)
    if file is not None and not Path(file).exists():
        raise ConfigurationError(f"there is no database {file}: make it, and its tables, before")
    counts = run(_seeded(engine, seed))
    _show(counts)
    if dry_run:
        output().print("nothing was written: this was a dry run")


def _files(paths: Iterable[Path]) -> Iterator[FixtureFile]:
    for path in paths:
        yield from _of_folder(path) if path.is_dir() else [FixtureFile.of(path)]


def _of_folder(folder: Path) -> list[FixtureFile]:
    found = [
        FixtureFile.of(path) for path in sorted(folder.iterdir()) if path.is_file() and _is_fixture(path)
    ]
    if not found:
        raise ConfigurationError(f"there is no fixture in the folder {folder}")
    return found


def _is_fixture(path: Path) -> bool:
    return not path.name.startswith(".") and path.name.removesuffix(".gz").endswith(
        (".json", ".jsonl", ".csv", ".parquet")
    )


def _match(text: str, models: Sequence[type[Any]]) -> tuple[type[Any], list[str]]:
    table, _, columns = text.rpartition("=")
    names = [name.strip() for name in columns.split(",") if name.strip()]
    if not (table and names):
        raise ConfigurationError(
            f"--match {text} names no columns: give --match table=column, or table=one,two"
        )
    return model_named(table, models, "--match"), names


async def _seeded(engine: AndamiosEngine, seed: _Seed) -> dict[str, LoadCounts]:
    async with opened(engine), Stage.opened() as stage:
        found = await sources(stage, seed.files, seed.models, seed.match.get, named=True)
        async with SessionManager(engine) as session:
            with _shown(found) as advance:
                counts = await load_sources(stage, found, session, advance)
            if seed.is_trial:
                await session.rollback()
    return counts


@contextmanager
def _shown(found: Iterable[Source]) -> Iterator[Advance]:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        tasks = {
            source.what: progress.add_task(escape(plain(source.what)), total=source.count) for source in found
        }

        def advance(source: Source, rows: int) -> None:
            progress.advance(tasks[source.what], rows)

        yield advance


def _show(counts: Mapping[str, LoadCounts]) -> None:
    table = Table("table")
    for heading in LoadCounts._fields:
        table.add_column(heading, justify="right")
    for name, each in counts.items():
        table.add_row(Text(plain(name)), *(f"{number:,}" for number in each))
    output().print(table)
