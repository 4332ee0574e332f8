"""The command as a whole: its own sub-commands, those of other distributions, and how it tells errors."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from typer.testing import CliRunner, Result

from andamios_orm.core.cli.application import application

PASSWORD = "geheim"

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a distribution with a module and sub-commands in it."""

    def install(name: str, module: str, **commands: str) -> None:
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        points = [f"{command} = {name}:{target}" for command, target in commands.items()]
        (folder / "entry_points.txt").write_text("\n".join(["[andamios_orm.commands]", *points]))
        (tmp_path / f"{name}.py").write_text(dedent(module))
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, name, raising=False)

    return install


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(application(), arguments)


def test_help_names_the_commands() -> None:
    result = invoke("--help")
    assert result.exit_code == 0
    assert {"version", "doctor", "sql"} <= set(result.stdout.split())
    assert result.stderr == ""


def test_help_of_a_command_says_that_the_url_may_be_left_out() -> None:
    assert "andamios-orm doctor [OPTIONS] [URL]" in invoke("doctor", "--help").stdout


def test_without_a_command_there_is_help() -> None:
    assert "Usage: andamios-orm [OPTIONS] COMMAND" in invoke().output


def test_a_function_of_another_distribution_is_a_command(install: Install) -> None:
    install("plugin_one", "def greet(name: str): print('hello', name)", greet="greet")
    result = invoke("greet", "Ada")
    assert (result.stdout, result.stderr, result.exit_code) == ("hello Ada\n", "", 0)


def test_an_application_of_another_distribution_is_a_group_of_commands(install: Install) -> None:
    module = """
        import typer

        app = typer.Typer(help="Change the schema.")

        @app.command()
        def up(): print("up")

        @app.command()
        def down(): print("down")
    """
    install("plugin_two", module, schema="app")
    assert invoke("schema", "down").stdout == "down\n"
    assert "Change the schema." in invoke("--help").stdout


@pytest.mark.parametrize(
    ("module", "told"),
    [
        ("raise RuntimeError('no such luck')", "RuntimeError: no such luck"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import nothing_of_that_name", "ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("other = 1", "AttributeError: module 'plugin_bad' has no attribute 'broken'"),
        ("broken = 7", "ConfigurationError: it is no function and no typer.Typer, but a int"),
        ("def broken(a: int | str): pass", "support Union types"),
        (
            f"raise ValueError('postgresql://ada:{PASSWORD}@host/db')",
            "ValueError: postgresql://ada:***@host/db",
        ),
    ],
)
def test_a_broken_command_is_left_out_with_a_warning(
    install: Install, capsys: pytest.CaptureFixture[str], module: str, told: str
) -> None:
    install("plugin_bad", module, broken="broken")
    install("plugin_good", "def works(): print('works')", works="works")
    result = invoke("works")
    assert (result.stdout, result.exit_code) == ("works\n", 0)
    warning = capsys.readouterr().err
    assert warning.startswith("the command 'broken' (plugin_bad:broken) is left out: ")
    assert told in warning
    assert PASSWORD not in warning
    assert "No such command 'broken'" in invoke("broken").stderr


def test_a_group_with_a_broken_command_is_left_out(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    module = """
        import typer

        app = typer.Typer()

        @app.command()
        def up(a: int | str): pass
    """
    install("plugin_group", module, schema="app")
    result = invoke("version")
    assert result.exit_code == 0
    assert "the command 'schema' (plugin_group:app) is left out" in capsys.readouterr().err


def test_the_name_of_a_command_is_taken_once(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install("plugin_three", "def sql(): print('mine')", sql="sql")
    result = invoke("sql", "duckdb://", "SELECT 42 AS answer")
    assert "42" in result.stdout
    assert "ConfigurationError: there is a command of that name already" in capsys.readouterr().err


def test_an_error_of_our_tree_is_one_line(install: Install) -> None:
    module = f"""
        from andamios_orm.core.errors import ConfigurationError

        def fail():
            raise ConfigurationError("no\\nway to postgresql://ada:{PASSWORD}@host/db")
    """
    install("plugin_four", module, fail="fail")
    result = invoke("fail")
    assert (result.stdout, result.stderr) == ("", "no way to postgresql://ada:***@host/db\n")
    assert result.exit_code == 1


def test_an_error_of_the_disk_is_one_line(install: Install) -> None:
    module = """
        import errno

        def fail():
            raise OSError(errno.ENOSPC, "No space left on device")
    """
    install("plugin_six", module, fail="fail")
    result = invoke("fail")
    assert (result.stderr, result.exit_code) == ("[Errno 28] No space left on device\n", 1)


def test_a_reader_that_has_enough_is_told_nothing(install: Install) -> None:
    install("plugin_seven", "def fail(): raise BrokenPipeError(32, 'Broken pipe')", fail="fail")
    result = invoke("fail")
    assert (result.stdout, result.stderr, result.exit_code) == ("", "", 1)


def test_another_error_is_one_of_the_program(install: Install) -> None:
    install("plugin_five", "def fail(): raise LookupError('a bug')", fail="fail")
    assert isinstance(invoke("fail").exception, LookupError)


@pytest.mark.parametrize("arguments", [(), ("version",)])
def test_a_mistake_in_the_arguments_shows_no_password(arguments: tuple[str, ...]) -> None:
    result = invoke(*arguments, f"postgresql://ada:{PASSWORD}@host/db")
    assert result.exit_code == 2
    assert "postgresql://ada:***@host/db" in result.stderr
    assert PASSWORD not in result.output
