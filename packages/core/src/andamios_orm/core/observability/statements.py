"""What a statement is: its kind, its table, and its text without the values that may stand in it.

These are facts for metrics, spans and logs, so their number is bounded by the program and not by its data:
a kind is one of six, a table is one that SQLAlchemy compiled, and text that nobody compiled is told by its
first word alone.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from sqlalchemy import Table
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.ddl import BaseDDLElement
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.selectable import (
    AliasedReturnsRows,
    CompoundSelect,
    FromGrouping,
    Join,
    Select,
    SelectStatementGrouping,
    TableClause,
)

from andamios_orm.core.dialect.bulk import BulkRows

if TYPE_CHECKING:
    from sqlalchemy.engine import ExecutionContext

__all__ = ["Kind", "Statement", "executed", "statement_of", "without_literals"]

Kind = Literal["select", "insert", "update", "delete", "ddl", "other"]
"""What a statement does."""

_LIMIT = 4_096
"""Characters of a statement's text that are looked at; what follows is cut off."""

_KNOWN = "_andamios_statement"
"""Where SQLAlchemy's compiled form of a statement, which it keeps, remembers what the statement is."""

_WORDS: dict[str, Kind] = {
    **dict.fromkeys(
        ("SELECT", "WITH", "FROM", "VALUES", "TABLE", "SHOW", "DESCRIBE", "SUMMARIZE", "PIVOT"), "select"
    ),
    **dict.fromkeys(("INSERT", "REPLACE"), "insert"),
    "UPDATE": "update",
    "DELETE": "delete",
    **dict.fromkeys(("CREATE", "ALTER", "DROP", "TRUNCATE", "COMMENT"), "ddl"),
    **dict.fromkeys(
        ("MERGE", "COPY", "EXPLAIN", "PRAGMA", "SET", "RESET", "CALL", "ATTACH", "DETACH", "USE"), "other"
    ),
    **dict.fromkeys(("INSTALL", "LOAD", "CHECKPOINT", "VACUUM", "ANALYZE", "EXPORT", "IMPORT"), "other"),
}
"""The first words that a statement may have."""

# Possessive, because a text of many comments could else be read in a great many ways.
_FIRST_WORD = re.compile(r"(?:[\s(]|--[^\n]*\n|(?>/\*.*?\*/))*+([A-Za-z]+)", re.DOTALL)

_STRING = r"'(?:[^']|'')*(?:'|\Z)"
_ESCAPED = r"'(?:[^'\\]|\\.|'')*(?:'|\Z)"
_ESCAPED_DOUBLE = r'"(?:[^"\\]|\\.|"")*(?:"|\Z)'
_QUOTED_NAME = r'"(?:[^"]|"")*(?:"|\Z)'
_COMMENT = r"--[^\n]*|/\*.*?(?:\*/|\Z)"
_DOLLAR_QUOTED = r"\$(?P<tag>[A-Za-z_]\w*|)\$.*?(?:\$(?P=tag)\$|\Z)"
_NUMBER = r"\d[\w.]*(?:(?<=[eE])[+-]\d+)?"
_OTHER_WORDS = r"[$:@%]?\b[A-Za-z_]\w*|\$\d+|`[^`]*(?:`|\Z)"


def _pattern(literals: str, names: str) -> re.Pattern[str]:
    text = rf"(?P<comment>{_COMMENT})|(?P<literal>{literals}|{_DOLLAR_QUOTED})|(?P<name>{names})|{_NUMBER}"
    return re.compile(text, re.DOTALL)


_LITERALS = _pattern(rf"[eE]{_ESCAPED}|[xXbBnN]?{_STRING}", rf"{_QUOTED_NAME}|{_OTHER_WORDS}")
_MYSQL_LITERALS = _pattern(rf"{_ESCAPED}|{_ESCAPED_DOUBLE}", _OTHER_WORDS)
"""In MySQL double quotes hold a value, and a backslash escapes in every value."""


class Statement(NamedTuple):
    """What one statement is."""

    kind: Kind
    table: str
    """The table, the first one where there are several; empty where it is not known."""
    operation: str
    """What is done, as in ``SELECT`` or ``CREATE TABLE``; empty where it is not known."""


def executed(context: ExecutionContext, text: str, parameters: Any) -> Statement:
    """Return what the statement is that an execution sends.

    Args:
        context: The execution.
        text: What is sent.
        parameters: What is sent with it.
    """
    compiled = context.compiled
    if compiled is None:
        return _driver_statement(text, parameters)
    known: Statement | None = vars(compiled).get(_KNOWN)
    if known is None:
        known = statement_of(compiled.statement)  # type: ignore[arg-type] # there is one
        setattr(compiled, _KNOWN, known)
    if text is getattr(context, "statement", None):
        return known
    # Another text: one batch of rows, a listener's rewriting, or the value of a sequence that is asked for
    # beforehand, when the context has no text yet.
    sent = _by_text(text)
    return known if sent.kind == known.kind else sent


def statement_of(query: str | ClauseElement) -> Statement:
    """Return what a statement is, from its text or as SQLAlchemy's object."""
    if isinstance(query, str):
        return _by_text(query)
    table = _table_of(query)
    if isinstance(query, BaseDDLElement):
        return Statement("ddl", table, query.__visit_name__.replace("_", " ").upper())
    if isinstance(query, UpdateBase | Select | CompoundSelect):
        kind = "select" if isinstance(query, Select | CompoundSelect) else query.__visit_name__
        return Statement(_WORDS.get(kind.upper(), "other"), table, kind.upper())
    return _by_text(str(query))


def without_literals(text: str, backend: str) -> str:
    """Return the text of a statement on one line, a question mark for each value in it, without comments.

    Parameters stay, as they tell no value. Of a long text the beginning is returned.

    Args:
        text: The statement.
        backend: Name of the dialect that it is written in.
    """
    return _without_literals(text[:_LIMIT], backend in ("mysql", "mariadb"))


def _driver_statement(text: str, parameters: Any) -> Statement:
    statement = _by_text(text)
    if isinstance(parameters, BulkRows):
        return statement._replace(table=parameters.plan.table.fullname)
    return statement


@lru_cache(maxsize=1_024)
def _by_text(text: str) -> Statement:
    found = _FIRST_WORD.match(text)
    word = found[1].upper() if found else ""
    return Statement(_WORDS.get(word, "other"), "", word if word in _WORDS else "")


@lru_cache(maxsize=512)
def _without_literals(text: str, mysql: bool) -> str:
    found = _MYSQL_LITERALS if mysql else _LITERALS
    return " ".join(found.sub(_replacement, text).split())


def _replacement(found: re.Match[str]) -> str:
    if found["comment"] is not None:
        return " "
    return "?" if found["name"] is None else found[0]


def _table_of(source: Any) -> str:
    # Walks down the leftmost branch, from a statement to the table that it is about.
    while not isinstance(source, TableClause):
        below = _below(source)
        if below is None:
            return ""
        source = below
    return source.fullname


def _below(source: Any) -> Any:
    if isinstance(source, Select):
        return next(iter(source.get_final_froms()), None)
    if isinstance(source, CompoundSelect):
        return source.selects[0]
    if isinstance(source, Join):
        return source.left
    if isinstance(source, AliasedReturnsRows | FromGrouping | SelectStatementGrouping):
        return source.element
    if isinstance(source, BaseDDLElement):
        element = getattr(source, "element", None)
        return element if isinstance(element, Table) else getattr(element, "table", None)
    return getattr(source, "table", None) if isinstance(source, UpdateBase) else None
