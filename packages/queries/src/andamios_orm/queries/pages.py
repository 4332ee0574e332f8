"""Pages of a query: by number, or behind the last row of the page before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Row
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries.keyset import Cursors, Position, behind, reversed_orders
from andamios_orm.queries.order import Order
from andamios_orm.queries.state import State

__all__ = ["CursorPage", "Page", "Paging"]

T = TypeVar("T")

_MOST = 2**31
"""More pages, and rows of a page, than anybody reads; every database can count to their product."""


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some rows of a query, and how many there are in all.

    Attributes:
        items: The rows of the page.
        total: How many rows there are.
        number: The number of the page, from 1.
        size: How many rows a page has.
    """

    items: list[T]
    total: int
    number: int
    size: int

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return -(-self.total // self.size)

    @property
    def has_next(self) -> bool:
        """Whether there is a page behind this one."""
        return self.number < self.pages

    @property
    def has_previous(self) -> bool:
        """Whether there is a page before this one."""
        return self.number > 1


@dataclass(frozen=True)
class CursorPage(Generic[T]):
    """Some rows of a query, and the ways to those behind and before.

    Attributes:
        items: The rows of the page.
        next: The cursor of the page behind; None where there are no rows.
        previous: The cursor of the page before; None where there are no rows.
    """

    items: list[T]
    next: str | None
    previous: str | None


class Paging(Generic[T]):
    """Endings that read a page."""

    _state: State

    async def all_and_count(self) -> tuple[list[T], int]:
        """Return all rows, and how many there would be without limit and offset, by one statement.

        Where these leave no row to tell the total, a second one counts.
        """
        return await _counted(self._state)

    async def paginate(self, page: int = 1, size: int = 50) -> Page[T]:
        """Return a page, and how many rows there are in all, by one statement.

        Behind the last page, where there are no rows to tell the total, a second one counts. Order the query
        by something that no two rows share, or rows may be on two pages, and on none.

        Args:
            page: The number of the page, from 1.
            size: How many rows a page has.

        Raises:
            ConfigurationError: One of them is no number from 1 on, or the query has a limit.
        """
        _check_count("page", page)
        _check_count("size", size)
        state = self._state.open()
        items, total = await _counted(state.changed(limit=size, offset=(page - 1) * size))
        return Page(items, total, page, size)

    async def paginate_after(
        self, cursor: str | None = None, size: int = 50, *, secret: str | None = None
    ) -> CursorPage[T]:
        """Return the page behind, or before, another one, however many rows come before it.

        Rows that are added or removed meanwhile move no other row to another page. The primary key decides
        between rows that are equal in the order of the query.

        Args:
            cursor: `CursorPage.next` or `CursorPage.previous` of that page; by default the first page is
                read.
            size: How many rows a page has.
            secret: What cursors are signed with; by default the environment variable
                ``ANDAMIOS_CURSOR_SECRET``, or else a secret of this process, so that a cursor is worth
                nothing after its end, and in others.

        Raises:
            ConfigurationError: ``size`` is less than 1, the query has a limit, nothing tells its rows apart,
                or the values that it is ordered by cannot travel.
            InvalidCursorError: The cursor was not made by a page of the model in this order.
        """
        _check_count("size", size)
        state = _in_total_order(self._state.open())
        cursors = Cursors(f"{state.model.__module__}.{state.model.__qualname__}", state.orders, secret)
        position = None if cursor is None else cursors.position(cursor)
        backwards = position is not None and position.direction == "previous"
        rows = await _rows(_from(state, position, size + 1))
        more, rows = len(rows) > size, rows[:size]
        rows = rows[::-1] if backwards else rows
        width = len(state.orders)
        return CursorPage(
            _items(state, rows, width),
            cursors.text(Position("next", _key(rows[-1], width))) if rows and (more or backwards) else None,
            cursors.text(Position("previous", _key(rows[0], width)))
            if rows and position is not None and (more or not backwards)
            else None,
        )


async def _counted(state: State) -> tuple[list[Any], int]:
    counting = state.changed(limit=None, offset=0).counting()
    rows = await _rows(state.changed(base=state.base.add_columns(counting.scalar_subquery())))
    if rows:
        return _items(state, rows, 1), rows[0][-1]
    hides = state.offset > 0 or state.limit == 0
    return [], (await state.execute(counting)).scalar_one() if hides else 0


def _check_count(name: str, given: Any) -> None:
    if not isinstance(given, int) or isinstance(given, bool) or not 1 <= given < _MOST:
        raise ConfigurationError(f"pages and their sizes are counted from 1: {name}={given!r}")


def _in_total_order(state: State) -> State:
    is_set = state.distinct and not state.chosen
    if not (state.unique or state.grouped or is_set):
        raise ConfigurationError(
            "nothing tells the rows of this query apart, so no page can begin behind one of them: select "
            "what does, put distinct() before, or use paginate()"
        )
    if is_set:
        state = state.nested()
        ties = [state.scope.computed[name] for name in state.columns]
        ties += state.scope.key_columns() if state.with_object else ()
    else:
        ties = _ties(state)
        if state.grouped or state.distinct or state.windows:
            hidden = {f"tie_{number}_": tie for number, tie in enumerate(ties)}
            state, carried = state.nested_with(hidden)
            ties = list(carried.values())
    return state.changed(orders=(*state.orders, *map(Order, ties)))


def _ties(state: State) -> list[Any]:
    # What no two rows have in common.
    if state.grouped or state.scope.entity is None:
        return [state.scope.computed[name] for name in (state.keys if state.grouped else state.columns)]
    return list(state.scope.key_columns())


def _from(state: State, position: Position | None, limit: int) -> State:
    keys = [order.expression.label(f"key_{number}_") for number, order in enumerate(state.orders)]
    orders = state.orders
    base = state.base.add_columns(*keys)
    if position is not None:
        orders = reversed_orders(orders) if position.direction == "previous" else orders
        base = base.where(behind(orders, position.values))
    return state.changed(base=base, orders=orders, limit=limit)


async def _rows(state: State) -> list[Row[Any]]:
    result = await state.execute()
    return list((result.unique() if state.joins_loads else result).all())


def _items(state: State, rows: Sequence[Row[Any]], further: int) -> list[Any]:
    if state.only_objects:
        return [row[0] for row in rows]
    names = [*([state.model.__name__] if state.with_object else []), *state.columns]
    return list(IteratorResult(SimpleResultMetaData(names), (tuple(row[:-further]) for row in rows)).all())


def _key(row: Row[Any], width: int) -> tuple[Any, ...]:
    return tuple(row[-width:])
