"""Make engines."""

from __future__ import annotations

import re
from contextlib import contextmanager
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, event, exc, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from andamios_orm.core.dialect.options import CONNECT_ARGS, check_connect_args, nearest
from andamios_orm.core.dialect.pool import ConnectionPool
from andamios_orm.core.dialect.translation import translate
from andamios_orm.core.errors import ConfigurationError, NotSupportedError, OperationalError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine, Pool
    from sqlalchemy.engine import Dialect

    from andamios_orm.core.settings import DatabaseSettings

__all__ = ["AndamiosEngine", "create_engine", "create_file_engine", "create_memory_engine"]

_DRIVERS = {
    "duckdb": "duckdb+andamios",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
    "sqlite": "sqlite+aiosqlite",
    "mysql": "mysql+asyncmy",
    "mariadb": "mariadb+asyncmy",
}
"""The driver for a URL that names none."""

_EXTRAS = {"asyncpg": "postgresql", "aiosqlite": "sqlite", "asyncmy": "mysql"}
"""The extra of this distribution that installs a driver's module."""

_POOL = {
    "poolclass": ConnectionPool,
    "pool_size": 20,
    "max_overflow": 30,
    "pool_timeout": 30.0,
}
_DUCKDB_SETTINGS = ("foreign_keys", "statement_timeout", "worker_threads")
_POOL_SETTINGS = ("pool_size", "max_overflow", "pool_timeout")

_OPTIONS = (
    "connect_args",
    "echo",
    "echo_pool",
    "execution_options",
    "foreign_keys",
    "hide_parameters",
    "isolation_level",
    "logging_name",
    "max_overflow",
    "max_waiting",
    "pool",
    "pool_logging_name",
    "pool_pre_ping",
    "pool_recycle",
    "pool_reset_on_return",
    "pool_size",
    "pool_timeout",
    "pool_use_lifo",
    "poolclass",
    "query_cache_size",
    "statement_timeout",
    "worker_threads",
)
"""The options that an unknown one may have been meant to be."""

_UNKNOWN_OPTIONS = re.compile(r"Invalid argument\(s\) (?P<names>.*?) sent to create_engine")


class AndamiosEngine(AsyncEngine):
    """An `AsyncEngine` that raises the errors of our tree; whatever takes an `AsyncEngine` takes this one.

    It is made by `create_engine`, may serve any number of tasks, and holds its database from the first
    connection until ``await engine.dispose()``, after which it may be used again.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        # Without the query, which may hold a credential; with the colons of ":memory:" and of a drive.
        shown = self.url.set(query={}).render_as_string().replace("%3A", ":")
        return f"{type(self).__name__}({shown!r})"

    def execution_options(self, **opt: Any) -> AndamiosEngine:
        """Return an engine on the same pool, whose connections have these execution options."""
        return AndamiosEngine(self.sync_engine.execution_options(**opt))


def create_engine(url: str | URL | DatabaseSettings | None = None, **options: Any) -> AndamiosEngine:
    """Make an engine.

    ``duckdb:///file.db`` opens a file (four slashes for an absolute path, ``~`` for the home of the user),
    ``duckdb:///:memory:`` a database in memory that lives until the engine is disposed of,
    ``duckdb:///:memory:name`` one that engines of this process share. What follows ``?`` are
    ``foreign_keys``, ``worker_threads``, ``statement_timeout``, ``read_only`` and DuckDB's own settings. ``postgresql://``,
    ``sqlite://``, ``mysql://`` and ``mariadb://`` get their asyncio drivers.

    Args:
        url: Where the database is; without one, what the environment says (see `DatabaseSettings`).
        options: Those of SQLAlchemy's ``create_async_engine``, which come before the settings; for DuckDB
            also ``foreign_keys`` ("checked", "native" or "off"), ``worker_threads`` and
            ``statement_timeout`` (seconds), and in
            ``connect_args`` ``read_only`` and ``config``. The pool holds 20 connections and 30 more under
            load unless they say otherwise.

    Raises:
        ConfigurationError: The URL, an option or the environment cannot work, no URL is given by either, or
            a driver is not installed.
    """
    settings = _settings(url)
    target = _parsed(url if settings is None else _url_of(settings))
    engine = AndamiosEngine(_created(target, settings, options).sync_engine)
    if target.get_backend_name() != "duckdb":
        event.listen(engine.sync_engine, "handle_error", translate)
        event.listen(engine.sync_engine, "do_connect", _connected)
        event.listen(engine.sync_engine, "before_cursor_execute", _refuse_timeout)
        _listen_to_begin(engine.sync_engine)
    return engine


def create_memory_engine(**options: Any) -> AndamiosEngine:
    """Make an engine on a DuckDB database of its own in memory, which lives until the engine is disposed of.

    Args:
        options: As for `create_engine`.
    """
    return create_engine("duckdb:///:memory:", **options)


def create_file_engine(path: str | PathLike[str], **options: Any) -> AndamiosEngine:
    """Make an engine on a DuckDB file, which is created on first use unless it is opened read-only.

    Args:
        path: The file, in a folder that exists; ``~`` at its beginning is the user's home.
        options: As for `create_engine`.

    Raises:
        ConfigurationError: There is no path, or an empty one; or an option cannot work.
    """
    if not isinstance(path, str | PathLike) or not fspath(path):
        raise ConfigurationError(
            f"create_file_engine() needs the path of a file, not {path!r}; a database in memory is made by "
            "create_memory_engine()"
        )
    return create_engine(URL.create("duckdb", database=fspath(path)), **options)


def _settings(source: Any) -> DatabaseSettings | None:
    if source is None:
        return _environment()
    # Recognized by an attribute, because their class is imported only when somebody asks for it.
    settings: DatabaseSettings | None = source if hasattr(source, "database_url") else None
    return settings


def _environment() -> DatabaseSettings:
    from andamios_orm.core.settings import settings_of_environment

    return settings_of_environment()


def _url_of(settings: DatabaseSettings) -> str:
    if settings.database_url is None:
        raise ConfigurationError(
            "create_engine() needs a URL, such as duckdb:///flights.db: give it one, or set "
            "ANDAMIOS_DATABASE_URL; a database in memory is made by create_memory_engine()"
        )
    return settings.database_url.get_secret_value()


def _parsed(url: Any) -> URL:
    try:
        parsed = make_url(url)
    except (exc.ArgumentError, ValueError):
        # Not chained: the message holds the text, and with it a password.
        raise ConfigurationError(
            "this is no database URL: write backend:///path or backend://user@host:port/name, such as "
            "duckdb:///flights.db"
        ) from None
    return parsed.set(drivername=_DRIVERS.get(parsed.drivername, parsed.drivername))


def _assembled(url: URL, settings: DatabaseSettings | None, options: dict[str, Any]) -> dict[str, Any]:
    dialect = url.get_dialect()
    pool: type[Pool] = dialect.get_pool_class(url)  # type: ignore[attr-defined] # of DefaultDialect, not of its protocol
    assembled: dict[str, Any] = {} if settings is None else {"echo": settings.echo}
    if not options.keys() & {"pool", "poolclass"} and issubclass(pool, QueuePool):
        # DuckDB's connections are checked by the pool itself, without a statement.
        assembled |= {**_POOL, "pool_pre_ping": dialect.name != "duckdb"}
        if settings is not None:
            assembled |= {name: getattr(settings, name) for name in _POOL_SETTINGS}
    if dialect.name != "duckdb":
        return assembled | options
    connect_args = options.get("connect_args", {})
    check_connect_args(connect_args)
    if settings is not None:
        assembled |= {name: getattr(settings, name) for name in _DUCKDB_SETTINGS}
        # A setting that is left at its default does not override the URL.
        present = {"read_only": settings.read_only, "config": settings.config}
        connect_args = {**{name: value for name, value in present.items() if value}, **connect_args}
    return assembled | options | {"connect_args": connect_args}


def _created(url: URL, settings: DatabaseSettings | None, options: dict[str, Any]) -> AsyncEngine:
    backend = url.get_backend_name()
    try:
        return create_async_engine(url, **_assembled(url, settings, options))
    except exc.NoSuchModuleError as error:
        known = ", ".join(sorted(_DRIVERS))
        raise ConfigurationError(f"no backend is called {url.drivername!r}: use one of {known}") from error
    except ModuleNotFoundError as error:
        raise ConfigurationError(_missing_driver(url, str(error.name))) from error
    except TypeError as error:
        found = _UNKNOWN_OPTIONS.search(str(error))
        if found is None:
            raise
        raise _unknown_option(backend, found["names"].split(",")[0].strip("'")) from error
    except exc.InvalidRequestError as error:
        raise ConfigurationError(
            f"{url.drivername!r} has no asyncio driver; leave the driver out of the URL, as in {backend}://..."
        ) from error


def _unknown_option(backend: str, name: str) -> ConfigurationError:
    if name in CONNECT_ARGS:
        return ConfigurationError(f"{name!r} belongs into connect_args: connect_args={{{name!r}: ...}}")
    hint = nearest(name, set(_OPTIONS) - {name})
    return ConfigurationError(f"create_engine() has no option {name!r} for {backend}{hint}")


def _missing_driver(url: URL, module: str) -> str:
    extra = _EXTRAS.get(module)
    wanted = f'pip install "andamios-orm-core[{extra}]"' if extra else f"pip install {module}"
    return f"{url.get_backend_name()} needs the driver {module}, which is not installed: {wanted}"


def _connected(dialect: Dialect, record: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
    with _refused(dialect):
        return dialect.connect(*arguments, **options)


@contextmanager
def _refused(dialect: Dialect) -> Iterator[None]:
    # SQLAlchemy raises errors unchanged that are not of the driver's own classes.
    try:
        yield
    except OSError as error:
        raise OperationalError(f"{dialect.name} cannot be reached: {error}", orig=error) from error
    except TypeError as error:
        raise ConfigurationError(f"the driver of {dialect.name} refuses an option: {error}") from error


def _refuse_timeout(
    connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
) -> None:
    if context is not None and context.execution_options.get("statement_timeout") is not None:
        raise NotSupportedError.of(
            connection.dialect.name,
            "statement_timeout",
            "set the limit of the server, or use asyncio.timeout()",
        )


def _listen_to_begin(engine: Engine) -> None:
    begin = _BEGIN.get(engine.dialect.name)
    if begin is not None:
        event.listen(engine, "begin", begin)


def _begin_sqlite(connection: Connection) -> None:
    read_only = connection.get_execution_options().get("read_only", False)
    if read_only != connection.info.get("read_only", False):
        connection.exec_driver_sql(f"PRAGMA query_only = {int(read_only)}")
        connection.info["read_only"] = read_only
    # The driver begins with the first write only, so that a savepoint before it would commit by itself.
    if connection.connection.isolation_level is not None:
        connection.exec_driver_sql("BEGIN")


def _begin_mysql(connection: Connection) -> None:
    # It holds for the next transaction, which the first statement begins.
    if connection.get_execution_options().get("read_only", False):
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")


_BEGIN = {"sqlite": _begin_sqlite, "mysql": _begin_mysql, "mariadb": _begin_mysql}
"""What else the begin of a transaction takes."""
