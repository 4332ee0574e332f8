"""Texts of SQL, as SQLAlchemy's ``text()`` takes them."""

from __future__ import annotations

import re

__all__ = ["unbound"]

_COLON = re.compile(r"(?<=\\):|(?<![:\w\\]):(?=[\w$])")


def unbound(sql: str) -> str:
    """Return a text in which no colon begins a parameter."""
    return _COLON.sub(r"\\:", sql)
