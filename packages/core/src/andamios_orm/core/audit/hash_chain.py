"""Chain rows by hashes, and find the first row that does not fit into its chain.

The ids of a chain count from 1 without gaps. Each row holds the hash of the row before it, and a hash of its
own over all of its values, that one included. Whoever changes, removes, inserts or moves a row has to compute
all hashes from there on anew; the hash of a later row that was kept elsewhere tells of that too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["ChainCheck", "ChainHead", "Fault", "canonical", "chained", "document"]


@dataclass(frozen=True)
class ChainHead:
    """The last row of a chain, or of a part of it that begins with the first row.

    Attributes:
        id: Its place in the chain, counted from 1; 0 where there is no row.
        hash: Its hash, in hexadecimal.
    """

    id: int = 0
    hash: str = "0" * 64


def canonical(value: object) -> str:
    """Return the one JSON text of ``value``, in which dates, times, decimals and UUIDs are text.

    Raises:
        TypeError: Something in it has no place in JSON.
        ValueError: A number in it is not finite, or it holds itself.
        RecursionError: It is nested too deeply.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_text)


def document(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: It is no JSON, or names a key twice: Python shows the last one, DuckDB the first.
    """
    return json.loads(text, object_pairs_hook=_distinct)


def chained(values: Mapping[str, Any], head: ChainHead) -> dict[str, Any]:
    """Return ``values`` as the row after ``head``, with its id, its hash and the hash before it."""
    row = {**values, "id": head.id + 1, "previous_hash": head.hash}
    return row | {"hash": _hash(row)}


class Fault(NamedTuple):
    """The first bad row of a chain, and what is wrong with it."""

    row: int
    problem: str


class ChainCheck:
    """Check the rows of a chain, beginning with the first one.

    Args:
        kept: A head that the chain had before.

    Attributes:
        head: The last row that was found good.
    """

    def __init__(self, kept: ChainHead) -> None:
        self._kept = kept
        self.head = ChainHead()

    def follow(self, rows: Iterable[Mapping[str, Any]]) -> Fault | None:
        """Check the rows that come next, and return the first bad one."""
        for row in rows:
            problem = self._problem(row, self.head.id + 1)
            if problem is not None:
                return problem
            self.head = ChainHead(row["id"], row["hash"])
        return None

    def reach(self, end: int) -> Fault | None:
        """Return the row that is missing when there are no more and ``end`` should be the last one."""
        missing = self.head.id + 1
        return (
            Fault(missing, f"row {missing} is missing: there were rows up to {end}")
            if missing <= end
            else None
        )

    def _problem(self, row: Mapping[str, Any], expected: int) -> Fault | None:
        if row["id"] > expected:
            return Fault(expected, f"row {expected} is missing: row {row['id']} comes next")
        if row["id"] < expected:
            return Fault(row["id"], f"row {row['id']} was inserted: row {expected} should come next")
        if row["hash"] != _hash(row):
            return Fault(expected, f"row {expected} was changed: its hash is not that of its values")
        if row["previous_hash"] != self.head.hash:
            return Fault(
                expected, f"row {expected} was inserted or replaced: it does not follow row {self.head.id}"
            )
        if expected == self._kept.id and row["hash"] != self._kept.hash:
            return Fault(expected, f"row {expected} was replaced: its hash is not the one that was kept")
        return None


def _hash(row: Mapping[str, Any]) -> str:
    return sha256(canonical({name: row[name] for name in row if name != "hash"}).encode()).hexdigest()


def _text(value: object) -> str:
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    raise TypeError(f"a {type(value).__name__} has no place in JSON")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    named = dict(pairs)
    if len(named) < len(pairs):
        raise ValueError("a key is named twice")
    return named
