"""What columns get by themselves."""

from __future__ import annotations

import pytest
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.types import Integer

from andamios_orm.core.dialect import AndamiosDialect
from andamios_orm.models.reflection.catalog import Catalog, Relation
from andamios_orm.models.reflection.defaults import defaults_of
from andamios_orm.models.reflection.entities import Entity
from andamios_orm.models.reflection.imports import Imports
from andamios_orm.models.reflection.layout import laid_out
from andamios_orm.models.reflection.names import Names

from .databases import written


@pytest.mark.parametrize(
    ("default", "shown"),
    [
        ("'a'", 'server_default="a"'),
        ("'it''s'", "server_default=text(\"'it''s'\")"),
        ("3", 'server_default=text("3")'),
        ("now()", 'server_default=text("now()")'),
    ],
)
async def test_a_default(default: str, shown: str) -> None:
    assert f"({shown})" in await written(
        f"CREATE TABLE a (id INTEGER PRIMARY KEY, t VARCHAR DEFAULT {default})"
    )


async def test_the_sequence_that_a_key_has_anyway_is_not_named() -> None:
    sql = """
        CREATE SEQUENCE a_id_seq; CREATE TABLE a (id INTEGER PRIMARY KEY DEFAULT nextval('a_id_seq'));
        CREATE SEQUENCE b_id_seq START 2; CREATE TABLE b (id INTEGER PRIMARY KEY DEFAULT nextval('b_id_seq'));
        CREATE SEQUENCE c_n_seq; CREATE TABLE c (id VARCHAR PRIMARY KEY, n INTEGER DEFAULT nextval('c_n_seq'))
    """
    text = await written(sql)
    assert "    id: Mapped[int] = mapped_column(primary_key=True)\n" in text
    assert 'Sequence("b_id_seq", start=2)' in text
    assert 'Sequence("c_n_seq")' in text


async def test_where_a_sequence_stands_is_not_where_it_starts() -> None:
    """In a file that was opened again, DuckDB tells the one for the other."""
    text = await written("""
        CREATE SEQUENCE a_id_seq START 5;
        CREATE TABLE a (id INTEGER PRIMARY KEY DEFAULT nextval('a_id_seq'));
        INSERT INTO a DEFAULT VALUES
    """)
    assert "    id: Mapped[int] = mapped_column(primary_key=True)\n" in text


async def test_a_key_without_a_sequence_is_not_generated() -> None:
    text = await written("CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (id VARCHAR PRIMARY KEY)")
    assert text.count("autoincrement=False") == 1


def named(column: ReflectedColumn) -> list[str]:
    """Return the arguments of a column as another backend tells of it."""
    relation = Relation(None, "a", [column], ["id"], (), (), (), (), None, None)
    entity = Entity(relation, "A", ["id"], False, Names(), {"id": "id"})
    catalog = Catalog(AndamiosDialect(), "public", [relation], {}, {})
    found = defaults_of(entity, column, catalog, Imports())
    return [line for node in (*found.positional, *found.named) for line in laid_out(node)]


def test_sequences_of_postgresql() -> None:
    column: ReflectedColumn = {"name": "id", "type": Integer(), "nullable": False, "default": ""}
    assert named({**column, "default": "nextval('public.a_id_seq'::regclass)"}) == []
    assert named({**column, "default": "nextval('other.seq'::regclass)"}) == [
        'Sequence("seq", schema="other")',
        "server_default=text(\"nextval('other.seq'::regclass)\")",
    ]


def test_identities() -> None:
    column: ReflectedColumn = {"name": "id", "type": Integer(), "nullable": False, "default": None}
    usual = {"always": False, "start": 1, "increment": 1, "cycle": False, "minvalue": 1, "cache": 1}
    assert named({**column, "identity": usual}) == ["Identity()"]  # type: ignore[typeddict-item] # some of it
    assert named({**column, "identity": {**usual, "always": True, "start": 5}}) == [  # type: ignore[typeddict-item] # some of it
        "Identity(always=True, start=5)"
    ]


def test_computed_columns() -> None:
    column: ReflectedColumn = {"name": "n", "type": Integer(), "nullable": True, "default": None}
    assert named({**column, "computed": {"sqltext": "id + 1"}}) == ['Computed("id + 1")']
    assert named({**column, "computed": {"sqltext": "':a'", "persisted": True}}) == [
        "Computed(\"'\\\\:a'\", persisted=True)"
    ]
