"""Look at how DuckDB executes a query: its plan as text and as a drawing, what would help, what is wrong."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Date, cast, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import AndamiosEngine, create_memory_engine, run
from andamios_orm.queries import QueryBuilder, QueryOptimizer

DATA = Path(__file__).resolve().parent.parent / "data"


class Base(DeclarativeBase):
    """The models; each is called after its file."""


class Flight(Base):
    """A departure, as far as these queries go."""

    __tablename__ = "flights"

    carrier: Mapped[str] = mapped_column(primary_key=True)
    flight: Mapped[int] = mapped_column(primary_key=True)
    time_hour: Mapped[dt.datetime] = mapped_column(primary_key=True)
    tailnum: Mapped[str | None]
    dep_delay: Mapped[int | None]


class Plane(Base):
    """An aircraft by the number on its tail."""

    __tablename__ = "planes"

    tailnum: Mapped[str] = mapped_column(primary_key=True)
    manufacturer: Mapped[str]
    seats: Mapped[int]


async def load(engine: AndamiosEngine) -> None:
    """Copy the files into tables."""
    async with engine.begin() as connection:
        for table in Base.metadata.tables:
            file = DATA / f"{table}.parquet"
            await connection.exec_driver_sql(f"CREATE TABLE {table} AS FROM '{file}'")


async def show_plan(optimizer: QueryOptimizer) -> None:
    """Execute a query, print what each operator did, and draw it."""
    delays = (
        select(Plane.manufacturer, func.avg(Flight.dep_delay))
        .join(Flight, Flight.tailnum == Plane.tailnum)
        .where(Flight.time_hour >= dt.datetime(2013, 7, 1), Flight.time_hour < dt.datetime(2013, 8, 1))
        .group_by(Plane.manufacturer)
    )
    plan = await optimizer.analyze_query(delays)
    print(plan)
    slowest = max(plan.walk(), key=plan.share)
    print(f"most of the work: {slowest.operator}, {plan.share(slowest):.0%}")
    with TemporaryDirectory() as folder:
        page = Path(folder) / "plan.html"
        page.write_text(plan.to_html("Delays in July"), encoding="utf-8")
        print(f"drawn: {page.stat().st_size:,} bytes of HTML")


async def main() -> None:
    """Ask for plans, suggestions and warnings."""
    engine = create_memory_engine()
    await load(engine)
    optimizer = QueryOptimizer(engine)
    await show_plan(optimizer)

    print("\nsuggestions:")
    for query in (
        QueryBuilder(Flight).filter(tailnum="N14228"),
        QueryBuilder(Flight).filter(time_hour__gte=dt.datetime(2013, 12, 31)),
    ):
        found = await optimizer.suggest_indexes(query)
        print("\n".join(map(str, found)) or "nothing would help")

    print("\nwarnings:")
    for statement in (
        select(Flight, Plane).limit(10),
        select(Flight).where(cast(Flight.time_hour, Date) == dt.date(2013, 1, 1)),
        select(Flight),
    ):
        for warning in await optimizer.warnings(statement):
            print(f"{warning.kind}: {warning}")
    await engine.dispose()


if __name__ == "__main__":
    run(main())
