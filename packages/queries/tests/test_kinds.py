"""What columns hold, and which values can be compared with it."""

from __future__ import annotations

import datetime as dt
import enum
import uuid
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from sqlalchemy.types import (
    JSON,
    Boolean,
    Date,
    DateTime,
    Double,
    Enum,
    Integer,
    Interval,
    LargeBinary,
    NullType,
    Numeric,
    String,
    Time,
    TypeDecorator,
    TypeEngine,
    UserDefinedType,
    Uuid,
)

from andamios_orm.core.types import HUGEINT, INTERVAL, LIST, STRUCT, TIMESTAMPTZ
from andamios_orm.queries.kinds import kind_of, undecorated


class Level(enum.IntEnum):
    HIGH = 3


class Color(enum.Enum):
    RED = "red"


class Size(enum.StrEnum):
    SMALL = "s"


class Word(str):
    __slots__ = ()


class Secret(TypeDecorator[str]):
    """A type whose values only it knows."""

    impl = Integer
    cache_ok = True


class Point(UserDefinedType[Any]):
    """A type of another engine."""


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        (Integer(), "numbers"),
        (HUGEINT(), "numbers"),
        (Numeric(8, 2), "numbers"),
        (Double(), "numbers"),
        (String(), "texts"),
        (Enum("red", "green"), "texts"),
        (Boolean(), "truth values"),
        (Date(), "dates"),
        (DateTime(), "moments"),
        (TIMESTAMPTZ(), "moments"),
        (Time(), "times"),
        (INTERVAL(), "spans of time"),
        (Uuid(), "UUIDs"),
        (LargeBinary(), "bytes"),
        (LIST(String()), "lists"),
        (STRUCT({"a": String()}), "structs"),
        (JSON(), "documents"),
        (NullType(), "values"),
        (Interval(), "spans of time"),
        (Enum(Color), "members of an Enum"),
        (Secret(), "values"),
        (Point(), "values"),
    ],
)
def test_kinds_of_types(type_: TypeEngine[Any], kind: str) -> None:
    assert kind_of(type_).many == kind


class Twice(TypeDecorator[str]):
    """A type around one that is around another."""

    impl = Secret
    cache_ok = True


@pytest.mark.parametrize(
    ("type_", "kept"), [(Twice(), Integer), (Secret(), Integer), (String(), String), (Interval(), Interval)]
)
def test_types_below_decorators(type_: TypeEngine[Any], kept: type[TypeEngine[Any]]) -> None:
    assert type(undecorated(type_)) is kept


NUMBERS = (1, 1.5, Decimal(1), True, Level.HIGH, np.float64(1), "1", " 1.5e3 ", Word("1"))
MOMENTS = (dt.date(2013, 1, 1), dt.datetime(2013, 1, 1), "2013-01-01", "2013-01-01T05:00:00+01:00")


@pytest.mark.parametrize(
    ("type_", "values"),
    [
        (Integer(), NUMBERS),
        (Numeric(), NUMBERS),
        (Double(), NUMBERS),
        (String(), ("", Word("a"), Size.SMALL, np.str_("a"), b"a")),
        (Boolean(), (True, 0, 1.0)),
        (Date(), MOMENTS),
        (DateTime(), MOMENTS),
        (Time(), (dt.time(5), "05:00")),
        (INTERVAL(), (dt.timedelta(1),)),
        (Uuid(), (uuid.UUID(int=1), str(uuid.UUID(int=1)))),
        (LargeBinary(), (b"a", "a")),
        (LIST(String()), (["a"], ("a",))),
        (STRUCT({"a": String()}), ({"a": "b"},)),
        (JSON(), (1, "a", {"a": 1}, [1])),
        (Secret(), (1, "a", object())),
    ],
)
def test_values_that_a_database_can_compare(type_: TypeEngine[Any], values: tuple[Any, ...]) -> None:
    assert [value for value in (*values, None) if not kind_of(type_).takes(value)] == []


@pytest.mark.parametrize(
    ("type_", "values"),
    [
        (Integer(), ("abc", "", [1], {1}, {}, dt.date(2013, 1, 1), Color.RED, np.int64(1), object())),
        (String(), (1, 1.5, ["a"], dt.date(2013, 1, 1), Color.RED)),
        (Boolean(), ("yes", [True])),
        (Date(), ("not a date", "2013-13-01", 1, [MOMENTS[0]])),
        (DateTime(), ("x", 5, dt.time(5))),
        (Time(), ("x", 5, dt.datetime(2013, 1, 1))),
        (INTERVAL(), (1, "x")),
        (Uuid(), (1, "x")),
        (LIST(String()), ("a", 1, {"a": 1})),
        (STRUCT({"a": String()}), ("a", 1, ["a"])),
    ],
)
def test_values_that_it_cannot(type_: TypeEngine[Any], values: tuple[Any, ...]) -> None:
    assert [value for value in values if kind_of(type_).takes(value)] == []
