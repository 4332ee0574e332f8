"""Named filters: conditions that stand in a model, under a name, to be used in all queries about it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Generic, Never, NoReturn, ParamSpec

from sqlalchemy import ColumnElement

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries.expressions import Q
from andamios_orm.queries.filters.model_check import check_model
from andamios_orm.queries.scope import Scope

__all__ = ["NamedFilter", "named_filter"]

P = ParamSpec("P")


class NamedFilter(Q, Generic[P]):
    """A condition of a model, as its class gives it: ``Flight.late``, or ``Flight.later_than(30)``.

    Args:
        model: The model.
        name: The name.
        make: Makes the condition.
    """

    def __init__(self, model: type[Any], name: str, make: Callable[P, Q | ColumnElement[bool]]) -> None:
        super().__init__()
        self._model = model
        self._name = name
        self._make = make

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Q:
        """Return the condition with these arguments.

        Raises:
            TypeError: The function does not take them.
        """
        inspect.signature(self._make).bind(*args, **kwargs)
        return NamedFilter(self._model, self._name, lambda: self._make(*args, **kwargs))

    @property
    def is_empty(self) -> bool:
        """Return False: a name stands for a condition."""
        return False

    @property
    def parts(self) -> Sequence[Any]:
        """What it is made of.

        Raises:
            ConfigurationError: It takes arguments.
        """
        return (self._made(),)

    def resolve(self, scope: Scope) -> ColumnElement[bool]:
        """Return the condition as SQLAlchemy's, the names being those of ``scope``.

        Raises:
            ConfigurationError: It takes arguments, or the query is about another model.
        """
        check_model(scope, self._model)
        return self._made().resolve(scope)

    def _made(self) -> Q:
        make: Any = self._make
        try:
            inspect.signature(make).bind()
        except TypeError:
            name = f"{self._model.__name__}.{self._name}"
            raise ConfigurationError(
                f"{name} takes arguments: call it, as in {name}{inspect.signature(make)}"
            ) from None
        return Q(make())


class named_filter(Generic[P]):  # noqa: N801 # it is used as a decorator
    """Give a condition a name in a model: ``late = named_filter(lambda: Q(dep_delay__gt=60))``.

    ``QueryBuilder(Flight).filter(Flight.late)`` uses it. Where the function has parameters, the name is
    called with them: ``Flight.later_than(30)``. The function runs when a query is built, so it may name the
    model itself. Mixins and subclasses may have it. An object has no such attribute.

    Args:
        make: Makes the condition.
    """

    def __init__(self, make: Callable[P, Q | ColumnElement[bool]]) -> None:
        self._make = make
        self._name = ""

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type[Any]) -> NamedFilter[P]:
        if instance is not None:
            raise AttributeError(f"{self._name!r} is a filter for queries: {owner.__name__}.{self._name}")
        return NamedFilter(owner, self._name, self._make)

    def __set__(self, instance: object, value: Never) -> NoReturn:
        raise AttributeError(f"{self._name!r} is a filter for queries, and no attribute of objects")
