"""What is read of a database."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from andamios_orm.core import create_engine
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.models.reflection import Catalog, read_catalog

from .databases import database

SQL = """
    CREATE SCHEMA sales;
    CREATE SCHEMA empty;
    CREATE TABLE flight (id INTEGER PRIMARY KEY);
    CREATE TABLE airline (id INTEGER PRIMARY KEY);
    CREATE VIEW flights AS FROM flight;
    CREATE TABLE sales.airline (id INTEGER PRIMARY KEY)
"""


async def read(sql: str = SQL, **options: Any) -> Catalog:
    async with database(sql) as engine, engine.connect() as connection:
        return await connection.run_sync(partial(read_catalog, **options))


def named(catalog: Catalog) -> list[str]:
    return [relation.full_name for relation in catalog.relations]


async def test_the_default_schema() -> None:
    assert named(await read()) == ["airline", "flight", "flights"]


@pytest.mark.parametrize(
    ("schemas", "names"),
    [
        (["sales"], ["sales.airline"]),
        (["main"], ["airline", "flight", "flights"]),
        (["*"], ["airline", "flight", "flights", "sales.airline"]),
        (["s*", "empty"], ["sales.airline"]),
    ],
)
async def test_other_schemas(schemas: list[str], names: list[str]) -> None:
    assert named(await read(schemas=schemas)) == names


@pytest.mark.parametrize(
    ("tables", "names"),
    [
        (["airline"], ["airline", "sales.airline"]),
        (["sales.*"], ["sales.airline"]),
        (["fl*", "sales.airline"], ["flight", "flights", "sales.airline"]),
    ],
)
async def test_some_tables(tables: list[str], names: list[str]) -> None:
    assert named(await read(schemas=["*"], tables=tables)) == names


async def test_a_relation() -> None:
    [_, flight, flights] = (await read()).relations
    assert (flight.schema, flight.name, list(flight.key), flight.definition) == (None, "flight", ["id"], None)
    assert [column["name"] for column in flight.columns] == ["id"]
    assert "FROM flight" in str(flights.definition)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"schemas": ["sale"]}, "there is no schema 'sale'; there are empty, main, sales"),
        ({"tables": ["no*"]}, r"there is no table or view 'no\*'; there are airline, flight, flights"),
        ({"tables": ["x"], "schemas": ["empty"]}, "there is no table or view 'x'; there are none"),
        ({"schemas": ["empty"]}, "there is no table and no view in the schema empty"),
    ],
)
async def test_what_is_not_there(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        await read(**options)


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT 1", "there is no table and no view in the database$"),
        ("CREATE SCHEMA s", "in the database; --schema chooses another one: s"),
    ],
)
async def test_nothing_is_there(sql: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        await read(sql)


async def test_the_questions_may_be_watched() -> None:
    watched: list[Sequence[Any]] = []

    def watch(questions: Sequence[Any]) -> Sequence[Any]:
        watched.append(questions)
        return questions

    await read(watch=watch)
    [questions] = watched
    assert {schema for schema, _ in questions} == {None}


async def test_a_backend_without_comments_and_enumerations(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/a.db")
    async with engine.begin() as connection:
        await connection.exec_driver_sql("CREATE TABLE a (id INTEGER PRIMARY KEY)")
        catalog = await connection.run_sync(read_catalog)
    await engine.dispose()
    assert ([relation.comment for relation in catalog.relations], catalog.enums) == ([None], {})
