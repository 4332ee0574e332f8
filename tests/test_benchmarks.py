"""The benchmark of repositories does its works, which checks that they were done."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).parent.parent
WORKS = {
    "create_one",
    "get_one",
    "update_one",
    "create_many",
    "upsert_many",
    "list_many",
    "list_and_count",
    "aggregate",
}


def measured(*options: str) -> subprocess.CompletedProcess[str]:
    """Run it without the other libraries, which are not installed here."""
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.repositories", "--no-rivals", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.skipif(
    not hasattr(duckdb.DuckDBPyConnection, "appender"),
    reason="the baseline writes with the appender of DuckDB 2",
)
def test_every_work_is_measured_against_duckdb(tmp_path: Path) -> None:
    file = tmp_path / "rounds.json"
    run = measured("--rounds", "1", "--json", str(file))
    assert run.returncode == 0, run.stderr
    rounds = json.loads(file.read_text())["rounds"]
    assert set(rounds) == {"andamios"}
    assert set(rounds["andamios"]) == WORKS


@pytest.mark.parametrize("options", [("--rounds", "0"), ("--only", "nothing")])
def test_an_option_that_means_nothing_is_refused(options: tuple[str, str]) -> None:
    run = measured(*options)
    assert run.returncode == 2
    assert options[0] in run.stderr
