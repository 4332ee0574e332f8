"""Engines for tests that are the same on every backend."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import MetaData

from andamios_orm.core import AndamiosEngine, create_engine

from .services import POSTGRESQL, require

__all__ = ["BACKENDS", "engine_with"]

BACKENDS = ("duckdb", "sqlite", "postgresql")


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
    async with engine.begin() as connection:
        await connection.run_sync(metadata.drop_all)
        await connection.run_sync(metadata.create_all)
    yield engine
    await engine.dispose()
    if backend not in urls:
        # By another engine, because a test may have made this one refuse it.
        cleaner = create_engine(url)
        async with cleaner.begin() as connection:
            await connection.run_sync(metadata.drop_all)
        await cleaner.dispose()
