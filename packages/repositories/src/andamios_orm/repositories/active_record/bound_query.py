"""Queries of active records: without a session, each ending works in one of the engine of their model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, nullcontext
from functools import wraps
from inspect import getmembers, isasyncgenfunction, iscoroutinefunction
from typing import Any, TypeVar

from andamios_orm.core import AsyncSession
from andamios_orm.queries import QueryBuilder
from andamios_orm.repositories.active_record.binding import engine_of_model, present_session, working

__all__ = ["BoundQuery"]

T = TypeVar("T")


class BoundQuery(QueryBuilder[T]):
    """Do what `QueryBuilder` does, also in a task without a session, where the model is bound to an engine.

    Each ending is a unit of work then, which is committed. What is read row by row has a session until the
    last row, or the end of the loop.
    """

    def _executed_by(self, session: AsyncSession) -> BoundQuery[T]:
        return self._with(self._state.changed(session=session))


def _ending(ending: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @wraps(ending)
    async def ended(query: BoundQuery[Any], *given: Any, **named: Any) -> Any:
        if query._state.session is not None:
            return await ending(query, *given, **named)
        async with working(query._state.model) as session:
            return await ending(query._executed_by(session), *given, **named)

    return ended


def _reading(ending: Callable[..., AsyncGenerator[Any, None]]) -> Callable[..., AsyncGenerator[Any, None]]:
    @wraps(ending)
    async def read(query: BoundQuery[Any], *given: Any, **named: Any) -> AsyncGenerator[Any, None]:
        session = query._state.session or present_session()
        # One of its own is not the current session, because the body of the loop runs between two rows.
        opened = (
            AsyncSession(engine_of_model(query._state.model)) if session is None else nullcontext(session)
        )
        async with opened as session, aclosing(ending(query._executed_by(session), *given, **named)) as rows:
            async for row in rows:
                yield row

    return read


# All of them, so that none that is added there is forgotten here.
for _name, _method in getmembers(QueryBuilder, iscoroutinefunction):
    if not _name.startswith("_"):
        setattr(BoundQuery, _name, _ending(_method))
for _name, _method in getmembers(QueryBuilder, isasyncgenfunction):
    setattr(BoundQuery, _name, _reading(_method))
