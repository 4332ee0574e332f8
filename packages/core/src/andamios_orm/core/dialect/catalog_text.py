"""Reading of the texts in DuckDB's catalog: names, expressions, CREATE statements.

The texts are the engine's own print of what it parsed, so quoting, spacing and parentheses never vary.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass

from andamios_orm.core.dialect.identifiers import unquoted

__all__ = ["WrittenColumn", "fold", "unwrapped", "written_columns"]

_FOLD = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_LEXEME = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[()]|[^'"()]+""")
_NAME = re.compile(r'"(?:[^"]|"")*"|[^ ]+')
_GENERATED = re.compile(r" GENERATED ALWAYS AS(\(\0*\))")
_COLLATE = re.compile(r" COLLATE (\S+)")


@dataclass(frozen=True)
class WrittenColumn:
    """Hold what only the CREATE statement tells about a column."""

    expression: str | None
    """How the column is computed, or ``None``."""
    collation: str | None


def fold(name: str) -> str:
    """Return a name in the form in which the engine compares it: ASCII letters in lower case."""
    return name.translate(_FOLD)


def unwrapped(expression: str) -> str:
    """Return an expression without the parentheses around the whole of it."""
    while expression.startswith("(") and _outline(expression).index(")") == len(expression) - 1:
        expression = expression[1:-1]
    return expression


def written_columns(create_table: str) -> dict[str, WrittenColumn]:
    """Read the columns that are computed or collated out of a CREATE TABLE statement.

    Returns:
        What stands there, by the name of the column. Other columns are left out.
    """
    outline = _outline(create_table)
    start, end = outline.index("(") + 1, outline.index(")")
    columns: dict[str, WrittenColumn] = {}
    for part in _parts(create_table[start:end]):
        _read_column(part.strip(), columns)
    return columns


def _read_column(definition: str, columns: dict[str, WrittenColumn]) -> None:
    name, outline = _NAME.match(definition), _outline(definition)
    generated, collate = _GENERATED.search(outline), _COLLATE.search(outline)
    if name is not None and (generated or collate):
        columns[unquoted(name[0])] = WrittenColumn(
            unwrapped(definition[slice(*generated.span(1))]) if generated else None,
            collate[1] if collate else None,
        )


def _parts(text: str) -> list[str]:
    """Split a list at the commas that stand in no quotes and no parentheses."""
    commas = [index for index, sign in enumerate(_outline(text)) if sign == ","]
    starts = [0, *(index + 1 for index in commas)]
    return [text[start:end] for start, end in zip(starts, [*commas, len(text)], strict=True)]


def _outline(text: str) -> str:
    """Return a text of the same length in which all that stands in quotes or parentheses is blotted out."""
    signs: list[str] = []
    depth = 0
    for lexeme in _LEXEME.findall(text):
        depth -= lexeme == ")"
        signs.append("\0" * len(lexeme) if depth or lexeme[0] in "'\"" else lexeme)
        depth += lexeme == "("
    return "".join(signs)
