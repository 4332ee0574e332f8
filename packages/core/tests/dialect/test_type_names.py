from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import exc, text
from sqlalchemy import types as sqltypes
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.types import TypeEngine

from andamios_orm.core import types
from andamios_orm.core.dialect.type_names import parse_type

NAMES = [
    ("BIGINT", sqltypes.BIGINT()),
    ("BIGNUM", types.BIGNUM()),
    ("BIT", types.BIT()),
    ("BLOB", sqltypes.BLOB()),
    ("BOOLEAN", sqltypes.BOOLEAN()),
    ("DATE", sqltypes.DATE()),
    ("DECIMAL(18,3)", sqltypes.DECIMAL(18, 3)),
    ("DOUBLE", sqltypes.DOUBLE()),
    ("FLOAT", sqltypes.FLOAT()),
    ("HUGEINT", types.HUGEINT()),
    ("INTEGER", sqltypes.INTEGER()),
    ("INTERVAL", types.INTERVAL()),
    ("JSON", types.JSON()),
    ("SMALLINT", sqltypes.SMALLINT()),
    ("TIME", sqltypes.TIME()),
    ("TIME WITH TIME ZONE", sqltypes.TIME(timezone=True)),
    ("TIMESTAMP", sqltypes.TIMESTAMP()),
    ("TIMESTAMP WITH TIME ZONE", sqltypes.TIMESTAMP(timezone=True)),
    ("TIMESTAMP_MS", types.TIMESTAMP_MS()),
    ("TIMESTAMP_NS", types.TIMESTAMP_NS()),
    ("TIMESTAMP_S", types.TIMESTAMP_S()),
    ("TINYINT", types.TINYINT()),
    ("UBIGINT", types.UBIGINT()),
    ("UHUGEINT", types.UHUGEINT()),
    ("UINTEGER", types.UINTEGER()),
    ("USMALLINT", types.USMALLINT()),
    ("UTINYINT", types.UTINYINT()),
    ("UUID", sqltypes.UUID()),
    ("VARCHAR", sqltypes.VARCHAR()),
    ("VARIANT", types.VARIANT()),
    ("VARINT", types.BIGNUM()),
    ("INTEGER[]", types.LIST(sqltypes.INTEGER())),
    ("INTEGER[][3]", types.ARRAY(types.LIST(sqltypes.INTEGER()), 3)),
    ("INTEGER[2][]", types.LIST(types.ARRAY(sqltypes.INTEGER(), 2))),
    ("MAP(VARCHAR, DATE[])", types.MAP(sqltypes.VARCHAR(), types.LIST(sqltypes.DATE()))),
    (
        'STRUCT("a b" INTEGER, C STRUCT("q""x" TIME WITH TIME ZONE))[]',
        types.LIST(
            types.STRUCT(
                {"a b": sqltypes.INTEGER(), "C": types.STRUCT({'q"x': sqltypes.TIME(timezone=True)})}
            )
        ),
    ),
    (
        "UNION(i DECIMAL(5,0), \"select\" ENUM('x', 'y'',''z'))",
        types.UNION({"i": sqltypes.DECIMAL(5, 0), "select": types.ENUM("x", "y','z")}),
    ),
    ("ENUM('a, b', 'c)', 'it''s', '\"', '')", types.ENUM("a, b", "c)", "it's", '"', "")),
]


@pytest.mark.parametrize(("name", "expected"), NAMES)
def test_a_name_of_the_catalog_becomes_a_type(name: str, expected: TypeEngine[Any]) -> None:
    found = parse_type(name)
    assert type(found) is type(expected)
    assert repr(found) == repr(expected)


@pytest.mark.parametrize("name", [name for name, _ in NAMES if name != "VARINT"])
async def test_the_engine_prints_the_name_so(shared_engine: AsyncEngine, name: str) -> None:
    async with shared_engine.connect() as connection:
        await connection.exec_driver_sql(f"CREATE TABLE t (x {name})")
        printed = await connection.scalar(
            text("SELECT data_type FROM duckdb_columns() WHERE table_name = 't'")
        )
    assert printed == name


@pytest.mark.parametrize(
    "name",
    [
        "GEOMETRY",
        "GEOMETRY('OGC:CRS84')",
        '"NULL"',
        "mood",
        "TIME_NS",
        "",
        "STRUCT(",
        "STRUCT(a)",
        "MAP(",
        "MAP(DATE)",
        "INTEGER[x]",
        "INTEGER]",
        "DECIMAL(a, 2)",
        "[]",
        "'open",
        "ENUM('a'",
    ],
)
def test_what_is_not_known_is_null_type_with_a_warning(name: str) -> None:
    with pytest.warns(exc.SAWarning, match="Did not recognize type"):
        assert isinstance(parse_type(name), sqltypes.NullType)


def test_what_is_not_known_inside_a_nested_type_leaves_the_rest() -> None:
    with pytest.warns(exc.SAWarning, match="Did not recognize type 'GEOMETRY'"):
        found = parse_type("STRUCT(a INTEGER, g GEOMETRY)")
    assert isinstance(found, types.STRUCT)
    assert [type(field) for field in found.fields.values()] == [sqltypes.INTEGER, sqltypes.NullType]


PLAIN = st.sampled_from([type_ for name, type_ in NAMES[:30]])
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=8)
LABELS = st.lists(WORDS, min_size=1, max_size=4, unique=True)
FIELDS = st.lists(WORDS, min_size=1, max_size=3, unique_by=str.casefold)


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    members = FIELDS.flatmap(lambda names: st.fixed_dictionaries(dict.fromkeys(names, inner)))
    return st.one_of(
        st.builds(types.LIST, inner),
        st.builds(types.ARRAY, inner, st.integers(1, 9)),
        st.builds(types.MAP, inner, inner),
        st.builds(types.STRUCT, members),
        st.builds(types.UNION, members),
    )


ANY = st.recursive(
    st.one_of(
        PLAIN,
        LABELS.map(lambda labels: types.ENUM(*labels)),
        st.integers(1, 38).flatmap(
            lambda width: st.integers(0, width).map(lambda scale: sqltypes.DECIMAL(width, scale))
        ),
    ),
    nested,
    max_leaves=6,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(type_=ANY)
async def test_a_type_survives_the_catalog(engine: AsyncEngine, type_: TypeEngine[Any]) -> None:
    name = engine.dialect.type_compiler_instance.process(type_)
    async with engine.connect() as connection:
        await connection.exec_driver_sql(f"CREATE TABLE t (x {name})")
        printed = await connection.scalar(
            text("SELECT data_type FROM duckdb_columns() WHERE table_name = 't'")
        )
        await connection.rollback()
    assert engine.dialect.type_compiler_instance.process(parse_type(printed)) == name
