"""Order objects as the unit of work writes them.

Classes follow those that they refer to, and within a class an object follows one that it refers to, or whose
list it is in, as far as that is loaded. Otherwise new objects stand in the order in which they were added,
before those that are updated, which stand in the order of their keys.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import inspect
from sqlalchemy.orm import RelationshipDirection
from sqlalchemy.orm.collections import collection_adapter
from sqlalchemy.orm.persistence import _sort_states

if TYPE_CHECKING:
    from sqlalchemy.orm import InstanceState, Mapper, RelationshipProperty

__all__ = ["deleted_order", "saved_order"]

T = TypeVar("T")


def saved_order(states: Iterable[InstanceState[Any]]) -> list[InstanceState[Any]]:
    """Return the states of objects that are inserted or updated, in order."""
    sorted_states = [state for group in _groups(states) for state in group]
    return _following(sorted_states, _rows_before(sorted_states))


def deleted_order(states: Iterable[InstanceState[Any]]) -> list[InstanceState[Any]]:
    """Return the states of objects that are deleted, in order: the other way round."""
    sorted_states = [state for group in _groups(states) for state in reversed(group)]
    return _following(sorted_states, _rows_before(sorted_states))[::-1]


def _groups(states: Iterable[InstanceState[Any]]) -> Iterator[list[InstanceState[Any]]]:
    groups: dict[Mapper[Any], list[InstanceState[Any]]] = defaultdict(list)
    for state in states:
        groups[state.mapper.base_mapper].append(state)
    mappers = {state.mapper for group in groups.values() for state in group}
    for base in _following(list(groups), _mappers_before(mappers)):
        yield _sort_states(base, groups[base])  # type: ignore[no-untyped-call] # it has no annotations


def _mappers_before(mappers: Iterable[Mapper[Any]]) -> Mapping[Mapper[Any], list[Mapper[Any]]]:
    before: dict[Mapper[Any], list[Mapper[Any]]] = defaultdict(list)
    for mapper in mappers:
        for relationship in mapper.relationships:
            _refer(before, relationship, mapper.base_mapper, relationship.mapper.base_mapper)
    return before


def _rows_before(
    states: Iterable[InstanceState[Any]],
) -> Mapping[InstanceState[Any], list[InstanceState[Any]]]:
    before: dict[InstanceState[Any], list[InstanceState[Any]]] = defaultdict(list)
    for state in states:
        for relationship in state.mapper.relationships:
            for other in _loaded(state, relationship):
                _refer(before, relationship, state, other)
    return before


def _refer(before: dict[T, list[T]], relationship: RelationshipProperty[Any], this: T, other: T) -> None:
    if relationship.direction is RelationshipDirection.MANYTOONE:
        before[this].append(other)
    elif relationship.direction is RelationshipDirection.ONETOMANY:
        before[other].append(this)


def _loaded(
    state: InstanceState[Any], relationship: RelationshipProperty[Any]
) -> Iterator[InstanceState[Any]]:
    value = state.dict.get(relationship.key)
    if value is None or relationship.lazy in ("dynamic", "write_only"):
        return
    if relationship.uselist:
        yield from map(inspect, collection_adapter(value))
    else:
        yield inspect(value)


def _following(items: Sequence[T], before: Mapping[T, Sequence[T]]) -> list[T]:
    # Each follows those before it; their own order decides where that leaves a choice, or is a circle.
    wanted = set(items)
    placed: dict[T, None] = {}
    entered: set[T] = set()
    waiting = list(reversed(items))
    while waiting:
        item = waiting[-1]
        if item in entered:
            placed.setdefault(waiting.pop())
        else:
            entered.add(item)
            waiting += [other for other in before.get(item, ()) if other in wanted and other not in entered]
    return list(placed)
