"""Measure a rival where it is installed, and ours is not: in an environment of its own."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import Comparison
from benchmarks.sheet import Results
from rich.progress import Progress

__all__ = ["measured_rivals"]

_ROOT = Path(__file__).parent.parent
_ROUNDS = 3
_PATIENCE = 900.0
"""Seconds after which a rival that does not come to an end is left out."""


def measured_rivals(
    environment: str,
    module: str,
    rivals: tuple[str, ...],
    options: argparse.Namespace,
    progress: Progress,
    *,
    apart: Sequence[str] = (),
) -> tuple[dict[str, Results], list[str]]:
    """Measure rivals one after the other; return their results, and why others have none.

    Args:
        environment: The environment of Hatch that they are installed in.
        module: The program that measures one of them.
        rivals: Their names.
        options: What the command line asks for.
        progress: Where the one that is measured is shown.
        apart: Names of cases that are measured in a process each, because some libraries are slower after
            others; by default one process measures all that are asked for.
    """
    results, notes = {}, []
    for rival in () if options.no_rivals else rivals:
        task = progress.add_task(f"{rival} in its own environment", total=None)
        measured: Results = {}
        for names in [[name] for name in apart] or [options.only]:
            found = _measured(environment, module, rival, options, names)
            if isinstance(found, str):
                about = ", ".join([rival, *names])
                notes.append(f"{about} was not measured: {found}")
            else:
                measured |= found
        if measured:
            results[rival] = measured
        progress.remove_task(task)
    return results, notes


def _measured(
    environment: str, module: str, rival: str, options: argparse.Namespace, names: Sequence[str]
) -> Results | str:
    hatch = shutil.which("hatch") or shutil.which(_ROOT / ".venv" / "bin" / "hatch")
    if hatch is None:
        return "hatch is not on the path"
    rounds = ["--rounds", str(min(options.rounds, _ROUNDS))]
    only = [part for name in names for part in ("--only", name)]
    program = ["python", "-m", module, rival, "--data", str(options.data), *rounds, *only]
    try:
        answer = subprocess.run(
            [hatch, "-e", environment, "run", *program],
            cwd=_ROOT,
            capture_output=True,
            text=True,
            check=True,
            timeout=_PATIENCE,
        )
    except subprocess.TimeoutExpired:
        return "it did not end in time"
    except subprocess.CalledProcessError as error:
        return str(error.stderr or error.stdout).strip().rpartition("\n")[2]
    found = json.loads(answer.stdout.strip().rpartition("\n")[2])
    return {
        name: Comparison(tuple(taken["baseline"]), tuple(taken["measured"])) for name, taken in found.items()
    }
