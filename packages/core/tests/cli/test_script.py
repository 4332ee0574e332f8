"""The start of the command."""

from __future__ import annotations

import sys

import pytest

from andamios_orm.core.cli import main

from ..services import python


def remove(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """Make a module one that is not installed, for whatever of the command is imported from now on."""
    for name in list(sys.modules):
        if name.startswith((f"{missing}.", "andamios_orm.core.cli.")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)


def test_it_runs_the_command_that_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["andamios-orm", "version"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("andamios-orm-core ")


def test_it_is_the_script_of_the_distribution() -> None:
    program = """
        import sys
        from importlib.metadata import EntryPoint
        sys.argv = ["andamios-orm", "sql", "duckdb://", "SELECT 40 + 2 AS answer", "--format", "csv"]
        EntryPoint("andamios-orm", "andamios_orm.core.cli:main", "console_scripts").load()()
    """
    assert python(program) == "answer\n42"


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_it_says_what_it_takes(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    remove(monkeypatch, missing)
    with pytest.raises(SystemExit) as caught:
        main()
    wanted = 'pip install "andamios-orm-core[cli]"'
    assert caught.value.code == f"andamios-orm needs {missing}, which is not installed: {wanted}"


def test_another_module_that_is_missing_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    remove(monkeypatch, "tempfile")
    with pytest.raises(ModuleNotFoundError, match="tempfile"):
        main()
