"""Every example runs and says what it did."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
FILES = sorted(path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.rglob("*.py"))


@pytest.mark.parametrize("file", FILES)
def test_example(file: str, tmp_path: Path) -> None:
    """It runs in a copy, a warning is an error, what it writes goes away, and it counts for no coverage."""
    shutil.copytree(EXAMPLES, tmp_path / "examples", ignore=shutil.ignore_patterns("*.duckdb*"))
    environment = {name: value for name, value in os.environ.items() if name != "COVERAGE_PROCESS_START"}
    run = subprocess.run(
        [sys.executable, "-W", "error", tmp_path / "examples" / file],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip()
