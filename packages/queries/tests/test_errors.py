"""The errors of queries: what they say, what they carry, and where they hang."""

from __future__ import annotations

import pickle

import pytest

from andamios_orm.core.errors import ConfigurationError, ValidationError
from andamios_orm.queries import InvalidCursorError, UnknownNameError


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("dely", "delay"),
        ("delays", "delay"),
        ("Delay", "delay"),
        ("xyzzy", None),
        ("", None),
        ("a" * 500, None),
    ],
)
def test_a_name_and_the_nearest(name: str, nearest: str | None) -> None:
    error = UnknownNameError(name, "field of Flight", ["price", "delay"])
    assert isinstance(error, ConfigurationError)
    assert (error.name, error.nearest) == (name, nearest)
    hint = f"did you mean {nearest!r}? " if nearest else ""
    assert str(error) == f"{name!r} is no field of Flight: {hint}there are delay, price"


def test_no_name_is_known() -> None:
    assert str(UnknownNameError("late", "relationship of Note", [])) == (
        "'late' is no relationship of Note: there are none"
    )


def test_the_error_of_a_cursor() -> None:
    error = InvalidCursorError()
    assert isinstance(error, ValidationError)
    assert "ANDAMIOS_CURSOR_SECRET" in error.errors["cursor"]
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_the_error_of_a_name_travels() -> None:
    error = UnknownNameError("dely", "field of Flight", ["delay"])
    other = pickle.loads(pickle.dumps(error))
    assert (str(other), other.name, other.nearest) == (str(error), "dely", "delay")
