"""Objects made of kept rows: they are what reading them would have made."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import ForeignKey, inspect, select, update
from sqlalchemy.orm import (
    Bundle,
    DeclarativeBase,
    Mapped,
    aliased,
    joinedload,
    mapped_column,
    relationship,
    selectinload,
)

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager, events_of
from andamios_orm.core.cache.cache import CacheManager, CachePolicy
from andamios_orm.core.errors import NotSupportedError
from andamios_orm.core.events import AfterLoad

KEPT = {"cache": CachePolicy(ttl=60)}


class Base(DeclarativeBase):
    pass


class Vehicle(Base):
    __tablename__ = "vehicle"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str]
    notes: Mapped[str | None] = mapped_column(deferred=True)
    parts: Mapped[list[Part]] = relationship(back_populates="vehicle", order_by="Part.id")
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "vehicle"}


class Plane(Vehicle):
    __tablename__ = "plane"
    id: Mapped[int] = mapped_column(ForeignKey(Vehicle.id), primary_key=True)
    seats: Mapped[int]
    __mapper_args__ = {"polymorphic_identity": "plane"}


class Part(Base):
    __tablename__ = "part"
    id: Mapped[int] = mapped_column(primary_key=True)
    vehicle_id: Mapped[int] = mapped_column(ForeignKey(Vehicle.id))
    vehicle: Mapped[Vehicle] = relationship(back_populates="parts")


EVERYTHING = select(Vehicle).order_by(Vehicle.id)


@pytest.fixture
async def vehicles(engine: AndamiosEngine) -> AndamiosEngine:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with SessionManager(engine) as session:
        session.add(Vehicle(id=1, name="cart", notes="old", parts=[Part(id=1), Part(id=2)]))
        session.add(Plane(id=2, name="Cessna", seats=4))
    return engine


@pytest.fixture
async def cache(vehicles: AndamiosEngine) -> AsyncIterator[CacheManager]:
    async with CacheManager(vehicles) as cache:
        yield cache


def hits(cache: CacheManager) -> tuple[int, int]:
    found = cache.statistics()
    return found.memory_hits, found.memory_misses


async def test_each_session_makes_its_own(vehicles: AndamiosEngine, cache: CacheManager) -> None:
    made = []
    for _ in range(2):
        async with AsyncSession(vehicles) as session:
            cart, plane = await session.scalars(EVERYTHING, execution_options=KEPT)
            assert inspect(cart).session is session.sync_session
            assert (type(cart), cart.name, type(plane), plane.name) == (Vehicle, "cart", Plane, "Cessna")
            made.append(cart)
    assert hits(cache) == (1, 1)
    assert made[0] is not made[1]


async def test_what_was_not_read_is_loaded(vehicles: AndamiosEngine, cache: CacheManager) -> None:
    for _ in range(2):
        async with AsyncSession(vehicles) as session:
            cart, plane = await session.scalars(EVERYTHING, execution_options=KEPT)
            assert {"notes", "seats"} <= inspect(plane).unloaded
            await session.refresh(plane, ["seats"])
            await session.refresh(cart, ["notes"])
            assert (inspect(plane).dict["seats"], cart.notes) == (4, "old")


async def test_keys_are_looked_up(vehicles: AndamiosEngine, cache: CacheManager) -> None:
    for _ in range(2):
        async with AsyncSession(vehicles) as session:
            plane = await session.get_one(Plane, 2, execution_options=KEPT)
            assert (plane.seats, plane.name) == (4, "Cessna")
            assert await session.get(Vehicle, 99, execution_options=KEPT) is None
    assert hits(cache) == (2, 2)


async def test_a_change_is_written_and_then_seen(vehicles: AndamiosEngine, cache: CacheManager) -> None:
    for name in ("wagon", "carriage"):
        async with SessionManager(vehicles) as session:
            (await session.get_one(Vehicle, 1, execution_options=KEPT)).name = name
        async with AsyncSession(vehicles) as session:
            assert (await session.get_one(Vehicle, 1, execution_options=KEPT)).name == name


async def test_a_session_that_has_written_reads_for_itself(
    vehicles: AndamiosEngine, cache: CacheManager
) -> None:
    async with AsyncSession(vehicles) as session:
        await session.scalars(EVERYTHING, execution_options=KEPT)
    async with AsyncSession(vehicles) as session:
        await session.execute(update(Vehicle).where(Vehicle.id == 1).values(name="wagon"))
        assert [each.name for each in await session.scalars(EVERYTHING, execution_options=KEPT)] == [
            "wagon",
            "Cessna",
        ]
    async with AsyncSession(vehicles) as session:
        assert [each.name for each in await session.scalars(EVERYTHING, execution_options=KEPT)] == [
            "cart",
            "Cessna",
        ]


async def test_objects_of_the_session_stay_what_they_are(
    vehicles: AndamiosEngine, cache: CacheManager
) -> None:
    async with AsyncSession(vehicles) as session:
        await session.scalars(EVERYTHING, execution_options=KEPT)
    async with AsyncSession(vehicles, autoflush=False) as session:
        cart = await session.get_one(Vehicle, 1)
        cart.name = "mine"
        assert (await session.scalars(EVERYTHING, execution_options=KEPT)).first() is cart
        assert cart.name == "mine"
        again = {**KEPT, "populate_existing": True}
        session.expire(cart, ["name"])
        assert (await session.scalars(EVERYTHING, execution_options=again)).first() is cart
        assert cart.name == "cart"


async def test_what_belongs_to_them(vehicles: AndamiosEngine, cache: CacheManager) -> None:
    joined = EVERYTHING.options(joinedload(Vehicle.parts))
    selected = EVERYTHING.options(selectinload(Vehicle.parts))
    for statement in (joined, joined, selected, selected):
        async with AsyncSession(vehicles) as session:
            cart, plane = (await session.scalars(statement, execution_options=KEPT)).unique()
            assert [part.id for part in cart.parts] == [1, 2]
            assert plane.parts == []
    assert hits(cache) == (2, 2)


async def test_joined_tables_count(vehicles: AndamiosEngine, cache: CacheManager) -> None:
    statement = EVERYTHING.options(joinedload(Vehicle.parts))
    for count in (2, 3):
        async with SessionManager(vehicles) as session:
            cart = (await session.scalars(statement, execution_options=KEPT)).unique().first()
            assert cart is not None
            assert len(cart.parts) == count
            session.add(Part(id=count + 1, vehicle_id=1))


async def test_objects_beside_columns(vehicles: AndamiosEngine, cache: CacheManager) -> None:
    other = aliased(Vehicle)
    statement: Any = (
        select(Part.id, other, Bundle("both", other.id, other.name))
        .join(other, Part.vehicle_id == other.id)
        .order_by(Part.id)
    )
    for _ in range(2):
        async with AsyncSession(vehicles) as session:
            rows = (await session.execute(statement, execution_options=KEPT)).all()
            assert [(row[0], row[1].name, row[2].name) for row in rows] == [
                (1, "cart", "cart"),
                (2, "cart", "cart"),
            ]
            assert rows[0][1] is rows[1][1]
    assert hits(cache) == (1, 1)


async def test_streams(vehicles: AndamiosEngine, cache: CacheManager) -> None:
    for _ in range(2):
        async with AsyncSession(vehicles) as session:
            found = await session.stream_scalars(EVERYTHING, execution_options={**KEPT, "yield_per": 1})
            assert [each.name async for each in found] == ["cart", "Cessna"]
    assert hits(cache) == (1, 1)


async def test_loads_are_told(vehicles: AndamiosEngine, cache: CacheManager) -> None:
    told = []
    with events_of(vehicles).subscribe(
        AfterLoad, lambda event: told.append(event.instance.name), model=Vehicle
    ):
        for _ in range(2):
            async with AsyncSession(vehicles) as session:
                await session.scalars(EVERYTHING, execution_options=KEPT)
    assert told == ["cart", "Cessna"] * 2


async def test_given_statements_are_refused(vehicles: AndamiosEngine, cache: CacheManager) -> None:
    async with AsyncSession(vehicles) as session:
        with pytest.raises(NotSupportedError, match="objects of a statement that is given"):
            await session.scalars(select(Vehicle).from_statement(EVERYTHING), execution_options=KEPT)
