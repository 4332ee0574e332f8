"""Embeddings: vectors of a fixed length, and the distances between them."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from typing import Any, cast

from sqlalchemy import ColumnElement, Double, Float, func
from sqlalchemy.engine import Dialect

from andamios_orm.core._types.elements import as_operand
from andamios_orm.core._types.literals import Processor
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.core.types import ARRAY

__all__ = ["Vector", "cosine_distance", "inner_product", "l2_distance"]

_SINGLE_PRECISION = 24
"""Bits of the fraction of DuckDB's FLOAT, in which a vector is kept."""


class Vector(ARRAY):
    """Vector of a fixed number of floats: DuckDB's ``FLOAT[n]``, in Python a `list`.

    Any iterable of numbers is taken, a numpy array too; another number of them, and what is not finite, is
    refused. Numbers are kept in single precision (7 digits), as embedding models give them.

    ``column.l2_distance(other)``, ``column.cosine_distance(other)`` and ``column.inner_product(other)`` are
    expressions to select, to filter by or to order by; ``other`` is a vector or a column of the same length.

    Args:
        size: How many numbers.

    Raises:
        ConfigurationError: ``size`` is no positive number.
    """

    def __init__(self, size: int) -> None:
        if not isinstance(size, int) or size < 1:
            raise ConfigurationError(
                f"a Vector has a fixed number of floats, such as Vector(384), not {size!r}"
            )
        super().__init__(Float(_SINGLE_PRECISION), size)

    def bind_processor(self, dialect: Dialect) -> Processor:
        """Send a list of finite floats.

        Raises:
            TypeError: At binding, something is no number.
            ValueError: At binding, there are more or fewer numbers, or one is not finite.
        """
        size = self.size

        def process(value: Iterable[Any] | None) -> list[float] | None:
            return None if value is None else _checked([float(number) for number in value], size)

        return process

    class Comparator(ARRAY.Comparator):
        """Operators of a vector."""

        def l2_distance(self, other: object) -> ColumnElement[float]:
            """Return the Euclidean distance to ``other``."""
            return _distance("array_distance", self.expr, other)

        def cosine_distance(self, other: object) -> ColumnElement[float]:
            """Return one minus the cosine of the angle to ``other``: 0 for the same direction, at most 2."""
            return _distance("array_cosine_distance", self.expr, other)

        def inner_product(self, other: object) -> ColumnElement[float]:
            """Return the inner product with ``other``, which is greater the more alike the two are."""
            return _distance("array_inner_product", self.expr, other)

    comparator_factory = Comparator


def l2_distance(column: Any, other: object) -> ColumnElement[float]:
    """Return the Euclidean distance between a `Vector` column and a vector or another column."""
    return _distance("array_distance", column, other)


def cosine_distance(column: Any, other: object) -> ColumnElement[float]:
    """Return one minus the cosine of the angle between a `Vector` column and a vector or another column.

    It is 0 for the same direction and 2 for the opposite one. A vector of zeros has no direction: with one,
    DuckDB 2 gives NaN, which sorts last, and DuckDB 1.5 a number without meaning.
    """
    return _distance("array_cosine_distance", column, other)


def inner_product(column: Any, other: object) -> ColumnElement[float]:
    """Return the inner product of a `Vector` column and a vector or another column: greater is more alike."""
    return _distance("array_inner_product", column, other)


def _distance(name: str, column: Any, other: object) -> ColumnElement[float]:
    left: ColumnElement[Any] = as_operand(column, Double())
    if not isinstance(left.type, Vector):
        raise ConfigurationError(f"{column} is no Vector column, so it has no distance to anything")
    call = getattr(func, name)(left, as_operand(other, left.type), type_=Double())
    return cast("ColumnElement[float]", call)


def _checked(numbers: list[float], size: int) -> list[float]:
    if len(numbers) != size:
        raise ValueError(f"a Vector({size}) has {size} numbers, not {len(numbers)}")
    if not all(map(isfinite, numbers)):
        raise ValueError("a Vector holds finite numbers: one of these is infinite or no number")
    return numbers
