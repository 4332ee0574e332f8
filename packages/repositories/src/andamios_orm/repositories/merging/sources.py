"""What rows are merged from: a query, a Parquet file, or Arrow columns."""

from __future__ import annotations

from importlib.util import find_spec
from os import PathLike, fspath
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Column, Select, SelectBase, column, func, inspect, select, table, text
from sqlalchemy.orm import Session

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.models.history.kept import KeepKeys
from andamios_orm.models.soft_delete.visibility import visible
from andamios_orm.queries import QueryBuilder

__all__ = ["ArrowStream", "MergeSource", "Source"]

_ARROW = "andamios_orm_merge_arrow"
"""What Arrow columns are called in the database while they are read."""


class ArrowStream(Protocol):
    """What hands over Arrow columns: a ``pyarrow.Table``, a reader, a data frame of polars or pandas."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return the stream; see Arrow's PyCapsule interface."""
        ...


MergeSource = QueryBuilder[Any] | SelectBase | str | PathLike[str] | ArrowStream
"""A query, the path of a Parquet file, or Arrow columns; the columns are called after attributes."""


class Source(NamedTuple):
    """The rows of a source.

    Attributes:
        rows: The query for all of its columns.
        reader: Of Arrow columns, what hands them over, once.
    """

    rows: Select[Any]
    reader: Any = None

    @classmethod
    def of(cls, session: Session, mapper: Any, given: MergeSource) -> Source:
        """Return the rows of what was given; nothing but the names of its columns is read.

        Args:
            session: Where they are read.
            mapper: Of the model that is written.
            given: What was given.

        Raises:
            ConfigurationError: It is no source; or pyarrow is not installed.
        """
        if isinstance(given, QueryBuilder | SelectBase):
            return cls(_rows_of(given.statement if isinstance(given, QueryBuilder) else given))
        if isinstance(given, str | PathLike):
            file = func.read_parquet(fspath(given))
            described = select(text("*")).select_from(file).limit(0)
            names = session.execute(described, bind_arguments={"mapper": mapper}).keys()
            return cls(select(*file.table_valued(*names, name="given").c))
        if hasattr(given, "__arrow_c_stream__"):
            reader = _reader(given)
            return cls(select(*table(_ARROW, *map(column, reader.schema.names)).c), reader)
        raise ConfigurationError(
            f"merge_from() takes a query, the path of a Parquet file or Arrow columns, not {given!r}"
        )

    def keep(self, session: Session, mapper: Any, statement: KeepKeys) -> None:
        """Execute the statement that reads the rows into a temporary table."""
        bind = {"mapper": mapper}
        if self.reader is None:
            session.execute(statement, bind_arguments=bind)
            return
        options = {"arrow_sources": {_ARROW: self.reader}}
        with self.reader:
            session.execute(statement, bind_arguments=bind, execution_options=options)


def _rows_of(query: SelectBase) -> Select[Any]:
    (first, *others) = getattr(query, "column_descriptions", [None])
    model: Any = None if others or first is None else inspect(first["expr"], raiseerr=False)
    if isinstance(query, Select) and model is not None and model.is_mapper:
        # Others are computed when rows are read.
        stored = [each.class_attribute for each in model.column_attrs if isinstance(each.columns[0], Column)]
        query = query.with_only_columns(*stored)
    # What is softly deleted is left out of a subquery by options of the query around it.
    seen: Any = visible(query)
    return select(*seen.subquery("given").c).options(*seen._with_options)


def _reader(source: ArrowStream) -> Any:
    if find_spec("pyarrow") is None:
        raise ConfigurationError("merging Arrow columns needs pyarrow: install andamios-orm-core[arrow]")
    import pyarrow as pa  # an optional dependency

    return pa.RecordBatchReader.from_stream(source)
