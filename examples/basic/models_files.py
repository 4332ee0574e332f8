"""Query Parquet files in place by mapped classes, beside a table and a view."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from sqlalchemy import DateTime, ForeignKey, func, insert, select
from sqlalchemy.orm import Mapped, mapped_column, relationship, selectinload

from andamios_orm.core import SessionManager, create_memory_engine, run
from andamios_orm.core.errors import ConfigurationError, NotSupportedError
from andamios_orm.models import BaseModel, FileModel, ViewModel, create_all, parquet

DATA = Path(__file__).parent.parent / "data"


class Airline(FileModel):
    """A carrier: a row of a file, known by its code."""

    __source__ = parquet(DATA / "airlines.parquet")

    carrier: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]


class Flight(FileModel):
    """A departure: a row of a file, known by its place in it."""

    __source__ = parquet(DATA / "flights.parquet")

    carrier: Mapped[str] = mapped_column(ForeignKey("airline.carrier"))
    tailnum: Mapped[str | None]
    dep_delay: Mapped[int | None]
    time_hour: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True))
    airline: Mapped[Airline] = relationship(viewonly=True)


class Delay(ViewModel):
    """How late an airline is on average, as a view of the database."""

    __query__ = select(Flight.carrier, func.avg(Flight.dep_delay).label("minutes")).group_by(Flight.carrier)

    carrier: Mapped[str] = mapped_column(primary_key=True)
    minutes: Mapped[float]


class Plane(BaseModel):
    """An aircraft, in a table."""

    tailnum: Mapped[str] = mapped_column(primary_key=True)


class Misread(FileModel):
    """A model that does not fit its file."""

    __source__ = parquet(DATA / "airlines.parquet")

    carrier: Mapped[int] = mapped_column(primary_key=True)
    country: Mapped[str]


async def main() -> None:
    """Read files, a view of them, and fill a table from them."""
    engine = create_memory_engine()
    await create_all(engine)
    async with SessionManager(engine) as session:
        worst = (
            select(Flight)
            .options(selectinload(Flight.airline))
            .order_by(Flight.dep_delay.desc().nulls_last())
        )
        for flight in await session.scalars(worst.limit(3)):
            print(f"row {flight.row_id}: {flight.airline.name}, {flight.dep_delay} minutes late")
        delays = select(Airline.name, Delay.minutes).join(Delay, Delay.carrier == Airline.carrier)
        for name, minutes in await session.execute(delays.order_by(Delay.minutes).limit(2)):
            print(f"{name}: {minutes:.1f} minutes on average")
        planes = select(Flight.tailnum).where(Flight.tailnum.is_not(None)).distinct()
        await session.execute(insert(Plane).from_select(["tailnum"], planes))
        print(await session.scalar(select(func.count()).select_from(Plane)), "planes are in a table now")
    for model in (Misread, Airline):
        try:
            async with SessionManager(engine) as session:
                (await session.scalars(select(model))).first()
                session.add(model(carrier="XX"))
        except (ConfigurationError, NotSupportedError) as error:
            print(f"{type(error).__name__}: {str(error.args[0]).replace(str(DATA), 'data')}")
    await engine.dispose()


if __name__ == "__main__":
    run(main())
