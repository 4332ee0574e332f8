"""What a statement has written, told by the keys of the rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from andamios_orm.core.keys import Key

__all__ = ["Changes", "Finish"]


@dataclass
class Changes:
    """The rows that were written.

    Attributes:
        inserted: Keys of new rows.
        changed: Keys that updated rows had before.
        updated: Keys that they have now.
    """

    inserted: set[Key] = field(default_factory=set)
    changed: set[Key] = field(default_factory=set)
    updated: set[Key] = field(default_factory=set)

    def add(self, later: Changes) -> None:
        """Add what was written later; a row that was inserted before stays one."""
        self.inserted |= later.inserted
        self.changed |= later.changed - self.inserted
        self.updated |= later.updated - self.inserted


Finish = Callable[[Any], Changes | None]
"""Tells what was written, given the result of the statement; None where it has recorded that itself."""
