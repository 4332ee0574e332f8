"""Hold a bounded number of entries in this process, each until its time is up or one of its tables changes.

Nothing is searched for when a table changes: the change is counted, and an entry that was known to be right
before it is given up when it is asked for.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from cachetools import TLRUCache

from andamios_orm.core.cache.written import EVERYTHING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Entry", "MemoryCache"]


class Entry(NamedTuple):
    """One value as it is kept."""

    data: bytes
    """The packed value: who reads it makes a copy of its own."""
    tables: frozenset[str]
    since: int
    """The count of changes when it was known to be right."""
    expires: float
    """When its time is up, by the clock of `time.monotonic`."""


class MemoryCache:
    """Hold entries; those that were used least recently go first.

    Args:
        max_entries: How many.

    Attributes:
        count: How many changes there have been.
        removals: How many keys were removed, whether they were there or not.
    """

    def __init__(self, max_entries: int) -> None:
        self.count = self.removals = 0
        self._changed: dict[str, int] = {}
        self._all_changed = 0
        self._entries: TLRUCache[str, Entry] = TLRUCache(
            max_entries, ttu=lambda key, entry, now: entry.expires, timer=monotonic
        )

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> Entry | None:
        """Return an entry that is still right."""
        entry = self._entries.get(key)
        if entry is not None and not self.is_unchanged(entry.tables, entry.since):
            del self._entries[key]
            return None
        return entry

    def put(self, key: str, entry: Entry) -> bool:
        """Keep an entry, unless one of its tables has changed since; return whether it is kept."""
        if not self.is_unchanged(entry.tables, entry.since):
            return False
        self._entries[key] = entry
        return True

    def remove(self, key: str) -> None:
        """Give up an entry, if there is one."""
        self.removals += 1
        self._entries.pop(key, None)

    def is_unchanged(self, tables: Iterable[str], since: int) -> bool:
        """Tell whether none of the tables has changed since there were so many changes."""
        if self._all_changed > since:
            return False
        changed = self._changed
        return all(changed.get(table, 0) <= since for table in tables)

    def change(self, tables: Iterable[str]) -> None:
        """Give up what depends on one of the tables."""
        self.count += 1
        for table in tables:
            self._changed[table] = self.count
        if EVERYTHING in self._changed:
            self._all_changed = self.count
            self._changed.clear()
            self._entries.clear()
