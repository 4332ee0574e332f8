"""Bytes of values, and back."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Enum,
    Float,
    Interval,
    LargeBinary,
    Numeric,
    Text,
    Time,
    Uuid,
)

from andamios_orm.models._types.codecs import codec


class Colour(StrEnum):
    RED = "r"


DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)

VALUES: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (Text(), st.text()),
    (LargeBinary(), st.binary()),
    (Float(), st.floats(allow_nan=False)),
    (BigInteger(), st.integers()),
    (Boolean(), st.booleans()),
    (Numeric(), st.decimals(allow_nan=False, allow_infinity=False)),
    (Date(), st.dates()),
    (Time(), st.times()),
    (DateTime(), st.datetimes()),
    (DateTime(timezone=True), st.datetimes(timezones=st.just(dt.UTC))),
    (Interval(), st.timedeltas(dt.timedelta(-999), dt.timedelta(999))),
    (Uuid(), st.uuids()),
    (Enum(Colour), st.sampled_from(Colour)),
    (JSON(), DOCUMENTS),
]


@pytest.mark.parametrize(("plain", "values"), VALUES, ids=lambda value: type(value).__name__)
def test_round_trip(plain: Any, values: st.SearchStrategy[Any]) -> None:
    write, read = codec(plain)

    @given(value=values)
    def returns(value: Any) -> None:
        back = read(write(value))
        assert back == value
        assert type(back) is type(value)

    returns()


def test_not_a_number_stays_one() -> None:
    write, read = codec(Float())
    assert str(read(write(float("nan")))) == "nan"


@pytest.mark.parametrize(
    ("plain", "value"),
    [
        (Text(), 1),
        (LargeBinary(), 1),
        (Float(), "1"),
        (BigInteger(), "x"),
        (Date(), Decimal(1) / 3),
        (Uuid(), b""),
    ],
)
def test_other_values_are_refused(plain: Any, value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        codec(plain)[0](value)
