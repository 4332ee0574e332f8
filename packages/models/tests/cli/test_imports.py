"""Modules that are imported for the models that they define."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.models.cli.imports import import_models

MODEL = """
    from sqlalchemy import MetaData
    from sqlalchemy.orm import Mapped, mapped_column
    from andamios_orm.models import BaseModel

    class Base(BaseModel):
        __abstract__ = True
        metadata = MetaData()

    class {name}(Base):
        id: Mapped[int] = mapped_column(primary_key=True)
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write modules into the present folder; what was imported of them is forgotten afterwards."""

    def write(path: str, text: str = MODEL, **names: str) -> Path:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text).format(**names) if names else dedent(text))
        return file

    before, paths = set(sys.modules), list(sys.path)
    monkeypatch.chdir(tmp_path)
    yield write
    assert sys.path == paths
    for name in set(sys.modules) - before:
        del sys.modules[name]


def names(*targets: str) -> list[str]:
    return [f"{model.__module__}:{model.__name__}" for model in import_models(targets)]


def test_a_module_of_the_present_folder(write: Write) -> None:
    write("airline_one.py", name="Flight")
    assert names("airline_one") == ["airline_one:Flight"]


def test_a_module_that_was_imported_before(write: Write) -> None:
    write("airline_two.py", name="Flight")
    names("airline_two")
    assert names("airline_two") == ["airline_two:Flight"]


def test_a_package_with_all_that_is_in_it(write: Write) -> None:
    write("airline_three/__init__.py", name="Flight")
    write("airline_three/deep/__init__.py", "")
    write("airline_three/deep/more.py", name="Seat")
    write("airline_three/__main__.py", "raise SystemExit('it was run')")
    found = ["airline_three:Flight", "airline_three.deep.more:Seat"]
    assert names("airline_three") == found
    assert names("airline_three/") == found


def test_what_a_module_imports_is_found_too(write: Write) -> None:
    write("airline_four.py", "import airline_five\n")
    write("airline_five.py", name="Flight")
    assert names("airline_four") == ["airline_five:Flight"]


def test_a_file(write: Write) -> None:
    file = write("elsewhere/my-models.py", name="Flight")
    assert names(str(file)) == names(str(file)) == ["my-models:Flight"]


def test_a_file_finds_the_modules_beside_it(write: Write) -> None:
    write("elsewhere/airline_six.py", name="Flight")
    file = write("elsewhere/airline_seven.py", "import airline_six\n")
    assert names(str(file)) == ["airline_six:Flight"]


def test_a_file_of_a_package(write: Write) -> None:
    write("elsewhere/airline_eight/__init__.py", "")
    write("elsewhere/airline_eight/base.py", name="Flight")
    file = write("elsewhere/airline_eight/models.py", "from .base import Flight\n")
    assert names(str(file)) == ["airline_eight.base:Flight"]
    assert names(str(file.with_name("__init__.py"))) == ["airline_eight.base:Flight"]


def test_a_file_may_be_called_like_a_module_that_is_there(write: Write) -> None:
    assert names(str(write("json.py", name="Flight"))) == ["json_:Flight"]
    assert "Flight" not in vars(sys.modules["json"])


def test_what_it_prints_is_no_result(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    write("airline_nine.py", "print('hello')")
    assert names("airline_nine") == []
    assert capsys.readouterr() == ("", "hello\n")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("raise RuntimeError('no luck')", r"RuntimeError: no luck \(.*airline_ten.py, line 1\)"),
        (
            "import nothing_of_that_name",
            r"ModuleNotFoundError: No module named 'nothing_of_that_name' \(.*, line 1\)",
        ),
        ("\nimport json\njson.loads('{')", r"JSONDecodeError: .* \(.*airline_ten.py, line 3\)"),
        ("raise SystemExit(3)", r"SystemExit: 3 \(.*airline_ten.py, line 1\)"),
        ("def", r"SyntaxError: invalid syntax \(airline_ten.py, line 1\)"),
    ],
)
def test_a_module_that_fails(write: Write, text: str, told: str) -> None:
    file = write("airline_ten.py", text)
    for target in ("airline_ten", str(file)):
        with pytest.raises(ConfigurationError, match=f"airline_ten(.py)? cannot be imported: {told}"):
            names(target)
        assert "airline_ten" not in sys.modules


def test_a_submodule_that_fails_is_named(write: Write) -> None:
    write("airline_eleven/__init__.py", "")
    write("airline_eleven/broken.py", "1 / 0")
    with pytest.raises(
        ConfigurationError, match=r"airline_eleven.broken cannot be imported: ZeroDivisionError"
    ):
        names("airline_eleven")


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (
            "no_such_module",
            "ModuleNotFoundError: No module named 'no_such_module' .the present folder was searched",
        ),
        ("none/models.py", "none/models.py cannot be imported: FileNotFoundError: it does not exist"),
    ],
)
def test_a_module_that_is_not_there(write: Write, target: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        names(target)
