"""The key of a query: the same for the same question, another one for each that is answered otherwise."""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import ARRAY, JSON, Enum, Integer, Select, String, bindparam, column, select, type_coerce
from sqlalchemy.dialects import sqlite
from sqlalchemy.types import TypeDecorator

from andamios_orm.core.cache.keys import form_of, query_key
from andamios_orm.core.dialect.dialect import AndamiosDialect
from andamios_orm.core.types import STRUCT

DUCKDB = AndamiosDialect()
SQLITE = sqlite.dialect()


class Scaled(TypeDecorator[int]):
    """A number that is kept as a multiple."""

    impl = Integer
    cache_ok = True

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor


class Secret(TypeDecorator[str]):
    """A type that promises nothing."""

    impl = String
    cache_ok = False

    def __init__(self, key: str) -> None:
        super().__init__()
        self._key = key


def form(statement: Any, *names: str, dialect: Any = DUCKDB) -> bytes:
    return form_of(statement.compile(dialect=dialect), names)


def typed(kind: Any) -> Select[Any]:
    return select(type_coerce(column("a"), kind))


def compared(kind: Any) -> Select[Any]:
    return select(column("a")).where(column("a", Integer) == bindparam("b", type_=kind))


def colour(*names: str) -> type[enum.Enum]:
    return enum.Enum("Colour", names, qualname="-".join(names))  # type: ignore[return-value] # of mypy


@pytest.mark.parametrize("query", [typed, compared])
def test_types_decide(query: Any) -> None:
    red = colour("red")
    kinds = [
        Integer(),
        String(),
        JSON(),
        Scaled(2),
        Scaled(3),
        ARRAY(Scaled(2)),
        ARRAY(Scaled(3)),
        STRUCT({"a": Scaled(2)}),
        STRUCT({"a": Scaled(3)}),
        Secret("a"),
        Secret("b"),
        Enum("red", name="colour"),
        Enum(red, name="colour"),
        Enum(colour("red", "blue"), name="colour"),
    ]
    forms = {form(query(kind)) for kind in kinds}
    assert len(forms) == len(kinds)
    assert form(query(Scaled(2))) in forms


def test_a_variant_is_what_it_stands_for() -> None:
    varying = Integer().with_variant(String(), "sqlite")
    assert form(typed(varying), dialect=SQLITE) == form(typed(String()), dialect=SQLITE)
    assert form(typed(varying)) != form(typed(String()))


def test_names_decide() -> None:
    assert form(typed(Integer()), "a") == form(typed(Integer()), "a") != form(typed(Integer()), "b")


def test_parameters_decide() -> None:
    values = [1, True, 1.0, "1", b"1", Decimal(1), Decimal("1.0"), None, [1], [True], (1,)]
    keys = {query_key("database", b"form", {"a": value}, {}) for value in values}
    assert len(keys) == len(values)
    assert query_key("database", b"form", {"a": 1, "b": 2}, {}) == query_key(
        "database", b"form", {"b": 2, "a": 1}, {}
    )


def test_the_rest_decides() -> None:
    keys = {
        query_key("database", b"form", {}, {}),
        query_key("other", b"form", {}, {}),
        query_key("database", b"other", {}, {}),
        query_key("database", b"form", {}, {None: "other"}),
    }
    assert len(keys) == 4
