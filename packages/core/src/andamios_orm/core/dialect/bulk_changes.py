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
from typing import TYPE_CHECKING, Any

from sqlalchemy import Table

from andamios_orm.core.dialect.bulk_plan import BulkPlan, of_rows, parameter_types, refers_to_itself
from andamios_orm.core.dialect.bulk_values import are_alike, are_exact
from andamios_orm.core.dml import compared

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

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
    if len(rows) < _FEW or not isinstance(table, Table) or refers_to_itself(table, compiled.dialect):
        return None
    keys, types = _compared(compiled, table), parameter_types(compiled, len(rows[0]))
    head, _, criteria = statement.rpartition(" WHERE ")
    values = None if types is None else _given(head, types[: len(types) - len(keys)])
    if types is None or values is None or values.keys() & keys.keys():
        return None
    if not _mean_the_same(
        rows, types, keys.values(), [keys.get(column.name) for column in table.primary_key]
    ):
        return None
    names = {number: name for name, number in (*values.items(), *keys.items())}
    joins = "USING" if compiled.isdelete else "FROM"
    return BulkPlan(
        table=table,
        single=statement,
        before=f"{of_rows(head)} {joins} (SELECT ",
        after=f") AS r WHERE {of_rows(criteria)}",
        shared=0,
        columns=tuple(names[number] for number in range(1, len(types) + 1)),
        types=types,
        append=None,
    )


def _compared(compiled: SQLCompiler, table: Table) -> dict[str, int]:
    # The numbers of the parameters that columns are compared with; none where there is anything else.
    state: Any = compiled.compile_state or compiled.dml_compile_state
    found = compared(state.statement._where_criteria) or {}
    numbers = {name: number for number, name in enumerate(compiled.positiontup or (), 1)}
    if not all(_is_of_its_type(column, parameter, table) for column, parameter in found.items()):
        return {}
    return {column.name: numbers[compiled.bind_names[parameter]] for column, parameter in found.items()}


def _is_of_its_type(column: Column[Any], parameter: BindParameter[Any], table: Table) -> bool:
    # A type with an expression of SQL around its values may put something else than equality between them.
    return column.table is table and parameter.type is column.type and not column.type._has_bind_expression


def _given(head: str, types: Sequence[str]) -> Mapping[str, int] | None:
    # The numbers of the parameters that columns are set to; None where there is anything else before WHERE.
    sets = ", ".join(
        rf"({_NAME})=\${number}(?:::{re.escape(type_)})?" for number, type_ in enumerate(types, 1)
    )
    found = re.fullmatch(rf"UPDATE {_TABLE} SET {sets}" if types else rf"DELETE FROM {_TABLE}", head)
    if found is None or _unquoted(found["table"]).lower() == "r":
        return None
    return {_unquoted(name): number for number, name in enumerate(found.groups()[1:], 1)}


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _mean_the_same(
    rows: Sequence[Sequence[Any]],
    types: Sequence[str],
    compared_numbers: Collection[int],
    keys: Sequence[int | None],
) -> bool:
    # Whether the engine takes the values of the rows, as lists, for what they are one by one.
    columns = list(zip(*rows, strict=True))
    if not keys or None in keys or not all(map(are_alike, columns, types)):
        return False
    if not all(are_exact(columns[number - 1], types[number - 1]) for number in compared_numbers):
        return False
    told = [list(map(_told_apart, columns[number - 1])) for number in keys if number is not None]
    return len(set(zip(*told, strict=True))) == len(rows)


def _told_apart(value: Any) -> Any:
    # A text as a collation may see it, which the database can have for all its columns.
    if not isinstance(value, str):
        return value
    letters = unicodedata.normalize("NFKD", value.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
