"""Queries from the command line: what they print, what they write, and what they may not change."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner, Result

from andamios_orm.core.cli.application import application

from ..services import POSTGRESQL, require

CSV = "number,passenger,price\n1,Ada,9.50\n2,,10.00\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "seats.db"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE seat (number INTEGER, passenger VARCHAR, price DECIMAL(5, 2))")
        connection.execute("INSERT INTO seat VALUES (1, 'Ada', 9.5), (2, NULL, 10)")
    return path


def sql(*arguments: object, text: str | None = None, url: str | None = None) -> Result:
    runner = CliRunner(env={"ANDAMIOS_DATABASE_URL": url})
    return runner.invoke(application(), ["sql", *map(str, arguments)], input=text)


def refusal(result: Result) -> str:
    assert (result.stdout, result.exit_code) == ("", 1)
    assert result.stderr.count("\n") == 1
    return result.stderr.strip()


class TestTable:
    def test_rows(self, file: Path) -> None:
        result = sql(f"duckdb:///{file}", "SELECT * FROM seat ORDER BY number")
        assert (result.stderr, result.exit_code) == ("", 0)
        assert [line.split() for line in result.stdout.splitlines()[1:5]] == [
            ["┃", "number", "┃", "passenger", "┃", "price", "┃"],
            ["┡━━━━━━━━╇━━━━━━━━━━━╇━━━━━━━┩"],
            ["│", "1", "│", "Ada", "│", "9.50", "│"],
            ["│", "2", "│", "NULL", "│", "10.00", "│"],
        ]

    def test_of_the_database_that_the_environment_names(self, file: Path) -> None:
        assert "Ada" in sql("SELECT passenger FROM seat", url=f"duckdb:///{file}").stdout

    def test_of_a_query_from_standard_input(self, file: Path) -> None:
        assert "Ada" in sql(f"duckdb:///{file}", "-", text="SELECT passenger\nFROM seat;\n").stdout

    def test_of_a_database_in_memory(self) -> None:
        assert "42" in sql("duckdb://", "SELECT 42 AS answer").stdout

    def test_of_no_rows_has_its_columns(self, file: Path) -> None:
        assert "passenger" in sql(f"duckdb:///{file}", "SELECT * FROM seat WHERE false").stdout

    def test_of_a_statement_that_is_no_select(self, file: Path) -> None:
        assert "DECIMAL(5,2)" in sql(f"duckdb:///{file}", "DESCRIBE seat").stdout

    def test_colons_and_percents_are_those_of_the_query(self) -> None:
        result = sql("duckdb://", "SELECT '1 :a %s %(b)s' AS x, 7 % 4 AS y, '2'::INTEGER AS z")
        assert "1 :a %s %(b)s" in result.stdout

    def test_is_not_folded_where_there_is_no_terminal(self) -> None:
        assert "x" * 500 in sql("duckdb://", "SELECT repeat('x', 500) AS x").stdout

    def test_values_do_not_steer_the_terminal(self) -> None:
        result = sql("duckdb://", "SELECT chr(27) || '[2J [red]x[/red]' AS \"[b]y[/b]\"")
        assert r"\x1b[2J [red]x[/red]" in result.stdout
        assert "[b]y[/b]" in result.stdout

    @pytest.mark.parametrize(("given", "shown"), [((), 100), (("--limit", 7), 7), (("--limit", 0), 0)])
    def test_has_a_limit(self, given: tuple[object, ...], shown: int) -> None:
        result = sql("duckdb://", "SELECT 'row' AS x FROM range(200)", *given)
        assert result.stdout.count("row") == shown
        assert result.stderr == f"There are more rows than the {shown} shown: change --limit.\n"

    @pytest.mark.parametrize("limit", [200, 201])
    def test_that_has_all_rows_says_nothing(self, limit: int) -> None:
        result = sql("duckdb://", "SELECT 'row' AS x FROM range(200)", "--limit", limit)
        assert (result.stdout.count("row"), result.stderr) == (200, "")

    def test_of_another_backend(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/a.db"
        assert sql(url, "CREATE TABLE a (x INTEGER)", "--write").exit_code == 0
        assert "rows changed: 1" in sql(url, "INSERT INTO a VALUES (42)", "--write").stdout
        assert "42" in sql(url, "SELECT x FROM a").stdout


class TestFormats:
    def test_json(self, file: Path) -> None:
        result = sql(f"duckdb:///{file}", "FROM seat ORDER BY number", "--format", "json")
        assert json.loads(result.stdout) == [
            {"number": 1, "passenger": "Ada", "price": 9.5},
            {"number": 2, "passenger": None, "price": 10},
        ]

    def test_csv(self, file: Path) -> None:
        assert sql(f"duckdb:///{file}", "FROM seat ORDER BY number; ", "--format", "csv").stdout == CSV

    def test_a_comment_at_the_end(self) -> None:
        assert sql("duckdb://", "SELECT 1 AS x -- one", "--format", "csv").stdout == "x\n1\n"

    def test_a_limit(self, file: Path) -> None:
        query = "SELECT number FROM seat ORDER BY number DESC -- the last"
        result = sql(f"duckdb:///{file}", query, "--format", "csv", "--limit", 1)
        assert result.stdout == "number\n2\n"

    def test_a_file(self, file: Path, tmp_path: Path) -> None:
        target = tmp_path / "it's.csv"
        result = sql(f"duckdb:///{file}", "FROM seat ORDER BY number", "--format", "csv", "--output", target)
        assert result.stdout == f"rows written to {target}: 2\n"
        assert target.read_text() == CSV

    def test_parquet(self, file: Path, tmp_path: Path) -> None:
        target = tmp_path / "seats.parquet"
        sql(f"duckdb:///{file}", "FROM seat ORDER BY number", "--format", "parquet", "--output", target)
        with duckdb.connect() as connection:
            rows = connection.execute("SELECT number, passenger FROM read_parquet(?)", [str(target)])
            assert rows.fetchall() == [(1, "Ada"), (2, None)]

    def test_all_rows_are_written(self) -> None:
        lines = sql("duckdb://", "FROM range(1000)", "--format", "csv").stdout.splitlines()
        assert len(lines) == 1001

    def test_parquet_needs_a_file(self) -> None:
        assert refusal(sql("duckdb://", "SELECT 1", "--format", "parquet")).endswith(
            "--output FILE where it goes"
        )

    def test_a_table_is_no_file(self, tmp_path: Path) -> None:
        result = sql("duckdb://", "SELECT 1", "--output", tmp_path / "a.txt")
        assert refusal(result) == "a table is no file: choose --format json, csv or parquet for --output"

    def test_the_database_is_not_overwritten(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(file.parent)
        result = sql(f"duckdb:///{file}", "FROM seat", "--format", "csv", "--output", "seats.db")
        assert refusal(result) == "'seats.db' is the database: the rows would take its place"

    @pytest.mark.parametrize("scheme", ["file:", "file://", "file://localhost"])
    def test_nor_by_its_address(self, file: Path, scheme: str) -> None:
        result = sql(f"duckdb:///{file}", "FROM seat", "--format", "csv", "--output", f"{scheme}{file}")
        assert "is the database: the rows would take its place" in refusal(result)

    def test_nor_by_another_name(self, file: Path, tmp_path: Path) -> None:
        other = tmp_path / "other.db"
        other.hardlink_to(file)
        result = sql(f"duckdb:///{file}", "FROM seat", "--format", "csv", "--output", other)
        assert "is the database: the rows would take its place" in refusal(result)

    def test_nor_is_its_write_ahead_log(self, file: Path) -> None:
        """What was committed last would be lost with it."""
        log = f"{file}.wal"
        result = sql(f"duckdb:///{file}", "FROM seat", "--format", "csv", "--output", log)
        assert (
            refusal(result)
            == f"{log!r} is the write-ahead log of the database: the rows would take its place"
        )
        assert not Path(log).exists()

    @pytest.mark.parametrize(
        "query",
        ["INSERT INTO seat VALUES (3) RETURNING number", "EXPLAIN SELECT 1", "SELECT 1; SELECT 2", "-- 1"],
    )
    def test_what_is_not_one_query_has_none(self, file: Path, query: str) -> None:
        result = sql(f"duckdb:///{file}", "--write", "--format", "csv", "--", query)
        assert refusal(result).startswith(
            "--format csv is for the rows of one query, which this is not: leave"
        )

    def test_wrong_sql_is_told_as_it_is(self) -> None:
        result = sql("duckdb://", "SELEC 1", "--format", "csv")
        assert refusal(result) == 'Parser Error: syntax error at or near "SELEC"'

    def test_a_folder_that_does_not_exist(self, tmp_path: Path) -> None:
        result = sql("duckdb://", "SELECT 1", "--format", "csv", "--output", tmp_path / "none" / "a.csv")
        assert "Cannot open file" in refusal(result)

    def test_another_backend_has_tables_only(self, tmp_path: Path) -> None:
        result = sql(f"sqlite:///{tmp_path}/a.db", "SELECT 1", "--format", "json")
        assert refusal(result) == "sqlite does not support --format json: leave it out, and get a table"


class TestWrites:
    @pytest.mark.parametrize("query", ["DELETE FROM seat", "DROP TABLE seat", "CREATE TABLE a (id INTEGER)"])
    def test_are_refused_by_the_engine(self, file: Path, query: str) -> None:
        assert "read-only" in refusal(sql(f"duckdb:///{file}", query))
        assert "Ada" in sql(f"duckdb:///{file}", "SELECT passenger FROM seat").stdout

    def test_are_refused_in_an_attached_database_too(self, file: Path, tmp_path: Path) -> None:
        other = tmp_path / "other.db"
        duckdb.connect(str(other)).close()
        attach = f"ATTACH '{other}' AS other (READ_WRITE); CREATE TABLE other.a (id INTEGER)"
        assert "read-only" in refusal(sql(f"duckdb:///{file}", attach))
        with duckdb.connect(str(other)) as connection:
            assert connection.execute("SHOW TABLES").fetchall() == []

    def test_are_refused_in_memory_too(self) -> None:
        assert "read-only" in refusal(sql("duckdb://", "CREATE TABLE other (id INTEGER)"))

    def test_are_refused_by_another_backend_too(self) -> None:
        url = require(POSTGRESQL)
        assert "read-only" in refusal(sql(url, "CREATE TABLE andamios_cli (id INTEGER)"))

    def test_a_query_makes_no_file(self, tmp_path: Path) -> None:
        assert "does not exist" in refusal(sql(f"duckdb:///{tmp_path}/none.db", "SELECT 1"))
        assert list(tmp_path.iterdir()) == []

    def test_are_committed_when_they_are_asked_for(self, file: Path) -> None:
        result = sql(f"duckdb:///{file}", "DELETE FROM seat WHERE number = 1", "--write")
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout.startswith("done")
        assert "Ada" not in sql(f"duckdb:///{file}", "SELECT passenger FROM seat").stdout

    def test_show_the_rows_that_they_return(self, file: Path) -> None:
        result = sql(f"duckdb:///{file}", "DELETE FROM seat RETURNING passenger", "--write", "--limit", 1)
        assert "Ada" in result.stdout
        assert "Ada" not in sql(f"duckdb:///{file}", "SELECT passenger FROM seat").stdout

    def test_make_the_file(self, tmp_path: Path) -> None:
        assert (
            sql(f"duckdb:///{tmp_path}/new.db", "CREATE TABLE a (id INTEGER)", "--write").stdout == "done\n"
        )
        assert (tmp_path / "new.db").exists()

    def test_that_fail_change_nothing(self, file: Path) -> None:
        result = sql(f"duckdb:///{file}", "DELETE FROM seat; SELECT error('no')", "--write")
        assert refusal(result) == "Invalid Input Error: no"
        assert "Ada" in sql(f"duckdb:///{file}", "SELECT passenger FROM seat").stdout


class TestMistakes:
    def test_wrong_sql_is_told_in_one_line_without_the_statement(self, file: Path) -> None:
        result = sql(f"duckdb:///{file}", "SELECT * FROM seats WHERE 'geheim' = passenger")
        assert refusal(result) == 'Catalog Error: Table with name seats does not exist! Did you mean "seat"?'

    @pytest.mark.parametrize("query", ["", "  ;", "\n"])
    def test_an_empty_query(self, query: str) -> None:
        assert refusal(sql("duckdb://", query)) == "the query is empty"

    def test_an_empty_query_from_standard_input(self) -> None:
        assert refusal(sql("duckdb://", "-", text="")) == "the query is empty"

    def test_too_many_words(self) -> None:
        told = refusal(sql("postgresql://ada:geheim@host/db", "SELECT", "1"))
        assert told == "give a URL and a query, each as one argument: put the query into quotes"

    def test_no_database(self) -> None:
        told = refusal(sql("SELECT 1"))
        assert told.endswith("Give its URL, such as duckdb:///flights.db, or set ANDAMIOS_DATABASE_URL")

    def test_no_query(self) -> None:
        told = refusal(sql("postgresql://ada:geheim@host/db", url="duckdb://"))
        assert told == "the query is missing: give it after the URL, in quotes"

    def test_a_url_that_is_none(self) -> None:
        told = refusal(sql("ada:geheim@host", "SELECT 1"))
        assert told.startswith("this is no database URL")
        assert "geheim" not in told

    def test_a_server_that_cannot_be_reached(self) -> None:
        told = refusal(sql("postgresql://ada:geheim@127.0.0.1:1/db", "SELECT 1"))
        assert told.startswith("postgresql cannot be reached")
        assert "geheim" not in told
