"""Expressions in lines."""

from __future__ import annotations

from typing import Any

import pytest

from andamios_orm.models.reflection.layout import (
    WIDTH,
    Group,
    Node,
    attribute,
    call,
    keyword,
    laid_out,
    literal,
    mapping,
    tuple_of,
)

LONG = "a text of many words, which is longer than a line may be, and so stands in two of them"


@pytest.mark.parametrize(
    "value",
    ["plain", 'a "quote"', "it's", "both ' and \"", "\\ \n \t \x00 \u2028", "ü", "", 3, -1.5, None, True],
)
def test_a_literal_is_the_value(value: Any) -> None:
    [line] = laid_out(literal(value))
    assert eval(line) == value


@pytest.mark.parametrize("value", [[1, "a"], (1,), (1, 2), [], {"a": [1], 'b"': {"c": None}}])
def test_a_collection_of_literals(value: Any) -> None:
    [line] = laid_out(literal(value))
    assert eval(line) == value


def test_other_values_have_no_literal() -> None:
    with pytest.raises(ValueError, match="has no literal"):
        literal(object())


@pytest.mark.parametrize(
    ("text", "shown"), [("a", '"a"'), ('a"b', "'a\"b'"), ("it's", '"it\'s"'), ("'\"", '"\'\\""')]
)
def test_quotes_need_the_fewest_escapes(text: str, shown: str) -> None:
    assert list(laid_out(literal(text))) == [shown]


def test_what_fits_stands_in_one_line() -> None:
    node = call("f", literal("a"), keyword("b", literal(2)), tuple_of("c"), mapping({"d": "e"}))
    assert list(laid_out(node, "x = ", ";", 1)) == ['    x = f("a", b=2, (c,), {"d": e});']


def test_what_does_not_has_an_item_a_line() -> None:
    node = Group("f(", ("a" * 40, tuple_of("b" * 40), keyword("c", call("g", literal("d")))))
    assert list(laid_out(node, "x = ")) == [
        "x = f(",
        f"    {'a' * 40},",
        f"    ({'b' * 40},),",
        '    c=g("d"),',
        ")",
    ]


@pytest.mark.parametrize(
    "node", [literal(LONG), call("text", literal(LONG)), keyword("comment", literal(LONG))]
)
def test_a_long_text_is_split_at_its_spaces(node: Node) -> None:
    [first, *parts, last] = laid_out(node, indent=1)
    assert (first[-1], last) == ("(", "    )")
    assert eval("".join(part.strip() for part in parts)) == LONG
    assert len(parts) == 2
    assert max(map(len, parts)) <= WIDTH


def test_a_text_without_spaces_is_not_split() -> None:
    assert list(laid_out(call("text", literal("x" * 100)))) == ["text(", f'    "{"x" * 100}"', ")"]


def test_what_cannot_be_split_is_too_long() -> None:
    assert list(laid_out("x" * 100)) == ["x" * 100]


def test_an_attribute() -> None:
    assert list(attribute("a", "int", None)) == ["    a: Mapped[int]"]
    assert list(attribute("a", "int", call("f", "b"))) == ["    a: Mapped[int] = f(b)"]


def test_an_attribute_of_a_long_name_is_set_in_parentheses() -> None:
    name = "a" * 60
    assert list(attribute(name, "int", call("f" * 20, "b"))) == [
        f"    {name}: Mapped[int] = (",
        f"        {'f' * 20}(b)",
        "    )",
    ]


def test_an_attribute_of_a_longer_name_splits_its_annotation() -> None:
    name = "a" * 75
    assert list(attribute(name, "int", call("f", "b"))) == [
        f"    {name}: Mapped[",
        "        int",
        "    ] = f(b)",
    ]
