"""Values that come from outside, as values of columns."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any

import pytest
from sqlalchemy import Boolean, Double, Integer, Interval, LargeBinary, MetaData, Numeric, String, Time, Uuid
from sqlalchemy import DateTime as SqlDateTime
from sqlalchemy import Enum as SqlEnum
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from andamios_orm.core.types import HUGEINT, LIST, MAP, TIMESTAMPTZ, TIMETZ
from andamios_orm.models import NAMING_CONVENTION, BaseModel, NaturalKey
from andamios_orm.queries.filters.field_types import RefusedValueError, converted, target


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Color(Enum):
    RED = "r"


class Size(StrEnum):
    SMALL = "s"


class Other(UserDefinedType[Any]):
    """A type that tells nothing of its values."""

    def get_col_spec(self, **options: Any) -> str:
        return "BIT"


class Thing(Base):
    id: Mapped[NaturalKey[uuid.UUID]]
    number: Mapped[int]
    huge: Mapped[int] = mapped_column(HUGEINT)
    amount: Mapped[Decimal]
    share: Mapped[float] = mapped_column(Double)
    yes: Mapped[bool] = mapped_column(Boolean)
    text: Mapped[str]
    day: Mapped[dt.date]
    at: Mapped[dt.datetime] = mapped_column(SqlDateTime)
    at_zone: Mapped[dt.datetime] = mapped_column(TIMESTAMPTZ)
    hour: Mapped[dt.time] = mapped_column(Time)
    hour_zone: Mapped[dt.time] = mapped_column(TIMETZ)
    price: Mapped[Decimal] = mapped_column(Numeric(38, 20))
    takes: Mapped[dt.timedelta] = mapped_column(Interval)
    color: Mapped[Color]
    size: Mapped[Size]
    word: Mapped[str] = mapped_column(SqlEnum("a", "b", name="words"))
    ids: Mapped[list[uuid.UUID]] = mapped_column(LIST(Uuid()))
    data: Mapped[bytes] = mapped_column(LargeBinary)
    other: Mapped[Any] = mapped_column(Other)
    pairs: Mapped[dict[str, int]] = mapped_column(MAP(String(), Integer()))


KEY = uuid.UUID("0189f7ac-1c7e-7ef2-8d3c-2c3b5ed2c4a0")


@pytest.mark.parametrize(
    ("field", "given", "expected"),
    [
        ("id", str(KEY), KEY),
        ("number", "60", 60),
        ("number", 60.0, 60),
        ("huge", str(2**127 - 1), 2**127 - 1),
        ("amount", "9.90", Decimal("9.90")),
        ("amount", 0.1, Decimal("0.1")),
        ("share", "0.5", 0.5),
        ("yes", "true", True),
        ("yes", 0, False),
        ("text", "true", "true"),
        ("day", "2013-01-31", dt.date(2013, 1, 31)),
        ("day", dt.date(2013, 1, 31), dt.date(2013, 1, 31)),
        ("at", "2013-01-31T10:30", dt.datetime(2013, 1, 31, 10, 30)),
        ("at", "2013-01-31", dt.datetime(2013, 1, 31)),
        ("at_zone", "2013-01-31T10:30Z", dt.datetime(2013, 1, 31, 10, 30, tzinfo=dt.UTC)),
        ("hour", "10:30", dt.time(10, 30)),
        ("hour_zone", "10:30Z", dt.time(10, 30, tzinfo=dt.UTC)),
        ("price", "1.00000000001", Decimal("1.00000000001")),
        ("takes", "PT90S", dt.timedelta(seconds=90)),
        ("color", "r", Color.RED),
        ("size", "s", Size.SMALL),
        ("word", "a", "a"),
        ("ids", str(KEY), KEY),
    ],
)
def test_conversion(field: str, given: Any, expected: Any) -> None:
    found = converted(target(Thing, field), given)
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize(
    ("field", "given", "message"),
    [
        ("id", "x", "valid UUID"),
        ("number", "x", "valid integer"),
        ("number", 1.5, "valid integer"),
        ("number", True, "should not be true or false"),
        ("number", 2**127, "less than or equal to"),
        ("number", -(2**200), "greater than or equal to"),
        ("amount", "NaN", "finite"),
        ("share", "inf", "finite"),
        ("yes", "perhaps", "valid boolean"),
        ("text", 5, "valid string"),
        ("text", "\ud800", "valid string"),
        ("day", "20130131", "ISO form"),
        ("day", "2013-02-30", "valid date"),
        ("day", 0, "ISO form"),
        ("at", " -60.5", "ISO form"),
        ("at", "2013-01-31T10:30Z", "should not have timezone info"),
        ("at_zone", "2013-01-31T10:30", "should have timezone info"),
        ("hour", 60, "ISO form"),
        ("hour", "10:30Z", "should not have timezone info"),
        ("hour_zone", "10:30", "should have timezone info"),
        ("amount", 10**28, "less than 1000"),
        ("price", -(10**18), "greater than -1000"),
        ("amount", "1.00000000001", "no more than 10 decimal places"),
        ("color", "RED", "should be 'r'"),
        ("word", "c", "should be 'a' or 'b'"),
    ],
)
def test_refusal(field: str, given: Any, message: str) -> None:
    with pytest.raises(RefusedValueError, match=message) as caught:
        converted(target(Thing, field), given)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("field", ["data", "pairs", "other"])
def test_types_without_values_from_outside(field: str) -> None:
    assert target(Thing, field) is None
