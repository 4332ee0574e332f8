"""Plugins: what says which objects a repository is about, and what is called around its operations."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial, wraps
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, cast, runtime_checkable

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.repositories.filters import Condition

if TYPE_CHECKING:
    from andamios_orm.core import AsyncSession
    from andamios_orm.repositories.repository import Repository

__all__ = [
    "Kind",
    "Middleware",
    "Operation",
    "Plugin",
    "Plugins",
    "Proceed",
    "Scope",
    "installed_plugins",
    "operation",
]

F = TypeVar("F", bound=Callable[..., Any])

GROUP = "andamios_orm.repository_plugins"
"""The entry points of plugins for all repositories."""

Kind = Literal["create", "read", "update", "delete"]
"""What an operation does."""

Proceed = Callable[[], Awaitable[Any]]
"""Goes on with an operation, and returns its result."""


@dataclass(frozen=True)
class Operation:
    """What a repository is about to do.

    Attributes:
        kind: What it does.
        name: The method that was called, such as ``"update_many"``.
        model: The model.
        session: The session.
        arguments: What the method was given, by the names of its parameters.
    """

    kind: Kind
    name: str
    model: type[Any]
    session: AsyncSession = field(repr=False)
    arguments: Mapping[str, Any] = field(repr=False)


class Middleware(Protocol):
    """Is called around each operation of a repository: to refuse it, to measure it, to tell of it.

    A method that is made of others is told as these: ``upsert_many`` as ``create_many`` and ``update_many``.
    What is read through ``query()`` is not told.
    """

    async def __call__(self, operation: Operation, proceed: Proceed, /) -> Any:
        """Return what ``await proceed()`` returns; it is called once, or an error is raised in its place."""
        ...


@runtime_checkable
class Scope(Protocol):
    """Says which objects a repository is about: it finds, changes and deletes no others."""

    def conditions(self, model: type[Any], kind: Kind, /) -> Iterable[Condition]:
        """Return what holds for the objects that may be read, updated or deleted."""
        ...

    def values(self, model: type[Any], /) -> Mapping[str, Any]:
        """Return the values that every object has: new ones get them, and none gets others."""
        ...


Plugin = Middleware | Scope
"""A scope, a middleware, or both."""


@dataclass(frozen=True)
class Plugins:
    """The plugins of a repository.

    Attributes:
        scopes: Those that say which objects it is about.
        middleware: Those that are called around operations, the outermost first.
    """

    scopes: tuple[Scope, ...] = ()
    middleware: tuple[Middleware, ...] = ()

    @classmethod
    def of(cls, plugins: Iterable[Plugin], where: str) -> Plugins:
        """Return plugins, sorted by what they do.

        Raises:
            ConfigurationError: One is no plugin.
        """
        given = list(plugins)
        for each in given:
            is_half = hasattr(each, "conditions") is not hasattr(each, "values")
            if isinstance(each, type) or is_half or not (callable(each) or isinstance(each, Scope)):
                raise ConfigurationError(
                    f"{where}: {each!r} is no plugin. It is called as plugin(operation, proceed), or has the "
                    "methods conditions() and values()"
                )
        scopes: list[Any] = [each for each in given if isinstance(each, Scope)]
        return cls(tuple(scopes), tuple(each for each in given if callable(each)))

    def __add__(self, other: Plugins) -> Plugins:
        return Plugins(self.scopes + other.scopes, self.middleware + other.middleware)


@lru_cache(maxsize=1)
def installed_plugins() -> Plugins:
    """Return the plugins for all repositories, which installed distributions name as entry points.

    Raises:
        ConfigurationError: One cannot be loaded. None is left out, because it may be what keeps data apart.
    """
    found = sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value))
    return Plugins.of(map(_loaded, found), f"entry points of {GROUP}")


def _loaded(point: EntryPoint) -> Plugin:
    try:
        loaded = point.load()
        plugin: Plugin = loaded() if isinstance(loaded, type) else loaded
    except Exception as error:
        raise ConfigurationError(
            f"the plugin {point.name!r} ({point.value}) cannot be loaded: {error}"
        ) from error
    return plugin


def operation(kind: Kind, name: str | None = None) -> Callable[[F], F]:
    """Decorate a coroutine method of a repository, so that middleware is called around it.

    Args:
        kind: What it does.
        name: What it is called; by default as it is.
    """

    def decorated(method: F) -> F:
        signature = inspect.signature(method)

        @wraps(method)
        def called(self: Repository[Any], /, *args: Any, **kwargs: Any) -> Any:
            middleware = self._plugins.middleware
            if not middleware:
                return method(self, *args, **kwargs)
            given = dict(signature.bind(self, *args, **kwargs).arguments)
            del given["self"]
            about = Operation(kind, name or method.__name__, self.model, self.session, given)
            return _passed(middleware, about, partial(method, self, *args, **kwargs))

        return cast("F", called)

    return decorated


async def _passed(middleware: Sequence[Middleware], about: Operation, call: Proceed) -> Any:
    proceed = call
    for each in reversed(middleware):
        proceed = partial(each, about, proceed)
    return await proceed()
