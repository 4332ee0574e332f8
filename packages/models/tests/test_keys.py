"""Keys that the database numbers, that the application makes, and that rows have anyway."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    insert,
    inspect,
    select,
)
from sqlalchemy.orm import Mapped, MappedAsDataclass, mapped_column, relationship

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager, create_engine
from andamios_orm.core.errors import DuplicateKeyError, ForeignKeyError
from andamios_orm.models.declarative import NAMING_CONVENTION, BaseModel
from andamios_orm.models.keys import IntegerKey, NaturalKey, UUIDKey, is_key
from andamios_orm.models.timestamps import TimestampedModel


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Airline(Base):
    name: Mapped[str]
    code: Mapped[NaturalKey[str]]


class Flight(UUIDKey, Base):
    carrier: Mapped[str] = mapped_column(ForeignKey(Airline.code))
    airline: Mapped[Airline] = relationship()
    tickets: Mapped[list[Ticket]] = relationship(back_populates="flight")


class Plane(IntegerKey, Base):
    tail: Mapped[str]


class Seat(Base):
    plane: Mapped[NaturalKey[int]] = mapped_column(ForeignKey(Plane.id))
    number: Mapped[NaturalKey[int]]
    window: Mapped[bool | None]


class Ticket(IntegerKey, Base):
    """Refers by a composite key, and is one of a flight."""

    __table_args__ = (ForeignKeyConstraint(["plane", "seat"], ["seat.plane", "seat.number"]),)

    plane: Mapped[int]
    seat: Mapped[int]
    flight_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(Flight.id))
    flight: Mapped[Flight | None] = relationship(back_populates="tickets")


class Tenant(IntegerKey, Base):
    region: Mapped[NaturalKey[str]]


class Route(UUIDKey, Base):
    """Has a constructor of its own."""

    origin: Mapped[str]

    def __init__(self, origin: str) -> None:
        self.origin = origin


class Stop(UUIDKey, MappedAsDataclass, Base):
    airport: Mapped[str]


@pytest.fixture
async def tables(engine: AndamiosEngine) -> AndamiosEngine:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with SessionManager(engine) as session:
        session.add(Airline(code="UA", name="United"))
    return engine


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[AndamiosEngine]:
    engine = create_engine(f"sqlite:///{tmp_path / 'keys.db'}")
    async with engine.begin() as connection:
        await connection.run_sync(Plane.metadata.create_all, tables=[Base.metadata.tables["plane"]])
    yield engine
    await engine.dispose()


def test_a_key_is_a_column_of_it_or_its_constraint() -> None:
    items = [Column("a", Integer, primary_key=True), PrimaryKeyConstraint("b"), Column("b", Integer)]
    assert [is_key(item) for item in items] == [True, True, False]


@pytest.mark.parametrize("model", [Airline, Flight, Plane, Seat, Ticket, Tenant, Route, Stop])
def test_the_key_stands_first(model: Any) -> None:
    columns = list(model.__table__.columns)
    assert [column.primary_key for column in columns] == sorted(
        (column.primary_key for column in columns), reverse=True
    )


def test_a_uuid_is_known_at_once() -> None:
    flight = Flight(carrier="UA")
    assert type(flight.id) is uuid.UUID
    assert flight.id.version == 7


def test_later_uuids_sort_later() -> None:
    keys = [Flight(carrier="UA").id for _ in range(1000)]
    assert keys == sorted(set(keys))


def test_a_given_uuid_is_kept() -> None:
    key = uuid.uuid4()
    assert Flight(id=key, carrier="UA").id == key


async def test_none_asks_for_a_uuid(tables: AndamiosEngine) -> None:
    flight = Flight(id=None, carrier="UA")
    async with SessionManager(tables) as session:
        session.add(flight)
    assert flight.id.version == 7


def test_a_constructor_need_not_take_the_key() -> None:
    assert Route("EWR").id.version == 7


def test_a_dataclass_may_have_it() -> None:
    stop = Stop(airport="EWR")
    assert (stop.id.version, stop.airport) == (7, "EWR")


async def test_a_uuid_comes_back(tables: AndamiosEngine) -> None:
    flight = Flight(carrier="UA")
    async with SessionManager(tables) as session:
        session.add(flight)
    async with SessionManager(tables) as session:
        found = await session.get_one(Flight, flight.id)
        assert (type(found.id), found.id, found.carrier) == (uuid.UUID, flight.id, "UA")


async def test_a_uuid_is_referred_to_before_it_is_written(tables: AndamiosEngine) -> None:
    flight = Flight(carrier="UA")
    async with SessionManager(tables) as session:
        session.add(Seat(plane=1, number=1))
        session.add(Plane(id=1, tail="N1"))
        session.add(Ticket(flight_id=flight.id, plane=1, seat=1))
        session.add(flight)
    async with SessionManager(tables) as session:
        assert await session.scalar(select(Ticket.flight_id)) == flight.id


@pytest.mark.parametrize("how", ["objects", "dicts", "statement"])
async def test_many_rows_get_a_uuid_each(tables: AndamiosEngine, how: str) -> None:
    async with SessionManager(tables) as session:
        rows = [{"carrier": "UA"} for _ in range(100)]
        if how == "statement":
            await session.execute(insert(Flight), rows)
        else:
            await session.bulk_insert(Flight, rows if how == "dicts" else [Flight(**row) for row in rows])
        keys = (await session.scalars(select(Flight.id))).all()
    assert len(set(keys)) == 100
    assert {key.version for key in keys} == {7}


async def test_a_merge_makes_no_uuid_of_its_own(tables: AndamiosEngine) -> None:
    flight = Flight(carrier="UA")
    async with SessionManager(tables) as session:
        assert (await session.merge(flight)).id == flight.id


async def test_the_database_numbers_rows(tables: AndamiosEngine) -> None:
    planes = [Plane(tail="N1"), Plane(tail="N2")]
    async with SessionManager(tables) as session:
        session.add_all(planes)
        await session.flush()
        await session.bulk_insert(Plane, [{"tail": "N3"}])
        assert [plane.id for plane in planes] == [1, 2]
        assert len(set(await session.scalars(select(Plane.id)))) == 3


async def test_a_number_may_be_given(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        session.add(Plane(id=2**40, tail="N1"))
        await session.flush()
        assert await session.scalar(select(Plane.id)) == 2**40


async def test_sqlite_numbers_rows_too(sqlite: AndamiosEngine) -> None:
    async with SessionManager(sqlite) as session:
        session.add(Plane(tail="N1"))
        await session.flush()
        assert await session.scalar(select(Plane.id)) == 1


async def test_a_number_may_be_a_part_of_the_key(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        session.add_all([Tenant(region="eu"), Tenant(region="us")])
        await session.flush()
        assert sorted((await session.scalars(select(Tenant.id))).all()) == [1, 2]


async def test_a_natural_key_is_given(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        assert (await session.get_one(Airline, "UA")).name == "United"
    with pytest.raises(DuplicateKeyError):
        async with SessionManager(tables) as session:
            session.add(Airline(code="UA", name="Another"))


async def test_a_natural_number_gets_no_sequence(engine: AndamiosEngine) -> None:
    assert Base.metadata.tables["seat"].autoincrement_column is None
    assert inspect(Seat).primary_key == (Seat.__table__.c.plane, Seat.__table__.c.number)


@pytest.mark.parametrize("key", [(1, 12), {"plane": 1, "number": 12}])
async def test_a_composite_key_is_a_tuple_or_a_dict(tables: AndamiosEngine, key: Any) -> None:
    async with SessionManager(tables) as session:
        session.add_all([Plane(id=1, tail="N1"), Seat(plane=1, number=12, window=True)])
    async with SessionManager(tables) as session:
        assert (await session.get_one(Seat, key)).window


async def test_a_composite_key_is_referred_to(tables: AndamiosEngine) -> None:
    with pytest.raises(ForeignKeyError) as caught:
        async with SessionManager(tables) as session:
            session.add_all([Plane(id=1, tail="N1"), Seat(plane=1, number=12), Ticket(plane=1, seat=13)])
    assert (caught.value.columns, caught.value.value) == (("plane", "seat"), (1, 13))


async def test_it_goes_with_other_bases(engine: AndamiosEngine) -> None:
    class Apart(TimestampedModel):
        __abstract__ = True
        metadata = MetaData()

    class Departure(UUIDKey, Apart):
        gate: Mapped[str]

    class Arrival(Apart, UUIDKey):
        gate: Mapped[str]

    async with engine.begin() as connection:
        await connection.run_sync(Apart.metadata.create_all)
    async with AsyncSession(engine) as session:
        session.add_all([Departure(gate="A1"), Arrival(gate="B2")])
        await session.commit()
        assert Departure.__table__.columns.keys() == ["id", "gate", "created_at", "updated_at"]
        assert Arrival.__table__.columns.keys() == Departure.__table__.columns.keys()
