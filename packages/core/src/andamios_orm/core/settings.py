"""Read the settings of a database from the environment.

Nothing imports this module before somebody asks for settings: pydantic takes as long to import as everything
else that the package adds to SQLAlchemy and duckdb.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from andamios_orm.core.dialect.options import ForeignKeys
from andamios_orm.core.errors import ConfigurationError

__all__ = ["DatabaseSettings", "settings_of_environment"]


class DatabaseSettings(BaseSettings):
    """Hold what an engine is made from, read from the environment: ``ANDAMIOS_DATABASE_URL`` and so on.

    The URL and DuckDB's settings may hold a password: they show in no repr, log or error.

    Attributes:
        database_url: Where the database is; ``duckdb:///file.db``, or another backend's URL. Without one no
            engine can be made.
        pool_size: Connections that the pool keeps.
        max_overflow: Connections that it opens beyond those while they are needed.
        pool_timeout: Seconds to wait for a connection.
        echo: Whether statements are logged.
        read_only: Whether a DuckDB file is opened without the right to change it.
        foreign_keys: Who verifies foreign keys on DuckDB.
        worker_threads: Bound on the threads that run DuckDB's statements; None for the default.
        statement_timeout: Seconds that each of DuckDB's statements may take; None for any time.
        config: DuckDB's own settings, such as ``{"memory_limit": "1GB"}``.
    """

    model_config = SettingsConfigDict(
        env_prefix="ANDAMIOS_", frozen=True, hide_input_in_errors=True, extra="forbid"
    )

    database_url: SecretStr | None = None
    pool_size: int = Field(default=20, ge=1)
    max_overflow: int = Field(default=30, ge=0)
    pool_timeout: float = Field(default=30.0, gt=0)
    echo: bool = False
    read_only: bool = False
    foreign_keys: ForeignKeys = "checked"
    worker_threads: int | None = Field(default=None, ge=1)
    statement_timeout: float | None = Field(default=None, gt=0)
    config: dict[str, Any] = Field(default_factory=dict, repr=False)


def settings_of_environment() -> DatabaseSettings:
    """Return the settings that the environment holds.

    Raises:
        ConfigurationError: A variable has a value that cannot work.
    """
    try:
        return DatabaseSettings()
    except (ValidationError, SettingsError) as error:
        raise ConfigurationError(f"the environment (ANDAMIOS_...) does not make settings: {error}") from error
