"""DuckDB's scalar types, and what stands behind SQLAlchemy's own ones on DuckDB."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal
from math import isfinite
from typing import Any

import duckdb
from sqlalchemy import exc
from sqlalchemy import types as sqltypes
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.ddl import CheckFirst
from sqlalchemy.sql.operators import OperatorClass
from sqlalchemy.types import TypeEngine

from andamios_orm.core._types.literals import Processor, cast_processor

DECIMAL_WIDTH = 38
"""Digits that DuckDB's widest DECIMAL holds."""

DECIMAL_SCALE = 10
"""Decimals of a `Numeric()` whose precision is not given: SQLAlchemy's own default scale."""

_EXACT = Context(prec=2 * DECIMAL_WIDTH + 4096, rounding=ROUND_HALF_UP)
_INT128_MAX = 2**127 - 1


class TINYINT(sqltypes.Integer):
    """Signed integer of 1 byte."""

    __visit_name__ = "TINYINT"


class UTINYINT(sqltypes.Integer):
    """Unsigned integer of 1 byte."""

    __visit_name__ = "UTINYINT"


class USMALLINT(sqltypes.Integer):
    """Unsigned integer of 2 bytes."""

    __visit_name__ = "USMALLINT"


class UINTEGER(sqltypes.Integer):
    """Unsigned integer of 4 bytes."""

    __visit_name__ = "UINTEGER"


class UBIGINT(sqltypes.Integer):
    """Unsigned integer of 8 bytes."""

    __visit_name__ = "UBIGINT"


class HUGEINT(sqltypes.Integer):
    """Signed integer of 16 bytes."""

    __visit_name__ = "HUGEINT"


def _wide(value: int | None) -> int | str | None:
    """Return text for an integer that the client cannot pass, or not in one list with smaller ones."""
    return value if value is None or -_INT128_MAX <= value <= _INT128_MAX else str(value)


class UHUGEINT(sqltypes.Integer):
    """Unsigned integer of 16 bytes."""

    __visit_name__ = "UHUGEINT"
    render_bind_cast = True

    def bind_processor(self, dialect: Dialect) -> Processor:
        """Pass values beyond 127 bits as text."""
        return _wide

    def literal_processor(self, dialect: Dialect) -> Callable[[Any], str]:
        """Render a cast: a bare number of this width is read as DOUBLE."""
        return cast_processor(self, dialect, lambda value: str(int(value)))


class BIGNUM(UHUGEINT):
    """Integer of any length; a Python `int` both ways.

    DuckDB stores and compares it exactly, but computes with it as DOUBLE in most operators.
    """

    __visit_name__ = "BIGNUM"

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor:
        """Read the text that the client returns as an `int`."""

        def process(value: str | int | None) -> int | None:
            return None if value is None else int(value)

        return process


class BIT(TypeEngine[str]):
    """String of bits, in Python a `str` of the characters 0 and 1."""

    __visit_name__ = "BIT"
    operator_classes = OperatorClass.BINARY | OperatorClass.BITWISE
    render_bind_cast = True

    @property
    def python_type(self) -> type[Any]:
        """Return `str`."""
        return str

    def coerce_compared_value(self, op: Any, value: object) -> TypeEngine[Any]:  # as the base
        """Compare with a string as with bits."""
        return self if isinstance(value, str) else super().coerce_compared_value(op, value)

    def literal_processor(self, dialect: Dialect) -> Callable[[Any], str]:
        """Render a cast of the string."""
        return cast_processor(self, dialect)


class VARIANT(TypeEngine[Any]):
    """Value of any type, each row with its own.

    The type of a scalar is kept; a list of unlike scalars (`[1, "x"]`) becomes a list of strings.
    """

    __visit_name__ = "VARIANT"
    operator_classes = OperatorClass.ANY
    hashable = False

    def bind_processor(self, dialect: Dialect) -> Processor:
        """Mark the value as VARIANT, so that a list of unlike values keeps the type of each."""

        def process(value: object) -> object:
            return None if value is None else duckdb.Value(value, "VARIANT")  # type: ignore[arg-type]  # a name will do

        return process

    def literal_processor(self, dialect: Dialect) -> Callable[[Any], str]:
        """Render a scalar by the type that SQLAlchemy gives it."""

        def process(value: object) -> str:
            type_ = sqltypes.NullType().coerce_compared_value(None, value)
            processor = type_.dialect_impl(dialect).literal_processor(dialect)
            if processor is None or isinstance(type_, sqltypes.NullType):
                raise exc.CompileError(f"a VARIANT of {type(value).__name__} has no literal form in DuckDB")
            return f"CAST({processor(value)} AS VARIANT)"

        return process


class _CastLiteral(TypeEngine[Any]):
    """A type whose literal is a cast of the value's text."""

    def literal_processor(self, dialect: Dialect) -> Callable[[Any], str]:
        """Render a cast of the value's text."""
        return cast_processor(self, dialect)


class DateImplementation(_CastLiteral, sqltypes.Date):
    """SQLAlchemy's `Date` on DuckDB."""


class TimeImplementation(_CastLiteral, sqltypes.Time):
    """SQLAlchemy's `Time` on DuckDB."""


class DateTimeImplementation(_CastLiteral, sqltypes.DateTime):
    """SQLAlchemy's `DateTime` on DuckDB."""


class TIMESTAMP_S(DateTimeImplementation):  # noqa: N801  # DuckDB's name
    """Timestamp in whole seconds; the engine cuts off what is finer."""

    __visit_name__ = "TIMESTAMP_S"


class TIMESTAMP_MS(DateTimeImplementation):  # noqa: N801  # DuckDB's name
    """Timestamp in milliseconds; the engine cuts off what is finer."""

    __visit_name__ = "TIMESTAMP_MS"


class TIMESTAMP_NS(DateTimeImplementation):  # noqa: N801  # DuckDB's name
    """Timestamp in nanoseconds; Python's `datetime` holds microseconds and is read back without the rest."""

    __visit_name__ = "TIMESTAMP_NS"


class TIMESTAMPTZ(DateTimeImplementation):
    """Point in time: `DateTime(timezone=True)`, read back in the time zone of the connection."""

    def __init__(self, timezone: bool = True) -> None:
        super().__init__(timezone=timezone)


class TIMETZ(TimeImplementation):
    """Time of day with an offset: `Time(timezone=True)`."""

    def __init__(self, timezone: bool = True) -> None:
        super().__init__(timezone=timezone)


class INTERVAL(postgresql.INTERVAL):
    """Span of time, in Python a `timedelta`; months made by SQL are read back as 30 days each."""

    def __init__(self) -> None:
        super().__init__()

    @classmethod
    def adapt_emulated_to_native(cls, interval: object, **kw: object) -> INTERVAL:  # type: ignore[override]  # as the base
        """Stand in for SQLAlchemy's `Interval`."""
        return cls()

    def literal_processor(self, dialect: Dialect) -> Callable[[dt.timedelta], str]:
        """Render days, seconds and microseconds."""

        def process(value: dt.timedelta) -> str:
            return f"INTERVAL '{value.days} days {value.seconds} seconds {value.microseconds} microseconds'"

        return process


class ENUM(postgresql.ENUM):
    """One of a fixed set of labels: SQLAlchemy's `Enum`, kept by DuckDB as an enum type.

    With a name (a Python enum class brings its own) the type is created with its table and dropped with its
    metadata, as on PostgreSQL; without one, the column's type spells its labels out and nothing has to be
    created. Inside nested types the labels are always spelled out.
    """

    def _check_for_name_in_memos(self, checkfirst: CheckFirst, kw: dict[str, Any]) -> bool:
        return not self.name or super()._check_for_name_in_memos(checkfirst, kw)

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor | None:
        """Give back members of the Python enum class, or the label as the engine sends it."""
        if self.enum_class is None:
            return None
        processor: Processor = super().result_processor(dialect, coltype)  # type: ignore[no-untyped-call]  # no hints
        return processor


class BooleanImplementation(sqltypes.Boolean):
    """SQLAlchemy's `Boolean` on DuckDB, which takes and gives `bool` and casts or refuses the rest."""

    def bind_processor(self, dialect: Dialect) -> None:
        """Send the value as it is."""
        return None


class UuidImplementation(sqltypes.Uuid[Any]):
    """SQLAlchemy's `Uuid` and `UUID` on DuckDB, which keeps UUIDs natively."""

    def bind_processor(self, dialect: Dialect) -> Processor | None:
        """Send text as a UUID too, so that it is compared as one whatever its spelling."""
        if self.as_uuid or not self.native_uuid:
            return super().bind_processor(dialect)

        def process(value: str | uuid.UUID | None) -> uuid.UUID | None:
            return uuid.UUID(value) if isinstance(value, str) else value

        return process

    def literal_processor(self, dialect: Dialect) -> Callable[[Any], str] | None:
        """Render a cast of the UUID's text."""
        if self.native_uuid:
            return cast_processor(self, dialect)
        processor: Callable[[Any], str] = super().literal_processor(dialect)  # type: ignore[no-untyped-call]  # no hints
        return processor


class LargeBinaryImplementation(sqltypes.LargeBinary):
    """SQLAlchemy's `LargeBinary` and `BLOB` on DuckDB; the client takes and gives `bytes`."""

    def bind_processor(self, dialect: Dialect) -> None:
        """Send bytes as they are."""
        return None

    def result_processor(self, dialect: Dialect, coltype: object) -> None:
        """Leave bytes as they come."""
        return None

    def literal_processor(self, dialect: Dialect) -> Callable[[bytes], str]:
        """Render the bytes in hexadecimal."""
        return lambda value: f"from_hex('{bytes(value).hex()}')"


def decimal_size(type_: sqltypes.Numeric[Any]) -> tuple[int, int]:
    """Return the width and scale of the DECIMAL that keeps `type_`, DECIMAL(38, 10) when it gives neither."""
    if type_.precision is not None:
        return type_.precision, type_.scale or 0
    return DECIMAL_WIDTH, DECIMAL_SCALE if type_.scale is None else type_.scale


def _plain(value: Decimal) -> Decimal:
    """Return `value` without a positive exponent, which duckdb 1.5 drops (1E+5 arrives as 1)."""
    sign, digits, exponent = value.as_tuple()
    if isinstance(exponent, int) and exponent > 0:
        return Decimal((sign, digits + (0,) * exponent, 0))
    return value


def _decimals(value: Decimal) -> int:
    """Return how many decimals `value` needs, its trailing zeros aside."""
    exponent = value.normalize(_EXACT).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _is_wide(value: Decimal) -> bool:
    """Return whether the client would send `value` as DOUBLE, because DECIMAL cannot hold all its digits."""
    _, digits, exponent = value.as_tuple()
    return isinstance(exponent, int) and max(len(digits), -exponent) > DECIMAL_WIDTH


class NumericImplementation(sqltypes.Numeric[Any]):
    """SQLAlchemy's `Numeric` on DuckDB.

    `Numeric(p, s)` is DECIMAL(p, s): the engine rounds to s decimals (half away from zero) and refuses
    numbers of more than p digits. `Numeric()` is DECIMAL(38, 10): up to 28 digits before the point and 10
    after it; a `Decimal` with more decimals is refused, not rounded (a `float`, never exact, is rounded to
    the tenth). The scale is 10 so that products of two such columns still fit: DuckDB adds the scales up.
    `Numeric(asdecimal=False)` without precision is DOUBLE, which keeps every `float` as it is.
    """

    def bind_processor(self, dialect: Dialect) -> Processor:
        """Send a `Decimal` in a form that loses nothing.

        Raises:
            ValueError: at binding, a `Decimal` of more than ten decimals for `Numeric()`.
        """
        width, scale = decimal_size(self)
        unscaled = self.precision is None and self.scale is None

        def process(value: object) -> object:
            if not isinstance(value, Decimal) or not value.is_finite():
                return value
            if unscaled and self.asdecimal and _decimals(value) > scale:
                raise ValueError(
                    f"{value} has more than {scale} decimals, which Numeric() keeps on DuckDB: "
                    f"give a precision and scale, such as Numeric({width}, {min(_decimals(value), width)})"
                )
            if _is_wide(value):
                value = value.quantize(Decimal(1).scaleb(-scale), context=_EXACT)
            return _plain(value)

        return process

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor | None:
        """Give back numbers as they come, those aside that the engine computed in another type."""
        return _number_processor(self.asdecimal, coltype)


class FloatImplementation(sqltypes.Float[Any]):
    """SQLAlchemy's `Float` and `Double` on DuckDB: DOUBLE, or FLOAT for a precision of up to 24 bits."""

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor | None:
        """Give back `float` as it comes, unless decimals are asked for or another type was computed."""
        if self.asdecimal:
            processor: Processor = super().result_processor(dialect, coltype)  # type: ignore[no-untyped-call]  # no hints
            return processor
        return _number_processor(False, coltype)

    def literal_processor(self, dialect: Dialect) -> Callable[[Any], str]:
        """Render finite numbers as they are, and a cast of the others' names."""
        cast = cast_processor(self, dialect)
        return lambda value: str(value) if isfinite(value) else cast(value)


def _number_processor(asdecimal: bool, coltype: object) -> Processor | None:
    """Return what makes the engine's `coltype` numbers of the wanted kind, None if they are that already."""
    if asdecimal:
        return None if str(coltype).startswith("DECIMAL") else _to_decimal
    return None if str(coltype) in {"DOUBLE", "FLOAT"} else _to_float


def _to_decimal(value: Decimal | float | str | None) -> Decimal | None:
    return value if value is None or isinstance(value, Decimal) else Decimal(str(value))


def _to_float(value: Decimal | float | None) -> float | None:
    return None if value is None else float(value)
