"""Credentials are told by their place, and taken out."""

from __future__ import annotations

from typing import Any

import pytest

from andamios_orm.core.observability.redaction import redacted, redacted_field, redacted_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql+asyncpg://ada:s3cr3t@db:5432/shop", "postgresql+asyncpg://ada:***@db:5432/shop"),
        ("redis://:s3cr3t@127.0.0.1:6379/0", "redis://:***@127.0.0.1:6379/0"),
        ("at mysql://ada:p@ss/w:rd@db/x now", "at mysql://ada:***@db/x now"),
        ("http://host:80/path", "http://host:80/path"),
        ("mail ada@example.org", "mail ada@example.org"),
        ("password=s3cr3t&user=ada", "password=***&user=ada"),
        ("DB_PASSWORD: s3cr3t", "DB_PASSWORD: ***"),
        ('{"api_key": "a b", "n": 1}', '{"api_key": ***, "n": 1}'),
        ("{'token': 'it\\'s', 'n': 1}", "{'token': ***, 'n': 1}"),
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ("ATTACH 'host=db password=s3cr3t user=ada'", "ATTACH 'host=db password=*** user=ada'"),
        (
            "CREATE SECRET s (TYPE s3, KEY_ID 'k', SECRET 'a''b')",
            "CREATE SECRET s (TYPE s3, KEY_ID 'k', SECRET ***)",
        ),
        ("motherduck_token=abc, threads=4", "motherduck_token=***, threads=4"),
        (
            "no\n[SQL: SELECT $1, $2]\n[parameters: ('[a]', 'it''s')]\n(Background on this)",
            "no\n[SQL: SELECT $1, $2]\n[parameters: ***]\n(Background on this)",
        ),
        ("the [parameters: a]", "the [parameters: a]"),
        ("the secret of success", "the secret of success"),
        ("max_tokens=12", "max_tokens=12"),
    ],
)
def test_text_loses_its_credentials(text: str, expected: str) -> None:
    assert redacted_text(text) == expected


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "PASSWORD",
        "db_password",
        "userPassword",
        "secret",
        "client-secret",
        "token",
        "accessToken",
        "api_key",
        "apiKey",
        "apikey",
        "private_key",
        "access_key",
        "secretKey",
        "authorization",
        "credentials",
    ],
)
def test_a_field_that_is_named_like_a_credential_is_hidden(name: str) -> None:
    assert redacted_field(name, object()) == "***"


@pytest.mark.parametrize("name", ["tokens", "max_tokens", "key", "primary_key", "passenger", "secretary"])
def test_a_field_with_another_name_is_shown(name: str) -> None:
    assert redacted_field(name, 12) == 12


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"user": "ada", "password": "x"}, {"user": "ada", "password": "***"}),
        ({"urls": ["redis://:x@h"], 1: None}, {"urls": ["redis://:***@h"], "1": None}),
        (({"token": 1}, "password=x"), [{"token": "***"}, "password=***"]),
        ({"redis://:x@h"}, ["redis://:***@h"]),
        (12.5, 12.5),
        (None, None),
    ],
)
def test_what_a_container_holds_loses_its_credentials(value: Any, expected: Any) -> None:
    assert redacted(value) == expected


def test_a_container_that_holds_itself_becomes_text() -> None:
    value: list[Any] = ["password=x"]
    value.append(value)
    assert "x" not in str(redacted(value)).replace("***", "")


def test_a_long_text_takes_no_long_time() -> None:
    for text in ("a." * 100_000, "://" * 50_000, "://a:" * 50_000, "token" * 50_000, "password='" * 20_000):
        assert len(redacted_text(text)) > 0
