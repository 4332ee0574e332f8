"""What every repository is made of: a model and a session."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, get_args, get_origin

from sqlalchemy import inspect

from andamios_orm.core import current_session
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries import QueryBuilder
from andamios_orm.repositories.plugins.plugins import Kind, Plugin, Plugins, installed_plugins
from andamios_orm.repositories.plugins.scoping import Values, reading_only, scope_values, scoped
from andamios_orm.repositories.transactions import transaction

if TYPE_CHECKING:
    from andamios_orm.core import AsyncSession

__all__ = ["Repository"]

T = TypeVar("T")


class Repository(Generic[T]):
    """The objects of a model, in a session and its transaction.

    The model is the type argument: of a subclass, ``class Users(GenericRepository[User])``, or where one is
    made, ``GenericRepository[User](session)``.

    A subclass may have plugins, beside those of its bases:
    ``class Users(GenericRepository[User], plugins=[TenantScope("company_id")])``.

    Args:
        session: The session; by default the current one of the task that calls.
    """

    _model: ClassVar[type[Any] | None] = None
    _added_plugins: ClassVar[Plugins] = Plugins()
    _own_plugins: ClassVar[Plugins] = Plugins()

    def __init__(self, session: AsyncSession | None = None) -> None:
        self._session = session

    def __init_subclass__(cls, *, plugins: Iterable[Plugin] = (), **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._added_plugins = Plugins.of(plugins, f"plugins of {cls.__name__}")
        added = (vars(base).get("_added_plugins", Plugins()) for base in reversed(cls.__mro__))
        cls._own_plugins = sum(added, Plugins())
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
        if self._has_savepoints:
            async with self.session.begin_nested():
                yield
        else:
            yield

    @property
    def _has_savepoints(self) -> bool:
        return self.session.get_bind(inspect(self.model)).dialect.name != "duckdb"

    def transaction(self) -> AbstractAsyncContextManager[AsyncSession]:
        """Make a block a transaction of the session: ``async with users.transaction():``.

        In a session that nobody else commits, it is committed when the block succeeds, and rolled back when
        it fails or is cancelled. Inside of a `SessionManager`, a `UnitOfWork` or another block, it is a part
        of that: where there are savepoints an error undoes it alone; on DuckDB, which has none, the rest
        cannot be committed then.

        Raises:
            ConfigurationError: Such a session has begun a transaction before.
        """
        return transaction(self.session, savepoints=self._has_savepoints)

    def query(self) -> QueryBuilder[T]:
        """Return a query for its objects, in its session."""
        found = self._query("read")
        return reading_only(found) if self._plugins.scopes else found

    def _query(self, kind: Kind) -> QueryBuilder[T]:
        return scoped(QueryBuilder(self.model, self.session), self._plugins.scopes, self.model, kind)

    @property
    def _plugins(self) -> Plugins:
        return installed_plugins() + self._own_plugins

    @property
    def _fixed(self) -> Values:
        return scope_values(self._plugins.scopes, self.model)


def _class_in(alias: Any) -> type[Any] | None:
    return next((argument for argument in get_args(alias) if hasattr(argument, "__mapper__")), None)
