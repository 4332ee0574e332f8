"""Which tables a statement writes; where that cannot be known, it is everything."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Table, TableClause
from sqlalchemy.engine.interfaces import Compiled
from sqlalchemy.orm.context import FromStatement
from sqlalchemy.sql import ClauseElement, visitors
from sqlalchemy.sql.ddl import BaseDDLElement
from sqlalchemy.sql.dml import Insert, UpdateBase
from sqlalchemy.sql.elements import AbstractTextClause
from sqlalchemy.sql.selectable import TextualSelect

from andamios_orm.core.cache.read_tables import sources_of, table_name
from andamios_orm.core.dialect.bulk import BulkRows
from andamios_orm.core.dml import conflict_clause

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Dialect, ExecutionContext

__all__ = ["EVERYTHING", "Effect", "effect_of", "effect_of_compiled", "effect_of_text"]

EVERYTHING = "*"
"""Stands for all tables."""

_BEFORE = r"(?:[\s(]|--[^\n]*\n|/\*.*?\*/)*"
_READING = re.compile(
    _BEFORE
    + r"(?:SELECT|WITH|VALUES|FROM|TABLE|SHOW|DESC|DESCRIBE|SUMMARIZE|EXPLAIN|PRAGMA(?![^;]*=)"
    + r"|BEGIN|START|SAVEPOINT|RELEASE|ROLLBACK|SET\s+TRANSACTION|PRAGMA\s+query_only)\b",
    re.IGNORECASE | re.DOTALL,
)
"""The beginning of text that reads, or that belongs to a transaction."""

_WRITING = re.compile(r"\b(?:INSERT|UPDATE|DELETE|MERGE|INTO)\b|;\s*\S", re.IGNORECASE)
"""What makes text write all the same, in a common table expression or a second statement."""

_SETTING = re.compile(_BEFORE + r"(?:SET|RESET|USE)\b", re.IGNORECASE | re.DOTALL)
_SET_CONFIG = re.compile(r"\bset_config\s*\(", re.IGNORECASE)
"""What changes a setting of the connection, such as the schema or the tenant whose rows it sees."""

_NO_ACTION = (None, "NO ACTION", "RESTRICT")

_JOINED_WRITES = ("mysql", "mariadb")
"""Backends where one UPDATE or DELETE may write several tables."""


class Effect(NamedTuple):
    """What a statement does beside giving rows."""

    tables: frozenset[str]
    """The tables that it writes, and those that the database changes with them."""
    sets: bool
    """Whether it changes a setting of its connection, on which later rows may depend."""


def effect_of(context: ExecutionContext, text: str, parameters: Any) -> Effect:
    """Return the effect of an execution.

    Args:
        context: The execution.
        text: What is sent.
        parameters: What is sent with it.
    """
    compiled = context.compiled
    if isinstance(parameters, BulkRows):
        return Effect(frozenset((table_name(parameters.plan.table),)), sets=False)
    return effect_of_text(text) if compiled is None else effect_of_compiled(compiled)


def effect_of_compiled(compiled: Compiled) -> Effect:
    """Return the effect of a compiled statement."""
    known = _known.get(compiled)
    if known is None:
        known = _known[compiled] = _effect_of_compiled(compiled)
    return known


@lru_cache(maxsize=1_024)
def effect_of_text(text: str) -> Effect:
    """Return the effect of SQL text; one that is not known to be small counts as writing everything."""
    if _WRITING.search(text) is None:
        if _READING.match(text):
            return Effect(frozenset(), sets=_sets(text))
        if _SETTING.match(text):
            return Effect(frozenset(), sets=True)
    return Effect(frozenset((EVERYTHING,)), sets=True)


_known: WeakKeyDictionary[Compiled, Effect] = WeakKeyDictionary()


def _sets(text: str) -> bool:
    return _SET_CONFIG.search(text) is not None


def _effect_of_compiled(compiled: Compiled) -> Effect:
    statement: Any = compiled.statement
    if isinstance(statement, FromStatement):
        statement = statement.element
    if isinstance(statement, AbstractTextClause):
        return effect_of_text(compiled.string)
    if isinstance(statement, BaseDDLElement):
        return Effect(frozenset((EVERYTHING,)), sets=False)
    names = frozenset(_written(statement, compiled.dialect))
    return Effect(names, sets=_sets(compiled.string))


def _written(statement: ClauseElement, dialect: Dialect) -> Iterator[str]:
    for element in visitors.iterate(statement):
        if isinstance(element, UpdateBase):
            yield from _names(element)
            if dialect.name in _JOINED_WRITES and not isinstance(element, Insert):
                yield from sources_of(element, dialect).tables
        elif isinstance(element, TextualSelect):
            yield from effect_of_text(getattr(element.element, "text", "")).tables


def _names(statement: UpdateBase) -> Iterator[str]:
    only_adds = isinstance(statement, Insert) and conflict_clause(statement) is None
    # A prefix such as OR REPLACE removes rows.
    only_adds = only_adds and not statement._prefixes
    for table in visitors.iterate(statement.table):
        if isinstance(table, TableClause):
            yield table_name(table)
        if isinstance(table, Table) and table.is_view:
            yield EVERYTHING
        if isinstance(table, Table) and not only_adds:
            yield from map(table_name, _changed_along(table))


def _changed_along(table: Table) -> set[Table]:
    # Those whose rows the database itself changes or removes, through any number of levels.
    found: set[Table] = set()
    waiting = [table]
    while waiting:
        parent = waiting.pop()
        for child in parent.metadata.tables.values():
            if child not in found and _follows(child, parent):
                found.add(child)
                waiting.append(child)
    return found


def _follows(child: Table, parent: Table) -> bool:
    return any(
        key.target_fullname.rpartition(".")[0] == parent.fullname
        for key in child.foreign_keys
        if {key.ondelete, key.onupdate}.difference(_NO_ACTION)
    )
