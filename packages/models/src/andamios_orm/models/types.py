"""Types for columns: those of DuckDB, which core defines, and those that encrypt, check or convert values.

Each takes and gives the Python value that its docstring names, and `None` for NULL.
"""

from __future__ import annotations

from andamios_orm.core.types import (
    ARRAY,
    BIGNUM,
    BIT,
    BLOB,
    ENUM,
    HUGEINT,
    INTERVAL,
    JSON,
    LIST,
    MAP,
    STRUCT,
    TIMESTAMP_MS,
    TIMESTAMP_NS,
    TIMESTAMP_S,
    TIMESTAMPTZ,
    TIMETZ,
    TINYINT,
    UBIGINT,
    UHUGEINT,
    UINTEGER,
    UNION,
    USMALLINT,
    UTINYINT,
    UUID,
    VARIANT,
)
from andamios_orm.models._types.documents import PydanticJSON
from andamios_orm.models._types.encrypted import Encrypted
from andamios_orm.models._types.enums import StrEnumType
from andamios_orm.models._types.money import Money
from andamios_orm.models._types.vectors import Vector, cosine_distance, inner_product, l2_distance

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
    "Encrypted",
    "Money",
    "PydanticJSON",
    "StrEnumType",
    "Vector",
    "cosine_distance",
    "inner_product",
    "l2_distance",
]
