"""Run SQLAlchemy's compliance suite for third-party dialects against ``duckdb+andamios``.

Arguments go to pytest. The suite's plugin takes a pytest session over, hence a process and a configuration
of its own.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

FOLDER = Path(__file__).resolve().parent
SCHEMAS = ("test_schema", "test_schema_2")


def database(folder: Path) -> Path:
    """Make the database, with the schemas that the suite expects."""
    path = folder / "compliance.duckdb"
    with duckdb.connect(str(path)) as connection:
        for schema in SCHEMAS:
            connection.execute(f"CREATE SCHEMA {schema}")
    return path


def main(arguments: list[str]) -> int:
    """Run the suite on a temporary database and return pytest's exit code."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"duckdb+andamios:///{database(Path(folder))}?foreign_keys=native"
        command = [sys.executable, "-m", "pytest", "-c", "setup.cfg", "--dburi", url, *arguments]
        return subprocess.run(command, cwd=FOLDER, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
