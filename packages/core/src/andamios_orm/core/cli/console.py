"""Write to the terminal."""

from __future__ import annotations

import re

from rich.console import Console
from rich.text import Text
from sqlalchemy.exc import StatementError

from andamios_orm.core.observability.redaction import redacted_text

__all__ = ["complain", "output", "plain", "sentence"]

_WIDE = 100_000
"""Columns of what is no terminal: a line is never folded there."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def output() -> Console:
    """Return where results are written to."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDE)


def complain(message: str, style: str = "red") -> None:
    """Write one line to standard error."""
    Console(stderr=True).print(Text(plain(message), style), soft_wrap=True)


def plain(text: str) -> str:
    """Return ``text`` with control characters spelled out: in data they could steer the terminal."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def sentence(error: BaseException) -> str:
    """Return what an error says, in one line, without the statement it is about and without a credential."""
    text = str(error.args[0]) if isinstance(error, StatementError) else str(error)
    # What follows an empty line is an excerpt of the statement.
    return redacted_text(" ".join(text.split("\n\n")[0].split()))
