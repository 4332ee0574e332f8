"""Print what andamios_orm.core costs, row by row, beside raw duckdb and two other dialects."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
from pathlib import Path

import duckdb
from benchmarks.cases import CASES, Case, compare, named
from benchmarks.flights import DATABASE, PARQUET, load
from benchmarks.measure import Comparison
from benchmarks.ours import OurSide
from benchmarks.raw import RawSide, slow_query
from benchmarks.sheet import Results, console, parser, progress, rounds_shown, table, write_json
from rich.progress import Progress

from andamios_orm.core import create_engine, run

ROOT = Path(__file__).parent.parent
RIVALS = ("duckdb-engine", "duckdb-sqlalchemy")
_RIVAL_ROUNDS = 3
_RIVAL_PATIENCE = 900.0
"""Seconds after which a rival that does not come to an end is left out."""


async def measured(cases: list[Case], rounds: int, data: Path, progress: Progress) -> Results:
    """Measure our side of ``cases``."""
    report = rounds_shown(progress, "loading the flights", cases, rounds)
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


def _options() -> argparse.Namespace:
    options = parser("hatch run bench", __doc__, CASES)
    options.add_argument(
        "--data", type=Path, default=PARQUET, metavar="FILE", help="the Parquet file with the flights"
    )
    options.add_argument(
        "--no-rivals", action="store_true", help="leave duckdb-engine and duckdb-sqlalchemy out"
    )
    return options.parse_args()


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


def main() -> None:
    """Measure what the command line asks for, and print the table."""
    options = _options()
    cases = named(CASES, options.only)
    with progress() as line:
        ours = run(measured(cases, options.rounds, options.data, line))
        rivals, notes = _measured_rivals(options, line)
    columns = {name: rivals.get(name) for name in RIVALS}
    console().print(table("What andamios_orm.core costs", cases, ours, columns))
    for note in notes:
        console().print(note)
    if options.json:
        write_json(options.json, {"andamios": ours, **rivals})


if __name__ == "__main__":
    main()
