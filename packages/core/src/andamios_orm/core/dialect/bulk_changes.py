"""Plan how an UPDATE or DELETE with many sets of parameters is sent as one statement.

A unit of work changes its rows by their keys, with one set of parameters for each row::

    UPDATE t SET a=$1 WHERE t.id = $2

One after the other they cost DuckDB as much as so many queries. As lists they are one join::

    UPDATE t SET a=r.p1 FROM (SELECT unnest($1::T[]) AS p1, ..) AS r WHERE t.id = r.p2

Both mean the same where each set finds a row of its own. So the rows go one by one

* unless the WHERE does nothing but compare columns with parameters, the primary key among them;
* where two sets have the same key, or could have it: keys are compared only if they are integers, texts,
  dates or UUIDs as Python has them;
* where the statement changes the key, reads other tables, or writes a table that refers to itself by a
  native foreign key.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from itertools import chain
from typing import TYPE_CHECKING, Any

from sqlalchemy import Table

from andamios_orm.core.dialect.bulk_plan import (
    CAST,
    BulkPlan,
    of_rows,
    parameter_types,
    refers_to_itself,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy.sql.compiler import SQLCompiler

__all__ = ["change_plan"]

_FEW = 4
"""Rows that are faster one by one."""

_NAME = r'(?:"(?:[^"]|"")*"|\w+)'
_COMPARED = re.compile(rf"(?:{_NAME}\.)*(?P<name>{_NAME}) = \$(?P<number>\d+){CAST}")
_SET = re.compile(rf"(?P<name>{_NAME})=(?:\$(?P<number>\d+){CAST}(?=,|$))?")
_QUOTED = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*\"""")
_OTHER_TABLES = re.compile(r"\b(?:FROM|SELECT|USING|WITH)\b", re.IGNORECASE)

_EXACT: dict[str, type] = {
    "VARCHAR": str,
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), int),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"), int),
    "DATE": dt.date,
    "UUID": uuid.UUID,
}
"""The type of Python whose values differ exactly where the engine's do, by the type of the key's column."""


def change_plan(compiled: SQLCompiler, statement: str, rows: Sequence[Sequence[Any]]) -> BulkPlan | None:
    """Plan a compiled UPDATE or DELETE; None where its rows have to be sent one by one.

    Args:
        compiled: The statement.
        statement: Its text, schemas translated.
        rows: Its parameters.
    """
    table = getattr(compiled.statement, "table", None)
    head, _, criteria = statement.rpartition(" WHERE ")
    if len(rows) < _FEW or not isinstance(table, Table) or not _reads_nothing_else(head):
        return None
    compared, types = _compared(criteria), parameter_types(compiled, len(rows[0]))
    keys = [compared.get(column.name, 0) for column in table.primary_key]
    if types is None or not keys or 0 in keys or refers_to_itself(table, compiled.dialect):
        return None
    given = _given(head)
    if given.keys() & compared.keys() or not _differ(keys, types, rows):
        return None
    names = {number: name for name, number in chain(given.items(), compared.items())}
    joins = "USING" if compiled.isdelete else "FROM"
    return BulkPlan(
        table=table,
        single=statement,
        before=f"{of_rows(head)} {joins} (SELECT ",
        after=f") AS r WHERE {of_rows(criteria)}",
        shared=0,
        columns=tuple(names.get(number) for number in range(1, len(types) + 1)),
        types=types,
        append=None,
    )


def _reads_nothing_else(head: str) -> bool:
    # The one FROM of a DELETE names its table. A table of our alias would be taken for the parameters.
    bare = _QUOTED.sub('"', head.removeprefix("DELETE FROM "))
    return _OTHER_TABLES.search(bare) is None and re.search(r"\br\b", bare) is None


def _compared(criteria: str) -> dict[str, int]:
    # The numbers of the parameters that columns are compared with; none where there is anything else.
    parts = [_COMPARED.fullmatch(part) for part in criteria.split(" AND ")]
    compared = {_unquoted(part["name"]): int(part["number"]) for part in parts if part is not None}
    return compared if len(compared) == len(parts) else {}


def _given(head: str) -> Mapping[str, int | None]:
    # The numbers of the parameters that columns are set to; None where they are set to something else.
    return {
        _unquoted(part["name"]): int(part["number"]) if part["number"] else None
        for part in _SET.finditer(head)
    }


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _differ(keys: Collection[int], types: Sequence[str], rows: Sequence[Sequence[Any]]) -> bool:
    # Whether no two rows have the same key, for the engine as for Python.
    columns = [[row[number - 1] for row in rows] for number in keys]
    exact = all(
        set(map(type, column)) == {_EXACT.get(types[number - 1])}
        for number, column in zip(keys, columns, strict=True)
    )
    return exact and len(set(zip(*columns, strict=True))) == len(rows)
