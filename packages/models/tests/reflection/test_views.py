"""Queries of views."""

from __future__ import annotations

import pytest

from andamios_orm.core.dialect import AndamiosDialect
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.models.reflection.catalog import Catalog, Relation
from andamios_orm.models.reflection.entities import Entity, Place
from andamios_orm.models.reflection.names import Names
from andamios_orm.models.reflection.views import query, reads

from .databases import database, remade, write


def view(definition: str, name: str = "v") -> Relation:
    return Relation(None, name, (), (), (), (), (), (), None, definition)


@pytest.mark.parametrize(
    "definition",
    [
        "SELECT 1",
        "  SELECT 1;\n",
        "CREATE VIEW v AS SELECT 1;",
        'CREATE VIEW "s s"."it""s (a)" AS SELECT 1;',
        "create temp view if not exists main.v as\nSELECT 1",
        "CREATE ALGORITHM=UNDEFINED DEFINER=`root`@`localhost` SQL SECURITY DEFINER VIEW `v` AS SELECT 1",
    ],
)
def test_the_query(definition: str) -> None:
    assert query(view(definition)) == "SELECT 1"


def test_columns_of_other_names_than_those_of_the_query() -> None:
    told = query(view('CREATE VIEW v (x, "a b") AS SELECT 1, 2;'))
    assert told == 'WITH named (x, "a b") AS (SELECT 1, 2) SELECT * FROM named'


async def test_they_are_the_columns_of_the_model() -> None:
    async with database("CREATE VIEW v (x, y) AS SELECT 1, 'a'") as engine:
        module = await write(engine)
    async with remade(module.text) as again, again.connect() as connection:
        found = await connection.exec_driver_sql("FROM v")
        assert [dict(row) for row in found.mappings()] == [{"x": 1, "y": "a"}]


def test_a_statement_that_is_none() -> None:
    with pytest.raises(ConfigurationError, match="the query of the view v cannot be told from: CREATE what"):
        query(view("CREATE what"))


def read(definition: str, backend: str) -> set[str]:
    dialect = AndamiosDialect()
    dialect.name = backend
    relations = [view(definition), view("SELECT 1", "a"), view("SELECT 1", "a b"), view("SELECT 1", "ab")]
    entities: dict[Place, Entity] = {
        (None, relation.name): Entity(relation, relation.name, (), False, Names(), {})
        for relation in relations
    }
    catalog = Catalog(dialect, "main", relations, {}, {})
    return {entity.name for entity in reads(relations[0], entities, catalog)}


@pytest.mark.parametrize(
    ("definition", "names"),
    [
        ("SELECT 'ab' FROM a", {"a"}),
        ('SELECT a.x FROM main.ab AS a, "a b"', {"ab", "a b"}),
        ("SELECT * FROM memory.main.AB, A", {"ab", "a"}),
        ("SELECT * FROM v, other.a", set()),
    ],
)
def test_what_a_view_of_duckdb_reads(definition: str, names: set[str]) -> None:
    assert read(definition, "duckdb") == names


def test_what_another_view_may_read_is_what_it_names() -> None:
    assert read("SELECT x FROM a JOIN abc", "sqlite") == {"a"}
