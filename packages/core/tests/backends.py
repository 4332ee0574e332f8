"""Engines for tests that are the same on every backend."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import MetaData

from andamios_orm.core import AndamiosEngine, create_engine

from .services import POSTGRESQL, require

__all__ = ["BACKENDS", "drop_tables", "engine_with", "make_tables"]

BACKENDS = ("duckdb", "sqlite", "postgresql")

SERVERS = ("postgresql", "mysql", "mariadb")


async def make_tables(engine: AndamiosEngine, metadata: MetaData) -> None:
    """Make tables in a database that is new, or on a server, where those of an earlier run are dropped first.

    A new database is not asked whether it has them already: its answer takes longer than most tests.
    """
    async with engine.begin() as connection:
        if engine.dialect.name in SERVERS:
            await connection.run_sync(metadata.drop_all)
        await connection.run_sync(metadata.create_all, checkfirst=False)


async def drop_tables(engine: AndamiosEngine, metadata: MetaData) -> None:
    """Drop tables from a server; a file or a memory goes with its test."""
    if engine.dialect.name in SERVERS:
        async with engine.begin() as connection:
            await connection.run_sync(metadata.drop_all)


@asynccontextmanager
async def engine_with(backend: str, metadata: MetaData, folder: Path) -> AsyncIterator[AndamiosEngine]:
    """Lend an engine on a database that has these tables, empty; a server is without them afterwards.

    Args:
        backend: One of `BACKENDS`; a server that is not there skips the test.
        metadata: The tables, with names that no other test uses.
        folder: Where a file may be put.
    """
    urls = {"duckdb": "duckdb:///:memory:", "sqlite": f"sqlite:///{folder / 'test.db'}"}
    url = urls.get(backend) or require(POSTGRESQL)
    engine = create_engine(url)
    await make_tables(engine, metadata)
    yield engine
    await engine.dispose()
    if backend not in urls:
        # By another engine, because a test may have made this one refuse it.
        cleaner = create_engine(url)
        await drop_tables(cleaner, metadata)
        await cleaner.dispose()
