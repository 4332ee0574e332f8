"""Answer a session's queries from the cache, where their statement asks for it.

The rules:

* A session with changes that are not flushed, or whose transaction has written, reads from the database and
  keeps nothing.
* In a transaction that has begun, a result is taken only as long as none of its tables has changed since: it
  is the one that the transaction would see itself.
* What is kept are columns, of which each session makes objects of its own. What statements of their own load
  beside these, such as those of `selectinload`, is read from the database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, TableClause, event, inspect
from sqlalchemy.engine.interfaces import Compiled
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.orm import Bundle
from sqlalchemy.sql.compiler import WARN_LINTING
from sqlalchemy.sql.elements import AbstractTextClause
from sqlalchemy.util.concurrency import await_, greenlet_spawn

from andamios_orm.core.arguments import seconds
from andamios_orm.core.cache.keys import form_of, query_key
from andamios_orm.core.cache.levels import Levels, Request
from andamios_orm.core.cache.objects import columns_read, objects_made
from andamios_orm.core.cache.packing import unpack
from andamios_orm.core.cache.read_tables import sources_of, table_name
from andamios_orm.core.cache.taken import TakenObjects
from andamios_orm.core.cache.written import effect_of_compiled
from andamios_orm.core.errors import ConfigurationError, NotSupportedError
from andamios_orm.core.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from sqlalchemy import Engine, Result
    from sqlalchemy.ext.asyncio import AsyncEngine
    from sqlalchemy.orm import ORMExecuteState, Session

    from andamios_orm.core.cache.commits import Transaction

__all__ = ["CachePolicy", "QueryCache", "names_of", "seconds_of"]

TableLike = str | TableClause | type[Any]
"""A table, by its name, as SQLAlchemy's object, or as the class that is mapped to it."""


@dataclass(frozen=True)
class CachePolicy:
    """Ask for the rows of a query to be cached: ``statement.execution_options(cache=CachePolicy(ttl=60))``.

    Without a started `CacheManager` for the session's engine it has no effect.

    Attributes:
        ttl: Seconds for which they are kept at most; by default the manager's.
        tables: Further tables that they depend on, such as those behind a view. They must be named where SQL
            text or a function in FROM may hide some, if only by an empty list.
    """

    ttl: float | None = None
    tables: Sequence[TableLike] | None = None


class _Shape(NamedTuple):
    """What all queries with the same SQL have in common."""

    form: bytes
    tables: frozenset[str]
    hidden: bool
    attributes: tuple[Any, ...]
    """What the caller selected, such as attributes of a class."""
    has_objects: bool
    """Whether objects are among it."""


class _Query(NamedTuple):
    """One query that may be answered from the cache."""

    key: str
    tables: frozenset[str]
    seconds: float
    read: Callable[[], Any]
    """Gets from the database what is kept."""
    made: Callable[[Any], Result[Any]]
    """Makes the result of what is kept."""
    has_objects: bool
    """Whether objects are among it."""


class QueryCache:
    """Take part in the executions of sessions, between `start` and `stop`.

    Args:
        engine: The engine whose sessions are answered.
        levels: The cache.
        database: What tells the database from others.
        ttl: Seconds for which rows are kept by default.
    """

    def __init__(self, engine: AsyncEngine, levels: Levels, database: str, ttl: float) -> None:
        self._dialect = engine.dialect
        self._levels = levels
        self._database = database
        self._ttl = ttl
        self._taken = TakenObjects()
        self._shapes: WeakKeyDictionary[Compiled, _Shape] = WeakKeyDictionary()

    def start(self) -> None:
        """Begin to take part."""
        event.listen(UnitOfWork, "do_orm_execute", self._execute)
        self._taken.start()

    def stop(self) -> None:
        """Take part no longer."""
        event.remove(UnitOfWork, "do_orm_execute", self._execute)
        self._taken.stop()

    def _execute(self, state: ORMExecuteState) -> Result[Any] | None:
        policy = state.execution_options.get("cache")
        if policy is None or not _is_query(state):
            return None
        bind = state.session.get_bind(**state.bind_arguments)
        if bind.dialect is not self._dialect:
            return None
        if state._remaining_events():
            # Another listener may still change the statement, such as one that adds a tenant to its criteria.
            state._events_todo.append(self._execute)
            return state.invoke_statement()
        return self._answer(state, bind, _checked(policy))

    def _answer(
        self, state: ORMExecuteState, bind: Engine | Connection, policy: CachePolicy
    ) -> Result[Any] | None:
        session = state.session
        connection = _connection(session, bind)
        query = self._query(state, connection or bind, policy)
        if session.new or session.dirty or session.deleted:
            return None
        if connection is not None and not self._is_usable(connection, query.tables):
            return None
        if connection is None and query.has_objects:
            self._taken.note(session, query.tables)
        data = self._levels.near(query.key)
        kept = await_(self._obtained(query, may_wait=connection is None)) if data is None else unpack(data)
        return query.made(kept)

    def _is_usable(self, connection: Connection, tables: frozenset[str]) -> bool:
        if connection.closed or connection.invalidated:
            return False
        transaction = self._levels.watch.transaction(connection)
        return transaction is not None and self._sees_the_present(transaction, tables)

    def _sees_the_present(self, transaction: Transaction, tables: frozenset[str]) -> bool:
        if transaction.mark is None or transaction.written or transaction.sets:
            return False
        # The transaction may see what is committed just now, and is not counted as a change yet.
        is_changing = self._levels.watch.is_committing(tables)
        return not is_changing and self._levels.memory.is_unchanged(tables, transaction.mark.near)

    async def _obtained(self, query: _Query, *, may_wait: bool) -> Any:
        async def load() -> Any:
            return await greenlet_spawn(query.read)

        # Past near(), which has counted the miss already.
        return await self._levels.obtain_far(Request(query.key, query.tables, query.seconds, load, may_wait))

    def _query(self, state: ORMExecuteState, bind: Engine | Connection, policy: CachePolicy) -> _Query:
        statement: Any = state.statement
        schemas = _schemas(state, bind)
        given: Any = state.parameters or {}
        compiled, extracted, collected, _ = statement._compile_w_cache(
            dialect=self._dialect,
            compiled_cache=bind.engine._compiled_cache,
            column_keys=sorted(given),
            schema_translate_map=schemas,
            linting=self._dialect.compiler_linting | WARN_LINTING,
        )
        parameters = compiled.construct_params(
            given, extracted_parameters=extracted, escape_names=False, _collected_params=collected
        )
        shape = self._shape(statement, compiled)
        key = query_key(self._database, shape.form, parameters, schemas or {})
        about = key, _tables(shape, policy), seconds_of(policy.ttl, self._ttl)
        if shape.has_objects:
            return _Query(*about, partial(columns_read, state), partial(objects_made, state, compiled), True)
        return _Query(*about, partial(_rows, state), partial(_result, _names(statement, shape)), False)

    def _shape(self, statement: Any, compiled: Compiled) -> _Shape:
        shape = self._shapes.get(compiled)
        if shape is None:
            shape = self._shapes[compiled] = _shape_of(_resolved(statement), compiled)
        return shape


def seconds_of(ttl: float | None, default: float) -> float:
    """Return for how many seconds a value is kept.

    Raises:
        ConfigurationError: ``ttl`` is no number, none at all, or for ever.
    """
    return seconds("ttl", default if ttl is None else ttl, positive=True)


def names_of(tables: Iterable[TableLike]) -> frozenset[str]:
    """Return the names by which tables are told.

    Raises:
        ConfigurationError: One is neither a table nor a mapped class; or there is a text instead of a list.
    """
    if isinstance(tables, str):
        raise ConfigurationError(f"tables is a list of tables: [{tables!r}]")
    return frozenset(name for table in tables for name in _table_names(table))


def _table_names(table: TableLike) -> Iterable[str]:
    if isinstance(table, str | TableClause):
        return (table_name(table),)
    mapper = inspect(table, raiseerr=False) if isinstance(table, type) else None
    if mapper is None:
        raise ConfigurationError(f"a table is a name, a Table or a mapped class, not {table!r}")
    return map(table_name, mapper.tables)


def _is_query(state: ORMExecuteState) -> bool:
    if state.is_column_load or state.is_relationship_load or state.is_executemany:
        return False
    return state.is_select or state.is_from_statement or isinstance(state.statement, AbstractTextClause)


def _checked(policy: Any) -> CachePolicy:
    if not isinstance(policy, CachePolicy):
        raise ConfigurationError(
            f"the execution option cache is a CachePolicy, such as CachePolicy(ttl=60), not {policy!r}"
        )
    return policy


def _connection(session: Session, bind: Engine | Connection) -> Connection | None:
    # The one whose transaction the query would take part in; None where that would begin one.
    if isinstance(bind, Connection):
        return bind if bind.in_transaction() else None
    transaction = session.get_transaction()
    entry = None if transaction is None else transaction._connections.get(bind)
    return None if entry is None else entry[0]


def _schemas(state: ORMExecuteState, bind: Engine | Connection) -> Any:
    # In the order in which SQLAlchemy itself looks.
    name = "schema_translate_map"
    session, statement = state.session.execution_options, state.statement.get_execution_options()
    for options in (state.local_execution_options, session, bind.get_execution_options(), statement):
        if name in options:
            return options[name]
    return None


def _resolved(statement: Any) -> Any:
    # A lambda stands for the statement that it returns.
    return getattr(statement, "_resolved", statement)


def _shape_of(statement: Any, compiled: Compiled) -> _Shape:
    if any(effect_of_compiled(compiled)):
        raise NotSupportedError.of(
            "the cache", "a statement that writes or changes a setting", "run it without a CachePolicy"
        )
    described: Sequence[Any] = getattr(statement, "column_descriptions", ())
    attributes = tuple(selected["expr"] for selected in described)
    if statement.is_from_statement:
        raise NotSupportedError.of(
            "the cache", "objects of a statement that is given", "select the columns or the class itself"
        )
    sources = sources_of(statement, compiled.dialect)
    if sources.acts:
        raise NotSupportedError.of(
            "the cache", "a query that locks rows or draws from a sequence", "run it without a CachePolicy"
        )
    form = form_of(compiled, (selected["name"] for selected in described))
    hidden = sources.hidden or not sources.tables
    return _Shape(form, sources.tables, hidden, attributes, any(map(_is_object, attributes)))


def _is_object(selected: Any) -> bool:
    inspected = inspect(selected, raiseerr=False)
    is_entity = getattr(inspected, "is_mapper", False) or getattr(inspected, "is_aliased_class", False)
    return is_entity or isinstance(selected, Bundle)


def _tables(shape: _Shape, policy: CachePolicy) -> frozenset[str]:
    if policy.tables is not None:
        return shape.tables | names_of(policy.tables)
    if shape.hidden:
        raise ConfigurationError(
            "this query does not tell which tables it reads: name them, as in CachePolicy(tables=[Flight])"
        )
    return shape.tables


def _names(statement: Any, shape: _Shape) -> Sequence[tuple[Any, ...]]:
    columns = tuple(getattr(_resolved(statement), "selected_columns", ()))
    if len(columns) != len(shape.attributes):
        return [(column,) for column in columns]
    return list(zip(shape.attributes, columns, strict=True))


def _rows(state: ORMExecuteState) -> list[Any]:
    return _listed(state.invoke_statement())


def _listed(result: Result[Any]) -> list[Any]:
    # As plain text, because a name may be a quoted_name, a subclass of str that is not packed.
    return [list(map(str, result.keys())), list(map(list, result))]


def _result(names: Sequence[tuple[Any, ...]], kept: list[Any]) -> Result[Any]:
    keys, rows = kept
    metadata = SimpleResultMetaData(keys, extra=names if len(names) == len(keys) else None)
    return IteratorResult(metadata, map(tuple, rows))
