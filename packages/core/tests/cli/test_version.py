"""Which versions are installed."""

from __future__ import annotations

import platform
from pathlib import Path

import duckdb
import pytest
import sqlalchemy
from typer.testing import CliRunner

from andamios_orm.core import __version__
from andamios_orm.core.cli.application import application
from andamios_orm.core.cli.version import versions


def test_the_pieces_and_what_they_stand_on() -> None:
    present = versions()
    assert present["andamios-orm-core"] == __version__
    assert present["duckdb"] == duckdb.__version__
    assert present["sqlalchemy"] == sqlalchemy.__version__
    assert present["python"] == platform.python_version()


def test_other_pieces_of_the_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("andamios-orm-models", "andamios-orm", "andamios-ormolu", "other"):
        folder = tmp_path / f"{name.replace('-', '_')}-2.5.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.5\n")
    monkeypatch.syspath_prepend(tmp_path)
    names = list(versions())
    family = ["andamios-orm", "andamios-orm-core", "andamios-orm-models"]
    assert [name for name in names if name in family] == family
    assert not {"andamios-ormolu", "other"} & set(names)


def test_one_on_each_line() -> None:
    result = CliRunner().invoke(application(), ["version"])
    assert result.stdout.splitlines() == [f"{name} {number}" for name, number in versions().items()]
