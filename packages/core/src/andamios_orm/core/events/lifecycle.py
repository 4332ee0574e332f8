"""Tell of what happens to objects: the model events, from the unit of work of a session.

A flush is told in two parts. Before it writes, everything that is about to be written is told, again and
again until the handlers leave nothing new. What was written is told when all of it is. The rules:

* An object is told of once in a flush for each kind of event.
* An update that nobody but the unit of work knows of, such as that of an object which was removed from the
  list of another, is told when its turn to be written has come. Its handlers may change its columns and
  nothing else.
* What a flush that failed has written is told to nobody.
* What a handler after the writing raises is logged, unless it comes from the database and has aborted the
  transaction: then it aborts the flush too.
* Statements that write rows by themselves, such as ``insert(Model)`` or ``bulk_insert``, know no objects and
  tell nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from sqlalchemy import inspect, select
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.ext.asyncio import async_session
from sqlalchemy.orm import ColumnProperty, Mapper, PassiveFlag, RelationshipDirection, RelationshipProperty
from sqlalchemy.util.concurrency import await_, greenlet_spawn

from andamios_orm.core.errors import ConfigurationError, TransactionConflictError
from andamios_orm.core.events.flush_order import deleted_order, saved_order
from andamios_orm.core.events.handlers import Entries, call, call_logged, model_entries, tell
from andamios_orm.core.events.listeners import SharedListeners
from andamios_orm.core.events.types import (
    AfterDelete,
    AfterInsert,
    AfterLoad,
    AfterUpdate,
    BeforeDelete,
    BeforeInsert,
    BeforeUpdate,
    ModelEvent,
)
from andamios_orm.core.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.orm import InstanceState, Session, SessionTransaction

    from andamios_orm.core.session import AsyncSession

__all__ = ["FLUSHES", "LOADS"]

_KEY = "_andamios_flush"

_ROUNDS = 100
"""How often the handlers of one flush may leave something new: as often as a commit flushes."""

_FORGETTING = ("mysql", "mariadb")
"""Where a conflict rolls the transaction back, and what follows belongs to a new one."""

Kind = type[ModelEvent[Any]]

_BEFORE: tuple[Kind, ...] = (BeforeInsert, BeforeUpdate, BeforeDelete)


class _Written(NamedTuple):
    kind: Kind
    instance: Any
    changed: frozenset[str]


class _Flush:
    """What was told of one flush, and what is to be told when it is done."""

    def __init__(self) -> None:
        self.told: set[tuple[Kind, InstanceState[Any]]] = set()
        self.written: list[_Written] = []


def _present(session: Session) -> _Flush:
    # A flush may have begun before anybody listened.
    flush: _Flush = session.info.setdefault(_KEY, _Flush())
    return flush


def _before_flush(session: Session, context: Any, instances: Sequence[Any] | None) -> None:
    # The listeners to mappers may be removed here: SQLAlchemy is not iterating over them.
    FLUSHES.rest()
    flush = session.info[_KEY] = _Flush()
    await_(_announced(session, flush, instances))


async def _announced(session: Session, flush: _Flush, instances: Sequence[Any] | None) -> None:
    for _ in range(_ROUNDS):
        planned = list(_planned(session, flush, instances))
        if not planned:
            return
        for kind, state in planned:
            # A handler that was called before may have changed what becomes of it.
            if _kind(session, state) is kind:
                await _announce(session, flush, kind, state)
    raise ConfigurationError(
        f"the handlers before a flush have added or changed objects {_ROUNDS} times over: subscribe each "
        "with `model`, so that it does not hear of what it adds itself"
    )


async def _announce(session: Session, flush: _Flush, kind: Kind, state: InstanceState[Any]) -> None:
    flush.told.add((kind, state))
    await call(_entries(session, kind, state), _event(session, kind, state.obj(), _changed(state)))


def _planned(
    session: Session, flush: _Flush, instances: Sequence[Any] | None
) -> Iterator[tuple[Kind, InstanceState[Any]]]:
    kinds: dict[InstanceState[Any], Kind] = {}
    for state in _heard(session):
        kind = _kind(session, state)
        if kind is not None and (kind, state) not in flush.told and _entries(session, kind, state):
            kinds[state] = kind
    if instances:
        kinds = {state: kinds[state] for state in map(inspect, instances) if state in kinds}
    for state in saved_order(state for state, kind in kinds.items() if kind is not BeforeDelete):
        yield kinds[state], state
    for state in deleted_order(state for state, kind in kinds.items() if kind is BeforeDelete):
        yield BeforeDelete, state


def _heard(session: Session) -> Iterator[InstanceState[Any]]:
    heard: dict[Mapper[Any], bool] = {}
    for state in map(inspect, (*session.new, *session.dirty, *session.deleted)):
        if state.mapper not in heard:
            heard[state.mapper] = any(_entries(session, kind, state) for kind in _BEFORE)
        if heard[state.mapper]:
            yield state


def _kind(session: Session, state: InstanceState[Any]) -> Kind | None:
    # Decided in the way that the flush will.
    if state.session is not session:
        return None
    if state in session._deleted:
        return BeforeDelete
    orphan = state.mapper._is_orphan(state)
    if state in session._new:
        return None if orphan and state._orphaned_outside_of_session else BeforeInsert
    if orphan:
        return BeforeDelete
    return BeforeUpdate if _changed(state) else None


def _changed(state: InstanceState[Any]) -> frozenset[str]:
    return frozenset(
        key
        for key in state.manager.keys() - state.unmodified
        if _is_written(state.mapper.attrs[key])
        and state.get_history(key, PassiveFlag.PASSIVE_NO_INITIALIZE).has_changes()
    )


def _is_written(attribute: Any) -> bool:
    # Whether a change of the attribute changes the row of its own object.
    if isinstance(attribute, RelationshipProperty):
        return attribute.direction is RelationshipDirection.MANYTOONE and not attribute.viewonly
    return isinstance(attribute, ColumnProperty)


def _entries(session: Session, kind: Kind, state: InstanceState[Any]) -> Entries:
    return model_entries(session.get_bind(state.mapper).engine, kind, state.class_)


def _event(session: Session, kind: Kind, instance: Any, changed: frozenset[str]) -> ModelEvent[Any]:
    # A UnitOfWork is the inside of an AsyncSession.
    ours = cast("AsyncSession", async_session(session))
    if issubclass(kind, BeforeUpdate | AfterUpdate):
        return kind(instance, ours, changed)
    return kind(instance, ours)


def _before_write(kind: Kind, mapper: Mapper[Any], connection: Connection, state: InstanceState[Any]) -> None:
    session = state.session
    if not isinstance(session, UnitOfWork):
        return
    flush = _present(session)
    if (kind, state) in flush.told or (kind is BeforeUpdate and not _changed(state)):
        return
    if _entries(session, kind, state):
        await_(_announced_late(session, flush, kind, state))


async def _announced_late(session: Session, flush: _Flush, kind: Kind, state: InstanceState[Any]) -> None:
    with FLUSHES.walk():
        await _announce(session, flush, kind, state)


def _after_write(kind: Kind, mapper: Mapper[Any], connection: Connection, state: InstanceState[Any]) -> None:
    session = state.session
    if not isinstance(session, UnitOfWork) or not _entries(session, kind, state):
        return
    # SQLAlchemy also calls this for objects that it has looked at and not updated.
    changed = _changed(state)
    if changed or kind is not AfterUpdate:
        _present(session).written.append(_Written(kind, state.obj(), changed))


def _after_flush(session: Session, context: Any) -> None:
    written = _present(session).written
    del session.info[_KEY]
    if written:
        await_(_told(session, written))


async def _told(session: Session, written: Iterable[_Written]) -> None:
    for kind, instance, changed in written:
        entries = _entries(session, kind, inspect(instance))
        await call_logged(entries, _event(session, kind, instance, changed), partial(_has_aborted, session))


async def _has_aborted(session: Session, error: BaseException) -> bool:
    # PostgreSQL would commit nothing of a transaction with an error in it, and say so to nobody.
    if not isinstance(error, DBAPIError):
        return False
    transaction = cast("SessionTransaction", session.get_transaction())
    connections = {connection for connection, *_ in transaction._connections.values()}
    return any([await greenlet_spawn(_is_aborted, connection, error) for connection in connections])


def _is_aborted(connection: Connection, error: DBAPIError) -> bool:
    if connection.dialect.name in _FORGETTING and isinstance(error, TransactionConflictError):
        return True
    try:
        connection.execute(select(1))
    except (DBAPIError, PendingRollbackError):
        return True
    return False


def _loaded(session: Session, state: InstanceState[Any]) -> None:
    entries = _entries(session, AfterLoad, state)
    if entries:
        # A handler that asks for what is not loaded fails, and a flush before that would end the transaction.
        with session.no_autoflush:
            tell((entries, _event(session, AfterLoad, state.obj(), frozenset())))
    else:
        LOADS.rest()


FLUSHES = SharedListeners(
    (UnitOfWork, "before_flush", _before_flush),
    (UnitOfWork, "after_flush_postexec", _after_flush),
    (Mapper, "before_insert", partial(_before_write, BeforeInsert)),
    (Mapper, "before_update", partial(_before_write, BeforeUpdate)),
    (Mapper, "before_delete", partial(_before_write, BeforeDelete)),
    (Mapper, "after_insert", partial(_after_write, AfterInsert)),
    (Mapper, "after_update", partial(_after_write, AfterUpdate)),
    (Mapper, "after_delete", partial(_after_write, AfterDelete)),
    raw=True,
)
"""What tells of inserts, updates and deletes."""

LOADS = SharedListeners((UnitOfWork, "loaded_as_persistent", _loaded), raw=True)
"""What tells of loads."""
