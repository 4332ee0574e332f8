"""What one statement does to references: the keys that it writes, and those that it takes away.

Known is what SQLAlchemy compiled; text is not looked into.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Column, ForeignKeyConstraint, Select, Table, TextClause, select
from sqlalchemy.dialects.postgresql.dml import OnConflictDoUpdate
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import BinaryExpression, BindParameter, BooleanClauseList
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.selectable import AliasedReturnsRows, GenerativeSelect

from andamios_orm.core.integrity.references import (
    Key,
    Reference,
    columns_in,
    constraints_to,
    equal,
    key_list,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import ClauseElement
    from sqlalchemy.engine import Compiled, ExecutionContext

__all__ = ["Write", "hidden_tables"]

_VOLATILE = frozenset({"gen_random_uuid", "nextval", "random", "uuid", "uuidv4", "uuidv7"})
"""Functions that tell something else each time."""


class Write(NamedTuple):
    """An INSERT, UPDATE or DELETE that is about to be sent."""

    context: Any
    statement: Any
    """As SQLAlchemy compiled it, values left out."""
    table: Table

    @classmethod
    def of(cls, context: ExecutionContext) -> Write | None:
        """Return what an execution writes; None where the table is no more than a name."""
        compiled: Any = context.compiled
        statement = compiled.dml_compile_state.statement
        table = _table(statement.table)
        return None if table is None else cls(context, statement, table)

    def constraints(self) -> list[ForeignKeyConstraint]:
        """Return the foreign keys of the table that the statement gives values to."""
        if self.context.isdelete:
            return []
        constraints = self.table.foreign_key_constraints
        return [constraint for constraint in constraints if any(map(self._sets, constraint.columns))]

    def keys(self, constraint: ForeignKeyConstraint) -> set[Key] | None:
        """Return the keys that rows get; None where the database makes a part of them."""
        if self.context.isinsert and not all(map(self._sets, constraint.columns)):
            return set()
        names = [self._parameter(column) for column in constraint.columns]
        known = [name for name in names if name is not None]
        try:
            keys = _values(known, self.context.compiled_parameters)
        except TypeError:
            # Not hashable, and so not to be collected.
            return None
        return None if keys and len(known) < len(names) else keys

    def referrers(self) -> Sequence[ForeignKeyConstraint]:
        """Return the foreign keys whose parents the statement removes, or gives other keys."""
        if self.context.isdelete:
            return constraints_to(self.table)
        if self.context.isinsert and not (self._updated() or self.statement._prefixes):
            return []
        return [
            constraint
            for constraint in constraints_to(self.table)
            if any(self._changes(element.column) for element in constraint.elements)
        ]

    def removed(self, reference: Reference) -> Iterator[tuple[Select[Any], dict[str, Any]]]:
        """Return queries, and their parameters, for the keys that it may remove and that rows refer to.

        They tell the keys in the engine's words.
        """
        statement = _plain(self.context.invoked_statement)
        aliased = isinstance(statement.table, AliasedReturnsRows)
        table, criteria = statement.table if aliased else self.table, statement._where_criteria
        query = select(*words(columns_in(table, reference.referred))).distinct()
        query = query.where(reference.referred_by(table))
        rows, names = self.context.compiled_parameters, _parameter_names(criteria)
        if not _repeats(criteria) or not names <= rows[0].keys():
            # All that are referred to: those that are still there afterwards do not count. Of a parameter
            # that holds a list, the list is not known any more.
            yield query, {}
            return
        compared = _compared(criteria)
        if len(rows) > 1 and compared is not None:
            values = [tuple(row[name] for name in compared.values()) for row in rows]
            listed = key_list(list(compared), values, self.context.dialect)
            yield query.where(equal(compared, listed.c)), {}
            return
        for row in rows:
            yield query.where(*criteria), {name: row[name] for name in names}

    def _changes(self, column: Column[Any]) -> bool:
        if self.context.isinsert:
            return bool(self.statement._prefixes) or column.key in self._updated()
        return self._sets(column)

    def _sets(self, column: Column[Any]) -> bool:
        if self._parameter(column) is not None or column.key in self._updated():
            return True
        given = self.context.compiled.dml_compile_state._dict_parameters or ()
        if any(column.key == (name if isinstance(name, str) else name.key) for name in given):
            return True
        made = (
            (column.default, column.server_default)
            if self.context.isinsert
            else (column.onupdate, column.server_onupdate)
        )
        return any(value is not None for value in made)

    def _parameter(self, column: Column[Any]) -> str | None:
        # The parameter that is the column's value in each row.
        parameter = self.context.compiled.binds.get(column.key)
        updated = self._updated().get(column.key)
        if parameter is None or not parameter._is_crud:
            return None
        return column.key if updated is None or _is_excluded(updated, column) else None

    def _updated(self) -> dict[str, Any]:
        # What an INSERT sets in rows that are there already.
        clause = getattr(self.statement, "_post_values_clause", None)
        if not isinstance(clause, OnConflictDoUpdate):
            return {}
        return {
            name if isinstance(name, str) else name.key: value
            for name, value in clause.update_values_to_set.items()
        }


def hidden_tables(compiled: Any) -> Sequence[Table]:
    """Return the tables that a statement writes to in its CTEs."""
    if getattr(compiled, "ctes", None) is None:
        return ()
    found = _hidden.get(compiled)
    if found is None:
        found = _hidden[compiled] = list(_written_inside(_plain(compiled.statement)))
    return found


_hidden: WeakKeyDictionary[Compiled, Sequence[Table]] = WeakKeyDictionary()


def _written_inside(whole: Any) -> Iterator[Table]:
    for element in visitors.iterate(whole):
        if getattr(element, "is_dml", False) and element is not whole:
            table = _table(element.table)  # type: ignore[attr-defined] # what writes has one
            if table is not None:
                yield table


def _plain(statement: Any) -> Any:
    # Without what SQLAlchemy may wrap it in: a lambda, or the SELECT of objects from a RETURNING clause.
    statement = getattr(statement, "_resolved", statement)
    return getattr(statement, "element", statement)


def _table(target: Any) -> Table | None:
    while isinstance(target, AliasedReturnsRows):
        target = target.element
    return target if isinstance(target, Table) else None


def _values(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> set[Key]:
    if not names:
        # Of which nothing is known.
        return {()}
    found = set(map(itemgetter(*names), rows))
    if len(names) == 1:
        return set(zip(found - {None}, strict=True))
    return {key for key in found if None not in key}


def _is_excluded(value: Any, column: Column[Any]) -> bool:
    # Whether it is the value that the row would have been inserted with.
    table = getattr(value, "table", None)
    return getattr(table, "name", None) == "excluded" and value.key == column.key


def _repeats(criteria: Iterable[ClauseElement]) -> bool:
    # Whether a query with these criteria finds the rows that the statement will.
    return not any(
        isinstance(element, TextClause)
        or (isinstance(element, FunctionElement) and element.name.lower() in _VOLATILE)
        or (isinstance(element, GenerativeSelect) and element._has_row_limiting_clause)
        for criterion in criteria
        for element in visitors.iterate(criterion)
    )


def _compared(criteria: Iterable[Any]) -> dict[Column[Any], str] | None:
    # The columns and the parameters that they are compared with, if that is all there is, as in a flush.
    compared: dict[Column[Any], str] = {}
    remaining = list(criteria)
    while remaining:
        part = remaining.pop()
        if isinstance(part, BooleanClauseList) and part.operator is operators.and_:
            remaining += part.clauses
        elif _compares(part):
            compared[part.left] = part.right.key
        else:
            return None
    return compared


def _compares(part: Any) -> bool:
    return (
        isinstance(part, BinaryExpression)
        and part.operator is operators.eq
        and isinstance(part.left, Column)
        and isinstance(part.right, BindParameter)
        and not part.right.unique
        # Of another type, what it is compared with is not what the column makes of it.
        and part.right.type is part.left.type
    )


def _parameter_names(criteria: Iterable[ClauseElement]) -> set[str]:
    # Those that the user named; the others bring their values along.
    return {
        element.key
        for criterion in criteria
        for element in visitors.iterate(criterion)
        if isinstance(element, BindParameter) and not element.unique
    }
