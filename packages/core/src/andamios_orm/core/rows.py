"""Turn dicts, tuples or objects into rows for a bulk insert.

Everything that can be refused without the database is refused here, before anything is sent: unknown,
missing and surplus names, rows of another length, values that a type of SQLAlchemy does not convert. A class
may refuse more: its ``__check_rows__(names, rows)`` returns the rows that are written instead. Defaults that
SQLAlchemy would compute in Python are computed.

Names and lengths are checked on the event loop, and defaults computed there. The longer part, to convert the
values, is left to the worker thread that writes the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextvars import copy_context
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import JSON, Column, Table, insert, inspect, null
from sqlalchemy.orm import InstrumentedAttribute, attributes

from andamios_orm.core.dialect import bad_rows, bulk, bulk_plan
from andamios_orm.core.dialect.options import refuse_unknown
from andamios_orm.core.dialect.sequences import declared_sequence
from andamios_orm.core.dialect.translation import CONVERSION_ERRORS
from andamios_orm.core.errors import ConfigurationError, DataError, NotSupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection
    from sqlalchemy.engine import Dialect

__all__ = ["Name", "insert_rows", "table_of"]

Name = str | Column[Any] | InstrumentedAttribute[Any]
"""How a column is named: by the name that the rows use, or by the column or the mapped attribute itself."""

_FRAMES = {
    "numpy": "tolist()",
    "pandas": "to_dict('records')",
    "polars": "to_dicts()",
    "pyarrow": "to_pylist()",
}
"""What makes rows of the tables of other libraries."""


class _Rows(NamedTuple):
    columns: list[Column[Any]]
    values: list[Sequence[Any]]
    """As they were given; the values of the last columns are not among them, but among the fillers."""
    fillers: tuple[list[Any], ...] = ()
    """For each of the last columns, a value for each row."""


def table_of(target: type[Any] | Table) -> Table:
    """Return the table that rows for ``target`` are written to.

    Raises:
        ConfigurationError: It is neither a table nor a class mapped to exactly one.
    """
    if isinstance(target, Table):
        return target
    mapper = inspect(target, raiseerr=False) if isinstance(target, type) else None
    if mapper is None or not isinstance(mapper.local_table, Table):
        raise ConfigurationError(f"rows are inserted into a mapped class or a Table, not {target!r}")
    if len(mapper.tables) > 1:
        names = ", ".join(table.name for table in mapper.tables)
        raise ConfigurationError(
            f"{target.__name__} is spread over the tables {names}: insert into each of them, or use add_all()"
        )
    return mapper.local_table


def insert_rows(
    connection: Connection, target: type[Any] | Table, rows: Iterable[Any], names: Iterable[Name] | None
) -> int:
    """Insert ``rows``, all or none, and return how many they are.

    Raises:
        ConfigurationError: A row has an unknown or a missing name, or the wrong number of values; or ``rows``
            holds none.
        DataError: A type does not convert a value.
        NotSupportedError: The connection commits each statement by itself, and the backend is not DuckDB.
    """
    table, given = table_of(target), _listed(rows)
    if not given:
        return 0
    read = _with_constants(_read(target, given, names), target)
    if _columnar(read, table, connection.dialect):
        _insert_columns(connection, _with_defaults(read, table), table)
    else:
        _insert_mappings(connection, read, table)
    return len(given)


def _listed(rows: Iterable[Any]) -> list[Any]:
    kind = type(rows)
    for module in (base.__module__.partition(".")[0] for base in kind.__mro__):
        if module in _FRAMES:
            raise ConfigurationError(f"rows is a {kind.__name__} of {module}: give rows.{_FRAMES[module]}")
    if isinstance(rows, Mapping):
        raise ConfigurationError(f"rows is one {kind.__name__}: give a list of them, such as [row]")
    if not isinstance(rows, Iterable):
        raise ConfigurationError(f"rows is one {kind.__name__}: give a list of dicts, tuples or objects")
    return list(rows)


def _columnar(read: _Rows, table: Table, dialect: Dialect) -> bool:
    # Whether no SQL expression takes part, neither around a value nor as a default.
    if dialect.name != "duckdb" or bulk_plan.refers_to_itself(table, dialect):
        return False
    missing = _missing(read, table)
    drawn = [column for column in missing if declared_sequence(column) is not None]
    known = all(column.default is None or column in drawn or _fills(column) for column in missing)
    plain = not any(column.type.dialect_impl(dialect)._has_bind_expression for column in read.columns)
    return known and plain and len(drawn) <= 1


def _insert_columns(connection: Connection, read: _Rows, table: Table) -> None:
    if not read.columns:
        raise ConfigurationError("row 0 is empty: give at least one column")
    schema, dialect = connection.schema_for_object(table), connection.dialect
    plan = bulk_plan.table_plan(table, schema, read.columns, _drawn(read, table, connection), dialect)
    rows = bulk.BulkRows.of(read.values, plan, _converter(read, table, dialect))
    connection.exec_driver_sql(plan.statement(), rows)


def _drawn(read: _Rows, table: Table, connection: Connection) -> bulk_plan.Drawn | None:
    # A sequence that is declared as a default belongs to the statement, not to the table.
    for column in _missing(read, table):
        sequence = declared_sequence(column)
        if sequence is not None:
            return bulk_plan.Drawn.of(
                column, sequence, connection.schema_for_object(sequence), connection.dialect
            )
    return None


def _insert_mappings(connection: Connection, read: _Rows, table: Table) -> None:
    keys = [column.key for column in read.columns]
    mappings = [dict(zip(keys, row, strict=True)) for row in _filled(read)]
    if connection.dialect.name == "duckdb":
        connection.execute(insert(table), mappings)
        return
    dialect: Any = connection.dialect
    if dialect.detect_autocommit_setting(connection.connection.dbapi_connection):
        raise NotSupportedError.of(dialect.name, "bulk_insert() under AUTOCOMMIT", "insert in a transaction")
    # Where a failed statement does not abort the transaction, the rows before the bad one would be committed.
    with connection.begin_nested():
        connection.execute(insert(table), mappings)


def _read(target: type[Any] | Table, rows: list[Any], names: Iterable[Name] | None) -> _Rows:
    known = _columns(target)
    keys, values = _keyed(target, rows, names, known)
    refuse_unknown(keys, known, "column")
    if len(set(keys)) != len(keys):
        raise ConfigurationError(f"a column is named twice: {', '.join(keys)}")
    # A class may validate rows; its objects were validated when they were made.
    check = getattr(target, "__check_rows__", None)
    if check is not None and type(rows[0]) is not target:
        values = check(keys, values)
    return _Rows([known[key] for key in keys], values)


def _keyed(
    target: type[Any] | Table, rows: list[Any], names: Iterable[Name] | None, known: dict[str, Column[Any]]
) -> tuple[tuple[str, ...], list[Sequence[Any]]]:
    kinds = {type(row) for row in rows}
    if all(issubclass(kind, Sequence) and not issubclass(kind, str | bytes) for kind in kinds):
        keys = tuple(known) if names is None else _keys(names, known)
        return keys, _from_sequences(rows, keys)
    if names is not None:
        raise ConfigurationError("columns is for tuples, and these rows are not tuples: leave it out")
    if all(issubclass(kind, Mapping) for kind in kinds):
        return _keys(rows[0], known), _from_mappings(rows, tuple(rows[0]))
    return _from_objects(target, rows, known)


def _keys(names: Iterable[Name], known: Mapping[str, Column[Any]]) -> tuple[str, ...]:
    if isinstance(names, str):
        parts = [part.strip() for part in names.split(",")]
        raise ConfigurationError(f"columns is one text: give a list of names, such as {parts}")
    return tuple(name if isinstance(name, str) else _key(name, known) for name in names)


def _key(name: Column[Any] | InstrumentedAttribute[Any], known: Mapping[str, Column[Any]]) -> str:
    columns = getattr(getattr(name, "property", None), "columns", [name])
    found = next((key for key, column in known.items() if column is columns[0]), None)
    if found is None:
        raise ConfigurationError(f"{name} is no column of these rows: they have {', '.join(known)}")
    return found


def _columns(target: type[Any] | Table) -> dict[str, Column[Any]]:
    if isinstance(target, Table):
        return dict(target.columns.items())
    mapped = ((name, attribute.columns[0]) for name, attribute in inspect(target).column_attrs.items())
    return {name: column for name, column in mapped if isinstance(column, Column)}


def _from_sequences(rows: list[Sequence[Any]], keys: tuple[str, ...]) -> list[Sequence[Any]]:
    if set(map(len, rows)) != {len(keys)}:
        number = next(number for number, row in enumerate(rows) if len(row) != len(keys))
        raise ConfigurationError(
            f"row {number} has {len(rows[number])} values for {len(keys)} columns: {', '.join(keys)}"
        )
    return rows


def _from_mappings(rows: list[Mapping[Any, Any]], keys: tuple[Any, ...]) -> list[Sequence[Any]]:
    if not keys:
        raise ConfigurationError("row 0 is empty: give at least one column")
    read: Callable[[Mapping[Any, Any]], Any] = (
        itemgetter(*keys) if len(keys) > 1 else lambda row: (row[keys[0]],)
    )
    try:
        values = list(map(read, rows))
    except KeyError:
        raise _unlike(rows) from None
    if set(map(len, rows)) != {len(keys)}:
        raise _unlike(rows)
    return values


def _unlike(rows: list[Mapping[Any, Any]]) -> ConfigurationError:
    names = rows[0].keys()
    number, row = next((number, row) for number, row in enumerate(rows) if row.keys() != names)
    missing, surplus = sorted(map(str, names - row.keys())), sorted(map(str, row.keys() - names))
    return ConfigurationError(
        f"row {number} differs from row 0: missing {missing}, surplus {surplus}. Give all rows the same "
        "keys, with None where there is no value"
    )


def _from_objects(
    target: type[Any] | Table, rows: list[Any], known: dict[str, Column[Any]]
) -> tuple[tuple[str, ...], list[Sequence[Any]]]:
    for number, row in enumerate(rows):
        if type(row) is not target:
            name = type(row).__name__
            raise ConfigurationError(
                f"row {number} is a {name}: give dicts, tuples, or instances of the mapped class"
            )
    states = [attributes.instance_dict(row) for row in rows]
    keys = tuple(key for key in known if any(_gives(state, key, known[key]) for state in states))
    columns = [_from_states(states, key, known[key]) for key in keys]
    return keys, list(zip(*columns, strict=True)) if columns else [() for _ in rows]


def _gives(state: dict[str, Any], key: str, column: Column[Any]) -> bool:
    # As in a flush, None in an object asks for the default, unless None is a value of the type (JSON).
    return state.get(key) is not None or (key in state and column.type.should_evaluate_none)


def _from_states(states: list[dict[str, Any]], key: str, column: Column[Any]) -> list[Any]:
    values = [state.get(key) for state in states]
    absent = [number for number, value in enumerate(values) if value is None]
    if column.type.should_evaluate_none:
        absent = [number for number in absent if key not in states[number]]
    if absent and _is_left_to_the_database(column):
        raise ConfigurationError(
            f"row {absent[0]} leaves {key!r} to the database, others do not: give it in all rows or in none"
        )
    for number, value in zip(absent, _without_value(column, len(absent)), strict=True):
        values[number] = value
    return values


def _without_value(column: Column[Any], count: int) -> list[Any]:
    if _fills(column):
        return _defaults(column, count)
    return [null() if isinstance(column.type, JSON) else None] * count


def _is_left_to_the_database(column: Column[Any]) -> bool:
    if _fills(column):
        return False
    given = column.server_default is not None or column.default is not None
    return given or column is column.table.autoincrement_column


def _with_constants(read: _Rows, target: type[Any] | Table) -> _Rows:
    # Fills what a flush would fill because of the mapping: an inheritance's discriminator, a first version.
    if isinstance(target, Table):
        return read
    mapper = inspect(target)
    constants: list[tuple[Any, Any]] = []
    if mapper.polymorphic_identity is not None:
        constants.append((mapper.polymorphic_on, mapper.polymorphic_identity))
    if mapper.version_id_col is not None and mapper.version_id_generator:
        constants.append((mapper.version_id_col, mapper.version_id_generator(None)))
    missing = set(_missing(read, table_of(target)))
    return _with_fillers(
        read, {column: [value] * len(read.values) for column, value in constants if column in missing}
    )


def _with_defaults(read: _Rows, table: Table) -> _Rows:
    # Fills what SQLAlchemy would fill in Python; what the database fills is left to it.
    missing = (column for column in _missing(read, table) if _fills(column))
    return _with_fillers(read, {column: _defaults(column, len(read.values)) for column in missing})


def _with_fillers(read: _Rows, fillers: dict[Column[Any], list[Any]]) -> _Rows:
    return _Rows([*read.columns, *fillers], read.values, (*read.fillers, *fillers.values()))


def _filled(read: _Rows) -> list[Sequence[Any]]:
    if not read.fillers:
        return read.values
    more = zip(*read.fillers, strict=True)
    return [(*row, *others) for row, others in zip(read.values, more, strict=True)]


def _missing(read: _Rows, table: Table) -> list[Column[Any]]:
    present = set(read.columns)
    return [column for column in table.columns if column not in present]


def _fills(column: Column[Any]) -> bool:
    # SQLAlchemy wraps a callable that takes no argument; one that takes it wants the row's other values.
    default: Any = column.default
    return default is not None and (
        default.is_scalar or (default.is_callable and hasattr(default.arg, "__wrapped__"))
    )


def _defaults(column: Column[Any], count: int) -> list[Any]:
    # On the loop, as in a flush: what a user's function shares with tasks need not be safe among threads.
    default: Any = column.default
    return [default.arg] * count if default.is_scalar else [default.arg(None) for _ in range(count)]


def _converter(read: _Rows, table: Table, dialect: Dialect) -> Callable[[], list[Any]] | None:
    processors = [column.type._cached_bind_processor(dialect) for column in read.columns]
    if not any(processors) and not read.fillers:
        return None
    # In the context of the task, because a type may look there for its tenant or its key.
    return partial(copy_context().run, _parameters, read, processors, table.name)


def _parameters(read: _Rows, processors: Sequence[Any], table: str) -> list[Any]:
    rows = _filled(read)
    try:
        return list(chain.from_iterable(_converted(part, processors) for part in bulk.slices(rows)))
    except CONVERSION_ERRORS as error:
        raise _located(error, _Rows(read.columns, rows), processors, table) from error


def _converted(rows: list[Sequence[Any]], processors: Sequence[Any]) -> Iterator[Sequence[Any]]:
    columns = zip(*rows, strict=True)
    return zip(
        *(
            map(process, column) if process else column
            for process, column in zip(processors, columns, strict=True)
        ),
        strict=True,
    )


def _located(error: Exception, read: _Rows, processors: Sequence[Any], table: str) -> Exception:
    for number, row in enumerate(read.values):
        for column, process, value in zip(read.columns, processors, row, strict=True):
            if process is not None and _refuses(process, value):
                place = bad_rows.Place(number, column.name, tuple(row))
                told = DataError(bad_rows.placed(str(error), table, len(read.values), place), orig=error)
                told.row, told.column = number, column.name
                return told
    return error


def _refuses(process: Any, value: Any) -> bool:
    try:
        process(value)
    except CONVERSION_ERRORS:
        return True
    return False
