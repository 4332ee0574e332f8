"""Open sessions: commit on success, roll back on error, and find the current one of a task."""

from __future__ import annotations

import asyncio

from sqlalchemy import func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import SessionManager, create_memory_engine, current_session, run
from andamios_orm.core.errors import NoCurrentSessionError


class Base(DeclarativeBase):
    """The models of this example."""


class Airline(Base):
    """A carrier."""

    __tablename__ = "airline"

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]


async def count_airlines() -> int:
    """Count through the session that the caller has open."""
    return await current_session().scalar(select(func.count()).select_from(Airline)) or 0


async def main() -> None:
    """Commit one session, fail another, and pass one on."""
    engine = create_memory_engine()
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)

    async with SessionManager(engine) as session:
        session.add(Airline(code="UA", name="United"))
    print("the first session ended well: its airline is committed")

    try:
        async with SessionManager(engine) as session:
            session.add(Airline(code="AA", name="American"))
            raise LookupError("something else went wrong")
    except LookupError as error:
        print(f"the second was rolled back: {error}")

    async with SessionManager(engine):
        print(f"airlines: {await count_airlines()}")
        try:
            await asyncio.create_task(count_airlines())
        except NoCurrentSessionError as error:
            print(f"another task has no part in it: {error}")
    await engine.dispose()


if __name__ == "__main__":
    run(main())
