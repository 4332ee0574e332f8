"""What a reader has to know."""

from __future__ import annotations

import pytest

from .databases import database, write, written


@pytest.mark.parametrize(
    ("sql", "choice"),
    [
        ("CREATE TABLE a (x INTEGER, y INTEGER)", "--key a=x"),
        ("CREATE TABLE a (x INTEGER, y INTEGER, z INTEGER, UNIQUE (y, z))", "--key a=y,z"),
        ('CREATE TABLE "a b" (x INTEGER)', "--key 'a b=x'"),
    ],
)
async def test_a_key_that_is_missing(sql: str, choice: str) -> None:
    async with database(sql) as engine:
        [gap] = (await write(engine)).gaps
    assert f"{choice}, or other columns, would make it a model" in gap


async def test_a_key_that_was_chosen() -> None:
    text = await written("CREATE TABLE a (x INTEGER)", keys={"a": ["x"]})
    assert "# The key of a was chosen by --key: the database has none.\nclass A(Base):" in text


async def test_the_key_of_a_view_that_was_chosen_needs_no_remark() -> None:
    assert "#" not in await written("CREATE VIEW v AS SELECT 1 AS x", keys={"v": ["x"]})


async def test_a_type_that_is_not_known() -> None:
    sql = "CREATE TABLE a (id INTEGER PRIMARY KEY, t TIME_NS); CREATE VIEW v AS SELECT t FROM a"
    async with database(sql) as engine:
        with pytest.warns(match="Did not recognize type"):
            module = await write(engine)
    assert module.gaps == [
        "The type of a.t is not known: its values come as they are, and the table cannot be created.",
        "The type of v.t is not known: its values come as they are.",
    ]
    assert "    t = Column(NullType)\n" in module.text
