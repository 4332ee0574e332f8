"""See what an engine does: JSON logs with a correlation id, the slow query log, and metrics."""

from __future__ import annotations

import sys

from sqlalchemy import func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import (
    MetricsCollector,
    SessionManager,
    SlowQueryLog,
    configure_logging,
    correlation_id,
    create_memory_engine,
    run,
)
from andamios_orm.core.errors import DuplicateKeyError


class Base(DeclarativeBase):
    """The models of this example."""


class Airport(Base):
    """Where flights start and land."""

    __tablename__ = "airport"

    code: Mapped[str] = mapped_column(primary_key=True)
    country: Mapped[str]


async def main() -> None:
    """Do some work under the eyes of a slow query log and a metrics collector."""
    configure_logging(stream=sys.stdout)
    engine = create_memory_engine()
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    metrics = MetricsCollector(engine)
    slow_queries = SlowQueryLog(
        engine, threshold=0.0
    )  # everything is slow, so that there is something to see

    with correlation_id("request-1"):
        async with SessionManager(engine) as session:
            session.add_all([Airport(code="JFK", country="us"), Airport(code="BCN", country="es")])
        async with SessionManager(engine) as session:
            at_home = select(func.count()).select_from(Airport).where(Airport.country == "es")
            print(await session.scalar(at_home), "airport in Spain")
    slow_queries.close()

    try:
        async with SessionManager(engine) as session:
            session.add(Airport(code="JFK", country="us"))
    except DuplicateKeyError:
        print("there is a JFK already")

    print(metrics.snapshot())
    counters = [line for line in metrics.prometheus().splitlines() if "_count{" in line]
    print("for Prometheus:", *counters, sep="\n")
    metrics.close()
    await engine.dispose()


if __name__ == "__main__":
    run(main())
