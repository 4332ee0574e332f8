"""Get a query as an Arrow table, without a Python object for each value."""

from __future__ import annotations

from importlib.util import find_spec

from sqlalchemy import func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import SessionManager, create_memory_engine, run


class Base(DeclarativeBase):
    """The models of this example."""


class Flight(Base):
    """A departure."""

    __tablename__ = "flight"

    id: Mapped[int] = mapped_column(primary_key=True)
    carrier: Mapped[str]
    delay: Mapped[int]


async def main() -> None:
    """Aggregate 50,000 flights into a table of three rows."""
    engine = create_memory_engine()
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)

    flights = [{"carrier": ("AA", "DL", "UA")[n % 3], "delay": n % 60} for n in range(50_000)]
    statement = select(Flight.carrier, func.count().label("flights"), func.avg(Flight.delay).label("delay"))
    async with SessionManager(engine) as session:
        await session.bulk_insert(Flight, flights)
        table = await session.arrow(statement.group_by(Flight.carrier).order_by(Flight.carrier))
    print(table.schema)
    print(table.to_pylist())
    await engine.dispose()


if __name__ == "__main__":
    if find_spec("pyarrow") is None:
        print('this example needs pyarrow: pip install "andamios-orm-core[arrow]"')
    else:
        run(main())
