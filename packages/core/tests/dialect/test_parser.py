"""What the text of a statement tells before it runs."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from andamios_orm.core.dialect.parser import ParsedStatement, Parser


@pytest.fixture
def parser() -> Iterator[Parser]:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t (i INTEGER, s VARCHAR)")
        yield Parser(connection)


def parsed(parser: Parser, sql: str) -> ParsedStatement:
    found = parser.parsed(sql)
    assert found is not None
    return found


@pytest.mark.parametrize("sql", ["", "-- nothing"])
def test_nothing_to_run(parser: Parser, sql: str) -> None:
    assert parser.parsed(sql) is None


def test_what_was_parsed_is_kept_and_bounded(parser: Parser) -> None:
    first = parsed(parser, "SELECT 0")
    assert parsed(parser, "SELECT 0") is first
    for number in range(1, 257):
        parsed(parser, f"SELECT {number}")
    assert parsed(parser, "SELECT 256") is parsed(parser, "SELECT 256")
    assert parsed(parser, "SELECT 0") is not first


def test_what_was_asked_for_lately_is_kept_longest(parser: Parser) -> None:
    first = parsed(parser, "SELECT 0")
    for number in range(1, 256):
        parsed(parser, f"SELECT {number}")
    assert parsed(parser, "SELECT 0") is first
    parsed(parser, "SELECT 256")
    assert parsed(parser, "SELECT 0") is first


def test_several_statements_are_run_as_text(parser: Parser) -> None:
    assert parsed(parser, "CREATE TABLE u (i INTEGER); SELECT 1").executable == (
        "CREATE TABLE u (i INTEGER); SELECT 1"
    )
    assert isinstance(parsed(parser, "SELECT 1").executable, duckdb.Statement)


@pytest.mark.parametrize(
    ("sql", "query", "write"),
    [
        ("SELECT 1", True, False),
        ("EXPLAIN SELECT 1", True, False),
        ("CREATE TABLE u (i INTEGER); SELECT 1", True, False),
        ("INSERT INTO t VALUES (1, 'x')", False, True),
        ("COPY t TO 't.csv'", False, True),
        ("CREATE TABLE u (i INTEGER)", False, False),
        ("SET search_path = 'main'", False, False),
    ],
)
def test_what_gives_rows_or_a_count(parser: Parser, sql: str, query: bool, write: bool) -> None:
    statement = parsed(parser, sql)
    assert (statement.query, statement.write) == (query, write)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM t RETURNING i",
        "INSERT INTO t VALUES (42, 'äöü€') RETURNING i",
        "insert into t values (1, 'x') returning\ti",
    ],
)
def test_returning(parser: Parser, sql: str) -> None:
    assert parsed(parser, sql).returning


@pytest.mark.parametrize(
    "sql",
    ["DELETE FROM t", "INSERT INTO t SELECT 9, 'returning'", 'UPDATE t SET s = "returning"', "SELECT 1"],
)
def test_not_returning(parser: Parser, sql: str) -> None:
    assert not parsed(parser, sql).returning


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM t",
        "CREATE TABLE u (i INTEGER)",
        "EXPLAIN ANALYZE UPDATE t SET s = 'x'",
        "UPDATE t SET s = 'x'; SELECT 1",
        "WITH u AS (SELECT 1) INSERT INTO t SELECT 7, 'x'",
    ],
)
def test_a_write_in_disguise_is_a_write(parser: Parser, sql: str) -> None:
    assert not parsed(parser, sql).reads


@pytest.mark.parametrize("sql", ["SELECT 'update'", "EXPLAIN SELECT 1", "SELECT 1; SELECT 2"])
def test_a_read_is_a_read(parser: Parser, sql: str) -> None:
    assert parsed(parser, sql).reads


@pytest.mark.parametrize("sql", ["COMMIT", "begin", "SELECT 1; ROLLBACK"])
def test_control_as_text_is_refused(parser: Parser, sql: str) -> None:
    with pytest.raises(duckdb.ProgrammingError, match=r"use begin\(\), commit\(\) and rollback\(\)"):
        parser.parsed(sql)


def test_control_is_parsed_once(parser: Parser) -> None:
    assert parser.control("COMMIT") is parser.control("COMMIT")
