"""Plan how an UPDATE or DELETE with many sets of parameters is sent as one statement.

A unit of work changes its rows by their keys, with one set of parameters for each row::

    UPDATE t SET a=$1 WHERE t.id = $2

One after the other they cost DuckDB as much as so many queries. As lists they are one join::

    UPDATE t SET a=r.p1 FROM (SELECT unnest($1::T[]) AS p1, ..) AS r WHERE t.id = r.p2

That has to mean the same. So the rows go one by one unless all of this is true:

* The WHERE does nothing but compare columns of the table, the primary key among them, with parameters of
  their types, and the SET gives columns that are not compared nothing but parameters.
* What is compared is an integer, a text, a date or a UUID, as Python and the engine have it, and no two sets
  have the same key: one that comes twice would be changed once.
* The values of a column are of one simple type: the engine makes one type of a list, and would round, for
  example, an integer beside a float.
* No native foreign key refers from the table to itself.

One difference is wanted: values of a unique column may be exchanged between rows.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Table

from andamios_orm.core.dialect.bulk_plan import BulkPlan, of_rows, parameter_types, refers_to_itself
from andamios_orm.core.dialect.bulk_values import are_alike, are_exact, are_simple
from andamios_orm.core.dml import compared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import BindParameter, Column
    from sqlalchemy.sql.compiler import SQLCompiler

__all__ = ["change_plan"]

_FEW = 4
"""Rows that are faster one by one."""

_NAME = r'(?:"(?:[^"]|"")*"|\w+)'
_TABLE = rf"(?:{_NAME}\.)*(?P<table>{_NAME})"


def change_plan(compiled: SQLCompiler, statement: str, rows: Sequence[Sequence[Any]]) -> BulkPlan | None:
    """Plan a compiled UPDATE or DELETE; None where its rows have to be sent one by one.

    Args:
        compiled: The statement.
        statement: Its text, schemas translated.
        rows: Its parameters.
    """
    table = getattr(compiled.statement, "table", None)
    types = parameter_types(compiled, len(rows[0])) if len(rows) >= _FEW else None
    if types is None or not isinstance(table, Table) or refers_to_itself(table, compiled.dialect):
        return None
    # ``update(Model)`` with rows writes to a copy of the table that knows the model.
    table = table._deannotate()
    change = _Change.of(compiled, statement, table, types)
    if change is None or not _mean_the_same(rows, types, change):
        return None
    joins = "USING" if compiled.isdelete else "FROM"
    return BulkPlan(
        table=table,
        single=statement,
        before=f"{of_rows(change.head)} {joins} (SELECT ",
        after=f") AS r WHERE {of_rows(change.criteria)}",
        shared=0,
        columns=change.columns,
        types=types,
        append=None,
    )


class _Change(NamedTuple):
    """What a statement compares and sets, where it does nothing else.

    Attributes:
        head: Its text before WHERE.
        criteria: Its text behind that.
        columns: Name of the column that each parameter is the value of: first what is set.
        compared: The positions of the parameters that columns are compared with.
        keys: Those among them that the columns of the primary key are compared with.
    """

    head: str
    criteria: str
    columns: tuple[str, ...]
    compared: range
    keys: tuple[int, ...]

    @classmethod
    def of(cls, compiled: SQLCompiler, statement: str, table: Table, types: Sequence[str]) -> _Change | None:
        """Return what a statement compares and sets; None where there is anything else."""
        head, _, criteria = statement.rpartition(" WHERE ")
        compared = _compared(compiled, table)
        given = _given(head, types[: len(types) - len(compared)])
        columns = (*(given or ()), *compared)
        primary = [column.name for column in table.primary_key]
        if given is None or not primary or not set(primary) <= set(compared):
            return None
        if len(set(columns)) < len(types):
            return None
        keys = tuple(columns.index(name) for name in primary)
        return cls(head, criteria, columns, range(len(given), len(types)), keys)


def _compared(compiled: SQLCompiler, table: Table) -> list[str]:
    # The columns that parameters are compared with, in their order; none where there is anything else.
    state: Any = compiled.compile_state
    found = compared(state.statement._where_criteria) or {}
    if not all(_is_of_its_type(column, parameter, table) for column, parameter in found.items()):
        return []
    place = {name: number for number, name in enumerate(compiled.positiontup or ())}
    return [
        column.name for column in sorted(found, key=lambda column: place[compiled.bind_names[found[column]]])
    ]


def _is_of_its_type(column: Column[Any], parameter: BindParameter[Any], table: Table) -> bool:
    # A type with an expression of SQL around its values may put something else than equality between them.
    return column.table is table and parameter.type is column.type and not column.type._has_bind_expression


def _given(head: str, types: Sequence[str]) -> list[str] | None:
    # The columns that are set to parameters, in their order; None where there is anything else before WHERE.
    sets = ", ".join(
        rf"({_NAME})=\${number}(?:::{re.escape(type_)})?" for number, type_ in enumerate(types, 1)
    )
    found = re.fullmatch(rf"UPDATE {_TABLE} SET {sets}" if types else rf"DELETE FROM {_TABLE}", head)
    if found is None or _unquoted(found["table"]).lower() == "r":
        return None
    return list(map(_unquoted, found.groups()[1:]))


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _mean_the_same(rows: Sequence[Sequence[Any]], types: Sequence[str], change: _Change) -> bool:
    # Whether the engine takes the values of the rows, as lists, for what they are one by one.
    columns = list(zip(*rows, strict=True))
    if not all(map(are_simple, columns)) or not all(map(are_alike, columns, types)):
        return False
    if not all(are_exact(columns[position], types[position]) for position in change.compared):
        return False
    told = (map(_told_apart, columns[position]) for position in change.keys)
    return len(set(zip(*told, strict=True))) == len(rows)


def _told_apart(value: Any) -> Any:
    # A text as a collation may see it, which the database can have for all its columns.
    if not isinstance(value, str):
        return value
    letters = unicodedata.normalize("NFKD", value.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
