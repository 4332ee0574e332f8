"""What a query is at one moment: SQLAlchemy's statement, the names that it knows, and what its rows are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Executable, FromClause, Select, func, inspect, select
from sqlalchemy.orm import Mapper, aliased
from sqlalchemy.orm.util import AliasedInsp

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.core.session import current_session
from andamios_orm.queries.causes import Explained
from andamios_orm.queries.loading import Loading
from andamios_orm.queries.order import Order
from andamios_orm.queries.parameters import filled
from andamios_orm.queries.scope import Scope
from andamios_orm.queries.tuples import tuples

if TYPE_CHECKING:
    from sqlalchemy import CTE, Dialect, Result

    from andamios_orm.core import AsyncSession

__all__ = ["State", "check_name"]

S = TypeVar("S", bound=Executable)

_HIDDEN = "order_{}_"
"""Names of the columns that carry the order of a subquery to the query around it."""


@dataclass(frozen=True)
class State:
    """A query that goes on.

    Attributes:
        model: The model that it began with.
        base: The statement so far, without its order, limit and offset.
        scope: What names mean in it.
        session: Where it is executed; None for the current session of the task.
        columns: The names of its columns, where its rows are not objects alone.
        with_object: Whether the first column is an object.
        grouped: Whether its rows are groups.
        distinct: Whether equal rows count once, or those with equal values in some columns.
        chosen: Whether it is the latter.
        unique: Whether each object occurs once at most.
        narrowed: Whether a condition or a choice of some rows says which objects are meant.
        keys: Names of what makes up a group.
        loads: Options that load what belongs to its objects.
        aggregates: Names of what was computed of groups.
        windows: Names of what was computed over windows.
        orders: What it is ordered by.
        limit: How many rows it has at most.
        offset: How many rows are left out at its beginning.
        parameters: Values of its named parameters.
        ctes: The common table expressions that it may join, by name.
    """

    model: type[Any]
    base: Select[Any]
    scope: Scope
    session: AsyncSession | None = None
    columns: tuple[str, ...] = ()
    with_object: bool = True
    grouped: bool = False
    distinct: bool = False
    chosen: bool = False
    unique: bool = True
    narrowed: bool = False
    keys: tuple[str, ...] = ()
    loads: tuple[Any, ...] = ()
    aggregates: frozenset[str] = frozenset()
    windows: frozenset[str] = frozenset()
    orders: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0
    parameters: Mapping[str, Any] | None = None
    ctes: Mapping[str, CTE] | None = None

    @classmethod
    def of(cls, model: Any, session: AsyncSession | None) -> State:
        """Return the query for all objects of a model.

        Raises:
            ConfigurationError: It is no mapped class.
        """
        inspected: Any = inspect(model, raiseerr=False)
        if not isinstance(inspected, Mapper | AliasedInsp):
            raise ConfigurationError(f"a query is about a mapped class, not {model!r}")
        kept = inspected.class_manager.info if isinstance(inspected, Mapper) else {}
        known: _First | None = kept.get(_FIRST)
        if known is None or known.rows is not inspected.selectable:
            entity = inspected.entity
            state = cls(inspected.mapper.class_, select(entity).select_from(entity), Scope(entity))
            kept[_FIRST] = known = _First(inspected.selectable, state)
        return known.state if session is None else known.state.changed(session=session)

    @cached_property
    def statement(self) -> Select[Any]:
        """The whole statement."""
        found = self.unlimited
        found = found if self.limit is None else found.limit(self.limit)
        return found.offset(self.offset) if self.offset else found

    @property
    def bound(self) -> Select[Any]:
        """The whole statement with the values of its parameters, for whoever is given nothing beside it."""
        return filled(self.statement, self.parameters)

    @property
    def unlimited(self) -> Select[Any]:
        """The statement with its order, and without limit and offset."""
        found = self.base.options(*self._options()) if self.loads and self.with_object else self.base
        return found.order_by(*(order.clause for order in self.orders)) if self.orders else found

    def _options(self) -> list[Any]:
        # Those that name relationships are about whatever stands for the objects now.
        return [each.option(self.scope.entity) if isinstance(each, Loading) else each for each in self.loads]

    @property
    def closed(self) -> bool:
        """Whether it has a limit or an offset."""
        return self.limit is not None or self.offset > 0

    @property
    def tells_rows_apart(self) -> bool:
        """Whether no two of its rows are equal, as what they show."""
        is_set = self.distinct and not self.chosen
        return (
            is_set
            or (self.with_object and self.unique)
            or (self.grouped and set(self.keys) <= set(self.columns))
        )

    @property
    def joins_loads(self) -> bool:
        """Whether what belongs to an object comes in further rows, to be made one."""
        joins = any(not isinstance(each, Loading) or each.joins for each in self.loads)
        if self.with_object and joins and not self.unique:
            raise ConfigurationError(
                "rows in which an object occurs several times cannot join what belongs to it: use "
                "selectinload()"
            )
        return self.with_object and joins

    @property
    def only_objects(self) -> bool:
        """Whether its rows are objects and nothing else."""
        return self.with_object and not self.columns

    @property
    def dialect(self) -> Dialect:
        """The dialect of the database.

        Raises:
            NoCurrentSessionError: No session was given, and the task has none.
        """
        return self.executed_by().get_bind(inspect(self.model)).dialect

    def executed_by(self) -> AsyncSession:
        """Return the session.

        Raises:
            NoCurrentSessionError: None was given, and the task has none.
        """
        return self.session or current_session()

    async def execute(self, statement: Any = None) -> Result[Any]:
        """Execute a statement that was made of this one, or this one."""
        sent = self.statement if statement is None else statement
        with self.explained(sent):
            result: Result[Any] = await self.executed_by().execute(sent, self.parameters)
        return result

    async def tuples(self) -> Sequence[Sequence[Any]]:
        """Return its rows, which are no objects, as sequences of values."""
        with self.explained(self.statement):
            return await self.executed_by().run_sync(tuples, self.statement, self.parameters)

    def explained(self, statement: Any) -> Explained:
        """Return what is entered around the execution of a statement that was made of this one."""
        return Explained(statement, self)

    def counting(self) -> Select[Any]:
        """Return the statement that counts its rows."""
        rows = (self.statement if self.closed else self.base).subquery()
        return self.about(select(func.count()).select_from(rows))

    def without_parameters(self) -> State:
        """Return the query with the values of its parameters in it, to be a part of another."""
        return self.changed(base=filled(self.base, self.parameters), parameters=None)

    def about(self, statement: S) -> S:
        """Return a statement that this one is a part of, with its execution options."""
        return statement.execution_options(**self.base.get_execution_options())

    def changed(self, **values: Any) -> State:
        """Return the query with other values for some attributes."""
        # As dataclasses.replace() does, in a third of the time: it happens at each call of a builder.
        other = object.__new__(State)
        vars(other).update(vars(self))
        if not values.keys() <= _BESIDE:
            vars(other).pop("statement", None)
        vars(other).update(values)
        return other

    def continued(self, scope: Scope, base: Select[Any], **changes: Any) -> State:
        """Return the query with a changed statement, and the joins that its names need."""
        return self.changed(scope=scope, base=scope.join_to(base), **changes)

    def computing(self, name: str, expression: ColumnElement[Any], scope: Scope) -> State:
        """Return the query with one more column.

        Raises:
            ConfigurationError: A column or a field of the objects has that name.
        """
        taken = scope.names() | scope.column_names() if self.with_object else set()
        if name in self.columns or name in taken:
            raise ConfigurationError(f"{name!r} is there already: give what is computed another name")
        check_name(name)
        scope.computed[name] = expression
        base = self.base.add_columns(expression.label(name))
        return self.continued(scope, base, columns=(*self.columns, name))

    def selecting(self, fields: Mapping[str, ColumnElement[Any]], scope: Scope) -> State:
        """Return the query with these columns in place of what it selects."""
        for name in fields:
            check_name(name)
        scope.computed.update(fields)
        base = self.base.with_only_columns(*(value.label(name) for name, value in fields.items()))
        return self.continued(scope, base, columns=tuple(fields), with_object=False)

    def selecting_fields(self) -> State:
        """Return the query with the fields of its objects as columns, and what it has computed."""
        scope = self.scope.copy()
        fields = {name: scope.value(name) for name in scope.mapper.column_attrs.keys()}  # noqa: SIM118 # SQLAlchemy's collection iterates over values
        return self.selecting(fields | {name: scope.computed[name] for name in self.columns}, scope)

    def fields(self, names: Iterable[str]) -> State:
        """Return the query with some fields as columns, or with all of them where none is named."""
        wanted = list(names)
        if len(set(wanted)) < len(wanted):
            raise ConfigurationError(f"each field is named once, not {', '.join(wanted)}")
        if wanted:
            # Rows that are distinct stay so, whatever is asked of them.
            state = self.nested() if self.distinct and not self.chosen else self
            scope = state.scope.copy()
            return state.selecting({name: scope.value(name) for name in wanted}, scope)
        return self.selecting_fields() if self.with_object else self

    def open(self) -> State:
        """Return the query, to which more can be added.

        Raises:
            ConfigurationError: It has a limit or an offset.
        """
        if self.closed:
            raise ConfigurationError(
                "this query has a limit: put what you add before limit() and offset(), or behind "
                "nested(), where it is about the rows that are left"
            )
        return self

    def nested(self) -> State:
        """Return a query about the rows of this one, in its order."""
        return self.nested_with({})[0]

    def nested_with(self, values: Mapping[str, ColumnElement[Any]]) -> tuple[State, dict[str, Any]]:
        """Return a query about the rows of this one, and further values of these, not among its columns."""
        # Of distinct rows, what they are ordered by is a part of them, and another column would change them.
        is_whole = self.distinct and not self.chosen
        named = {_HIDDEN.format(number): order for number, order in enumerate(self.orders)}
        carried = {} if is_whole else named
        hidden = {name: order.expression for name, order in carried.items()} | dict(values)
        selected = (expression.label(name) for name, expression in hidden.items())
        inner = self.changed(base=self.base.add_columns(*selected))
        rows = inner._as_rows()
        outer = self.over(rows)
        orders = [replace(order, expression=rows.c[name]) for name, order in carried.items()]
        if is_whole:
            orders = [replace(order, expression=self._in(outer, order.expression)) for order in self.orders]
        return outer.changed(orders=tuple(orders)), {name: rows.c[name] for name in values}

    def _as_rows(self) -> FromClause:
        if not self.closed:
            return (self.statement if self.distinct else self.base).subquery()
        # DuckDB 1.5.5 lets a join around a subquery filter the rows that the limit in it is counted over.
        return self.statement.cte(nesting=True).prefix_with("MATERIALIZED", dialect="duckdb")

    def _in(self, outer: State, expression: ColumnElement[Any]) -> ColumnElement[Any]:
        # What a part of a row is in a query around this one.
        for name in self.columns:
            if self.scope.computed[name] is expression:
                return outer.scope.computed[name]
        adapted: ColumnElement[Any] = outer.scope.adapted(expression)
        return adapted

    def over(self, rows: FromClause) -> State:
        """Return a query about rows that have the columns of this one.

        Raises:
            ConfigurationError: Options of SQLAlchemy say how to load what belongs to its objects.
        """
        if not all(isinstance(each, Loading) for each in self.loads):
            raise ConfigurationError(
                "options of SQLAlchemy do not reach into a subquery, which this query becomes: use "
                "selectinload() and joinedload() of andamios_orm.queries, or give options at its end"
            )
        entity = aliased(self.model, rows) if self.with_object else None
        computed = {name: rows.c[name] for name in self.columns}
        selected: list[Any] = [*([entity] if self.with_object else []), *computed.values()]
        return State(
            self.model,
            self.about(select(*selected).select_from(rows)),
            Scope(
                entity,
                computed=computed,
                is_inside=self.with_object,
                include_deleted=self.scope.include_deleted,
            ),
            self.session,
            self.columns,
            self.with_object,
            unique=self.unique if self.with_object and self.columns else self.tells_rows_apart,
            narrowed=self.narrowed or self.closed or self.chosen,
            loads=self.loads,
            parameters=self.parameters,
            ctes=self.ctes,
        )


_BESIDE = frozenset({"parameters", "session"})
"""What a statement stays the same with."""

_FIRST = "andamios_orm.queries.first"
"""Where a mapped class keeps the query for all its objects, where every query begins."""


class _First(NamedTuple):
    rows: Any
    """What it selects from; a subclass that is mapped later may make that another."""
    state: State


def check_name(name: str) -> None:
    """Check that a column can be called so.

    Raises:
        ConfigurationError: The name is empty, or has a null byte.
    """
    if not name or "\0" in name:
        raise ConfigurationError(f"a column cannot be called {name!r}")
