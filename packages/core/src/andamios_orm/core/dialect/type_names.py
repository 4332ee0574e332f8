"""Reads DuckDB's type names, as the catalog prints them, into SQLAlchemy types."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from sqlalchemy import exc
from sqlalchemy import types as sqltypes
from sqlalchemy.types import TypeEngine

from andamios_orm.core import types
from andamios_orm.core.dialect.identifiers import unquoted

_T = TypeVar("_T")

_TOKEN = re.compile(r"""\s*("(?:[^"]|"")*"|'(?:[^']|'')*'|[()\[\],]|[^\s"'()\[\],]+)""")

_PLAIN: dict[str, Callable[[], TypeEngine[Any]]] = {
    "BIGINT": sqltypes.BIGINT,
    "BIGNUM": types.BIGNUM,
    "BIT": types.BIT,
    "BLOB": sqltypes.BLOB,
    "BOOLEAN": sqltypes.BOOLEAN,
    "DATE": sqltypes.DATE,
    "DECIMAL": sqltypes.DECIMAL,
    "DOUBLE": sqltypes.DOUBLE,
    "FLOAT": sqltypes.FLOAT,
    "HUGEINT": types.HUGEINT,
    "INTEGER": sqltypes.INTEGER,
    "INTERVAL": types.INTERVAL,
    "JSON": types.JSON,
    "SMALLINT": sqltypes.SMALLINT,
    "TIME": sqltypes.TIME,
    "TIME WITH TIME ZONE": lambda: sqltypes.TIME(timezone=True),
    "TIMESTAMP": sqltypes.TIMESTAMP,
    "TIMESTAMP WITH TIME ZONE": lambda: sqltypes.TIMESTAMP(timezone=True),
    "TIMESTAMP_MS": types.TIMESTAMP_MS,
    "TIMESTAMP_NS": types.TIMESTAMP_NS,
    "TIMESTAMP_S": types.TIMESTAMP_S,
    "TINYINT": types.TINYINT,
    "UBIGINT": types.UBIGINT,
    "UHUGEINT": types.UHUGEINT,
    "UINTEGER": types.UINTEGER,
    "USMALLINT": types.USMALLINT,
    "UTINYINT": types.UTINYINT,
    "UUID": sqltypes.UUID,
    "VARCHAR": sqltypes.VARCHAR,
    "VARIANT": types.VARIANT,
    "VARINT": types.BIGNUM,
}


def parse_type(name: str) -> TypeEngine[Any]:
    """Return the type that DuckDB's catalog calls `name`.

    What is not known, of an extension or of the user, becomes `NullType` (alone or nested), with a warning.

    Args:
        name: as `duckdb_columns().data_type` prints it, such as `STRUCT("a b" INTEGER, c DECIMAL(10,2)[])`.
    """
    try:
        reader = _Reader(name)
        type_ = reader.type()
        reader.end()
    except ValueError:
        return _unknown(name)
    return type_


def _unknown(name: str) -> TypeEngine[Any]:
    warnings.warn(f"Did not recognize type '{name}'", exc.SAWarning, stacklevel=2)
    return sqltypes.NULLTYPE


def _tokens(name: str) -> Iterator[str]:
    position = 0
    while position < len(name):
        match = _TOKEN.match(name, position)
        if match is None:
            raise ValueError(f"unexpected text in {name!r}")
        yield match[1]
        position = match.end()


class _Reader:
    """Reads one type name from left to right."""

    def __init__(self, name: str) -> None:
        self._tokens = list(_tokens(name.strip()))
        self._next = 0

    def end(self) -> None:
        """Check that nothing is left."""
        if self._peek():
            raise ValueError(f"unexpected {self._peek()!r}")

    def type(self) -> TypeEngine[Any]:
        """Read a type with its list suffixes."""
        type_ = self._base()
        while self._accept("["):
            if self._accept("]"):
                type_ = types.LIST(type_)
            else:
                type_ = types.ARRAY(type_, self._number())
                self._expect("]")
        return type_

    def _base(self) -> TypeEngine[Any]:
        words = [self._take()]
        if words[0] in "()[],":
            raise ValueError(f"unexpected {words[0]!r}")
        while self._peek() and self._peek() not in "()[],":
            words.append(self._take())
        name = " ".join(words)
        if not self._accept("("):
            plain = _PLAIN.get(name)
            return plain() if plain else _unknown(name)
        return self._with_arguments(name)

    def _with_arguments(self, name: str) -> TypeEngine[Any]:
        match name:
            case "STRUCT" | "UNION":
                fields = dict(self._listed(self._field))
                return types.STRUCT(fields) if name == "STRUCT" else types.UNION(fields)
            case "MAP":
                key, value = self._listed(self.type)
                return types.MAP(key, value)
            case "ENUM":
                return types.ENUM(*self._listed(lambda: unquoted(self._take(), "'")))
            case "DECIMAL":
                width, scale = self._listed(self._number)
                return sqltypes.DECIMAL(width, scale)
            case _:
                self._listed(self._take)
                return _unknown(name)

    def _listed(self, read: Callable[[], _T]) -> list[_T]:
        items = [read()]
        while self._accept(","):
            items.append(read())
        self._expect(")")
        return items

    def _field(self) -> tuple[str, TypeEngine[Any]]:
        return unquoted(self._take()), self.type()

    def _number(self) -> int:
        token = self._take()
        if not token.isdecimal():
            raise ValueError(f"{token!r} is no number")
        return int(token)

    def _peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        if not token:
            raise ValueError("the name ends too early")
        self._next += 1
        return token

    def _accept(self, token: str) -> bool:
        found = self._peek() == token
        self._next += found
        return found

    def _expect(self, token: str) -> None:
        if not self._accept(token):
            raise ValueError(f"unexpected {self._peek()!r}")
