"""Which rows the WHERE of an UPDATE or DELETE finds: by its parameters, or by a query of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import BindParameter, Column, ColumnClause, and_, bindparam, select, true
from sqlalchemy.orm.util import LoaderCriteriaOption
from sqlalchemy.sql import visitors
from sqlalchemy.sql.selectable import ReturnsRows

from andamios_orm.core.dml import Obstacle, Write, compared, obstacle_in, unwrapped
from andamios_orm.core.errors import NotSupportedError
from andamios_orm.core.keys import Key, columns_in
from andamios_orm.models.history.found import FoundRows
from andamios_orm.models.history.tables import key_columns

__all__ = ["finds_the_same_afterwards", "found_rows", "named_keys", "refused"]

_REFUSED: dict[Obstacle, tuple[str, str]] = {
    "text": (
        "a WHERE with SQL text",
        "write it with columns, or select the keys first and name them in the WHERE",
    ),
    "limit": (
        "a WHERE with a LIMIT, which may find other rows each time",
        "select the keys first and name them in the WHERE",
    ),
    "volatile": (
        "a WHERE with a function such as random(), which finds other rows each time",
        "select the keys first and name them in the WHERE",
    ),
}
"""What is refused of a WHERE, and what to do instead."""


def named_keys(write: Write, keys: Sequence[Column[Any]], *, flushing: bool) -> list[Key] | None:
    """Return the keys that the rows are found by, for each set of parameters; None where it is otherwise.

    What a flush compares beside the key, such as a version, has to be true of its rows, or the flush fails.
    """
    found = compared(write.criteria)
    if found is None or not found.keys() >= set(keys):
        return None
    if len(found) > len(keys) and not flushing:
        return None
    names = write.context.compiled.bind_names
    rows = write.context.compiled_parameters
    return [tuple(row[names[found[column]]] for column in keys) for row in rows]


def found_rows(write: Write) -> list[FoundRows]:
    """Return the rows that will be found, for each set of parameters.

    Raises:
        NotSupportedError: A query might find other rows than the statement will.
    """
    obstacle = obstacle_in(write.criteria)
    if obstacle is not None:
        raise refused(write, *_REFUSED[obstacle])
    return [_found(write, number) for number in range(len(write.context.compiled_parameters))]


def finds_the_same_afterwards(write: Write) -> bool:
    """Tell whether an UPDATE sets nothing that its WHERE looks at, and so would find the same rows again."""
    return _is_about_its_table(write) and all(
        # A computed column changes with the columns that it is computed from.
        element.computed is None and not write.sets(element)
        for element in _elements(write)
        if isinstance(element, Column)
    )


def _is_about_its_table(write: Write) -> bool:
    # Whether its WHERE looks at columns of the table alone, and not at those of an alias or a subquery.
    return write.statement.table is write.table and all(
        write.table.columns.contains_column(element)
        if isinstance(element, Column)
        else not isinstance(element, ColumnClause | ReturnsRows)
        for element in _elements(write)
    )


def _elements(write: Write) -> Iterator[Any]:
    return chain.from_iterable(map(visitors.iterate, write.criteria))


def _found(write: Write, number: int) -> FoundRows:
    # The criteria are those of the first execution; their values are replaced by those of this one.
    columns = columns_in(write.statement.table, key_columns(write.table))

    def present(element: Any, **_: Any) -> Any:
        if not isinstance(element, BindParameter):
            return None
        value = _value(write.context, element, number)
        return bindparam(None, value, element.type, expanding=element.expanding, unique=True)

    criteria = [visitors.replacement_traverse(part, {}, present) for part in write.criteria]
    keys = select(*(column.label(f"k{place}") for place, column in enumerate(columns))).where(*criteria)
    if _is_about_its_table(write):
        return FoundRows(keys, and_(true(), *criteria))
    # Joined with another table, a row may be found several times.
    return FoundRows(keys.distinct().options(*_options(write)), None)


def _options(write: Write) -> Iterator[LoaderCriteriaOption]:
    # They add criteria to subqueries when a statement is compiled, such as that no deleted row is found.
    invoked = write.context.invoked_statement
    options = (getattr(part, "_with_options", ()) for part in (invoked, unwrapped(invoked)))
    for option in dict.fromkeys(chain.from_iterable(options)):
        if isinstance(option, LoaderCriteriaOption):
            yield option


def _value(context: Any, parameter: BindParameter[Any], number: int) -> Any:
    name, row = context.compiled.bind_names[parameter], context.compiled_parameters[number]
    if name in row:
        return row[name]
    values = [row[part] for part in context._expanded_parameters.get(name, ())]
    width = len(getattr(parameter.type, "types", ()))
    return list(zip(*[iter(values)] * width, strict=True)) if width else values


def refused(write: Write, what: str, remedy: str) -> NotSupportedError:
    """Return the error that refuses to record a statement."""
    backend = write.context.dialect.name
    return NotSupportedError.of(backend, f"recording {what} in the history of {write.table.name}", remedy)
