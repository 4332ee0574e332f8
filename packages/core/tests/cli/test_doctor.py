"""What the doctor finds."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner, Result

from andamios_orm.core.cli import doctor as module
from andamios_orm.core.cli.application import application
from andamios_orm.core.cli.doctor import _size

from ..services import POSTGRESQL, require

HOLD = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('open', flush=True); input()"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "seats.db"
    duckdb.connect(str(path)).close()
    return path


@pytest.fixture
def holder(file: Path) -> Iterator[int]:
    """The id of another process that has the file open to write."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    yield process.pid
    process.communicate("\n", timeout=60)


def doctor(*arguments: object, url: str | None = None) -> Result:
    runner = CliRunner(env={"ANDAMIOS_DATABASE_URL": url})
    return runner.invoke(application(), ["doctor", *map(str, arguments)])


def findings(result: Result) -> dict[str, str]:
    cells = (line.strip("│ ").split("│") for line in result.stdout.splitlines()[1:-1])
    return {subject.strip(): told.strip() for subject, told in cells}


def test_a_file_that_is_well(file: Path) -> None:
    result = doctor(f"duckdb:///{file}")
    found = findings(result)
    assert (result.exit_code, result.stderr) == (0, "")
    assert list(found) == [
        "installed",
        "database",
        "file",
        "disk",
        "engine",
        "extensions",
        "lock",
        "settings",
    ]
    assert f"duckdb {duckdb.__version__}" in found["installed"]
    assert found["file"] == f"{file}: {_size(file.stat().st_size)}"
    assert found["disk"].endswith(" free")
    assert found["engine"] == f"DuckDB v{duckdb.__version__}"
    assert {"icu", "json", "parquet"} <= set(found["extensions"].split(", "))
    assert found["lock"] == "no other process has it open to write"
    for name in ("pool_size=20", "foreign_keys=checked", "worker_threads=", "memory_limit=", "threads="):
        assert name in found["settings"]


def test_the_database_that_the_environment_names(file: Path) -> None:
    assert findings(doctor(url=f"duckdb:///{file}"))["file"].startswith(str(file))


def test_it_does_not_change_the_file(file: Path) -> None:
    before = (file.read_bytes(), list(file.parent.iterdir()))
    doctor(f"duckdb:///{file}")
    assert (file.read_bytes(), list(file.parent.iterdir())) == before


def test_a_database_in_memory() -> None:
    result = doctor("duckdb://")
    assert result.exit_code == 0
    assert not {"file", "disk"} & findings(result).keys()


def test_a_write_ahead_log(file: Path) -> None:
    program = "CREATE TABLE a (id INTEGER); PRAGMA disable_checkpoint_on_shutdown; INSERT INTO a VALUES (1)"
    with duckdb.connect(str(file)) as connection:
        connection.execute(program)
    result = doctor(f"duckdb:///{file}")
    assert result.exit_code == 0
    assert findings(result)["file"].endswith(" of write-ahead log")


def test_credentials_show_nowhere(file: Path) -> None:
    result = doctor(f"duckdb:///{file}?http_proxy_password=geheim&threads=1")
    assert result.exit_code == 0
    assert "http_proxy_password=***" in findings(result)["settings"]
    assert "threads=1" in findings(result)["settings"]
    assert "geheim" not in result.output


def test_a_process_that_holds_the_file(file: Path, holder: int) -> None:
    result = doctor(f"duckdb:///{file}")
    assert result.exit_code == 1
    assert findings(result)["lock"] == f"process {holder} has the database open to write"


def test_a_file_that_does_not_exist(tmp_path: Path) -> None:
    result = doctor(f"duckdb:///{tmp_path}/none.db")
    assert result.exit_code == 1
    assert findings(result)["file"] == f"{tmp_path}/none.db does not exist"
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_text("no database" * 1000)
    result = doctor(f"duckdb:///{tmp_path}/bad.db")
    assert result.exit_code == 1
    assert "not a valid DuckDB database file" in findings(result)["connection"]


def test_a_disk_that_is_full(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LITTLE_SPACE", 2**80)
    assert doctor(f"duckdb:///{file}").exit_code == 1


def test_another_backend() -> None:
    result = doctor(require(POSTGRESQL))
    found = findings(result)
    assert result.exit_code == 0
    assert found["engine"].startswith("postgresql 1")
    assert found["settings"] == "pool_size=20"


def test_another_backend_in_memory() -> None:
    assert doctor("sqlite://").exit_code == 0


def test_a_server_that_cannot_be_reached() -> None:
    result = doctor("postgresql://ada:geheim@127.0.0.1:1/db?password=geheim")
    found = findings(result)
    assert result.exit_code == 1
    assert found["database"] == "postgresql+asyncpg://ada:***@127.0.0.1:1/db"
    assert found["connection"].startswith("postgresql cannot be reached")
    assert "geheim" not in result.output


def test_without_a_database_there_is_one_line() -> None:
    result = doctor()
    assert (result.stdout, result.exit_code) == ("", 1)
    assert "set ANDAMIOS_DATABASE_URL" in result.stderr


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1 KiB"),
        (536_870_912, "512 MiB"),
        (2**41 + 2**40, "3 TiB"),
        (2**54, "1.638e+04 TiB"),
    ],
)
def test_sizes(count: int, told: str) -> None:
    assert _size(count) == told
