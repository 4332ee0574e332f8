"""Names of Python for what a database calls otherwise."""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable
from itertools import chain, count
from keyword import iskeyword
from unicodedata import normalize

from andamios_orm.models.views import ViewModel

__all__ = ["BUILTINS", "RESERVED", "Names", "class_name", "constant", "plural", "prose", "singular", "snake"]

BUILTINS = frozenset(dir(builtins))
"""What a class of the module may not be called."""

_ANNOTATIONS = {"bool", "bytes", "dict", "float", "int", "list", "str"}

_HOOKS = {f"{when}_{what}" for when in ("before", "after") for what in ("create", "delete", "load", "update")}

RESERVED = frozenset(dir(ViewModel)) | _ANNOTATIONS | _HOOKS
"""What an attribute of a model may not be called: it would hide what models have, or its own annotation."""

_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

_AMBIGUOUS = ("I", "O", "l")
"""Names that look like digits, which linters refuse."""

_UNCHANGED = ("as", "is", "news", "os", "ss", "us", "series", "species")
"""Endings of words that are no plurals although they end with an s."""


class Names:
    """Names of one place, of which no two are the same.

    Args:
        taken: What nothing there may be called.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)

    def unique(self, *wanted: str) -> str:
        """Return the first of these names that is free, or the last one with a number, and take it."""
        numbered = (f"{wanted[-1]}{number}" for number in count(2))
        free = (name for name in chain(wanted, numbered) if name not in self._taken and not iskeyword(name))
        name = next(free)
        self._taken.add(name)
        return name

    def attribute(self, name: str) -> str:
        """Return the name of an attribute, and take it."""
        return self.unique(name, f"{name}_")


def snake(name: str) -> str:
    """Return the name of an attribute: ``DepDelay`` is ``dep_delay``."""
    return _identifier("_".join(_words(name)).lower(), "column_")


def class_name(name: str) -> str:
    """Return the name of a class: ``flight_plan`` is ``FlightPlan``."""
    return _identifier("".join(word.capitalize() for word in _words(name)), "Table")


def constant(label: str) -> str:
    """Return the name of a member of an enumeration: ``very late`` is ``VERY_LATE``."""
    return _identifier("_".join(_words(label)).upper(), "VALUE_")


def singular(name: str) -> str:
    """Return a name for one row of what is called like many, as far as its ending tells."""
    lower = name.lower()
    if not lower.endswith("s") or lower.endswith(_UNCHANGED) or len(name) < len("cats"):
        return name
    if lower.endswith("ies"):
        return name[:-3] + "y"
    return name[:-2] if lower.endswith(("sses", "xes", "ches", "shes")) else name[:-1]


def plural(name: str) -> str:
    """Return a name for many rows of what is called like one."""
    if singular(name) != name:
        return name
    if name.endswith("y") and not name.endswith(("ay", "ey", "oy", "uy")):
        return name[:-1] + "ies"
    return name + ("es" if name.endswith(("s", "x", "ch", "sh")) else "s")


def prose(text: str) -> str:
    """Return a text for a comment or a docstring: in one line, without what could end it."""
    shown = "".join(sign if sign.isprintable() else " " for sign in text)
    return " ".join(shown.replace("\\", "/").replace('"', "'").split())


def _words(name: str) -> list[str]:
    signs = (sign if f"_{sign}".isidentifier() else "_" for sign in normalize("NFKC", name))
    return [word for word in _BOUNDARY.sub("_", "".join(signs)).split("_") if word]


def _identifier(name: str, prefix: str) -> str:
    # Python normalizes the names that it reads.
    normal = normalize("NFKC", name)
    if normal in _AMBIGUOUS:
        return f"{normal}_"
    return normal if normal.isidentifier() else normalize("NFKC", f"{prefix}{normal}".rstrip("_"))
