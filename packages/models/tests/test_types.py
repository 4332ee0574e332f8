"""Every type gives back what it was given, whichever way it was written."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel as Schema
from sqlalchemy import Date, Integer, LargeBinary, MetaData, Text, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core import AndamiosEngine, SessionManager
from andamios_orm.core import types as core_types
from andamios_orm.models import types
from andamios_orm.models.base import NAMING_CONVENTION, BaseModel
from andamios_orm.models.types import JSON, Encrypted, Money, PydanticJSON, StrEnumType, Vector

KEY = Fernet.generate_key()


class Status(StrEnum):
    ON_TIME = "on time"
    LATE = "it's late"


class Message(Schema):
    text: str
    at: dt.datetime | None = None
    ratings: dict[str, float] = {}
    answers: list[Message] = []


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Row(Base):
    way: Mapped[str]
    position: Mapped[int]
    text: Mapped[Any] = mapped_column(Encrypted(Text, key=KEY), nullable=True)
    number: Mapped[Any] = mapped_column(Encrypted(Integer, key=KEY), nullable=True)
    day: Mapped[Any] = mapped_column(Encrypted(Date, key=KEY), nullable=True)
    data: Mapped[Any] = mapped_column(Encrypted(LargeBinary, key=KEY), nullable=True)
    hidden: Mapped[Any] = mapped_column(Encrypted(JSON, key=KEY), nullable=True)
    vector: Mapped[Any] = mapped_column(Vector(3), nullable=True)
    message: Mapped[Any] = mapped_column(PydanticJSON(Message), nullable=True)
    messages: Mapped[Any] = mapped_column(PydanticJSON(list[Message]), nullable=True)
    status: Mapped[Any] = mapped_column(StrEnumType(Status), nullable=True)
    plain_status: Mapped[Any] = mapped_column(StrEnumType(Status, native_enum=False), nullable=True)
    price: Mapped[Any] = mapped_column(Money(), nullable=True)
    fine_price: Mapped[Any] = mapped_column(Money(38, 10), nullable=True)


MESSAGES = st.recursive(
    st.builds(
        Message,
        text=st.text(),
        at=st.none() | st.datetimes(timezones=st.just(dt.UTC)),
        ratings=st.dictionaries(
            st.text(max_size=5), st.floats(allow_nan=False, allow_infinity=False), max_size=2
        ),
        answers=st.just([]),
    ),
    lambda inner: st.builds(Message, text=st.text(), answers=st.lists(inner, max_size=2)),
    max_leaves=3,
)

SINGLE = st.floats(width=32, allow_nan=False, allow_infinity=False)

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": st.text(),
    "number": st.integers(),
    "day": st.dates(),
    "data": st.binary(),
    "hidden": st.dictionaries(st.text(), st.integers()) | st.lists(st.text()),
    "vector": st.lists(SINGLE, min_size=3, max_size=3),
    "message": MESSAGES,
    "messages": st.lists(MESSAGES, max_size=2),
    "status": st.sampled_from(Status),
    "plain_status": st.sampled_from(Status),
    "price": st.decimals(-(10**16) + 1, 10**16 - 1, places=2) | st.integers(-(10**16) + 1, 10**16 - 1),
    "fine_price": st.decimals(Decimal(-(10**28)) + 1, Decimal(10**28) - 1, places=10),
}

WAYS = ("flush", "objects", "dicts", "tuples", "insert", "many", "assigned", "updated")


async def write(engine: AndamiosEngine, name: str, values: list[Any]) -> None:
    """Write the values in each of the ways."""
    rows = {way: [{"way": way, "position": n, name: value} for n, value in enumerate(values)] for way in WAYS}
    async with SessionManager(engine) as session:
        session.add_all([Row(**row) for row in rows["flush"]])
        await session.bulk_insert(Row, [Row(**row) for row in rows["objects"]])
        await session.bulk_insert(Row, rows["dicts"])
        await session.bulk_insert(
            Row, map(tuple, map(dict.values, rows["tuples"])), columns=("way", "position", name)
        )
        for row in rows["insert"]:
            await session.execute(insert(Row).values(row))
        await session.execute(insert(Row), rows["many"])
    async with SessionManager(engine) as session:
        assigned = [Row(way="assigned", position=n) for n in range(len(values))]
        session.add_all(assigned)
        await session.bulk_insert(Row, [{"way": "updated", "position": n} for n in range(len(values))])
        for number, value in enumerate(values):
            setattr(assigned[number], name, value)
            await session.flush()
            here = (Row.way == "updated") & (Row.position == number)
            await session.execute(update(Row).where(here).values({name: value}))


@pytest.mark.parametrize("name", VALUES)
@settings(max_examples=6, suppress_health_check=list(HealthCheck), deadline=None)
@given(data=st.data())
async def test_round_trip(engine: AndamiosEngine, name: str, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.none() | VALUES[name], min_size=1, max_size=3))
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
        await connection.run_sync(Base.metadata.create_all)
    await write(engine, name, values)
    async with SessionManager(engine) as session:
        found = list(await session.scalars(select(Row).order_by(Row.way, Row.position)))
    assert [(row.way, getattr(row, name)) for row in found] == [
        (way, value) for way in sorted(WAYS) for value in values
    ]


def test_types_of_core_are_here_too() -> None:
    assert set(core_types.__all__) < set(types.__all__)
    assert all(getattr(types, name) is getattr(core_types, name) for name in core_types.__all__)


def test_everything_public_is_listed() -> None:
    public = {name for name in vars(types) if not name.startswith("_")} - {"annotations"}
    assert public == set(types.__all__)
