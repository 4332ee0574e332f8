"""Read the options of a DuckDB URL and of ``connect_args``, and refuse the unknown ones by name."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast, get_args

import duckdb

from andamios_orm.core.dialect.database import MEMORY, DatabaseOptions
from andamios_orm.core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.engine import URL

    from andamios_orm.core.dialect.progress import ProgressCallback

__all__ = [
    "CONNECT_ARGS",
    "ForeignKeys",
    "check_connect_args",
    "database_options",
    "database_path",
    "flag",
    "foreign_keys",
    "nearest",
    "progress",
    "refuse_unknown",
    "statement_timeout",
    "worker_threads",
]

ForeignKeys = Literal["checked", "native", "off"]
"""Who verifies foreign keys: the session before commit, the engine, or nobody."""

CONNECT_ARGS = ("read_only", "config")
"""What a user may put into ``connect_args``."""

_AFTER_OPENING = frozenset(
    {
        "allowed_directories",
        "allowed_paths",
        "binary_as_string",
        "calendar",
        "disable_parquet_prefetching",
        "disabled_filesystems",
        "enable_geoparquet_conversion",
        "json_geometry_format",
        "parquet_metadata_cache",
        "parquet_prefetch_column_gap",
        "prefetch_all_parquet_files",
        "timezone",
    }
)
"""Settings of the whole database, by their catalog, that DuckDB takes from a connection only."""

_DATA_FILE = re.compile(r"\.(csv|tsv|json|jsonl|ndjson|parquet)(\.gz|\.zst)?$", re.IGNORECASE)
"""Files that DuckDB does not open but shows as a view in memory, so that what is written is lost."""

_FLAGS = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}


def database_path(url: URL) -> str:
    """Return the database that a URL names; ``~`` at its beginning is the home of a user, as in a shell.

    Raises:
        ConfigurationError: It names a host, a port or a user, which a file has not; a file of data; or the
            home of a user who is not known.
    """
    if url.host or url.port or url.username or url.password:
        raise ConfigurationError(
            "a DuckDB URL names a file and no host: write duckdb:///relative/path.db, "
            "duckdb:////absolute/path.db or duckdb:///:memory: (three slashes before the path)"
        )
    path = _expanded(url.database or MEMORY)
    if _DATA_FILE.search(path):
        raise ConfigurationError(
            f"{path!r} is a file of data and no database: open duckdb:///:memory: or a file of another name, "
            f"and read it with SELECT * FROM '{path}'"
        )
    return path


def database_options(
    path: str, read_only: object, settings: Mapping[str, Any]
) -> tuple[DatabaseOptions, dict[str, Any]]:
    """Sort settings into those of the whole database and those of each connection.

    Returns:
        How to open the database, and what to SET on each connection.

    Raises:
        ConfigurationError: DuckDB has no such setting.
    """
    _check_settings(settings)
    shared: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for name, value in settings.items():
        scope = shared if _settings()[name.lower()].for_database else own
        scope[name] = value
    return DatabaseOptions(path, flag("read_only", read_only), shared), own


def check_connect_args(given: object) -> None:
    """Check what a user wrote as ``connect_args``.

    Raises:
        ConfigurationError: It is no mapping, or holds what is neither ``read_only`` nor a setting in
            ``config``.
    """
    if not isinstance(given, Mapping):
        raise ConfigurationError(
            f"connect_args is a dict such as {{'read_only': True}}, not a {type(given).__name__}"
        )
    refuse_unknown(given, CONNECT_ARGS, "connect_args")
    flag("read_only", given.get("read_only", False))
    config = given.get("config", {})
    if not isinstance(config, Mapping):
        raise ConfigurationError(f"config is a dict such as {{'threads': 4}}, not {type(config)}")
    _check_settings(config)


def foreign_keys(value: object) -> ForeignKeys:
    """Return the mode of foreign keys that ``value`` names.

    Raises:
        ConfigurationError: It names none.
    """
    if value not in get_args(ForeignKeys):
        raise ConfigurationError(f"foreign_keys is one of 'checked', 'native' and 'off', not {value!r}")
    return cast("ForeignKeys", value)


def worker_threads(value: object) -> int:
    """Return the number of threads that ``value`` names.

    Raises:
        ConfigurationError: It is no whole number of at least 1.
    """
    text = str(value)
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ConfigurationError(f"worker_threads is a whole number of at least 1, not {value!r}")
    return int(text)


def statement_timeout(value: object) -> float | None:
    """Return the seconds that ``value`` names; None for no limit.

    Raises:
        ConfigurationError: It is no positive number.
    """
    if value is None:
        return None
    try:
        seconds = float(str(value))
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise ConfigurationError(f"statement_timeout is a positive number of seconds, not {value!r}")
    return seconds


def progress(value: object) -> ProgressCallback:
    """Return the callback that ``value`` is.

    Raises:
        ConfigurationError: It cannot be called.
    """
    if not callable(value):
        raise ConfigurationError(
            f"progress is a function that takes the share that is done, from 0.0 to 1.0, not {value!r}"
        )
    return value


def flag(name: str, value: object) -> bool:
    """Return the truth that ``value`` names.

    Raises:
        ConfigurationError: It names none.
    """
    truth = _FLAGS.get(str(value).lower())
    if truth is None:
        raise ConfigurationError(f"{name} is true or false, not {value!r}")
    return truth


def refuse_unknown(names: Iterable[str], known: Iterable[str], what: str) -> None:
    """Refuse the first of ``names`` that is not among the known ones, and name those that come nearest.

    Raises:
        ConfigurationError: There is one.
    """
    present = tuple(known)
    for name in names:
        if name not in present:
            raise ConfigurationError(f"unknown {what} {name!r}{nearest(name, present)}")


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the end of a message that names what comes nearest to ``name``; empty where nothing does."""
    near = difflib.get_close_matches(name, tuple(known))
    return f": did you mean {' or '.join(repr(other) for other in near)}?" if near else ""


def _expanded(path: str) -> str:
    # DuckDB puts the home in place of any ~, so that "~flights.db" would be a file beside that folder.
    if not path.startswith("~"):
        return path
    try:
        return str(Path(path).expanduser())
    except RuntimeError as error:
        raise ConfigurationError(
            f"{path!r} begins with the home of a user who is not known: write {'./' + path!r} for a file of "
            "that name"
        ) from error


class _Setting(NamedTuple):
    name: str
    for_database: bool


def _check_settings(settings: Mapping[str, Any]) -> None:
    if not settings:
        return
    known = _settings()
    refuse_unknown(
        (name for name in settings if name.lower() not in known), (s.name for s in known.values()), "option"
    )
    for name, value in settings.items():
        if value is None or isinstance(value, tuple):
            raise ConfigurationError(
                f"option {name!r} takes one value, not {'none' if value is None else len(value)}"
            )


@lru_cache(maxsize=1)
def _settings() -> dict[str, _Setting]:
    # By their names in lower case, as DuckDB tells them apart.
    with duckdb.connect() as scratch:
        rows = scratch.execute("SELECT name, scope FROM duckdb_settings()").fetchall()
    return {
        name.lower(): _Setting(name, scope == "GLOBAL" and name.lower() not in _AFTER_OPENING)
        for name, scope in rows
    }
