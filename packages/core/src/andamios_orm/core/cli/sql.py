"""Run a query from the command line."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import duckdb
import typer
from rich.table import Table
from rich.text import Text

from andamios_orm.core.cli.console import complain, output, plain
from andamios_orm.core.cli.target import QueryWords, database_file, opened, target, url_and_query
from andamios_orm.core.dialect.identifiers import string_literal
from andamios_orm.core.errors import ConfigurationError, NotSupportedError
from andamios_orm.core.runner import run
from andamios_orm.core.session import SessionManager

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from andamios_orm.core.engine import AndamiosEngine

__all__ = ["Format", "sql"]

_SHOWN = 100
"""Rows of a table, unless more are asked for."""


class Format(StrEnum):
    """How rows are written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


_FILE_URL = re.compile(r"file:(//(localhost)?)?(?=/)")
"""What DuckDB takes off the beginning of a path."""

_COPY = {
    Format.JSON: "FORMAT json, ARRAY true",
    Format.CSV: "FORMAT csv, HEADER true",
    Format.PARQUET: "FORMAT parquet",
}
"""Options of DuckDB's COPY."""


@dataclass(frozen=True)
class _Query:
    text: str
    limit: int | None
    write: bool


class _Fetched(NamedTuple):
    columns: Sequence[str] | None
    """None where there is no result."""
    rows: Sequence[Sequence[Any]]
    rowcount: int


def sql(
    words: QueryWords,
    format_: Annotated[Format, typer.Option("--format", help="How the rows are written.")] = Format.TABLE,
    file: Annotated[
        str | None,
        typer.Option("--output", metavar="FILE", help="The file to write them to, in place of the terminal."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=0, help=f"How many rows at most: by default {_SHOWN} in a table, elsewhere all."),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Let the query change the database, and commit what it changed.")
    ] = False,
) -> None:
    """Run a query and print its rows. Without --write the database engine refuses to change anything.

    For example: andamios-orm sql duckdb:///flights.db "FROM flight WHERE carrier = 'UA'" --limit 5
    """
    url, text = url_and_query(words)
    query = _Query(text, limit, write)
    engine = target(url, read_only=not write)
    if format_ is Format.TABLE:
        if file is not None:
            raise ConfigurationError("a table is no file: choose --format json, csv or parquet for --output")
        _show(run(_fetched(engine, query)), _SHOWN if limit is None else limit)
    else:
        _export(engine, query, format_, file)


async def _fetched(engine: AndamiosEngine, query: _Query) -> _Fetched:
    async with opened(engine), SessionManager(engine, read_only=not query.write) as session:
        return await (await session.connection()).run_sync(_fetch, query)


def _fetch(connection: Connection, query: _Query) -> _Fetched:
    # asyncpg streams no statement but a query, and its errors would come out as they are.
    streams = connection.dialect.name == "duckdb"
    result = connection.exec_driver_sql(query.text, execution_options={"stream_results": streams})
    if not result.returns_rows:
        return _Fetched(None, (), result.rowcount)
    limit = _SHOWN if query.limit is None else query.limit
    with result:
        # One more, to know whether there are more.
        return _Fetched(list(result.keys()), result.fetchmany(limit + 1), -1)


def _show(fetched: _Fetched, limit: int) -> None:
    console = output()
    if fetched.columns is None:
        console.print("done" if fetched.rowcount < 0 else f"done, rows changed: {fetched.rowcount}")
        return
    rows = fetched.rows[:limit]
    table = Table()
    for index, name in enumerate(fetched.columns):
        numbers = all(isinstance(row[index], int | float | Decimal | None) for row in rows)
        table.add_column(Text(plain(name)), justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(_cell, row))
    console.print(table)
    if len(fetched.rows) > limit:
        complain(f"There are more rows than the {limit} shown: change --limit.", "yellow")


def _cell(value: object) -> Text:
    return Text("NULL", "dim") if value is None else Text(plain(str(value)))


def _export(engine: AndamiosEngine, query: _Query, format_: Format, file: str | None) -> None:
    if engine.dialect.name != "duckdb":
        raise NotSupportedError.of(
            engine.dialect.name, f"--format {format_}", "leave it out, and get a table"
        )
    _expect_query(query, format_)
    if file is not None:
        _spare_database(engine, file)
        output().print(f"rows written to {file}: {run(_copied(engine, query, format_, file))}", markup=False)
        return
    if format_ is Format.PARQUET:
        raise ConfigurationError("parquet is no text for the terminal: say with --output FILE where it goes")
    with TemporaryDirectory() as folder:
        rows = Path(folder) / "rows"
        run(_copied(engine, query, format_, str(rows)))
        sys.stdout.flush()
        with rows.open("rb") as written:
            shutil.copyfileobj(written, sys.stdout.buffer)


def _expect_query(query: _Query, format_: Format) -> None:
    # DuckDB would complain about the syntax of a statement that it would run by itself.
    if _is_sql(query.text) and not _is_sql(_copy(query, format_, "")):
        raise ConfigurationError(
            f"--format {format_} is for the rows of one query, which this is not: leave it out"
        )


def _is_sql(text: str) -> bool:
    with duckdb.connect() as connection:
        try:
            connection.extract_statements(text)
        except duckdb.ParserException:
            return False
    return True


def _spare_database(engine: AndamiosEngine, file: str) -> None:
    name = database_file(engine)
    if name is None:
        return
    database, place = Path(name).resolve(), Path(_FILE_URL.sub("", file)).expanduser().resolve()
    if place == database or (place.exists() and database.exists() and place.samefile(database)):
        raise ConfigurationError(f"{file!r} is the database: the rows would take its place")
    # The latest commits may be in the write-ahead log alone.
    if place.parent == database.parent and place.name.startswith(f"{database.name}.wal"):
        raise ConfigurationError(
            f"{file!r} is the write-ahead log of the database: the rows would take its place"
        )


def _copy(query: _Query, format_: Format, file: str) -> str:
    # The line ends keep a comment at the end of the query to itself.
    rows = query.text if query.limit is None else f"FROM (\n{query.text}\n) LIMIT {query.limit}"
    return f"COPY (\n{rows}\n) TO {string_literal(file)} ({_COPY[format_]})"


async def _copied(engine: AndamiosEngine, query: _Query, format_: Format, file: str) -> int:
    copy = _copy(query, format_, file)
    async with opened(engine), SessionManager(engine, read_only=not query.write) as session:
        return (await (await session.connection()).exec_driver_sql(copy)).rowcount
