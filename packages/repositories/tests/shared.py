"""Databases in memory that the tests of one module share: made and filled once, and never changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from sqlalchemy import Connection, event

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager, create_engine

__all__ = ["held", "opened"]


@contextmanager
def held(name: str, fill: Callable[[AsyncSession], Awaitable[None]]) -> Iterator[str]:
    """Fill a database, keep it until the end, and give its URL."""
    url = f"duckdb:///:memory:{name}"
    engine = create_engine(url)

    async def made() -> None:
        async with SessionManager(engine) as session:
            await fill(session)

    with asyncio.Runner() as runner:
        runner.run(made())
        yield url
        runner.run(engine.dispose())


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[AndamiosEngine]:
    """Give an engine that fails a test which commits, because the tests that follow would find its rows."""
    engine = create_engine(url)
    event.listen(engine.sync_engine, "commit", _refuse)
    yield engine
    await engine.dispose()


def _refuse(_: Connection) -> None:
    raise AssertionError("a test that commits takes a database of its own: filled_engine")
