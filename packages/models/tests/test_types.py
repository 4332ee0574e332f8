"""Every type gives back what it was given, whichever way it was written, and through a schema too."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel as Schema
from sqlalchemy import (
    Date,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Text,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import TypeEngine

from andamios_orm.core import AndamiosEngine, SessionManager, create_memory_engine
from andamios_orm.core import types as core_types
from andamios_orm.models import types
from andamios_orm.models.adapter import PydanticModelAdapter
from andamios_orm.models.declarative import NAMING_CONVENTION, BaseModel
from andamios_orm.models.schemas import schema_for
from andamios_orm.models.types import (
    ARRAY,
    BIGNUM,
    BIT,
    BLOB,
    ENUM,
    HUGEINT,
    INTERVAL,
    JSON,
    LIST,
    MAP,
    STRUCT,
    TIMESTAMP_MS,
    TIMESTAMP_NS,
    TIMESTAMP_S,
    TIMESTAMPTZ,
    TIMETZ,
    TINYINT,
    UBIGINT,
    UHUGEINT,
    UINTEGER,
    UNION,
    USMALLINT,
    UTINYINT,
    UUID,
    VARIANT,
    Encrypted,
    Money,
    PydanticJSON,
    StrEnumType,
    Vector,
)

KEY = Fernet.generate_key()


class Mood(enum.Enum):
    HAPPY = "h"
    SAD = "it's"


class Status(enum.StrEnum):
    ON_TIME = "on time"
    LATE = "it's late"


class Message(Schema):
    text: str
    at: dt.datetime | None = None
    ratings: dict[str, float] = {}
    answers: list[Message] = []


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
INTEGERS = st.integers(-(2**31), 2**31 - 1)
TEXTS = st.text(max_size=5)
OBJECTS = st.recursive(
    INTEGERS | TEXTS | st.booleans(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)


def moments(step: int = 1, **zone: Any) -> st.SearchStrategy[dt.datetime]:
    """Moments in steps of so many microseconds, as far as TIMESTAMP_NS reaches."""
    found = st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1), **zone)
    return found.map(lambda moment: moment.replace(microsecond=moment.microsecond // step * step))


class Case(NamedTuple):
    """A column, and values for it."""

    annotation: Any
    type_: TypeEngine[Any]
    values: st.SearchStrategy[Any]


CASES: dict[str, Case] = {
    "tinyint": Case(int, TINYINT(), st.integers(-128, 127)),
    "utinyint": Case(int, UTINYINT(), st.integers(0, 2**8 - 1)),
    "usmallint": Case(int, USMALLINT(), st.integers(0, 2**16 - 1)),
    "uinteger": Case(int, UINTEGER(), st.integers(0, 2**32 - 1)),
    "ubigint": Case(int, UBIGINT(), st.integers(0, 2**64 - 1)),
    "hugeint": Case(int, HUGEINT(), st.integers(-(2**127) + 1, 2**127 - 1)),
    "uhugeint": Case(int, UHUGEINT(), st.integers(0, 2**128 - 1)),
    "bignum": Case(int, BIGNUM(), st.integers(-(10**60), 10**60)),
    "bit": Case(str, BIT(), st.text("01", min_size=1)),
    "blob": Case(bytes, BLOB(), st.binary()),
    "enum": Case(Mood, ENUM(Mood), st.sampled_from(Mood)),
    "label": Case(str, ENUM("a", "it's", name="label"), st.sampled_from(["a", "it's"])),
    "interval": Case(dt.timedelta, INTERVAL(), st.timedeltas(dt.timedelta(-(10**5)), dt.timedelta(10**5))),
    "timestamp_s": Case(dt.datetime, TIMESTAMP_S(), moments(1_000_000)),
    "timestamp_ms": Case(dt.datetime, TIMESTAMP_MS(), moments(1_000)),
    "timestamp_ns": Case(dt.datetime, TIMESTAMP_NS(), moments()),
    "timestamptz": Case(dt.datetime, TIMESTAMPTZ(), moments(timezones=st.just(dt.UTC))),
    "timetz": Case(dt.time, TIMETZ(), st.times(timezones=st.just(dt.UTC))),
    "uuid": Case(None, UUID(), st.uuids()),
    "document": Case(Any, JSON(), OBJECTS),
    "variant": Case(Any, VARIANT(), INTEGERS | TEXTS | st.booleans() | st.dates()),
    "list": Case(list[int | None], LIST(Integer), st.lists(st.none() | INTEGERS, max_size=3)),
    "array": Case(list[float | None], ARRAY(Float, 2), st.lists(st.none() | SINGLE, min_size=2, max_size=2)),
    "map": Case(
        dict[str, Decimal],
        MAP(String, Numeric(9, 2)),
        st.dictionaries(TEXTS, st.decimals(-100, 100, places=2), max_size=2),
    ),
    "struct": Case(
        None,
        STRUCT({"a b": Integer, "inner": STRUCT({"text": String})}),
        st.fixed_dictionaries(
            {"a b": st.none() | INTEGERS, "inner": st.fixed_dictionaries({"text": st.none() | TEXTS})}
        ),
    ),
    "union": Case(int | str, UNION({"i": Integer, "s": String}), INTEGERS | TEXTS),
    "secret_text": Case(str, Encrypted(Text, key=KEY), st.text()),
    "secret_number": Case(int, Encrypted(Integer, key=KEY), st.integers()),
    "secret_day": Case(dt.date, Encrypted(Date, key=KEY), st.dates()),
    "secret_data": Case(bytes, Encrypted(LargeBinary, key=KEY), st.binary()),
    "secret_json": Case(Any, Encrypted(JSON, key=KEY), OBJECTS),
    "vector": Case(list[float], Vector(3), st.lists(SINGLE, min_size=3, max_size=3)),
    "message": Case(Message, PydanticJSON(Message), MESSAGES),
    "messages": Case(list[Message], PydanticJSON(list[Message]), st.lists(MESSAGES, max_size=2)),
    "status": Case(Status, StrEnumType(Status), st.sampled_from(Status)),
    "plain_status": Case(Status, StrEnumType(Status, native_enum=False), st.sampled_from(Status)),
    "price": Case(
        Decimal,
        Money(),
        st.decimals(-(10**16) + 1, 10**16 - 1, places=2) | st.integers(-(10**16) + 1, 10**16 - 1),
    ),
    "fine_price": Case(
        Decimal, Money(38, 10), st.decimals(Decimal(-(10**28)) + 1, Decimal(10**28) - 1, places=10)
    ),
}


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


mapped: Any = Mapped
Row: Any = type(
    "Row",
    (Base,),
    {
        "__module__": __name__,
        "__annotations__": {
            "way": Mapped[str],
            "position": Mapped[int],
            **{name: mapped[case.annotation | None] for name, case in CASES.items() if case.annotation},
        },
        **{name: mapped_column(case.type_, nullable=True) for name, case in CASES.items()},
    },
)

WAYS = ("flush", "objects", "dicts", "tuples", "insert", "many", "assigned", "updated")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rows() -> AsyncIterator[AndamiosEngine]:
    """An engine on a database in memory that has the table, for all tests."""
    engine = create_memory_engine()
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield engine
    await engine.dispose()


async def write(engine: AndamiosEngine, name: str, values: list[Any]) -> None:
    """Write the values in each of the ways."""
    rows = {way: [{"way": way, "position": n, name: value} for n, value in enumerate(values)] for way in WAYS}
    async with SessionManager(engine) as session:
        await session.execute(delete(Row))
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


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", CASES)
@settings(max_examples=3, suppress_health_check=list(HealthCheck), deadline=None)
@given(data=st.data())
async def test_round_trip(rows: AndamiosEngine, name: str, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.none() | CASES[name].values, min_size=1, max_size=3))
    await write(rows, name, values)
    async with SessionManager(rows) as session:
        found = list(await session.scalars(select(Row).order_by(Row.way, Row.position)))
    assert [(row.way, getattr(row, name)) for row in found] == [
        (way, value) for way in sorted(WAYS) for value in values
    ]
    schema = schema_for(Row, "read", include=["id", "way", "position", name])
    adapter = PydanticModelAdapter(Row)
    for row in found:
        read = schema.model_validate(schema.model_validate(row).model_dump())
        back = adapter.from_pydantic(read)
        assert back.to_dict() == row.to_dict(include=["id", "way", "position", name])


def test_every_type_makes_the_round_trip() -> None:
    tried = {type(case.type_) for case in CASES.values()}
    assert tried == {getattr(types, name) for name in types.__all__ if isinstance(getattr(types, name), type)}


def test_types_of_core_are_here_too() -> None:
    assert set(core_types.__all__) < set(types.__all__)
    assert all(getattr(types, name) is getattr(core_types, name) for name in core_types.__all__)


def test_everything_public_is_listed() -> None:
    public = {name for name in vars(types) if not name.startswith("_")} - {"annotations"}
    assert public == set(types.__all__)
