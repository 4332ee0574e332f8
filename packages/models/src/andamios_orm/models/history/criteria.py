"""Which rows the WHERE of an UPDATE or DELETE finds: by its parameters, or by asking before it is sent."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import BindParameter, Column, Select, TextClause, bindparam, select
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import BinaryExpression, BooleanClauseList
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.selectable import GenerativeSelect

from andamios_orm.core.errors import NotSupportedError
from andamios_orm.core.integrity.references import Key
from andamios_orm.core.integrity.writes import Write
from andamios_orm.models.history.tables import key_columns

__all__ = ["key_queries", "named_keys", "refused"]

_VOLATILE = frozenset({"gen_random_uuid", "nextval", "random", "uuid", "uuidv4", "uuidv7"})
"""Functions that tell something else each time."""


def named_keys(write: Write, keys: Sequence[Column[Any]], *, flushing: bool) -> list[Key] | None:
    """Return the keys that the rows are found by, for each set of parameters; None where it is otherwise.

    What a flush compares beside the key, such as a version, it makes sure of by itself.
    """
    compared = _compared(write.statement._where_criteria)
    if compared is None or not compared.keys() >= set(keys):
        return None
    if len(compared) > len(keys) and not flushing:
        return None
    names = write.context.compiled.bind_names
    rows = write.context.compiled_parameters
    return [tuple(row[names[compared[column]]] for column in keys) for row in rows]


def key_queries(write: Write) -> list[Select[Any]]:
    """Return queries for the keys of the rows that will be found, one for each set of parameters.

    Raises:
        NotSupportedError: A query might find other rows than the statement will.
    """
    criteria = write.statement._where_criteria
    if not _repeats(criteria):
        raise refused(
            write,
            "a WHERE with text, with a LIMIT or with what tells something else each time",
            "select the keys first, and name them in the WHERE",
        )
    rows = write.context.compiled_parameters
    return [_query(write, criteria, number) for number in range(len(rows))]


def _query(write: Write, criteria: Collection[Any], number: int) -> Select[Any]:
    # The criteria are those of the first execution; their values are replaced by those of this one.
    target = write.statement.table
    columns = [target.c[column.key] for column in key_columns(write.table)]

    def present(element: Any, **_: Any) -> Any:
        if not isinstance(element, BindParameter):
            return None
        value = _value(write.context, element, number)
        return bindparam(None, value, element.type, expanding=element.expanding, unique=True)

    replaced = [visitors.replacement_traverse(criterion, {}, present) for criterion in criteria]
    return select(*columns).distinct().where(*replaced)


def _value(context: Any, parameter: BindParameter[Any], number: int) -> Any:
    name, row = context.compiled.bind_names[parameter], context.compiled_parameters[number]
    if name in row:
        return row[name]
    values = [row[part] for part in context._expanded_parameters.get(name, ())]
    width = len(getattr(parameter.type, "types", ()))
    return list(zip(*[iter(values)] * width, strict=True)) if width else values


def _compared(criteria: Collection[Any]) -> dict[Any, Any] | None:
    # The columns and the parameters that they are compared with, if that is all there is, as in a flush.
    compared: dict[Any, Any] = {}
    for part in _parts(criteria):
        if not _compares(part) or part.left in compared:
            return None
        compared[part.left] = part.right
    return compared


def _parts(criteria: Collection[Any]) -> Iterator[Any]:
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


def _repeats(criteria: Collection[Any]) -> bool:
    # Whether a query with these criteria finds the rows that the statement will.
    return not any(
        isinstance(element, TextClause)
        or (isinstance(element, FunctionElement) and element.name.lower() in _VOLATILE)
        or (isinstance(element, GenerativeSelect) and element._has_row_limiting_clause)
        for criterion in criteria
        for element in visitors.iterate(criterion)
    )


def refused(write: Write, what: str, remedy: str) -> NotSupportedError:
    """Return the error that refuses to record a statement."""
    backend = write.context.dialect.name
    return NotSupportedError.of(backend, f"recording {what} in the history of {write.table.name}", remedy)
