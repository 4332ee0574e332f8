"""Say what to do where an attribute is read that is not loaded, of an object in no session.

In a session `LazyLoadError` says so before anything is sent. Without one, no statement comes about, and
SQLAlchemy raises ``DetachedInstanceError``, which names nothing that an active record has.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sqlalchemy.orm import InstanceState, Mapper
from sqlalchemy.orm.exc import DetachedInstanceError

from andamios_orm.models import LazyLoadError

__all__ = ["DetachedLoadError", "name_remedies"]


class DetachedLoadError(LazyLoadError, DetachedInstanceError):
    """Report that an attribute of an object in no session is not loaded.

    Attributes:
        model: Name of the model.
        attribute: Name of the relationship or the column; of several, the first by name.
    """

    def __init__(self, model: str, attribute: str) -> None:
        super().__init__(model, attribute, "selectinload")
        self.args = (
            f"{model}.{attribute} is not loaded, and an object in no session cannot load it by reading it. "
            f'Load it before: await obj.refresh("{attribute}"); or, a relationship, with its object: '
            f'await {model}.find(key, load="{attribute}"), or '
            f'{model}.where(...).options(selectinload("{attribute}"))',
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.model, self.attribute)


def name_remedies(mapper: Mapper[Any], model: type[Any]) -> None:
    """Let the attributes of a class raise `DetachedLoadError`, once its mapper is configured."""
    manager: Any = mapper.class_manager
    manager.expired_attribute_loader = partial(_load_columns, manager.expired_attribute_loader)
    for name, attribute in manager.items():
        load = getattr(attribute.impl, "callable_", None)
        if load is not None:
            attribute.impl.callable_ = partial(_load, name, load)


def _load(name: str, load: Callable[..., Any], state: InstanceState[Any], passive: Any) -> Any:
    try:
        return load(state, passive)
    except DetachedInstanceError as error:
        raise DetachedLoadError(state.class_.__name__, name) from error


def _load_columns(load: Callable[..., Any], state: InstanceState[Any], names: set[str], passive: Any) -> Any:
    try:
        return load(state, names, passive)
    except DetachedInstanceError as error:
        raise DetachedLoadError(state.class_.__name__, min(names)) from error
