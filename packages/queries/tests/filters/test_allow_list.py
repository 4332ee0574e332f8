"""What may be allowed, and the lookups that a field gets by itself."""

from __future__ import annotations

from typing import Any

import pytest

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries.errors import UnknownNameError
from andamios_orm.queries.filters.allow_list import allow_list

from ..airport import Airline, Flight

SAME = {"eq", "ne", "in", "notin", "isnull"}
ORDERED = SAME | {"gt", "gte", "lt", "lte", "between"}
TEXTS = {"contains", "icontains", "startswith", "istartswith", "endswith", "iendswith", "iexact"}
ALL = ORDERED | TEXTS | {"like", "ilike", "regex", "iregex", "has", "overlap"}


def lookups(model: type[Any], field: str, types: dict[str, Any] | None = None) -> set[str]:
    """Return the lookups that a field gets."""
    allowed = allow_list(model, [field], types)
    return {lookup for lookup in ALL if allowed.find(f"{field}__{lookup}")}


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("tailnum", SAME | TEXTS),
        ("airline__name", SAME | TEXTS),
        ("delay", ORDERED),
        ("departs", ORDERED),
        ("day", ORDERED),
        ("price", ORDERED),
        ("departs__year", ORDERED),
        ("stops", {"has", "overlap", "isnull"}),
        ("stops__len", ORDERED),
        ("route", {"isnull"}),
        ("route__to", SAME | TEXTS),
        ("meta", {"isnull"}),
        ("meta__seat__row", SAME | TEXTS),
        ("airline", {"isnull"}),
        ("tags", {"isnull"}),
        ("tags__id", ORDERED),
        ("airline__flights__delay", ORDERED),
    ],
)
def test_lookups_that_a_field_gets(field: str, expected: set[str]) -> None:
    assert lookups(Flight, field) == expected


def test_lookups_of_a_type_that_is_given() -> None:
    assert lookups(Flight, "meta__miles", {"meta__miles": int}) == ORDERED


def test_spellings() -> None:
    allowed = allow_list(Flight, {"delay": ["eq", "ge", "not_in"]})
    names = ["delay", "delay__eq", "delay__ge", "delay__gte", "delay__not_in", "delay__notin"]
    found = [allowed.find(name) for name in names]
    assert [each and each.lookup for each in found] == ["eq", "eq", "gte", "gte", "notin", "notin"]
    assert allowed.find("delay__le") is None


@pytest.mark.parametrize(
    ("allow", "error", "message"),
    [
        ("delay", ConfigurationError, "allow is a list of fields"),
        ({"delay": "gt"}, ConfigurationError, r"are a list, as in \['gt'\]"),
        (["dealy"], UnknownNameError, "did you mean 'delay'"),
        (["airline__nam"], UnknownNameError, "did you mean 'name'"),
        ({"delay": ["gtt"]}, UnknownNameError, "'gtt' is no lookup of delay: did you mean 'gt'"),
        ({"stops": ["eq"]}, UnknownNameError, "'eq' is no lookup of stops"),
        ({"airline": ["eq"]}, ConfigurationError, "is an object: allow isnull"),
        ({"route": ["eq"]}, ConfigurationError, r"allow a part of it, as in 'route__key', or say .* types="),
        ({"meta": ["eq"]}, ConfigurationError, "allow a part of it"),
    ],
)
def test_what_cannot_be_allowed(allow: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        allow_list(Flight, allow)


def test_nothing_is_allowed_by_itself() -> None:
    assert allow_list(Airline, []).find("name") is None
