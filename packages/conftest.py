"""Databases for the tests of core: real ones, in memory or in a temporary folder."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import duckdb
import pytest
from blockbuster import BlockBusterFunction, blockbuster_ctx

from andamios_orm.core import AndamiosEngine, create_engine, create_file_engine, create_memory_engine

_HARMLESS = {"interrupt", "query_progress"}
"""What may be called on the loop: one sets a flag, the other reads a number that is kept, and both return."""

_GUARDED = [
    name
    for name in dir(duckdb.DuckDBPyConnection)
    if not name.startswith("_")
    and name not in _HARMLESS
    and callable(getattr(duckdb.DuckDBPyConnection, name))
]


@pytest.fixture(scope="module", autouse=True)
def loop_is_free() -> Iterator[None]:
    """Fail the test when the package blocks the event loop, by DuckDB's methods among others."""
    with blockbuster_ctx("andamios_orm.core") as blockbuster:
        for name in _GUARDED:
            guard = BlockBusterFunction(duckdb.DuckDBPyConnection, name, scanned_modules="andamios_orm.core")
            blockbuster.functions[f"duckdb.{name}"] = guard.activate()
        for function in blockbuster.functions.values():
            # Making an engine belongs to the start of a program: it looks up entry points, imports drivers.
            function.can_block_in("core/engine.py", {"create_engine"})
            # The measuring itself, which locks its data for a moment in the middle of any line.
            function.can_block_in("coverage/collector.py", {"lock_data"})
            # A driver's own business: it looks for passwords and certificates.
            function.can_block_in("asyncpg/connect_utils.py", {"_parse_connect_dsn_and_args"})
        yield


@pytest.fixture
async def engine() -> AsyncIterator[AndamiosEngine]:
    """An engine on a database of its own in memory."""
    engine = create_memory_engine()
    yield engine
    await engine.dispose()


@pytest.fixture
async def native_engine() -> AsyncIterator[AndamiosEngine]:
    """An engine in memory whose foreign keys DuckDB itself checks."""
    engine = create_engine("duckdb:///:memory:?foreign_keys=native")
    yield engine
    await engine.dispose()


@pytest.fixture
async def file_engine(tmp_path: Path) -> AsyncIterator[AndamiosEngine]:
    """An engine on a file of its own."""
    engine = create_file_engine(tmp_path / "test.db")
    yield engine
    await engine.dispose()
