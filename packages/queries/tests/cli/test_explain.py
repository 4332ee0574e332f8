"""Plans from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner, Result

from andamios_orm.core.cli.application import application


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that is read, and never written to."""
    path = tmp_path_factory.mktemp("explain") / "seats.db"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE seat AS SELECT range AS number, 'x:y' AS word FROM range(200_000)")
    return path


def explain(*arguments: object, text: str | None = None, url: str | None = None) -> Result:
    runner = CliRunner(env={"ANDAMIOS_DATABASE_URL": url})
    return runner.invoke(application(), ["explain", *map(str, arguments)], input=text)


def refusal(result: Result) -> str:
    assert (result.stdout, result.exit_code) == ("", 1)
    assert result.stderr.count("\n") == 1
    return result.stderr.strip()


def test_the_tree(file: Path) -> None:
    result = explain(f"duckdb:///{file}", "SELECT word, count(*) FROM seat WHERE number > 5 GROUP BY word")
    lines = result.stdout.splitlines()
    assert (result.stderr, result.exit_code) == ("", 0)
    assert "rows: 1, memory:" in lines[0]
    assert any("HASH_GROUP_BY" in line for line in lines)
    assert lines[-2].strip().endswith("seats.main.seat")


def test_in_a_terminal_it_is_in_colour(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    result = explain(f"duckdb:///{file}", "SELECT number FROM seat WHERE number > 199_998")
    assert "\x1b[1;31mSEQ_SCAN" in result.stdout
    assert "\x1b[1;35m" in result.stdout


def test_of_the_database_that_the_environment_names(file: Path) -> None:
    result = explain("SELECT number FROM seat LIMIT 5", url=f"duckdb:///{file}")
    assert "5 rows" in result.stdout


def test_of_a_query_from_standard_input(file: Path) -> None:
    assert "SEQ_SCAN" in explain(f"duckdb:///{file}", "-", text="SELECT number\nFROM seat LIMIT 3;\n").stdout


def test_colons_are_those_of_the_query(file: Path) -> None:
    result = explain(
        f"duckdb:///{file}", r"SELECT number::INTEGER, '\:x' FROM seat WHERE word <> ':a' LIMIT 4"
    )
    assert (result.stderr, result.exit_code) == ("", 0)
    assert "rows: 4" in result.stdout


def test_without_an_execution(file: Path) -> None:
    result = explain(f"duckdb:///{file}", "SELECT number FROM seat LIMIT 5", "--no-execute")
    assert result.stdout.startswith("not executed: estimates only")
    assert "expected" in result.stdout


def test_a_wrong_estimate_is_remarked(file: Path) -> None:
    result = explain(f"duckdb:///{file}", "SELECT * FROM seat WHERE number > 199_998")
    assert "of the expected" in result.stdout


def test_as_json(file: Path) -> None:
    plan = json.loads(
        explain(f"duckdb:///{file}", "SELECT number FROM seat LIMIT 5", "--format", "json").stdout
    )
    assert (plan["executed"], plan["root"]["rows"]) == (True, 5)


@pytest.mark.parametrize(("suffix", "begin"), [("svg", "<svg "), ("html", "<!DOCTYPE html>")])
def test_as_a_file(file: Path, tmp_path: Path, suffix: str, begin: str) -> None:
    drawing = tmp_path / f"plan.{suffix}"
    result = explain(f"duckdb:///{file}", "SELECT '<b>'\nFROM seat LIMIT 5", "--output", drawing)
    assert result.stdout == f"plan written to {drawing}\n"
    written = drawing.read_text(encoding="utf-8")
    assert written.startswith(begin)
    assert "SELECT &#x27;&lt;b&gt;&#x27; FROM seat" in written


def test_warnings_come_on_standard_error(file: Path) -> None:
    result = explain(f"duckdb:///{file}", "FROM seat a, seat b", "--no-execute")
    first, second = result.stderr.splitlines()
    assert first.startswith("Warning: each row of seats.main.seat meets each of seats.main.seat")
    assert "rows are fetched, and nothing limits them" in second
    assert result.exit_code == 0


def test_what_is_said_does_not_steer_the_terminal(file: Path) -> None:
    result = explain(
        f"duckdb:///{file}", "SELECT number FROM seat WHERE word || number <> chr(27) || '[red]' LIMIT 5"
    )
    assert "\x1b" not in result.stdout
    assert "[red]" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("DELETE FROM seat",), "only one query is explained"),
        (("SELECT 1; SELECT 2",), "only one query is explained"),
        ((" ; ",), "the query is empty"),
        (("SELEC 1",), "syntax error"),
        (("FROM nowhere",), "nowhere"),
        (("duckdb://", "SELECT 1"), "each as one argument"),
        (("SELECT 1", "--output", "plan.png"), "a plan is drawn as .svg or .html"),
    ],
)
def test_refusals(file: Path, arguments: tuple[str, ...], said: str) -> None:
    assert said in refusal(explain(f"duckdb:///{file}", *arguments))


def test_a_url_alone_lacks_its_query(file: Path) -> None:
    assert "the query is missing" in refusal(explain(f"duckdb:///{file}"))


def test_the_drawing_does_not_take_the_place_of_the_database(tmp_path: Path) -> None:
    path = tmp_path / "plan.svg"
    duckdb.connect(str(path)).close()
    assert "is the database" in refusal(explain(f"duckdb:///{path}", "SELECT 1", "--output", path))


def test_another_backend_is_refused() -> None:
    result = explain("sqlite+aiosqlite:///:memory:", "SELECT 1")
    assert "sqlite does not support QueryOptimizer" in refusal(result)


def test_the_database_stays_as_it_is(file: Path) -> None:
    explain(f"duckdb:///{file}", "SELECT 1); DELETE FROM seat; SELECT (1")
    with duckdb.connect(str(file)) as connection:
        assert connection.execute("SELECT count(*) FROM seat").fetchall() == [(200_000,)]
