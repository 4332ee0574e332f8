"""Exact amounts: decimals that are never rounded in silence."""

from __future__ import annotations

from decimal import Context, Decimal, InvalidOperation
from typing import Any

from sqlalchemy import Numeric, TypeDecorator
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from andamios_orm.core.errors import ConfigurationError

__all__ = ["Money"]

_WIDTH = 38
"""Digits that DuckDB's widest DECIMAL holds."""


class Money(TypeDecorator[Decimal]):
    """Exact amount: DECIMAL(precision, scale), in Python a `Decimal`.

    ``Numeric`` rounds what has more decimals than the column, and takes a ``float``, which is never exact.
    Here both are refused, in every way to write: round the amount yourself, as the law or the contract says.
    An ``int`` is taken. In an expression, decimals of any scale may take part
    (``price * Decimal("0.0825")``), a ``float`` may not.

    Args:
        precision: Digits in all, at most 38. Up to 18 fit into 8 bytes.
        scale: Digits after the point.

    Raises:
        ConfigurationError: The precision or the scale cannot be.
        TypeError: In an expression, a ``float``.
    """

    impl = Numeric
    cache_ok = True

    def __init__(self, precision: int = 18, scale: int = 2) -> None:
        if not 0 <= scale <= precision <= _WIDTH or precision < 1:
            raise ConfigurationError(
                f"Money({precision}, {scale}) cannot be: the precision is at most {_WIDTH}, the scale at "
                "most the precision"
            )
        super().__init__(precision, scale)
        self.precision = precision
        self.scale = scale

    @property
    def python_type(self) -> type[Any]:
        """Return `Decimal`."""
        return Decimal

    def process_bind_param(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Return the amount.

        Raises:
            TypeError: It is neither a `Decimal` nor an ``int``.
            ValueError: It has more decimals, or more digits, than the column.
        """
        return None if value is None else _fitting(_exact(value), self.precision, self.scale)

    def coerce_compared_value(self, op: Any, value: Any) -> TypeEngine[Any]:
        """Take part in expressions with decimals of any scale."""
        _exact(value)
        return Numeric()


def _fitting(amount: Decimal, precision: int, scale: int) -> Decimal:
    try:
        kept = amount.quantize(Decimal(1).scaleb(-scale), context=Context(prec=precision))
    except InvalidOperation:
        raise ValueError(
            f"{amount} does not fit into Money({precision}, {scale}): it has too many digits"
        ) from None
    if kept != amount:
        raise ValueError(
            f"{amount} has more than {scale} decimals: round it first, for example with quantize()"
        )
    return kept


def _exact(value: Any) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    kind = type(value).__name__
    raise TypeError(f"{value!r} is a {kind}, and no exact amount: give a Decimal, such as Decimal('9.99')")
