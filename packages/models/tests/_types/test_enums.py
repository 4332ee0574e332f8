"""Columns of a StrEnum keep values."""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Any

import pytest
from sqlalchemy import MetaData, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import AndamiosEngine, SessionManager
from andamios_orm.core.errors import ConfigurationError, DataError
from andamios_orm.models.declarative import NAMING_CONVENTION, BaseModel
from andamios_orm.models.types import StrEnumType


class Status(StrEnum):
    ON_TIME = "on time"
    LATE = "late"


class Colour(Enum):
    RED = "red"


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Flight(Base):
    native: Mapped[Any] = mapped_column(StrEnumType(Status), nullable=True)
    plain: Mapped[Any] = mapped_column(StrEnumType(Status, native_enum=False), nullable=True)


@pytest.fixture
async def flown(engine: AndamiosEngine) -> AndamiosEngine:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with SessionManager(engine) as session:
        session.add(Flight(native=Status.ON_TIME, plain="late"))
    return engine


async def test_values_are_stored_and_members_read(flown: AndamiosEngine) -> None:
    async with SessionManager(flown) as session:
        assert tuple((await session.execute(text("FROM flight"))).one()) == (1, "on time", "late")
        flight = (await session.scalars(select(Flight))).one()
        assert flight.native is Status.ON_TIME
        assert flight.plain is Status.LATE


@pytest.mark.parametrize("name", ["native", "plain"])
async def test_members_and_values_are_compared(flown: AndamiosEngine, name: str) -> None:
    column = getattr(Flight, name)
    async with SessionManager(flown) as session:
        member = (await session.scalars(select(column))).one()
        for value in (member, member.value):
            assert await session.scalar(select(Flight.id).where(column == value)) == 1


@pytest.mark.parametrize("name", ["native", "plain"])
async def test_other_text_is_refused(flown: AndamiosEngine, name: str) -> None:
    async with SessionManager(flown) as session:
        with pytest.raises(DataError, match="ON_TIME"):
            await session.bulk_insert(Flight, [{name: "ON_TIME"}])
        await session.rollback()


@pytest.mark.parametrize("members", [(), (Colour,), ("a", "b"), (Status, Status)])
def test_other_classes_are_refused(members: Any) -> None:
    with pytest.raises(ConfigurationError, match="one class derived from"):
        StrEnumType(*members)


def test_type_of_annotations() -> None:
    class Other(DeclarativeBase):
        type_annotation_map = {StrEnum: StrEnumType(StrEnum)}

    class Leg(Other):
        __tablename__ = "leg"
        status: Mapped[Status] = mapped_column(primary_key=True)

    assert Leg.__table__.c.status.type.enums == ["on time", "late"]  # type: ignore[attr-defined] # it is an Enum
