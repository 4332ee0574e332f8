"""Models whose objects find, write and delete themselves."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import isfunction
from types import FunctionType
from typing import Any, ClassVar, Self

from sqlalchemy import event, inspect
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncEngine

from andamios_orm.core import AsyncSession
from andamios_orm.core.arguments import engine_of
from andamios_orm.core.errors import ConfigurationError, NotFoundError
from andamios_orm.models import after_create, after_update, before_create, before_update
from andamios_orm.models.hooks import HooksMixin
from andamios_orm.queries import QueryBuilder, UnknownNameError
from andamios_orm.repositories.active_record.binding import add, key_in, present_session, working
from andamios_orm.repositories.active_record.bound_query import BoundQuery
from andamios_orm.repositories.active_record.detached import name_remedies
from andamios_orm.repositories.entities import held
from andamios_orm.repositories.filters import Condition, Load, narrowed
from andamios_orm.repositories.plugins.plugins import installed_plugins
from andamios_orm.repositories.plugins.scoping import scoped
from andamios_orm.repositories.repositories import GenericRepository

__all__ = ["ActiveRecord"]

_SAVES = {
    "before_save": (before_create, before_update),
    "after_save": (after_create, after_update),
}
"""Methods that are hooks, and the moments that they are called at."""


class ActiveRecord(HooksMixin):
    """Give a model the methods that find and write its objects: ``class User(ActiveRecord, BaseModel)``.

    They do what `GenericRepository` does, in the current session of the task and its transaction. Where the
    task has no session, and the model is bound to an engine, each call is a unit of work of its own: it is
    committed, and the objects stay usable, in no session. Where such a unit fails, they are what they were
    before it. With neither, each call raises `NotBoundError`, which is a ``NoCurrentSessionError``.

    An object serves one task at a time. One that was saved in a session whose transaction failed has to be
    refreshed before it is saved again.

    A model may have methods ``before_save`` and ``after_save``, coroutine functions or not. They are called
    around each INSERT and UPDATE of an object, whoever flushes it; see `andamios_orm.models.hooks`.

    Raises:
        ConfigurationError: A model has an attribute that is called like one of these methods.
    """

    _bound_to: ClassVar[AsyncEngine | None] = None

    def __init_subclass__(cls, **options: Any) -> None:
        _refuse_hidden(cls)
        for name, moments in _SAVES.items():
            method: Any = getattr(cls, name, None)
            for moment in moments if isfunction(method) else ():
                moment(method)
        super().__init_subclass__(**options)
        if "__mapper__" in vars(cls):
            event.listen(cls, "mapper_configured", name_remedies)

    @classmethod
    def bind(cls, engine: AsyncEngine | None) -> None:
        """Work with an engine from now on, in tasks that have no session.

        It is for this class and its subclasses, except those that are bound themselves. The current session
        of a task comes before it, whichever engine that has.

        Args:
            engine: The engine, in place of the one before; None for none.

        Raises:
            ConfigurationError: It is no engine.
        """
        cls._bound_to = None if engine is None else engine_of(engine, f"{cls.__name__}.bind()")

    @classmethod
    async def create(cls, data: Any = None, /, **values: Any) -> Self:
        """Write a new object, and return it; see `BaseRepository.create`.

        Args:
            data: The object, a dict or a pydantic model; or nothing beside values.
            values: Values by the names of attributes; they win over those of ``data``.

        Raises:
            ConfigurationError: ``data`` is something else, or has a row already.
            IntegrityError: A constraint refuses it.
            UnknownNameError: The model has no such attribute.
            ValidationError: The model refuses a value.
        """
        async with working(cls, data, values) as session:
            return await cls._records(session).create(data, **values)

    @classmethod
    async def find(cls, key: Any, /, *, load: Load = None) -> Self | None:
        """Return the object with a primary key; None where there is none.

        Args:
            key: The value; of a composite key a tuple, or a dict by the names of the attributes.
            load: Relationships that are loaded too.

        Raises:
            ConfigurationError: It has other parts than the primary key, or one of another type.
        """
        async with working(cls) as session:
            return await cls._records(session).get_by_id(key, load=load)

    @classmethod
    def where(cls, /, *conditions: Condition, **lookups: Any) -> QueryBuilder[Self]:
        """Return a query for the objects for which all conditions hold; without one, for all objects.

        Its session is the one of the task that awaits it, or else each of its endings is a unit of work.

        Args:
            conditions: Dicts of lookups, `Q`, or expressions.
            lookups: Fields with lookups, as in ``age__gte=18``.

        Raises:
            ConfigurationError: A lookup does not take its value.
            UnknownNameError: A name leads nowhere.
        """
        found = scoped(BoundQuery(cls), installed_plugins().scopes, cls, "read")
        return narrowed(found, conditions).filter(**lookups)

    @classmethod
    async def all(cls) -> list[Self]:
        """Return all objects, in the order of the primary key."""
        async with working(cls) as session:
            return await cls._records(session).list()

    @classmethod
    async def first_or_create(cls, /, defaults: Mapping[str, Any] | None = None, **lookups: Any) -> Self:
        """Return the only object with these values, or a new one; see `GenericRepository.get_or_create`.

        Args:
            defaults: Further values of a new object.
            lookups: The values, by the names of attributes.

        Raises:
            DuplicateKeyError: Another transaction has written it meanwhile.
            MultipleResultsError: There are several.
            UnknownNameError: The model has no such attribute.
        """
        async with working(cls, defaults) as session:
            found, _ = await cls._records(session).get_or_create(defaults, **lookups)
            return found

    async def save(self) -> Self:
        """Write the object, whether it is new or changed, and return it.

        A new one is inserted. Of one that has a row, the columns are written that have changed. What belongs
        to it by relationships is written too, as a session does it.

        Raises:
            ConfigurationError: It belongs to another session, or the current one holds another object for
                its row; or a rollback of its session has undone what was changed.
            IntegrityError: A constraint refuses it.
            NotFoundError: It was in no session, and its row is gone.
            StaleVersionError: Its row has another version by now.
        """
        _refuse_forgotten(self)
        async with working(type(self), self) as session:
            if inspect(self).key is None:
                add(session, self)
                return await self._records(session).create(self)
            return await self._records(session).update(self)

    async def delete(self) -> None:
        """Delete the object, or mark it where its model does so.

        Raises:
            ConfigurationError: It is new, or belongs to another session.
            IntegrityError: Others refer to it.
            NotFoundError: It was deleted before, or was in no session, and its row is gone.
            StaleVersionError: Its row has another version by now.
        """
        async with working(type(self), self) as session:
            await self._records(session).delete(self)

    async def refresh(self, *names: str) -> None:
        """Read the object again; what was changed and not saved is lost.

        Args:
            names: Attributes that are read, relationships among them; by default all columns.

        Raises:
            ConfigurationError: It is new, or belongs to another session.
            NotFoundError: Its row is gone.
            UnknownNameError: The model has no such attribute.
        """
        _refuse_unknown(type(self), names)
        is_unit = present_session() is None
        async with working(type(self), self) as session:
            await _read_again(held(type(self), self, session), names, session)
            if is_unit:
                # What has changed beside is not written.
                session.expunge_all()

    @classmethod
    def _records(cls, session: AsyncSession) -> GenericRepository[Self]:
        return GenericRepository[cls](session)  # type: ignore[valid-type] # the class is known when it is called


_METHODS = [name for name in vars(ActiveRecord) if not name.startswith("_")]


def _refuse_hidden(model: type[ActiveRecord]) -> None:
    for owner in model.__mro__:
        declared = {**dict.fromkeys(vars(owner).get("__annotations__", ())), **vars(owner)}
        _refuse_others(model, declared)
    given = list(vars(model).values())
    # Of a table that the class is given, a column is called as it is there, unless the class says otherwise.
    columns = getattr(vars(model).get("__table__"), "c", ())
    _refuse_others(model, {each.key: each for each in columns if not any(each is value for value in given)})


def _refuse_others(model: type[ActiveRecord], declared: Mapping[str, Any]) -> None:
    for name in declared.keys() & _METHODS:
        if not isinstance(declared[name], FunctionType | classmethod):
            raise ConfigurationError(
                f"{model.__name__}.{name} would take the place of ActiveRecord.{name}(): give the "
                f'attribute another name, as in {name}_: Mapped[...] = mapped_column("{name}")'
            )


def _refuse_forgotten(record: ActiveRecord) -> None:
    # To write nothing, and say nothing, would lose what the caller has set before the rollback.
    state: Any = inspect(record)
    if state.key is not None and state.expired and not state.modified:
        raise ConfigurationError(
            f"nothing is known of this {type(record).__name__}, as after a rollback, which undoes what was "
            "changed: await obj.refresh(), and change it again"
        )


def _refuse_unknown(model: type[Any], names: tuple[str, ...]) -> None:
    known = inspect(model).attrs.keys()
    for name in names:
        if name not in known:
            raise UnknownNameError(name, f"attribute of {model.__name__}", known)


async def _read_again(record: ActiveRecord, names: tuple[str, ...], session: AsyncSession) -> None:
    try:
        with session.no_autoflush:
            await session.refresh(record, names or None)
    except InvalidRequestError as error:
        raise NotFoundError(type(record).__name__, key_in(inspect(record))) from error
