"""Values that travel as bytes: all that come back equal, and those that are refused."""

from __future__ import annotations

import datetime as dt
import enum
import math
from collections import OrderedDict, namedtuple
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import pytz
from hypothesis import given
from hypothesis import strategies as st

from andamios_orm.core import AndamiosEngine
from andamios_orm.core.cache.packing import UnpackError, pack, unpack
from andamios_orm.core.errors import NotSupportedError

NEW_YORK = ZoneInfo("America/New_York")
Point = namedtuple("Point", "x y")


class Color(enum.Enum):
    RED = "red"
    CRIMSON = "red"


class Level(enum.IntEnum):
    LOW = 1


class Right(enum.Flag):
    READ = 1
    WRITE = 2


VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    2**64 - 1,
    2**64,
    -(2**200),
    0.1,
    -0.0,
    math.inf,
    "",
    "żółć \U0001f6eb",
    "\ud800 alone",
    b"",
    b"\x00\xff",
    Decimal("1.10"),
    Decimal("-0E+5"),
    Decimal("Infinity"),
    dt.date(1, 1, 1),
    dt.date(2013, 1, 1),
    dt.datetime.max,
    dt.datetime(2013, 1, 1, 5, 15, 0, 1),
    dt.datetime(2013, 11, 3, 1, 30, fold=1),
    dt.datetime(2013, 1, 1, tzinfo=dt.UTC),
    dt.datetime(2013, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=-5, seconds=1))),
    dt.datetime(2013, 11, 3, 1, 30, tzinfo=NEW_YORK),
    dt.datetime(2013, 11, 3, 1, 30, fold=1, tzinfo=NEW_YORK),
    pytz.utc.localize(dt.datetime(2013, 1, 1)),
    pytz.timezone("America/New_York").localize(dt.datetime(2013, 11, 3, 1, 30), is_dst=True),
    pytz.timezone("America/New_York").localize(dt.datetime(2013, 11, 3, 1, 30), is_dst=False),
    dt.datetime(2013, 1, 1, tzinfo=pytz.FixedOffset(90)),
    dt.time(5, 15, 0, 1),
    dt.time(1, 30, fold=1),
    dt.time(5, 15, tzinfo=dt.UTC),
    dt.time(5, 15, tzinfo=NEW_YORK),
    dt.timedelta(days=-1, microseconds=1),
    UUID(int=2**128 - 1),
    Color.RED,
    Level.LOW,
    Right.READ,
    (),
    [],
    {},
    (1, (2, [3, (4,)])),
    [None, ["a", {"b": (1, 2)}]],
    {1: "int", "1": "str", (1, "a"): [dt.date(2013, 1, 1)], None: 2**70, b"x": Decimal("0.5")},
]


def shape(value: Any) -> Any:
    """Return what tells a value apart where `==` does not."""
    if isinstance(value, dict):
        return [(shape(key), shape(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return type(value), list(map(shape, value))
    if isinstance(value, dt.datetime | dt.time):
        return type(value), value.isoformat(), value.fold, value.utcoffset()
    return type(value), repr(value)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_comes_back_equal_and_of_the_same_type(value: Any) -> None:
    back = unpack(pack(value))
    assert back == value
    assert shape(back) == shape(value)


def test_a_zone_comes_back_with_its_name() -> None:
    assert unpack(pack(dt.datetime(2013, 1, 1, tzinfo=NEW_YORK))).tzinfo is NEW_YORK
    zone = pytz.timezone("America/New_York")
    assert unpack(pack(zone.localize(dt.datetime(2013, 1, 1)))).tzinfo.zone == zone.zone


def test_nan_comes_back() -> None:
    assert math.isnan(unpack(pack(math.nan)))


def test_a_member_by_another_name_is_the_same() -> None:
    assert unpack(pack(Color.CRIMSON)) is Color.RED


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.dates()
    | st.datetimes(timezones=st.none() | st.just(dt.UTC) | st.just(NEW_YORK))
    | st.times()
    | st.timedeltas()
    | st.uuids()
)


@given(
    st.recursive(
        scalars,
        lambda inner: (
            st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text() | st.integers(), inner)
        ),
    )
)
def test_any_value_comes_back(value: Any) -> None:
    assert unpack(pack(value)) == value


def test_what_is_read_is_a_copy() -> None:
    value = [[1]]
    data = pack(value)
    value[0].append(2)
    unpack(data)[0].append(3)
    assert unpack(data) == [[1]]


class Text(str):
    pass


class Inner:
    class Shade(enum.Enum):
        DARK = 1


def local_member() -> enum.Enum:
    class Local(enum.Enum):
        ONE = 1

    return Local.ONE


def test_a_member_of_an_enum_inside_of_a_class_comes_back() -> None:
    assert unpack(pack(Inner.Shade.DARK)) is Inner.Shade.DARK


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (object(), "builtins.object"),
        ({1, 2}, "builtins.set"),
        (1j, "builtins.complex"),
        (Text("x"), "Text"),
        (Point(1, 2), "Point"),
        (OrderedDict(a=1), "collections.OrderedDict"),
        (local_member(), "local_member.<locals>.Local"),
        (Right.READ | Right.WRITE, "Right"),
    ],
    ids=["object", "set", "complex", "subclass", "tuple", "ordered", "local", "flag"],
)
@pytest.mark.parametrize("wrapped", [lambda value: value, lambda value: [(value,)], lambda value: {1: value}])
def test_another_type_is_refused_by_name(value: object, name: str, wrapped: Any) -> None:
    with pytest.raises(NotSupportedError, match=name):
        pack(wrapped(value))


async def test_a_row_is_refused_with_a_remedy(engine: AndamiosEngine) -> None:
    async with engine.connect() as connection:
        (row,) = await connection.exec_driver_sql("SELECT 1 AS a")
    with pytest.raises(NotSupportedError, match=r"\[tuple\(row\) for row in result\]"):
        pack([row])
    with pytest.raises(NotSupportedError, match=r"\[dict\(row\) for row in result.mappings\(\)\]"):
        pack([row._mapping])


def test_a_value_that_holds_itself_is_refused() -> None:
    value: list[Any] = []
    value.append((value,))
    with pytest.raises(NotSupportedError, match="nests less"):
        pack(value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        pack([1, 2])[:-1],
        pack(1) + b"\x00",
        b"\x91" * 2_000 + b"\x01",
        b"\xc7\x00\x63",  # an unknown extension
        b"\x81\x90\x01",  # a list as key
        b"\xd4\x03x",  # no Decimal
        b"\xd4\x04x",  # no UUID
        b"\xd4\x07\x01",  # no parts of a time
        pack(Color.RED).replace(b"RED", b"REV"),
        pack(Color.RED).replace(b"Color", b"Colon"),
        pack(Color.RED).replace(b"Color", b"Point"),
        pack(Color.RED).replace(b"test_packing", b"best_packing"),
    ],
    ids=repr,
)
def test_bytes_of_others_are_told_apart(data: bytes) -> None:
    with pytest.raises(UnpackError):
        unpack(data)
