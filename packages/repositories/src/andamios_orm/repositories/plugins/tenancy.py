"""Tenants: each sees and writes the objects of its own, and no others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.repositories.filters import Condition
from andamios_orm.repositories.plugins.plugins import Kind
from andamios_orm.repositories.rows import refuse_unknown

__all__ = ["TenantScope", "current_tenant", "tenant"]

_tenant: ContextVar[Any] = ContextVar("andamios_orm_tenant", default=None)


class tenant:  # noqa: N801 # it reads as a function, like `actor`
    """Name the tenant from here on, for this task and those that it starts.

    ``with tenant(7):`` ends with its block. The plain call ``tenant(7)`` holds until the task, or the context
    that it was called in, ends: that is for a middleware or the start of a job.

    Args:
        key: What objects of the tenant have in common, such as its primary key.

    Raises:
        ConfigurationError: It is None.
    """

    def __init__(self, key: Any) -> None:
        if key is None:
            raise ConfigurationError("None is no tenant: objects of nobody would be meant")
        self._token: Token[Any] = _tenant.set(key)

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _tenant.reset(self._token)


def current_tenant() -> Any:
    """Return the tenant of the innermost `tenant`.

    Raises:
        ConfigurationError: There is none.
    """
    key = _tenant.get()
    if key is None:
        raise ConfigurationError("whose data? Name the tenant around this: with tenant(key):")
    return key


class TenantScope:
    """Keep a repository to the objects of the current `tenant`, whatever it is asked for.

    Every read has the condition, by key too. New objects get the value; one that is given another value, or
    would be given one, is refused.

    Args:
        field: The attribute that tells whose an object is.
    """

    def __init__(self, field: str) -> None:
        self._field = field

    def conditions(self, model: type[Any], kind: Kind, /) -> Iterable[Condition]:
        """Return that the objects are those of the tenant.

        Raises:
            ConfigurationError: There is no tenant.
            UnknownNameError: The model has no such attribute.
        """
        refuse_unknown(model, [self._field])
        return [{self._field: current_tenant()}]

    def values(self, model: type[Any], /) -> Mapping[str, Any]:
        """Return the value that the objects of the tenant have.

        Raises:
            ConfigurationError: There is no tenant.
        """
        return {self._field: current_tenant()}
