"""Print what andamios_orm.core costs, row by row, beside raw duckdb and two other dialects."""

from __future__ import annotations

import argparse
from pathlib import Path

import duckdb
from benchmarks.cases import CASES, Case, compare, named
from benchmarks.environments import measured_rivals
from benchmarks.flights import DATABASE, PARQUET, load
from benchmarks.ours import OurSide
from benchmarks.raw import RawSide, slow_query
from benchmarks.sheet import Results, console, parser, progress, rounds_shown, table, write_json
from rich.progress import Progress

from andamios_orm.core import create_engine, run

RIVALS = ("duckdb-engine", "duckdb-sqlalchemy")


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


def _options() -> argparse.Namespace:
    options = parser("hatch run bench", __doc__, CASES)
    options.add_argument(
        "--data", type=Path, default=PARQUET, metavar="FILE", help="the Parquet file with the flights"
    )
    options.add_argument(
        "--no-rivals", action="store_true", help="leave duckdb-engine and duckdb-sqlalchemy out"
    )
    return options.parse_args()


def main() -> None:
    """Measure what the command line asks for, and print the table."""
    options = _options()
    cases = named(CASES, options.only)
    with progress() as line:
        ours = run(measured(cases, options.rounds, options.data, line))
        rivals, notes = measured_rivals("rivals", "benchmarks.rivals", RIVALS, options, line)
    columns = {name: rivals.get(name) for name in RIVALS}
    console().print(table("What andamios_orm.core costs", cases, ours, columns))
    for note in notes:
        console().print(note)
    if options.json:
        write_json(options.json, {"andamios": ours, **rivals})


if __name__ == "__main__":
    main()
