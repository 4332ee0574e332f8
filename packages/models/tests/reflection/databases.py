"""Databases, the modules that are written of them, and what these make again."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from types import ModuleType
from typing import Any

from sqlalchemy import Connection, MetaData, inspect
from sqlalchemy.engine.reflection import ObjectKind

from andamios_orm.core import AndamiosEngine, create_engine
from andamios_orm.models import NAMING_CONVENTION, BaseModel, create_all
from andamios_orm.models.reflection import Module, read_catalog, write_module

__all__ = ["BASE", "database", "imported", "remade", "snapshot", "write", "written"]

BASE = "stand_in:Base"
"""The base of models that stand apart from all others."""


@asynccontextmanager
async def database(sql: str = "SELECT 1") -> AsyncIterator[AndamiosEngine]:
    """Lend an engine on a database in memory that these statements make; DuckDB checks its foreign keys."""
    engine = create_engine("duckdb:///:memory:?foreign_keys=native")
    async with engine.begin() as connection:
        await connection.exec_driver_sql(sql)
    yield engine
    await engine.dispose()


async def write(
    engine: AndamiosEngine,
    schemas: Sequence[str] = (),
    keys: Mapping[str, Sequence[str]] | None = None,
    base: str = BASE,
) -> Module:
    """Write the module of a database."""
    async with engine.connect() as connection:
        catalog = await connection.run_sync(partial(read_catalog, schemas=schemas))
    return write_module(catalog, keys=keys, base=base)


async def written(sql: str, **options: Any) -> str:
    """Write the module of a database that these statements make, and return its text."""
    async with database(sql) as engine:
        return (await write(engine, **options)).text


@contextmanager
def imported(text: str) -> Iterator[Any]:
    """Import a module that was written; its models are forgotten afterwards."""

    class Base(BaseModel):
        __abstract__ = True
        metadata = MetaData(naming_convention=NAMING_CONVENTION)

    stand_in, module = ModuleType("stand_in"), ModuleType("reflected")
    vars(stand_in)["Base"] = Base
    names = {"stand_in": stand_in, "reflected": module}
    sys.modules.update(names)
    try:
        exec(compile(text, "reflected.py", "exec"), module.__dict__)
        Base.registry.configure(cascade=True)
        yield module
    finally:
        Base.registry.dispose(cascade=True)
        for name in names:
            del sys.modules[name]


@asynccontextmanager
async def remade(text: str, schemas: Sequence[str] = ()) -> AsyncIterator[AndamiosEngine]:
    """Lend an engine on a database that the models of a module make."""
    async with database("".join(f"CREATE SCHEMA {name};" for name in schemas) or "SELECT 1") as engine:
        with imported(text) as module:
            await create_all(engine, module.Base)
        yield engine


async def snapshot(engine: AndamiosEngine, schemas: Sequence[str | None] = (None,)) -> dict[str, Any]:
    """Return all that SQLAlchemy's inspector and DuckDB's catalog tell of a database."""
    async with engine.connect() as connection:
        return {str(schema): await connection.run_sync(_schema, schema) for schema in schemas}


_SEQUENCES = """
    SELECT sequence_name, start_value, min_value, max_value, increment_by, cycle FROM duckdb_sequences()
    WHERE schema_name = $1 ORDER BY ALL
"""


def _schema(connection: Connection, schema: str | None) -> dict[str, Any]:
    inspector: Any = inspect(connection)
    told = {
        question: getattr(inspector, f"get_multi_{question}")(schema=schema, kind=ObjectKind.ANY)
        for question in ("pk_constraint", "table_comment")
    }
    for question in ("foreign_keys", "unique_constraints", "check_constraints", "indexes"):
        answers = getattr(inspector, f"get_multi_{question}")(schema=schema, kind=ObjectKind.ANY)
        told[question] = {key: sorted(map(repr, answer)) for key, answer in answers.items()}
    columns = inspector.get_multi_columns(schema=schema, kind=ObjectKind.ANY)
    told["columns"] = {
        key: [{**column, "type": repr(column["type"])} for column in answer]
        for key, answer in columns.items()
    }
    told["enums"] = inspector.get_enums(schema)
    views = inspector.get_view_names(schema)
    told["views"] = {name: inspector.get_view_definition(name, schema) for name in views}
    told["sequences"] = connection.exec_driver_sql(_SEQUENCES, (schema or "main",)).all()
    return told
