"""Check the text of a query: one statement, whose values are all bound.

DuckDB's own tokenizer cuts the text, so that quotes, dollar quotes and comments are what the engine takes
them for. The rules:

* A placeholder is ``:name``. The colon of a cast, a slice or a key is none: it has a letter, a digit, a quote
  or a bracket right before it, or no name right behind it.
* A constant, text or number, that something is compared with, assigned or inserted is what formatting leaves
  behind. It is refused in WHERE, ON, HAVING, QUALIFY and SET, and in the VALUES of an INSERT. There is one
  exception: QUALIFY may count, as LIMIT does.
* Constants elsewhere belong to the query: what is selected and computed, its CASE labels, arguments of
  functions, intervals, LIMIT. So do TRUE, FALSE and NULL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import duckdb
from duckdb import token_type

from andamios_orm.core.errors import ConfigurationError

__all__ = ["Checked", "check"]

_CONDITIONS = frozenset({"where", "on", "having", "qualify", "set", "values"})
_CLAUSES = _CONDITIONS | frozenset(
    {
        "except", "fetch", "from", "group", "intersect", "join", "limit", "offset", "order", "partition",
        "pivot", "returning", "select", "union", "unpivot", "using", "window",
    }
)  # fmt: skip
"""Words that begin a part of a statement."""

_COMPARING = frozenset(
    {"=", "==", "<>", "!=", "<", ">", "<=", ">=", "~", "!~", "~~", "!~~", "~~*", "!~~*", "~~~"}
)
_COMPARING_WORDS = frozenset({"between", "glob", "ilike", "in", "like"})
_TRANSPARENT = frozenset(
    {"all", "any", "array", "cast", "row", "some", "time", "timestamp", "try_cast", "with", "zone"}
)
"""Words behind which a constant is compared as if they were not there."""

_BEFORE_OPERAND = frozenset({"where", "on", "having", "qualify", "and", "or", "not", "("})

_PIECE = re.compile(
    r'(?P<word>"(?:[^"]|"")*"|[^\W\d][\w$]*)|(?P<sign>::|:=|[()\[\]{},;.:]|[-+*/<>=~!@#%^&|`?]+|\$\w*|\\)'
)
_COMMENT = re.compile(r"--|/\*")
_BLANK = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*\*/)*$", re.DOTALL)


class Checked(NamedTuple):
    """A text that passed.

    Attributes:
        text: The text for ``sqlalchemy.text()``.
        names: The names of its placeholders.
        listed: Those that stand behind IN, each time.
        bracketed: Those that stand behind IN as the only element of a list.
    """

    text: str
    names: frozenset[str]
    listed: frozenset[str]
    bracketed: frozenset[str]


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """The word or the sign, in lower case; empty for a constant."""
        return "" if self.kind in ("text", "number") else self.text.lower()


_NOTHING = _Token("sign", "", -1, -1)


def check(text: str) -> Checked:
    """Return the text with its placeholders.

    Raises:
        ConfigurationError: It holds several statements, none, a placeholder of string formatting, or a
            constant that has to be bound.
    """
    encoded = text.encode()
    tokens = list(_tokens(encoded))
    _refuse_several(tokens)
    _refuse_formatting(tokens)
    _Reader(tokens).read()
    found = list(_placeholders(tokens))
    names = frozenset(tokens[at + 1].text for at in found)
    elsewhere = {tokens[at + 1].text for at in found if _words(tokens, at - 1, at) != ["in"]}
    bracketed = frozenset(
        tokens[at + 1].text
        for at in found
        if _words(tokens, at - 2, at) == ["in", "("] and _words(tokens, at + 2, at + 3) == [")"]
    )
    escaped = _escaped(encoded, [tokens[at].start for at in found])
    return Checked(escaped, names, names - elsewhere, bracketed)


def _words(tokens: Sequence[_Token], start: int, end: int) -> list[str]:
    return [token.word for token in tokens[max(start, 0) : end]]


def _tokens(encoded: bytes) -> Iterator[_Token]:
    # The tokenizer counts in bytes, and tells of beginnings. Some versions do not tell of comments.
    found = [each for each in duckdb.tokenize(encoded.decode()) if each[1] != token_type.comment]
    for (start, kind), (end, _) in pairwise((*found, (len(encoded), None))):
        piece = encoded[start:end].decode()
        # DuckDB 2 takes the dot of a qualified name for a number.
        if kind in (token_type.string_const, token_type.numeric_const) and piece.rstrip() != ".":
            constant = "text" if kind == token_type.string_const else "number"
            yield _Token(constant, piece, start, start + len(piece.rstrip().encode()))
        else:
            yield _named(piece, start)


def _named(piece: str, start: int) -> _Token:
    found = _PIECE.match(piece)
    taken = "" if found is None else found[0]
    kind = "word" if found is not None and found["word"] else "sign"
    if kind == "sign":
        taken = _COMMENT.split(taken)[0]
    if not taken or not _BLANK.match(piece, len(taken)):
        raise ConfigurationError(f"this cannot be read as SQL: {piece[:80]!r}")
    return _Token(kind, taken, start, start + len(taken.encode()))


def _refuse_several(tokens: Sequence[_Token]) -> None:
    statements = [token for token in tokens if token.word != ";"]
    if not statements:
        raise ConfigurationError("sql() takes a statement, and this text holds none")
    first = next((token for token in tokens if token.word == ";"), None)
    if first is not None and first.start < statements[-1].start:
        raise ConfigurationError(
            "sql() takes one statement, and this text holds several: call it once for each, in a transaction"
        )


def _refuse_formatting(tokens: Sequence[_Token]) -> None:
    for before, token, after in _neighbours(tokens):
        if token.kind != "sign":
            continue
        adjacent = token.end == after.start
        if (
            "?" in token.text
            or token.text.startswith("$")
            or (token.text.endswith("%") and adjacent and _expects_value(before, token))
            or (token.text == "{" and after.word == "}" and before.word != "map")
        ):
            raise _formatting(token.text)
    for at, token in enumerate(tokens[:-2]):
        if token.text == "{" and tokens[at + 1].kind == "word" and tokens[at + 2].word in ("}", ".", "!"):
            raise _formatting("{" + tokens[at + 1].text)


def _expects_value(before: _Token, percent: _Token) -> bool:
    # Behind a value, % is the remainder.
    if percent.text != "%":
        return True
    if before.kind == "sign":
        return before.word not in (")", "]", "}")
    return before.word in _COMPARING_WORDS | _BEFORE_OPERAND | _CLAUSES


def _formatting(found: str) -> ConfigurationError:
    return ConfigurationError(
        f"{found!r} is a placeholder of string formatting or of a driver: values are bound by name, as in "
        "sql('... where x = :x', x=1)"
    )


def _neighbours(tokens: Sequence[_Token]) -> Iterator[tuple[_Token, _Token, _Token]]:
    return zip((_NOTHING, *tokens), tokens, (*tokens[1:], _NOTHING), strict=False)


def _placeholders(tokens: Sequence[_Token]) -> Iterator[int]:
    for at, (before, token, after) in enumerate(_neighbours(tokens)):
        if token.text != ":" or after.kind != "word" or after.start != token.end or '"' in after.text:
            continue
        bound = before.end == token.start and (before.kind != "sign" or before.word in (")", "]", "}", "\\"))
        if not bound:
            yield at


def _escaped(encoded: bytes, kept: Sequence[int]) -> str:
    """Return the text in which SQLAlchemy takes these colons for placeholders, and no others."""
    parts, last = [], 0
    for position in kept:
        parts += [encoded[last:position].replace(b":", b"\\:"), b":"]
        last = position + 1
    parts.append(encoded[last:].replace(b":", b"\\:"))
    return b"".join(parts).decode()


@dataclass
class _Level:
    """What is between two brackets, or around all.

    Attributes:
        clause: The part of the statement, by the word that it begins with.
        listed: Whether its elements are compared with something.
        between: Whether an AND is that of a BETWEEN.
    """

    clause: str = ""
    listed: bool = False
    between: bool = False


class _Reader:
    """Read a statement from left to right, and know what each constant is for."""

    def __init__(self, tokens: Sequence[_Token]) -> None:
        self._tokens = tokens
        self._levels = [_Level()]
        self._compared = False
        self._inserts = False

    def read(self) -> None:
        """Read it.

        Raises:
            ConfigurationError: A constant has to be bound.
        """
        for before, token, after in _neighbours(self._tokens):
            if token.kind in ("text", "number"):
                self._constant(before, token, after)
            elif token.kind == "word":
                self._word(before, token, after)
            else:
                self._sign(token)

    @property
    def _level(self) -> _Level:
        return self._levels[-1]

    def _constant(self, before: _Token, token: _Token, after: _Token) -> None:
        level = self._level
        compared = self._compared or (before.word in _BEFORE_OPERAND and after.word in _COMPARING)
        counts = level.clause == "qualify" and token.kind == "number"
        if compared and level.clause in _CONDITIONS and not counts:
            constant = token.text.strip()
            raise ConfigurationError(
                f"the constant {constant} is compared, assigned or inserted: bind it, as in "
                f"sql('... = :name', name={constant}). For a text with constants of its own there is "
                "sqlalchemy.text()"
            )
        self._compared = False

    def _sign(self, token: _Token) -> None:
        if token.text in ("(", "[", "{"):
            self._levels.append(_Level(self._level.clause, self._compared))
        elif token.text in (")", "]", "}"):
            # What is not balanced the engine refuses.
            self._levels = self._levels[:-1] or [_Level()]
            self._compared = False
        elif token.text == ",":
            self._compared = self._level.listed or self._level.clause == "values"
        elif token.text in _COMPARING:
            self._compared = True
        elif token.text not in ("+", "-"):
            self._compared = False

    def _word(self, before: _Token, token: _Token, after: _Token) -> None:
        word, level = token.word, self._level
        if before.word == ".":
            self._compared = False
        elif word in _COMPARING_WORDS or _is_comparing(before, word):
            self._compared = True
            level.between = level.between or word == "between"
        elif word == "and":
            self._compared, level.between = level.between, False
        elif word in _CLAUSES:
            self._begin(before, word, after)
        elif word not in _TRANSPARENT:
            self._inserts = self._inserts or word == "insert"
            # DATE '2013-01-01' is a constant, too.
            self._compared = self._compared and after.kind == "text" and word != "interval"

    def _begin(self, before: _Token, word: str, after: _Token) -> None:
        level = self._level
        self._compared = False
        if word == "on" and (
            before.word == "distinct" or after.word == "conflict" or "pivot" in level.clause
        ):
            return
        if word == "set" and before is _NOTHING:
            return
        if word == "values":
            # Elsewhere they are a table.
            self._compared = self._inserts and len(self._levels) == 1
            word = "values" if self._compared else "from"
        level.clause = word


def _is_comparing(before: _Token, word: str) -> bool:
    # SIMILAR TO, and IS DISTINCT FROM.
    return (before.word, word) in (("similar", "to"), ("distinct", "from"))
