"""Conditions about related objects themselves: ``plane=None``, ``airline=united``, ``tags__in=[late]``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, false, inspect, or_

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries.errors import UnknownNameError
from andamios_orm.queries.lookups import listed

__all__ = ["OBJECT_LOOKUPS", "object_condition"]

OBJECT_LOOKUPS = ("eq", "ne", "in", "notin", "isnull")
"""The lookups that a relationship has."""


def object_condition(attribute: Any, steps: Sequence[str], value: Any) -> ColumnElement[bool]:
    """Return the condition that a lookup of a relationship makes with an object, a list of them, or None.

    Args:
        attribute: The relationship.
        steps: The lookup; none stands for ``eq``.
        value: What it is compared with.

    Raises:
        ConfigurationError: The value is no object of the related model, or one without a key.
        UnknownNameError: Something stands behind the lookup.
    """
    lookup, *further = steps or ["eq"]
    if further:
        raise UnknownNameError(further[0], f"part of the lookup {lookup}", OBJECT_LOOKUPS)
    if lookup == "isnull":
        if not isinstance(value, bool):
            raise ConfigurationError(f"isnull takes True or False, not {value!r}")
        lookup, value = ("eq" if value else "ne"), None
    if lookup in ("in", "notin"):
        found = or_(false(), *(_is(attribute, each) for each in listed(lookup, value)))
    else:
        found = _is(attribute, value)
    return ~found if lookup in ("ne", "notin") else found


def _is(attribute: Any, value: Any) -> ColumnElement[bool]:
    related = attribute.property.mapper.class_
    if value is not None and not isinstance(value, related):
        raise ConfigurationError(
            f"{attribute.key!r} is compared with {related.__name__} objects, not with {value!r}: to compare "
            f"a field of it, name that, as in {attribute.key}__{attribute.property.mapper.primary_key[0].key}"
        )
    condition: ColumnElement[bool]
    if not attribute.property.uselist:
        condition = attribute == value
    elif value is None:
        condition = ~attribute.any()
    else:
        # contains() of many to many would join the table between, and find an object as often as it is there.
        condition = attribute.any(_has_the_key_of(value, related))
    return condition


def _has_the_key_of(instance: Any, model: type[Any]) -> ColumnElement[bool]:
    mapper = inspect(model)
    keys = mapper.primary_key_from_instance(instance)
    if None in keys:
        raise ConfigurationError(f"{instance!r} has no key yet: flush it before a query looks for it")
    return and_(*(column == key for column, key in zip(mapper.primary_key, keys, strict=True)))
