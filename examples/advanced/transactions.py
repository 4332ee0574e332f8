"""Units of work that are replayed on conflict, and what runs after their commit."""

from __future__ import annotations

import asyncio

from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import AsyncSession, TransactionManager, create_memory_engine, run, transactional
from andamios_orm.core.errors import OperationalError, SavepointNotSupportedError


class Base(DeclarativeBase):
    """The models of this example."""


class Seats(Base):
    """How many seats of a flight are free."""

    __tablename__ = "seats"

    flight: Mapped[str] = mapped_column(primary_key=True)
    free: Mapped[int]


engine = create_memory_engine()
sold: list[str] = []


async def sell_one(session: AsyncSession) -> int:
    """Sell one seat; many do so at the same time, and DuckDB lets only the first of them commit."""
    seats = await session.get_one(Seats, "UA1545")
    seats.free -= 1
    session.on_commit(lambda: sold.append("UA1545"))
    return seats.free


@transactional(engine, attempts=3)
async def put_back(session: AsyncSession, flight: str, seats: int) -> int:
    """Put seats back: a function with a transaction around each call."""
    row = await session.get_one(Seats, flight)
    row.free += seats
    return row.free


async def main() -> None:
    """Sell the same seats from many tasks, and lose none."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    transactions = TransactionManager(engine)

    async def open_flight(session: AsyncSession) -> None:
        session.add(Seats(flight="UA1545", free=100))

    async def close_flight(session: AsyncSession) -> int:
        return (await session.get_one(Seats, "UA1545")).free

    print(
        "two operations, one transaction:",
        await transactions.execute_in_transaction([open_flight, close_flight]),
    )

    await asyncio.gather(*(transactions.run(sell_one, attempts=50) for _ in range(40)))
    print(
        "after 40 sales at once:", await transactions.run(close_flight), "free,", len(sold), "callbacks ran"
    )
    print("after 5 were put back:", await put_back("UA1545", 5))

    try:
        await TransactionManager(engine, read_only=True).run(sell_one)
    except OperationalError as error:
        print("a read-only transaction:", str(error).splitlines()[0])

    async def try_part(session: AsyncSession) -> None:
        async with transactions.savepoint("part"):
            await sell_one(session)

    try:
        await transactions.run(try_part)
    except SavepointNotSupportedError as error:
        print("a savepoint:", str(error).splitlines()[0])
    await engine.dispose()


if __name__ == "__main__":
    run(main())
