"""Gather durations in fixed buckets, so that a million of them take no more room than ten."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

__all__ = ["BOUNDS", "Distribution", "Gathering"]

BOUNDS = (0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
"""Upper bounds of the buckets, in seconds; one more bucket takes what is longer."""


@dataclass(frozen=True)
class Distribution:
    """How long something took each time, as far as buckets tell.

    Attributes:
        counts: How many fell into each bucket of `BOUNDS`, and into the one beyond.
        total: All of them together, in seconds.
    """

    counts: tuple[int, ...]
    total: float

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self.counts)

    @property
    def mean(self) -> float:
        """The mean in seconds; 0.0 of none."""
        return self.total / self.count if self.count else 0.0

    def quantile(self, share: float) -> float:
        """Return how many seconds ``share`` of them took at most, as if they lay evenly within a bucket.

        Of what is longer than the last bound, that bound is returned; of none, 0.0.
        """
        rank, below, lower = share * self.count, 0, 0.0
        for count, upper in zip(self.counts, BOUNDS, strict=False):
            if count and below + count >= rank:
                return lower + (upper - lower) * (rank - below) / count
            below, lower = below + count, upper
        return BOUNDS[-1] if self.count else 0.0


class Gathering:
    """Sort durations into the buckets as they come."""

    __slots__ = ("_counts", "_total")

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        self._total = 0.0

    def add(self, seconds: float) -> None:
        """Take one more."""
        self._counts[bisect_left(BOUNDS, seconds)] += 1
        self._total += seconds

    def distribution(self) -> Distribution:
        """Return what was taken so far."""
        return Distribution(tuple(self._counts), self._total)
