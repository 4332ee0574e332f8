"""Make a condition of what comes from outside: a JSON object, or the parameters of a query string.

Every name is looked up among those that are allowed, every value becomes one of its field's type, and only
then a condition is made. So nothing of a name, and no other type, ever reaches the statement. What is refused
is told together, by the place where it stands; of very many faults, the first ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import or_

from andamios_orm.core.errors import ConfigurationError, ValidationError
from andamios_orm.queries.expressions import Q
from andamios_orm.queries.filters.allow_list import Allowed, AllowList
from andamios_orm.queries.filters.field_types import RefusedValueError, converted

__all__ = ["AnyOf", "Limits", "OutsideFilter"]

_SHOWN = 20
"""How many faults are told."""

_LONGEST_PLACE = 80
"""How many characters of a name are told, which may be of any length."""


class AnyOf(Q):
    """A condition that holds where one of several does.

    Args:
        conditions: Expressions, or other conditions.
    """

    def __init__(self, *conditions: Any) -> None:
        super().__init__(*conditions)
        self._combine = or_


@dataclass(frozen=True)
class Limits:
    """How large a filter from outside may be.

    Attributes:
        depth: How many objects deep.
        conditions: How many lookups it has.
        values: How many values a list has.
        length: How many characters a text has.
    """

    depth: int
    conditions: int
    values: int
    length: int


class _Given(NamedTuple):
    name: str
    value: Any
    place: str


class _TooMuchError(Exception):
    """Stop reading."""


class OutsideFilter:
    """Read one filter.

    Args:
        model: Name of the model, for errors.
        allowed: What it may name.
        limits: How large it may be.
    """

    def __init__(self, model: str, allowed: AllowList, limits: Limits) -> None:
        self._model = model
        self._allowed = allowed
        self._limits = limits
        self._conditions = 0
        self._faults: dict[str, str] = {}

    def of_json(self, data: Any) -> Q:
        """Return the condition of a JSON-like object.

        Raises:
            ValidationError: Something in it is refused.
        """
        return self._whole(lambda: self._object(data, "", 1))

    def of_params(self, params: Any, ignore: Iterable[str]) -> Q:
        """Return the condition of the parameters of a query string.

        Raises:
            ConfigurationError: These are no parameters.
            ValidationError: Something in them is refused.
        """
        texts = _texts_by_name(params)
        for name in ignore:
            texts.pop(name, None)
        return self._whole(lambda: Q(**self._lookups(self._of_texts(texts))))

    def _whole(self, read: Any) -> Q:
        try:
            found: Q = read()
        except _TooMuchError:
            found = Q()
        if self._faults:
            raise ValidationError(self._model, self._faults)
        return found

    def _object(self, data: Any, at: str, depth: int) -> Q:
        if not isinstance(data, Mapping):
            self._refuse(at, "should be an object, with fields, and, or, not")
            return Q()
        if at and not data:
            self._refuse(at, "is empty: leave it out")
        parts: list[Q] = []
        given: list[_Given] = []
        for key, value in data.items():
            place = f"{at}.{key}" if at else str(key)
            if key in ("and", "or"):
                parts.append(self._several(key, value, place, depth))
            elif key == "not":
                parts.append(~self._deeper(value, place, depth))
            else:
                given += self._flat(str(key), value, place, depth)
        return Q(*parts, **self._lookups(given))

    def _several(self, key: str, value: Any, place: str, depth: int) -> Q:
        if not isinstance(value, list | tuple) or not value:
            self._refuse(place, "should be a list with at least one object")
            return Q()
        parts = [self._deeper(each, f"{place}[{number}]", depth) for number, each in enumerate(value)]
        return Q(*parts) if key == "and" else AnyOf(*parts)

    def _deeper(self, value: Any, place: str, depth: int) -> Q:
        return Q() if self._is_too_deep(place, depth) else self._object(value, place, depth + 1)

    def _flat(self, name: str, value: Any, place: str, depth: int) -> Iterator[_Given]:
        # {"airline": {"name": {"icontains": "air"}}} says what {"airline__name__icontains": "air"} says.
        if not isinstance(value, Mapping):
            yield _Given(name, value, place)
        elif not value:
            self._refuse(place, "is empty: leave it out")
        elif not self._is_too_deep(place, depth):
            for key, each in value.items():
                yield from self._flat(f"{name}__{key}", each, f"{place}.{key}", depth + 1)

    def _is_too_deep(self, place: str, depth: int) -> bool:
        if depth < self._limits.depth:
            return False
        self._refuse(place, f"is more than {self._limits.depth} objects deep")
        return True

    def _of_texts(self, texts: Mapping[str, Sequence[Any]]) -> Iterator[_Given]:
        for name, values in texts.items():
            allowed = self._allowed.find(name)
            if allowed is not None and allowed.takes_list:
                most = self._limits.values
                parts = [part for value in values for part in str(value).split(",", most)]
                yield _Given(name, parts, name)
            else:
                yield _Given(name, values[0] if len(values) == 1 else list(values), name)

    def _lookups(self, given: Iterable[_Given]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value, place in given:
            self._conditions += 1
            if self._conditions > self._limits.conditions:
                self._refuse("filter", f"has more than {self._limits.conditions} conditions")
                raise _TooMuchError
            allowed = self._named(name, value)
            if allowed is None:
                self._refuse(place, self._allowed.refusal(name))
                continue
            lookup = f"{allowed.field}__{allowed.lookup}"
            if lookup in found:
                self._refuse(place, "is given twice")
            found[lookup] = self._value(allowed, value, place)
        return found

    def _named(self, name: str, value: Any) -> Allowed | None:
        allowed = self._allowed.find(name)
        if isinstance(value, list | tuple) and (allowed is None or allowed.lookup == "eq"):
            # Several values, and no lookup.
            return self._allowed.find(f"{name.removesuffix('__eq')}__in") or allowed
        return allowed

    def _value(self, allowed: Allowed, value: Any, place: str) -> Any:
        if not allowed.takes_list:
            return self._one(allowed, value, place)
        if not isinstance(value, list | tuple):
            self._refuse(place, "should be a list")
        elif len(value) > self._limits.values:
            self._refuse(place, f"has more than {self._limits.values} values")
        elif allowed.lookup == "between" and len(value) != 2:
            self._refuse(place, "should be a list of the two ends")
        else:
            return [self._one(allowed, each, f"{place}[{number}]") for number, each in enumerate(value)]
        return None

    def _one(self, allowed: Allowed, value: Any, place: str) -> Any:
        if value is None and allowed.takes_none:
            return None
        if isinstance(value, str) and len(value) > self._limits.length:
            self._refuse(place, f"is longer than {self._limits.length} characters")
            return None
        try:
            return converted(allowed.kind, value)
        except RefusedValueError as error:
            self._refuse(place, str(error))
            return None

    def _refuse(self, place: str, what: str) -> None:
        self._faults[_shown(place or "filter")] = what
        if len(self._faults) >= _SHOWN:
            self._faults["..."] = "and what comes behind was not read"
            raise _TooMuchError


def _shown(place: str) -> str:
    return place if len(place) <= _LONGEST_PLACE else f"{place[:_LONGEST_PLACE]}..."


def _texts_by_name(params: Any) -> dict[str, list[Any]]:
    pairs = params.multi_items() if hasattr(params, "multi_items") else params
    items = pairs.items() if isinstance(pairs, Mapping) else pairs
    texts: dict[str, list[Any]] = {}
    try:
        for name, value in items:
            texts.setdefault(str(name), []).extend(value if isinstance(value, list | tuple) else [value])
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"parameters are a mapping, or pairs of names and texts, and not {type(params).__name__}"
        ) from None
    return texts
