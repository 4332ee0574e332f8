"""Make an engine, a table and two rows, and ask for them."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import SessionManager, create_memory_engine, run


class Base(DeclarativeBase):
    """The models of this example."""


class Airport(Base):
    """An airport; DuckDB counts its ids with a sequence that is created with the table."""

    __tablename__ = "airport"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    altitude: Mapped[int]


async def main() -> None:
    """Go once from an empty database to a row."""
    engine = create_memory_engine()  # create_file_engine("flights.duckdb") would keep it
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)

    async with SessionManager(engine) as session:
        session.add_all([Airport(code="JFK", altitude=13), Airport(code="LGA", altitude=22)])

    async with SessionManager(engine) as session:
        for airport in await session.scalars(select(Airport).order_by(Airport.altitude.desc())):
            print(f"{airport.id}: {airport.code} lies {airport.altitude} feet above the sea")

    await engine.dispose()


if __name__ == "__main__":
    run(main())
