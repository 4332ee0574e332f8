"""Run the Python blocks of every README and docs page, top to bottom, as the tests of that page."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from sybil import Document, Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser


class Page(Document):
    """A page whose blocks share one module, so that annotations in them are resolved as in a file."""

    def __init__(self, text: str, path: str) -> None:
        super().__init__(text, path)
        module = ModuleType(re.sub(r"\W", "_", path))
        sys.modules[module.__name__] = module
        self.namespace = module.__dict__


def enter_folder(namespace: dict[str, Any]) -> None:
    """Move into a temporary folder, where the page may leave its files."""
    namespace["_home"] = Path.cwd()
    namespace["_folder"] = tempfile.TemporaryDirectory()
    os.chdir(namespace["_folder"].name)


def leave_folder(namespace: dict[str, Any]) -> None:
    """Move back, remove the temporary folder, forget the models of the page."""
    os.chdir(namespace["_home"])
    namespace["_folder"].cleanup()
    models = sys.modules.get("andamios_orm.models")
    if models is not None:
        models.BaseModel.registry.dispose(cascade=True)
        models.BaseModel.metadata.clear()


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["*.md"],
    setup=enter_folder,
    teardown=leave_folder,
    document_types={".md": Page},
).pytest()
