"""Run the Python blocks of every README and docs page, top to bottom, as the tests of that page.

What stands as a comment behind a ``print()`` is what it prints; three dots stand for anything.
"""

from __future__ import annotations

import ast
import os
import re
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from sybil import Document, Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser, SkipParser


class Page(Document):
    """A page whose blocks share one module, so that annotations in them are resolved as in a file."""

    def __init__(self, text: str, path: str) -> None:
        super().__init__(text, path)
        module = ModuleType(re.sub(r"\W", "_", path))
        sys.modules[module.__name__] = module
        self.namespace = module.__dict__


def run(example: Example) -> str | None:
    """Run a block; return what it prints in place of what it says, if it does.

    What a function prints is compared where it is called, which may be in a later block.
    """
    said: dict[int, str] = example.namespace.setdefault("_said", {})
    said.update(comments(example))
    printed: list[tuple[int, str]] = []

    def note(*values: object, sep: str = " ") -> None:
        printed.append((sys._getframe(1).f_lineno, sep.join(map(str, values))))

    example.namespace["print"] = note
    PythonEvaluator()(example)
    example.namespace.setdefault("_printed", set()).update(line for line, _ in printed)
    wrong = ((line, text) for line, text in printed if line in said and not fits(text, said[line]))
    return next((f"line {line} prints {text!r} and says {said[line]!r}" for line, text in wrong), None)


def comments(example: Example) -> dict[int, str]:
    """Return the comments of a block behind calls of print(), by the lines where the calls begin."""
    lines = example.parsed.splitlines()
    first = example.line + example.parsed.line_offset + 1
    found = {}
    for call in ast.walk(ast.parse(example.parsed)):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "print":
            _, mark, comment = (
                lines[(call.end_lineno or 0) - 1].encode()[call.end_col_offset :].decode().partition("  # ")
            )
            if mark:
                found[first + call.lineno - 1] = comment
    return found


def fits(printed: str, said: str) -> bool:
    """Return whether what was printed is what a comment says."""
    pattern = ".*".join(map(re.escape, said.split("...")))
    return re.fullmatch(pattern, " ".join(printed.split()), re.DOTALL) is not None


def enter_folder(namespace: dict[str, Any]) -> None:
    """Move into a temporary folder, where the page may leave its files."""
    namespace["_home"] = Path.cwd()
    namespace["_folder"] = tempfile.TemporaryDirectory()
    os.chdir(namespace["_folder"].name)


def leave_folder(namespace: dict[str, Any]) -> None:
    """Move back, remove the temporary folder, forget the models of the page."""
    os.chdir(namespace["_home"])
    namespace["_folder"].cleanup()
    silent = sorted(namespace.get("_said", {}).keys() - namespace.get("_printed", set()))
    if silent:
        raise AssertionError(f"what these lines say is never printed: {silent}")
    models = sys.modules.get("andamios_orm.models")
    if models is not None:
        models.BaseModel.registry.dispose(cascade=True)
        models.BaseModel.metadata.clear()


pytest_collect_file = Sybil(
    parsers=[CodeBlockParser("python", run), SkipParser()],
    patterns=["*.md"],
    setup=enter_folder,
    teardown=leave_folder,
    document_types={".md": Page},
).pytest()
