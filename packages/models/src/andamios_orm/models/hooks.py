"""Lifecycle hooks: what a model does when one of its objects is created, updated, deleted or loaded.

A hook is a method that is named for its moment (``before_create``), or one that is decorated with it, or a
function of its own that is decorated with it and a model. It may be a coroutine function. The rules are those
of core's model events:

* Hooks run in the unit of work, in its transaction, and are awaited. Those *before* are called before the
  first row of the flush is written, and abort it with what they raise; what they change is written. Those
  *after* are called when all its rows are written; what they raise is logged.
* Objects have hooks. Statements that write rows by themselves, such as ``update(Model)`` and ``bulk_insert``,
  call none.
* Methods are called in the order of their definition, those of base classes first. One that a subclass
  overrides is called once, as the subclass has it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

from sqlalchemy import event

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.core.events import (
    AfterDelete,
    AfterInsert,
    AfterLoad,
    AfterUpdate,
    BeforeDelete,
    BeforeInsert,
    BeforeUpdate,
    ModelEvent,
    Subscription,
    model_events,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Mapper

__all__ = [
    "HooksMixin",
    "after_create",
    "after_delete",
    "after_load",
    "after_update",
    "before_create",
    "before_delete",
    "before_update",
]

F = TypeVar("F", bound=Callable[..., Any])
M = TypeVar("M")
P = ParamSpec("P")
R = TypeVar("R")

_MARK = "_andamios_moments"
"""The attribute of a function: the moments that it is decorated with."""

_subscriptions: dict[type[Any], list[Subscription]] = {}
"""The methods of mapped classes that are called, each at the topmost class that has it."""


class _Decorator(Protocol[M]):
    """Takes a function of the objects of a model, and gives it back."""

    def __call__(self, function: Callable[Concatenate[M, P], R], /) -> Callable[Concatenate[M, P], R]:
        """Make the function a hook of the model."""
        ...


class _Moment:
    """A moment in the life of an object, and the decorator for what is called then."""

    def __init__(self, name: str, kind: type[ModelEvent[Any]]) -> None:
        self.name = name
        self.kind = kind

    @overload
    def __call__(self, target: type[M], /) -> _Decorator[M]: ...
    @overload
    def __call__(self, target: F, /) -> F: ...
    def __call__(self, target: Any, /) -> Any:
        """Mark a method as a hook, or decorate a function that is a hook of a model and its subclasses.

        Args:
            target: The method, or the model.

        Raises:
            ConfigurationError: The function has parameters that no hook is called with.
        """
        if not isinstance(target, type):
            setattr(target, _MARK, (*getattr(target, _MARK, ()), self))
            return target

        def subscribed(function: F) -> F:
            self.refuse_unknown(function)
            model_events.subscribe(self.kind, partial(_call, function), model=target)
            return function

        return subscribed

    def refuse_unknown(self, function: Callable[..., Any]) -> None:
        """Refuse a hook that has parameters which are no facts of the event.

        Raises:
            ConfigurationError: It has.
        """
        names = _facts(function)
        known = ("session", "changed") if issubclass(self.kind, BeforeUpdate | AfterUpdate) else ("session",)
        if not set(names) <= set(known):
            raise ConfigurationError(
                f"{function.__qualname__}({', '.join(names)}): beside the object, a {self.name} hook has "
                f"no parameters but {', '.join(known)}"
            )

    def methods(self, model: type[Any]) -> list[str]:
        """Return the names of the methods of a class that are hooks of this moment, in order."""
        names = {name: None for owner in reversed(model.__mro__) for name in self._declared(owner)}
        return [name for name in names if inspect.isfunction(getattr(model, name))]

    def _declared(self, owner: type[Any]) -> Iterator[str]:
        for name, value in vars(owner).items():
            if name == self.name or (inspect.isfunction(value) and self in getattr(value, _MARK, ())):
                yield name


before_create = _Moment("before_create", BeforeInsert)
after_create = _Moment("after_create", AfterInsert)
before_update = _Moment("before_update", BeforeUpdate)
after_update = _Moment("after_update", AfterUpdate)
before_delete = _Moment("before_delete", BeforeDelete)
after_delete = _Moment("after_delete", AfterDelete)
after_load = _Moment("after_load", AfterLoad)

_MOMENTS = (before_create, after_create, before_update, after_update, before_delete, after_delete, after_load)


class HooksMixin:
    """Calls the hooks among the methods of a model."""

    def __init_subclass__(cls, **options: Any) -> None:
        for moment in _MOMENTS:
            for name in moment.methods(cls):
                moment.refuse_unknown(getattr(cls, name))
        super().__init_subclass__(**options)
        if "__mapper__" in cls.__dict__:
            event.listen(cls, "mapper_configured", _subscribe)


def _subscribe(mapper: Mapper[Any], model: type[Any]) -> None:
    # Base classes subscribe first, because handlers are called in the order of their subscription.
    above: type[Any] = object
    for base in reversed(list(mapper.iterate_to_root())):
        if base.class_ not in _subscriptions:
            _subscriptions[base.class_] = list(_subscribed(base.class_, above))
        above = base.class_


def _subscribed(model: type[Any], above: type[Any]) -> Iterator[Subscription]:
    for moment in _MOMENTS:
        for name in moment.methods(model):
            if name not in moment.methods(above):
                yield model_events.subscribe(moment.kind, partial(_call_method, name), model=model)


def _call_method(name: str, event: ModelEvent[Any]) -> Any:
    method = getattr(type(event.instance), name)
    # A subclass switches a hook off by putting None in the place of the method.
    return _call(method, event) if inspect.isfunction(method) else None


def _call(function: Callable[..., Any], event: ModelEvent[Any]) -> Any:
    return function(event.instance, **{name: getattr(event, name) for name in _facts(function)})


@lru_cache(maxsize=1024)
def _facts(function: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(inspect.signature(function).parameters)[1:]
