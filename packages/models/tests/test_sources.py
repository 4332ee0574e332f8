"""What DuckDB's readers are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.models._sources import csv, json, parquet


def test_files_and_options_are_literals() -> None:
    source = parquet("it's.parquet", Path("b") / "c.parquet", ["d.parquet"], hive_partitioning=True)
    files = "['it''s.parquet', 'b/c.parquet', 'd.parquet']"
    assert source.sql({"a": "BIGINT"}) == f"read_parquet({files}, hive_partitioning = True)"
    assert str(source) == "it's.parquet, b/c.parquet, d.parquet"


def test_nested_options() -> None:
    source = csv("a.csv", delim=";", names=["a", "b"], sample_size=-1, types={"a": "DATE"})
    options = "names = ['a', 'b'], sample_size = -1, types = {'a': 'DATE'}, delim = ';'"
    assert source.sql({"a": "BIGINT"}) == f"read_csv(['a.csv'], {options})"


def test_types_of_the_model_are_told_to_readers_that_guess() -> None:
    assert csv("a.csv").sql({"a": "BIGINT"}) == "read_csv(['a.csv'], types = {'a': 'BIGINT'})"
    assert json("a.json").sql({"a": "BIGINT"}) == "read_json(['a.json'], columns = {'a': 'BIGINT'})"
    assert csv("a.csv").sql() == "read_csv(['a.csv'])"


@pytest.mark.parametrize("files", [(), ([],), ("",), (5,), (b"a.csv",), (None,)])
def test_files_must_be_named(files: tuple[Any, ...]) -> None:
    with pytest.raises(ConfigurationError):
        csv(*files)


@pytest.mark.parametrize("options", [{"x = 1) --": 1}, {"nullstr": object()}, {"nullstr": [None]}])
def test_options_that_are_none_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        csv("a.csv", **options)
