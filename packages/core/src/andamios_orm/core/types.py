"""DuckDB's types for columns, beside those that SQLAlchemy has already.

Each takes and gives the Python value that its docstring names, `None` for NULL, and nests in the others.
"""

from __future__ import annotations

from sqlalchemy.types import BLOB, UUID

from andamios_orm.core._types.json import JSON
from andamios_orm.core._types.lists import ARRAY, LIST
from andamios_orm.core._types.maps import MAP
from andamios_orm.core._types.records import STRUCT, UNION
from andamios_orm.core._types.scalar import (
    BIGNUM,
    BIT,
    ENUM,
    HUGEINT,
    INTERVAL,
    TIMESTAMP_MS,
    TIMESTAMP_NS,
    TIMESTAMP_S,
    TIMESTAMPTZ,
    TIMETZ,
    TINYINT,
    UBIGINT,
    UHUGEINT,
    UINTEGER,
    USMALLINT,
    UTINYINT,
    VARIANT,
)

__all__ = [
    "ARRAY",
    "BIGNUM",
    "BIT",
    "BLOB",
    "ENUM",
    "HUGEINT",
    "INTERVAL",
    "JSON",
    "LIST",
    "MAP",
    "STRUCT",
    "TIMESTAMPTZ",
    "TIMESTAMP_MS",
    "TIMESTAMP_NS",
    "TIMESTAMP_S",
    "TIMETZ",
    "TINYINT",
    "UBIGINT",
    "UHUGEINT",
    "UINTEGER",
    "UNION",
    "USMALLINT",
    "UTINYINT",
    "UUID",
    "VARIANT",
]
