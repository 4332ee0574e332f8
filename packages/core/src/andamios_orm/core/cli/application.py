"""Put the command together: core's own sub-commands, and those that installed distributions bring.

A distribution brings one through the entry-point group ``andamios_orm.commands``. The name of the entry point
is the name of the sub-command; what it points to is a function or, for a group of them, a ``typer.Typer``.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from andamios_orm.core.cli.console import complain, sentence
from andamios_orm.core.cli.doctor import doctor
from andamios_orm.core.cli.sql import sql
from andamios_orm.core.cli.version import version
from andamios_orm.core.errors import AndamiosError, ConfigurationError
from andamios_orm.core.observability.redaction import redacted_text

__all__ = ["GROUP", "application"]

GROUP = "andamios_orm.commands"
"""The entry-point group of the sub-commands."""

_OWN: dict[str, Callable[..., None]] = {"version": version, "doctor": doctor, "sql": sql}


class _Commands(TyperGroup):
    """The group of all sub-commands."""

    def invoke(self, ctx: Any) -> Any:
        """Run one, and tell an error of our tree, or of a file or a disk, in one sentence."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # the reader of the output has closed the pipe, and Typer ends without a word
        except (AndamiosError, OSError) as error:
            complain(sentence(error))
            raise typer.Exit(1) from error
        except Exception as error:
            _redact(error)
            raise


def application() -> typer.Typer:
    """Return the application with every sub-command that can be used; of the others is warned."""
    app = typer.Typer(
        name="andamios-orm",
        help="Look after the databases of an application.",
        cls=_Commands,
        no_args_is_help=True,
        # One with the values of variables could show a password.
        pretty_exceptions_enable=False,
    )
    for name, command in _OWN.items():
        app.command(name)(command)
    taken = set(_OWN)
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        try:
            _add(app, point, taken)
        except (Exception, SystemExit) as error:  # whatever it is, the others go on working
            told = f"{type(error).__name__}: {sentence(error)}"
            complain(f"the command {point.name!r} ({point.value}) is left out: {told}", "yellow")
    return app


def _add(app: typer.Typer, point: EntryPoint, taken: set[str]) -> None:
    if point.name in taken:
        raise ConfigurationError("there is a command of that name already")
    command = point.load()
    if not callable(command):
        raise ConfigurationError(f"it is no function and no typer.Typer, but a {type(command).__name__}")
    # Tried alone first: what Typer can make no command of would fail every command of the application.
    trial = typer.Typer()
    _attach(trial, point.name, command)
    get_group(trial)
    _attach(app, point.name, command)
    taken.add(point.name)


def _attach(app: typer.Typer, name: str, command: Any) -> None:
    if isinstance(command, typer.Typer):
        app.add_typer(command, name=name)
    else:
        app.command(name)(command)


def _redact(error: Exception) -> None:
    # Complaints about arguments repeat them, and one may be a URL with a password.
    message = getattr(error, "message", None)
    if isinstance(message, str):
        error.message = redacted_text(message)  # type: ignore[attr-defined] # those that have it
