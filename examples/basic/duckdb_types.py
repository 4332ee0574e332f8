"""Use DuckDB's own types: lists, records, maps, documents, enums and wide integers."""

from __future__ import annotations

import enum
from typing import Any

from sqlalchemy import String, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import SessionManager, create_memory_engine, run
from andamios_orm.core.types import HUGEINT, JSON, LIST, MAP, STRUCT, UTINYINT


class Size(enum.Enum):
    """How large an aircraft is; it becomes an enum type of the database."""

    NARROW = "narrow"
    WIDE = "wide"


class Base(DeclarativeBase):
    """The models of this example."""


class Plane(Base):
    """An aircraft."""

    __tablename__ = "plane"

    tail: Mapped[str] = mapped_column(primary_key=True)
    size: Mapped[Size]
    routes: Mapped[list[str]] = mapped_column(LIST(String))
    engine: Mapped[dict[str, Any]] = mapped_column(STRUCT({"maker": String, "count": UTINYINT}))
    seats: Mapped[dict[str, int]] = mapped_column(MAP(String, UTINYINT))
    notes: Mapped[Any] = mapped_column(JSON)
    miles: Mapped[int] = mapped_column(HUGEINT)


async def main() -> None:
    """Write an aircraft, and look into its columns from SQL."""
    engine = create_memory_engine()
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)

    plane = Plane(tail="N14228", size=Size.NARROW, routes=["EWR-IAH", "EWR-SFO"], miles=2**100)
    plane.engine, plane.seats = {"maker": "CFM", "count": 2}, {"first": 16, "economy": 133}
    plane.notes = {"checks": [{"year": 2012, "passed": True}]}
    async with SessionManager(engine) as session:
        session.add(plane)

    look = select(Plane.size, Plane.engine["maker"], Plane.seats["economy"], func.len(Plane.routes))
    flies, checked = Plane.routes.contains("EWR-SFO"), Plane.notes["checks", 0, "year"].as_integer() == 2012
    async with SessionManager(engine) as session:
        print(*(await session.execute(look.where(flies, checked))).one(), sep="\n")
    await engine.dispose()


if __name__ == "__main__":
    run(main())
