"""Say which database a command is about, and open it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from andamios_orm.core.dialect.database import MEMORY
from andamios_orm.core.dialect.options import database_path
from andamios_orm.core.engine import create_engine
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.core.settings import settings_of_environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from andamios_orm.core.engine import AndamiosEngine

__all__ = ["URL_HELP", "DatabaseURL", "database_file", "opened", "target"]

URL_HELP = (
    "The URL of the database, such as duckdb:///flights.db. Without one, what the environment variable "
    "ANDAMIOS_DATABASE_URL says."
)

DatabaseURL = Annotated[str | None, typer.Argument(metavar="URL", help=URL_HELP, show_default=False)]
"""The argument that names a database."""


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
