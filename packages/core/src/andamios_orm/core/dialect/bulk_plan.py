"""Plan how the rows of one INSERT are written.

The appender takes a statement whose every value is a plain parameter and which returns nothing but a
generated key. List parameters take any VALUES clause: ``INSERT .. SELECT .. FROM (SELECT unnest($1::T[])
..)``. What is left goes row by row:

* ON CONFLICT DO UPDATE, because where two rows of one statement have the same key DuckDB keeps the first and
  says nothing, while whoever sends rows one after the other expects the last;
* rows that refer to others of the same table by a native foreign key, because DuckDB does not find a key that
  the same statement writes;
* rows that are to be returned in order, where nothing tells which is which.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Table
from sqlalchemy import types as sqltypes
from sqlalchemy.dialects.postgresql.dml import OnConflictDoUpdate

from andamios_orm.core.dialect.identifiers import string_literal
from andamios_orm.core.dialect.sequences import declared_sequence, implicit_sequence

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from sqlalchemy import Column
    from sqlalchemy import Sequence as SchemaSequence
    from sqlalchemy.engine import Dialect
    from sqlalchemy.sql.compiler import SQLCompiler
    from sqlalchemy.types import TypeEngine

__all__ = [
    "NEXTVAL",
    "AppendPlan",
    "BulkPlan",
    "Drawn",
    "appendable",
    "listable",
    "of_rows",
    "parameter_types",
    "refers_to_itself",
    "statement_plan",
    "table_plan",
]

NEXTVAL = r"nextval\('(?:[^']|'')+'\)"
"""What draws one value from a sequence, as a pattern."""

_PARAMETER = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(?P<number>\d+)""")
"""A parameter; what stands in quotes is passed over, whatever it looks like."""

_CAST = r'(?:::[\w ()\[\],."]+)?'


def appendable(type_: TypeEngine[Any]) -> bool:
    """Tell whether bound values of ``type_`` can go through DuckDB's appender.

    It casts each value that a bind processor of this package returns, but does not evaluate the SQL that a
    type's ``bind_expression`` puts around its parameter.
    """
    return not type_._has_bind_expression


def listable(type_: TypeEngine[Any]) -> bool:
    """Tell whether bound values of ``type_`` can go as one list parameter, cast to a list of its name."""
    return not isinstance(type_, sqltypes.NullType) and getattr(type_, "collation", None) is None


class _Value(NamedTuple):
    """One element of the VALUES clause."""

    column: Column[Any]
    parameters: tuple[int, ...]
    """The numbers of the parameters in it, counted from 1."""


@dataclass(frozen=True)
class AppendPlan:
    """How the appender writes the rows.

    Attributes:
        table: Quoted name of the table.
        columns: Names of its columns, in the order of the parameters.
        key: Name of the generated key column, where its values are drawn beforehand; None where the table
            draws them itself.
        draw: The expression that draws one value of the key; None where the column's default says it.
        returned: How many times the key is to be returned for each row.
    """

    table: str
    columns: tuple[str, ...]
    key: str | None
    draw: str | None
    returned: int


@dataclass(frozen=True)
class BulkPlan:
    """How the rows of one statement are written.

    Attributes:
        table: The table.
        single: The statement for one row, for people: what is sent differs from it by the way that is taken.
        before: The statement up to the select list that makes columns out of list parameters.
        after: What follows that.
        shared: How many parameters in front are the same for all rows.
        columns: Name of the column that each parameter of a row is the value of; None for a part of an
            expression.
        types: Type of each parameter of a row, as the engine names it.
        append: How the appender writes them, where it can.
    """

    table: Any
    single: str
    before: str
    after: str
    shared: int
    columns: tuple[str | None, ...]
    types: tuple[str, ...]
    append: AppendPlan | None

    def statement(self, texts: Collection[int] = ()) -> str:
        """Return the statement with one list parameter for each parameter of a row.

        Args:
            texts: Positions of those that are JSON texts instead of lists.
        """
        columns = (
            _unnested(self.shared + position + 1, type_, text=position in texts)
            for position, type_ in enumerate(self.types)
        )
        return f"{self.before}{', '.join(columns)}{self.after}"


def statement_plan(compiled: SQLCompiler, statement: str, translate: Callable[[str], str]) -> BulkPlan | None:
    """Plan a compiled INSERT with a VALUES clause; None where its rows can only be sent one by one.

    Args:
        compiled: The INSERT.
        statement: Its text, schemas translated.
        translate: Puts the schemas of this execution into a text.
    """
    insert = compiled._insertmanyvalues
    if _must_go_one_by_one(compiled) or insert is None or insert.is_default_expr:
        return None
    texts = translate(insert.single_values_expr)
    clause = f"VALUES ({texts})"
    types = parameter_types(compiled, insert.num_positional_params_counted)
    shared = len(compiled.positiontup or ()) - len(types or ())
    if not types or not _stands_alone(clause, statement, shared):
        return None
    values = _values(compiled)
    before, _, after = statement.partition(clause)
    table: Any = compiled.statement.table  # type: ignore[union-attr] # an INSERT has one
    return BulkPlan(
        table=table,
        single=statement,
        before=f"{before}{_selected(texts, shared)}",
        after=f") AS r{after}",
        shared=shared,
        columns=_names(values, shared, len(types)),
        types=types,
        append=_append_plan(compiled, values, texts, translate) if _is_plain(compiled, shared) else None,
    )


def _values(compiled: SQLCompiler) -> list[_Value]:
    numbers = {name: number for number, name in enumerate(compiled.positiontup or (), 1)}
    insert: Any = compiled._insertmanyvalues
    return [
        _Value(column, tuple(numbers[name] for name in names))
        for column, _, _, names in insert.insert_crud_params
    ]


def _names(values: Sequence[_Value], shared: int, count: int) -> tuple[str | None, ...]:
    # The name of the column that each parameter of a row is the whole value of.
    whole = {value.parameters[0]: value.column.name for value in values if len(value.parameters) == 1}
    return tuple(whole.get(shared + position) for position in range(1, count + 1))


def _is_plain(compiled: SQLCompiler, shared: int) -> bool:
    # Whether there is nothing about the INSERT but its values and what it returns.
    statement: Any = compiled.statement
    extras = statement._prefixes or statement._independent_ctes or statement._post_values_clause is not None
    return shared == 0 and not extras and isinstance(statement.table, Table)


def _must_go_one_by_one(compiled: SQLCompiler) -> bool:
    insert = compiled._insertmanyvalues
    unordered = insert is not None and insert.sort_by_parameter_order and insert.sentinel_columns is None
    updates = isinstance(getattr(compiled.statement, "_post_values_clause", None), OnConflictDoUpdate)
    statement: Any = compiled.statement
    return unordered or updates or refers_to_itself(statement.table, compiled.dialect)


def refers_to_itself(table: Any, dialect: Any) -> bool:
    """Tell whether the engine checks a foreign key of the table to itself: it does so at each statement."""
    own = (table.schema, table.name)
    return dialect.foreign_keys == "native" and any(
        key.target_tokens[:2] == own for key in table.foreign_keys
    )


class Drawn(NamedTuple):
    """A column whose values are drawn from a sequence.

    Attributes:
        column: Its name.
        expression: What draws one value.
    """

    column: str
    expression: str

    @classmethod
    def of(cls, column: Column[Any], sequence: SchemaSequence, schema: str | None, dialect: Dialect) -> Drawn:
        """Return ``column`` with the expression that draws from ``sequence`` in ``schema``."""
        name = _qualified(sequence.name, schema, dialect)
        return cls(column.name, f"nextval({string_literal(name)})")


def table_plan(
    table: Table, schema: str | None, columns: Sequence[Column[Any]], drawn: Drawn | None, dialect: Dialect
) -> BulkPlan:
    """Plan an INSERT of whole values into ``columns`` of ``table``, which returns nothing.

    Args:
        table: The table.
        schema: Its schema, translated for this execution.
        columns: The columns, in the order of the values of a row.
        drawn: A further column, whose values are drawn from a sequence.
        dialect: The dialect.
    """
    name = _qualified(table.name, schema, dialect)
    names = tuple(column.name for column in columns)
    texts = [f"${number}" for number in range(1, len(columns) + 1)]
    key, draw = drawn or (None, None)
    listed = [*names, *([key] if key else [])]
    fit = all(appendable(column.type.dialect_impl(dialect)) for column in columns)
    quoted = ", ".join(dialect.identifier_preparer.quote(column) for column in listed)
    values = ", ".join([*texts, *([draw] if draw else [])])
    return BulkPlan(
        table=table,
        single=f"INSERT INTO {name} ({quoted}) VALUES ({values})",
        before=f"INSERT INTO {name} ({quoted}) {_selected(values, 0)}",
        after=") AS r",
        shared=0,
        columns=names,
        types=tuple(dialect.type_compiler_instance.process(column.type) for column in columns),
        append=AppendPlan(name, names, key, draw, returned=0) if fit else None,
    )


def _qualified(name: str, schema: str | None, dialect: Dialect) -> str:
    preparer = dialect.identifier_preparer
    quoted = preparer.quote(name)
    return quoted if schema is None else f"{preparer.quote_schema(schema)}.{quoted}"


def _stands_alone(clause: str, statement: str, shared: int) -> bool:
    # Whether the parameters of the rows are used in the VALUES clause and nowhere else, such as in a CTE.
    before, found, after = statement.partition(clause)
    return bool(found) and all(number <= shared for number in _parameters(before + after))


def _parameters(text: str) -> list[int]:
    return [int(found["number"]) for found in _PARAMETER.finditer(text) if found["number"]]


def parameter_types(compiled: SQLCompiler, count: int) -> tuple[str, ...] | None:
    """Return the engine's names for the types of the last ``count`` parameters of a statement.

    Returns:
        None where the type of one is not known, or has no list that the engine takes.
    """
    names = (compiled.positiontup or [])[-count:] if count else []
    types = [compiled.binds[name].type for name in names]
    if not all(listable(type_.dialect_impl(compiled.dialect)) for type_ in types):
        return None
    return tuple(compiled.dialect.type_compiler_instance.process(type_) for type_ in types)


def _selected(texts: str, shared: int) -> str:
    return f"SELECT {of_rows(texts, shared)} FROM (SELECT "


def of_rows(text: str, shared: int = 0) -> str:
    """Return a piece of a statement with the columns of ``r`` in place of its parameters.

    Args:
        text: The piece.
        shared: How many parameters in front stay, because they are the same for all rows.
    """

    def renamed(found: re.Match[str]) -> str:
        of_row = found["number"] and int(found["number"]) > shared
        return f"r.p{found['number']}" if of_row else found[0]

    return _PARAMETER.sub(renamed, text)


def _unnested(number: int, type_: str, *, text: bool) -> str:
    array = f"from_json(${number}, '[\"VARCHAR\"]')" if text else f"${number}::{type_}[]"
    return f"unnest({array}){f'::{type_}' if text else ''} AS p{number}"


def _append_plan(
    compiled: SQLCompiler, values: Sequence[_Value], texts: str, translate: Callable[[str], str]
) -> AppendPlan | None:
    statement: Any = compiled.statement
    key = _generated_key(statement.table, values)
    plain = re.fullmatch(", ".join(_plain_text(value, key) for value in values), texts)
    given = [value for value in values if value.column is not key]
    returned = _returned(compiled)
    if plain is None or not _are_appendable(given, compiled) or not _is_each(key, returned):
        return None
    draw = plain.groupdict().get("draw")
    return AppendPlan(
        table=translate(compiled.preparer.format_table(statement.table)),
        columns=tuple(value.column.name for value in given),
        key=key.name if key is not None and (returned or draw) else None,
        draw=draw,
        returned=len(returned),
    )


def _are_appendable(values: Sequence[_Value], compiled: SQLCompiler) -> bool:
    in_order = [value.parameters for value in values] == [(number,) for number in range(1, len(values) + 1)]
    return in_order and all(appendable(value.column.type.dialect_impl(compiled.dialect)) for value in values)


def _plain_text(value: _Value, key: Column[Any] | None) -> str:
    # A pattern for the element that is nothing but its parameter, or that draws the key from a sequence.
    if value.column is key:
        return f"(?P<draw>{NEXTVAL})"
    return rf"\${value.parameters[0]}{_CAST}" if value.parameters else "(?!)"


def _returned(compiled: SQLCompiler) -> list[Any]:
    # With the columns that SQLAlchemy adds to RETURNING to match rows with objects.
    insert: Any = compiled._insertmanyvalues
    asked = compiled.effective_returning or ()
    return [*asked, *(insert.sentinel_columns or ())] if asked else []


def _is_each(key: Column[Any] | None, columns: Sequence[Any]) -> bool:
    return all(column is key for column in columns)


def _generated_key(table: Table, values: Sequence[_Value]) -> Column[Any] | None:
    column = table._autoincrement_column
    if column is None or any(value.column is column and value.parameters for value in values):
        return None
    return column if declared_sequence(column) is not None or implicit_sequence(column) is not None else None
