"""Rows, descriptions and counts, on a connection of duckdb itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from andamios_orm.core.dialect.outcome import NOTHING, Outcome, read_outcome
from andamios_orm.core.dialect.parser import Parser


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t (i INTEGER PRIMARY KEY, s VARCHAR)")
        connection.execute("INSERT INTO t VALUES (1, 'one'), (2, 'two')")
        yield connection


def run(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[Any] | None = None) -> Outcome:
    statement = Parser(connection).parsed(sql)
    assert statement is not None
    connection.execute(statement.executable, parameters)
    return read_outcome(connection, statement)


@pytest.mark.parametrize(
    ("sql", "count"),
    [
        ("INSERT INTO t VALUES (3, 'x'), (4, 'x')", 2),
        ("INSERT INTO t SELECT 9, 'returning'", 1),
        ("UPDATE t SET s = 'x'", 2),
        ("DELETE FROM t WHERE i = 1", 1),
        ("DELETE FROM t WHERE i = 77", 0),
    ],
)
def test_a_write_counts_and_gives_no_rows(
    connection: duckdb.DuckDBPyConnection, sql: str, count: int
) -> None:
    assert run(connection, sql) == ([], None, count)


@pytest.mark.parametrize("text", ["x", "äöü€"])
def test_returning_gives_rows_even_named_count(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    outcome = run(connection, f"INSERT INTO t VALUES ($1, '{text}') RETURNING i AS \"Count\"", [5])
    assert (outcome.rows, outcome.rowcount) == ([(5,)], 1)


def test_copy_with_files_gives_rows(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    target = str(tmp_path / "t.csv")
    assert run(connection, f"COPY t TO '{target}'").rowcount == 2
    assert run(connection, f"COPY t TO '{target}' (RETURN_FILES)").rows == [(2, [target])]


def test_a_query_gives_rows_and_type_names(connection: duckdb.DuckDBPyConnection) -> None:
    outcome = run(connection, "SELECT i, s FROM t WHERE i = $1", [2])
    assert outcome.rows == [(2, "two")]
    assert [column[:2] for column in outcome.description or []] == [("i", "INTEGER"), ("s", "VARCHAR")]


@pytest.mark.parametrize("count", [0, 2047, 2048, 2049, 5000])
def test_all_rows_come_whatever_a_fetch_holds(connection: duckdb.DuckDBPyConnection, count: int) -> None:
    rows = run(connection, "SELECT range FROM range($1)", [count]).rows
    assert rows == [(number,) for number in range(count)]


@pytest.mark.parametrize("sql", ["CREATE TABLE u (i INTEGER)", "SET search_path = 'main'"])
def test_neither_rows_nor_count(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    assert run(connection, sql) == NOTHING


def test_several_statements_give_the_last_ones_rows(connection: duckdb.DuckDBPyConnection) -> None:
    assert run(connection, "CREATE TABLE u AS SELECT 7 AS i; SELECT i FROM u").rows == [(7,)]
