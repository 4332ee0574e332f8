"""Quote names for DuckDB, take their quotes off, and read schema names that hold a catalog."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects.postgresql.base import PGIdentifierPreparer

from andamios_orm.core._types.literals import string_literal

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import Dialect

__all__ = [
    "RESERVED_WORDS",
    "DuckDBIdentifierPreparer",
    "join_schema",
    "split_schema",
    "string_literal",
    "unquoted",
]

_WORDS = """
all analyse analyze and anti any array as asc asof asymmetric at authorization binary both by case cast
check collate collation column concurrently constraint create cross default deferrable desc describe
distinct do else end except false fetch for foreign freeze from full glob group having ilike in initially
inner intersect into is isnull join lambda lateral leading left like limit natural not notnull null offset
on only or order outer overlaps pivot pivot_longer pivot_wider placing positional primary qualify references
returning right select semi show similar some summarize symmetric table tablesample then to trailing true
union unique unpack unpivot using variadic verbose when where window with
"""

RESERVED_WORDS = frozenset(_WORDS.split())
"""The words that some version of DuckDB takes for a table or a column in quotes only, whatever its keyword
list calls them."""

_NAME = r'(?:"(?:[^"]|"")+"|[^."]+)'
_QUALIFIED = re.compile(rf"(?P<catalog>{_NAME})\.(?P<schema>{_NAME})")


def unquoted(text: str, quote: str = '"') -> str:
    """Return what a text in quotes stands for; a text that is not quoted stands for itself."""
    inner = text[1:-1]
    if text != f"{quote}{inner}{quote}" or quote in inner.replace(quote * 2, ""):
        return text
    return inner.replace(quote * 2, quote)


def join_schema(catalog: str | None, schema: str) -> str:
    """Return ``catalog.schema``, or the schema alone; a part with a dot or a double quote in it is quoted."""
    parts = (schema,) if catalog is None else (catalog, schema)
    return ".".join(_quoted(part) if "." in part or '"' in part else part for part in parts)


def _quoted(part: str) -> str:
    doubled = part.replace('"', '""')
    return f'"{doubled}"'


def split_schema(name: str) -> tuple[str | None, str]:
    """Split a schema name into catalog and schema.

    ``"s"`` is a schema of the current catalog, ``"db.s"`` names the catalog too. A part that holds a dot
    stands in double quotes.
    """
    qualified = _QUALIFIED.fullmatch(name)
    if qualified is None:
        return None, unquoted(name)
    return unquoted(qualified["catalog"]), unquoted(qualified["schema"])


class DuckDBIdentifierPreparer(PGIdentifierPreparer):
    """Quote what DuckDB needs quoted: reserved words, upper case, whatever is no plain identifier."""

    reserved_words = set(RESERVED_WORDS)  # noqa: RUF012 # SQLAlchemy declares it so

    def __init__(self, dialect: Dialect, **options: Any) -> None:
        super().__init__(dialect, **options)
        self._double_percents = False

    def quote_schema(self, schema: str) -> str:
        """Quote a schema name, and its catalog where it has one."""
        catalog, name = split_schema(schema)
        return self.quote(name) if catalog is None else f"{self.quote(catalog)}.{self.quote(name)}"
