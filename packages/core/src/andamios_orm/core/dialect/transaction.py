"""Begin and end the transactions of one connection, and know what has become of the present one."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from andamios_orm.core.dialect.parser import Parser

__all__ = ["Transaction"]

T = TypeVar("T")


class Transaction:
    """The transaction that a connection is in, if any.

    All of it but `stop` and `share_done` blocks, and belongs to a job of the connection.

    Attributes:
        begun: Whether there is one.
        aborted: Whether an error made it impossible to commit.
        only_read: Whether nothing was changed in it so far.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, parser: Parser) -> None:
        self.begun = False
        self.aborted = False
        self.only_read = True
        self._connection = connection
        self._parser = parser
        self._sealed = False
        self._stopping = threading.Lock()

    def begin(self, *, read_only: bool) -> None:
        """Begin one."""
        self._control("BEGIN TRANSACTION READ ONLY" if read_only else "BEGIN TRANSACTION")
        self.begun = True

    def commit(self) -> None:
        """Commit; whatever the engine answers, the transaction is over."""
        self._end("COMMIT")

    def rollback(self) -> None:
        """Roll back."""
        self._end("ROLLBACK")

    def guard(self, call: Callable[..., T], *arguments: Any) -> T:
        """Make a call to the engine, and notice where its error aborts the transaction."""
        try:
            return call(*arguments)
        except duckdb.InterruptException:
            # DuckDB 1.5 may stop a failed query before it finds the error, and then the transaction lives on.
            self.aborted = self.begun
            raise
        except duckdb.Error:
            self._note_failure()
            raise

    def stop(self) -> None:
        """Make the running call end soon with an error, unless it begins or ends the transaction.

        Never waits: whoever calls it repeats it until the call has ended.
        """
        if not self._stopping.acquire(blocking=False):
            return
        try:
            if not self._sealed:
                self._connection.interrupt()
        finally:
            self._stopping.release()

    def share_done(self) -> float | None:
        """Return how much of the running call is done, from 0.0 to 1.0; None where that is not known.

        Never waits. Any thread may call it at any time.
        """
        if not self._stopping.acquire(blocking=False):
            return None
        try:
            percent = -1.0 if self._sealed else self._connection.query_progress()
        finally:
            self._stopping.release()
        return None if percent < 0 else min(percent / 100, 1.0)

    def seal(self) -> bool:
        """Keep `stop` from interrupting anything from now on; return whether that was so before."""
        with self._stopping:
            before, self._sealed = self._sealed, True
        return before

    def _end(self, sql: str) -> None:
        try:
            self._control(sql)
        finally:
            self.begun = self.aborted = False
            self.only_read = True

    def _control(self, sql: str) -> None:
        with self._unstoppable():
            self._connection.execute(self._parser.control(sql))

    @contextmanager
    def _unstoppable(self) -> Iterator[None]:
        # An interrupt would leave open whether the transaction has begun, or what became of it.
        before = self.seal()
        try:
            yield
        finally:
            self._sealed = before

    def _note_failure(self) -> None:
        # Which errors abort a transaction differs between versions and settings of the engine, so the engine
        # is asked.
        if not self.begun:
            return
        try:
            self._connection.execute("SELECT 1")
        except duckdb.Error:
            self.aborted = True
