"""The endings of a query that write: they change or delete its rows, or add those of another query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ClauseElement,
    Column,
    ColumnElement,
    delete,
    insert,
    inspect,
    literal,
    select,
    tuple_,
    type_coerce,
    update,
)
from sqlalchemy.orm import Mapper

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries.errors import UnknownNameError
from andamios_orm.queries.resolving import value_of
from andamios_orm.queries.scope import Scope
from andamios_orm.queries.state import State

if TYPE_CHECKING:
    from andamios_orm.queries.builder import QueryBuilder

__all__ = ["Writing"]


class Writing:
    """Endings that write, each by one statement; what models do at writes happens."""

    _state: State

    async def update(self, /, *, all_rows: bool = False, **values: Any) -> int:
        """Change the objects of the query; return how many they are.

        Objects that the session holds are changed too.

        Args:
            all_rows: Says that a query without any condition is meant.
            values: New values by attribute; expressions such as ``F("dep_delay") + 1`` are computed of the
                values before.

        Raises:
            ConfigurationError: There is no condition and no ``all_rows``, nothing to change, or the rows are
                no objects.
            UnknownNameError: The model has no such attribute.
        """
        state = self._narrowed(all_rows=all_rows)
        _refuse_unknown(state.scope.mapper, values)
        if not values:
            raise ConfigurationError("update() takes the new values: update(dep_delay=0)")
        written = _written(state.scope.mapper, values)
        scope = Scope(state.model)
        changes = {name: value_of(value, scope) for name, value in values.items()}
        if scope.joined:
            raise ConfigurationError("update() computes new values of the row itself, not of related ones")
        changed = await _count(
            state, update(written).where(*_criteria(state, written)).values(_opaque(changes))
        )
        if any(isinstance(value, ClauseElement) for value in changes.values()):
            await _read_again(state)
        return changed

    async def delete(self, *, all_rows: bool = False) -> int:
        """Delete the objects of the query, or mark them where their model does so; return how many they are.

        Args:
            all_rows: Says that a query without any condition is meant.

        Raises:
            ConfigurationError: There is no condition and no ``all_rows``, or the rows are no objects.
        """
        state = self._narrowed(all_rows=all_rows)
        tables = {table for each in state.scope.mapper.self_and_descendants for table in each.tables}
        if len(tables) > 1:
            raise ConfigurationError(
                f"{_kept_in(tables, state.model)} deletes from one: read the objects, and delete each with "
                "session.delete()"
            )
        return await _count(state, delete(state.model).where(*_criteria(state, state.model)))

    async def insert_from(self, query: QueryBuilder[Any]) -> int:
        """Add the rows of another query, whose columns are called after attributes; return how many they are.

        Args:
            query: The query; with objects, all their fields.

        Raises:
            ConfigurationError: Something narrows this query, which only says where the rows go.
            UnknownNameError: A column is no attribute of the model.
        """
        state, rows = self._state, _stored(query._state)
        if state.closed or not state.only_objects or state.base.whereclause is not None:
            raise ConfigurationError("insert_from() adds to a model: QueryBuilder(Model).insert_from(query)")
        mapper = state.scope.mapper
        _refuse_unknown(mapper, rows.columns)
        if len(mapper.tables) > 1:
            raise ConfigurationError(
                f"{_kept_in(mapper.tables, state.model)} adds to one: add objects to the session"
            )
        columns = [mapper.column_attrs[name].columns[0].name for name in rows.columns]
        selected = rows.bound
        kind: Any = mapper.polymorphic_on
        if kind is not None and kind.name not in columns:
            columns.append(kind.name)
            selected = selected.add_columns(literal(mapper.polymorphic_identity, kind.type))
        # What is softly deleted is a matter of the rows that are read.
        statement = rows.about(insert(state.model).from_select(columns, selected))
        result: Any = await state.execute(statement)
        return int(result.rowcount)

    def _narrowed(self, *, all_rows: bool) -> State:
        state = self._state
        if not state.only_objects:
            raise ConfigurationError(
                "the rows of this query are no objects, which could be changed or deleted"
            )
        if state.parameters:
            raise ConfigurationError(
                "a frozen query reads: build one with filter() to change or delete its objects"
            )
        if not (all_rows or state.narrowed or state.closed or state.chosen):
            raise ConfigurationError(
                "this is about every row: narrow the query with filter(), or say all_rows=True"
            )
        return state


def _stored_names(mapper: Mapper[Any]) -> list[str]:
    # Others are computed when rows are read.
    return [each.key for each in mapper.column_attrs if isinstance(each.columns[0], Column)]


def _stored(state: State) -> State:
    return state.fields(_stored_names(state.scope.mapper) if state.only_objects else ())


def _refuse_unknown(mapper: Mapper[Any], names: Iterable[str]) -> None:
    known = _stored_names(mapper)
    for name in names:
        if name not in known:
            raise UnknownNameError(name, f"column of {mapper.class_.__name__}", known)


def _kept_in(tables: Iterable[Any], model: type[Any]) -> str:
    names = ", ".join(sorted(table.name for table in tables))
    return f"the rows of {model.__name__} are kept in the tables {names}, and one statement"


def _written(mapper: Mapper[Any], names: Iterable[str]) -> type[Any]:
    # The class in whose own table all these are; that of a subclass begins with the key of its parent's.
    by_table: dict[Any, str] = {mapper.column_attrs[name].columns[0].table: name for name in names}
    if len(by_table) > 1:
        kept = ", ".join(f"{name} in {table.name}" for table, name in by_table.items())
        raise ConfigurationError(f"one statement changes one table, and there is {kept}: change them in turn")
    owners = (each.class_ for each in mapper.iterate_to_root() if each.local_table in by_table)
    return next(owners, mapper.class_)


def _criteria(state: State, written: type[Any]) -> list[Any]:
    if (
        not state.closed
        and not state.distinct
        and state.scope.entity is written
        and len(state.scope.mapper.tables) == 1
        and not state.base._setup_joins
    ):
        return list(state.base._where_criteria)
    found = state.statement.with_only_columns(*state.scope.key_columns())
    mine = [getattr(written, name) for name in Scope(written).key_names()]
    return [mine[0].in_(found) if len(mine) == 1 else tuple_(*mine).in_(found)]


def _opaque(changes: Mapping[str, Any]) -> dict[str, Any]:
    # SQLAlchemy would compute in Python what it can, and Python divides and rounds in other ways.
    return {
        name: type_coerce(value, value.type) if isinstance(value, ColumnElement) else value
        for name, value in changes.items()
    }


async def _read_again(state: State) -> None:
    # Objects of the session whose new values only the database knows.
    session = state.executed_by()
    held = [each for each in session.sync_session.identity_map.values() if isinstance(each, state.model)]
    stale = [inspect(each).identity for each in held if inspect(each).expired_attributes]
    if stale:
        keys = [getattr(state.model, name) for name in state.scope.key_names()]
        found = tuple_(*keys).in_(stale) if len(keys) > 1 else keys[0].in_([key for (key,) in stale])
        # Objects that are found get what they lack, and keep what was set and not yet written.
        query = select(state.model).where(found).execution_options(include_deleted=True)
        (await session.execute(query)).scalars().all()


async def _count(state: State, statement: Any) -> int:
    held = state.executed_by().sync_session.identity_map.values()
    # To find the objects that are meant takes a statement, unless the database returns their keys.
    concerned = any(isinstance(each, state.model) for each in held)
    options = {"synchronize_session": "fetch" if concerned else False}
    result: Any = await state.execute(state.about(statement).execution_options(**options))
    return int(result.rowcount)
