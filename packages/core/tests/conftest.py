"""What the tests of core have in common."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Iterator

import duckdb
import pytest

from andamios_orm.core import AndamiosEngine, create_engine


@pytest.fixture(scope="session", autouse=True)
def nothing_stays_frozen() -> Iterator[None]:
    """Let the interpreter find at its end what was kept out of garbage collection."""
    yield
    gc.unfreeze()


@pytest.fixture(scope="module", autouse=True)
def garbage_is_looked_for_among_few() -> None:
    """Collect what the module before has left, and keep what stays out of the collections that follow."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module")
def shared_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database in memory for a whole module; opening one takes longer than most tests."""
    name = f":memory:{request.module.__name__}"
    with duckdb.connect(name) as held:
        yield f"duckdb:///{name}"
        assert held.execute("SELECT table_name FROM duckdb_tables()").fetchall() == []


@pytest.fixture
async def shared_engine(shared_url: str) -> AsyncIterator[AndamiosEngine]:
    """An engine on the database of the module, for tests that commit nothing."""
    engine = create_engine(shared_url)
    yield engine
    await engine.dispose()
