"""Take credentials, and the parameters of statements, out of text and out of the fields of a log record.

What is taken out is told by its place: the password of a URL, what is called a password, secret or token, the
line of parameters in an error of SQLAlchemy's. It is better to hide too much than too little.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

__all__ = ["HIDDEN", "redacted", "redacted_field", "redacted_text"]

HIDDEN = "***"
"""What stands in place of a credential."""

_WORDS = frozenset(
    {
        "apikey",
        "authorization",
        "credential",
        "credentials",
        "passphrase",
        "passwd",
        "password",
        "pwd",
        "secret",
        "token",
    }
)
_PAIRS = frozenset({("api", "key"), ("access", "key"), ("private", "key"), ("secret", "key")})
_SEQUENCES = (list, tuple, set, frozenset)
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")

_RUN = re.compile(r"\S+")
_PASSWORD = re.compile(r"(://[^:/@]*):.*", re.DOTALL)
"""The end of a URL's user, and all that follows."""

_ASSIGNMENT = re.compile(
    r"""
    (?P<name>
        api[_-]?key|(?:access|private|secret)[_-]key|authorization|credentials?|pass(?:phrase|wd|word)|pwd|secret|token
    )
    (?P<sign>["']?\s*[:=]\s*|\s+(?='))
    (?:(?:basic|bearer)\s+)?
    (?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.|'')*'|[^\s,;&)\]}]+)
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""A name and its value, as in ``token=..``, ``"password": ".."`` or ``SECRET '..'``."""

_PARAMETERS = re.compile(r"^\[parameters: .*\]$", re.MULTILINE)
"""What an error of SQLAlchemy's says a statement was sent with."""


def redacted_text(text: str) -> str:
    """Return ``text`` without passwords of URLs, values that are named like credentials, and parameters."""
    text = _PARAMETERS.sub(f"[parameters: {HIDDEN}]", text)
    if "://" in text and "@" in text:
        text = _RUN.sub(_without_password, text)
    return _ASSIGNMENT.sub(rf"\g<name>\g<sign>{HIDDEN}", text)


def redacted(value: Any, depth: int = 8) -> Any:
    """Return a value, or what a list or a mapping holds, without credentials.

    Args:
        value: The value.
        depth: How many levels of it are kept; what lies deeper becomes text.
    """
    if isinstance(value, str):
        return redacted_text(value)
    if not isinstance(value, Mapping | list | tuple | set | frozenset):
        return value
    if depth == 0 or (not isinstance(value, Mapping) and type(value) not in _SEQUENCES):
        # Such as SQLAlchemy's URL, a tuple whose own text leaves the password out.
        return redacted_text(str(value))
    if isinstance(value, Mapping):
        return {str(name): redacted_field(str(name), held, depth - 1) for name, held in value.items()}
    return [redacted(held, depth - 1) for held in value]


def redacted_field(name: str, value: Any, depth: int = 8) -> Any:
    """Return the value of a field without credentials: all of it is hidden where the name tells of one."""
    return HIDDEN if _names_credential(name) else redacted(value, depth)


def _without_password(found: re.Match[str]) -> str:
    # To the last @, because a password may hold one, or a slash.
    head, at, tail = found[0].rpartition("@")
    return _PASSWORD.sub(rf"\1:{HIDDEN}", head, count=1) + at + tail


def _names_credential(name: str) -> bool:
    parts = [part.lower() for part in _PART.findall(name)]
    return not _WORDS.isdisjoint(parts) or not _PAIRS.isdisjoint(pairwise(parts))
