"""What one statement does to references: the keys that it writes, and those that it takes away."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, select
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import BindParameter
from sqlalchemy.sql.selectable import AliasedReturnsRows

from andamios_orm.core.dml import compared, obstacle_in, unwrapped
from andamios_orm.core.integrity.references import constraints_to
from andamios_orm.core.keys import columns_in, equal, key_list, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import ClauseElement, Column, ForeignKeyConstraint

    from andamios_orm.core.dml import Write
    from andamios_orm.core.integrity.references import Reference
    from andamios_orm.core.keys import Key

__all__ = ["referrers", "removed_keys", "written_constraints", "written_keys"]


def written_constraints(write: Write) -> list[ForeignKeyConstraint]:
    """Return the foreign keys of the table that a statement gives values to."""
    if write.context.isdelete:
        return []
    constraints = write.table.foreign_key_constraints
    return [constraint for constraint in constraints if any(map(write.sets, constraint.columns))]


def written_keys(write: Write, constraint: ForeignKeyConstraint) -> set[Key] | None:
    """Return the keys that rows get; None where the database makes a part of them."""
    if write.context.isinsert and not all(map(write.sets, constraint.columns)):
        return set()
    names = [_parameter(write, column) for column in constraint.columns]
    known = [name for name in names if name is not None]
    try:
        keys = _values(known, write.context.compiled_parameters)
    except TypeError:
        # A value that is not hashable cannot be a member of a set.
        return None
    return None if keys and len(known) < len(names) else keys


def referrers(write: Write) -> Sequence[ForeignKeyConstraint]:
    """Return the foreign keys whose parents a statement removes, or gives other keys."""
    if write.context.isdelete:
        return constraints_to(write.table)
    if write.context.isinsert and not (write.conflict_values() or write.statement._prefixes):
        return []
    return [
        constraint
        for constraint in constraints_to(write.table)
        if any(_changes(write, element.column) for element in constraint.elements)
    ]


def removed_keys(write: Write, reference: Reference) -> Iterator[tuple[Select[Any], dict[str, Any]]]:
    """Return queries, and their parameters, for the keys that a statement may remove and rows refer to.

    They tell the keys in the engine's words.
    """
    statement = unwrapped(write.context.invoked_statement)
    aliased = isinstance(statement.table, AliasedReturnsRows)
    table, criteria = statement.table if aliased else write.table, statement._where_criteria
    query = select(*words(columns_in(table, reference.referred))).distinct()
    query = query.where(reference.referred_by(table))
    rows, names = write.context.compiled_parameters, _parameter_names(criteria)
    if obstacle_in(criteria) is not None or not names <= rows[0].keys():
        # The keys of all rows that are referred to are noted: those that are still there afterwards do not
        # count. It is so too where a parameter holds a list, because the list is not known any more.
        yield query, {}
        return
    if len(rows) > 1 and (by_column := _compared_rows(criteria)) is not None:
        values = [tuple(row[name] for name in by_column.values()) for row in rows]
        listed = key_list(list(by_column), values, write.context.dialect)
        yield query.where(equal(by_column, listed.c)), {}
        return
    for row in rows:
        yield query.where(*criteria), {name: row[name] for name in names}


def _compared_rows(criteria: Iterable[Any]) -> dict[Column[Any], str] | None:
    # The columns, and the names of the parameters that each row of parameters gives for them.
    found = compared(criteria)
    if found is None or not all(_is_of_its_row(*pair) for pair in found.items()):
        return None
    return {column: parameter.key for column, parameter in found.items()}


def _is_of_its_row(column: Column[Any], parameter: BindParameter[Any]) -> bool:
    # A parameter of another type may be sent as something else than the column would make of its value.
    return not parameter.unique and parameter.type is column.type


def _changes(write: Write, column: Column[Any]) -> bool:
    if write.context.isinsert:
        return bool(write.statement._prefixes) or column.key in write.conflict_values()
    return write.sets(column)


def _parameter(write: Write, column: Column[Any]) -> str | None:
    # The parameter that is the value of the column in each row, whether it is inserted or updated.
    updated = write.conflict_values().get(column.key)
    return write.parameter(column) if updated is None or _is_excluded(updated, column) else None


def _is_excluded(value: Any, column: Column[Any]) -> bool:
    # Whether it is the value that the row would have been inserted with.
    table = getattr(value, "table", None)
    return getattr(table, "name", None) == "excluded" and value.key == column.key


def _values(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> set[Key]:
    if not names:
        # No value is known, but rows are written: a key without values stands for them.
        return {()}
    found = set(map(itemgetter(*names), rows))
    if len(names) == 1:
        return set(zip(found - {None}, strict=True))
    return {key for key in found if None not in key}


def _parameter_names(criteria: Iterable[ClauseElement]) -> set[str]:
    # The names that the user gave; SQLAlchemy's own parameters bring their values along.
    return {
        element.key
        for criterion in criteria
        for element in visitors.iterate(criterion)
        if isinstance(element, BindParameter) and not element.unique
    }
