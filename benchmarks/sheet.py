"""Take the options that every benchmark has, tell how far it has come, and set its results out as a table."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import sqlalchemy
from benchmarks.cases import Case, compare, named
from benchmarks.measure import Comparison
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from andamios_orm.core import run

__all__ = [
    "Results",
    "console",
    "parser",
    "print_costs",
    "progress",
    "rival_share",
    "rounds_shown",
    "table",
    "verdict",
    "write_json",
]

Results = dict[str, Comparison]


def parser(prog: str, description: str | None, cases: tuple[Case, ...]) -> argparse.ArgumentParser:
    """Return a parser of the options that say which of ``cases`` to measure, and how often."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument(
        "--rounds", type=_rounds, default=5, help="rounds that count, after one to warm up (default: 5)"
    )
    names = [case.name for case in cases]
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        choices=names,
        metavar="NAME",
        help=f"one row; may be repeated: {', '.join(names)}",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round to FILE too")
    return parser


def _rounds(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("at least one round counts")
    return int(text)


def progress() -> Progress:
    """Return a line that says what is being measured, and for how long."""
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    return Progress(*columns, console=Console(stderr=True), transient=True)


def rounds_shown(line: Progress, first: str, cases: list[Case], rounds: int) -> Callable[[str, int], object]:
    """Return what is told the name of each row and the number of its round, and shows them.

    Args:
        line: Where.
        first: What is done before the first round.
        cases: The rows.
        rounds: How many rounds count.
    """
    task = line.add_task(first, total=len(cases) * (rounds + 1))

    def report(name: str, number: int) -> None:
        done = line.tasks[task].completed
        line.update(task, description=f"round {number} of {rounds}: {name}", completed=done + 1)

    return report


def console() -> Console:
    """Return where the table goes, wide enough for it."""
    return Console(width=None if sys.stdout.isatty() else 180)


def write_json(file: Path, sides: dict[str, Results]) -> None:
    """Write every round of each side to a file, and the versions that it was measured with."""
    versions = {
        "python": platform.python_version(),
        "duckdb": duckdb.__version__,
        "sqlalchemy": sqlalchemy.__version__,
    }
    rounds: dict[str, Any] = {
        side: {name: asdict(taken) for name, taken in results.items()} for side, results in sides.items()
    }
    file.write_text(json.dumps({"versions": versions, "rounds": rounds}, indent=1))


def print_costs(
    options: argparse.Namespace,
    cases: tuple[Case, ...],
    side: AbstractAsyncContextManager[Any],
    *,
    title: str,
    first: str,
) -> None:
    """Measure a side whose rows have baselines of its own, and print the table.

    Args:
        options: What the command line asks for.
        cases: All rows.
        side: Opens the side.
        title: What stands above the table.
        first: What opening the side does, for the line of progress.
    """
    chosen = named(cases, options.only)

    async def measured(line: Progress) -> Results:
        report = rounds_shown(line, first, chosen, options.rounds)
        async with side as opened:
            return await compare(chosen, None, opened, options.rounds, report)

    with progress() as line:
        results = run(measured(line))
    console().print(table(title, chosen, results, {}))
    if options.json:
        write_json(options.json, {"andamios": results})


def rival_share(ours: Comparison, rival: Comparison) -> float:
    """Return how many times a rival's cost is ours, each against raw duckdb in its own process."""
    return ours.ratio / rival.ratio


def table(title: str, cases: list[Case], ours: Results, rivals: Mapping[str, Results | None]) -> Table:
    """Set the results out.

    Args:
        title: What stands above them.
        cases: The rows.
        ours: What they gave.
        rivals: What they gave elsewhere, one column for each name; None where that was not measured.
    """
    sheet = Table(title=title, show_lines=True)
    for heading in (
        "work",
        "against",
        "base",
        "ours",
        "ratio (p10 to p90)",
        "limit now",
        "goal",
        "",
        *rivals,
    ):
        sheet.add_column(heading, justify="right" if heading in {"base", "ours", *rivals} else "left")
    for case in cases:
        beside = {name: None if found is None else found.get(case.name) for name, found in rivals.items()}
        sheet.add_row(*_cells(case, ours[case.name], beside))
    return sheet


def _cells(case: Case, ours: Comparison, rivals: Mapping[str, Comparison | None]) -> list[str]:
    low, high = ours.spread
    return [
        case.title,
        case.against,
        _amount(median(ours.baseline), case.unit),
        _amount(median(ours.measured), case.unit),
        f"{ours.ratio:.2f}x ({low:.2f} to {high:.2f})",
        case.limit.describe(case.unit),
        case.goal.describe(case.unit),
        verdict(case, ours, rivals.get("duckdb-engine")),
        *(
            "" if rival is None else f"{rival.ratio:.2f}x\n{_amount(median(rival.measured), case.unit)}"
            for rival in rivals.values()
        ),
    ]


def verdict(case: Case, ours: Comparison, rival: Comparison | None) -> str:
    """Say whether a row is within its goal, within its limit, or beyond it."""
    value, share = median(ours.measured), None if rival is None else rival_share(ours, rival)
    if not case.limit.holds(ours, value, share):
        return "[bold red]miss"
    return "[green]goal" if case.goal.holds(ours, value, share) else "[yellow]ok"


def _amount(value: float, unit: str) -> str:
    return f"{value:.3g} {unit}" if value < 1000 else f"{value:,.0f} {unit}"
