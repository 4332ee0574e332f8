"""The scripts on machines that lack something: a shell script stands in for python3."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent.parent / "scripts"
COMMANDS = ["basename", "cat", "chmod", "cp", "dirname", "mkdir", "rm", "sh"]

OLD_PYTHON = '[ "$1" = --version ] && echo Python 3.9.1 || exit 1'
PYTHON_WITHOUT_VENV = 'case "$*" in *ensurepip*) exit 1 ;; esac'
# Makes a .venv whose python is itself and whose pip makes a hatch that repeats its arguments.
GOOD_PYTHON = """
case "$*" in
    --version) echo Python 3.11.0 ;;
    *"venv --clear .venv") rm -rf .venv && mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    *"pip install"*)
        printf '#!/bin/sh\\necho "hatch got: $*"\\n' >.venv/bin/hatch
        chmod +x .venv/bin/hatch
        ;;
esac
"""
FAILING_PIP = 'case "$*" in *"pip install"*) exit 1 ;; esac\n' + GOOD_PYTHON

Run = Callable[..., "subprocess.CompletedProcess[str]"]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the scripts are for a POSIX shell")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A checkout with the scripts in it, and a folder of the few commands that they may use."""
    shutil.copytree(SCRIPTS, tmp_path / "scripts")
    (tmp_path / "bin").mkdir()
    for command in COMMANDS:
        (tmp_path / "bin" / command).symlink_to(str(shutil.which(command)))
    return tmp_path


@pytest.fixture
def run(workspace: Path) -> Run:
    """Run a script with a python3 of that text, from a directory that is not the workspace."""

    def run(script: str, *arguments: str, python: str) -> subprocess.CompletedProcess[str]:
        stand_in = workspace / "bin/python3"
        stand_in.write_text(f"#!/bin/sh\n{python}\n")
        stand_in.chmod(0o755)
        return subprocess.run(
            [workspace / "bin/sh", workspace / "scripts" / script, *arguments],
            env={"PATH": str(workspace / "bin")},
            cwd=workspace / "bin",
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.parametrize("script", ["check", "demo", "test"])
def test_old_python_is_refused_in_one_sentence(run: Run, script: str) -> None:
    result = run(script, python=OLD_PYTHON)
    assert result.returncode == 1
    assert result.stderr.startswith(f"scripts/{script}: Python 3.11 or newer is needed")
    assert result.stderr.endswith("(Python 3.9.1).\n")
    assert result.stderr.count("\n") == 1


def test_missing_venv_module_is_named(run: Run) -> None:
    result = run("test", python=PYTHON_WITHOUT_VENV)
    assert result.returncode == 1
    assert "python3 lacks the venv module" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("script", "command"),
    [("check", "check code -q"), ("demo", "run demo code -q"), ("test", "test code -q")],
)
def test_arguments_go_to_hatch(run: Run, script: str, command: str) -> None:
    result = run(script, "code", "-q", python=GOOD_PYTHON)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"hatch got: {command}\n"


def test_environment_is_made_once(run: Run) -> None:
    first = run("test", python=GOOD_PYTHON)
    second = run("test", python=GOOD_PYTHON)
    assert "making .venv with Python 3.11.0" in first.stderr
    assert "making .venv" not in second.stderr


def test_interrupted_environment_is_made_anew(run: Run, workspace: Path) -> None:
    broken = run("test", python=FAILING_PIP)
    assert broken.returncode == 1
    assert "pip could not install hatch" in broken.stderr
    leftover = workspace / ".venv/half-installed"
    leftover.touch()

    mended = run("test", python=GOOD_PYTHON)
    assert mended.returncode == 0, mended.stderr
    assert not leftover.exists()


def test_environment_of_the_user_is_kept(run: Run, workspace: Path) -> None:
    """A `.venv` that works but lacks hatch is added to, not replaced."""
    run("test", python=GOOD_PYTHON)
    (workspace / ".venv/bin/hatch").unlink()
    (workspace / ".venv/mine").touch()

    result = run("test", python=GOOD_PYTHON)
    assert result.returncode == 0, result.stderr
    assert (workspace / ".venv/mine").exists()
