"""What SQLAlchemy has compiled that writes: an INSERT, UPDATE or DELETE, its table, what it sets, its WHERE.

It is for those who look at statements before they are sent, such as the checks of foreign keys. SQL text is
not looked into.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Column, Table, TextClause
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import BinaryExpression, BindParameter, BooleanClauseList
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.selectable import AliasedReturnsRows, GenerativeSelect

from andamios_orm.core.dialect.bulk import BulkRows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import ClauseElement
    from sqlalchemy.engine import Compiled, ExecutionContext

__all__ = [
    "ALL_ROWS",
    "Obstacle",
    "Write",
    "bulk_table",
    "compared",
    "conflict_clause",
    "hidden_tables",
    "obstacle_in",
    "table_of",
    "unwrapped",
    "with_conflict_clause",
]

ALL_ROWS = "andamios_orm_all_rows"
"""The execution option of statements whose criteria, subqueries included, nothing is to be added to.

What looks after the rows that others write has to see each of them, whatever is hidden from users.
"""

Obstacle = Literal["text", "limit", "volatile"]
"""What keeps a query from finding the rows that a statement with the same WHERE will find."""

_VOLATILE = frozenset({"gen_random_uuid", "nextval", "random", "uuid", "uuidv4", "uuidv7"})
"""Functions that return another value each time."""


class Write(NamedTuple):
    """An INSERT, UPDATE or DELETE that is about to be sent."""

    context: Any
    """SQLAlchemy's ``ExecutionContext``, which has the parameters."""
    statement: Any
    """As SQLAlchemy compiled it, with what the ORM added, and without values."""
    table: Table

    @classmethod
    def of(cls, context: ExecutionContext) -> Write | None:
        """Return what an execution writes; None where its table is no more than a name."""
        compiled: Any = context.compiled
        statement = compiled.dml_compile_state.statement
        table = table_of(statement.table)
        return None if table is None else cls(context, statement, table)

    @property
    def criteria(self) -> Sequence[Any]:
        """The parts of its WHERE, all of which a row has to meet."""
        criteria: Sequence[Any] = self.statement._where_criteria
        return criteria

    def parameter(self, column: Column[Any]) -> str | None:
        """Return the name of the parameter that gives ``column`` its value; None where none does."""
        parameter = self.context.compiled.binds.get(column.key)
        return column.key if parameter is not None and parameter._is_crud else None

    def sets(self, column: Column[Any]) -> bool:
        """Tell whether it gives ``column`` a value, be it a parameter, an expression or a default."""
        if self.parameter(column) is not None or column.key in self.conflict_values():
            return True
        given = self.context.compiled.dml_compile_state._dict_parameters or ()
        if any(column.key == _name(key) for key in given):
            return True
        made = (
            (column.default, column.server_default)
            if self.context.isinsert
            else (column.onupdate, column.server_onupdate)
        )
        return any(value is not None for value in made)

    def conflict_values(self) -> dict[str, Any]:
        """Return what an ``ON CONFLICT DO UPDATE`` sets in rows that are there already, by column."""
        clause = conflict_clause(self.statement)
        return {_name(key): value for key, value in getattr(clause, "update_values_to_set", {}).items()}


def table_of(target: Any) -> Table | None:
    """Return the table that a statement writes to, without its aliases; None for no more than a name."""
    while isinstance(target, AliasedReturnsRows):
        target = target.element
    return target if isinstance(target, Table) else None


def conflict_clause(statement: Any) -> Any:
    """Return the ``ON CONFLICT`` or ``ON DUPLICATE KEY UPDATE`` of an INSERT; None where there is none.

    SQLAlchemy has no public name for it.
    """
    return getattr(statement, "_post_values_clause", None)


def with_conflict_clause(statement: Any, clause: Any) -> Any:
    """Return a copy of an INSERT that has this ``ON CONFLICT`` or ``ON DUPLICATE KEY UPDATE``."""
    copy = statement._clone()
    copy._post_values_clause = clause
    return copy


def bulk_table(parameters: Any) -> Table | None:
    """Return the table of a statement that sends its rows the columnar way; None for other parameters.

    `bulk_insert` compiles no statement; a flush, ``insert()``, ``update()`` and ``delete()`` do.
    """
    return parameters.plan.table if isinstance(parameters, BulkRows) else None


def hidden_tables(compiled: Any) -> Sequence[Table]:
    """Return the tables that a statement writes to in its CTEs."""
    if getattr(compiled, "ctes", None) is None:
        return ()
    found = _hidden.get(compiled)
    if found is None:
        found = _hidden[compiled] = list(_written_inside(unwrapped(compiled.statement)))
    return found


def unwrapped(statement: Any) -> Any:
    """Return a statement without what SQLAlchemy may put around it.

    That is a lambda, or the SELECT that makes objects of its RETURNING clause.
    """
    statement = getattr(statement, "_resolved", statement)
    return getattr(statement, "element", statement)


def compared(criteria: Iterable[Any]) -> dict[Column[Any], BindParameter[Any]] | None:
    """Return the columns of a WHERE and the parameters that they equal, if that is all there is in it.

    It is so in a flush. None for any other WHERE, also for one that compares a column twice.
    """
    found: dict[Column[Any], BindParameter[Any]] = {}
    for part in _parts(criteria):
        if not _compares(part) or part.left in found:
            return None
        found[part.left] = part.right
    return found


def obstacle_in(criteria: Iterable[ClauseElement]) -> Obstacle | None:
    """Return what keeps a query with these criteria from finding the rows that the statement will find.

    None where nothing does.
    """
    for criterion in criteria:
        for element in visitors.iterate(criterion):
            found = _obstacle(element)
            if found is not None:
                return found
    return None


_hidden: WeakKeyDictionary[Compiled, Sequence[Table]] = WeakKeyDictionary()


def _written_inside(whole: Any) -> Iterator[Table]:
    for element in visitors.iterate(whole):
        if getattr(element, "is_dml", False) and element is not whole:
            table = table_of(element.table)  # type: ignore[attr-defined] # what writes has one
            if table is not None:
                yield table


def _name(key: Any) -> str:
    # The values of a statement are given under the names of columns, or under the columns themselves.
    return key if isinstance(key, str) else str(key.key)


def _parts(criteria: Iterable[Any]) -> Iterator[Any]:
    for part in criteria:
        if isinstance(part, BooleanClauseList) and part.operator is operators.and_:
            yield from _parts(part.clauses)
        else:
            yield part


def _compares(part: Any) -> bool:
    return (
        isinstance(part, BinaryExpression)
        and part.operator is operators.eq
        and isinstance(part.left, Column)
        and isinstance(part.right, BindParameter)
    )


def _obstacle(element: Any) -> Obstacle | None:
    if isinstance(element, TextClause):
        return "text"
    if isinstance(element, FunctionElement) and element.name.lower() in _VOLATILE:
        return "volatile"
    if isinstance(element, GenerativeSelect) and element._has_row_limiting_clause:
        return "limit"
    return None
