"""The models of modules, from the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from typer.testing import CliRunner, Result

from andamios_orm.core.cli.application import application

MODULE = """
    from __future__ import annotations

    from sqlalchemy import ForeignKey, MetaData
    from sqlalchemy.orm import Mapped, mapped_column, relationship

    from andamios_orm.models import BaseModel, FileModel, TimestampMixin, parquet

    class Base(BaseModel):
        __abstract__ = True
        metadata = MetaData()

    class Airline(Base):
        __table_args__ = ({"comment": "who flies"},)
        code: Mapped[str] = mapped_column(primary_key=True)
        flights: Mapped[list[Flight]] = relationship(back_populates="airline")

    class Flight(TimestampMixin, Base):
        number: Mapped[int] = mapped_column(unique=True, comment="\\x1b[31mred")
        carrier_code: Mapped[str | None] = mapped_column("carrier", ForeignKey("airline.code"))
        airline: Mapped[Airline | None] = relationship(back_populates="flights")

    class Trip(FileModel, Base):
        __source__ = parquet("trips.parquet")
        distance: Mapped[int]
        airline_code: Mapped[str] = mapped_column(ForeignKey("airline.code"))
        airline: Mapped[Airline] = relationship(viewonly=True)
"""


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """Forget what was imported."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        module = sys.modules.pop(name)
        if hasattr(module, "Base"):
            module.Base.registry.dispose()


@pytest.fixture
def module(tmp_path: Path) -> Path:
    file = tmp_path / "airline_models.py"
    file.write_text(dedent(MODULE))
    return file


def models(*arguments: object) -> Result:
    return CliRunner().invoke(application(), ["models", *map(str, arguments)])


def refusal(result: Result) -> str:
    assert (result.stdout, result.exit_code) == ("", 1)
    assert result.stderr.count("\n") == 1
    return result.stderr.strip()


class TestTable:
    def test_of_each_model(self, module: Path) -> None:
        result = models(module)
        assert (result.exit_code, result.stderr) == (0, "")
        lines = [line.split() for line in result.stdout.splitlines()]
        assert ["Flight", "(airline_models):", "flight"] in lines
        assert "│ carrier_code (carrier) │ VARCHAR " in result.stdout
        assert "│ airline.code │" in result.stdout

    def test_has_only_columns_that_say_something(self, module: Path) -> None:
        head = models(module).stdout.splitlines()[2]
        assert head.replace("┃", "").split() == ["attribute", "type", "key"]

    def test_is_followed_by_what_else_there_is_to_say(self, module: Path) -> None:
        lines = models(module).stdout.splitlines()
        assert "comment: who flies" in lines
        assert "flights: one to many, Flight, back by airline" in lines
        assert "airline: many to one, Airline" in lines
        assert "mixins: TimestampMixin" in lines
        assert "reads: trips.parquet" in lines

    def test_does_not_steer_the_terminal(self, module: Path) -> None:
        assert "\\x1b[31mred" in models(module).stdout

    def test_is_no_file(self, module: Path, tmp_path: Path) -> None:
        told = refusal(models(module, "--output", tmp_path / "a.txt"))
        assert told == "a table is no file: choose --format json or mermaid for --output"


class TestFormats:
    def test_json(self, module: Path) -> None:
        [airline, flight, trip] = json.loads(models(module, "--format", "json").stdout)
        assert (airline["name"], airline["table"], airline["comment"]) == ("Airline", "airline", "who flies")
        assert flight["columns"][2]["references"] == ["airline.code"]
        assert flight["relationships"] == [
            {"name": "airline", "target": "Airline", "kind": "many to one", "back": "flights"}
        ]
        assert trip["reads"] == "trips.parquet"

    def test_mermaid(self, module: Path) -> None:
        text = models(module, "--format", "mermaid").stdout
        assert text.startswith('erDiagram\n    "airline" {\n        VARCHAR code PK\n')
        assert '    "airline" |o--o{ "flight" : "carrier"\n' in text

    @pytest.mark.parametrize("format_", ["json", "mermaid"])
    def test_a_file(self, module: Path, tmp_path: Path, format_: str) -> None:
        file = tmp_path / "models.txt"
        result = models(module, "--format", format_, "--output", file)
        assert result.stdout == f"models written to {file}: 3\n"
        assert file.read_text() == models(module, "--format", format_).stdout

    def test_a_module_is_not_replaced(self, module: Path) -> None:
        told = refusal(models(module, "--format", "json", "--output", module))
        assert told == f"{module} is a module: what is written would take its place"


class TestMistakes:
    def test_a_module_that_is_not_there(self) -> None:
        assert refusal(models("no_such_module")).startswith(
            "no_such_module cannot be imported: ModuleNotFound"
        )

    def test_a_module_without_models(self) -> None:
        assert refusal(models("json", "csv")) == "json, csv: no model is defined there"

    def test_a_relationship_that_leads_nowhere(self, tmp_path: Path) -> None:
        file = tmp_path / "nowhere.py"
        file.write_text(dedent(MODULE).replace("list[Flight]", "list[Nothing]"))
        told = refusal(models(file))
        assert told.startswith("Airline cannot be used: ")
        assert "'Nothing' failed to locate a name" in told


def test_the_present_folder_is_importable(module: Path) -> None:
    """As it is for python -m, whose first place to search it is."""
    program = """
        import sys
        from andamios_orm.core.cli import main
        sys.path.remove("")
        sys.argv = ["andamios-orm", "models", "airline_models", "--format", "mermaid"]
        main()
    """
    command = [sys.executable, "-W", "error", "-c", dedent(program)]
    ran = subprocess.run(command, cwd=module.parent, capture_output=True, text=True, timeout=120, check=True)
    assert ran.stdout == models(module, "--format", "mermaid").stdout
