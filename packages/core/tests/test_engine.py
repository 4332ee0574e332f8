"""Engines: every form of URL, every option, and what is said when one cannot work."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import NullPool, StaticPool, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from andamios_orm.core import AndamiosEngine, create_engine, create_file_engine, create_memory_engine
from andamios_orm.core.dialect.pool import ConnectionPool
from andamios_orm.core.errors import AndamiosError, ConfigurationError, OperationalError

from .services import MARIADB, POSTGRESQL, require


def dialect_of(engine: AsyncEngine) -> Any:
    return engine.dialect


async def first_value(engine: AsyncEngine, sql: str = "SELECT 42") -> Any:
    try:
        async with engine.connect() as connection:
            return await connection.scalar(text(sql))
    finally:
        await engine.dispose()


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("duckdb://", "duckdb+andamios"),
        ("duckdb:///a.db", "duckdb+andamios"),
        ("duckdb+andamios:///a.db", "duckdb+andamios"),
        ("postgresql://u@h/d", "postgresql+asyncpg"),
        ("postgres://u@h/d", "postgresql+asyncpg"),
        ("sqlite://", "sqlite+aiosqlite"),
        ("mysql://u@h/d", "mysql+asyncmy"),
        ("mariadb://u@h/d", "mariadb+asyncmy"),
    ],
)
def test_a_url_gets_its_asyncio_driver(url: str, driver: str) -> None:
    engine = create_engine(url)
    assert isinstance(engine, AsyncEngine)
    assert engine.url.drivername == driver


@pytest.mark.parametrize("url", ["duckdb://", "duckdb:///:memory:", "duckdb:///:memory:shared", "sqlite://"])
async def test_connects_in_memory(url: str) -> None:
    assert await first_value(create_engine(url)) == 42


@pytest.mark.parametrize("url", [POSTGRESQL, POSTGRESQL.replace("postgresql", "postgres"), MARIADB])
async def test_connects_to_a_server(url: str) -> None:
    require(POSTGRESQL if url.startswith("postgres") else MARIADB)
    assert await first_value(create_engine(url)) == 42


async def test_connects_by_the_protocol_of_mysql() -> None:
    assert await first_value(create_engine(require(MARIADB).replace("mariadb", "mysql"))) == 42


async def test_a_relative_path_is_relative_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    await first_value(create_engine("duckdb:///here.db"))
    assert (tmp_path / "here.db").is_file()


async def test_four_slashes_begin_an_absolute_path(tmp_path: Path) -> None:
    await first_value(create_engine(f"duckdb:///{tmp_path}/there.db"))
    assert (tmp_path / "there.db").is_file()


async def test_a_file_engine_takes_a_path_with_any_characters(tmp_path: Path) -> None:
    path = tmp_path / "a b?c#d%41é.db"
    await first_value(create_file_engine(path))
    assert path.is_file()


async def test_a_tilde_is_the_home_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    engine = create_file_engine("~/home.db")
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
        with pytest.raises(ConfigurationError, match=r"home\.db' is open in this process"):
            await first_value(create_engine(f"duckdb:///{tmp_path}/home.db?threads=1"))
    await engine.dispose()
    assert (tmp_path / "home.db").is_file()


async def test_a_file_may_begin_with_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    await first_value(create_file_engine("./~nobody-knows.db"))
    assert (tmp_path / "~nobody-knows.db").is_file()


@pytest.mark.parametrize("path", ["", None, b"a.db", 3])
def test_a_file_engine_needs_a_path(path: Any) -> None:
    with pytest.raises(
        ConfigurationError, match=r"needs the path of a file, not .* create_memory_engine\(\)"
    ):
        create_file_engine(path)


@pytest.mark.parametrize("read_only", [False, True])
async def test_a_folder_that_is_missing_is_named_in_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_only: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    engine = create_file_engine("no/such/a.db", connect_args={"read_only": read_only})
    with pytest.raises(OperationalError) as caught:
        await first_value(engine)
    assert f"\nThe folder '{tmp_path}/no/such' does not exist: make it first" in str(caught.value)


@pytest.mark.parametrize(
    ("path", "told"), [("a.db", "database does not exist"), ("file/no/a.db", "Not a directory")]
)
async def test_another_fault_of_a_path_is_told_by_the_engine_alone(
    tmp_path: Path, path: str, told: str
) -> None:
    (tmp_path / "file").touch()
    engine = create_file_engine(tmp_path / path, connect_args={"read_only": True})
    with pytest.raises(OperationalError, match=told) as caught:
        await first_value(engine)
    assert "folder" not in str(caught.value)


async def test_an_address_has_no_folder() -> None:
    with pytest.raises(OperationalError, match="No such file") as caught:
        await first_value(create_engine("duckdb:///xyz://bucket/a.db"))
    assert "folder" not in str(caught.value)


async def test_plain_sqlalchemy_makes_an_engine_too(tmp_path: Path) -> None:
    engine = create_async_engine(f"duckdb+andamios:///{tmp_path}/a.db", foreign_keys="off", worker_threads=3)
    dialect: Any = engine.dialect
    assert (dialect.foreign_keys, dialect.workers.size) == ("off", 3)
    assert await first_value(engine) == 42


async def test_plain_sqlalchemy_gets_the_errors_of_the_tree() -> None:
    with pytest.raises(AndamiosError):
        await first_value(create_async_engine("duckdb+andamios://"), "SELECT no_such_column")


@pytest.mark.parametrize("mode", ["checked", "native", "off"])
def test_foreign_keys_are_an_option_and_a_part_of_the_url(mode: str) -> None:
    assert dialect_of(create_memory_engine(foreign_keys=mode)).foreign_keys == mode
    assert dialect_of(create_engine(f"duckdb://?foreign_keys={mode}")).foreign_keys == mode


def test_worker_threads_are_an_option_and_a_part_of_the_url() -> None:
    assert dialect_of(create_memory_engine(worker_threads=3)).workers.size == 3
    assert dialect_of(create_engine("duckdb://?worker_threads=3")).workers.size == 3


@pytest.mark.parametrize(
    ("setting", "value", "read"),
    [
        ("threads", "1", 1),
        ("memory_limit", "200MiB", "200.0 MiB"),
        ("TimeZone", "Europe/Madrid", "Europe/Madrid"),
        ("timezone", "Europe/Madrid", "Europe/Madrid"),
        ("schema", "main", "main"),
        ("search_path", "main", "main"),
        ("integer_division", "true", True),
        ("binary_as_string", "true", True),
        ("allowed_directories", "['/data/']", ["/data/"]),
    ],
)
async def test_settings_of_duckdb_are_applied(setting: str, value: str, read: object) -> None:
    sql = f"SELECT current_setting('{setting}')"
    by_url = create_engine("duckdb://", connect_args={"config": {setting: value}})
    assert await first_value(by_url, sql) == read
    assert await first_value(create_engine(by_url.url.set(query={setting: value})), sql) == read


async def test_a_setting_of_the_connection_holds_on_every_connection() -> None:
    engine = create_engine("duckdb://?TimeZone=Europe/Madrid")
    async with engine.connect() as one, engine.connect() as other:
        assert await one.scalar(text("SELECT current_setting('TimeZone')")) == "Europe/Madrid"
        assert await other.scalar(text("SELECT current_setting('TimeZone')")) == "Europe/Madrid"
    await engine.dispose()


async def test_read_only_is_an_option_of_the_url_and_of_connect_args(file_engine: AndamiosEngine) -> None:
    await first_value(file_engine)
    path = file_engine.url.database
    for engine in (
        create_engine(f"duckdb:///{path}?read_only=true"),
        create_engine(f"duckdb:///{path}", connect_args={"read_only": True}),
    ):
        with pytest.raises(AndamiosError, match="read-only"):
            await first_value(engine, "CREATE TABLE t (a INTEGER)")


@pytest.mark.parametrize(
    ("url", "options", "message"),
    [
        ("duckdb://", {"pool_siz": 3}, "no option 'pool_siz' for duckdb: did you mean 'pool_size'"),
        ("duckdb://", {"foreign_key": "off"}, "'foreign_key' for duckdb: did you mean 'foreign_keys'"),
        ("duckdb://", {"read_only": True}, r"'read_only' belongs into connect_args"),
        ("duckdb://", {"xyzzy": 1}, "no option 'xyzzy' for duckdb$"),
        ("duckdb://", {"foreign_keys": "on"}, "'checked', 'native' and 'off'"),
        ("duckdb://", {"worker_threads": 0}, "whole number"),
        ("duckdb://", {"connect_args": {"read_onyl": 1}}, "unknown connect_args 'read_onyl'"),
        ("duckdb://", {"connect_args": {"config": {"thread": 1}}}, "unknown option 'thread'"),
        ("duckdb://?memory_limt=1GB", {}, "unknown option 'memory_limt': did you mean 'memory_limit'"),
        ("duckdb://?threads=1&threads=2", {}, "'threads' takes one value, not 2"),
        ("duckdb://?foreign_keys=on", {}, "'checked', 'native' and 'off'"),
        ("duckdb://?worker_threads=few", {}, "whole number"),
        ("duckdb://?read_only=perhaps", {}, "true or false"),
        ("postgresql://u@h/d", {"foreign_keys": "off"}, "no option 'foreign_keys' for postgresql"),
        ("sqlite://", {"worker_threads": 2}, "no option 'worker_threads' for sqlite"),
    ],
)
def test_an_option_that_cannot_work_is_refused_at_once(
    url: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        create_engine(url, **options)


async def test_plain_sqlalchemy_refuses_unknown_connect_args_too() -> None:
    engine = create_async_engine("duckdb+andamios://", connect_args={"read_onyl": True})
    with pytest.raises(ConfigurationError, match="unknown connect_args 'read_onyl'"):
        await first_value(engine)


@pytest.mark.parametrize("setting", ["memory_limit", "threads", "TimeZone", "search_path"])
async def test_a_setting_without_such_a_value_is_refused(setting: str) -> None:
    with pytest.raises(ConfigurationError, match="does not open the database with these options"):
        await first_value(create_engine(f"duckdb://?{setting}=xyzzy"))


async def test_a_database_in_memory_cannot_be_read_only() -> None:
    with pytest.raises(ConfigurationError, match="read-only"):
        await first_value(create_engine("duckdb://?read_only=true"))


def test_an_error_of_sqlalchemy_itself_is_left_as_it_is() -> None:
    with pytest.raises(TypeError, match="not iterable"):
        create_engine("sqlite://", connect_args=3)


async def test_the_driver_of_another_backend_refuses_an_option() -> None:
    with pytest.raises(ConfigurationError, match=r"driver of postgresql refuses an option: .*xyzzy"):
        await first_value(create_engine("postgresql://u@h/d", connect_args={"xyzzy": 1}))


@pytest.mark.parametrize("url", ["postgresql://u:hunter2@127.0.0.1:1/d", "mysql://u:hunter2@127.0.0.1:1/d"])
async def test_a_server_that_is_not_there_is_an_error_of_the_tree(url: str) -> None:
    with pytest.raises(OperationalError, match=r"127.0.0.1") as caught:
        await first_value(create_engine(url))
    assert "hunter2" not in str(caught.value)


async def test_the_pool_is_large_by_default() -> None:
    pool: Any = create_memory_engine().pool
    assert (pool.size(), pool._max_overflow, pool._timeout) == (20, 30, 30.0)
    assert isinstance(create_engine("postgresql://u@h/d").pool, ConnectionPool)


@pytest.mark.parametrize("poolclass", [NullPool, StaticPool])
async def test_another_pool_may_be_used(poolclass: Any, tmp_path: Path) -> None:
    engine = create_file_engine(tmp_path / "a.db", poolclass=poolclass)
    assert type(engine.pool) is poolclass
    assert await first_value(engine) == 42


async def test_two_engines_share_a_file(file_engine: AndamiosEngine) -> None:
    async with file_engine.begin() as connection:
        await connection.execute(text("CREATE TABLE t AS SELECT 1 AS a"))
    other = create_file_engine(str(file_engine.url.database))
    assert await first_value(other, "SELECT a FROM t") == 1
    async with file_engine.connect() as connection:
        assert await connection.scalar(text("SELECT a FROM t")) == 1


async def test_two_engines_share_a_named_database_in_memory() -> None:
    one, other = create_engine("duckdb:///:memory:both"), create_engine("duckdb:///:memory:both")
    async with one.begin() as connection:
        await connection.execute(text("CREATE TABLE t AS SELECT 1 AS a"))
    assert await first_value(other, "SELECT a FROM t") == 1
    await one.dispose()


async def test_the_same_file_with_another_configuration_is_refused(file_engine: AndamiosEngine) -> None:
    async with file_engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
        other = create_file_engine(
            str(file_engine.url.database), connect_args={"config": {"http_proxy_password": "x1y2"}}
        )
        with pytest.raises(
            ConfigurationError, match=r"is open in this process .*dispose of the other engine"
        ) as caught:
            await first_value(other)
    assert "x1y2" not in str(caught.value)


async def test_the_configuration_may_change_after_dispose(file_engine: AndamiosEngine) -> None:
    await first_value(file_engine)
    other = create_file_engine(str(file_engine.url.database), connect_args={"config": {"threads": 1}})
    assert await first_value(other, "SELECT current_setting('threads')") == 1


async def test_an_engine_works_after_dispose(file_engine: AndamiosEngine) -> None:
    assert await first_value(file_engine) == 42
    assert await first_value(file_engine) == 42


@pytest.mark.parametrize("database", [":memory:", ":memory:shared", "a.db", "C:/a.db"])
def test_the_repr_reads_as_the_url_was_written(database: str) -> None:
    assert repr(create_engine(f"duckdb:///{database}")) == f"AndamiosEngine('duckdb+andamios:///{database}')"


def test_the_repr_names_the_database_and_no_secret() -> None:
    engine = create_engine(
        "postgresql://u:hunter2@h/d?passfile=hunter2", connect_args={"password": "hunter2"}
    )
    assert repr(engine) == "AndamiosEngine('postgresql+asyncpg://u:***@h/d')"
    assert "hunter2" not in repr(create_engine("duckdb:///a.db?http_proxy_password=hunter2"))


async def test_execution_options_give_an_engine_on_the_same_pool(engine: AndamiosEngine) -> None:
    optioned = engine.execution_options(isolation_level="AUTOCOMMIT")
    assert isinstance(optioned, AndamiosEngine)
    assert optioned.pool is engine.pool
    async with optioned.connect() as connection:
        assert await connection.get_isolation_level() == "AUTOCOMMIT"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "this is no database URL"),
        ("flights.db", "this is no database URL"),
        ("duckdb:flights.db", "this is no database URL"),
        (Path("flights.db"), "this is no database URL"),
        ("postgresql://u:hunter2@h:port/d", "this is no database URL"),
        ("duckdb://u:hunter2@h/d", "names a file and no host"),
        ("flightdb://u:hunter2@h/d", "no backend is called 'flightdb': use one of duckdb, mariadb"),
        ("duckdb+hunter://", "no backend is called 'duckdb.hunter'"),
        ("sqlite+pysqlite://", "'sqlite.pysqlite' has no asyncio driver"),
    ],
)
def test_a_bad_url_is_refused_without_showing_a_password(url: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        create_engine(url)
    assert "hunter2" not in f"{caught.value} {caught.value.__cause__}"


@pytest.mark.parametrize(
    ("module", "url", "remedy"),
    [
        ("asyncpg", "postgresql://h/d", 'pip install "andamios-orm-core[postgresql]"'),
        ("aiosqlite", "sqlite://", 'pip install "andamios-orm-core[sqlite]"'),
        ("asyncmy", "mariadb://h/d", 'pip install "andamios-orm-core[mysql]"'),
        ("aiomysql", "mysql+aiomysql://h/d", "pip install aiomysql"),
    ],
)
def test_a_missing_driver_names_its_pip_install(
    monkeypatch: pytest.MonkeyPatch, module: str, url: str, remedy: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigurationError, match=re.escape(remedy) + "$"):
        create_engine(url)
