"""Keep a session from writing over what it has never seen.

A result from the cache begins no transaction. What another one commits before this session's begins is
neither in it nor a conflict for the database. So before such a session writes for the first time, the objects
that it took and holds are compared with their rows; from then on the transaction sees to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, event, or_, select
from sqlalchemy.orm import InstanceState, Mapper
from sqlalchemy.orm.base import PassiveFlag

from andamios_orm.core.cache.read_tables import table_name
from andamios_orm.core.errors import TransactionConflictError
from andamios_orm.core.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from sqlalchemy.orm import ORMExecuteState, Session, SessionTransaction

__all__ = ["TakenObjects"]

_AT_ONCE = 500
"""Objects that one statement compares."""


class TakenObjects:
    """What sessions took from one cache; takes part in their flushes between `start` and `stop`."""

    def start(self) -> None:
        """Begin to take part."""
        event.listen(UnitOfWork, "before_flush", self._flush)
        event.listen(UnitOfWork, "do_orm_execute", self._execute)
        event.listen(UnitOfWork, "after_transaction_end", self._forget)

    def stop(self) -> None:
        """Take part no longer."""
        event.remove(UnitOfWork, "before_flush", self._flush)
        event.remove(UnitOfWork, "do_orm_execute", self._execute)
        event.remove(UnitOfWork, "after_transaction_end", self._forget)

    def note(self, session: Session, tables: Iterable[str]) -> None:
        """Note that a session took objects of these tables before its transaction began."""
        session.info.setdefault(self, set()).update(tables)

    def _forget(self, session: Session, transaction: SessionTransaction) -> None:
        if transaction.parent is None:
            session.info.pop(self, None)

    def _flush(self, session: Session, context: Any, instances: Any) -> None:
        if session.dirty or session.deleted:
            self._compare(session)

    def _execute(self, state: ORMExecuteState) -> None:
        if state.is_insert or state.is_update or state.is_delete:
            self._compare(state.session)

    def _compare(self, session: Session) -> None:
        # All that are held, because what is written may be computed of any, and the transaction begins once.
        tables = session.info.pop(self, frozenset())
        held: dict[Mapper[Any], list[InstanceState[Any]]] = {}
        for state in session.identity_map.all_states() if tables else ():
            if not tables.isdisjoint(map(table_name, state.mapper.tables)):
                held.setdefault(state.mapper, []).append(state)
        for mapper, states in held.items():
            for start in range(0, len(states), _AT_ONCE):
                _compare_rows(session, mapper, states[start : start + _AT_ONCE])


def _compare_rows(session: Session, mapper: Mapper[Any], states: list[InstanceState[Any]]) -> None:
    names = [attribute.key for attribute in mapper.column_attrs]
    rows = _rows(session, mapper, states, names)
    for state in states:
        row = rows.get(_identity(state))
        if row is None or any(row[name] != value for name, value in _read(state, names)):
            key = ", ".join(map(repr, _identity(state)))
            raise TransactionConflictError(
                f"{mapper.class_.__name__} {key} has changed since it was taken from the cache: run the unit "
                "of work again"
            )


def _rows(
    session: Session, mapper: Mapper[Any], states: Iterable[InstanceState[Any]], names: list[str]
) -> dict[tuple[Any, ...], dict[str, Any]]:
    keys = mapper.primary_key
    wanted = or_(
        *(and_(*(key == part for key, part in zip(keys, _identity(state), strict=True))) for state in states)
    )
    columns = [*keys, *(mapper.column_attrs[name].columns[0] for name in names)]
    # On the connection, because listeners of the session may leave rows out, such as those marked as deleted.
    execute = session.connection(bind_arguments={"mapper": mapper}).execute
    found = execute(select(*columns).select_from(mapper.persist_selectable).where(wanted))
    return {tuple(row[: len(keys)]): dict(zip(names, row[len(keys) :], strict=True)) for row in found}


def _identity(state: InstanceState[Any]) -> tuple[Any, ...]:
    identity: tuple[Any, ...] = state.identity or ()
    return identity


def _read(state: InstanceState[Any], names: Iterable[str]) -> Iterator[tuple[str, Any]]:
    # What each attribute was when it was read; one that was not, or was changed in place, does not tell.
    for name in names:
        history = state.get_history(name, PassiveFlag.PASSIVE_NO_INITIALIZE)
        before = history.deleted or history.unchanged
        if before:
            yield name, before[0]
