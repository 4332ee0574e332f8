"""Refuse at the flush what scopes are not about, whichever way it was set.

What is given by name is refused before. What is left are synonyms, hybrids, and relationships, which set
foreign keys within the flush.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import event, inspect
from sqlalchemy.orm import InstanceState, Mapper

from andamios_orm.core.errors import ValidationError
from andamios_orm.repositories.plugins.plugins import Scope
from andamios_orm.repositories.plugins.scoping import scope_values

__all__ = ["guarded"]

_scopes: ContextVar[Sequence[Scope]] = ContextVar("andamios_orm_scopes", default=())


@contextmanager
def guarded(scopes: Sequence[Scope]) -> Iterator[None]:
    """Check what is flushed while it is open: the values that scopes say were there before, and stay.

    Args:
        scopes: The scopes. New objects that have no such value get it.
    """
    token = _scopes.set(scopes)
    try:
        yield
    finally:
        _scopes.reset(token)


@event.listens_for(Mapper, "before_insert")
@event.listens_for(Mapper, "before_update")
@event.listens_for(Mapper, "before_delete")
def _check(mapper: Mapper[Any], connection: Any, target: Any) -> None:
    scopes, names = _scopes.get(), mapper.column_attrs.keys()
    concerned = [scope for scope in scopes if set(names).issuperset(scope.values(mapper.class_))]
    for name, value in scope_values(concerned, mapper.class_).items() if concerned else ():
        _check_value(inspect(target), name, value)


def _check_value(state: InstanceState[Any], name: str, value: Any) -> None:
    history = state.attrs[name].history
    given = [each for part in history for each in part or ()]
    if state.key is None and given in ([], [None]):
        setattr(state.obj(), name, value)
        return
    for each in given:
        if each != value:
            raise ValidationError(state.class_.__name__, {name: f"it is {value!r} here, not {each!r}"})
