"""What is sent to a database, to be counted and read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from andamios_orm.core import AndamiosEngine

__all__ = ["sent"]


@contextmanager
def sent(engine: AndamiosEngine) -> Iterator[list[str]]:
    """Give the statements that are sent meanwhile."""
    found: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *others: Any) -> None:
        found.append(statement)

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", note)
