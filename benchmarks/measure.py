"""Measure two sides of a comparison in turn, and sum the rounds up."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from statistics import median, quantiles
from time import perf_counter

__all__ = ["Comparison", "Measurement", "longest_stall", "one_round", "percentile", "timed"]

Measurement = Callable[[], Awaitable[float]]
"""One measurement, in the unit of its row."""

_TICK = 0.001
"""Seconds between two ticks of the clock that notices stalls."""


@dataclass(frozen=True)
class Comparison:
    """What some rounds of one row gave.

    Attributes:
        baseline: What was measured for comparison, one value for each round.
        measured: The side of interest, in the same rounds.
    """

    baseline: tuple[float, ...]
    measured: tuple[float, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        """How many times the baseline the side of interest took, one for each round."""
        return tuple(ours / base for ours, base in zip(self.measured, self.baseline, strict=True))

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return median(self.ratios)

    @property
    def spread(self) -> tuple[float, float]:
        """The first and the last decile of the ratios."""
        return percentile(self.ratios, 10), percentile(self.ratios, 90)


async def one_round(
    baseline: Measurement, measured: Measurement, *, flipped: bool, repeats: int
) -> tuple[float, float]:
    """Take both sides in turn ``repeats`` times, the second one first if ``flipped``; return their medians.

    Before each measurement garbage is collected, so that no side pays for the other's.
    """
    taken: dict[Measurement, list[float]] = {baseline: [], measured: []}
    for side in (measured, baseline) * repeats if flipped else (baseline, measured) * repeats:
        gc.collect()
        taken[side].append(await side())
    return median(taken[baseline]), median(taken[measured])


def percentile(values: tuple[float, ...] | list[float], percent: int) -> float:
    """Return a percentile of ``values``; of a single one, that one."""
    if len(values) == 1:
        return values[0]
    return quantiles(values, n=100, method="inclusive")[percent - 1]


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    """Return how many milliseconds ``work`` took."""
    start = perf_counter()
    await work()
    return (perf_counter() - start) * 1000


async def longest_stall(work: Callable[[], Awaitable[object]]) -> float:
    """Return for how many milliseconds the event loop was held up at most while ``work`` ran."""
    stalls: list[float] = []

    async def tick() -> None:
        while True:
            start = perf_counter()
            await asyncio.sleep(_TICK)
            stalls.append(perf_counter() - start - _TICK)

    clock = asyncio.create_task(tick())
    await asyncio.sleep(10 * _TICK)
    stalls.clear()
    await work()
    await asyncio.sleep(2 * _TICK)
    clock.cancel()
    return max(stalls) * 1000
