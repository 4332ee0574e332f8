"""Read a result part by part, and write in the same transaction meanwhile."""

from __future__ import annotations

from sqlalchemy import Integer, column, func, insert, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import SessionManager, create_memory_engine, run


class Base(DeclarativeBase):
    """The models of this example."""


class Total(Base):
    """A running total."""

    __tablename__ = "total"

    rows: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    value: Mapped[int]


async def main() -> None:
    """Stream a million rows that never stand in memory together, then write between two parts of a stream."""
    engine = create_memory_engine()
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)

    async with engine.connect() as connection:
        rows = total = 0
        result = await connection.stream(text("SELECT range FROM range(1_000_000)"))
        async for part in result.scalars().partitions(50_000):
            rows, total = rows + len(part), total + sum(part)
    print(f"streamed {rows:,} rows, their sum is {total:,}")

    numbers = select(column("range", Integer)).select_from(func.range(20_000))
    async with SessionManager(engine) as session:
        rows = total = 0
        async for number in await session.stream_scalars(numbers.execution_options(yield_per=5_000)):
            rows, total = rows + 1, total + number
            if rows % 5_000 == 0:
                # The first write takes what is left of the stream into memory; no row is lost.
                await session.execute(insert(Total).values(rows=rows, value=total))
    async with SessionManager(engine) as session:
        for line in await session.scalars(select(Total).order_by(Total.rows)):
            print(f"after {line.rows:>6,} rows: {line.value:>11,}")
    await engine.dispose()


if __name__ == "__main__":
    run(main())
