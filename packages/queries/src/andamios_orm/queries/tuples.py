"""Rows as plain sequences: what the driver gives, and what column types make of it, with no object each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import CursorResult, Executable
from sqlalchemy.engine import ChunkedIteratorResult
from sqlalchemy.orm import Session

__all__ = ["tuples"]


def tuples(
    session: Session, statement: Executable, parameters: Mapping[str, Any] | None
) -> Sequence[Sequence[Any]]:
    """Execute a query for columns in a session, and return its rows.

    All that listens to the session takes part. What is left out is the ORM's making of rows, and SQLAlchemy's
    `Row` around each of them, which takes as long as the reading.
    """
    result: Any = session.execute(statement, parameters)
    found = result.raw if isinstance(result, ChunkedIteratorResult) else result
    if not isinstance(found, CursorResult) or found._metadata._tuplefilter is not None:
        # A cache answers with a result of its own.
        rows: Sequence[Sequence[Any]] = result.all()
        return rows
    processors = found._metadata._effective_processors
    read: Sequence[Sequence[Any]] = found._fetchall_impl()
    if processors is None:
        return read
    return [
        [value if process is None else process(value) for process, value in zip(processors, row, strict=True)]
        for row in read
    ]
