"""Optimistic locking: whoever writes a row that has changed since it was read is told.

Each row has a version, which every UPDATE raises. A flush writes a row only if it still has the version that
its object was loaded with (SQLAlchemy's ``version_id_col``). The rules:

* Where it has another one, or is gone, the flush raises `StaleVersionError`, and nothing is written.
* Where the engine reports a conflict with another transaction instead, the error is the same one. It may be
  retried, because a new transaction sees what the other has written. Which version that is, is read when the
  failed transaction is over.
* DuckDB lets a DELETE and an UPDATE of one row pass side by side, and the UPDATE would be lost. So the
  version of a row is raised before it is deleted, which makes the two a conflict; an UPDATE without a change
  would be none. It is SQL text, so that a history does not record it.
"""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from weakref import WeakKeyDictionary, WeakSet

from sqlalchemy import BigInteger, ColumnDefault, Engine, Table, Update, bindparam, event, select, text
from sqlalchemy.orm import Mapped, Mapper, mapped_column
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.base import instance_dict, instance_state

from andamios_orm.core.errors import ConfigurationError, StaleVersionError, TransactionConflictError
from andamios_orm.core.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from sqlalchemy import Column, ColumnElement, Connection, Select, TextClause
    from sqlalchemy.engine import Dialect, ExceptionContext
    from sqlalchemy.orm import ORMExecuteState

__all__ = ["VersioningMixin"]

_LAST = 100
"""The version stands behind the other columns of its table."""

_FLUSHED = "compiled_cache"
"""The execution option of what a flush sends, and of rows that are updated by their keys."""

_RAISED = "andamios_orm_raised"
"""The execution option of a statement: the row whose version it raises."""


class VersioningMixin:
    """Give a model ``version``, which starts at 1 and counts the changes of a row.

    A flush that finds another version than the one that was loaded raises ``StaleVersionError``, whose
    ``model``, ``key``, ``expected`` and ``found`` tell which; ``found`` is None where the row is gone.

    ``update(Model)`` raises the version and compares none. Where it is given a list of rows with their keys,
    each of them says its version and is compared.
    """

    if TYPE_CHECKING:
        version: Mapped[int]
    else:
        version = mapped_column(BigInteger, nullable=False, default=1, sort_order=_LAST)


class _StaleConflictError(StaleVersionError, TransactionConflictError):
    """Report a row that another transaction changed while this one went on; it may be run again."""


class _Row(NamedTuple):
    """A row that is written only as long as it has this version."""

    mapper: Mapper[Any]
    key: tuple[Any, ...]
    expected: int

    def current(self) -> Select[Any]:
        """Find the version that it has."""
        criteria = (column == value for column, value in zip(self.mapper.primary_key, self.key, strict=True))
        return select(_version(self.mapper)).where(*criteria)

    def raised(self, dialect: Dialect, schema: str | None) -> TextClause:
        """Raise its version."""
        version, quote = _version(self.mapper), dialect.identifier_preparer.quote
        columns = [*self.mapper.primary_key, version]
        values = zip(columns, (*self.key, self.expected), strict=True)
        parameters = [
            bindparam(f"p{n}", value, type_=column.type) for n, (column, value) in enumerate(values)
        ]
        criteria = " AND ".join(f"{quote(column.name)} = :p{n}" for n, column in enumerate(columns))
        table = ".".join(quote(name) for name in (schema, version.table.name) if name is not None)
        changed = f"{quote(version.name)} = {quote(version.name)} + 1"
        return text(f"UPDATE {table} SET {changed} WHERE {criteria}").bindparams(*parameters)  # noqa: S608 # names are quoted

    def tell(self, error: StaleVersionError, found: int | None) -> None:
        """Let the error tell of this row."""
        model, key = self.mapper.class_.__name__, self.key[0] if len(self.key) == 1 else self.key
        became = "it is gone" if found is None else f"it has version {found}"
        if found == self.expected:
            became = "another transaction is changing it"
        error.args = (
            f"{model} {key!r} was changed since it was read: it had version {self.expected}, and now "
            f"{became}. Load it again, and repeat the change",
        )
        facts = {"model": model, "key": key, "expected": self.expected, "found": found}
        for name, value in facts.items():
            setattr(error, name, value)


_mappers: WeakKeyDictionary[Table, Mapper[Any]] = WeakKeyDictionary()
_dialects: WeakSet[Dialect] = WeakSet()
_refused: WeakKeyDictionary[Connection, tuple[StaleVersionError, _Row]] = WeakKeyDictionary()


@event.listens_for(VersioningMixin, "after_mapper_constructed", propagate=True)
def _mapped(mapper: Mapper[Any], cls: type[Any]) -> None:
    if mapper.version_id_col is None:
        mapper.version_id_col = mapper.columns["version"]
    column = _version(mapper)
    if column.table is mapper.local_table and column.onupdate is None:
        ColumnDefault(column + 1, for_update=True)._set_parent_with_dispatch(column)
        _mappers[column.table] = mapper
        _start()


@cache
def _start() -> None:
    # The first model with a version begins it.
    event.listen(Engine, "after_execute", _executed)
    event.listen(UnitOfWork, "after_begin", _begun)
    event.listen(UnitOfWork, "after_rollback", _rolled_back)
    event.listen(UnitOfWork, "do_orm_execute", _updating)


def _version(mapper: Mapper[Any]) -> Column[Any]:
    return cast("Column[Any]", mapper.version_id_col)


def _updating(state: ORMExecuteState) -> None:
    mapper = state.bind_mapper if state.is_update else None
    if mapper is None or mapper.local_table not in _mappers:
        return
    name = mapper.get_property_by_column(_version(mapper)).key
    if state.is_executemany:
        _require_versions(mapper, name, state.parameters)
        return
    # By its attribute, so that objects of the session follow; the default of the column is for others.
    attribute = getattr(mapper.class_, name)
    statement: Any = state.statement
    if not statement._maintain_values_ordering and _version(mapper) not in (statement._values or {}):
        state.statement = statement.values({attribute: attribute + 1})


def _require_versions(mapper: Mapper[Any], name: str, rows: Any) -> None:
    for number, row in enumerate(rows):
        if name not in row:
            raise ConfigurationError(
                f"row {number} has no {name!r}: say which version of the {mapper.class_.__name__} it "
                "changes. update() with where() compares none"
            )


def _executed(
    connection: Connection, statement: Any, multiple: Any, single: Any, options: Any, result: Any
) -> None:
    if not isinstance(statement, Update) or _FLUSHED not in options or result.rowcount:
        return
    row = _written(statement, single)
    if row is not None:
        raise _stale(connection, row)


def _written(statement: Update, values: Any) -> _Row | None:
    # A flush calls the parameters of its criteria like this.
    mapper = _mappers.get(statement.table)  # type: ignore[call-overload] # others are not found
    if mapper is None:
        return None
    key = tuple(values[column._label] for column in mapper.primary_key)
    return _Row(mapper, key, values[_version(mapper)._label])


def _stale(connection: Connection, row: _Row) -> StaleVersionError:
    error = StaleVersionError("")
    row.tell(error, connection.scalar(row.current()))
    return error


@event.listens_for(VersioningMixin, "before_delete", propagate=True)
def _deleting(mapper: Mapper[Any], connection: Connection, instance: Any) -> None:
    version = _version(mapper)
    base = _mappers[version.table]
    *key, expected = (_committed(mapper, instance, column) for column in (*base.primary_key, version))
    row = _Row(base, tuple(key), expected)
    statement = row.raised(connection.dialect, connection.schema_for_object(version.table))
    if not connection.execute(statement, execution_options={_RAISED: row}).rowcount:
        raise _stale(connection, row)
    # With which it is deleted. A rollback lets the object load its own again.
    set_committed_value(instance, mapper.get_property_by_column(version).key, expected + 1)


def _committed(mapper: Mapper[Any], instance: Any, column: ColumnElement[Any]) -> Any:
    read: Any = mapper._get_committed_state_attr_by_column
    return read(instance_state(instance), instance_dict(instance), column)


def _begun(session: UnitOfWork, transaction: Any, connection: Connection) -> None:
    if connection.dialect not in _dialects:
        # Behind the listener that translates what the driver raises.
        _dialects.add(connection.dialect)
        event.listen(connection.dialect, "handle_error", _failed)


def _failed(context: ExceptionContext) -> StaleVersionError | None:
    told, connection = getattr(context, "chained_exception", None), context.connection
    row = _row_of(context.execution_context) if isinstance(told, TransactionConflictError) else None
    if row is None or connection is None:
        return None
    error = _StaleConflictError("", orig=context.original_exception)
    row.tell(error, row.expected)
    _refused[connection] = (error, row)
    return error


def _row_of(execution: Any) -> _Row | None:
    options = {} if execution is None else execution.execution_options
    if _RAISED in options:
        row: _Row = options[_RAISED]
        return row
    if _FLUSHED in options and execution.isupdate:
        return _written(execution.invoked_statement, execution.compiled_parameters[0])
    return None


def _rolled_back(session: UnitOfWork) -> None:
    transaction: Any = session.get_transaction()
    if not _refused or transaction is None:
        return
    for connection, *_ in transaction._connections.values():
        refused = _refused.pop(connection, None)
        if refused is not None:
            error, row = refused
            row.tell(error, _found_afterwards(connection, row))


def _found_afterwards(connection: Connection, row: _Row) -> int | None:
    # Inside of a savepoint that was rolled back, its transaction goes on.
    with nullcontext() if connection.in_transaction() else connection.begin():
        found: int | None = connection.scalar(row.current())
    return found
