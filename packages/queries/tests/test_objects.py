"""Conditions about related objects themselves."""

from __future__ import annotations

from typing import Any

import pytest

from andamios_orm.core import AsyncSession
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries import Q, QueryBuilder, UnknownNameError

from .airport import Airline, Flight, Plane, Tag

LATE, FULL, NONE = ("tag", 1), ("tag", 2), None
UA, AA, N1 = ("airline", "UA"), ("airline", "AA"), ("plane", "N1")

CASES: list[tuple[dict[str, Any], list[int]]] = [
    ({"airline": UA}, [1, 2, 3]),
    ({"airline__eq": UA}, [1, 2, 3]),
    ({"airline__ne": UA}, [4, 5, 6, 7]),
    ({"airline__in": [UA, AA]}, [1, 2, 3, 4, 5, 6]),
    ({"airline__notin": [UA, AA]}, [7]),
    ({"airline__in": []}, []),
    ({"airline__notin": []}, [1, 2, 3, 4, 5, 6, 7]),
    ({"plane": None}, [5, 7]),
    ({"plane__isnull": True}, [5, 7]),
    ({"plane__isnull": False}, [1, 2, 3, 4, 6]),
    ({"plane__ne": None}, [1, 2, 3, 4, 6]),
    ({"plane": N1}, [1, 2]),
    ({"plane__in": [N1, None]}, [1, 2, 5, 7]),
    ({"plane__airline": AA}, [4, 6]),
    ({"tags": LATE}, [1, 2]),
    ({"tags__in": [LATE, FULL]}, [1, 2, 5]),
    ({"tags__notin": [FULL]}, [1, 3, 4, 6, 7]),
    ({"tags__ne": LATE}, [3, 4, 5, 6, 7]),
    ({"tags": None}, [3, 4, 6, 7]),
    ({"tags__isnull": True}, [3, 4, 6, 7]),
    ({"tags__isnull": False}, [1, 2, 5]),
    ({"airline__flights__plane": None}, [4, 5, 6, 7]),
]


async def objects(session: AsyncSession, given: Any) -> Any:
    """Return the object that a kind and a key stand for; those of a list."""
    if isinstance(given, list):
        return [await objects(session, each) for each in given]
    models = {"tag": Tag, "airline": Airline, "plane": Plane}
    return await session.get(models[given[0]], given[1]) if isinstance(given, tuple) else given


@pytest.mark.parametrize(("lookups", "found"), CASES)
async def test_objects(session: AsyncSession, lookups: dict[str, Any], found: list[int]) -> None:
    given = {name: await objects(session, value) for name, value in lookups.items()}
    query = QueryBuilder(Flight, session).filter(**given).order_by("id")
    assert await query.values_list("id", flat=True) == found


async def test_rows_without_the_object_are_not_it(session: AsyncSession) -> None:
    """A flight without a plane is not by that plane, as negation and ``ne`` agree."""
    plane = await session.get(Plane, "N1")
    query = QueryBuilder(Flight, session).order_by("id")
    assert await query.filter(~Q(plane=plane)).values_list("id", flat=True) == [3, 4, 5, 6, 7]
    assert await query.exclude(tags__in=[]).count() == 7


@pytest.mark.parametrize(
    ("lookups", "message"),
    [
        ({"airline": "UA"}, "to compare a field of it, name that, as in airline__code"),
        ({"airline": Tag(id=1, word="x")}, "'airline' is compared with Airline objects, not with Tag"),
        ({"tags__in": [3]}, "'tags' is compared with Tag objects, not with 3"),
        ({"plane__ne": "N1"}, "'plane' is compared with Plane objects"),
        ({"airline__in": 3}, "list"),
        ({"airline__isnull": "no"}, "isnull takes True or False"),
    ],
)
def test_what_is_no_object(lookups: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        QueryBuilder(Flight).filter(**lookups)


@pytest.mark.parametrize("name", ["airline__gt", "tags__has", "plane__eq__x"])
def test_lookups_that_objects_do_not_have(name: str) -> None:
    with pytest.raises(UnknownNameError):
        QueryBuilder(Flight).filter(**{name: None})


def test_an_object_that_has_no_key_yet() -> None:
    with pytest.raises(ConfigurationError, match="has no key yet: flush it before a query looks for it"):
        QueryBuilder(Flight).filter(tags=Tag(word="new"))
