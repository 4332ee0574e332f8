"""Write many rows at once, from dicts, tuples or objects; all of them or none."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import SessionManager, create_memory_engine, run
from andamios_orm.core.errors import ConfigurationError, DataError


class Base(DeclarativeBase):
    """The models of this example."""


class Reading(Base):
    """What a sensor measured."""

    __tablename__ = "reading"

    id: Mapped[int] = mapped_column(primary_key=True)
    sensor: Mapped[str]
    celsius: Mapped[float]
    quality: Mapped[int] = mapped_column(default=5)


async def main() -> None:
    """Write 30,000 rows in three ways, and two kinds of bad ones."""
    engine = create_memory_engine()
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)

    numbers = range(10_000)
    async with SessionManager(engine) as session:
        await session.bulk_insert(Reading, [{"sensor": "a", "celsius": n / 100} for n in numbers])
        await session.bulk_insert(Reading, [("b", n / 100) for n in numbers], columns=["sensor", "celsius"])
        await session.bulk_insert(Reading, [Reading(sensor="c", celsius=n / 100) for n in numbers])

    good, bad = {"sensor": "d", "celsius": 20.5}, {"sensor": "d", "celsius": "cold"}
    try:
        async with SessionManager(engine) as session:
            await session.bulk_insert(Reading, [good] * 700 + [bad] + [good] * 300)
    except DataError as error:
        print(f"row {error.row}, column {error.column}: {str(error.orig).splitlines()[0]}")

    async with SessionManager(engine) as session:
        try:
            await session.bulk_insert(Reading, [good, {"sensor": "d"}])
        except ConfigurationError as error:
            print(f"refused before anything was sent: {error}")
        count = select(Reading.sensor, func.count(), func.max(Reading.id), func.max(Reading.quality))
        for row in await session.execute(count.group_by(Reading.sensor).order_by(Reading.sensor)):
            print("sensor {}: {} rows, last id {}, quality {}".format(*row))
    await engine.dispose()


if __name__ == "__main__":
    run(main())
