"""Say which database a command is about, and open it."""

from __future__ import annotations

import re
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from andamios_orm.core.dialect.database import MEMORY
from andamios_orm.core.dialect.options import database_path
from andamios_orm.core.engine import create_engine
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.core.settings import settings_of_environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from andamios_orm.core.engine import AndamiosEngine

__all__ = ["DatabaseURL", "QueryWords", "database_file", "opened", "target", "url_and_query"]

_HELP = (
    "The URL of the database, such as duckdb:///flights.db. Without one, what the environment variable "
    "ANDAMIOS_DATABASE_URL says."
)

DatabaseURL = Annotated[str | None, typer.Argument(metavar="URL", help=_HELP, show_default=False)]
"""The argument that names a database."""

QueryWords = Annotated[
    list[str],
    typer.Argument(
        metavar="[URL] QUERY",
        help=f"{_HELP} Then the query, or - to read it from standard input.",
        show_default=False,
    ),
]
"""The arguments that name a database, and say a query; see `url_and_query`."""

_URL = re.compile(r"[a-z][\w+.-]*://\S*")


def url_and_query(words: Sequence[str]) -> tuple[str | None, str]:
    """Return what names the database, where it is named, and the query.

    Raises:
        ConfigurationError: There is no query, or more than a URL before it.
    """
    *urls, query = words
    if len(urls) > 1:
        raise ConfigurationError("give a URL and a query, each as one argument: put the query into quotes")
    query = (sys.stdin.read() if query == "-" else query).strip().rstrip(";")
    if not query:
        raise ConfigurationError("the query is empty")
    if not urls and _URL.fullmatch(query):
        raise ConfigurationError("the query is missing: give it after the URL, in quotes")
    return next(iter(urls), None), query


def target(url: str | None, *, read_only: bool) -> AndamiosEngine:
    """Return an engine on the database of ``url``, or of the environment.

    Args:
        url: The URL.
        read_only: Whether a file is opened without the right to change it.

    Raises:
        ConfigurationError: Neither names a database that there can be.
    """
    if url is None and settings_of_environment().database_url is None:
        raise ConfigurationError(
            "of which database? Give its URL, such as duckdb:///flights.db, or set ANDAMIOS_DATABASE_URL"
        )
    engine = create_engine(url)
    if not read_only or database_file(engine) is None:
        return engine
    return create_engine(url, connect_args={"read_only": True})


def database_file(engine: AndamiosEngine) -> str | None:
    """Return the file of a DuckDB database; None of one in memory, and of another backend."""
    if engine.dialect.name != "duckdb":
        return None
    path = database_path(engine.url)
    return None if path.startswith(MEMORY) else path


@asynccontextmanager
async def opened(engine: AndamiosEngine) -> AsyncIterator[AndamiosEngine]:
    """Let go of an engine at the end."""
    try:
        yield engine
    finally:
        await engine.dispose()
