"""What every repository is made of: a model and a session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, get_args, get_origin

from sqlalchemy import inspect

from andamios_orm.core import current_session
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries import QueryBuilder

if TYPE_CHECKING:
    from andamios_orm.core import AsyncSession

__all__ = ["Repository"]

T = TypeVar("T")


class Repository(Generic[T]):
    """The objects of a model, in a session and its transaction.

    The model is the type argument: of a subclass, ``class Users(GenericRepository[User])``, or where one is
    made, ``GenericRepository[User](session)``.

    Args:
        session: The session; by default the current one of the task that calls.
    """

    _model: ClassVar[type[Any] | None] = None

    def __init__(self, session: AsyncSession | None = None) -> None:
        self._session = session

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for base in vars(cls).get("__orig_bases__", ()):
            origin = get_origin(base)
            if isinstance(origin, type) and issubclass(origin, Repository):
                cls._model = _class_in(base) or cls._model

    @property
    def model(self) -> type[T]:
        """The model.

        Raises:
            ConfigurationError: There is no type argument.
        """
        # Python says with which argument a class was called only after it has made the object.
        model = self._model or _class_in(getattr(self, "__orig_class__", None))
        if model is None:
            kind = type(self).__name__
            raise ConfigurationError(
                f"of which model? Say class UserRepository({kind}[User]), or {kind}[User](session)"
            )
        return model

    @property
    def session(self) -> AsyncSession:
        """The session.

        Raises:
            NoCurrentSessionError: None was given, and the task has none.
        """
        return self._session or current_session()

    @asynccontextmanager
    async def _whole(self) -> AsyncIterator[None]:
        # Where a failed statement does not abort the transaction, what came before it would be committed.
        if self.session.get_bind(inspect(self.model)).dialect.name == "duckdb":
            yield
        else:
            async with self.session.begin_nested():
                yield

    def query(self) -> QueryBuilder[T]:
        """Return a query for its objects, in its session."""
        return QueryBuilder(self.model, self.session)


def _class_in(alias: Any) -> type[Any] | None:
    return next((argument for argument in get_args(alias) if hasattr(argument, "__mapper__")), None)
