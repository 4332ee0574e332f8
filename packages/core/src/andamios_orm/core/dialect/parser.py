"""Parse SQL once, and tell what the statements in it do."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

import duckdb
from duckdb import StatementType, token_type

__all__ = ["ParsedStatement", "Parser"]

_KEPT = 256
"""How many parsed statements a connection keeps."""

_QUERIES = frozenset(
    {
        StatementType.SELECT,
        StatementType.EXPLAIN,
        StatementType.PRAGMA,
        StatementType.CALL,
        StatementType.EXECUTE,
        StatementType.RELATION,
        StatementType.MULTI,
        StatementType.LOGICAL_PLAN,
        StatementType.EXTENSION,
    }
)
_WRITES = frozenset(
    {
        StatementType.INSERT,
        StatementType.UPDATE,
        StatementType.DELETE,
        StatementType.MERGE_INTO,
        StatementType.COPY,
    }
)
_READS = frozenset({StatementType.SELECT, StatementType.EXPLAIN})
_WORDS = frozenset({token_type.keyword, token_type.identifier})
"""What the tokenizer takes a word of SQL for; some versions take a word that is not reserved for a name."""


class ParsedStatement(NamedTuple):
    """One statement, or several in one text, of which the last one gives the result."""

    executable: duckdb.Statement | str
    """What duckdb executes: the parsed statement, or the text where it holds several."""
    query: bool
    """Whether the result is the rows of a query."""
    write: bool
    """Whether the result is that of a write: how many rows it touched, or what it returns of them."""
    returning: bool
    """Whether the write says what it returns."""
    reads: bool
    """Whether nothing in the text changes anything."""


class Parser:
    """Parse for one connection, and keep what was parsed last.

    A parsed statement is a tenth cheaper to run than its text.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._parsed: OrderedDict[str, ParsedStatement] = OrderedDict()
        self._controls: dict[str, duckdb.Statement] = {}

    def parsed(self, sql: str) -> ParsedStatement | None:
        """Return what ``sql`` says, or None where that is nothing, such as a comment.

        Raises:
            duckdb.ProgrammingError: It begins or ends a transaction, or it is no SQL.
        """
        parsed = self._parsed.get(sql)
        if parsed is not None:
            self._parsed.move_to_end(sql)
            return parsed
        statements = self._connection.extract_statements(sql)
        if not statements:
            return None
        parsed = self._parsed[sql] = _parsed(sql, statements)
        if len(self._parsed) > _KEPT:
            self._parsed.popitem(last=False)
        return parsed

    def control(self, sql: str) -> duckdb.Statement:
        """Return the statement ``sql``, which begins or ends a transaction."""
        if sql not in self._controls:
            self._controls[sql] = self._connection.extract_statements(sql)[0]
        return self._controls[sql]


def _parsed(sql: str, statements: list[duckdb.Statement]) -> ParsedStatement:
    if any(statement.type == StatementType.TRANSACTION for statement in statements):
        raise duckdb.ProgrammingError(
            "BEGIN, COMMIT and ROLLBACK are not sent as text: use begin(), commit() and rollback() of the "
            "connection or session"
        )
    last = statements[-1]
    write = last.type in _WRITES
    return ParsedStatement(
        executable=last if len(statements) == 1 else sql,
        query=last.type in _QUERIES,
        write=write,
        returning=write and _has_keyword(last, "returning"),
        reads=all(map(_reads, statements)),
    )


def _reads(statement: duckdb.Statement) -> bool:
    # A query may hold a write in a CTE, and EXPLAIN ANALYZE runs what it explains.
    return statement.type in _READS and not _has_keyword(statement, "insert", "update", "delete", "merge")


def _has_keyword(statement: duckdb.Statement, *words: str) -> bool:
    text = statement.query.lower()
    if not any(word in text for word in words):
        return False
    # The tokenizer counts in bytes.
    encoded, starts = text.encode(), tuple(word.encode() for word in words)
    return any(
        kind in _WORDS and encoded.startswith(starts, offset) for offset, kind in duckdb.tokenize(text)
    )
