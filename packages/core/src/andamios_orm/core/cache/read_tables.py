"""Which tables a query reads, at whatever depth, and whether that can be known at all.

A table is told by its name alone, without its schema and in lower case: two tables that share a name count as
one, so that nothing depends on how a schema is spelt, translated or left to the connection.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from sqlalchemy import ClauseElement, TableClause
    from sqlalchemy.engine import Dialect

__all__ = ["Sources", "sources_of", "table_name"]

_SELECTING = re.compile(r"\b(?:SELECT|FROM|JOIN|TABLE|VALUES)\b", re.IGNORECASE)
"""What SQL text may read a table with."""


_SELF_CONTAINED = ("generate_series", "range", "unnest")
"""Functions whose rows are made of their arguments; any other one in FROM may read tables."""


class Sources(NamedTuple):
    """Where the rows of a query come from."""

    tables: frozenset[str]
    hidden: bool
    """Whether SQL text or a function in it may read further tables."""
    acts: bool
    """Whether it locks the rows that it reads, or draws from a sequence."""


def table_name(table: str | TableClause) -> str:
    """Return the name by which a table is told."""
    name = table if isinstance(table, str) else table.name
    return name.rpartition(".")[2].casefold()


def sources_of(statement: ClauseElement, dialect: Dialect) -> Sources:
    """Return what a query reads.

    It is compiled for that, because what an object of the ORM stands for is decided then.
    """
    compiler: Any = dialect.statement_compiler
    recorder = _recorder(compiler)(dialect, statement)
    return Sources(frozenset(recorder.tables), recorder.hidden, recorder.acts)


class _Recorder:
    """Takes part in a compiler, and notes what is rendered."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.dialect: Dialect
        self.tables: set[str] = set()
        self.hidden = self.acts = False
        super().__init__(*arguments, **options)

    def visit_table(self, table: Any, *arguments: Any, **options: Any) -> Any:
        self.tables.add(table_name(table))
        if getattr(table, "is_view", False):
            behind = sources_of(table._creator_ddl.selectable, self.dialect)
            self.tables |= behind.tables
            self.hidden |= behind.hidden
        return super().visit_table(table, *arguments, **options)  # type: ignore[misc] # of the compiler

    def visit_textclause(self, clause: Any, *arguments: Any, **options: Any) -> Any:
        self.hidden |= options.get("asfrom", False)
        return super().visit_textclause(clause, *arguments, **options)  # type: ignore[misc] # of the compiler

    def visit_tstring(self, clause: Any, *arguments: Any, **options: Any) -> Any:
        self.hidden |= options.get("asfrom", False)
        return super().visit_tstring(clause, *arguments, **options)  # type: ignore[misc] # of the compiler

    def post_process_text(self, text: str) -> Any:
        self.hidden |= _SELECTING.search(text) is not None
        return super().post_process_text(text)  # type: ignore[misc] # of the compiler

    def escape_literal_column(self, text: str) -> Any:
        self.hidden |= _SELECTING.search(text) is not None
        return super().escape_literal_column(text)  # type: ignore[misc] # of the compiler

    def for_update_clause(self, select: Any, **options: Any) -> Any:
        self.acts = True
        return super().for_update_clause(select, **options)  # type: ignore[misc] # of the compiler

    def visit_sequence(self, sequence: Any, **options: Any) -> Any:
        self.acts = True
        return super().visit_sequence(sequence, **options)  # type: ignore[misc] # of the compiler

    def visit_function(self, function: Any, *arguments: Any, **options: Any) -> Any:
        self.hidden |= options.get("asfrom", False) and function.name.lower() not in _SELF_CONTAINED
        return super().visit_function(function, *arguments, **options)  # type: ignore[misc] # of the compiler


@lru_cache(maxsize=32)
def _recorder(compiler: type[Any]) -> type[Any]:
    return type("_RecordingCompiler", (_Recorder, compiler), {})
