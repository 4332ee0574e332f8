"""Give DuckDB the shape of a DBAPI (PEP 249) that SQLAlchemy's asyncio layer can drive.

Each method that reaches the database is one job on a worker thread, awaited from inside SQLAlchemy's
greenlet. The rules:

* A connection runs one job at a time; tasks that share one take turns.
* A statement belongs to one lending of its connection by the pool; one that comes late is refused, so that it
  does not end up in the transaction of the next borrower.
* A cancelled task stops the running statement, waits until it has ended, and only then goes on with its
  CancelledError. So nothing runs behind the back of a connection that was given up. A commit that has started
  is not stopped: it is waited for.
* A connection that is garbage-collected outside of a greenlet is closed by a job that nobody waits for.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb
from sqlalchemy.connectors.asyncio import AsyncAdapt_dbapi_module, AsyncAdapt_terminate
from sqlalchemy.engine import AdaptedConnection
from sqlalchemy.util.concurrency import await_

from andamios_orm.core.dialect import bulk
from andamios_orm.core.dialect.progress import reported
from andamios_orm.core.dialect.raw import RawConnection, execute_each, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from andamios_orm.core.dialect.bulk import BulkRows
    from andamios_orm.core.dialect.outcome import Description, Outcome, Row
    from andamios_orm.core.dialect.progress import ProgressCallback
    from andamios_orm.core.dialect.stream import Stream
    from andamios_orm.core.dialect.worker import Job, WorkerPool

__all__ = [
    "DBAPI",
    "ArrowBatchCursor",
    "ArrowCursor",
    "ArrowSourceCursor",
    "Connection",
    "Cursor",
    "ReturnedConnection",
    "StatementTimeout",
    "StreamingCursor",
]

T = TypeVar("T")


class StatementTimeout(duckdb.OperationalError):
    """Report a statement that was stopped because its time was up.

    Attributes:
        seconds: The limit.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the statement took longer than {seconds:g} s and was stopped")
        self.seconds = seconds


class ReturnedConnection(duckdb.OperationalError):
    """Report a statement whose connection went back to the pool before its turn came."""


_BATCH = 10_000
"""Rows of one job when a stream is read to its end."""

_STOP_INTERVAL = 0.01
"""Seconds between two attempts to stop a statement: one just before the engine starts is lost."""


class Cursor:
    """Run statements and hold the rows of the last one in memory.

    Attributes:
        timeout: Seconds that each job may take; None for no limit.
        progress: Is told how much of each job is done.
    """

    arraysize = 1
    lastrowid = None
    timeout: float | None = None
    progress: ProgressCallback | None = None

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lending = connection.lending
        self._rows: Iterator[Row] = iter(())
        self.description: Description | None = None
        self.rowcount = -1

    def execute(self, operation: str, parameters: Sequence[Any] | None = None) -> None:
        """Run one statement and fetch its rows, in one job."""
        self._accept(self._run(lambda raw: raw.execute(operation, parameters)))

    def executemany(self, operation: str, parameters: Sequence[Sequence[Any]]) -> None:
        """Run one statement for each row of parameters, all or none, in one job."""
        self.rowcount = self._run(lambda raw: execute_each(raw, operation, parameters))

    def write_rows(self, rows: BulkRows) -> None:
        """Write many rows by the way that their plan names, all or none, in one job."""
        self._accept(self._run(lambda raw: bulk.write(raw, rows)))

    def fetchone(self) -> Row | None:
        """Return the next row, or None at the end."""
        return next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[Row]:
        """Return up to ``size`` further rows."""
        return [row for _, row in zip(range(size or self.arraysize), self._rows, strict=False)]

    def fetchall(self) -> list[Row]:
        """Return all further rows."""
        return list(self._rows)

    def close(self) -> None:
        """Give up the rows that were not read."""
        self._rows = iter(())

    async def _async_soft_close(self) -> None:
        # SQLAlchemy calls it before rows leave the greenlet; they are in memory already.
        return

    def setinputsizes(self, *sizes: object) -> None:
        """Do nothing, as PEP 249 allows."""

    def _run(self, work: Callable[[RawConnection], T]) -> T:
        return self._connection.run(work, self._lending, self.timeout, self.progress)

    def _accept(self, outcome: Outcome) -> None:
        self.description = outcome.description
        self.rowcount = outcome.rowcount
        self._rows = iter(outcome.rows)


class StreamingCursor(Cursor):
    """Run a query and read its rows as they are asked for, in one job for each batch."""

    _stream: Stream | None = None

    def execute(self, operation: str, parameters: Sequence[Any] | None = None) -> None:
        """Run one statement; the rows of a query stay with the engine."""
        self._follow(*self._run(lambda raw: raw.stream(operation, parameters)))

    def _follow(self, stream: Stream, outcome: Outcome) -> None:
        self._accept(outcome)
        self._stream = stream

    def fetchone(self) -> Row | None:
        """Return the next row, or None at the end."""
        return next(iter(self.fetchmany(1)), None)

    def fetchmany(self, size: int | None = None) -> list[Row]:
        """Return up to ``size`` further rows."""
        stream = self._stream
        if stream is None:
            return super().fetchmany(size)
        return self._run(lambda raw: stream.fetchmany(size or self.arraysize))

    def fetchall(self) -> list[Row]:
        """Return all further rows."""
        rows: list[Row] = []
        while batch := self.fetchmany(_BATCH):
            rows += batch
        return rows

    def close(self) -> None:
        """Give up the rows that were not read."""
        super().close()
        if self._stream is not None:
            self._stream.close()
            self._stream = None


class ArrowCursor(Cursor):
    """Run a query and hold its rows as one Arrow table.

    Attributes:
        table: The ``pyarrow.Table``, after `execute`.
    """

    table: Any = None

    def execute(self, operation: str, parameters: Sequence[Any] | None = None) -> None:
        """Run one query, and hand its rows over in columns."""
        self._hold(self._run(lambda raw: raw.arrow(operation, parameters)))

    def _hold(self, table: Any) -> None:
        self.table = table
        self.rowcount = table.num_rows


class ArrowSourceCursor(Cursor):
    """Run a statement that reads Arrow columns, in one job.

    Args:
        connection: The connection.
        sources: The columns, or readers of such, by the names that the statement calls them.
    """

    def __init__(self, connection: Connection, sources: Mapping[str, Any]) -> None:
        super().__init__(connection)
        self._sources = sources

    def execute(self, operation: str, parameters: Sequence[Any] | None = None) -> None:
        """Run one statement and fetch its rows."""
        self._accept(self._run(lambda raw: raw.read_arrow(self._sources, operation, parameters)))


class ArrowBatchCursor(Cursor):
    """Run a query and read its rows as Arrow batches, in one job for each.

    SQLAlchemy sees no rows and closes the cursor at once; so what ends the reading is `give_up`.

    Args:
        connection: The connection.
        size: Rows of a batch at most.
    """

    _stream: Stream

    def __init__(self, connection: Connection, size: int) -> None:
        super().__init__(connection)
        self._size = size

    def execute(self, operation: str, parameters: Sequence[Any] | None = None) -> None:
        """Run one query; its rows stay with the engine."""
        self._stream = self._run(lambda raw: raw.arrow_batches(operation, parameters, self._size))

    def next_batch(self) -> Any:
        """Return the next ``pyarrow.RecordBatch``, or None at the end."""
        return next(iter(self._run(lambda raw: self._stream.fetchmany(1))), None)

    def give_up(self) -> None:
        """Give up the batches that were not read."""
        self._stream.close()


class Connection(AsyncAdapt_terminate, AdaptedConnection):
    """Adapt one `RawConnection` to SQLAlchemy: each call is awaited inside of the greenlet.

    Attributes:
        dbapi: The DBAPI module it came from.
        raw: The blocking connection; off the worker threads only its flags may be read.
        lending: How often the pool has got it back: what was asked for before that is refused after it.
        begun: Whether SQLAlchemy has begun a transaction that was neither committed nor rolled back yet.
    """

    def __init__(self, dbapi: DBAPI, raw: RawConnection, workers: WorkerPool) -> None:
        self.dbapi = dbapi
        self.raw = raw
        self._connection: Any = raw
        self._workers = workers
        self._turn = asyncio.Lock()
        self._asked = 0
        self.lending = 0
        self.begun = False

    @property
    def only_read(self) -> bool:
        """Whether nothing was written in the transaction, and nobody is about to."""
        return self.raw.only_read and not self._asked

    def cursor(self, server_side: bool = False) -> Cursor:
        """Return a cursor that buffers its rows, or one that streams them."""
        return StreamingCursor(self) if server_side else Cursor(self)

    def run(
        self,
        work: Callable[[RawConnection], T],
        lending: int | None = None,
        timeout: float | None = None,
        progress: ProgressCallback | None = None,
    ) -> T:
        """Do ``work`` as one job on a worker thread, and wait for it inside of the greenlet.

        Args:
            work: What to do.
            lending: The lending that it belongs to; by default the present one.
            timeout: Seconds that it may take, from its turn on.
            progress: Is told how much of it is done.

        Raises:
            ReturnedConnection: That lending is over.
            StatementTimeout: The time was up; the work has ended, and its transaction cannot be committed.
        """
        call = partial(self.raw.do, work if progress is None else _measured(work))
        return await_(self._in_turn(call, self.lending if lending is None else lending, timeout, progress))

    async def _in_turn(
        self,
        call: Callable[[], T],
        lending: int | None = None,
        timeout: float | None = None,
        progress: ProgressCallback | None = None,
    ) -> T:
        # The lock alone does not tell that somebody waits: released for the next in line, it is not locked.
        self._asked += 1
        try:
            async with self._turn:
                if lending not in (None, self.lending):
                    raise ReturnedConnection(
                        "the session or connection of this statement was closed before its turn came: it was "
                        "not sent. Await every task that uses a session before the session ends, or give "
                        "each its own"
                    )
                try:
                    if timeout is None:
                        return await self._done(call, progress)
                    return await self._done_within(call, timeout, progress)
                finally:
                    self._end_of_turn(lending)
        finally:
            self._asked -= 1

    def _end_of_turn(self, lending: int | None) -> None:
        if lending not in (None, self.lending):
            # Given back while it ran: what it has begun is not for the next borrower.
            self.raw.leave()
            self._workers.post(self.raw.settle)

    async def _done(self, call: Callable[[], T], progress: ProgressCallback | None) -> T:
        job = self._workers.submit(call)
        try:
            if progress is None:
                return await job.outcome
            return await reported(job.outcome, self.raw.share_done, progress)
        except asyncio.CancelledError:
            await _ended(job, self.raw)
            raise

    async def _done_within(
        self, call: Callable[[], T], seconds: float, progress: ProgressCallback | None
    ) -> T:
        try:
            async with asyncio.timeout(seconds) as limit:
                return await self._done(call, progress)
        except TimeoutError:
            if not limit.expired():
                raise
            # The statement may have ended well in the last moment, and its caller is told that it did not.
            self.raw.abort()
            raise StatementTimeout(seconds) from None

    def commit(self) -> None:
        """Commit; without a transaction, without a job."""
        self.begun = False
        if self.raw.in_transaction or self._asked:
            self.run(RawConnection.commit)

    def rollback(self) -> None:
        """Roll back; without a transaction, without a job. Nobody waits for the end of one that only read."""
        self.begun = False
        if not self.only_read:
            self.run(RawConnection.rollback)
        elif self.raw.leave():
            self._workers.defer(self.raw.settle)

    def give_back(self) -> None:
        """End the present lending; a transaction that was left open is rolled back before the next one."""
        self.lending += 1
        self.begun = False
        if self.raw.leave():
            self._workers.post(self.raw.settle)

    def close(self) -> None:
        """Close the connection; an open transaction is rolled back."""
        await_(self._closed())

    async def _closed(self) -> None:
        try:
            await self._in_turn(self.raw.dispose)
        except asyncio.CancelledError:
            self._workers.post(self.raw.dispose)
            raise

    async def _terminate_graceful_close(self) -> None:
        await self._in_turn(self.raw.dispose)

    def _terminate_force_close(self) -> None:
        self.raw.stop()
        self._workers.post(self.raw.dispose)


def _measured(work: Callable[[RawConnection], T]) -> Callable[[RawConnection], T]:
    def measured(raw: RawConnection) -> T:
        measure(raw)
        return work(raw)

    return measured


async def _ended(job: Job[Any], raw: RawConnection) -> None:
    # Further cancellations are not lost: the one that brought us here is raised when this returns.
    while not (job.ended or job.withdraw()):
        raw.stop()
        with suppress(asyncio.CancelledError):
            await job.wait_ended(_STOP_INTERVAL)


class DBAPI(AsyncAdapt_dbapi_module):
    """The module that PEP 249 asks for: the exceptions of duckdb, and ``connect``."""

    apilevel = "2.0"
    threadsafety = 1
    paramstyle = "numeric_dollar"

    Warning = duckdb.Warning
    Error = duckdb.Error  # type: ignore[assignment] # duckdb's classes are the ones that are raised
    InterfaceError = duckdb.OperationalError  # type: ignore[assignment] # duckdb's classes are the ones that are raised
    DatabaseError = duckdb.DatabaseError
    DataError = duckdb.DataError
    OperationalError = duckdb.OperationalError  # type: ignore[assignment] # duckdb's classes are the ones that are raised
    IntegrityError = duckdb.IntegrityError  # type: ignore[assignment] # duckdb's classes are the ones that are raised
    InternalError = duckdb.InternalError
    ProgrammingError = duckdb.ProgrammingError
    NotSupportedError = duckdb.NotSupportedError

    STRING = str
    BINARY = bytes
    NUMBER = float
    DATETIME = object
    ROWID = int

    def __init__(self) -> None:
        super().__init__(duckdb)

    @staticmethod
    def Binary(value: bytes) -> bytes:  # noqa: N802 # the name is PEP 249's
        """Return ``value`` as it is."""
        return value

    def connect(self, opened: Callable[[], RawConnection], workers: WorkerPool) -> Connection:
        """Return a new connection.

        Args:
            opened: Opens the database if need be and a connection to it; called on a worker thread.
            workers: Run the connection's jobs.
        """
        return Connection(self, await_(_opened(opened, workers)), workers)


async def _opened(opened: Callable[[], RawConnection], workers: WorkerPool) -> RawConnection:
    job = workers.submit(opened)
    try:
        return await asyncio.shield(job.outcome)
    except asyncio.CancelledError:
        job.withdraw()
        job.outcome.add_done_callback(lambda outcome: _discard(outcome, workers))
        raise


def _discard(opened: asyncio.Future[RawConnection], workers: WorkerPool) -> None:
    if opened.exception() is None:
        workers.post(opened.result().dispose)
