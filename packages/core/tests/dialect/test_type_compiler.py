from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy import types as sqltypes
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.types import TypeEngine

from andamios_orm.core import types


@pytest.mark.parametrize(
    ("type_", "declared", "printed"),
    [
        (sqltypes.String(5), "VARCHAR(5)", "VARCHAR"),
        (sqltypes.Text(), "TEXT", "VARCHAR"),
        (sqltypes.CLOB(), "VARCHAR", "VARCHAR"),
        (sqltypes.Float(), "DOUBLE", "DOUBLE"),
        (sqltypes.Float(24), "FLOAT", "FLOAT"),
        (sqltypes.Float(53), "DOUBLE", "DOUBLE"),
        (sqltypes.FLOAT(), "FLOAT", "FLOAT"),
        (sqltypes.FLOAT(53), "DOUBLE", "DOUBLE"),
        (sqltypes.REAL(), "REAL", "FLOAT"),
        (sqltypes.Double(), "DOUBLE", "DOUBLE"),
        (sqltypes.DOUBLE_PRECISION(), "DOUBLE", "DOUBLE"),
        (sqltypes.Numeric(), "DECIMAL(38, 10)", "DECIMAL(38,10)"),
        (sqltypes.Numeric(asdecimal=False), "DOUBLE", "DOUBLE"),
        (sqltypes.Numeric(5), "DECIMAL(5, 0)", "DECIMAL(5,0)"),
        (sqltypes.Numeric(scale=4), "DECIMAL(38, 4)", "DECIMAL(38,4)"),
        (sqltypes.DECIMAL(10, 2), "DECIMAL(10, 2)", "DECIMAL(10,2)"),
        (sqltypes.DateTime(), "TIMESTAMP", "TIMESTAMP"),
        (sqltypes.DateTime(timezone=True), "TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH TIME ZONE"),
        (sqltypes.Time(), "TIME", "TIME"),
        (sqltypes.Time(timezone=True), "TIME WITH TIME ZONE", "TIME WITH TIME ZONE"),
        (sqltypes.Interval(), "INTERVAL", "INTERVAL"),
        (postgresql.INTERVAL(precision=3), "INTERVAL", "INTERVAL"),
        (sqltypes.LargeBinary(), "BLOB", "BLOB"),
        (sqltypes.VARBINARY(5), "BLOB", "BLOB"),
        (postgresql.JSONB(), "JSON", "JSON"),
        (sqltypes.ARRAY(sqltypes.Integer), "INTEGER[]", "INTEGER[]"),
        (sqltypes.ARRAY(sqltypes.Integer, dimensions=2), "INTEGER[][]", "INTEGER[][]"),
        (types.ENUM("a", "it's"), "ENUM('a', 'it''s')", "ENUM('a', 'it''s')"),
        (types.LIST(types.ENUM("a", name="named")), "ENUM('a')[]", "ENUM('a')[]"),
        (types.STRUCT({"a b": sqltypes.Integer}), 'STRUCT("a b" INTEGER)', 'STRUCT("a b" INTEGER)'),
    ],
)
async def test_a_type_has_a_name_that_the_engine_takes(
    shared_engine: AsyncEngine, type_: TypeEngine[Any], declared: str, printed: str
) -> None:
    assert shared_engine.dialect.type_compiler_instance.process(type_) == declared
    async with shared_engine.connect() as connection:
        await connection.exec_driver_sql(f"CREATE TABLE t (x {declared})")
        found = text("SELECT data_type FROM duckdb_columns() WHERE table_name = 't'")
        assert await connection.scalar(found) == printed


def test_an_enum_type_is_named(engine: AsyncEngine) -> None:
    compiler = engine.dialect.type_compiler_instance
    assert compiler.process(types.ENUM("a", name="Mood")) == '"Mood"'
    assert compiler.process(types.ENUM("a", name="mood"), inline_enums=True) == "ENUM('a')"
