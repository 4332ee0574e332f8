"""Ways into fields: parts of dates, structs, JSON documents and lists."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from sqlalchemy import Time, cast
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core import AsyncSession
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.models import NaturalKey
from andamios_orm.queries import F, Param, QueryBuilder, UnknownNameError

from .airport import Base, Flight, flight

CASES: list[tuple[dict[str, Any], list[int]]] = [
    # Dates: flight n departs on the n-th of January 2013, at n:30; the 7th is a Monday.
    ({"departs__year": 2013, "id__lt": 3}, [1, 2]),
    ({"departs__year__gt": 2013}, []),
    ({"departs__quarter": 1, "id": 4}, [4]),
    ({"departs__month__in": [1, 2], "id": 4}, [4]),
    ({"departs__week": 2}, [7]),
    ({"departs__day__between": (3, 4)}, [3, 4]),
    ({"departs__hour": 5}, [5]),
    ({"departs__minute__ne": 30}, []),
    ({"departs__second": 0, "id": 2}, [2]),
    ({"departs__date": dt.date(2013, 1, 3)}, [3]),
    ({"departs__date__gte": dt.date(2013, 1, 6)}, [6, 7]),
    ({"departs__date__day": 6}, [6]),
    ({"day__day": 2}, [2]),
    ({"day__week__gte": 2}, [7]),
    # A struct.
    ({"route__to": "LAX"}, [1, 3, 5, 7]),
    ({"route__to__startswith": "S"}, [2, 4, 6]),
    ({"route__from__ne": "JFK"}, []),
    ({"route__to__in": ["SFO"], "id__gt": 2}, [4, 6]),
    # A JSON document.
    ({"meta__plan": "pro"}, [5, 6, 7]),
    ({"meta__plan__icontains": "PR"}, [5, 6, 7]),
    ({"meta__plan__in": ["pro", "gold"]}, [5, 6, 7]),
    ({"meta__plan__in": ("pro",)}, [5, 6, 7]),
    ({"meta__plan__in": [1, 2]}, []),
    ({"meta__plan": 3}, []),
    ({"meta__plan__gt": 3}, []),
    ({"meta__miles": 300}, [3]),
    ({"meta__miles__gt": 450}, [5, 6, 7]),
    ({"meta__miles__lt": Decimal("150.5")}, [1]),
    ({"meta__miles__in": [100, 300.0]}, [1, 3]),
    ({"meta__miles__in": {100, 200}}, [1, 2]),
    ({"meta__miles__in": [None, 100]}, [1]),
    ({"meta__miles__notin": [100, 200, 300]}, [4, 5, 6, 7]),
    ({"meta__miles__between": (200, 400)}, [2, 3, 4]),
    ({"meta__seat__row": 6}, [6]),
    ({"meta__seat__row__gte": 6}, [6, 7]),
    ({"meta__seat": {"row": 1}}, [1]),
    ({"meta__seat__isnull": True}, []),
    ({"meta__nothing": None, "id": 1}, [1]),
    ({"meta__nothing__isnull": False}, []),
    ({"meta__nothing__deeper": 1}, []),
    # A list.
    ({"stops__has": "ORD"}, [1, 2]),
    ({"stops__overlap": ["DEN", "DFW"]}, [2, 4]),
    ({"stops__overlap": ()}, []),
    ({"stops__len": 2}, [2]),
    ({"stops__len__gt": 0}, [1, 2, 4]),
    ({"stops": ["ORD"]}, [1]),
    ({"stops": []}, [3, 5, 6, 7]),
    ({"stops__len": F("id")}, [1, 2]),
]


async def ids(query: QueryBuilder[Any]) -> list[int]:
    return await query.order_by("id").values_list("id", flat=True)


@pytest.mark.parametrize(("lookups", "found"), CASES)
async def test_parts(session: AsyncSession, lookups: dict[str, Any], found: list[int]) -> None:
    assert await ids(QueryBuilder(Flight, session).filter(**lookups)) == found


async def test_parts_are_selected(session: AsyncSession) -> None:
    query = QueryBuilder(Flight, session).filter(id=2)
    names = ("route__to", "meta__seat__row", "meta__plan", "stops__len", "departs__date", "departs__hour")
    assert await query.values_list(*names) == [("SFO", "2", "free", 2, dt.date(2013, 1, 2), 2)]


async def test_parts_order_and_group(session: AsyncSession) -> None:
    query = QueryBuilder(Flight, session)
    assert await query.order_by("route__to", "-departs__day").values_list("id", flat=True) == [
        *(7, 5, 3, 1),
        *(6, 4, 2),
    ]
    assert await query.group_by("meta__plan").order_by("meta__plan").values_list() == [("free",), ("pro",)]


async def test_time_of_day(session: AsyncSession) -> None:
    query = QueryBuilder(Flight, session).annotate(at=cast(Flight.departs, Time))
    assert [row[0].id for row in await query.filter(at__hour__gt=5).order_by("id").all()] == [6, 7]


async def odd_documents(session: AsyncSession) -> QueryBuilder[Flight]:
    """Return a query for three flights more: without a number, with a text for it, and with NULL for it."""
    session.add(flight(8, "UA", None, 1, meta={"seats": ["a", {"b": 2}], "ok": True}))
    session.add(flight(9, "UA", None, 1, meta={"miles": "far", "ok": False, "gt": 4}))
    session.add(flight(10, "UA", None, 1, meta={"miles": None, "in": "x"}))
    await session.flush()
    return QueryBuilder(Flight, session).filter(id__gte=7)


@pytest.mark.parametrize(
    ("lookups", "found"),
    [
        ({"meta__miles__gt": 1}, [7]),
        ({"meta__miles__ne": 700}, []),
        ({"meta__miles__in": [700, 800]}, [7]),
        ({"meta__miles__in": (700, 800)}, [7]),
        ({"meta__miles__between": (600, 800)}, [7]),
        ({"meta__miles__between": [600, 800]}, [7]),
        ({"meta__miles": "far"}, [9]),
        ({"meta__miles__in": ["far", "near"]}, [9]),
        ({"meta__miles": None}, [8, 10]),
        ({"meta__miles__isnull": False}, [7, 9]),
        ({"meta__seats__0": "a"}, [8]),
        ({"meta__seats__1__b": 2}, [8]),
        ({"meta__seats": ["a", {"b": 2}]}, [8]),
        ({"meta__ok": True}, [8]),
        ({"meta__ok__in": [False]}, [9]),
    ],
)
async def test_documents_of_all_kinds(
    session: AsyncSession, lookups: dict[str, Any], found: list[int]
) -> None:
    assert await ids((await odd_documents(session)).filter(**lookups)) == found


@pytest.mark.parametrize(
    ("lookups", "found"),
    [
        ({"meta__miles__gt": F("price")}, [7]),
        ({"meta__miles__gt": F("id") * 100}, []),
        ({"meta__miles": F("id") * 100}, [1, 2, 3, 4, 5, 6, 7]),
        ({"meta__plan": F("meta__plan")}, [1, 2, 3, 4, 5, 6, 7]),
    ],
)
async def test_documents_compared_with_expressions(
    session: AsyncSession, lookups: dict[str, Any], found: list[int]
) -> None:
    assert await ids(QueryBuilder(Flight, session).filter(**lookups)) == found


async def test_documents_in_expressions(session: AsyncSession) -> None:
    query = QueryBuilder(Flight, session)
    assert await ids(query.filter(F("meta__miles") > 450)) == [5, 6, 7]
    assert await ids(query.filter(F("meta__plan") == "pro")) == [5, 6, 7]


async def test_documents_compared_with_parameters(session: AsyncSession) -> None:
    query = QueryBuilder(Flight, session).filter(meta__plan=Param("plan")).order_by("id").freeze()
    assert await query(plan="pro").values_list("id", flat=True) == [5, 6, 7]


@pytest.mark.parametrize(
    ("name", "part", "nearest"),
    [
        ("departs__dya", "dya", "day"),
        ("departs__monht__gt", "monht", "month"),
        ("day__hour", "hour", None),
        ("route__too", "too", "to"),
        ("route__form__ne", "form", "from"),
        ("stops__lenn", "lenn", "len"),
        ("stops__overlaps", "overlaps", "overlap"),
        ("delay__has", "has", None),
        ("delay__len", "len", None),
        ("delay__gt__gt", "gt", None),
        ("delay__", "", None),
    ],
)
def test_the_nearest_part_is_named(name: str, part: str, nearest: str | None) -> None:
    with pytest.raises(UnknownNameError) as refused:
        QueryBuilder(Flight).filter(**{name: 1})
    assert refused.value.name == part
    assert nearest is None or refused.value.nearest == nearest


@pytest.mark.parametrize("name", ["delay__gt", "departs__dya", "route__too"])
def test_a_value_has_no_lookups(name: str) -> None:
    with pytest.raises(UnknownNameError, match=f"is no part of {name.split('__')[0]}"):
        QueryBuilder(Flight).order_by(name)


async def test_integers_of_documents_are_compared_exactly(session: AsyncSession) -> None:
    flight = await session.get_one(Flight, 1)
    flight.meta = {"n": 2**53 + 1, "half": 1.5}
    query = QueryBuilder(Flight, session)
    assert await ids(query.filter(meta__n=2**53 + 1)) == [1]
    assert await ids(query.filter(meta__n=2**53)) == []
    assert await ids(query.filter(meta__half=2)) == []
    assert await ids(query.filter(meta__half=1.5)) == [1]


class Person(Base):
    """A person, who grows older."""

    __tablename__ = "people_of_an_age"
    today: ClassVar[int] = 2000

    id: Mapped[NaturalKey[int]]
    born: Mapped[int]
    code: Mapped[str] = mapped_column("short")

    @hybrid_property
    def age(self) -> int:
        """How old they are today."""
        return Person.today - self.born


async def test_what_a_hybrid_property_computes_is_asked_each_time(
    session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.add_all([Person(id=1, born=1990, code="x"), Person(id=2, born=1980, code="y")])
    people = QueryBuilder(Person, session).order_by("id")
    assert await people.filter(age__gte=20).values_list("id", flat=True) == [2]
    monkeypatch.setattr(Person, "today", 2010)
    assert await people.filter(age__gte=20).values_list("id", flat=True) == [1, 2]
    assert await people.order_by("age").values_list("age", flat=True) == [20, 30]


def test_what_is_computed_is_not_called_like_a_column() -> None:
    with pytest.raises(ConfigurationError, match="'short' is there already"):
        QueryBuilder(Person).annotate(short=F("born"))
