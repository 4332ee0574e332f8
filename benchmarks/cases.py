"""The rows of the table: what is measured, against what, and what it may cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from benchmarks.measure import Comparison, one_round

__all__ = ["CASES", "Bound", "Case", "compare", "named"]


@dataclass(frozen=True)
class Bound:
    """What a row may cost; a bound that is not set holds.

    Attributes:
        ratio: How many times the baseline.
        value: How much in the row's unit.
        rival: How many times what duckdb-engine takes.
    """

    ratio: float | None = None
    value: float | None = None
    rival: float | None = None

    def holds(self, comparison: Comparison, value: float, of_rival: float | None) -> bool:
        """Tell whether a row is within the bound; a rival that was not measured is left out."""
        pairs = [(self.ratio, comparison.ratio), (self.value, value), (self.rival, of_rival)]
        return all(found <= bound for bound, found in pairs if bound is not None and found is not None)

    def describe(self, unit: str) -> str:
        """Say it in a cell of the table."""
        parts = []
        if self.ratio is not None:
            parts.append(f"{self.ratio:g}x")
        if self.value is not None:
            parts.append(f"{self.value:g} {unit}")
        if self.rival is not None:
            parts.append(f"1/{1 / self.rival:.0f} of duckdb-engine")
        return ", ".join(parts)


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        name: How it is asked for, and the method of each side that measures it.
        title: What the work is.
        against: What the baseline is.
        unit: Of both.
        limit: What it may cost now.
        goal: Where it is to end.
        own_baseline: The method of the same side that measures the baseline, where raw duckdb is not the one.
        repeats: How often a round takes each side; the median counts.
    """

    name: str
    title: str
    against: str
    unit: str
    limit: Bound
    goal: Bound
    own_baseline: str | None = None
    repeats: int = 1


CASES = (
    Case(
        "point_read", "PK read through a fresh session, p50", "execute + fetchone inline", "ms",
        Bound(ratio=1.7), Bound(ratio=1.4), repeats=3,
    ),
    Case(
        "bulk_insert", "10,000 rows through bulk_insert", "the appender", "ms",
        Bound(ratio=1.8), Bound(ratio=1.3), repeats=5,
    ),
    Case(
        "add_all", "10,000 ORM objects with sequence keys, add_all + commit", "the appender", "ms",
        Bound(value=350, rival=1 / 10), Bound(value=150),
    ),
    Case(
        "typed_rows", "100,000 rows as typed rows", "fetchall", "ms",
        Bound(ratio=1.6), Bound(ratio=1.2), repeats=3,
    ),
    Case(
        "arrow", "100,000 rows as Arrow", "to_arrow_table", "ms",
        Bound(ratio=1.2), Bound(ratio=1.05), repeats=5,
    ),
    Case(
        "burst", "1,000 tasks at once, each one PK read", "the same reads one after another", "ms",
        Bound(ratio=1.6), Bound(ratio=1.2), own_baseline="in_turn",
    ),
    Case(
        "stall", "longest stall of the event loop while a 2 s query runs", "the query in to_thread", "ms",
        Bound(value=10), Bound(value=5),
    ),
    Case(
        "acquisition", "connection acquisition, p99", "cursor()", "ms",
        Bound(value=5), Bound(value=1),
    ),
    Case(
        "memory", "resident memory, one in-memory engine, one query", "one connection, one query", "MB",
        Bound(value=115), Bound(value=100),
    ),
    Case(
        "import_time", "import of andamios_orm.core", "import duckdb", "ms",
        Bound(value=600), Bound(value=400),
    ),
)  # fmt: skip


def named(cases: Iterable[Case], names: Iterable[str]) -> list[Case]:
    """Return those of ``cases`` that have these names, or all without a name."""
    wanted = set(names)
    return [case for case in cases if not wanted or case.name in wanted]


async def compare(
    cases: list[Case], raw: Any, side: Any, rounds: int, report: Callable[[str, int], object]
) -> dict[str, Comparison]:
    """Measure ``side`` against raw duckdb, all rows in each round, after one round to warm up.

    Args:
        cases: The rows; one that ``side`` has no method for is left out.
        raw: The side of raw duckdb.
        side: The side of interest.
        rounds: How many rounds count.
        report: Told the name of a row and the number of the round that begins; 0 is the one to warm up.
    """
    able = [case for case in cases if hasattr(side, case.name)]
    taken: dict[str, list[tuple[float, float]]] = {case.name: [] for case in able}
    for number in range(rounds + 1):
        for case in able:
            report(case.name, number)
            baseline = getattr(side, case.own_baseline) if case.own_baseline else getattr(raw, case.name)
            pair = await one_round(
                baseline, getattr(side, case.name), flipped=number % 2 == 1, repeats=case.repeats
            )
            taken[case.name].append(pair)
    return {name: Comparison(*zip(*pairs[1:], strict=True)) for name, pairs in taken.items()}
