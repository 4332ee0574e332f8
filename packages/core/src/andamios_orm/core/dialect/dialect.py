"""The dialect: what SQLAlchemy asks of a database, answered for DuckDB and asyncio."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import duckdb
from duckdb_engine import Dialect as DuckDBEngineDialect
from sqlalchemy import event
from sqlalchemy.dialects.postgresql.base import PGDialect, PGExecutionContext
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.engine.interfaces import ExecuteStyle
from sqlalchemy.sql.compiler import InsertmanyvaluesSentinelOpts
from sqlalchemy.types import adapt_type
from sqlalchemy.util.concurrency import await_, in_greenlet

from andamios_orm.core.dialect import options
from andamios_orm.core.dialect.bulk import BulkRows
from andamios_orm.core.dialect.bulk_changes import change_plan
from andamios_orm.core.dialect.compiler import DuckDBCompiler, DuckDBDDLCompiler
from andamios_orm.core.dialect.database import Lease
from andamios_orm.core.dialect.dbapi import (
    DBAPI,
    ArrowBatchCursor,
    ArrowCursor,
    ArrowSourceCursor,
    Connection,
    Cursor,
)
from andamios_orm.core.dialect.identifiers import DuckDBIdentifierPreparer
from andamios_orm.core.dialect.pool import ConnectionPool
from andamios_orm.core.dialect.raw import RawConnection
from andamios_orm.core.dialect.reflection import DuckDBReflection
from andamios_orm.core.dialect.translation import translate
from andamios_orm.core.dialect.type_compiler import COLSPECS, DuckDBTypeCompiler
from andamios_orm.core.dialect.worker import WorkerPool, default_worker_threads
from andamios_orm.core.errors import NotSupportedError, SavepointNotSupportedError
from andamios_orm.core.integrity import checks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine, Pool
    from sqlalchemy.engine import URL

    from andamios_orm.core.dialect.database import Database, DatabaseOptions
    from andamios_orm.core.dialect.options import ForeignKeys

__all__ = ["AndamiosDialect", "ExecutionContext"]

_LEVELS = ("SNAPSHOT", "READ ONLY", "AUTOCOMMIT")


class ExecutionContext(PGExecutionContext):
    """Hold the state of one execution."""

    def create_server_side_cursor(self) -> Any:
        """Return a cursor that streams."""
        if self.execution_options.get("progress") is not None:
            raise NotSupportedError.of(
                "duckdb", "progress of a streamed result", "count its rows as they come, or do not stream it"
            )
        return self._limited(self._dbapi_connection.cursor(server_side=True))

    def create_default_cursor(self) -> Any:
        """Return a cursor that buffers rows, or one for Arrow where the statement asks for it."""
        connection: Any = self._dbapi_connection
        return self._limited(self._cursor(connection.dbapi_connection))

    def pre_exec(self) -> None:
        """Send the rows of an UPDATE or DELETE as one statement, where that means the same."""
        super().pre_exec()
        if self.execute_style is ExecuteStyle.EXECUTEMANY and (self.isupdate or self.isdelete):
            compiled: Any = self.compiled
            rows: Any = self.parameters
            plan = change_plan(compiled, self.statement, rows)
            if plan is not None:
                self.parameters = BulkRows.of(rows, plan)

    def _cursor(self, connection: Connection) -> Cursor:
        if self.execution_options.get("arrow_result", False):
            return ArrowCursor(connection)
        sources = self.execution_options.get("arrow_sources")
        if sources is not None:
            return ArrowSourceCursor(connection, sources)
        size = self.execution_options.get("arrow_batches")
        return connection.cursor() if size is None else ArrowBatchCursor(connection, size)

    def _limited(self, cursor: Any) -> Any:
        dialect: Any = self.dialect
        timeout = self.execution_options.get("statement_timeout", dialect.statement_timeout)
        if timeout is not None:
            cursor.timeout = options.statement_timeout(timeout)
        progress = self.execution_options.get("progress")
        if progress is not None:
            cursor.progress = options.progress(progress)
        return cursor


class AndamiosDialect(DuckDBReflection, DuckDBEngineDialect):  # type: ignore[misc] # the base is not annotated for SQLAlchemy 2.1
    """DuckDB over asyncio: ``duckdb+andamios:///file.db``, or ``duckdb+andamios:///:memory:``.

    An engine has one bounded set of worker threads. Its connections share one root connection of their
    database, which the engine holds from the first connection until it is disposed of.

    Args:
        foreign_keys: Who verifies foreign keys.
        worker_threads: Bound on the threads that run this engine's statements; by default a few more than
            there are cores.
        statement_timeout: Seconds that each statement may take; by default any time.
        others: SQLAlchemy's own options.

    Attributes:
        connections: The connections that are open.
    """

    name = "duckdb"
    driver = "andamios"
    is_async = True
    has_terminate = True
    supports_statement_cache = True
    supports_server_side_cursors = True
    supports_alter = False
    supports_comments = True
    inline_comments = False
    supports_constraint_comments = False
    supports_identity_columns = False
    supports_sane_rowcount = True
    supports_sane_multi_rowcount = True
    supports_sane_rowcount_returning = True
    # Asked for or not, RETURNING makes the engine replace rows that have a key, and it notices no conflict
    # between a row that is replaced and one that is changed where it stands: so nothing adds it unasked.
    update_returning = False
    supports_native_decimal = True
    supports_smallserial = True
    supports_virtual_generated_columns = True
    use_insertmanyvalues = True
    use_insertmanyvalues_wo_returning = True
    insertmanyvalues_implicit_sentinel = InsertmanyvaluesSentinelOpts.ANY_AUTOINCREMENT
    max_identifier_length = 1024
    default_paramstyle = "numeric_dollar"
    bind_typing = PGDialect.bind_typing

    statement_compiler = DuckDBCompiler
    ddl_compiler = DuckDBDDLCompiler
    type_compiler_cls = DuckDBTypeCompiler
    preparer = DuckDBIdentifierPreparer
    execution_ctx_cls = ExecutionContext
    colspecs: ClassVar[dict[Any, Any]] = COLSPECS
    _backslash_escapes = False
    connection_characteristics = DefaultDialect.connection_characteristics

    # SQLAlchemy's create_engine finds the names of options among positional parameters only.
    def __init__(
        self,
        foreign_keys: ForeignKeys = "checked",
        worker_threads: int | None = None,
        statement_timeout: float | None = None,
        **others: Any,
    ) -> None:
        super().__init__(**others)
        self.statement_timeout = options.statement_timeout(statement_timeout)
        self.foreign_keys = options.foreign_keys(foreign_keys)
        self._worker_threads = (
            default_worker_threads() if worker_threads is None else options.worker_threads(worker_threads)
        )
        self._workers: WorkerPool | None = None
        self._lease = Lease()
        self.connections: weakref.WeakSet[Connection] = weakref.WeakSet()

    @property
    def workers(self) -> WorkerPool:
        """The threads that run this engine's statements."""
        if self._workers is None:
            self._workers = WorkerPool(self._worker_threads)
        return self._workers

    @classmethod
    def import_dbapi(cls) -> DBAPI:
        """Return the DBAPI module."""
        return DBAPI()

    @classmethod
    def get_pool_class(cls, url: URL) -> type[Pool]:
        """Return the one pool for files and for databases in memory: their connections share a root."""
        return ConnectionPool

    @classmethod
    def engine_created(cls, engine: Engine) -> None:
        """Open the one door for errors, check foreign keys, let go of the database with the engine."""
        event.listen(engine, "handle_error", translate)
        event.listen(engine, "begin", _leave_what_was_refused)
        event.listen(engine, "engine_disposed", _release_lease)
        if getattr(engine.dialect, "foreign_keys", None) == "checked":
            checks.install(engine)

    def create_connect_args(self, url: URL) -> tuple[list[Any], dict[str, Any]]:
        """Read the URL: its path, our own options, and DuckDB's settings.

        Raises:
            ConfigurationError: An option is unknown or has no such value; a host is named.
        """
        query = dict(url.query)
        if "foreign_keys" in query:
            self.foreign_keys = options.foreign_keys(query.pop("foreign_keys"))
        if "worker_threads" in query:
            self._worker_threads = options.worker_threads(query.pop("worker_threads"))
        if "statement_timeout" in query:
            self.statement_timeout = options.statement_timeout(query.pop("statement_timeout"))
        read_only = options.flag("read_only", query.pop("read_only", "false"))
        options.database_options(options.database_path(url), read_only, query)
        return [], {"database": options.database_path(url), "read_only": read_only, "settings": query}

    def connect(self, *arguments: Any, **given: Any) -> Connection:
        """Return a new connection.

        Raises:
            ConfigurationError: ``connect_args`` or its ``config`` hold something unknown.
        """
        options.refuse_unknown(given, ("database", "read_only", "config", "settings"), "connect_args")
        settings = {**given["settings"], **given.get("config", {})}

        def opened() -> RawConnection:
            database, session = options.database_options(given["database"], given["read_only"], settings)
            return RawConnection(_acquired(self._lease, database), session)

        return self._remembered(self.loaded_dbapi.connect(opened, self.workers))

    def _remembered(self, connection: Connection) -> Connection:
        self.connections.add(connection)
        return connection

    def on_connect(self) -> None:
        """Leave a new connection as it is."""

    def initialize(self, connection: Any) -> None:
        """Ask the database for its default schema and nothing that only PostgreSQL could answer."""
        DefaultDialect.initialize(self, connection)

    def _get_server_version_info(self, connection: Any) -> tuple[int, ...]:
        return tuple(int(part) for part in duckdb.__version__.split(".")[:3] if part.isdigit())

    def get_driver_connection(self, connection: Any) -> RawConnection:
        """Return the blocking connection below the adapter."""
        raw: RawConnection = connection.raw
        return raw

    def get_isolation_level_values(self, dbapi_connection: Any) -> Sequence[str]:
        """Return the levels: snapshot isolation, the same read-only, and a commit after each statement."""
        return _LEVELS

    def get_default_isolation_level(self, dbapi_connection: Any) -> str:
        """Return the level of a new connection."""
        return self.get_isolation_level(dbapi_connection)

    def get_isolation_level(self, dbapi_connection: Any) -> str:
        """Return the level that the next transaction will have."""
        raw = dbapi_connection.raw
        return "AUTOCOMMIT" if raw.autocommit else "READ ONLY" if raw.read_only else _LEVELS[0]

    def set_isolation_level(self, dbapi_connection: Any, level: str) -> None:
        """Set the level of the transactions to come."""
        dbapi_connection.raw.autocommit = level == "AUTOCOMMIT"
        dbapi_connection.raw.read_only = level == "READ ONLY"

    def detect_autocommit_setting(self, dbapi_connection: Any) -> bool:
        """Tell whether the connection commits after each statement."""
        return bool(dbapi_connection.raw.autocommit)

    def do_begin(self, dbapi_connection: Any) -> None:
        """Send nothing: BEGIN travels with the first statement."""

    def do_rollback(self, dbapi_connection: Any) -> None:
        """Roll back, unless ``skip_autocommit_rollback`` spares it."""
        DefaultDialect.do_rollback(self, dbapi_connection)

    def do_terminate(self, dbapi_connection: Any) -> None:
        """Close a connection that is given up."""
        dbapi_connection.terminate()

    def do_ping(self, dbapi_connection: Any) -> bool:
        """Tell whether the connection is open; without a statement, as nothing lies between it and us."""
        return not dbapi_connection.raw.closed

    def do_execute(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        """Send one statement, or its many rows by the way that their plan names."""
        if isinstance(parameters, BulkRows):
            cursor.write_rows(parameters)
        else:
            cursor.execute(statement, parameters)

    def do_executemany(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        """Send one statement for each row of parameters, or one for all of them where there is a plan."""
        if isinstance(parameters, BulkRows):
            cursor.write_rows(parameters)
        else:
            cursor.executemany(statement, parameters)

    def do_savepoint(self, connection: Any, name: str) -> None:
        """Refuse a savepoint.

        Raises:
            SavepointNotSupportedError: Always.
        """
        raise SavepointNotSupportedError(self.name)

    def is_disconnect(self, error: Any, connection: Any, cursor: Any) -> bool:
        """Tell whether the connection is lost: a fatal error closes the whole database."""
        return isinstance(error, duckdb.FatalException | duckdb.ConnectionException)

    def type_descriptor(self, typeobj: Any) -> Any:
        """Return the implementation of a type."""
        return adapt_type(typeobj, self.colspecs)


def _acquired(lease: Lease, asked: DatabaseOptions) -> Database:
    try:
        return lease.acquire(asked)
    except duckdb.IOException as error:
        folder = Path(asked.path).absolute().parent
        if "://" in asked.path or not _is_missing(folder):
            raise
        raise duckdb.IOException(
            f"{error}\nThe folder {str(folder)!r} does not exist: make it first, for example with "
            "pathlib.Path.mkdir()."
        ) from error


def _is_missing(folder: Path) -> bool:
    try:
        folder.stat()
    except OSError as error:
        # Another error, such as a folder above that may not be looked into, the engine names by itself.
        return isinstance(error, FileNotFoundError)
    return False


def _leave_what_was_refused(connection: Any) -> None:
    # When a listener to a commit raises, SQLAlchemy takes its transaction for ended: it is open.
    adapter: Any = connection.connection.dbapi_connection
    if adapter.begun:
        adapter.rollback()
    adapter.begun = True


def _release_lease(engine: Engine) -> None:
    dialect: Any = engine.dialect
    if in_greenlet():
        await_(dialect.workers.submit(dialect._lease.release).outcome)
    else:
        dialect.workers.post(dialect._lease.release)
