"""Start the command, or say what it takes to have it."""

from __future__ import annotations

import sys

__all__ = ["main"]

_NEEDED = ("rich", "typer")


def main() -> None:
    """Run the command that the program's arguments name."""
    try:
        from andamios_orm.core.cli.application import application
    except ModuleNotFoundError as error:
        missing = str(error.name).partition(".")[0]
        if missing not in _NEEDED:
            raise
        wanted = 'pip install "andamios-orm-core[cli]"'
        sys.exit(f"andamios-orm needs {missing}, which is not installed: {wanted}")
    application()()
