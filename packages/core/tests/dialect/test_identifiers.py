"""Names in quotes and out of them."""

from __future__ import annotations

import duckdb
import pytest

from andamios_orm.core.dialect.identifiers import join_schema, split_schema, string_literal, unquoted


@pytest.mark.parametrize("text", ["", "a", "it's", "''", "äöü", 'a"b', "a\\'b"])
def test_a_literal_says_what_it_was_made_of(text: str) -> None:
    with duckdb.connect() as connection:
        assert connection.execute(f"SELECT {string_literal(text)}").fetchone() == (text,)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a", "a"),
        ('"a b"', "a b"),
        ('"a""b"', 'a"b'),
        ('""', ""),
        ("", ""),
        ('"', '"'),
        ('"""', '"""'),
        ('"a"b"', '"a"b"'),
        ("'a'", "'a'"),
    ],
)
def test_unquoted(text: str, name: str) -> None:
    assert unquoted(text) == name


@pytest.mark.parametrize("text", ["", "it's", '"a"', "a"])
def test_a_string_without_its_quotes(text: str) -> None:
    assert unquoted(string_literal(text), "'") == text


@pytest.mark.parametrize(
    ("catalog", "schema", "joined"),
    [
        (None, "s", "s"),
        ("db", "s", "db.s"),
        ("my db", "s", "my db.s"),
        (None, "a.b", '"a.b"'),
        ("d", 'a"b', 'd."a""b"'),
        (None, '"s"', '"""s"""'),
    ],
)
def test_joined_schema_is_split_again(catalog: str | None, schema: str, joined: str) -> None:
    assert join_schema(catalog, schema) == joined
    assert split_schema(joined) == (catalog, schema)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("s", (None, "s")),
        ("db.s", ("db", "s")),
        ('"my.db"."my ""s"""', ("my.db", 'my "s"')),
        ('"a.b"', (None, "a.b")),
        ("a.b.c", (None, "a.b.c")),
        ('a"b', (None, 'a"b')),
        ("'s'", (None, "'s'")),
    ],
)
def test_a_schema_may_name_its_catalog(name: str, parts: tuple[str | None, str]) -> None:
    assert split_schema(name) == parts
