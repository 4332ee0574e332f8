"""Rows that callers give, checked before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core.errors import ConfigurationError, ValidationError
from andamios_orm.queries import UnknownNameError
from andamios_orm.repositories.rows import named_rows, refuse_unknown, validated_rows

from .models import Label, Person, Seat, Team, row


class Plain(DeclarativeBase):
    pass


class Stone(Plain):
    __tablename__ = "stones"

    id: Mapped[int] = mapped_column(primary_key=True)
    weight: Mapped[int]


@pytest.mark.parametrize("rows", [[], iter(()), [row(1)], (row(1), row(2)), (row(n) for n in (1, 2))])
def test_rows_come_in_any_iterable(rows: Any) -> None:
    found = named_rows(Person, rows)
    assert found == [row(number) for number in range(1, len(found) + 1)]


def test_rows_are_copied() -> None:
    given = row(1)
    assert named_rows(Person, [given])[0] is not given


def test_one_dict_is_no_list() -> None:
    with pytest.raises(ConfigurationError, match=r"^rows is one dict: give a list of them, such as \[row\]$"):
        named_rows(Person, row(1))


@pytest.mark.parametrize(
    ("wrong", "kind"), [(7, "int"), ((1, 2), "tuple"), (None, "NoneType"), (Team(), "Team")]
)
def test_what_is_no_dict_is_refused(wrong: Any, kind: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^row 1 is a {kind}: give dicts$"):
        named_rows(Person, [row(1), wrong])


def test_objects_are_rows_of_what_they_were_given() -> None:
    rows = [Team(id=1, name="red", players=[]), {"id": 2, "name": "blue"}]
    assert named_rows(Team, rows) == [{"id": 1, "name": "red"}, {"id": 2, "name": "blue"}]


def test_names_are_those_of_attributes() -> None:
    assert named_rows(Seat, [Seat(number=1, letter="a")]) == [{"number": 1, "letter": "a"}]
    with pytest.raises(UnknownNameError, match="'the number' is no column of Seat"):
        named_rows(Seat, [{"the number": 1, "letter": "a"}])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"id": 1}, "missing ['age', 'email', 'name'], surplus []"),
        (row(1, shoe=42), "missing [], surplus ['shoe']"),
        ({}, "missing ['age', 'email', 'id', 'name'], surplus []"),
    ],
)
def test_other_names_than_those_of_the_first_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        named_rows(Person, [row(1), row(2), wrong])
    assert str(caught.value) == f"row 2 differs from row 0: {message}. Give all rows the same keys"


def test_the_order_of_names_does_not_matter() -> None:
    turned = dict(reversed(row(2).items()))
    assert named_rows(Person, [row(1), turned]) == [row(1), row(2)]


@pytest.mark.parametrize("name", ["nmae", "players", "__class__"])
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(UnknownNameError, match=f"^'{name}' is no column of Team"):
        named_rows(Team, [{"id": 1, name: "red"}])
    with pytest.raises(UnknownNameError, match=f"^'{name}' is no column of Team"):
        refuse_unknown(Team, ["id", name])


def test_values_are_as_they_were_given_until_they_are_validated() -> None:
    rows = named_rows(Label, [{"id": "1", "word": "NEW"}, {"id": 2, "word": "Old"}])
    assert rows[0] == {"id": "1", "word": "NEW"}
    assert validated_rows(Label, rows) == [{"id": 1, "word": "new"}, {"id": 2, "word": "old"}]


def test_a_value_that_the_model_refuses_is_told_with_its_row() -> None:
    with pytest.raises(ValidationError, match=r"rows\[1\]\.name"):
        validated_rows(Person, [row(1), row(2, name="n" * 21)])


def test_there_may_be_no_rows() -> None:
    assert validated_rows(Person, []) == []


def test_a_model_without_rules_takes_all() -> None:
    rows = named_rows(Stone, [{"id": 1, "weight": "heavy"}])
    assert validated_rows(Stone, rows) == [{"id": 1, "weight": "heavy"}]
