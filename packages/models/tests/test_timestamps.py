"""When rows were made and changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, insert, select, text, update
from sqlalchemy.orm import Mapped, MappedAsDataclass, mapped_column

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager, create_engine
from andamios_orm.core.errors import DataError
from andamios_orm.models.declarative import NAMING_CONVENTION, BaseModel
from andamios_orm.models.keys import NaturalKey, UUIDKey
from andamios_orm.models.timestamps import TimestampedModel, UTCDateTime, utc_now

MOMENT = datetime(2013, 1, 1, 5, 15, tzinfo=UTC)
KOLKATA = timezone(timedelta(hours=5, minutes=30))


class Base(TimestampedModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Airline(Base):
    code: Mapped[NaturalKey[str]]
    name: Mapped[str | None]


AIRLINES = Base.metadata.tables["airline"]


class Flight(UUIDKey, Base):
    number: Mapped[int]


class Landing(UUIDKey, Base):
    """Has one more moment, which may be unknown."""

    at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class Stop(UUIDKey, MappedAsDataclass, Base):
    airport: Mapped[str]


@pytest.fixture
async def tables(engine: AndamiosEngine) -> AndamiosEngine:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    return engine


@pytest.fixture
async def united(tables: AndamiosEngine) -> AndamiosEngine:
    """It was made and changed long ago."""
    async with SessionManager(tables) as session:
        session.add(Airline(code="UA", created_at=MOMENT, updated_at=MOMENT))
    return tables


async def stamps(engine: AndamiosEngine, model: Any = Airline) -> list[tuple[datetime, datetime]]:
    async with AsyncSession(engine) as session:
        found = await session.execute(select(model.created_at, model.updated_at))
        return [(created, updated) for created, updated in found]


def test_they_stand_last() -> None:
    assert list(Airline.__table__.columns.keys()) == ["code", "name", "created_at", "updated_at"]


@pytest.mark.parametrize("way", ["flush", "statement", "rows", "bulk_insert", "objects", "core"])
async def test_every_insert_sets_both(tables: AndamiosEngine, way: str) -> None:
    begun, rows = utc_now(), [{"code": "UA"}, {"code": "AA"}]
    async with SessionManager(tables) as session:
        if way == "flush":
            session.add_all(Airline(**row) for row in rows)
        elif way == "bulk_insert":
            await session.bulk_insert(Airline, rows)
        elif way == "objects":
            await session.bulk_insert(Airline, [Airline(**row) for row in rows])
        elif way == "statement":
            await session.execute(insert(Airline).values(rows))
        else:
            await session.execute(insert(Airline if way == "rows" else AIRLINES), rows)
    found = await stamps(tables)
    assert len(found) == 2
    assert all(begun <= created <= updated <= utc_now() for created, updated in found)


@pytest.mark.parametrize("way", ["flush", "statement", "keys", "core"])
async def test_every_update_sets_the_second(united: AndamiosEngine, way: str) -> None:
    begun = utc_now()
    async with SessionManager(united) as session:
        if way == "flush":
            (await session.get_one(Airline, "UA")).name = "United"
        elif way == "keys":
            await session.execute(update(Airline), [{"code": "UA", "name": "United"}])
        else:
            target = Airline if way == "statement" else AIRLINES
            await session.execute(update(target).values(name="United"))
    ((created, updated),) = await stamps(united)
    assert created == MOMENT
    assert begun <= updated <= utc_now()


async def test_an_object_learns_its_moments(united: AndamiosEngine) -> None:
    async with SessionManager(united) as session:
        new, known = Airline(code="AA"), await session.get_one(Airline, "UA")
        session.add(new)
        known.name = "United"
        await session.flush()
        assert new.created_at <= new.updated_at
        assert known.updated_at > MOMENT


async def test_an_object_follows_a_statement(united: AndamiosEngine) -> None:
    async with SessionManager(united) as session:
        airline = await session.get_one(Airline, "UA")
        await session.execute(update(Airline).where(Airline.code == "UA").values(name="United"))
        assert airline.updated_at > MOMENT


async def test_nothing_changed_is_no_update(united: AndamiosEngine) -> None:
    async with SessionManager(united) as session:
        airline = await session.get_one(Airline, "UA")
        airline.name = airline.name
    assert await stamps(united) == [(MOMENT, MOMENT)]


async def test_a_given_moment_is_kept(united: AndamiosEngine) -> None:
    later = MOMENT + timedelta(days=1)
    async with SessionManager(united) as session:
        (await session.get_one(Airline, "UA")).updated_at = later
    assert await stamps(united) == [(MOMENT, later)]


async def test_moments_come_back_in_utc(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        await session.execute(text("SET TimeZone = 'America/New_York'"))
        session.add(Airline(code="UA", created_at=MOMENT.astimezone(KOLKATA)))
        await session.flush()
        created = await session.scalar(select(Airline.created_at))
        await session.execute(text("RESET TimeZone"))
    assert (created, created and created.tzinfo) == (MOMENT, UTC)


async def test_a_backend_without_time_zones_keeps_utc(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'test.db'}")
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with SessionManager(engine) as session:
        session.add(Airline(code="UA", created_at=MOMENT.astimezone(KOLKATA)))
    async with AsyncSession(engine) as session:
        created = await session.scalar(select(Airline.created_at))
        assert (
            await session.scalar(select(text("created_at")).select_from(Airline))
            == "2013-01-01 05:15:00.000000"
        )
    assert (created, created and created.tzinfo) == (MOMENT, UTC)
    await engine.dispose()


@pytest.mark.parametrize("way", ["flush", "bulk_insert", "query"])
async def test_a_moment_without_a_time_zone_is_refused(tables: AndamiosEngine, way: str) -> None:
    naive = datetime(2013, 1, 1)
    with pytest.raises(DataError, match="has no time zone"):
        async with SessionManager(tables) as session:
            if way == "flush":
                session.add(Airline(code="UA", created_at=naive))
            elif way == "bulk_insert":
                await session.bulk_insert(Airline, [{"code": "UA", "created_at": naive}])
            else:
                await session.execute(select(Airline).where(Airline.created_at > naive))
    assert await stamps(tables) == []


@pytest.mark.parametrize("at", [None, MOMENT])
async def test_a_moment_may_be_unknown(tables: AndamiosEngine, at: datetime | None) -> None:
    async with SessionManager(tables) as session:
        session.add(Landing(at=at))
    async with SessionManager(tables) as session:
        assert await session.scalar(select(Landing.at)) == at


async def test_a_dataclass_may_have_them(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        session.add(Stop(airport="EWR"))
    assert len(await stamps(tables, Stop)) == 1


def test_the_base_is_a_model() -> None:
    assert issubclass(TimestampedModel, BaseModel)
