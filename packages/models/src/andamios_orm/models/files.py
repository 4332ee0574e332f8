"""Models over files: classes whose rows are in Parquet, CSV or JSON files, which are queried in place.

On first use the columns of the model are compared with those of the files, by a look at their metadata.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import BigInteger, Column, Engine, MetaData, Table, event
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Mapped
from sqlalchemy.schema import CreateTable, DropTable

from andamios_orm.core.errors import ConfigurationError, DatabaseError, NotSupportedError
from andamios_orm.models._column_fit import misfits
from andamios_orm.models._read_only import ReadOnlyModel, ReadOnlyTable
from andamios_orm.models._sources import FileSource, csv, json, parquet
from andamios_orm.models.keys import is_key

__all__ = ["FileModel", "FileSource", "csv", "json", "parquet"]

_ROW_ID = "row_id"


class FileTable(ReadOnlyTable):
    """Files as a table, which the metadata neither creates nor drops."""

    inherit_cache = True
    remedy = "write other files, for example with DuckDB's COPY, or insert the rows into a table"
    source: FileSource
    model: str
    is_checked: bool = False
    # Read by SQLAlchemy's compiler: a schema_translate_map gives files no schema.
    _use_schema_map = False

    @property
    def file_columns(self) -> list[Column[Any]]:
        """The columns that the files are to have."""
        return [column for column in self.columns if not column.info.get(_ROW_ID)]


class FileModel(ReadOnlyModel):
    """Base of the models whose rows are in files.

    ::

        class Trip(FileModel):
            __source__ = parquet("data/*.parquet", hive_partitioning=True)

            carrier: Mapped[str]
            distance: Mapped[float | None]

    Such a model is queried like any other, joined with others and refers to them by relationships; a foreign
    key says how, and is not checked. It needs no table: the metadata neither creates nor drops anything.
    Columns of the files that the model does not name are not read. A relative path starts at the present
    folder of the process.

    A row is told from others by the columns with ``primary_key=True``, whose values must be different in all
    rows: of two rows with the same key, a session knows the first. Without such columns a row has ``row_id``,
    its place in the files, which holds as long as the files stay as they are.

    Raises:
        ConfigurationError: When the class is made, without a ``__source__``; on first use, a file is missing
            or cannot be read, or a column is missing or of another type.
        NotSupportedError: A write; or the database is not DuckDB.
    """

    __abstract__ = True
    __source__: ClassVar[FileSource]

    if TYPE_CHECKING:
        row_id: Mapped[int]

    @classmethod
    def __table_cls__(cls, name: str, metadata: MetaData, *items: Any, **options: Any) -> Table:
        """Make a table of the files."""
        source = getattr(cls, "__source__", None)
        if not isinstance(source, FileSource):
            raise ConfigurationError(
                f'{cls.__name__} needs its files: __source__ = parquet("data/*.parquet"), or csv(), or json()'
            )
        if not any(map(is_key, items)):
            items = (_row_id(), *items)
        table = FileTable(name, metadata, *items, **options)
        table.source, table.model = source, cls.__name__
        # Foreign keys find it under the schema of the metadata, but no statement may name one: the reader
        # is called without, and its alias cannot have one.
        table.schema = None
        _leave_out(table)
        return table


def _leave_out(table: FileTable) -> None:
    # Of everything that would be sent with or after CREATE TABLE, nothing is.
    table.set_creator_ddl(CreateTable(table).execute_if(callable_=_never))
    table.set_dropper_ddl(DropTable(table).execute_if(callable_=_never))
    table.indexes.clear()
    table.comment = None
    for column in table.columns:
        column.comment = None


def _never(*_: Any, **__: Any) -> bool:
    return False


def _row_id() -> Column[int]:
    return Column(_ROW_ID, BigInteger, primary_key=True, autoincrement=False, info={_ROW_ID: True})


@compiles(FileTable)
def _rendered(table: FileTable, compiler: Any, **options: Any) -> str:
    """Render the call of the reader, named as the table unless an alias names it."""
    if compiler.dialect.name != "duckdb":
        raise NotSupportedError.of(compiler.dialect.name, f"files ({table.name})", "read them with DuckDB")
    if options.get("from_linter"):
        options["from_linter"].froms[table] = table.fullname
    vars(compiler).setdefault(_READ, set()).add(table)
    text = _reader(table, compiler.dialect)
    enclosing = options.get("enclosing_alias")
    if enclosing is not None and enclosing.element is table:
        return text
    return f"{text} AS {compiler.preparer.quote(table.name)}"


_READ = "_andamios_files"
"""The attribute of a compiled statement that holds the files it reads."""


def _reader(table: FileTable, dialect: Any) -> str:
    types = {column.name: _type_name(column, dialect) for column in table.file_columns}
    call = table.source.sql(types)
    if len(table.file_columns) == len(table.columns):
        return call
    return f"(SELECT {table.source.row_number} AS {_ROW_ID}, * FROM {call})"  # noqa: S608 # the literals in it are quoted


def _type_name(column: Column[Any], dialect: Any) -> str:
    name: str = dialect.type_compiler_instance.process(column.type, inline_enums=True)
    return name


@event.listens_for(Engine, "before_cursor_execute")
def _check_files(
    connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, multiple: bool
) -> None:
    read = vars(context.compiled).get(_READ) if getattr(context, "compiled", None) else None
    for table in read or ():
        if not table.is_checked:
            _check(connection, table)
            table.is_checked = True


def _check(connection: Any, table: FileTable) -> None:
    for path in table.source.paths:
        _require_files(connection, table, path)
    wrong = _misfits(connection, table, _described(connection, table))
    if wrong:
        raise ConfigurationError(f"{table.model} does not fit {table.source}: {'; '.join(wrong)}")


def _require_files(connection: Any, table: FileTable, path: str) -> None:
    # Asked beforehand, because an error would abort the transaction.
    if not connection.exec_driver_sql("SELECT count(*) FROM glob($1)", (path,)).scalar_one():
        raise ConfigurationError(
            f"{table.model} reads {path!r}, and there is no such file; a relative path starts at the "
            "present folder of the process"
        )


def _described(connection: Any, table: FileTable) -> dict[str, str]:
    with _readable(table):
        described = connection.exec_driver_sql(f"DESCRIBE FROM {table.source.sql()}")
    return {name: type_ for name, type_, *_ in described}


@contextmanager
def _readable(table: FileTable) -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        raise ConfigurationError(f"{table.model} cannot read {table.source}: {error.args[0]}") from error


def _misfits(connection: Any, table: FileTable, present: dict[str, str]) -> list[str]:
    source = table.source
    typed = source.types_option is None
    return misfits(table.file_columns, present, connection.dialect, typed=typed, exact=source.exact_names)
