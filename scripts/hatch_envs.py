"""Give each row of the test matrix an interpreter that this machine has.

Hatch would download one that is missing. Here such a row is marked as belonging to another platform instead,
which Hatch reports and skips.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from hatch.env.collectors.plugin.interface import EnvironmentCollectorInterface

MINOR_VERSION = re.compile(r"3\.\d+")
VERSION_FOLDERS = (".pyenv/versions/{version}.*", ".local/share/uv/python/cpython-{version}.*")


def candidates(version: str) -> Iterator[str]:
    """Yield what may be an interpreter of a minor version: the running one, one on PATH, pyenv's, uv's."""
    yield sys.executable
    if found := shutil.which(f"python{version}"):
        yield found
    for pattern in VERSION_FOLDERS:
        for folder in sorted(Path.home().glob(pattern.format(version=version)), reverse=True):
            yield str(folder / "bin" / "python")


def runs(interpreter: str, version: str) -> bool:
    """Tell whether an interpreter starts (a shim may not) and is of that minor version."""
    program = "import sys; print('{}.{}'.format(*sys.version_info))"
    try:
        answer = subprocess.run([interpreter, "-c", program], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return answer.stdout.strip() == version


@cache
def interpreter_of(version: str) -> str | None:
    """Return the path of an interpreter of that minor version, None where this machine has none."""
    return next((path for path in candidates(version) if runs(path, version)), None)


class InstalledInterpreters(EnvironmentCollectorInterface):
    """Choose among the interpreters that are installed."""

    def finalize_environments(self, config: dict[str, dict[str, Any]]) -> None:
        """Set the interpreter of every environment that asks for a minor version."""
        for environment in config.values():
            version = environment.get("python", "")
            if not MINOR_VERSION.fullmatch(version):
                continue
            if interpreter := interpreter_of(version):
                environment["python"] = interpreter
            else:
                environment["platforms"] = [f"with Python {version}"]
