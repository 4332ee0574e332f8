"""Fixtures from the command line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import duckdb
import pytest
from typer.testing import CliRunner, Result

from andamios_orm.core.cli.application import application

MODULE = """
    from __future__ import annotations

    from sqlalchemy import ForeignKey, MetaData
    from sqlalchemy.orm import Mapped, mapped_column

    from andamios_orm.models import BaseModel, IntegerKey, NaturalKey

    class Base(BaseModel):
        __abstract__ = True
        metadata = MetaData()

    class Airline(Base):
        code: Mapped[NaturalKey[str]]
        name: Mapped[str]

    class Flight(IntegerKey, Base):
        number: Mapped[int] = mapped_column(unique=True)
        carrier: Mapped[str] = mapped_column(ForeignKey(Airline.code))
"""

SQL = """
    CREATE TABLE airline (code VARCHAR PRIMARY KEY, name VARCHAR NOT NULL);
    CREATE SEQUENCE flight_id_seq;
    CREATE TABLE flight (
        id BIGINT PRIMARY KEY DEFAULT nextval('flight_id_seq'), number INTEGER UNIQUE, carrier VARCHAR
    )
"""


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """Forget what was imported."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The present folder, with models, fixtures and an empty database."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "seedmodels.py").write_text(dedent(MODULE))
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "README.md").write_text("what they are")
    (tmp_path / "seeds" / "1.json").write_text('{"flight": [{"number": 1, "carrier": "UA"}]}')
    (tmp_path / "seeds" / "airline.csv").write_text("code,name\nUA,United\nAA,American\n")
    with duckdb.connect(str(tmp_path / "a.db")) as connection:
        connection.execute(SQL)
    return tmp_path


def seed(*arguments: object, url: str = "duckdb:///a.db") -> Result:
    runner = CliRunner(env={"ANDAMIOS_DATABASE_URL": url})
    return runner.invoke(application(), ["db-seed", *map(str, arguments)])


def rows(query: str) -> list[tuple[object, ...]]:
    with duckdb.connect("a.db") as connection:
        return connection.execute(query).fetchall()


def refusal(result: Result) -> str:
    assert (result.stdout, result.exit_code) == ("", 1)
    assert result.stderr.count("\n") == 1
    return result.stderr.strip()


MATCH = ("--models", "seedmodels", "--match", "flight=number")


@pytest.mark.usefixtures("folder")
class TestSeed:
    def test_a_folder_twice(self) -> None:
        first, second = seed("seeds", *MATCH), seed("seeds", *MATCH)
        assert (first.exit_code, first.stderr) == (0, "")
        cells = [line.replace("│", " ").split() for line in first.stdout.splitlines()]
        assert ["airline", "2", "0", "0"] in cells
        assert ["flight", "1", "0", "0"] in cells
        cells = [line.replace("│", " ").split() for line in second.stdout.splitlines()]
        assert ["airline", "0", "0", "2"] in cells
        assert rows("SELECT number, carrier FROM flight") == [(1, "UA")]

    def test_of_another_database(self) -> None:
        result = seed("seeds/airline.csv", "--models", "seedmodels.py", "--url", "duckdb:///a.db", url="x")
        assert result.exit_code == 0
        assert rows("SELECT count(*) FROM airline") == [(2,)]

    def test_a_trial_writes_nothing(self) -> None:
        result = seed("seeds", *MATCH, "--dry-run")
        assert "nothing was written: this was a dry run" in result.stdout
        assert rows("SELECT count(*) FROM airline") == [(0,)]

    def test_all_or_nothing(self) -> None:
        Path("seeds/flight.csv").write_text("id,number,carrier\n1,7,LH\n2,8,UA\n")
        assert "LH" in refusal(seed("seeds/airline.csv", "seeds/flight.csv", "--models", "seedmodels"))
        assert rows("SELECT count(*) FROM airline") == [(0,)]

    def test_the_same_row_in_two_files(self) -> None:
        Path("Airline.json").write_text('[{"code": "AA", "name": "Another"}]')
        told = refusal(seed("seeds/airline.csv", "Airline.json", "--models", "seedmodels"))
        assert told == "row 1 of seeds/airline.csv and row 0 of Airline.json are the same by code"

    def test_two_files_of_one_table(self) -> None:
        Path("Airline.json").write_text('[{"code": "LH", "name": "Lufthansa"}]')
        result = seed("seeds/airline.csv", "Airline.json", "--models", "seedmodels")
        assert "airline │        3" in result.stdout

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (("seeds", "--models", "seedmodels"), "has no id, which its rows are found by: add it, or"),
            (("none.csv", "--models", "seedmodels"), "there is no file 'none.csv'"),
            (("seedmodels.py", "--models", "seedmodels"), "seedmodels.py is no fixture"),
            ((".", "--models", "seedmodels"), "there is no fixture in the folder ."),
            (("seeds", "--models", "json"), "json: no model is defined there"),
            (("seeds", "--models", "nowhere"), "nowhere cannot be imported"),
            (("seeds", *MATCH[:2], "--match", "number"), "--match number names no columns"),
            (("seeds", *MATCH[:2], "--match", "flights=number"), "did you mean 'flight'"),
        ],
    )
    def test_what_is_refused(self, arguments: tuple[str, ...], told: str) -> None:
        assert told in refusal(seed(*arguments))
        assert rows("SELECT count(*) FROM airline") == [(0,)]

    def test_the_bars_of_a_terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FORCE_COLOR", "1")
        result = seed("seeds", *MATCH)
        assert "airline.csv" in result.stderr
        assert "2/2" in result.stderr


def test_help_says_what_it_takes() -> None:
    result = seed("--help")
    assert all(word in result.stdout for word in ("PATH", "--models", "--url", "--match", "--dry-run"))


def test_as_a_program(folder: Path) -> None:
    command = [sys.executable, "-c", "from andamios_orm.core.cli import main; main()", "db-seed", "seeds"]
    done = subprocess.run(
        [*command, *MATCH, "--url", "duckdb:///a.db"], cwd=folder, capture_output=True, text=True, check=True
    )
    assert "airline" in done.stdout


def test_no_database_is_made(folder: Path) -> None:
    result = seed("seeds", "--models", "seedmodels", url="duckdb:///none.db")
    assert result.exit_code == 1
    assert "there is no database" in result.stderr
    assert not (folder / "none.db").exists()
