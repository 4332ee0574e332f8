"""Tell which versions are installed."""

from __future__ import annotations

import platform
import re
from importlib.metadata import distributions
from importlib.metadata import version as version_of

from andamios_orm.core.cli.console import output

__all__ = ["version", "versions"]

_FAMILY = re.compile(r"andamios[-_.]orm([-_.].*)?", re.IGNORECASE)
_BELOW = ("duckdb", "duckdb-engine", "sqlalchemy")


def versions() -> dict[str, str]:
    """Return the versions of the installed pieces of the family, and of what they stand on."""
    names = (distribution.name for distribution in distributions())
    family = sorted({name for name in names if _FAMILY.fullmatch(name or "")})
    return {name: version_of(name) for name in (*family, *_BELOW)} | {"python": platform.python_version()}


def version() -> None:
    """Print which pieces of Andamios ORM are installed, and the versions of what they stand on."""
    console = output()
    for name, number in versions().items():
        console.print(f"{name} {number}")
