"""Print what andamios_orm.core costs, row by row, beside raw duckdb and two other dialects."""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import sqlalchemy
from benchmarks.cases import CASES, Case, compare, named
from benchmarks.flights import DATABASE, PARQUET, load
from benchmarks.measure import Comparison
from benchmarks.ours import OurSide
from benchmarks.raw import RawSide, slow_query
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from andamios_orm.core import create_engine, run

ROOT = Path(__file__).parent.parent
RIVALS = ("duckdb-engine", "duckdb-sqlalchemy")
_RIVAL_ROUNDS = 3
_RIVAL_PATIENCE = 900.0
"""Seconds after which a rival that does not come to an end is left out."""

Results = dict[str, Comparison]


async def measured(cases: list[Case], rounds: int, data: Path, progress: Progress) -> Results:
    """Measure our side of ``cases``."""
    task = progress.add_task("loading the flights", total=len(cases) * (rounds + 1))

    def report(name: str, number: int) -> None:
        done = progress.tasks[task].completed
        progress.update(task, description=f"round {number} of {rounds}: {name}", completed=done + 1)

    engine = create_engine(f"duckdb:///{DATABASE}")
    with duckdb.connect(DATABASE) as raw:
        load(raw, data)
        slow = slow_query(raw)
        try:
            return await compare(cases, RawSide(raw, slow), OurSide(engine, raw, slow), rounds, report)
        finally:
            await engine.dispose()


def rival_results(rival: str, options: argparse.Namespace) -> Results | str:
    """Measure a rival in its own environment, or return why that is not possible."""
    hatch = shutil.which("hatch") or shutil.which(ROOT / ".venv" / "bin" / "hatch")
    if hatch is None:
        return "hatch is not on the path"
    rounds = ["--rounds", str(min(options.rounds, _RIVAL_ROUNDS))]
    only = [part for name in options.only for part in ("--only", name)]
    program = ["python", "-m", "benchmarks.rivals", rival, "--data", str(options.data), *rounds, *only]
    try:
        answer = subprocess.run(
            [hatch, "-e", "rivals", "run", *program],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            timeout=_RIVAL_PATIENCE,
        )
    except subprocess.TimeoutExpired:
        return "it did not end in time"
    except subprocess.CalledProcessError as error:
        return str(error.stderr or error.stdout).strip().rpartition("\n")[2]
    found = json.loads(answer.stdout.strip().rpartition("\n")[2])
    return {
        name: Comparison(tuple(taken["baseline"]), tuple(taken["measured"])) for name, taken in found.items()
    }


def rival_share(ours: Comparison, rival: Comparison) -> float:
    """Return how many times a rival's cost is ours, each against raw duckdb in its own process."""
    return ours.ratio / rival.ratio


def table(cases: list[Case], ours: Results, rivals: dict[str, Results]) -> Table:
    """Set the results out, one row for each of ``cases``."""
    sheet = Table(title="What andamios_orm.core costs", show_lines=True)
    for heading in ("work", "against", "raw", "ours", "ratio (p10 to p90)", "limit now", "goal", "", *RIVALS):
        sheet.add_column(heading, justify="right" if heading in {"raw", "ours", *RIVALS} else "left")
    for case in cases:
        sheet.add_row(
            *_cells(case, ours[case.name], {name: found.get(case.name) for name, found in rivals.items()})
        )
    return sheet


def _cells(case: Case, ours: Comparison, rivals: dict[str, Comparison | None]) -> list[str]:
    low, high = ours.spread
    beside = [rivals.get(name) for name in RIVALS]
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
            for rival in beside
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


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="hatch run bench", description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=5, help="rounds that count, after one to warm up (default: 5)"
    )
    names = [case.name for case in CASES]
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        choices=names,
        metavar="NAME",
        help=f"one row; may be repeated: {', '.join(names)}",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round to FILE too")
    parser.add_argument(
        "--data", type=Path, default=PARQUET, metavar="FILE", help="the Parquet file with the flights"
    )
    parser.add_argument(
        "--no-rivals", action="store_true", help="leave duckdb-engine and duckdb-sqlalchemy out"
    )
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


def _measured_rivals(options: argparse.Namespace, progress: Progress) -> tuple[dict[str, Results], list[str]]:
    results, notes = {}, []
    for rival in () if options.no_rivals else RIVALS:
        task = progress.add_task(f"{rival} in its own environment", total=None)
        found = rival_results(rival, options)
        if isinstance(found, str):
            notes.append(f"{rival} was not measured: {found}")
        else:
            results[rival] = found
        progress.remove_task(task)
    return results, notes


def _report(ours: Results, rivals: dict[str, Results]) -> dict[str, Any]:
    sides = {"andamios": ours, **rivals}
    versions = {
        "python": platform.python_version(),
        "duckdb": duckdb.__version__,
        "sqlalchemy": sqlalchemy.__version__,
    }
    return {
        "versions": versions,
        "rounds": {
            side: {name: asdict(taken) for name, taken in results.items()} for side, results in sides.items()
        },
    }


def main() -> None:
    """Measure what the command line asks for, and print the table."""
    options = _options()
    cases = named(options.only)
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        ours = run(measured(cases, options.rounds, options.data, progress))
        rivals, notes = _measured_rivals(options, progress)
    console = Console(width=None if sys.stdout.isatty() else 180)
    console.print(table(cases, ours, rivals))
    for note in notes:
        console.print(note)
    if options.json:
        options.json.write_text(json.dumps(_report(ours, rivals), indent=1))


if __name__ == "__main__":
    main()
