"""Notice changes inside of values that mapped attributes hold.

What a value consists of notifies whoever holds it: lists, dicts and sets are replaced by ones that do, and
the classes of pydantic models are made to, for those of their instances that are held. The rules:

* While an attribute is unchanged, every part of its value that can change is watched. That is seen to when
  the value is set, when it is loaded, and when it was written.
* The first change marks the attribute as modified. What is put in afterwards need not be watched until it is
  written: then the whole value is.
* A loaded value keeps the object alive that it was loaded for: else the object, changed by way of a part
  alone, could be gone before it is written. A value that was set does not: it may be shared by many objects.
* An attribute with another value no longer hears of the old one, nor, once it was written, of what was taken
  out of its value.
* A copy of a part is not watched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, SupportsIndex
from weakref import WeakKeyDictionary, WeakSet, ref

from pydantic import BaseModel
from sqlalchemy import ClauseElement, event
from sqlalchemy.orm import InstanceState
from sqlalchemy.orm.attributes import flag_modified

__all__ = ["track_attribute"]


class _Holder:
    """An attribute of an object while it has one value; it lives as long as the object has that."""

    def __init__(self, state: InstanceState[Any], key: str, is_loaded: bool) -> None:
        self._state = ref(state)
        self._key = key
        self.is_loaded = is_loaded

    def owner(self) -> object | None:
        """Return the object."""
        state = self._state()
        return None if state is None else state.obj()

    def note_change(self) -> None:
        """Mark the attribute as modified.

        Raises:
            InvalidRequestError: The value was loaded, and the attribute has none any more.
        """
        owner = self.owner()
        if owner is not None and (self.is_loaded or self._key in vars(owner)):
            flag_modified(owner, self._key)


class _Holders:
    """The attributes that hold a value, or something that it is a part of."""

    def __init__(self) -> None:
        self._known: WeakSet[_Holder] = WeakSet()
        self._owner: object | None = None

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        # What is copied or pickled with its part is held by nobody.
        return _Holders, ()

    def add(self, holder: _Holder) -> None:
        """Notify an attribute from now on; keep its object alive if the value was loaded for it."""
        self._known.add(holder)
        if holder.is_loaded:
            self._owner = holder.owner()

    def note_change(self) -> None:
        """Mark the attributes as modified."""
        for holder in tuple(self._known):
            holder.note_change()


_HOLDERS = "_andamios_holders"
"""Where a part has its holders. In an instance of a model it is beside the fields, where pydantic leaves room
for cached properties."""


class _Part:
    """A container that knows its holders."""

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        # Without its holders.
        plain: Any = next(kind for kind in _TRACKED if isinstance(self, kind))
        return type(self), (plain(self),)


def _noticed(method: Callable[..., Any]) -> Any:
    @wraps(method)
    def changing(self: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return method(self, *arguments, **options)
        finally:
            holders = vars(self).get(_HOLDERS)
            if holders is not None:
                holders.note_change()

    vars(changing)[_HOLDERS] = True
    return changing


def _with_notice(kind: type[Any], names: str) -> Any:
    methods = {name: _noticed(getattr(kind, name)) for name in names.split()}
    return type(f"_Tracked{kind.__name__.title()}", (_Part, kind), methods)


_TrackedList = _with_notice(
    list, "__delitem__ __iadd__ __imul__ __setitem__ append clear extend insert pop remove reverse sort"
)
_TrackedDict = _with_notice(dict, "__delitem__ __ior__ __setitem__ clear pop popitem setdefault update")
_TrackedSet = _with_notice(
    set,
    "__iand__ __ior__ __isub__ __ixor__ add clear difference_update discard intersection_update pop remove "
    "symmetric_difference_update update",
)

_TRACKED: dict[type[Any], Any] = {list: _TrackedList, dict: _TrackedDict, set: _TrackedSet}


def _tracked(value: Any, holder: _Holder) -> Any:
    # Returns what is to be held in place of the value, which is the value itself where it can be.
    if type(value) is tuple:
        return tuple(_tracked(item, holder) for item in value)
    part = _TRACKED.get(type(value), _unchanged)(value)
    if isinstance(part, _Part | BaseModel):
        vars(part).setdefault(_HOLDERS, _Holders()).add(holder)
        _track_inside(part, holder)
    return part


def _unchanged(value: Any) -> Any:
    return value


def _track_inside(part: Any, holder: _Holder) -> None:
    # Past the methods that notify. The elements of a set have a hash, so they do not change.
    if isinstance(part, BaseModel):
        _instrument(type(part))
        for values in (part.__dict__, part.__pydantic_extra__ or {}):
            _track_values(values, holder)
    elif isinstance(part, list):
        list.__setitem__(part, slice(None), [_tracked(item, holder) for item in part])
    elif isinstance(part, dict):
        _track_values(part, holder)


def _track_values(values: dict[Any, Any], holder: _Holder) -> None:
    dict.update(values, {name: _tracked(item, holder) for name, item in values.items()})


def _instrument(model: type[BaseModel]) -> None:
    for name in ("__setattr__", "__delattr__"):
        method = getattr(model, name)
        if not hasattr(method, _HOLDERS):
            setattr(model, name, _noticed(method))


def track_attribute(cls: type[Any], key: str, coerce: Callable[[Any], Any]) -> None:
    """Notice changes inside of the values of a mapped attribute from now on.

    Args:
        cls: The mapped class.
        key: The attribute.
        coerce: Makes a value of the right kind of one that is set.
    """
    tracked = _TrackedAttribute(key, coerce)
    for name in ("load", "_sa_event_merge_wo_load"):
        event.listen(cls, name, tracked.loaded, raw=True)
    for name in ("refresh", "refresh_flush"):
        event.listen(cls, name, tracked.refreshed, raw=True)
    event.listen(cls, "pickle", tracked.pickled, raw=True)
    event.listen(cls, "unpickle", tracked.unpickled, raw=True)
    for name in ("after_insert", "after_update"):
        event.listen(cls, name, tracked.written, raw=True)
    event.listen(getattr(cls, key), "set", tracked.set, raw=True, retval=True)


class _TrackedAttribute:
    """The listeners to what gives an attribute its values."""

    def __init__(self, key: str, coerce: Callable[[Any], Any]) -> None:
        self._key = key
        self._coerce = coerce
        # Nobody else keeps a holder, so that one is gone with its object, and when another takes its place.
        self._holders: WeakKeyDictionary[InstanceState[Any], _Holder] = WeakKeyDictionary()

    def set(self, state: InstanceState[Any], value: Any, *_: Any) -> Any:
        """Return what is held in place of ``value``."""
        return self._hold(state, value, is_loaded=False)

    def _hold(self, state: InstanceState[Any], value: Any, is_loaded: bool) -> Any:
        if value is None or isinstance(value, ClauseElement):
            self._holders.pop(state, None)
            return value
        held = self._coerce(value)
        holder = self._holders[state] = _Holder(state, self._key, is_loaded)
        return _tracked(held, holder)

    def loaded(self, state: InstanceState[Any], *_: Any) -> None:
        """Track the value that was loaded."""
        self._renew(state, is_loaded=True)

    def _renew(self, state: InstanceState[Any], is_loaded: bool) -> None:
        if self._key in state.dict:
            state.dict[self._key] = self._hold(state, state.dict[self._key], is_loaded)

    def refreshed(self, state: InstanceState[Any], _: Any, names: Iterable[str] | None) -> None:
        """Track the value, if it is among those that were loaded anew."""
        if not names or self._key in names:
            self.loaded(state)

    def pickled(self, state: InstanceState[Any], pickle: dict[Any, Any]) -> None:
        """Keep the value at hand: an object gets its values back after its state."""
        pickle[_HOLDERS, self._key] = state.dict.get(self._key)

    def unpickled(self, state: InstanceState[Any], pickle: dict[Any, Any]) -> None:
        """Track the value that the object is about to get."""
        self._hold(state, pickle.get((_HOLDERS, self._key)), is_loaded=True)

    def written(self, _mapper: Any, _connection: Any, state: InstanceState[Any]) -> None:
        """Track what was put into the value since it was set."""
        holder = self._holders.get(state)
        self._renew(state, is_loaded=holder is not None and holder.is_loaded)
