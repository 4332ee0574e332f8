"""Root connections, shared and counted."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from andamios_orm.core.dialect.database import ConfigurationMismatch, Database, DatabaseOptions, Lease
from andamios_orm.core.dialect.raw import RawConnection


def test_two_users_of_a_file_share_one_root(tmp_path: Path) -> None:
    options = DatabaseOptions(str(tmp_path / "a.db"))
    first, second = Database.acquire(options), Database.acquire(options)
    assert first is second
    first.release()
    assert second.cursor().execute("SELECT 42").fetchall() == [(42,)]
    second.release()


def test_the_last_user_closes_the_root(tmp_path: Path) -> None:
    options = DatabaseOptions(str(tmp_path / "a.db"))
    database = Database.acquire(options)
    cursor = database.cursor()
    database.release()
    with pytest.raises(duckdb.ConnectionException):
        cursor.execute("SELECT 1")
    assert Database.acquire(options) is not database


def test_a_file_has_one_key_whatever_it_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link.db").symlink_to(tmp_path / "a.db")
    assert (
        DatabaseOptions("a.db").key
        == DatabaseOptions(str(tmp_path / "link.db")).key
        == str(tmp_path / "a.db")
    )


def test_private_memory_is_not_shared() -> None:
    first, second = Database.acquire(DatabaseOptions()), Database.acquire(DatabaseOptions())
    assert first is not second
    first.cursor().execute("CREATE TABLE t (i INTEGER)")
    assert second.cursor().execute("SELECT count(*) FROM duckdb_tables()").fetchall() == [(0,)]
    first.release()
    second.release()


def test_named_memory_is_shared() -> None:
    first, second = (Database.acquire(DatabaseOptions(":memory:shared")) for _ in range(2))
    assert first is second
    first.release()
    second.release()


@pytest.mark.parametrize(
    "other",
    [{"read_only": True}, {"config": {"threads": 2}}, {"config": {"memory_limit": "1GB", "threads": 1}}],
)
def test_another_configuration_is_refused(tmp_path: Path, other: dict[str, object]) -> None:
    path = str(tmp_path / "a.db")
    database = Database.acquire(DatabaseOptions(path, config={"threads": "1"}))
    with pytest.raises(
        ConfigurationMismatch,
        match=r"another value of (memory_limit|read_only, threads|threads):",
    ):
        Database.acquire(DatabaseOptions(path, **other))  # type: ignore[arg-type] # a table of cases
    database.release()


def test_the_same_configuration_in_other_words_agrees(tmp_path: Path) -> None:
    path = str(tmp_path / "a.db")
    first = Database.acquire(DatabaseOptions(path, config={"threads": "1"}))
    second = Database.acquire(DatabaseOptions(path, config={"threads": 1}))
    assert first is second
    first.release()
    second.release()


def test_a_lease_keeps_the_database_until_it_is_released() -> None:
    lease, options = Lease(), DatabaseOptions()
    database = lease.acquire(options)
    database.cursor().execute("CREATE TABLE t (i INTEGER)")
    database.release()
    again = lease.acquire(options)
    assert again is database
    assert again.cursor().execute("SELECT count(*) FROM duckdb_tables()").fetchall() == [(1,)]
    again.release()
    lease.release()
    assert lease.acquire(options) is not database
    lease.release()


def test_an_abandoned_database_is_closed(tmp_path: Path) -> None:
    """Nobody released it, but nobody refers to it either: the file is free for another configuration."""
    path = str(tmp_path / "a.db")
    Database.acquire(DatabaseOptions(path))
    Database.acquire(DatabaseOptions(path, read_only=True)).release()


def test_a_relative_path_is_the_one_it_was_opened_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    database = Database.acquire(DatabaseOptions("a.db"))
    monkeypatch.chdir("/")
    database.release()
    Database.acquire(DatabaseOptions(str(tmp_path / "a.db"), read_only=True)).release()


def test_a_failed_database_in_memory_is_not_replaced_by_an_empty_one() -> None:
    lease, options = Lease(), DatabaseOptions(":memory:failing")
    first = lease.acquire(options)
    first.fail()
    assert lease.acquire(options) is first
    for _ in range(2):
        first.release()
    lease.release()


def test_a_failed_file_is_opened_anew(tmp_path: Path) -> None:
    lease, options = Lease(), DatabaseOptions(str(tmp_path / "t.db"))
    first = lease.acquire(options)
    connection = RawConnection(first, {})
    first.fail()
    second = lease.acquire(options)
    assert second is not first
    assert connection.closed
    second.release()
    lease.release()
    assert not Database._open
