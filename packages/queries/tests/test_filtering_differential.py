"""Random conditions, orders and slices: the database finds what a plain evaluation in Python finds."""

from __future__ import annotations

import asyncio
import operator
import random
import re
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andamios_orm.core import SessionManager, create_memory_engine
from andamios_orm.queries import F, Q, QueryBuilder, selectinload

from .airport import Airline, Flight, Plane, Tag, fill, flight

Row = dict[str, Any]
Truth = bool | None
Tree = tuple[Any, ...]
Ask = Callable[[Callable[[QueryBuilder[Flight]], Awaitable[Any]]], Any]

WORDS = {1: "late", 2: "full"}
NAMES = {"UA": "United Air Lines", "AA": "American Airlines", "B6": "100%_Blue", "ZZ": None}
SEATS = {"N1": 100, "N2": 200, "N3": 150, "N4": 50}


def more() -> list[Flight]:
    """Return 16 flights more, of which some have no delay, plane, airline's name, miles or stops."""
    by_chance = random.Random(7)  # the rows of a test
    found = []
    for number in range(8, 24):
        miles: dict[str, Any] = by_chance.choice(
            [{}, {"miles": None}, {"miles": 150.5}, {"miles": number * 10}]
        )
        made = flight(
            number,
            by_chance.choice(list(NAMES)),
            by_chance.choice([None, *SEATS]),
            by_chance.choice([None, -5, 0, 10, 30]),
            price=Decimal(by_chance.choice(["99.50", "100", "400.25"])),
            stops=by_chance.choice([[], ["ORD"], ["ORD", "DEN", "DFW"]]),
            meta={"plan": by_chance.choice(["pro", "free"])} | miles,
        )
        found.append(made)
    return found


def row_of(each: Flight) -> Row:
    """Return what the conditions are about."""
    return {
        "id": each.id,
        "delay": each.delay,
        "price": each.price,
        "airline_code": each.airline_code,
        "airline__name": NAMES[each.airline_code],
        "plane__seats": SEATS.get(each.tailnum or ""),
        "route__to": each.route["to"],
        "departs__day": each.departs.day,
        "stops__len": len(each.stops),
        "meta__plan": each.meta["plan"],
        "meta__miles": each.meta.get("miles"),
        "tags": [{"id": tag.id, "word": tag.word} for tag in each.tags],
    }


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[Ask, list[Row]]]:
    """How to ask a database, and its rows."""
    engine = create_memory_engine()

    async def rows() -> list[Row]:
        async with SessionManager(engine) as session:
            await fill(session)
            tags = {word: (await session.get_one(Tag, number)) for number, word in WORDS.items()}
            assert {plane.tailnum: plane.seats for plane in await QueryBuilder(Plane).all()} == SEATS
            assert {airline.code: airline.name for airline in await QueryBuilder(Airline).all()} == NAMES
            flights = more()
            for each in flights:
                each.tags = [tag for number, tag in enumerate(tags.values()) if each.id >> number & 1]
            session.add_all(flights)
        async with SessionManager(engine) as session:
            query = QueryBuilder(Flight, session).options(selectinload("tags")).order_by("id")
            return [row_of(each) for each in await query.all()]

    with asyncio.Runner() as runner:

        async def asked(ask: Callable[[QueryBuilder[Flight]], Awaitable[Any]]) -> Any:
            async with SessionManager(engine) as session:
                return await ask(QueryBuilder(Flight, session))

        yield lambda ask: runner.run(asked(ask)), runner.run(rows())
        runner.run(engine.dispose())


def both(values: list[Truth]) -> Truth:
    """Return AND as SQL has it."""
    return False if False in values else None if None in values else True


def either(values: list[Truth]) -> Truth:
    """Return OR as SQL has it."""
    return True if True in values else None if None in values else False


TEXT_TESTS: dict[str, Callable[[str, str], bool]] = {
    "contains": operator.contains,
    "startswith": str.startswith,
    "endswith": str.endswith,
    "iexact": operator.eq,
    "regex": lambda value, given: re.search(given, value) is not None,
}
ORDERED = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}


def looked_up(value: Any, lookup: str, wanted: Any) -> Truth:
    """Return what a lookup says of a value."""
    if lookup == "isnull" or wanted is None:
        present = value is not None
        return present is (lookup == "ne" if wanted is None else not wanted)
    if lookup in ("in", "notin"):
        given = [each for each in wanted if each is not None]
        known: Truth = (value in given) if value is not None or not given else None
        if lookup == "in":
            return either([known, value is None]) if None in wanted else known
        denied = None if known is None else not known
        return both([denied, value is not None]) if None in wanted else denied
    if value is None:
        return None
    if lookup == "between":
        return bool(wanted[0] <= value <= wanted[1])
    if lookup in ORDERED:
        return bool(ORDERED[lookup](value, wanted))
    if lookup in ("eq", "ne"):
        return (value == wanted) is (lookup == "eq")
    if lookup[0] == "i":
        value, wanted, lookup = value.lower(), wanted.lower(), lookup if lookup == "iexact" else lookup[1:]
    return TEXT_TESTS[lookup](value, wanted)


def held(row: Row, lookups: dict[str, Any]) -> Truth:
    """Return whether lookups hold, those about tags of the same tag."""
    own = [
        looked_up(row[field], lookup, wanted)
        for (field, lookup), wanted in split(lookups).items()
        if not field.startswith("tags__")
    ]
    of_tags = [
        (field.removeprefix("tags__"), lookup, wanted)
        for (field, lookup), wanted in split(lookups).items()
        if field.startswith("tags__")
    ]
    if of_tags:
        own.append(
            any(
                all(looked_up(tag[name], lookup, value) is True for name, lookup, value in of_tags)
                for tag in row["tags"]
            )
        )
    return both(own)


def split(lookups: dict[str, Any]) -> dict[tuple[str, str], Any]:
    return {tuple(name.rsplit("__", 1)): value for name, value in lookups.items()}  # type: ignore[misc] # two parts


def evaluated(tree: Tree, row: Row) -> Truth:
    """Return what a tree of conditions says of a row."""
    kind, *parts = tree
    if kind == "and":
        return both([evaluated(part, row) for part in parts])
    if kind == "or":
        return either([evaluated(part, row) for part in parts])
    if kind == "not":
        return evaluated(parts[0], row) is not True
    if kind == "fields":
        left, compare, right = parts
        missing = row[left] is None or row[right] is None
        return None if missing else bool(compare(row[left], row[right]))
    return held(row, parts[0])


def built(tree: Tree) -> Q:
    """Return the same as a condition of the builder."""
    kind, *parts = tree
    if kind == "and":
        return built(parts[0]) & built(parts[1])
    if kind == "or":
        return built(parts[0]) | built(parts[1])
    if kind == "not":
        return ~built(parts[0])
    if kind == "fields":
        left, compare, right = parts
        return Q(compare(F(left), F(right)))
    return Q(**parts[0])


NUMBERS: dict[str, list[Any]] = {
    "id": [1, 4, 9, 20],
    "delay": [-5, 0, 10, 30, 70],
    "price": [Decimal("99.50"), 100, 300, Decimal("400.25")],
    "plane__seats": [50, 100, 150, 200],
    "departs__day": [1, 2, 7, 20],
    "stops__len": [0, 1, 2, 3],
    "meta__miles": [100, 150.5, 160, 300, 700],
    "tags__id": [1, 2],
}
TEXTS: dict[str, list[str]] = {
    "airline_code": ["UA", "AA", "Z", "u"],
    "airline__name": ["United Air Lines", "amer", "Air", "%", "_", "Lines", "%_b"],
    "route__to": ["LAX", "SFO", "S"],
    "meta__plan": ["pro", "fr", "E"],
    "tags__word": ["late", "full", "l", ""],
}


@st.composite
def lookups(draw: st.DrawFn, name: str) -> tuple[str, Any]:
    """Draw a lookup of a field."""
    values = NUMBERS.get(name) or TEXTS[name]
    one = st.sampled_from(values)
    choices: dict[str, st.SearchStrategy[Any]] = {
        "eq": one | st.none(),
        "ne": one | st.none(),
        "in": st.lists(one | st.none(), max_size=3),
        "notin": st.lists(one | st.none(), max_size=3),
        "between": st.tuples(one, one),
        "isnull": st.booleans(),
    } | dict.fromkeys(("gt", "gte", "lt", "lte"), one)
    if name in TEXTS:
        texts = (
            "contains",
            "icontains",
            "startswith",
            "istartswith",
            "endswith",
            "iendswith",
            "iexact",
            "regex",
        )
        choices |= dict.fromkeys(texts, one.filter(lambda text: text != ""))
    lookup = draw(st.sampled_from(sorted(choices)))
    return f"{name}__{lookup}", draw(choices[lookup])


LEAVES: st.SearchStrategy[Tree] = st.one_of(
    st.lists(st.sampled_from([*NUMBERS, *TEXTS]).flatmap(lookups), min_size=1, max_size=3).map(
        lambda found: ("lookups", dict(found))
    ),
    st.tuples(
        st.just("fields"),
        st.sampled_from(["id", "delay", "price"]),
        st.sampled_from([operator.lt, operator.ge, operator.eq, operator.ne]),
        st.sampled_from(["delay", "plane__seats", "id"]),
    ),
)
TREES: st.SearchStrategy[Tree] = st.recursive(
    LEAVES,
    lambda inner: st.tuples(st.sampled_from(["and", "or"]), inner, inner) | st.tuples(st.just("not"), inner),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(tree=TREES, excluded=st.none() | LEAVES, joined=st.booleans())
def test_conditions(world: tuple[Ask, list[Row]], tree: Tree, excluded: Tree | None, *, joined: bool) -> None:
    ask, rows = world
    found = [row["id"] for row in rows if evaluated(tree, row) is True]
    if excluded is not None:
        found = [row["id"] for row in rows if row["id"] in found and evaluated(excluded, row) is not True]

    async def asked(query: QueryBuilder[Flight]) -> Any:
        query = query.join("airline") if joined else query
        query = query.filter(built(tree))
        query = query if excluded is None else query.exclude(built(excluded))
        assert await query.count() == len(found)
        return await query.order_by("id").values_list("id", flat=True)

    assert ask(asked) == found


ORDERS = st.tuples(
    st.lists(
        st.sampled_from([*NUMBERS, *TEXTS]).filter(lambda name: name[:4] not in ("tags", "meta")), max_size=3
    ),
    st.booleans(),
    st.sampled_from([None, "first", "last"]),
)
SLICES = st.lists(
    st.tuples(st.none() | st.integers(0, 20), st.none() | st.integers(0, 25)).map(lambda ends: slice(*ends)),
    max_size=3,
)


def ordered(rows: list[Row], names: list[str], nulls: str | None, *, descending: bool) -> list[Row]:
    """Return rows in an order, those without a value at one end; rows that are equal stay as they are."""
    for name in reversed(names):
        none = [row for row in rows if row[name] is None]
        some = [row for row in rows if row[name] is not None]
        some.sort(key=operator.itemgetter(name), reverse=descending)
        rows = none + some if nulls == "first" else some + none
    return rows


@settings(max_examples=100, deadline=None)
@given(order=ORDERS, slices=SLICES, tree=LEAVES, inside=st.booleans())
def test_orders_and_slices(
    world: tuple[Ask, list[Row]], order: Any, slices: list[slice], tree: Tree, *, inside: bool
) -> None:
    ask, rows = world
    names, descending, nulls = order
    found = [row["id"] for row in ordered(rows, [*names, "id"], nulls, descending=descending)]
    for part in slices:
        found = found[part]
    if inside:
        by_id = {row["id"]: row for row in rows}
        found = [number for number in found if evaluated(tree, by_id[number]) is True]

    async def asked(query: QueryBuilder[Flight]) -> Any:
        sign = "-" if descending else ""
        query = query.order_by(*(sign + name for name in [*names, "id"]), nulls=nulls)
        for part in slices:
            query = query[part]
        query = query.nested().filter(built(tree)) if inside else query
        assert await query.count() == len(found)
        return await query.values_list("id", flat=True)

    assert ask(asked) == found
