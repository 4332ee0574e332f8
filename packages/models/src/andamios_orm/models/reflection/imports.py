"""The imports of a module that is being written."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from andamios_orm.models.reflection.layout import WIDTH

__all__ = ["Imports"]


class Imports:
    """What a module imports, sorted as Ruff sorts it."""

    def __init__(self) -> None:
        self._names: dict[str, set[str]] = {}
        self._aliases: dict[str, str] = {}

    def name(self, module: str, name: str) -> str:
        """Import a name from a module, and return it."""
        self._names.setdefault(module, set()).add(name)
        return name

    def module(self, module: str, alias: str) -> str:
        """Import a module under another name, and return that."""
        self._aliases[module] = alias
        return alias

    @property
    def taken(self) -> frozenset[str]:
        """The names that stand for something imported."""
        return frozenset().union(self._aliases.values(), *self._names.values())

    def lines(self) -> Iterator[str]:
        """Give the lines of the imports, with an empty one between those of Python and the others."""
        yield "from __future__ import annotations"
        modules = self._names.keys() | self._aliases.keys()
        own = {module for module in modules if module.partition(".")[0] in sys.stdlib_module_names}
        for section in (own, modules - own):
            if section:
                yield ""
                yield from (
                    f"import {name} as {self._aliases[name]}"
                    for name in sorted(section & self._aliases.keys())
                )
                for name in sorted(section & self._names.keys()):
                    yield from _from(name, sorted(self._names[name], key=_rank))


def _from(module: str, names: list[str]) -> Iterator[str]:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= WIDTH:
        yield line
    else:
        yield f"from {module} import ("
        yield from (f"    {name}," for name in names)
        yield ")"


def _rank(name: str) -> tuple[int, str]:
    # Constants, classes, and then all others.
    if name.isupper() and len(name) > 1:
        return 0, name
    return (1 if name[0].isupper() else 2), name
