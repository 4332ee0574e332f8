"""Mark what is deleted, instead of removing it.

The rules:

* ``session.delete(obj)`` marks at the next flush, and so does the removal from a list whose relationship says
  ``delete-orphan``. The row keeps its references, so that it can be restored.
* With it go the objects that a relationship with ``cascade="delete"`` leads to and that can be marked. The
  others stay, unless they were deleted before it was.
* ``delete(Model)`` in a session becomes an UPDATE.
* In both cases rows follow whose foreign key says ``ondelete="CASCADE"``, as far as they can be marked.
* What goes together has the same moment as its mark, which tells what to restore together.
* What would remove a row in any other way is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Delete, Engine, ForeignKeyConstraint, Table, event, exists, inspect, update
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.sql import visitors

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.core.integrity.references import constraints_to
from andamios_orm.core.unit_of_work import UnitOfWork
from andamios_orm.models.soft_delete.mark import Markable
from andamios_orm.models.soft_delete.visibility import is_everything
from andamios_orm.models.timestamps import utc_now

if TYPE_CHECKING:
    from sqlalchemy import BindParameter, Connection, Result
    from sqlalchemy.orm import InstanceState, Mapper, ORMExecuteState, Session

__all__ = ["references_that_cascade", "start"]

_FLUSH = "_andamios_marking"
"""Where a session keeps what its flush marks."""


@dataclass
class _Flush:
    when: datetime = field(default_factory=utc_now)
    mappers: dict[Mapper[Any], None] = field(default_factory=dict)
    """Of the objects that it marks, in order."""
    adopted: list[tuple[InstanceState[Any], int]] = field(default_factory=list)
    """Orphans, and as which relationship's they are passed off, so that the flush leaves them alone."""

    def mark(self, session: Session, instance: Markable) -> None:
        # It takes the deletion back.
        session.add(instance)
        if instance.deleted_at is None:
            instance.deleted_at = self.when
            self.mappers[inspect(instance).mapper] = None

    def adopt(self, session: Session, instance: Markable) -> None:
        state: InstanceState[Any] = inspect(instance)
        for mapper in state.mapper.iterate_to_root():
            for name, owner in mapper._delete_orphans:
                relationship = inspect(owner).relationships[name]
                token = id(relationship.class_attribute.impl.parent_token)
                state.parents[token] = state
                self.adopted.append((state, token))
                for reverse in relationship._reverse_property:
                    _take_back(session, instance, reverse.key)

    def forget(self) -> None:
        for state, token in self.adopted:
            state.parents.pop(token, None)


def start() -> None:
    """Mark from now on."""
    # Before the others that listen: to them it is an update.
    event.listen(UnitOfWork, "before_flush", _flushing, insert=True)
    event.listen(UnitOfWork, "after_flush_postexec", _flushed)
    event.listen(UnitOfWork, "do_orm_execute", _executing)
    event.listen(Engine, "before_execute", _sending)
    event.listen(Markable, "before_delete", _removing, propagate=True)


def _flushing(session: Session, context: Any, instances: Any) -> None:
    if is_everything():
        return
    flush, deleted, orphans = _Flush(), list(session.deleted), list(_orphans(session))
    kept = _kept(deleted)
    for instance in kept.values():
        session.add(instance)
    for orphan in orphans:
        flush.adopt(session, orphan)
    for root in (*deleted, *orphans):
        if isinstance(root, Markable) and id(root) not in kept:
            for instance in (root, *_cascade(root)):
                if isinstance(instance, Markable) and id(instance) not in kept:
                    flush.mark(session, instance)
    session.info[_FLUSH] = flush


def _flushed(session: Session, context: Any) -> None:
    flush: _Flush | None = session.info.pop(_FLUSH, None)
    if flush is not None:
        flush.forget()
        for mapper in flush.mappers:
            _follow(session, mapper, flush.when)


def _cascade(instance: Any) -> Iterator[Any]:
    state: InstanceState[Any] = inspect(instance)
    for child, *_ in state.mapper.cascade_iterator("delete", state):
        yield child


def _kept(deleted: Iterable[Any]) -> dict[int, Any]:
    # What cannot be marked, and is deleted only because of what is; the cascade comes after its cause.
    positions = {id(instance): number for number, instance in enumerate(deleted)}
    kept: dict[int, Any] = {}
    for root in deleted:
        for child in _cascade(root) if isinstance(root, Markable) else ():
            if not isinstance(child, Markable) and positions.get(id(child), -1) > positions[id(root)]:
                kept |= {id(instance): instance for instance in (child, *_cascade(child))}
    return kept


def _orphans(session: Session) -> Iterator[Markable]:
    for instance in session.dirty:
        for candidate in (instance, *_removed(instance)):
            if isinstance(candidate, Markable) and _is_orphan(inspect(candidate)):
                yield candidate


def _is_orphan(state: InstanceState[Any]) -> bool:
    return state.key is not None and state.mapper._is_orphan(state)


def _removed(instance: Any) -> Iterator[Any]:
    state: InstanceState[Any] = inspect(instance)
    for relationship in state.mapper.relationships:
        if relationship.cascade.delete_orphan:
            yield from state.attrs[relationship.key].history.deleted or ()


def _take_back(session: Session, instance: Any, name: str) -> None:
    former = inspect(instance).attrs[name].history.deleted
    if former:
        set_committed_value(instance, name, former[0])
    else:
        session.expire(instance, [name])


def _follow(session: Session, mapper: Mapper[Any], when: datetime) -> None:
    for constraint, child in references_that_cascade(mapper):
        parent = _table(mapper).alias()
        pairs = ((element.parent, parent.c[element.column.key]) for element in constraint.elements)
        refers = exists().where(*(one == other for one, other in pairs), parent.c["deleted_at"] == when)
        marking = update(child.class_).where(refers.correlate(constraint.table))
        if session.execute(marking.values(deleted_at=when)).rowcount:  # type: ignore[attr-defined] # of an UPDATE
            _follow(session, child, when)


def references_that_cascade(mapper: Mapper[Any]) -> Iterator[tuple[ForeignKeyConstraint, Mapper[Any]]]:
    """Give the foreign keys to a class that say ``ondelete="CASCADE"``, each with the class that it is of.

    Classes whose rows cannot be marked are left out.
    """
    for constraint in constraints_to(_table(mapper)):
        if (constraint.ondelete or "").upper() == "CASCADE":
            for child in mapper.registry.mappers:
                if child.inherits is None and child.local_table is constraint.table and _is_markable(child):
                    yield constraint, child


def _table(mapper: Mapper[Any]) -> Table:
    return mapper.columns["deleted_at"].table


def _is_markable(mapper: Mapper[Any]) -> bool:
    return issubclass(mapper.class_, Markable)


def _executing(state: ORMExecuteState) -> Result[Any] | None:
    mapper = state.bind_mapper if state.is_delete else None
    if mapper is None or not _is_markable(mapper) or state.execution_options.get("hard_delete"):
        return None
    if state.is_executemany:
        raise ConfigurationError(f"delete({mapper.class_.__name__}) takes one set of parameters: use in_()")
    when = utc_now()
    parameters: Any = state.parameters or {}
    marking = _marking(state.statement, mapper.class_, when, parameters)
    options, bound = state.execution_options, state.bind_arguments
    result = state.session.execute(marking, execution_options=options, bind_arguments=bound)
    _follow(state.session, mapper, when)
    return result


def _marking(statement: Any, model: type[Markable], when: datetime, parameters: Mapping[str, Any]) -> Any:
    criteria = (_bound(criterion, parameters) for criterion in statement._where_criteria)
    made = update(model).where(*criteria, model.deleted_at.is_(None)).values({model.deleted_at: when})
    made = made.options(*statement._with_options)
    return made.returning(*statement._returning) if statement._returning else made


def _bound(criterion: Any, parameters: Mapping[str, Any]) -> Any:
    # An UPDATE would take parameters that are called like a column for what it sets.
    def bind(parameter: BindParameter[Any]) -> None:
        if parameter.key in parameters:
            parameter.value, parameter.required = parameters[parameter.key], False
            parameter._convert_to_unique()  # type: ignore[no-untyped-call] # it has no annotations

    return visitors.cloned_traverse(criterion, {"maintain_key": True}, {"bindparam": bind})


def _sending(
    connection: Connection, statement: Any, multiple: Any, single: Any, options: Mapping[str, Any]
) -> None:
    if not isinstance(statement, Delete) or options.get("hard_delete"):
        return
    subject = statement._propagate_attrs.get("plugin_subject")
    if subject is not None and _is_markable(subject.mapper):
        name = subject.mapper.class_.__name__
        raise ConfigurationError(
            f"delete({name}) marks rows, which takes a session: execute it in one. What removes them for "
            f"good is delete({name}.__table__), or the execution option hard_delete=True"
        )


def _removing(mapper: Mapper[Any], connection: Connection, instance: Any) -> None:
    if not is_everything():
        name = mapper.class_.__name__
        raise ConfigurationError(
            f"this {name} would be removed for good, because it was deleted while a flush was going on: "
            "delete it before the flush; `await obj.hard_delete()` removes for good"
        )
