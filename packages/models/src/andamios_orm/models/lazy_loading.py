"""Say what to do where a lazy load is not possible: in async code, outside of an ``await``.

SQLAlchemy would raise ``MissingGreenlet`` from the depth of the driver, which names nothing. Each lazy load
is a statement that the session executes, so `LazyLoadError` is raised there, before anything is sent: the
session stays as it was. The first model that is mapped begins it, once this module is imported, which is why
the facade takes the error from here.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import InstanceState, Mapper, ORMExecuteState, RelationshipProperty
from sqlalchemy.util.concurrency import in_greenlet

from andamios_orm.core.unit_of_work import UnitOfWork
from andamios_orm.models.declarative import BaseModel
from andamios_orm.models.errors import LazyLoadError

__all__ = ["LazyLoadError"]


@event.listens_for(BaseModel, "after_mapper_constructed", propagate=True)
def _mapped(mapper: Mapper[Any], cls: type[Any]) -> None:
    _start()


@cache
def _start() -> None:
    event.listen(UnitOfWork, "do_orm_execute", _executing)


def _executing(state: ORMExecuteState) -> None:
    if (state.is_relationship_load or state.is_column_load) and not in_greenlet():
        _refuse(state)


def _refuse(state: ORMExecuteState) -> None:
    if state.is_relationship_load:
        _refuse_relationship(state)
        return
    options: Any = state.load_options
    statement: Any = state.statement
    loaded: InstanceState[Any] = options._refresh_state
    if issubclass(loaded.class_, BaseModel):
        names = statement._compile_options._only_load_props or loaded.unloaded
        raise LazyLoadError(loaded.class_.__name__, min(names), "undefer")


def _refuse_relationship(state: ORMExecuteState) -> None:
    path: Any = state.loader_strategy_path
    loaded: Any = state.lazy_loaded_from
    relationship = next(part for part in reversed(path.path) if isinstance(part, RelationshipProperty))
    if issubclass(loaded.class_, BaseModel):
        option = "selectinload" if relationship.uselist else "joinedload"
        raise LazyLoadError(loaded.class_.__name__, relationship.key, option)
