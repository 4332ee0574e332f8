"""Endings that write: what they change, delete and add, how much that is, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func
from sqlalchemy.orm import Mapped, aliased, column_property, mapped_column

from andamios_orm.core import AsyncSession
from andamios_orm.core.errors import ConfigurationError, TransactionConflictError
from andamios_orm.models import NaturalKey, TimestampMixin
from andamios_orm.queries import (
    Count,
    Exists,
    F,
    FilterBuilder,
    OuterRef,
    Param,
    Q,
    QueryBuilder,
    Subquery,
    Sum,
    UnknownNameError,
)

from .airport import Base, Flight, Note, Plane, Tag

Make = Callable[[QueryBuilder[Flight]], QueryBuilder[Any]]


class Gate(Base, TimestampMixin):
    """A gate, with the moments when it was made and last changed."""

    __tablename__ = "gates"

    id: Mapped[NaturalKey[int]]
    name: Mapped[str]
    open: Mapped[bool] = mapped_column("is_open", default=True)


class OldTag(Base):
    """A word that was a tag."""

    __tablename__ = "old_tags"

    id: Mapped[NaturalKey[int]]
    word: Mapped[str]


@pytest.fixture
async def flights(session: AsyncSession) -> AsyncIterator[QueryBuilder[Flight]]:
    """A query for all flights, in a transaction that ends before foreign keys are checked."""
    yield QueryBuilder(Flight, session)
    await session.rollback()


def machine() -> QueryBuilder[Plane]:
    """Return the plane of a flight, inside of a query for flights."""
    return QueryBuilder(Plane).filter(tailnum=OuterRef("tailnum"))


NARROWED: tuple[tuple[Make, list[int]], ...] = (
    (lambda query: query.filter(delay__gt=20), [2, 5, 6]),
    (lambda query: query.filter(id=99), []),
    (lambda query: query.exclude(delay__gt=20), [1, 3, 4, 7]),
    (lambda query: query.filter(Q(delay=None) | Q(id=1)), [1, 3]),
    (lambda query: query.filter(airline__name__contains="United"), [1, 2, 3]),
    (lambda query: query.filter(plane__seats__gte=150), [3, 4, 6]),
    (lambda query: query.filter(plane=None), [5, 7]),
    (lambda query: query.filter(tags__word="full"), [2, 5]),
    (lambda query: query.filter(Exists(machine().filter(seats=150))), [4, 6]),
    (lambda query: query.filter(route__to="SFO"), [2, 4, 6]),
    (lambda query: query.join("tags").filter(id__gt=0), [1, 2, 5]),
    (lambda query: query.join("plane").filter(plane__seats=200), [3]),
    (lambda query: query.order_by("id").limit(2), [1, 2]),
    (lambda query: query.order_by("-delay", "id")[1:3], [5, 6]),
    (lambda query: query.order_by("id").offset(5), [6, 7]),
    (lambda query: query.filter(delay__gt=0).order_by("plane__seats", "-id").limit(1), [2]),
    (lambda query: query.order_by("id").limit(3).nested().filter(delay__gt=20), [2]),
    (lambda query: query.top_per_group(1, by="airline_code", order_by="id"), [1, 4, 7]),
    (lambda query: query.filter(id__lt=5).distinct(), [1, 2, 3, 4]),
    (lambda query: query.filter(id=1).union(query.filter(id=5)).filter(id__gt=0), [1, 5]),
    (lambda query: query.filter(id__gt=2).sample(100).filter(id__lt=5), [3, 4]),
    (
        lambda query: query.filter(id__gt=1).order_by("airline_code", "id").distinct_on("airline_code"),
        [2, 4, 7],
    ),
    (lambda query: query.asof_join(Note, on="id", outer=False).filter(note__stars=5), [2]),
    (lambda query: query.limit(0), []),
)


@pytest.mark.parametrize(("make", "found"), NARROWED)
async def test_update(flights: QueryBuilder[Flight], make: Make, found: list[int]) -> None:
    assert await make(flights).update(price=Decimal("1.25"), tailnum=None) == len(found)
    changed = flights.filter(price=Decimal("1.25"), tailnum=None).order_by("id")
    assert await changed.values_list("id", flat=True) == found
    assert await flights.count() == 7


@pytest.mark.parametrize(("make", "found"), NARROWED)
async def test_delete(flights: QueryBuilder[Flight], make: Make, found: list[int]) -> None:
    assert await make(flights).delete() == len(found)
    rest = [number for number in range(1, 8) if number not in found]
    assert await flights.order_by("id").values_list("id", flat=True) == rest


@pytest.mark.parametrize("ending", [lambda query: query.update(delay=1), lambda query: query.delete()])
@pytest.mark.parametrize(
    "make",
    [
        lambda query: query,
        lambda query: query.order_by("id"),
        lambda query: query.distinct(),
        lambda query: query.filter(),
        lambda query: query.with_deleted(),
        lambda query: query.options(),
    ],
)
async def test_every_row_is_asked_for(
    flights: QueryBuilder[Flight], ending: Callable[[Any], Awaitable[int]], make: Make
) -> None:
    with pytest.raises(ConfigurationError, match="this is about every row"):
        await ending(make(flights))
    assert await flights.count() == 7


async def test_every_row(flights: QueryBuilder[Flight]) -> None:
    assert await flights.update(delay=1, all_rows=True) == 7
    assert await flights.filter(delay=1).count() == 7
    assert await flights.order_by("airline__name").delete(all_rows=True) == 7
    assert await flights.count() == 0


@pytest.mark.parametrize("ending", [lambda query: query.update(delay=1), lambda query: query.delete()])
@pytest.mark.parametrize(
    "make",
    [
        lambda query: query.select("id"),
        lambda query: query.annotate(words=Count("tags")),
        lambda query: query.group_by("delay"),
    ],
)
async def test_rows_that_are_no_objects(
    flights: QueryBuilder[Flight], ending: Callable[[Any], Awaitable[int]], make: Make
) -> None:
    with pytest.raises(ConfigurationError, match="the rows of this query are no objects"):
        await ending(make(flights.filter(id=1)))


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"delay": F("delay") + 1}, {"delay": 71}),
        ({"delay": F("id") * 10, "price": F("delay")}, {"delay": 20, "price": Decimal(70)}),
        ({"tailnum": F("airline_code")}, {"tailnum": "UA"}),
        ({"delay": None, "stops": ["A", "B"]}, {"delay": None, "stops": ["A", "B"]}),
        ({"meta": {"a": [1, None]}}, {"meta": {"a": [1, None]}}),
        ({"route": {"from": "X", "to": None}}, {"route": {"from": "X", "to": None}}),
        ({"departs": datetime(2020, 2, 29, 1, 2, 3, 4)}, {"departs": datetime(2020, 2, 29, 1, 2, 3, 4)}),
        ({"delay": F("departs__hour")}, {"delay": 2}),
        ({"delay": Subquery(machine().select("seats"))}, {"delay": 100}),
        ({"tailnum": "it's; DROP TABLE flights --"}, {"tailnum": "it's; DROP TABLE flights --"}),
    ],
)
async def test_new_values(
    flights: QueryBuilder[Flight], values: dict[str, Any], found: dict[str, Any]
) -> None:
    one = flights.filter(id=2)
    assert await one.update(**values) == 1
    assert await one.values(*found) == [found]
    assert await flights.filter(id=1).values_list("delay", "tailnum") == [(10, "N1")]


async def test_objects_in_the_session_change(session: AsyncSession, flights: QueryBuilder[Flight]) -> None:
    late, other = await session.get_one(Flight, 2), await session.get_one(Flight, 1)
    await flights.filter(delay__gt=20).update(tailnum="N4")
    assert (late.tailnum, other.tailnum) == ("N4", "N1")
    await flights.filter(airline__name__contains="United").update(tailnum="N2")
    await session.refresh(late)
    assert late.tailnum == "N2"


@pytest.mark.parametrize(
    "make", [lambda query: query.order_by("-id").limit(6), lambda query: query.join("tags").filter(id__gt=1)]
)
async def test_objects_change_when_a_subquery_finds_them(
    session: AsyncSession, flights: QueryBuilder[Flight], make: Make
) -> None:
    late = await session.get_one(Flight, 2)
    await make(flights).update(delay=F("delay") + 5)
    assert late.delay == 75


async def test_deleted_objects_leave_the_session(
    session: AsyncSession, flights: QueryBuilder[Flight]
) -> None:
    late, other = await session.get_one(Flight, 6), await session.get_one(Flight, 7)
    assert await flights.filter(id=6).delete() == 1
    assert late not in session
    assert other in session


async def test_what_is_pending_is_changed_too(session: AsyncSession) -> None:
    session.add(Plane(tailnum="N9", seats=1))
    planes = QueryBuilder(Plane, session)
    assert await planes.filter(seats__lt=60).update(seats=F("seats") * 2) == 2
    assert await planes.filter(tailnum__in=["N4", "N9"]).order_by("tailnum").select("seats").scalars() == [
        100,
        2,
    ]


@pytest.mark.parametrize(
    ("values", "nearest"), [({"dela": 1}, "delay"), ({"airline": None}, None), ({"xyzzy": 1}, None)]
)
async def test_unknown_attributes(
    flights: QueryBuilder[Flight], values: dict[str, Any], nearest: str | None
) -> None:
    with pytest.raises(UnknownNameError, match="is no column of Flight") as caught:
        await flights.filter(id=1).update(**values)
    assert caught.value.name == next(iter(values))
    assert nearest is None or caught.value.nearest == nearest


async def test_nothing_to_change(flights: QueryBuilder[Flight]) -> None:
    with pytest.raises(ConfigurationError, match=r"update\(\) takes the new values"):
        await flights.filter(id=1).update()


async def test_values_of_related_rows(flights: QueryBuilder[Flight]) -> None:
    with pytest.raises(ConfigurationError, match="of the row itself, not of related ones"):
        await flights.filter(id=1).update(delay=F("plane__seats"))


async def test_a_frozen_query_reads(flights: QueryBuilder[Flight]) -> None:
    frozen = flights.filter(id=Param("id")).freeze()
    with pytest.raises(ConfigurationError, match="a frozen query reads"):
        await frozen(id=1).delete()
    with pytest.raises(ConfigurationError, match="a frozen query reads"):
        await frozen(id=1).update(delay=1)
    assert await flights.filter(id=1).values_list("delay", flat=True) == [10]


async def test_an_alias_is_written(session: AsyncSession) -> None:
    alias = aliased(Flight)
    query = QueryBuilder(alias, session)
    assert await query.filter(alias.delay > 20).update(delay=99) == 3
    assert await query.filter(alias.delay == 99).delete() == 3
    assert await QueryBuilder(Flight, session).count() == 4


async def test_deleting_marks_where_the_model_does(session: AsyncSession) -> None:
    notes = QueryBuilder(Note, session)
    assert await notes.filter(stars__gt=1).delete() == 1
    assert await notes.filter(stars__gt=1).delete() == 0
    deleted = await notes.only_deleted().one()
    assert (deleted.id, deleted.is_deleted) == (2, True)
    assert await notes.order_by("-id").limit(1).delete() == 1
    assert await notes.values_list("id", flat=True) == [1]
    assert await notes.delete(all_rows=True) == 1
    assert await notes.with_deleted().count() == 3


async def test_what_is_deleted_does_not_change(session: AsyncSession) -> None:
    notes = QueryBuilder(Note, session)
    await notes.filter(id=2).delete()
    assert await notes.update(text="new", all_rows=True) == 2
    assert await notes.order_by("-id").limit(3).update(stars=0) == 2
    assert await notes.with_deleted().filter(id=2).values_list("text", "stars") == [("second", 5)]
    assert await notes.with_deleted().filter(id=2).update(text="newer") == 1
    assert await notes.only_deleted().filter(id__gt=0).update(stars=7) == 1
    assert await notes.with_deleted().order_by("id").values_list("text", "stars") == [
        ("new", 0),
        ("newer", 7),
        ("new", 0),
    ]


async def test_timestamps(session: AsyncSession) -> None:
    gates, long_ago = QueryBuilder(Gate, session), datetime.fromisoformat("2001-01-01T00:00:00+00:00")
    session.add(Gate(id=1, name="A", created_at=long_ago, updated_at=long_ago))
    await session.flush()
    assert await gates.filter(id=1).update(name="B", open=False) == 1
    gate = await gates.one()
    await session.refresh(gate)
    assert (gate.name, gate.open, gate.created_at) == ("B", False, long_ago)
    assert gate.updated_at > long_ago


async def test_insert_from_columns(session: AsyncSession) -> None:
    gates = QueryBuilder(Gate, session)
    planes = QueryBuilder(Plane, session).filter(seats__gte=100)
    query = planes.select(id=F("seats"), name=F("tailnum"), open=F("airline_code") == "UA")
    assert await gates.insert_from(query) == 3
    assert await gates.order_by("id").values_list("id", "name", "open") == [
        (100, "N1", True),
        (150, "N3", False),
        (200, "N2", True),
    ]


async def test_insert_from_fills_in_what_models_do(session: AsyncSession) -> None:
    gates = QueryBuilder(Gate, session)
    await gates.insert_from(QueryBuilder(Tag, session).select("id", name=F("word")))
    found = await gates.order_by("id").all()
    assert [(gate.id, gate.name, gate.open) for gate in found] == [(1, "late", True), (2, "full", True)]
    assert all(gate.created_at is not None and gate.updated_at is not None for gate in found)


async def test_insert_from_objects(session: AsyncSession) -> None:
    session.add_all([OldTag(id=11, word="old"), OldTag(id=12, word="older")])
    tags = QueryBuilder(Tag, session)
    assert await tags.insert_from(QueryBuilder(OldTag, session).order_by("-id").limit(1)) == 1
    assert await tags.order_by("id").values_list("id", "word") == [(1, "late"), (2, "full"), (12, "older")]


async def test_insert_from_groups(session: AsyncSession, flights: QueryBuilder[Flight]) -> None:
    tags = QueryBuilder(Tag, session)
    groups = flights.group_by(word=F("airline_code")).annotate(id=Sum("id")).having(id__gt=6)
    assert await tags.insert_from(groups) == 2
    assert await tags.filter(id__gt=6).order_by("word").values_list("word", "id") == [("AA", 15), ("B6", 7)]


async def test_insert_from_leaves_out_what_is_deleted(session: AsyncSession) -> None:
    notes, tags = QueryBuilder(Note, session), QueryBuilder(Tag, session)
    await notes.filter(id=1).delete()
    assert await tags.insert_from(notes.select(id=F("id") + 10, word=F("text"))) == 2
    assert await tags.filter(id__gt=10).order_by("id").select("word").scalars() == ["second", "third"]


async def test_insert_from_a_frozen_query(session: AsyncSession) -> None:
    tags = QueryBuilder(Tag, session)
    frozen = tags.filter(word=Param("word")).select("word", id=F("id") + 10).freeze()
    assert await tags.insert_from(frozen(word="full")) == 1
    assert await tags.filter(id=12).exists()


async def test_insert_from_wrong_columns(session: AsyncSession) -> None:
    tags = QueryBuilder(Tag, session)
    with pytest.raises(UnknownNameError, match="'seats' is no column of Tag"):
        await tags.insert_from(QueryBuilder(Plane, session).select("seats"))
    with pytest.raises(UnknownNameError, match="is no column of Tag"):
        await tags.insert_from(QueryBuilder(Plane, session))


@pytest.mark.parametrize(
    "make",
    [
        lambda query: query.filter(id=1),
        lambda query: query.limit(1),
        lambda query: query.select("id"),
        lambda query: query.group_by("word"),
        lambda query: query.offset(1),
    ],
)
async def test_insert_from_goes_to_a_model(
    session: AsyncSession, make: Callable[[Any], QueryBuilder[Any]]
) -> None:
    with pytest.raises(ConfigurationError, match=r"insert_from\(\) adds to a model"):
        await make(QueryBuilder(Tag, session)).insert_from(QueryBuilder(Tag, session))


@pytest.mark.parametrize(
    "make",
    [
        lambda query: query.filter(Q()),
        lambda query: query.filter(~Q(), Q(Q(), Q())),
        lambda query: query.exclude(Q()),
        lambda query: query.filter(FilterBuilder(Flight).from_dict({}, allow=["id"])),
        lambda query: query.filter(FilterBuilder(Flight).from_query_params({}, allow=["id"])),
        lambda query: query.order_by("airline__name"),
        lambda query: query.join("plane", outer=True),
        lambda query: query.nested(),
        lambda query: query.union(query.filter(id=1)),
    ],
)
async def test_what_narrows_nothing_is_no_condition(flights: QueryBuilder[Flight], make: Make) -> None:
    with pytest.raises(ConfigurationError, match="say all_rows=True"):
        await make(flights).delete()
    with pytest.raises(ConfigurationError, match="say all_rows=True"):
        await make(flights).update(delay=0)
    assert await flights.filter(delay=0).count() == 1


@pytest.mark.parametrize(
    ("change", "value"),
    [(F("delay") % 4, -1), (F("delay") / 2, -2), (func.abs(F("delay")), 5), (F("id") * 10, 40)],
)
async def test_objects_have_what_the_database_has_computed(
    session: AsyncSession, flights: QueryBuilder[Flight], change: Any, value: int
) -> None:
    """Python divides and rounds in other ways."""
    held = await session.get_one(Flight, 4)
    await flights.filter(id=4).update(delay=change)
    (stored,) = await flights.filter(id=4).values_list("delay", flat=True)
    assert abs(stored - value) <= 1
    assert held.delay == stored


async def test_objects_are_found_as_the_database_finds_them(
    session: AsyncSession, flights: QueryBuilder[Flight]
) -> None:
    held = await session.get_one(Flight, 4)
    await flights.filter(F("delay") % 4 == -1).update(tailnum="N4")
    assert held.tailnum == "N4"
    assert await flights.filter(F("delay") % 4 == 3).delete() == 0
    assert held in session


async def test_new_values_are_those_of_each_row(flights: QueryBuilder[Flight]) -> None:
    found = flights.order_by("-id").limit(3).nested().filter(id__gt=0)
    assert await found.update(delay=F("id") + 100) == 3
    assert await flights.filter(delay__gt=100).order_by("id").values_list("delay", flat=True) == [
        105,
        106,
        107,
    ]


@pytest.mark.parametrize(
    "make", [lambda query: query, lambda query: query.filter(airline__name__isnull=False)]
)
async def test_new_values_are_not_those_of_related_rows(flights: QueryBuilder[Flight], make: Make) -> None:
    with pytest.raises(ConfigurationError, match="not of related ones"):
        await make(flights.filter(id__gt=0)).update(tailnum=F("airline__name"))


@pytest.mark.parametrize(
    ("choose", "found"),
    [(lambda notes: notes.only_deleted(), [1]), (lambda notes: notes.with_deleted(), [1, 2, 3])],
)
async def test_deleted_rows_are_inserted_where_they_are_asked_for(
    session: AsyncSession, choose: Any, found: list[int]
) -> None:
    notes = QueryBuilder(Note, session)
    await notes.filter(id=1).delete()
    added = choose(notes).select(id=F("id") + 10, word=F("text"))
    assert await QueryBuilder(Tag, session).insert_from(added) == len(found)
    tags = QueryBuilder(Tag, session).filter(id__gt=10).order_by("id")
    assert await tags.values_list("id", flat=True) == [number + 10 for number in found]


async def test_what_was_set_and_not_yet_written_stays(session: AsyncSession) -> None:
    with session.no_autoflush:
        flight = await session.get_one(Flight, 2)
        flight.tailnum = "N3"
        assert await QueryBuilder(Flight, session).filter(id=2).update(delay=F("delay") + 1) == 1
        assert (flight.tailnum, flight.delay) == ("N3", 71)
        assert flight in session.dirty


@pytest.mark.parametrize("make", [lambda query: query.qualify(), lambda query: query.qualify(Q())])
async def test_no_condition_about_windows_is_none(flights: QueryBuilder[Flight], make: Make) -> None:
    with pytest.raises(ConfigurationError, match="this is about every row"):
        await make(flights).delete()
    assert await flights.count() == 7


class Ticket(Base):
    """A ticket, with a value that is computed when it is read."""

    __tablename__ = "tickets"

    id: Mapped[NaturalKey[int]]
    price: Mapped[int] = mapped_column()
    doubled: Mapped[int] = column_property(price + price)


async def test_what_is_computed_when_it_is_read_cannot_be_written(session: AsyncSession) -> None:
    session.add(Ticket(id=1, price=5))
    tickets = QueryBuilder(Ticket, session)
    with pytest.raises(UnknownNameError, match="'doubled' is no column of Ticket: there are id, price"):
        await tickets.filter(id=1).update(doubled=1)
    assert await tickets.insert_from(tickets.filter(id__gt=1)) == 0
    assert await tickets.values_list("doubled", flat=True) == [10]


@pytest.mark.parametrize("held", [False, True], ids=["nothing held", "objects held"])
async def test_an_update_conflicts_with_that_of_an_object(own_session: AsyncSession, held: bool) -> None:
    """DuckDB would not notice if the row were replaced, as it is for RETURNING."""
    await own_session.commit()
    async with AsyncSession(own_session.bind) as first, AsyncSession(own_session.bind) as second:
        plane = await second.get_one(Plane, "N1")
        mine = await first.get_one(Plane, "N1") if held else plane
        assert await QueryBuilder(Plane, first).filter(tailnum="N1").update(seats=F("seats") + 1) == 1
        await first.commit()
        assert mine.seats == (101 if held else 100)
        plane.seats = 50
        with pytest.raises(TransactionConflictError):
            await second.flush()
