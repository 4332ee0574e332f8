"""Models of an existing database, from the command line."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner, Result

from andamios_orm.core import create_engine
from andamios_orm.core.cli.application import application

POSTGRESQL = "postgresql://postgres@127.0.0.1:5432/postgres"
MARIADB = "mariadb://root@127.0.0.1:3306/test"

SQL = """
    CREATE TABLE airline (code VARCHAR PRIMARY KEY, name VARCHAR NOT NULL);
    CREATE TABLE flight (id INTEGER PRIMARY KEY, carrier VARCHAR REFERENCES airline (code));
    CREATE TABLE weather (origin VARCHAR, temp DOUBLE);
    CREATE SCHEMA old;
    CREATE TABLE old.airline (code VARCHAR PRIMARY KEY)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "flights.db"
    with duckdb.connect(str(path)) as connection:
        connection.execute(SQL)
    return path


def reflect(*arguments: object, url: str | None = None) -> Result:
    runner = CliRunner(env={"ANDAMIOS_DATABASE_URL": url})
    return runner.invoke(application(), ["reflect", *map(str, arguments)])


def refusal(result: Result) -> str:
    assert (result.stdout, result.exit_code) == ("", 1)
    assert result.stderr.count("\n") == 1
    return result.stderr.strip()


def classes(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return [line.removeprefix("class ") for line in result.stdout.splitlines() if line.startswith("class ")]


class TestText:
    def test_goes_to_the_terminal(self, file: Path) -> None:
        result = reflect(f"duckdb:///{file}")
        assert classes(result) == ["Airline(BaseModel):", "Flight(BaseModel):"]
        assert 'airline: Mapped[Airline | None] = relationship(back_populates="flights")' in result.stdout
        assert "weather = Table(" in result.stdout

    def test_tells_what_the_module_has_not(self, file: Path) -> None:
        result = reflect(f"duckdb:///{file}")
        assert result.stderr.startswith("weather has no primary key")
        assert "--key weather=origin" in result.stderr

    def test_of_the_database_that_the_environment_names(self, file: Path) -> None:
        assert classes(reflect("--tables", "flight", url=f"duckdb:///{file}")) == ["Flight(BaseModel):"]

    def test_of_some_tables(self, file: Path) -> None:
        assert classes(reflect(f"duckdb:///{file}", "--tables", "a*, flight")) == [
            "Airline(BaseModel):",
            "Flight(BaseModel):",
        ]

    def test_of_other_schemas(self, file: Path) -> None:
        result = reflect(f"duckdb:///{file}", "--schema", "*")
        assert classes(result) == ["Airline(BaseModel):", "Flight(BaseModel):", "OldAirline(BaseModel):"]

    def test_with_a_key_that_is_chosen(self, file: Path) -> None:
        result = reflect(f"duckdb:///{file}", "--key", "weather=origin, temp", "--tables", "weather")
        assert (classes(result), result.stderr) == (["Weather(BaseModel):"], "")
        assert result.stdout.count("primary_key=True") == 2

    def test_with_a_base_of_ones_own(self, file: Path) -> None:
        result = reflect(f"duckdb:///{file}", "--base", "airline.base:Base", "--tables", "airline")
        assert classes(result) == ["Airline(Base):"]

    def test_tells_of_a_type_that_is_not_known(self, file: Path) -> None:
        with duckdb.connect(str(file)) as connection:
            connection.execute("CREATE TABLE a (id INTEGER PRIMARY KEY, t TIME_NS)")
        result = reflect(f"duckdb:///{file}", "--tables", "a")
        assert result.stderr.splitlines() == [
            "Did not recognize type 'TIME_NS'",
            "The type of a.t is not known: its values come as they are, and the table cannot be created.",
        ]

    def test_shows_no_progress_where_there_is_no_terminal(self, file: Path) -> None:
        assert "reading" not in reflect(f"duckdb:///{file}").output

    def test_shows_progress_on_a_terminal(self, file: Path) -> None:
        runner = CliRunner(env={"FORCE_COLOR": "1", "TERM": "xterm"})
        result = runner.invoke(application(), ["reflect", f"duckdb:///{file}", "--tables", "airline"])
        assert "reading" in result.stderr
        assert "reading" not in result.stdout


class TestFile:
    def test_is_written(self, file: Path, tmp_path: Path) -> None:
        module = tmp_path / "models.py"
        result = reflect(f"duckdb:///{file}", "--output", module)
        assert result.stdout == f"models written to {module}: 2\n"
        assert module.read_text() == reflect(f"duckdb:///{file}").stdout
        assert sorted(path.name for path in tmp_path.iterdir()) == ["flights.db", "models.py"]

    def test_is_a_module_of_the_database(self, file: Path, tmp_path: Path) -> None:
        reflect(f"duckdb:///{file}", "--output", tmp_path / "models.py")
        program = """
            from andamios_orm.core import SessionManager, create_engine, run
            from models import Airline, Flight

            async def main():
                async with SessionManager(create_engine("duckdb:///flights.db")) as session:
                    session.add(Flight(id=1, airline=Airline(code="UA", name="United")))
                async with SessionManager(create_engine("duckdb:///flights.db")) as session:
                    print(await session.get(Flight, 1))

            run(main())
        """
        command = [sys.executable, "-W", "error", "-c", dedent(program)]
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True)
        assert ran.stdout == "Flight(id=1, carrier='UA')\n"

    def test_that_is_there_is_kept(self, file: Path, tmp_path: Path) -> None:
        module = tmp_path / "models.py"
        module.write_text("mine")
        told = refusal(reflect(f"duckdb:///{file}", "--output", module))
        assert told == f"{module} is there already: --force replaces it"
        assert module.read_text() == "mine"

    def test_that_is_there_may_be_replaced(self, file: Path, tmp_path: Path) -> None:
        module = tmp_path / "models.py"
        module.write_text("mine")
        reflect(f"duckdb:///{file}", "--output", module, "--force")
        assert "class Flight(BaseModel):" in module.read_text()

    def test_of_another_kind_is_refused(self, file: Path) -> None:
        told = refusal(reflect(f"duckdb:///{file}", "--output", file, "--force"))
        assert told == f"{file} is no module: the name of one ends in .py"

    def test_in_a_folder_that_is_not_there(self, file: Path, tmp_path: Path) -> None:
        module = tmp_path / "none" / "models.py"
        told = refusal(reflect(f"duckdb:///{file}", "--output", module))
        assert told == f"the folder of {module} does not exist: make it first"

    def test_is_not_half_written(self, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(self: Path, *_: Any, **__: Any) -> None:
            with self.open("w") as written:
                written.write("half")
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "write_text", fail)
        assert "No space left on device" in self.stderr(file, tmp_path / "models.py")
        assert [path.name for path in tmp_path.iterdir()] == ["flights.db"]

    def stderr(self, file: Path, module: Path) -> str:
        result = reflect(f"duckdb:///{file}", "--output", module, "--tables", "airline")
        assert result.exit_code == 1
        return result.stderr


class TestMistakes:
    @pytest.mark.parametrize("url", ["duckdb:///{}/none.db", "sqlite:///{}/none.db"])
    def test_a_file_that_is_not_there_is_not_made(self, url: str, tmp_path: Path) -> None:
        assert "does not exist" in refusal(reflect(url.format(tmp_path)))
        assert list(tmp_path.iterdir()) == []

    def test_a_file_that_another_process_writes(self, file: Path) -> None:
        program = f"import duckdb; held = duckdb.connect({str(file)!r}); print('held', flush=True); input()"
        command = [sys.executable, "-c", program]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
            assert holder.stdout is not None
            holder.stdout.readline()
            told = refusal(reflect(f"duckdb:///{file}"))
            holder.communicate("\n")
        assert f"(PID {holder.pid})" in told

    @pytest.mark.parametrize("url", ["duckdb://", "sqlite://"])
    def test_a_database_without_tables(self, url: str) -> None:
        assert refusal(reflect(url)) == "there is no table and no view in the database"

    @pytest.mark.parametrize("key", ["weather", "weather=", "=origin", "weather= ,"])
    def test_a_key_without_columns(self, file: Path, key: str) -> None:
        told = refusal(reflect(f"duckdb:///{file}", "--key", key))
        assert told == f"--key {key} names no columns: give --key table=column, or table=one,two"

    def test_no_database(self) -> None:
        assert refusal(reflect()).startswith("of which database? Give its URL")

    def test_the_database_is_not_changed(self, file: Path) -> None:
        before = file.read_bytes()
        reflect(f"duckdb:///{file}")
        assert file.read_bytes() == before


def make(url: str, *statements: str) -> None:
    async def main() -> None:
        engine = create_engine(url)
        async with engine.begin() as connection:
            for statement in statements:
                await connection.exec_driver_sql(statement)
        await engine.dispose()

    asyncio.run(main())


def require(port: int) -> None:
    """Skip the test when no server listens, or fail it when ANDAMIOS_REQUIRE_SERVICES=1."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        if os.environ.get("ANDAMIOS_REQUIRE_SERVICES") == "1":
            raise
        pytest.skip(f"no server at port {port}")


def compiled(result: Result) -> str:
    """Return a module that Python can read, in one line."""
    assert result.exit_code == 0, result.output
    compile(result.stdout, "models.py", "exec")
    return " ".join(result.stdout.split())


class TestOtherBackends:
    def test_sqlite(self, tmp_path: Path) -> None:
        with sqlite3.connect(tmp_path / "a.db") as connection:
            connection.executescript("""
                CREATE TABLE airline (code VARCHAR(3) PRIMARY KEY, at DATETIME DEFAULT CURRENT_TIMESTAMP);
                CREATE TABLE flight (id INTEGER PRIMARY KEY, carrier REFERENCES airline ON DELETE CASCADE);
                CREATE INDEX some ON flight (carrier) WHERE id > 5;
                CREATE VIEW seen (a, b) AS SELECT code, at FROM airline
            """)
        connection.close()
        text = compiled(reflect(f"sqlite:///{tmp_path}/a.db"))
        assert "code: Mapped[str] = mapped_column(VARCHAR(length=3), primary_key=True)" in text
        assert "id: Mapped[int] = mapped_column(primary_key=True)" in text
        assert 'Index("some", "carrier", sqlite_where=text("id > 5"))' in text
        assert 'for _view, _read in (("seen", "airline"),):' in text

    def test_postgresql(self) -> None:
        require(5432)
        schema = "andamios_reflect"
        drop = f"DROP SCHEMA IF EXISTS {schema} CASCADE"
        make(POSTGRESQL, drop, f"CREATE SCHEMA {schema}", f"SET search_path = {schema}", *OF_POSTGRESQL)
        text = compiled(reflect(POSTGRESQL, "--schema", schema))
        make(POSTGRESQL, drop)
        assert "id: Mapped[int] = mapped_column(primary_key=True)" in text
        assert f'StrEnumType(Mood, name="mood", schema="{schema}")' in text
        assert (
            'ForeignKey( "andamios_reflect.airline.code", name="flight_carrier_fkey", ondelete="CASCADE", )'
            in text
        )
        assert "j: Mapped[Any | None] = mapped_column(JSONB(astext_type=Text()))" in text
        assert "number: Mapped[int] = mapped_column(Identity(always=True))" in text
        assert '(("andamios_reflect.seen", "andamios_reflect.flight"),)' in text

    def test_mariadb(self) -> None:
        require(3306)
        drop = ("DROP VIEW IF EXISTS reflect_seen", "DROP TABLE IF EXISTS reflect_flight, reflect_airline")
        make(MARIADB, *drop, *OF_MARIADB)
        text = compiled(reflect(MARIADB, "--tables", "reflect_*"))
        make(MARIADB, *drop)
        assert "id: Mapped[int] = mapped_column(INTEGER(display_width=11), primary_key=True)" in text
        assert "kind: Mapped[ReflectFlightKind | None] = mapped_column(" in text
        assert '__table_args__ = ({"comment": "who"},)' in text
        assert 'for _view, _read in (("reflect_seen", "reflect_flight"),):' in text


OF_POSTGRESQL = (
    "CREATE TYPE mood AS ENUM ('sad', 'ok')",
    "CREATE TABLE airline (code VARCHAR(3) PRIMARY KEY)",
    "CREATE TABLE flight (id SERIAL PRIMARY KEY, carrier VARCHAR(3) REFERENCES airline ON DELETE CASCADE, "
    "m mood, j JSONB, number INTEGER GENERATED ALWAYS AS IDENTITY)",
    "CREATE VIEW seen AS SELECT carrier FROM flight",
)

OF_MARIADB = (
    "CREATE TABLE reflect_airline (code VARCHAR(3) PRIMARY KEY) COMMENT 'who'",
    "CREATE TABLE reflect_flight (id INTEGER PRIMARY KEY AUTO_INCREMENT, kind ENUM('a', 'b'), "
    "carrier VARCHAR(3) REFERENCES reflect_airline (code))",
    "CREATE VIEW reflect_seen AS SELECT carrier FROM reflect_flight",
)
