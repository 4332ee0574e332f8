"""DDL names of types in DuckDB, and what stands behind SQLAlchemy's own types there."""

# SQLAlchemy dispatches to methods named visit_ and the type's name, upper case included.
# ruff: noqa: N802, N815

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import types as sqltypes
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql.base import PGTypeCompiler
from sqlalchemy.types import TypeEngine

from andamios_orm.core._types.json import JSON, JsonIndexImplementation, JsonPathImplementation
from andamios_orm.core._types.lists import ARRAY, LIST
from andamios_orm.core._types.literals import string_literal
from andamios_orm.core._types.maps import MAP
from andamios_orm.core._types.records import STRUCT, UNION
from andamios_orm.core._types.scalar import (
    ENUM,
    INTERVAL,
    BooleanImplementation,
    DateImplementation,
    DateTimeImplementation,
    FloatImplementation,
    LargeBinaryImplementation,
    NumericImplementation,
    TimeImplementation,
    UuidImplementation,
    decimal_size,
)

__all__ = ["COLSPECS", "DuckDBTypeCompiler"]

COLSPECS: dict[type[TypeEngine[Any]], type[TypeEngine[Any]]] = {
    sqltypes.ARRAY: LIST,
    sqltypes.Boolean: BooleanImplementation,
    sqltypes.Date: DateImplementation,
    sqltypes.DateTime: DateTimeImplementation,
    sqltypes.Enum: ENUM,
    sqltypes.Float: FloatImplementation,
    sqltypes.Interval: INTERVAL,
    sqltypes.JSON: JSON,
    sqltypes.JSON.JSONIndexType: JsonIndexImplementation,
    sqltypes.JSON.JSONPathType: JsonPathImplementation,
    sqltypes.LargeBinary: LargeBinaryImplementation,
    sqltypes.Numeric: NumericImplementation,
    sqltypes.Time: TimeImplementation,
    sqltypes.Uuid: UuidImplementation,
    postgresql.INTERVAL: INTERVAL,
}
"""What stands behind SQLAlchemy's types on DuckDB: the dialect's `colspecs`."""


_SINGLE_PRECISION_BITS = 24


def _named(name: str) -> Callable[..., str]:
    """Return a visit method for a type that has no arguments."""

    def visit(self: DuckDBTypeCompiler, type_: TypeEngine[Any], **kw: object) -> str:
        return name

    return visit


class DuckDBTypeCompiler(PGTypeCompiler):
    """Renders types as DuckDB names them.

    The option `inline_enums` spells out the labels of named enums too, as is always done inside nested types.
    """

    visit_TINYINT = _named("TINYINT")
    visit_UTINYINT = _named("UTINYINT")
    visit_USMALLINT = _named("USMALLINT")
    visit_UINTEGER = _named("UINTEGER")
    visit_UBIGINT = _named("UBIGINT")
    visit_HUGEINT = _named("HUGEINT")
    visit_UHUGEINT = _named("UHUGEINT")
    visit_BIGNUM = _named("BIGNUM")
    visit_VARIANT = _named("VARIANT")
    visit_TIMESTAMP_S = _named("TIMESTAMP_S")
    visit_TIMESTAMP_MS = _named("TIMESTAMP_MS")
    visit_TIMESTAMP_NS = _named("TIMESTAMP_NS")
    visit_double = _named("DOUBLE")
    visit_DOUBLE = _named("DOUBLE")
    visit_DOUBLE_PRECISION = _named("DOUBLE")
    visit_large_binary = _named("BLOB")
    visit_BLOB = _named("BLOB")
    visit_BYTEA = _named("BLOB")
    visit_BINARY = _named("BLOB")
    visit_VARBINARY = _named("BLOB")
    visit_BIT = _named("BIT")
    visit_INTERVAL = _named("INTERVAL")
    visit_JSONB = _named("JSON")
    visit_CLOB = _named("VARCHAR")
    visit_NCLOB = _named("VARCHAR")

    def visit_float(self, type_: sqltypes.Float[Any], **kw: object) -> str:
        """Render the generic float: 8 bytes, unless the precision fits into 4."""
        precision = type_.precision
        return "DOUBLE" if precision is None or precision > _SINGLE_PRECISION_BITS else "FLOAT"

    def visit_FLOAT(self, type_: sqltypes.Float[Any], **kw: object) -> str:
        """Render DuckDB's FLOAT, of 4 bytes, unless the precision asks for more."""
        precision = type_.precision
        return "DOUBLE" if precision is not None and precision > _SINGLE_PRECISION_BITS else "FLOAT"

    def visit_NUMERIC(self, type_: sqltypes.Numeric[Any], **kw: object) -> str:
        """Render a decimal with width and scale: DuckDB's own default keeps three decimals only."""
        if type_.precision is None and type_.scale is None and not type_.asdecimal:
            return "DOUBLE"
        width, scale = decimal_size(type_)
        return f"DECIMAL({width}, {scale})"

    def visit_DECIMAL(self, type_: sqltypes.Numeric[Any], **kw: object) -> str:
        """Render a decimal with width and scale."""
        return self.visit_NUMERIC(type_, **kw)

    def visit_TIMESTAMP(self, type_: sqltypes.DateTime, **kw: object) -> str:
        """Render a timestamp of microseconds."""
        return "TIMESTAMP WITH TIME ZONE" if type_.timezone else "TIMESTAMP"

    def visit_TIME(self, type_: sqltypes.Time, **kw: object) -> str:
        """Render a time of day."""
        return "TIME WITH TIME ZONE" if type_.timezone else "TIME"

    def visit_ENUM(self, type_: ENUM, identifier_preparer: Any = None, **kw: Any) -> str:  # as the base
        """Render the name of an enum type, or its labels where it has none."""
        if type_.name and not kw.get("inline_enums"):
            name: str = super().visit_ENUM(type_, identifier_preparer)  # type: ignore[no-untyped-call]  # no hints
            return name
        return f"ENUM({', '.join(string_literal(label) for label in type_.enums)})"

    def visit_LIST(self, type_: LIST, **kw: object) -> str:
        """Render a list."""
        return f"{self._nested(type_.element_type, kw)}[]"

    def visit_ARRAY(self, type_: sqltypes.ARRAY[Any], **kw: object) -> str:
        """Render SQLAlchemy's generic array as a list."""
        return self._nested(type_.item_type, kw) + "[]" * (type_.dimensions or 1)

    def visit_FIXED_ARRAY(self, type_: ARRAY, **kw: object) -> str:
        """Render a list of fixed length."""
        return f"{self._nested(type_.item_type, kw)}[{type_.size}]"

    def visit_MAP(self, type_: MAP, **kw: object) -> str:
        """Render a map."""
        return f"MAP({self._nested(type_.key_type, kw)}, {self._nested(type_.value_type, kw)})"

    def visit_STRUCT(self, type_: STRUCT, **kw: object) -> str:
        """Render a struct, its field names quoted."""
        return f"STRUCT({self._fields(type_.fields, kw)})"

    def visit_UNION(self, type_: UNION, **kw: object) -> str:
        """Render a union, its tags quoted."""
        return f"UNION({self._fields(type_.fields, kw)})"

    def _fields(self, fields: dict[str, TypeEngine[Any]], options: dict[str, object]) -> str:
        quote = self.dialect.identifier_preparer.quote_identifier
        return ", ".join(f"{quote(name)} {self._nested(type_, options)}" for name, type_ in fields.items())

    def _nested(self, type_: TypeEngine[Any], options: dict[str, object]) -> str:
        name: str = self.process(type_, **{**options, "inline_enums": True})
        return name
