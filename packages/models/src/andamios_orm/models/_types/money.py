"""Exact amounts: decimals that are never rounded in silence."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context, Decimal, InvalidOperation
from typing import Any

from sqlalchemy import Numeric, TypeDecorator
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from andamios_orm.core.errors import ConfigurationError

__all__ = ["Money", "read_number"]

_WIDTH = 38
"""Digits that DuckDB's widest DECIMAL holds."""

_EXACT_DIGITS = 15
"""A decimal number with so many digits is the same again when it has been a ``float``."""


class Money(TypeDecorator[Decimal]):
    """Exact amount: DECIMAL(precision, scale), in Python a `Decimal`.

    ``Numeric`` rounds what has more decimals than the column, and takes a ``float``, which is rarely exact.
    Here both are refused, in every way to write: round the amount yourself, as the law or the contract says.
    A model refuses them when the attribute is set, statements when they are sent. An ``int`` and a text such
    as ``"9.99"`` are taken. In an expression, decimals of any scale may take part
    (``price * Decimal("0.0825")``), a ``float`` and a text may not.

    Args:
        precision: Digits in all, at most 38. Up to 18 fit into 8 bytes.
        scale: Digits after the point.

    Raises:
        ConfigurationError: The precision or the scale cannot be.
        TypeError: In an expression, a ``float`` or a text.
    """

    impl = Numeric
    cache_ok = True

    def __init__(self, precision: int = 18, scale: int = 2) -> None:
        whole = isinstance(precision, int) and isinstance(scale, int)
        if not whole or not 0 <= scale <= precision <= _WIDTH or precision < 1:
            raise ConfigurationError(
                f"Money({precision!r}, {scale!r}) cannot be: the precision is at most {_WIDTH}, the scale at "
                "most the precision"
            )
        super().__init__(precision, scale)
        self.precision = precision
        self.scale = scale
        self._unit = Decimal(1).scaleb(-scale)
        self._context = Context(prec=precision)

    @property
    def python_type(self) -> type[Any]:
        """Return `Decimal`."""
        return Decimal

    def process_bind_param(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Return the amount.

        Raises:
            TypeError: It is neither a `Decimal`, an ``int`` nor a text.
            ValueError: It has more decimals, or more digits, than the column, or the text is no number.
        """
        return None if value is None else self._fitting(_exact(value))

    def validate(self, value: Any, handler: Callable[[Any], Any]) -> Any:
        """Validate a value for the column, as a ``WrapValidator`` of pydantic.

        Args:
            value: The value.
            handler: Validates it by what else stands in the annotation.

        Raises:
            ValueError: It is no exact amount, or the column does not hold it.
        """
        if value is not None:
            _require_exact(value)
        validated = handler(value)
        if validated is None:
            return None
        amount = _require_exact(validated)
        self._fitting(amount)
        return amount if isinstance(validated, str) else validated

    def _fitting(self, amount: Decimal) -> Decimal:
        # The messages do not contain the amount, which may be as secret as any other value.
        if not amount.is_finite():
            raise ValueError("this is no amount: give a number")
        try:
            kept = amount.quantize(self._unit, context=self._context)
        except InvalidOperation:
            raise ValueError(
                f"the amount has too many digits for Money({self.precision}, {self.scale})"
            ) from None
        if kept != amount:
            raise ValueError(
                f"the amount has more than {self.scale} decimals: round it first, for example with quantize()"
            )
        return kept

    def coerce_compared_value(self, op: Any, value: Any) -> TypeEngine[Any]:
        """Take part in expressions with decimals of any scale."""
        _decimal(value)
        return Numeric()


def read_number(value: Any) -> Any:
    """Return the decimal that a number in JSON stands for, which has come as a ``float``; others pass.

    Raises:
        ValueError: It has so many digits that it may have been another number in the JSON.
    """
    if not isinstance(value, float):
        return value
    number = Decimal(repr(value))
    if len(number.normalize().as_tuple().digits) > _EXACT_DIGITS:
        raise ValueError('the amount has too many digits for a number: send it as a text, such as "9.99"')
    return number


def _require_exact(value: Any) -> Decimal:
    # Pydantic makes an error of a model out of a ValueError, and lets a TypeError pass.
    try:
        return _exact(value)
    except TypeError as error:
        raise ValueError(*error.args) from None


def _exact(value: Any) -> Decimal:
    try:
        return Decimal(value) if isinstance(value, str) else _decimal(value)
    except InvalidOperation:
        raise ValueError("this text is no number: give one such as '9.99'") from None
    except TypeError as error:
        raise TypeError(f"{error}, or the text '9.99'") from None


def _decimal(value: Any) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    raise TypeError(f"a {type(value).__name__} is no exact amount: give a Decimal, such as Decimal('9.99')")
