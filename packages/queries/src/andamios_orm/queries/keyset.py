"""Keysets: where a page ended, as the values that its last row is ordered by.

A page begins behind such values, however many rows come before it. The values travel to clients and back in a
signed text (https://use-the-index-luke.com/no-offset).
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, NamedTuple
from uuid import UUID

from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy import ColumnElement, and_, false, literal, or_

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries.errors import InvalidCursorError
from andamios_orm.queries.order import Order

__all__ = ["SECRET", "Cursors", "Position", "behind", "reversed_orders"]

SECRET = "ANDAMIOS_CURSOR_SECRET"  # noqa: S105 # the name of a variable, no secret
"""The environment variable with the secret that cursors are signed with."""

_OWN_SECRET = secrets.token_hex(32)
"""That of this process, where there is no other."""

Direction = Literal["next", "previous"]


class Position(NamedTuple):
    """A place between two rows.

    Attributes:
        direction: Which of them is asked for.
        values: What the row on the other side is ordered by.
    """

    direction: Direction
    values: tuple[Any, ...]


class Cursors:
    """Turn positions in one order into texts and back.

    Args:
        subject: What the positions are in, which makes a text worthless elsewhere.
        orders: The order.
        secret: What texts are signed with; by default the environment variable `SECRET`, or else a secret of
            this process, after whose end texts are refused.
    """

    def __init__(self, subject: str, orders: Sequence[Order], secret: str | None) -> None:
        self._orders = orders
        salt = hashlib.sha256("\n".join([subject, *map(_described, orders)]).encode()).digest()
        self._serializer = URLSafeSerializer(secret or os.environ.get(SECRET) or _OWN_SECRET, salt)

    def text(self, position: Position) -> str:
        """Return the text of a position.

        Raises:
            ConfigurationError: A value is of a type that cannot travel.
        """
        values = [_written(value, order) for value, order in zip(position.values, self._orders, strict=True)]
        return str(self._serializer.dumps([position.direction, values]))

    def position(self, text: str) -> Position:
        """Return the position that a text stands for.

        Raises:
            InvalidCursorError: It was not made here, for this order.
        """
        try:
            direction, values = self._serializer.loads(text if isinstance(text, str) else "")
        except BadData as error:
            raise InvalidCursorError() from error
        pairs = zip(values, self._orders, strict=True)
        return Position(direction, tuple(_read(value, order) for value, order in pairs))


def behind(orders: Sequence[Order], values: Sequence[Any]) -> ColumnElement[bool]:
    """Return the condition that a row comes after another one.

    Args:
        orders: The order, in which no two rows are equal.
        values: What the other one is ordered by.
    """
    found: list[ColumnElement[bool]] = []
    equal: list[ColumnElement[bool]] = []
    for order, value in zip(orders, values, strict=True):
        found.append(and_(*equal, _is_after(order, value)))
        equal.append(_equals(order, value))
    return or_(*found)


def reversed_orders(orders: Sequence[Order]) -> tuple[Order, ...]:
    """Return the order from the last row to the first."""
    return tuple(
        replace(order, descending=not order.descending, nulls_first=not order.nulls_first) for order in orders
    )


def _described(order: Order) -> str:
    compiled = order.expression.compile()
    values = sorted((name, repr(value)) for name, value in compiled.params.items())
    return f"{compiled}|{values}|{order.descending}|{order.nulls_first}"


def _is_after(order: Order, value: Any) -> ColumnElement[bool]:
    key = order.expression
    if value is None:
        return key.is_not(None) if order.nulls_first else false()
    other = literal(value, key.type)
    after: ColumnElement[bool] = key < other if order.descending else key > other
    return after if order.nulls_first else or_(after, key.is_(None))


def _equals(order: Order, value: Any) -> ColumnElement[bool]:
    key = order.expression
    return key.is_(None) if value is None else key == literal(value, key.type)


_WRITTEN: dict[type, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    datetime: (datetime.isoformat, datetime.fromisoformat),
    date: (date.isoformat, date.fromisoformat),
    time: (time.isoformat, time.fromisoformat),
    timedelta: (
        lambda value: [value.days, value.seconds, value.microseconds],
        lambda parts: timedelta(parts[0], parts[1], parts[2]),
    ),
    Decimal: (str, Decimal),
    UUID: (str, UUID),
    bytes: (bytes.hex, bytes.fromhex),
}
"""How values are written that JSON has no form for, and read again."""

_NAMES = {type_.__name__: type_ for type_ in _WRITTEN}


def _written(value: Any, order: Order) -> Any:
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Enum):
        return ["Enum", value.name]
    if type(value) not in _WRITTEN:
        raise ConfigurationError(
            f"pages cannot follow the order by {order.expression}, whose values are {type(value).__name__} "
            "objects: order by a number, a text, a moment or a UUID, or use paginate()"
        )
    return [type(value).__name__, _WRITTEN[type(value)][0](value)]


def _read(value: Any, order: Order) -> Any:
    if not isinstance(value, list):
        return value
    kind, written = value
    if kind == "Enum":
        type_: Any = order.expression.type
        return type_.enum_class[written]
    return _WRITTEN[_NAMES[kind]][1](written)
