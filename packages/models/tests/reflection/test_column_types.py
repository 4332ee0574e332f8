"""Types of columns, as annotations and expressions."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import FLOAT, INTEGER, JSON, UUID, VARCHAR
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.dialects.mysql import asyncmy
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.types import NullType, TypeEngine, UserDefinedType

from andamios_orm.core.dialect import AndamiosDialect
from andamios_orm.models import types
from andamios_orm.models.reflection.column_types import annotation, expression, is_implied, is_known
from andamios_orm.models.reflection.imports import Imports
from andamios_orm.models.reflection.layout import laid_out

DUCKDB = AndamiosDialect()
POSTGRESQL: Any = asyncpg.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy has no hints there


def shown(type_: TypeEngine[Any], dialect: Any = DUCKDB) -> tuple[str, str, set[str]]:
    imports = Imports()
    [line] = laid_out(expression(type_, dialect, imports))
    modules = {text.split()[1] for text in imports.lines() if text.startswith("from")}
    return line, annotation(type_, imports), modules - {"__future__"}


OWN = "andamios_orm.models.types"


@pytest.mark.parametrize(
    ("type_", "made", "annotated", "modules"),
    [
        (INTEGER(), "INTEGER", "int", {"sqlalchemy"}),
        (types.HUGEINT(), "HUGEINT", "int", {OWN}),
        (types.TIMESTAMP_S(), "TIMESTAMP_S", "dt.datetime", {OWN}),
        (types.LIST(types.LIST(VARCHAR)), "LIST(LIST(VARCHAR))", "list[list[str]]", {OWN, "sqlalchemy"}),
        (types.ARRAY(FLOAT, 3), "ARRAY(FLOAT, 3)", "list[float]", {OWN, "sqlalchemy"}),
        (types.MAP(VARCHAR, UUID), "MAP(VARCHAR, Uuid)", "dict[str, UUID]", {OWN, "sqlalchemy"}),
        (types.STRUCT({'a"': INTEGER}), "STRUCT({'a\"': INTEGER})", "dict[str, Any]", {OWN, "sqlalchemy"}),
        (types.UNION({"a": INTEGER}), 'UNION({"a": INTEGER})', "Any", {OWN, "sqlalchemy"}),
        (types.JSON(), "JSON", "Any", {OWN}),
        (types.BIT(), "BIT", "str", {OWN}),
    ],
)
def test_of_duckdb(type_: TypeEngine[Any], made: str, annotated: str, modules: set[str]) -> None:
    assert shown(type_) == (made, annotated, modules)


@pytest.mark.parametrize(
    ("type_", "dialect", "made", "module"),
    [
        (postgresql.INET(), POSTGRESQL, "INET", "sqlalchemy.dialects.postgresql"),
        (postgresql.ARRAY(INTEGER), POSTGRESQL, "ARRAY(INTEGER)", "sqlalchemy.dialects.postgresql"),
        (
            postgresql.JSONB(),
            POSTGRESQL,
            "JSONB(astext_type=Text())",
            "sqlalchemy.dialects.postgresql",
        ),
        (
            mysql.INTEGER(unsigned=True),
            asyncmy.dialect(),
            "INTEGER(unsigned=True)",
            "sqlalchemy.dialects.mysql",
        ),
        (JSON(), sqlite.dialect(), "JSON", "sqlalchemy.dialects.sqlite"),
    ],
)
def test_of_other_backends(type_: TypeEngine[Any], dialect: Any, made: str, module: str) -> None:
    [line, _, modules] = shown(type_, dialect)
    assert (line, module in modules) == (made, True)


def test_what_an_annotation_implies() -> None:
    assert is_implied(VARCHAR(), "str", DUCKDB)
    assert not is_implied(VARCHAR(collation="NOCASE"), "str", DUCKDB)
    assert not is_implied(types.BIT(), "str", DUCKDB)
    assert not is_implied(types.JSON(), "Any", DUCKDB)
    assert not is_implied(mysql.VARCHAR(3), "str", asyncmy.dialect())


class Special(UserDefinedType[Any]):
    """A type of nobody else."""


class Unreadable(UserDefinedType[Any]):
    def __repr__(self) -> str:
        return "<unreadable>"


@pytest.mark.parametrize("type_", [NullType(), Special(), Unreadable()])
def test_what_is_not_known(type_: TypeEngine[Any]) -> None:
    assert not is_known(type_, DUCKDB)


def test_what_is_known() -> None:
    assert is_known(types.LIST(NullType), DUCKDB)
