"""Files that DuckDB reads as they are: what its reader is told, and what it finds in them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any

from andamios_orm.core._types.literals import string_literal
from andamios_orm.core.errors import ConfigurationError

__all__ = ["FilePath", "FileSource", "csv", "json", "parquet"]

FilePath = str | PathLike[str]
"""A file or a pattern (``data/*.parquet``, ``**`` for folders at any depth), local or of any scheme that
DuckDB reads."""

_OPTION = re.compile(r"[a-z][a-z0-9_]*")

_NUMBERED = "row_number() OVER () - 1"
"""The place of a row, in the order in which the files are read."""

_PARQUET_NUMBERED = "CAST(file_index AS BIGINT) * 1099511627776 + file_row_number"
"""The place of a row: of its file, and in it. It keeps no filter from being pushed into the files."""


@dataclass(frozen=True)
class FileSource:
    """Files that are read as one table.

    Attributes:
        function: DuckDB's table function.
        paths: The files, or patterns of them.
        options: What the function is told.
        types_option: The option by which it is told the types of columns, where the files tell none.
        row_number: The expression that numbers the rows.
        exact_names: Whether upper and lower case differ in the names of columns.
    """

    function: str
    paths: tuple[str, ...]
    options: tuple[tuple[str, Any], ...]
    types_option: str | None
    row_number: str
    exact_names: bool

    def sql(self, types: Mapping[str, str] | None = None) -> str:
        """Return the call of the function.

        Args:
            types: The name of each column's type, for files that tell none.
        """
        options = dict(self.options)
        if types and self.types_option is not None and options.keys().isdisjoint(_TYPING):
            options[self.types_option] = dict(types)
        given = [f"{name} = {_literal(value)}" for name, value in options.items()]
        return f"{self.function}({', '.join([_literal(self.paths), *given])})"

    def __str__(self) -> str:
        return ", ".join(self.paths)


_TYPING = frozenset({"all_varchar", "auto_type_candidates", "column_types", "columns", "dtypes", "types"})
"""The options that say the types, which then are left to whoever gave them."""


def parquet(
    *paths: FilePath | Sequence[FilePath],
    hive_partitioning: bool | None = None,
    union_by_name: bool | None = None,
    **options: Any,
) -> FileSource:
    """Return Parquet files as the source of a `FileModel`.

    Args:
        paths: The files, or patterns.
        hive_partitioning: Whether folders named ``year=2013`` are a column ``year``.
        union_by_name: Whether the columns of several files are matched by their names, not by their order.
        options: Others of DuckDB's ``read_parquet``.

    Raises:
        ConfigurationError: No file is named, or an option is none.
    """
    options |= {"hive_partitioning": hive_partitioning, "union_by_name": union_by_name}
    return _source("read_parquet", paths, options, None, _PARQUET_NUMBERED)


def csv(
    *paths: FilePath | Sequence[FilePath],
    header: bool | None = None,
    delim: str | None = None,
    hive_partitioning: bool | None = None,
    union_by_name: bool | None = None,
    **options: Any,
) -> FileSource:
    """Return CSV files as the source of a `FileModel`.

    Columns have the types that the model gives them: a column that is ``Mapped[str]`` keeps the zeros in
    front of a number.

    Args:
        paths: The files, or patterns.
        header: Whether the first line has the names; found out by itself.
        delim: What separates the values; found out by itself.
        hive_partitioning: Whether folders named ``year=2013`` are a column ``year``.
        union_by_name: Whether the columns of several files are matched by their names, not by their order.
        options: Others of DuckDB's ``read_csv``, such as ``nullstr``, ``dateformat``, ``names``.

    Raises:
        ConfigurationError: No file is named, or an option is none.
    """
    options |= {"header": header, "delim": delim}
    options |= {"hive_partitioning": hive_partitioning, "union_by_name": union_by_name}
    return _source("read_csv", paths, options, "types", _NUMBERED)


def json(
    *paths: FilePath | Sequence[FilePath], hive_partitioning: bool | None = None, **options: Any
) -> FileSource:
    """Return JSON files, arrays of objects or one object a line, as the source of a `FileModel`.

    Columns have the types that the model gives them.

    Args:
        paths: The files, or patterns.
        hive_partitioning: Whether folders named ``year=2013`` are a column ``year``.
        options: Others of DuckDB's ``read_json``, such as ``format``, ``maximum_object_size``.

    Raises:
        ConfigurationError: No file is named, or an option is none.
    """
    options |= {"hive_partitioning": hive_partitioning}
    return _source("read_json", paths, options, "columns", _NUMBERED)


def _source(
    function: str, paths: Sequence[Any], options: dict[str, Any], types_option: str | None, row_number: str
) -> FileSource:
    listed = [path for given in paths for path in _listed(given)]
    if not listed:
        raise ConfigurationError(f"{function}: name at least one file, such as 'data/*.parquet'")
    for name in options:
        if not _OPTION.fullmatch(name):
            raise ConfigurationError(f"{function}: {name!r} is no option")
    given = tuple((name, value) for name, value in options.items() if value is not None)
    for _, value in given:
        _literal(value)
    return FileSource(
        function, tuple(listed), given, types_option, row_number, exact_names=function == "read_json"
    )


def _listed(given: Any) -> list[str]:
    several = given if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    for path in several:
        if not isinstance(path, str | PathLike) or not fspath(path):
            raise ConfigurationError(f"a file is named by a text or a Path, not by {path!r}")
    return [fspath(path) for path in several]


def _literal(value: Any) -> str:
    if isinstance(value, bool | int | float):
        return str(value)
    if isinstance(value, str):
        return string_literal(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_literal(str(name))}: {_literal(of)}" for name, of in value.items()) + "}"
    if isinstance(value, Sequence):
        return f"[{', '.join(map(_literal, value))}]"
    raise ConfigurationError(f"an option of files is a text, number, bool, list or dict, not {value!r}")
