"""Refuse what a service cannot work with when it is made: later it would spoil what it is used for."""

from __future__ import annotations

import math
from numbers import Real
from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import AsyncEngine

from andamios_orm.core.errors import ConfigurationError

if TYPE_CHECKING:
    from typing import Any

__all__ = ["engine_of", "seconds"]


def engine_of(given: Any, service: str) -> AsyncEngine:
    """Return the engine that was given to a service.

    Args:
        given: What was given.
        service: The name of the service.

    Raises:
        ConfigurationError: It is no engine.
    """
    if not isinstance(given, AsyncEngine):
        raise ConfigurationError(
            f"{service} needs an engine, as create_engine() returns it, not a {type(given).__name__}"
        )
    return given


def seconds(name: str, given: Any, *, positive: bool = False) -> float:
    """Return a number of seconds that was given.

    Args:
        name: What it is called.
        given: What was given.
        positive: Whether 0 is refused as well.

    Raises:
        ConfigurationError: It is no number, too small a one, or infinite.
    """
    number = float(given) if isinstance(given, Real) and not isinstance(given, bool) else math.nan
    if not 0 <= number < math.inf or (positive and number == 0):
        kind = "a positive number" if positive else "a number"
        raise ConfigurationError(f"{name} is {kind} of seconds, not {given!r}")
    return number
