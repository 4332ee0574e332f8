"""Hold one DuckDB connection to the rules of a transaction.

What runs here blocks and belongs on a worker thread, one call at a time; `dbapi` sees to that. The event loop
may call `stop`, `share_done`, `leave` and, between two jobs, `abort`; it may close a stream, and read and set
the flags. The rules:

* BEGIN is sent with the first statement of a transaction, in the same call. A transaction that never ran a
  statement is none.
* After an error DuckDB may abort the transaction, and would answer COMMIT with silence and a rollback. Here
  COMMIT of an aborted transaction raises, and nothing else runs in it.
* DuckDB drops the unread rows of a result when the connection runs anything else. Here they are read into
  memory first.
* A transaction that only read may be left to be ended later (`leave`): nobody can tell when that happens, so
  nobody waits for it. Whatever the connection does next ends it first.
* `stop` makes whatever runs end soon. It is the one method that any thread may call at any time; a commit
  does not heed it, because an interrupted commit would leave open what became of the data.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb

from andamios_orm.core.dialect.arrow import batch_reader, read_table
from andamios_orm.core.dialect.functions import LateFunctions
from andamios_orm.core.dialect.identifiers import string_literal
from andamios_orm.core.dialect.outcome import NOTHING, Outcome, Row, read_description, read_outcome
from andamios_orm.core.dialect.parser import Parser
from andamios_orm.core.dialect.stream import OpenStream, Stream
from andamios_orm.core.dialect.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from andamios_orm.core.dialect.database import Database
    from andamios_orm.core.dialect.parser import ParsedStatement

__all__ = ["NOTHING", "AbortedTransaction", "Outcome", "RawConnection", "Row", "execute_each", "measure"]

T = TypeVar("T")

_MEASURING = ("enable_progress_bar_print = false", "progress_bar_time = 0", "enable_progress_bar = true")
"""What makes the engine keep account of its progress, from the beginning of a statement and without a bar."""

_ROLLED_BACK = "the transaction of this result was ended before all of its rows were read"


class AbortedTransaction(duckdb.OperationalError):
    """Report work on a transaction that an earlier error aborted."""


class RawConnection:
    """One connection to a database, with a transaction of its own.

    Attributes:
        database: The database it belongs to, of which it is one user.
        duckdb: The connection of the duckdb package.
        autocommit: Whether each statement commits by itself.
        read_only: Whether transactions are begun READ ONLY.
        closed: Whether the connection is closed.
    """

    def __init__(self, database: Database, settings: Mapping[str, Any]) -> None:
        self.database = database
        self.duckdb = database.cursor()
        self.autocommit = False
        self.read_only = False
        self.closed = False
        self._measured = False
        self._parser = Parser(self.duckdb)
        self._transaction = Transaction(self.duckdb, self._parser)
        self._stream = OpenStream()
        self._late = LateFunctions()
        self._busy = threading.Lock()
        self._left = False
        # Last, because an abandoned database closes whatever is on its list, on whichever thread.
        database.enlist(self)
        try:
            _configure(self.duckdb, settings)
        except duckdb.Error:
            self.close()
            raise

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction was begun and not ended."""
        return self._transaction.begun and not self._left

    @property
    def only_read(self) -> bool:
        """Whether the transaction has changed nothing so far."""
        return self._transaction.only_read

    def do(self, work: Callable[[RawConnection], T]) -> T:
        """Run one job: ``work`` on this connection, after whatever was left of the one before."""
        with self._busy:
            try:
                self._settle()
                return work(self)
            except duckdb.FatalException:
                self.database.fail()
                raise

    def leave(self) -> bool:
        """Leave a transaction that only read, or the rest of a stream, to be ended later. Never blocks.

        Returns:
            Whether there is something to end that was not left before: it wants a `settle`, unless the
            connection does something else first.
        """
        if self._left:
            return False
        self._left = self._transaction.begun or self._stream.present
        return self._left

    def settle(self) -> None:
        """End what was left, unless that has happened; a connection that cannot do so is closed."""
        if not self._busy.acquire(blocking=False):
            # Another thread works with the connection, and settles it first.
            return
        try:
            self._settle()
        except duckdb.Error:
            self.close()
        finally:
            self._busy.release()

    def dispose(self) -> None:
        """Close the connection as soon as its running job has ended."""
        with self._busy:
            self.close()

    def execute(self, sql: str, parameters: Sequence[Any] | None = None) -> Outcome:
        """Run one statement and return its rows in full."""
        statement = self._parsed(sql)
        if statement is None:
            return NOTHING
        self._run(not statement.reads, self.duckdb.execute, statement.executable, parameters or None)
        return self._transaction.guard(read_outcome, self.duckdb, statement)

    def stream(self, sql: str, parameters: Sequence[Any] | None = None) -> tuple[Stream, Outcome]:
        """Run one statement, and leave the rows of a query to be read through the stream."""
        statement = self._parsed(sql)
        if statement is None or not statement.query:
            outcome = self.execute(sql, parameters)
            return Stream(outcome.rows), outcome
        self._run(not statement.reads, self.duckdb.execute, statement.executable, parameters or None)
        stream = self._stream.start(partial(self._transaction.guard, self.duckdb.fetchmany))
        return stream, Outcome([], read_description(self.duckdb), -1)

    def read_arrow(
        self, sources: Mapping[str, Any], sql: str, parameters: Sequence[Any] | None = None
    ) -> Outcome:
        """Run one statement that reads Arrow columns, or readers of such, by the names given here."""
        for name, source in sources.items():
            self.call(partial(duckdb.DuckDBPyConnection.register, view_name=name, python_object=source))
        outcome = self.execute(sql, parameters)
        # After an error the names end with the transaction.
        for name in sources:
            self.call(partial(duckdb.DuckDBPyConnection.unregister, view_name=name))
        return outcome

    def arrow(self, sql: str, parameters: Sequence[Any] | None = None) -> Any:
        """Run one query and return its rows as a ``pyarrow.Table``.

        Raises:
            duckdb.ProgrammingError: The statement is no query.
        """
        statement = self._query(sql)
        return self._run(not statement.reads, read_table, self.duckdb, statement, list(parameters or ()))

    def arrow_batches(self, sql: str, parameters: Sequence[Any] | None, size: int) -> Stream:
        """Run one query, and leave its rows to be read through the stream, as Arrow batches.

        Args:
            sql: The query.
            parameters: Its parameters.
            size: Rows of a batch at most.

        Raises:
            duckdb.ProgrammingError: The statement is no query.
        """
        statement = self._query(sql)
        read = self._run(
            not statement.reads, batch_reader, self.duckdb, statement, list(parameters or ()), size
        )
        return self._stream.start(partial(self._transaction.guard, read))

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """Make several calls one: under autocommit a transaction, else a failure aborts the present one."""
        autocommit, self.autocommit = self.autocommit, False
        try:
            yield
            if autocommit:
                self.commit()
        except BaseException:
            self.abort()
            if autocommit:
                self.rollback()
            raise
        finally:
            self.autocommit = autocommit

    def abort(self) -> None:
        """Keep the present transaction, if there is one, from being committed. Never blocks."""
        self._transaction.aborted = self._transaction.begun

    def call(self, work: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """Do ``work`` with duckdb's own connection, in the transaction."""
        return self._run(True, work, self.duckdb)

    def commit(self) -> None:
        """Commit.

        Raises:
            AbortedTransaction: An error aborted the transaction: it is rolled back, so that nothing of it is
                ever written.
            duckdb.Error: The engine refused: a conflict, or a duplicate key that another transaction
                committed first.
        """
        if not self._transaction.begun:
            return
        if self._transaction.aborted:
            self.rollback()
            raise AbortedTransaction(
                "an earlier error aborted this transaction: nothing of it was written. "
                "Run it again from its start"
            )
        self._stream.keep()
        self._transaction.commit()

    def rollback(self) -> None:
        """Roll back; a stream whose rows were not all read says so when it is read again."""
        self._stream.break_off(_ROLLED_BACK)
        if self._transaction.begun:
            self._transaction.rollback()

    def close(self) -> None:
        """Close the connection; an open transaction is rolled back. A second call does nothing."""
        if self.closed:
            return
        self.closed = True
        self._stream.break_off("the connection was closed before all rows of this result were read")
        # To interrupt a connection that is being torn down would crash the process.
        self._transaction.seal()
        self.duckdb.close()
        self.database.release()

    def stop(self) -> None:
        """Make the running call end soon with an error, unless it ends the transaction or the connection."""
        self._transaction.stop()

    def share_done(self) -> float | None:
        """Return how much of the running statement is done, from 0.0 to 1.0; None where that is not known.

        Never waits. Any thread may call it at any time.
        """
        return self._transaction.share_done()

    def _query(self, sql: str) -> ParsedStatement:
        statement = self._parsed(sql)
        if statement is None or not statement.query:
            raise duckdb.ProgrammingError(
                "only a query gives an Arrow table; run this statement with execute()"
            )
        return statement

    def _parsed(self, sql: str) -> ParsedStatement | None:
        if self._transaction.begun and self._late.called_in(sql):
            sql = self._run(True, self._late.provide, self.duckdb, sql)
        return self._parser.parsed(sql)

    def _run(self, writes: bool, call: Callable[..., T], *arguments: Any) -> T:
        transaction = self._transaction
        if transaction.aborted:
            raise AbortedTransaction(
                "an earlier error aborted this transaction; roll back before anything else"
            )
        self._stream.keep()
        if not transaction.begun:
            self._late = LateFunctions(self.database.functions.provide())
            if not self.autocommit:
                transaction.begin(read_only=self.read_only)
        transaction.only_read = transaction.only_read and (self.autocommit or not writes)
        return transaction.guard(call, *arguments)

    def _settle(self) -> None:
        if not self._left:
            return
        if self._transaction.begun:
            self.rollback()
        else:
            self._stream.break_off(_ROLLED_BACK)
            # Under autocommit the next statement drops an unread result, and nothing else does.
            self.duckdb.execute("SELECT 1")
        self._left = False


def measure(raw: RawConnection) -> None:
    """Make the engine keep account of how much of a statement is done; it prints nothing."""
    if not raw._measured:
        raw._stream.keep()
        for setting in _MEASURING:
            raw._transaction.guard(raw.duckdb.execute, f"SET {setting}")
        raw._measured = True


def execute_each(raw: RawConnection, sql: str, rows: Iterable[Sequence[Any]]) -> int:
    """Run one statement for each row of parameters, all or none; return how many rows it touched."""
    with raw.atomic():
        return sum(max(raw.execute(sql, row).rowcount, 0) for row in rows)


def _configure(connection: duckdb.DuckDBPyConnection, settings: Mapping[str, Any]) -> None:
    for name, value in settings.items():
        connection.execute(f"SET {name} = {_setting(value)}")


def _setting(value: object) -> str:
    return str(value) if isinstance(value, bool | int | float) else string_literal(str(value))
