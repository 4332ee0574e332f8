"""Import the modules that a command line names, and find the models that they define."""

from __future__ import annotations

import os
import sys
import sysconfig
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType
from typing import Any

from sqlalchemy import event, inspect
from sqlalchemy.orm import Mapper

from andamios_orm.core.errors import ConfigurationError

__all__ = ["import_models"]

_SEARCHED = " (the present folder was searched, and what is installed)"


def import_models(targets: Sequence[str]) -> list[type[Any]]:
    """Import modules, packages with all that is in them, and files; return the models that came with them.

    The present folder is searched first, as ``python -m`` does. What a module prints goes to standard error.

    Args:
        targets: Names of modules or packages, or paths of them.

    Raises:
        ConfigurationError: One cannot be imported.
    """
    found: dict[type[Any], None] = {}
    with _searched(Path.cwd()), _mapped(found), redirect_stdout(sys.stderr):
        modules = [module for target in targets for module in _imported(target)]
    for module in modules:
        # One that was imported before defines nothing now.
        for value in vars(module).values():
            if isinstance(value, type) and value.__module__ == module.__name__ and _is_mapped(value):
                found[value] = None
    return list(found)


def _imported(target: str) -> Iterator[ModuleType]:
    with _explained(target):
        module = _from_path(Path(target)) if _is_path(target) else import_module(target)
    yield module
    for found in walk_packages(getattr(module, "__path__", ()), f"{module.__name__}."):
        # To import that one is to run the program.
        if not found.name.endswith(".__main__"):
            with _explained(found.name):
                yield import_module(found.name)


def _is_path(target: str) -> bool:
    return target.endswith(".py") or "/" in target or os.sep in target


def _from_path(path: Path) -> ModuleType:
    if not path.exists():
        raise FileNotFoundError("it does not exist")
    folder, names = path.resolve().parent, [path.resolve().stem]
    while (folder / "__init__.py").exists():
        folder, names = folder.parent, [folder.name, *names]
    with _searched(folder):
        if len(names) > 1 or path.is_dir():
            return import_module(".".join(names).removesuffix(".__init__"))
        return _from_file(path.resolve())


def _from_file(path: Path) -> ModuleType:
    """Import a file of no package, which may be called like a module that is there already."""
    name = path.stem
    while name in sys.modules:
        if getattr(sys.modules[name], "__file__", None) == str(path):
            return sys.modules[name]
        name += "_"
    spec: Any = spec_from_file_location(name, path)
    sys.modules[name] = module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


@contextmanager
def _explained(target: str) -> Iterator[None]:
    try:
        yield
    except (Exception, SystemExit) as error:
        cause = f"{type(error).__name__}: {error}{_place(error) or _SEARCHED}"
        raise ConfigurationError(f"{target} cannot be imported: {cause}") from error


def _place(error: BaseException) -> str:
    """Return where in the code of the user an error was raised."""
    others = (__file__, sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), "<frozen")
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith(others):
            return f" ({frame.filename}, line {frame.lineno})"
    return ""


@contextmanager
def _searched(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


@contextmanager
def _mapped(found: dict[type[Any], None]) -> Iterator[None]:
    def add(mapper: Mapper[Any], model: type[Any]) -> None:
        found[model] = None

    event.listen(Mapper, "after_mapper_constructed", add)
    try:
        yield
    finally:
        event.remove(Mapper, "after_mapper_constructed", add)


def _is_mapped(value: type[Any]) -> bool:
    return isinstance(inspect(value, raiseerr=False), Mapper)
