"""Run hundreds of tasks on few threads, and stop a query that nobody waits for any more."""

from __future__ import annotations

import asyncio
import threading

from sqlalchemy import func, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import SessionManager, create_memory_engine, run

ENDLESS = text("SELECT sum(hash(a.range + b.range)) FROM range(1_000_000_000) a, range(1_000_000_000) b")


class Base(DeclarativeBase):
    """The models of this example."""


class Event(Base):
    """Something that happened."""

    __tablename__ = "event"

    id: Mapped[int] = mapped_column(primary_key=True)
    task: Mapped[int]


async def main() -> None:
    """Write from 500 tasks at once, then cancel one that would run for ages."""
    engine = create_memory_engine(worker_threads=4)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)

    async def write(task: int) -> None:
        async with SessionManager(engine) as session:
            session.add(Event(task=task))

    await asyncio.gather(*(write(task) for task in range(500)))
    workers = sum(thread.name.startswith("andamios") for thread in threading.enumerate())
    async with SessionManager(engine) as session:
        print(f"{await session.scalar(select(func.count(Event.id)))} events written by {workers} threads")

    try:
        async with asyncio.timeout(0.2), SessionManager(engine) as session:
            await session.execute(ENDLESS)
    except TimeoutError:
        print("a query was interrupted and its transaction rolled back")
    async with SessionManager(engine) as session:
        print(f"{await session.scalar(select(func.count(Event.id)))} events are still there")
    await engine.dispose()


if __name__ == "__main__":
    run(main())
