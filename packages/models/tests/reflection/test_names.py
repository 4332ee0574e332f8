"""Names of Python."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andamios_orm.models.reflection.names import Names, class_name, constant, plural, prose, singular, snake


@pytest.mark.parametrize(
    ("name", "attribute", "of_class", "member"),
    [
        ("dep_delay", "dep_delay", "DepDelay", "DEP_DELAY"),
        ("DepDelay", "dep_delay", "DepDelay", "DEP_DELAY"),
        ("CustomerID", "customer_id", "CustomerId", "CUSTOMER_ID"),
        ("a b-c", "a_b_c", "ABC", "A_B_C"),
        ("2nd", "column_2nd", "Table2nd", "VALUE_2ND"),
        ("__x", "x", "X", "X"),
        ("", "column", "Table", "VALUE"),
        ("l", "l_", "L", "L"),
        ("o", "o", "O_", "O_"),
        ("größe", "größe", "Größe", "GRÖSSE"),
        ("ﬁn²", "fin2", "Fin2", "FIN2"),
    ],
)
def test_names(name: str, attribute: str, of_class: str, member: str) -> None:
    assert (snake(name), class_name(name), constant(name)) == (attribute, of_class, member)


@pytest.mark.parametrize("named", [snake, class_name, constant])
@settings(deadline=None)
@given(text=st.text())
def test_every_text_has_a_name(named: Callable[[str], str], text: str) -> None:
    name = Names().unique(named(text), f"{named(text)}_")
    exec(f"class Place: {name} = 1\nassert Place.{name} == 1\nassert {name!r} in vars(Place)")


@pytest.mark.parametrize(
    ("many", "one"),
    [
        ("flights", "flight"),
        ("cities", "city"),
        ("addresses", "address"),
        ("boxes", "box"),
        ("branches", "branch"),
        ("houses", "house"),
        ("keys", "key"),
        ("Airlines", "Airline"),
    ],
)
def test_one_of_many(many: str, one: str) -> None:
    assert (singular(many), plural(one), plural(many)) == (one, many, many)


@pytest.mark.parametrize("name", ["weather", "status", "series", "analysis", "gas", "address", "bus", "is"])
def test_what_is_no_plural_stays(name: str) -> None:
    assert singular(name) == name


@pytest.mark.parametrize(("one", "many"), [("status", "statuses"), ("news", "newses"), ("data", "datas")])
def test_many_of_what_ends_unusually(one: str, many: str) -> None:
    assert plural(one) == many


def test_no_two_names_are_the_same() -> None:
    names = Names({"taken"})
    assert [names.attribute("a") for _ in range(3)] == ["a", "a_", "a_2"]
    assert [names.attribute(name) for name in ("taken", "class")] == ["taken_", "class_"]
    assert names.unique("taken", "other") == "other"


def test_prose_is_one_line_that_ends_nothing() -> None:
    assert prose('a "b"\n\\ c\x00\t d ') == "a 'b' / c d"
