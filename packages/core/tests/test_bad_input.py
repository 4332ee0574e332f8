"""What cannot be opened: one clear error each, nothing created, nothing lost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import text

from andamios_orm.core import AndamiosEngine, create_engine, create_file_engine
from andamios_orm.core.errors import AndamiosError, ConfigurationError, DatabaseLockedError, OperationalError

from .services import python


async def opened(engine: AndamiosEngine) -> Any:
    try:
        async with engine.connect() as connection:
            return await connection.scalar(text("SELECT 42"))
    finally:
        await engine.dispose()


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() if path.is_file() else b"" for path in folder.iterdir()}


@pytest.mark.parametrize("data", [b"this is a text, no database\n" * 500, b"a,b\n1,2\n", b"\0" * 20_000])
async def test_a_file_that_is_no_database(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(data)
    with pytest.raises(OperationalError, match="not a valid DuckDB database file"):
        await opened(create_file_engine(path))
    assert content(tmp_path) == {"a.db": data}


@pytest.mark.parametrize(
    "name", ["a.csv", "a.CSV", "a.tsv", "a.csv.gz", "a.json", "a.jsonl", "a.ndjson", "a.parquet"]
)
def test_a_file_of_data(tmp_path: Path, name: str) -> None:
    """DuckDB would open a database in memory with a view of the file, and lose what is written."""
    path = tmp_path / name
    path.write_bytes(b"a,b")
    with pytest.raises(ConfigurationError, match="is a file of data and no database"):
        create_file_engine(path)
    assert content(tmp_path) == {name: b"a,b"}


async def test_a_damaged_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE t AS SELECT range AS a FROM range(100000)")
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))
    before = content(tmp_path)
    with pytest.raises(AndamiosError, match=r"(?i)corrupt|checksum|header"):
        await opened(create_file_engine(path))
    assert content(tmp_path) == before


async def test_a_directory(tmp_path: Path) -> None:
    with pytest.raises(OperationalError, match=r"(?i)is a directory"):
        await opened(create_file_engine(tmp_path))
    assert content(tmp_path) == {}


async def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(OperationalError, match="No such file or directory"):
        await opened(create_file_engine(tmp_path / "missing" / "a.db"))
    assert content(tmp_path) == {}


async def test_read_only_creates_no_file(tmp_path: Path) -> None:
    with pytest.raises(OperationalError, match="read-only mode: database does not exist"):
        await opened(create_file_engine(tmp_path / "missing.db", connect_args={"read_only": True}))
    assert content(tmp_path) == {}


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="there is no /proc here")
async def test_a_file_system_that_takes_no_file() -> None:
    with pytest.raises(OperationalError, match=r"/proc/a\.db"):
        await opened(create_engine("duckdb:////proc/a.db"))


WITHOUT_PERMISSION = """
    import asyncio, os, sys
    from andamios_orm import core
    from sqlalchemy import text
    engine = core.create_file_engine(sys.argv[1])
    async def main():
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    async def told():
        try:
            await main()
        except core.AndamiosError as error:
            print(type(error).__name__, error)
        await engine.dispose()
    if os.getuid() == 0:
        os.setuid(65534)
    asyncio.run(told())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that everybody may reach, and nobody may write to."""
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)
    tmp_path.chmod(0o555)
    yield tmp_path
    tmp_path.chmod(0o755)


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are other there")
def test_a_folder_without_permission(folder: Path) -> None:
    told = python(WITHOUT_PERMISSION, folder / "a.db")
    assert told.startswith("OperationalError")
    assert "Permission denied" in told
    assert content(folder) == {}


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are other there")
def test_a_file_without_permission(folder: Path) -> None:
    folder.chmod(0o755)
    path = folder / "a.db"
    duckdb.connect(str(path)).close()
    path.chmod(0o000)
    told = python(WITHOUT_PERMISSION, path)
    path.chmod(0o600)
    assert told.startswith("OperationalError")
    assert "Permission denied" in told


HOLDER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
connection.execute("CREATE TABLE IF NOT EXISTS t AS SELECT 42 AS a")
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the file test.db open."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "test.db")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process
        process.communicate()


@pytest.mark.parametrize("read_only", [False, True])
async def test_a_file_locked_by_another_process(
    holder: subprocess.Popen[str], tmp_path: Path, read_only: bool
) -> None:
    engine = create_file_engine(tmp_path / "test.db", connect_args={"read_only": read_only})
    with pytest.raises(DatabaseLockedError, match="read_only=True in every process") as caught:
        await opened(engine)
    assert (caught.value.path, caught.value.pid) == (str(tmp_path / "test.db"), holder.pid)
    assert str(holder.pid) in str(caught.value)


async def test_a_locked_file_opens_when_the_other_process_is_done(
    holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    engine = create_file_engine(tmp_path / "test.db")
    with pytest.raises(DatabaseLockedError):
        await opened(engine)
    holder.communicate()
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT a FROM t")) == 42
    await engine.dispose()


async def test_a_file_that_could_not_be_opened_is_free_for_others(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_text("no database")
    engine = create_file_engine(path)
    with pytest.raises(AndamiosError):
        await opened(engine)
    path.unlink()
    assert await opened(engine) == 42


async def test_a_file_of_a_version_to_come(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    duckdb.connect(str(path)).close()
    data = bytearray(path.read_bytes())
    # After the checksum of 8 bytes and the four letters DUCK: the storage version, as 8 bytes.
    data[12:20] = (9_999).to_bytes(8, "little")
    path.write_bytes(data)
    with pytest.raises(AndamiosError) as caught:
        await opened(create_file_engine(path))
    assert not isinstance(caught.value, ConfigurationError)
    assert path.read_bytes() == bytes(data)
