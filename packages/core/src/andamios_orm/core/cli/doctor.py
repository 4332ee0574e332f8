"""Find out what is wrong with a database."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer
from rich.table import Table
from rich.text import Text
from sqlalchemy import text
from sqlalchemy.pool import QueuePool

from andamios_orm.core.cli.console import output, plain, sentence
from andamios_orm.core.cli.target import DatabaseURL, database_file, opened, target
from andamios_orm.core.cli.version import versions
from andamios_orm.core.errors import AndamiosError, DatabaseLockedError
from andamios_orm.core.observability.redaction import redacted_field
from andamios_orm.core.runner import run

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from andamios_orm.core.engine import AndamiosEngine

__all__ = ["doctor"]

_LITTLE_SPACE = 100 * 2**20
"""Bytes of free space with which a disk counts as full."""

_SETTINGS = ("memory_limit", "temp_directory", "threads", "TimeZone")
"""DuckDB's settings that tell most about how it runs."""

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


class _Finding(NamedTuple):
    subject: str
    told: str
    wrong: bool = False


def doctor(url: DatabaseURL = None) -> None:
    """Look at a database without changing it: its engine, file, lock, settings and disk.

    The exit code is 1 when something is wrong.
    """
    engine = target(url, read_only=True)
    findings = [*_surroundings(engine), *run(_database(engine))]
    table = Table(show_header=False)
    for finding in findings:
        table.add_row(finding.subject, Text(plain(finding.told), "red" if finding.wrong else ""))
    output().print(table)
    if any(finding.wrong for finding in findings):
        raise typer.Exit(1)


def _surroundings(engine: AndamiosEngine) -> Iterable[_Finding]:
    yield _Finding("installed", ", ".join(f"{name} {number}" for name, number in versions().items()))
    # The rest of a URL may hold a credential.
    yield _Finding("database", engine.url.set(query={}).render_as_string())
    file = database_file(engine)
    if file is not None:
        yield from _file(Path(file).absolute())


def _file(path: Path) -> Iterable[_Finding]:
    if not path.exists():
        yield _Finding("file", f"{path} does not exist", wrong=True)
        return
    wal = path.with_name(f"{path.name}.wal")
    log = f", and {_size(wal.stat().st_size)} of write-ahead log" if wal.exists() else ""
    yield _Finding("file", f"{path}: {_size(path.stat().st_size)}{log}")
    free = shutil.disk_usage(path.parent).free
    yield _Finding("disk", f"{_size(free)} free", wrong=free < _LITTLE_SPACE)


async def _database(engine: AndamiosEngine) -> list[_Finding]:
    async with opened(engine):
        try:
            async with engine.connect() as connection:
                return [*await _engine(connection), _settings(engine, await _values(connection))]
        except DatabaseLockedError as error:
            holder = "another process" if error.pid is None else f"process {error.pid}"
            return [_Finding("lock", f"{holder} has the database open to write", wrong=True)]
        except AndamiosError as error:
            return [_Finding("connection", sentence(error), wrong=True)]


async def _engine(connection: AsyncConnection) -> list[_Finding]:
    dialect = connection.dialect
    if dialect.name != "duckdb":
        version = ".".join(map(str, dialect.server_version_info or ()))
        return [_Finding("engine", f"{dialect.name} {version}")]
    version = await connection.scalar(text("SELECT version()"))
    extensions = await connection.scalars(
        text("SELECT extension_name FROM duckdb_extensions() WHERE loaded ORDER BY extension_name")
    )
    return [
        _Finding("engine", f"DuckDB {version}"),
        _Finding("extensions", ", ".join(extensions)),
        _Finding("lock", "no other process has it open to write"),
    ]


async def _values(connection: AsyncConnection) -> dict[str, object]:
    dialect: Any = connection.dialect
    if dialect.name != "duckdb":
        return {}
    rows = await connection.execute(text("SELECT name, value FROM duckdb_settings()"))
    values = {name: value for name, value in rows if name in _SETTINGS}
    return {"foreign_keys": dialect.foreign_keys, "worker_threads": dialect.workers.size, **values}


def _settings(engine: AndamiosEngine, values: Mapping[str, object]) -> _Finding:
    pool = engine.pool
    size = {"pool_size": pool.size()} if isinstance(pool, QueuePool) else {}
    shown = {**size, **values, **engine.url.query}
    told = (f"{name}={redacted_field(name, value)}" for name, value in shown.items())
    return _Finding("settings", ", ".join(told))


def _size(count: int) -> str:
    power = min(max(count.bit_length() - 1, 0) // 10, len(_UNITS) - 1)
    return f"{count / 1024**power:.4g} {_UNITS[power]}"
