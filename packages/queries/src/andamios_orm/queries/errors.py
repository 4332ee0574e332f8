"""The errors of queries, hung on the tree of `andamios_orm.core.errors`.

::

    ConfigurationError
    └ UnknownNameError (name, nearest)
    ValidationError
    └ InvalidCursorError
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from andamios_orm.core.errors import ConfigurationError, ValidationError

__all__ = ["InvalidCursorError", "UnknownNameError"]


class UnknownNameError(ConfigurationError):
    """Report a name that a query does not know: a field, a relationship or a lookup.

    Attributes:
        name: The name, as it was given.
        nearest: The known name that is most like it; None where none is.
    """

    def __init__(self, name: str, what: str, known: Iterable[str]) -> None:
        names = sorted(known)
        self.name = name
        self.nearest = next(iter(get_close_matches(name, names, 1, 0.5)), None)
        self._facts = name, what, names
        hint = f"did you mean {self.nearest!r}? " if self.nearest else ""
        super().__init__(f"{name!r} is no {what}: {hint}there are {', '.join(names) or 'none'}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._facts


class InvalidCursorError(ValidationError):
    """Refuse a cursor that no page in this order has made: forged, of another order, or of another secret."""

    def __init__(self) -> None:
        super().__init__(
            "cursor",
            {
                "cursor": "no page in this order has made it, or with another secret: begin with the first "
                "page, and where several processes answer, set ANDAMIOS_CURSOR_SECRET for all of them"
            },
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ()
