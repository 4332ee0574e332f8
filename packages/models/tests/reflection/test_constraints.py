"""Constraints and indexes."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine.interfaces import ReflectedIndex
from sqlalchemy.types import Integer

from andamios_orm.core.dialect import AndamiosDialect
from andamios_orm.models.reflection.catalog import Relation
from andamios_orm.models.reflection.constraints import constraints_of
from andamios_orm.models.reflection.entities import Entity
from andamios_orm.models.reflection.imports import Imports
from andamios_orm.models.reflection.layout import laid_out
from andamios_orm.models.reflection.names import Names

from .databases import database, write, written


def arguments(**told: Any) -> list[str]:
    """Return the arguments of a table as another backend tells of it."""
    column = {"name": "id", "type": Integer(), "nullable": False, "default": None}
    given = dict.fromkeys(("foreign_keys", "unique_constraints", "check_constraints", "indexes"), ()) | told
    relation = Relation(None, "a", [column], ["id"], **given, comment=None, definition=None)  # type: ignore[list-item] # some of it
    entity = Entity(relation, "A", ["id"], False, Names(), {"id": "id"})
    found = constraints_of(entity, {(None, "a"): entity}, AndamiosDialect(), Imports())
    return [line for node in found.table + found.columns["id"] for line in laid_out(node)]


async def test_what_goes_with_one_column() -> None:
    sql = """
        CREATE TABLE parent (id INTEGER PRIMARY KEY);
        CREATE TABLE child (id INTEGER PRIMARY KEY REFERENCES parent, x INTEGER UNIQUE)
    """
    text = await written(sql)
    assert 'ForeignKey("parent.id"),\n        primary_key=True,' in text
    assert "x: Mapped[int | None] = mapped_column(unique=True)" in text


async def test_what_goes_with_several() -> None:
    sql = """
        CREATE TABLE parent (b INTEGER, a INTEGER, PRIMARY KEY (a, b));
        CREATE TABLE child (x INTEGER, y INTEGER, PRIMARY KEY (x, y), UNIQUE (y, x),
        FOREIGN KEY (x, y) REFERENCES parent (a, b), CHECK (x > y))
    """
    text = await written(sql)
    assert '__table_args__ = (PrimaryKeyConstraint("a", "b"),)' in text
    assert 'ForeignKeyConstraint(["x", "y"], ["parent.a", "parent.b"]),' in text
    assert 'UniqueConstraint("y", "x"),' in text
    assert 'CheckConstraint("x > y", name="check_1"),' in text


async def test_a_table_that_is_not_part_of_it() -> None:
    sql = """
        CREATE TABLE "a.b" (id INTEGER PRIMARY KEY);
        CREATE TABLE c (id INTEGER PRIMARY KEY REFERENCES "a.b")
    """
    async with database(sql) as engine:
        module = await write(engine)
    assert module.gaps == ["c: (id) refers to a.b (id), which this module cannot name."]
    assert "# c: (id) refers to a.b (id), which this module cannot name.\nclass C(Base):" in module.text


def test_foreign_keys_of_other_backends() -> None:
    key = {
        "name": "named",
        "constrained_columns": ["id"],
        "referred_schema": None,
        "referred_columns": ["id"],
    }
    options = {"ondelete": "CASCADE", "deferrable": True, "match": None}
    assert arguments(foreign_keys=[{**key, "referred_table": "a", "options": options}]) == [
        'ForeignKey("a.id", name="named", ondelete="CASCADE", deferrable=True)',
        "primary_key=True",
    ]


def test_names_of_other_backends() -> None:
    assert arguments(
        unique_constraints=[
            {"name": "named", "column_names": ["id"]},
            {"name": "again", "column_names": ["id"], "duplicates_index": "again"},
        ],
        check_constraints=[{"name": "ck_a_big", "sqltext": "id > 9"}, {"name": "small", "sqltext": "id < 9"}],
    ) == [
        'UniqueConstraint("id", name="named")',
        'CheckConstraint("id > 9", name="big")',
        'CheckConstraint("id < 9", name=conv("small"))',
        "primary_key=True",
    ]


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ({}, ['Index("i", "id")']),
        ({"unique": True}, ['Index("i", "id", unique=True)']),
        ({"column_names": [None], "expressions": ["(id + 1)"]}, ['Index("i", text("(id + 1)"))']),
        ({"column_sorting": {"id": ("desc", "nulls_last")}}, ['Index("i", text("id DESC NULLS LAST"))']),
        ({"duplicates_constraint": "i"}, []),
        ({"dialect_options": {"postgresql_using": "gin"}}, ['Index("i", "id", postgresql_using="gin")']),
        ({"dialect_options": {"postgresql_include": []}}, ['Index("i", "id")']),
        (
            {"dialect_options": {"postgresql_where": "id > 1"}},
            ['Index("i", "id", postgresql_where=text("id > 1"))'],
        ),
        (
            {"dialect_options": {"sqlite_where": text("id > 1")}},
            ['Index("i", "id", sqlite_where=text("id > 1"))'],
        ),
    ],
)
def test_indexes(told: dict[str, Any], shown: list[str]) -> None:
    index: ReflectedIndex = {"name": "i", "column_names": ["id"], "unique": False}
    assert arguments(indexes=[{**index, **told}]) == [*shown, "primary_key=True"]
