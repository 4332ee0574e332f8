"""Say what to do where a lazy load is not possible: in async code, outside of an ``await``.

SQLAlchemy would raise ``MissingGreenlet`` from the depth of the driver, which names nothing. Each lazy load
is a statement that the session executes, so the error is raised there, before anything is sent: the session
stays as it was.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import event, exc
from sqlalchemy.orm import InstanceState, ORMExecuteState, RelationshipProperty
from sqlalchemy.util.concurrency import in_greenlet

from andamios_orm.core.errors import AndamiosError
from andamios_orm.core.unit_of_work import UnitOfWork
from andamios_orm.models.base import BaseModel

__all__ = ["LazyLoadError"]


class LazyLoadError(AndamiosError, exc.MissingGreenlet):
    """Report that an attribute is not loaded, and that this is no place to load it.

    Attributes:
        model: Name of the model.
        attribute: Name of the relationship or the column; of several, the first by name.
    """

    code = ""
    """No page of SQLAlchemy's, whose advice is another one."""

    def __init__(self, model: str, attribute: str, option: str) -> None:
        super().__init__(
            f"{model}.{attribute} is not loaded, and async code cannot load it by reading it. Load it with "
            f"its object: select({model}).options({option}({model}.{attribute})); or when it is needed: "
            f'await obj.awaitable_attrs.{attribute}; or: await session.refresh(obj, ["{attribute}"])'
        )
        self.model = model
        self.attribute = attribute
        self._option = option

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.model, self.attribute, self._option)


@event.listens_for(UnitOfWork, "do_orm_execute")
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
