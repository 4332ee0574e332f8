"""Rows for a bulk insert are validated column by column."""

from __future__ import annotations

from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, Field
from sqlalchemy import JSON, MetaData
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core.errors import ValidationError
from andamios_orm.models.declarative import NAMING_CONVENTION, BaseModel


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Flight(Base):
    number: Mapped[Annotated[str, Field(max_length=6), AfterValidator(str.upper)]]
    delay: Mapped[Annotated[int, Field(ge=-60)]] = mapped_column(default=0)
    note = mapped_column("remark", JSON)


class Raw(Base):
    __validate__ = False

    number: Mapped[Annotated[str, Field(max_length=6)]]


def test_values_are_converted_and_others_pass() -> None:
    note = object()
    rows = Flight.__check_rows__(["note", "delay", "number"], [(note, "5", "ua1"), [None, None, "ua2"]])
    assert rows == [(note, 5, "UA1"), (None, None, "UA2")]


def test_errors_name_row_and_attribute() -> None:
    with pytest.raises(ValidationError) as caught:
        Flight.__check_rows__(["number", "delay"], [("ua1", 3), ("ua15456", "late")])
    assert caught.value.errors.keys() == {"rows[1].number", "rows[1].delay"}
    assert caught.value.errors["rows[1].number"] == "String should have at most 6 characters"


def test_many_errors_are_cut_short() -> None:
    with pytest.raises(ValidationError) as caught:
        Flight.__check_rows__(["delay"], [(-61,)] * 100)
    assert len(caught.value.errors) == 21
    assert caught.value.errors["..."] == "and 80 more"


def test_rows_without_rules_are_not_touched() -> None:
    rows = [("ua15456",)]
    assert Raw.__check_rows__(["number"], rows) is rows


@given(st.lists(st.tuples(st.text(max_size=8), st.integers(-90, 90)), min_size=1))
def test_rows_are_judged_as_objects_are(rows: list[tuple[str, int]]) -> None:
    try:
        expected = [(flight.number, flight.delay) for flight in (Flight(number=n, delay=d) for n, d in rows)]
    except ValidationError:
        with pytest.raises(ValidationError):
            Flight.__check_rows__(["number", "delay"], rows)
    else:
        assert Flight.__check_rows__(["number", "delay"], rows) == expected
