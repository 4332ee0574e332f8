"""Read the rows of a statement as they are asked for.

DuckDB drops the unread rows of a result when the connection runs anything else, so a connection has one open
stream at most: the one whose rows are still with the engine. What the connection does next either keeps them
in memory or breaks the stream.

All of this blocks and belongs to a job of the connection, except for `Stream.close`: the event loop may call
it while a job is at work, so it marks the stream and touches nothing else. Whoever comes next on the
connection drops the rows.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import duckdb

from andamios_orm.core.dialect.outcome import SLICE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from andamios_orm.core.dialect.outcome import Row

__all__ = ["BrokenStream", "OpenStream", "Stream"]

_FAILED = "an error ended this result before all of its rows were read"


class BrokenStream(duckdb.OperationalError):
    """Report a read from a stream that ended before all of its rows were read."""


class Stream:
    """Rows of one statement, read as they are asked for.

    Guarantee: every row is delivered once, or an error is raised; none is dropped because the connection went
    on to something else.

    Args:
        rows: The rows that are in memory.
        read: Returns up to so many further rows of the engine, no row at the end; None where there are none.
    """

    __slots__ = ("_closed", "_error", "_read", "_rows")

    def __init__(self, rows: Iterable[Row] = (), read: Callable[[int], list[Row]] | None = None) -> None:
        self._rows = deque(rows)
        self._read = read
        self._error: str | None = None
        self._closed = False

    def fetchmany(self, size: int) -> list[Row]:
        """Return up to ``size`` further rows; fewer only at the end, and none once it is closed.

        Raises:
            BrokenStream: The transaction was rolled back before the rows were read.
            duckdb.Error: The engine failed while it produced the rows.
        """
        if self._closed:
            return []
        if self._error is not None:
            raise BrokenStream(self._error)
        if self._read is None:
            return [self._rows.popleft() for _ in range(min(size, len(self._rows)))]
        try:
            return self._read(size)
        except BaseException:
            self.break_off(_FAILED)
            raise

    def keep(self) -> None:
        """Read the rows that are still with the engine into memory, unless the stream is closed.

        Raises:
            duckdb.Error: The engine failed while it produced the rows; the stream is broken.
        """
        if self._read is None:
            return
        try:
            while not self._closed and (part := self._read(SLICE)):
                self._rows.extend(part)
        except BaseException:
            self.break_off(_FAILED)
            raise
        self._read = None

    def break_off(self, reason: str) -> None:
        """Give up the rows that were not read, and say so, with the first reason, to whoever reads on."""
        self._error = self._error or reason
        self._rows.clear()
        self._read = None

    def close(self) -> None:
        """Give up the rows that were not read. Never blocks, and may be called at any time."""
        self._closed = True


class OpenStream:
    """The stream of a connection whose rows are still with the engine, if there is one."""

    __slots__ = ("_stream",)

    def __init__(self) -> None:
        self._stream: Stream | None = None

    @property
    def present(self) -> bool:
        """Whether there is one; its reader may have closed it, or read it to its end."""
        return self._stream is not None

    def start(self, read: Callable[[int], list[Row]]) -> Stream:
        """Return a new stream, which is the open one from now on."""
        stream = self._stream = Stream(read=read)
        return stream

    def keep(self) -> None:
        """Read its rows into memory, because the connection goes on to something else.

        Raises:
            duckdb.Error: The engine failed while it produced the rows.
        """
        if self._stream is not None:
            stream, self._stream = self._stream, None
            stream.keep()

    def break_off(self, reason: str) -> None:
        """Break it, because the engine has dropped its rows, or is about to."""
        if self._stream is not None:
            stream, self._stream = self._stream, None
            stream.break_off(reason)
