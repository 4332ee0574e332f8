"""What every distribution of the workspace has to look like."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
DISTRIBUTIONS = sorted(path.parent for path in ROOT.glob("packages/*/pyproject.toml"))
PIECES = sorted(path.parent for path in ROOT.glob("packages/*/src/andamios_orm/*/__about__.py"))


def named(paths: list[Path]) -> Any:
    return [pytest.param(path, id=path.relative_to(ROOT).as_posix()) for path in paths]


def facades() -> list[Path]:
    """The modules that may be imported from and only re-export: no step of their path is private."""
    return sorted(
        path
        for piece in PIECES
        for path in piece.rglob("__init__.py")
        if not any(step.startswith("_") for step in path.relative_to(piece).parts[:-1])
    )


def configuration(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())


def imported_names(module: ast.Module) -> Iterator[str]:
    """What a facade re-exports, at once or, where only a type checker imports it, when it is asked for."""
    deferred = (inner for guard in module.body if isinstance(guard, ast.If) for inner in guard.body)
    for statement in (*module.body, *deferred):
        if isinstance(statement, ast.ImportFrom) and statement.module not in {"__future__", "typing"}:
            yield from (alias.asname or alias.name for alias in statement.names)


def defers_imports(statement: ast.stmt) -> bool:
    """Tell whether this is ``if TYPE_CHECKING``, and the module's own ways for whoever is no type checker."""
    return (
        isinstance(statement, ast.If)
        and ast.unparse(statement.test) == "TYPE_CHECKING"
        and [alias.name for inner in statement.orelse for alias in getattr(inner, "names", [])]
        == ["__dir__", "__getattr__"]
    )


def exported_names(module: ast.Module) -> list[str]:
    for statement in module.body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            return list(ast.literal_eval(statement.value))
    return []


def layers() -> list[list[str]]:
    """The pieces of each layer, the lowest layer first."""
    contracts = configuration(ROOT / "pyproject.toml")["tool"]["importlinter"]["contracts"]
    (contract,) = (contract for contract in contracts if contract["type"] == "layers")
    return [re.findall(r"\w+", layer) for layer in reversed(contract["layers"])]


def test_the_workspace_has_distributions() -> None:
    assert ROOT / "packages/core" in DISTRIBUTIONS
    assert len(PIECES) >= 1


@pytest.mark.parametrize("file", ["README.md", "LICENSE", "CHANGELOG.md", "src", "tests"])
@pytest.mark.parametrize("distribution", named(DISTRIBUTIONS))
def test_distribution_is_complete(distribution: Path, file: str) -> None:
    assert (distribution / file).exists()


@pytest.mark.parametrize("distribution", named(DISTRIBUTIONS))
def test_distribution_carries_the_licence_of_the_workspace(distribution: Path) -> None:
    assert (distribution / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_namespace_is_shared() -> None:
    """One `__init__.py` in the namespace package would hide all other distributions."""
    assert not list(ROOT.glob("packages/*/src/andamios_orm/__init__.py"))


@pytest.mark.parametrize("distribution", named(DISTRIBUTIONS))
def test_distribution_is_named_after_its_piece(distribution: Path) -> None:
    name = configuration(distribution / "pyproject.toml")["project"]["name"]
    assert name == f"andamios-orm-{distribution.name}"
    assert (distribution / "src/andamios_orm" / distribution.name / "__init__.py").is_file()


@pytest.mark.parametrize("distribution", named(DISTRIBUTIONS))
def test_distribution_depends_on_lower_layers_only(distribution: Path) -> None:
    requirements = configuration(distribution / "pyproject.toml")["project"]["dependencies"]
    siblings = {match[1] for text in requirements if (match := re.match(r"andamios-orm-(\w+)", text))}
    height = next(height for height, layer in enumerate(layers()) if distribution.name in layer)
    assert siblings <= {piece for layer in layers()[:height] for piece in layer}


@pytest.mark.parametrize("piece", named(PIECES))
def test_piece_is_typed(piece: Path) -> None:
    assert (piece / "py.typed").is_file()


@pytest.mark.parametrize("piece", named(PIECES))
def test_changelog_opens_with_the_version(piece: Path) -> None:
    about = (piece / "__about__.py").read_text()
    version = re.search(r'__version__ = "(.+)"', about)
    assert version is not None
    changelog = (piece.parents[2] / "CHANGELOG.md").read_text()
    headings = re.findall(r"^## (\S+)", changelog, flags=re.MULTILINE)
    assert headings[0] == version[1]


@pytest.mark.parametrize("facade", named(facades()))
def test_facade_exports_what_it_imports(facade: Path) -> None:
    """Ruff keeps `__all__` sorted; this keeps it complete."""
    module = ast.parse(facade.read_text())
    exported = exported_names(module)
    assert sorted(exported) == sorted(imported_names(module))


@pytest.mark.parametrize("facade", named(facades()))
def test_facade_only_reexports(facade: Path) -> None:
    module = ast.parse(facade.read_text())
    others = [
        ast.unparse(statement)
        for statement in module.body[1:]
        if not isinstance(statement, ast.ImportFrom)
        and not defers_imports(statement)
        and not ast.unparse(statement).startswith("__all__")
    ]
    assert others == []
