"""Settings from the environment, and what they keep to themselves."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from andamios_orm import core
from andamios_orm.core import DatabaseSettings, create_engine
from andamios_orm.core.errors import ConfigurationError

from .services import python

ENVIRONMENT = {
    "ANDAMIOS_DATABASE_URL": "duckdb:///:memory:",
    "ANDAMIOS_POOL_SIZE": "3",
    "ANDAMIOS_MAX_OVERFLOW": "4",
    "ANDAMIOS_POOL_TIMEOUT": "1.5",
    "ANDAMIOS_ECHO": "false",
    "ANDAMIOS_FOREIGN_KEYS": "off",
    "ANDAMIOS_WORKER_THREADS": "2",
    "ANDAMIOS_CONFIG": '{"memory_limit": "200MiB"}',
}


def dialect_of(engine: AsyncEngine) -> Any:
    return engine.dialect


def pool_of(engine: AsyncEngine) -> Any:
    return engine.pool


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_defaults() -> None:
    settings = DatabaseSettings()
    assert settings.database_url is None
    assert (settings.pool_size, settings.max_overflow, settings.foreign_keys) == (20, 30, "checked")


@pytest.mark.parametrize("settings", [None, DatabaseSettings(pool_size=3)])
def test_no_engine_is_made_without_a_url(settings: DatabaseSettings | None) -> None:
    """A database in memory would lose the data of whoever forgot the variable."""
    with pytest.raises(
        ConfigurationError, match=r"or set ANDAMIOS_DATABASE_URL; .* create_memory_engine\(\)"
    ):
        create_engine(settings)


def test_settings_are_imported_when_they_are_asked_for() -> None:
    program = """
        import sys
        from andamios_orm import core
        core.create_memory_engine()
        assert "pydantic" not in sys.modules
        print(core.DatabaseSettings.__module__)
    """
    assert python(program) == "andamios_orm.core.settings"


def test_all_names_are_listed() -> None:
    assert {*core.__all__} <= {*dir(core)}


def test_another_name_is_none_of_the_package() -> None:
    with pytest.raises(
        AttributeError, match=r"module 'andamios_orm.core' has no attribute 'DatabaseSetting'"
    ):
        core.DatabaseSetting  # type: ignore[attr-defined] # noqa: B018 # the mistake under test


def test_reads_the_environment(environment: pytest.MonkeyPatch) -> None:
    settings = DatabaseSettings()
    assert (settings.pool_size, settings.max_overflow, settings.pool_timeout) == (3, 4, 1.5)
    assert (settings.foreign_keys, settings.worker_threads, settings.echo) == ("off", 2, False)
    assert settings.config == {"memory_limit": "200MiB"}


async def test_an_engine_is_made_from_the_environment(environment: pytest.MonkeyPatch) -> None:
    engine = create_engine()
    async with engine.connect() as connection:
        limit = await connection.scalar(text("SELECT current_setting('memory_limit')"))
    assert limit == "200.0 MiB"
    assert (pool_of(engine).size(), dialect_of(engine).foreign_keys, dialect_of(engine).workers.size) == (
        3,
        "off",
        2,
    )
    await engine.dispose()


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("ANDAMIOS_POOL_SIZE", "0", "pool_size"),
        ("ANDAMIOS_POOL_TIMEOUT", "soon", "pool_timeout"),
        ("ANDAMIOS_FOREIGN_KEYS", "perhaps", "foreign_keys"),
        ("ANDAMIOS_WORKER_THREADS", "-1", "worker_threads"),
        ("ANDAMIOS_CONFIG", "{secret", "config"),
    ],
)
def test_a_bad_value_in_the_environment_is_refused_by_name(
    environment: pytest.MonkeyPatch, name: str, value: str, field: str
) -> None:
    environment.setenv(name, value)
    with pytest.raises(ConfigurationError, match=field) as caught:
        create_engine()
    assert "secret" not in str(caught.value)


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValidationError, match="pool_siz"):
        DatabaseSettings(pool_siz=3)  # type: ignore[call-arg] # the mistake under test


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        DatabaseSettings().pool_size = 3  # the mistake under test


def test_secrets_show_nowhere() -> None:
    settings = DatabaseSettings(
        database_url=SecretStr("postgresql://user:hunter2@host/name"),
        config={"http_proxy_password": "hunter2"},
    )
    assert "hunter2" not in f"{settings!r} {settings!s} {settings.database_url}"


async def test_what_the_settings_leave_out_is_up_to_the_url() -> None:
    url = SecretStr("duckdb:///:memory:?foreign_keys=native&worker_threads=3&threads=1")
    engine = create_engine(DatabaseSettings(database_url=url))
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT current_setting('threads')")) == 1
    assert (dialect_of(engine).foreign_keys, dialect_of(engine).workers.size) == ("native", 3)
    await engine.dispose()


async def test_options_come_before_settings() -> None:
    engine = create_engine(
        DatabaseSettings(database_url=SecretStr("duckdb://"), pool_size=3, foreign_keys="off"),
        pool_size=5,
        foreign_keys="native",
    )
    assert (pool_of(engine).size(), dialect_of(engine).foreign_keys) == (5, "native")
    await engine.dispose()


async def test_connect_args_are_added_to_those_of_the_settings(tmp_path: object) -> None:
    url = SecretStr(f"duckdb:///{tmp_path}/a.db")
    await _create(url)
    engine = create_engine(
        DatabaseSettings(database_url=url, read_only=True), connect_args={"config": {"threads": 1}}
    )
    async with engine.connect() as connection:
        assert (
            await connection.scalar(text("SELECT readonly FROM duckdb_databases() WHERE NOT internal"))
            is True
        )
        assert await connection.scalar(text("SELECT current_setting('threads')")) == 1
    await engine.dispose()


async def _create(url: SecretStr) -> None:
    engine = create_engine(DatabaseSettings(database_url=url))
    async with engine.connect():
        pass
    await engine.dispose()


async def test_settings_of_duckdb_do_not_reach_another_backend() -> None:
    settings = DatabaseSettings(database_url=SecretStr("sqlite://"), config={"threads": 1}, worker_threads=2)
    engine = create_engine(settings)
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1
    await engine.dispose()
