"""Share one root connection per database between all connections of the process.

A pooled connection is a cursor of the root connection: it costs microseconds, has its own transaction, and
sees the same database. The root is counted: it is opened by the first user of a database and closed by the
last one. An engine counts as a user from its first connection until it is disposed of, so that a database in
memory outlives the moments in which nobody is connected.

After a fatal error DuckDB refuses everything until the file is closed by all and opened anew. The next one
who connects sees to that. A database in memory is lost then: instead of an empty one in its place, everybody
gets the error until all have left it.
"""

from __future__ import annotations

import os
import threading
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import duckdb

from andamios_orm.core.dialect.functions import FunctionCatalog

if TYPE_CHECKING:
    from collections.abc import Mapping

    from andamios_orm.core.dialect.raw import RawConnection

__all__ = ["MEMORY", "ConfigurationMismatch", "Database", "DatabaseOptions", "Lease"]

MEMORY = ":memory:"
"""The path of a private database in memory; ``:memory:name`` is one shared in the process."""


class ConfigurationMismatch(duckdb.OperationalError):
    """Report a database that this process has open already with other settings."""


@dataclass(frozen=True)
class DatabaseOptions:
    """Say which database to open, and how.

    Attributes:
        path: File path, ``:memory:``, or ``:memory:name``.
        read_only: Open a file without the right to change it; many processes may do so at once.
        config: Settings of the whole database, handed to DuckDB when it is opened.
    """

    path: str = MEMORY
    read_only: bool = False
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def private(self) -> bool:
        """Whether each opener gets a database of its own."""
        return self.path == MEMORY

    @property
    def in_memory(self) -> bool:
        """Whether there is no file."""
        return self.path.startswith(MEMORY)

    @property
    def key(self) -> str:
        """What two openers of the same database have in common."""
        return self.path if self.in_memory else os.path.realpath(self.path)

    def agrees_with(self, other: DatabaseOptions) -> bool:
        """Tell whether both ask for the same settings of the whole database."""
        return self.read_only == other.read_only and _texts(self.config) == _texts(other.config)


def _texts(config: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in config.items()}


class Database:
    """One open database of this process, counted by its users.

    Every method may block and belongs on a worker thread. Use ``Database.acquire`` instead of the
    constructor, and ``release`` once for each ``acquire``.

    Attributes:
        options: How it was opened.
        failed: Whether a fatal error closed it for everybody.
        functions: The functions of Python that its transactions may call.
    """

    _open: ClassVar[weakref.WeakValueDictionary[str, Database]] = weakref.WeakValueDictionary()
    _lock: ClassVar[threading.RLock] = threading.RLock()

    def __init__(self, options: DatabaseOptions) -> None:
        self.options = options
        self.failed = False
        self._key = options.key
        self._users = 0
        self._connections: weakref.WeakSet[RawConnection] = weakref.WeakSet()
        self._abandoning = threading.Lock()
        self._root = duckdb.connect(options.path, read_only=options.read_only, config=dict(options.config))
        self.functions = FunctionCatalog(self._root.cursor())

    @classmethod
    def acquire(cls, options: DatabaseOptions) -> Database:
        """Open the database, or join those who have it open already.

        Raises:
            ConfigurationMismatch: This process has it open with other settings.
            duckdb.Error: It cannot be opened: locked, no database, no permission.
        """
        with cls._lock:
            database = None if options.private else cls._open.get(options.key)
            if database is None:
                database = cls(options)
                if not options.private:
                    cls._open[options.key] = database
            elif not options.agrees_with(database.options):
                raise ConfigurationMismatch(_mismatch(options, database.options))
            database._users += 1
            return database

    def retain(self) -> Database:
        """Count one more user."""
        with self._lock:
            self._users += 1
            return self

    def release(self) -> None:
        """Count one user less; the last one closes the database."""
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._forget()
                self._root.close()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a new connection to this database, with a transaction of its own."""
        return self._root.cursor()

    def enlist(self, connection: RawConnection) -> None:
        """Remember a connection that stands on a cursor, to close it if the database is abandoned."""
        with self._lock:
            self._connections.add(connection)

    def fail(self) -> None:
        """Note that a fatal error closed it."""
        with self._lock:
            self.failed = True
            if not self.options.in_memory:
                self._forget()

    def abandon(self) -> None:
        """Close every connection to it, whoever uses them, so that the file can be opened anew."""
        with self._lock:
            connections = tuple(self._connections)
        with self._abandoning:
            for connection in connections:
                connection.stop()
                connection.dispose()
            self._root.close()

    def _forget(self) -> None:
        if self._open.get(self._key) is self:
            del self._open[self._key]


class Lease:
    """Keep the databases that one engine has connected to open until the engine is disposed of.

    ``acquire`` and ``release`` may block and belong on a worker thread.
    """

    def __init__(self) -> None:
        self._held: dict[str, Database] = {}
        self._lock = threading.Lock()

    def acquire(self, options: DatabaseOptions) -> Database:
        """Return the database, open and counted for the caller, who releases it.

        Raises:
            ConfigurationMismatch: This process has it open with other settings.
            duckdb.Error: It cannot be opened.
        """
        with self._lock:
            held = self._held.get(options.key)
            if held is not None and held.failed and not options.in_memory:
                del self._held[options.key]
                held.abandon()
                held.release()
                held = None
            if held is None:
                held = self._held[options.key] = Database.acquire(options)
            return held.retain()

    def release(self) -> None:
        """Let go of every database; those without another user are closed."""
        with self._lock:
            held, self._held = self._held, {}
        for database in held.values():
            database.release()


def _mismatch(asked: DatabaseOptions, present: DatabaseOptions) -> str:
    # Names only: a value may be a credential.
    names = {name for name, _ in _texts(asked.config).items() ^ _texts(present.config).items()}
    if asked.read_only != present.read_only:
        names.add("read_only")
    return (
        f"{asked.path!r} is open in this process with another value of {', '.join(sorted(names))}: "
        "use the same settings, or dispose of the other engine first"
    )
