"""No text that comes from outside changes the structure of a statement.

The tables name every entry that takes a text. A new entry is one line in one of them:

* `NAMES` take the name of something that is there; whatever is not, is refused.
* `TEXTS` take a value; it is bound, and stands for itself.
* `COLUMNS` take a name that is given to what is computed; the column has that name, or it is refused.
* `FILES` take the name of a file; a file of that name is written, and no other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from pathlib import Path
from typing import Any

import pytest

from andamios_orm.core import AsyncSession
from andamios_orm.core.errors import AndamiosError, ConfigurationError, ValidationError
from andamios_orm.queries import (
    Count,
    F,
    FilterBuilder,
    Max,
    Q,
    QueryBuilder,
    RowNumber,
    Sum,
    selectinload,
    sql,
)

from .airport import Flight, Note, Plane
from .injections import FILE_NAMES, PAYLOADS, VALUES


def _given(name: str, value: object) -> dict[str, Any]:
    return {name: value}


FILTERS = FilterBuilder(Flight)
NOTE_FILTERS = FilterBuilder(Note)

NAMES: dict[str, Callable[[QueryBuilder[Flight], str], Any]] = {
    "filter": lambda flights, name: flights.filter(**{name: "x"}),
    "filter, lookup": lambda flights, name: flights.filter(**{f"delay__{name}": "x"}),
    "filter, related": lambda flights, name: flights.filter(**{f"airline__{name}": "x"}),
    "filter, of many": lambda flights, name: flights.filter(**{f"tags__{name}": "x"}),
    "filter, part": lambda flights, name: flights.filter(**{f"departs__{name}__gt": "x"}),
    "filter, struct": lambda flights, name: flights.filter(**{f"route__{name}": "x"}),
    "where": lambda flights, name: flights.where(**{name: "x"}),
    "exclude": lambda flights, name: flights.exclude(**{name: "x"}),
    "having": lambda flights, name: flights.group_by("delay").annotate(n=Count()).having(**{name: "x"}),
    "Q": lambda flights, name: flights.filter(~Q(**{name: "x"})),
    "F": lambda flights, name: flights.filter(delay=F(name)),
    "order_by": lambda flights, name: flights.order_by(name),
    "order_by, descending": lambda flights, name: flights.order_by(f"-{name}"),
    "order_by, nulls": lambda flights, name: flights.order_by("delay", nulls=name),
    "qualify": lambda flights, name: flights.qualify(**{name: "x"}),
    "distinct_on": lambda flights, name: flights.distinct_on(name),
    "options": lambda flights, name: flights.options(selectinload(name)),
    "select": lambda flights, name: flights.select(name),
    "group_by": lambda flights, name: flights.group_by(name),
    "annotate, field": lambda flights, name: flights.annotate(n=Sum(name)),
    "annotate, of many": lambda flights, name: flights.annotate(n=Count(f"tags__{name}")),
    "over, partition": lambda flights, name: flights.annotate(n=RowNumber().over(partition_by=name)),
    "over, order": lambda flights, name: flights.annotate(n=RowNumber().over(order_by=name)),
    "join": lambda flights, name: flights.join(name),
    "top_per_group, by": lambda flights, name: flights.top_per_group(1, by=name, order_by="delay"),
    "top_per_group, order": lambda flights, name: flights.top_per_group(1, by="delay", order_by=name),
    "values": lambda flights, name: flights.values(name),
    "values_list": lambda flights, name: flights.values_list(name),
    "aggregate": lambda flights, name: flights.aggregate(n=Max(name)),
    "sum": lambda flights, name: flights.sum(name),
    "pivot": lambda flights, name: flights.group_by("id").pivot(name, [1], n=Count()),
    "unpivot": lambda flights, name: flights.unpivot(name),
    "unnest": lambda flights, name: flights.unnest(name, "n"),
    "time_bucket": lambda flights, name: flights.time_bucket(name, "1 day"),
    "time_bucket, length": lambda flights, text: flights.time_bucket("day", text),
    "time_bucket, by": lambda flights, name: flights.time_bucket("day", "1 day", by=name),
    "sample": lambda flights, text: flights.sample(text),  # type: ignore[arg-type] # an attack
    "sample, percent": lambda flights, text: flights.sample(percent=text),  # type: ignore[arg-type] # an attack
    "sample, seed": lambda flights, text: flights.sample(3, seed=text),  # type: ignore[arg-type] # an attack
    "limit": lambda flights, text: flights.limit(text),  # type: ignore[arg-type] # an attack
    "join, on": lambda flights, name: flights.join(Plane, on=name),
    "asof_join, on": lambda flights, name: flights.asof_join(Plane, on=name),
    "asof_join, by": lambda flights, name: flights.asof_join(Plane, on="tailnum", by=name),
    "update": lambda flights, name: flights.filter(id=1).update(**_given(name, 1)),
    "sql": lambda _, text: sql(f"SELECT id FROM flights WHERE tailnum = '{text}'"),
    "sql, several": lambda _, text: sql(f"SELECT 1; SELECT 2 {text}"),
    "FilterBuilder": lambda _, name: FILTERS.eq(name, "x"),
    "FilterBuilder, related": lambda _, name: FILTERS.gt(f"airline__{name}", "x"),
    "FilterBuilder.search": lambda _, name: FILTERS.search("x", [name]),
    "allow": lambda _, name: FILTERS.from_dict({}, allow=[name]),
    "allow, lookup": lambda _, name: FILTERS.from_dict({}, allow={"delay": [name]}),
    "from_dict": lambda _, name: FILTERS.from_dict({name: "x"}, allow=["tailnum"]),
    "from_dict, inside": lambda _, name: FILTERS.from_dict({"not": {"or": [{name: "x"}]}}, allow=["tailnum"]),
    "from_dict, lookup": lambda _, name: FILTERS.from_dict({"tailnum": {name: "x"}}, allow=["tailnum"]),
    "from_dict, suffix": lambda _, name: FILTERS.from_dict({f"tailnum__{name}": "x"}, allow=["tailnum"]),
    "from_dict, number": lambda _, text: FILTERS.from_dict({"price__in": [5, f"{text}x"]}, allow=["price"]),
    "from_dict, moment": lambda _, text: FILTERS.from_dict({"departs__gt": text}, allow=["departs"]),
    "from_query_params": lambda _, name: FILTERS.from_query_params({name: "x"}, allow=["tailnum"]),
    "from_query_params, lookup": lambda _, name: FILTERS.from_query_params(
        {f"tailnum__{name}": "x"}, allow=["tailnum"]
    ),
    "from_query_params, date": lambda _, text: FILTERS.from_query_params({"day": text}, allow=["day"]),
}

TEXTS: dict[str, Callable[[QueryBuilder[Note], str], QueryBuilder[Any]]] = {
    "filter": lambda notes, text: notes.filter(text=text),
    "filter, in": lambda notes, text: notes.filter(text__in=[text, "x"]),
    "filter, contains": lambda notes, text: notes.filter(text__contains=text, text__startswith=text),
    "filter, icontains": lambda notes, text: notes.filter(text__icontains=text, text__iendswith=text),
    "exclude": lambda notes, text: notes.exclude(~Q(text=text)),
    "FilterBuilder": lambda notes, text: notes.filter(NOTE_FILTERS.eq("text", text).contains("text", text)),
    "from_dict": lambda notes, text: notes.filter(
        NOTE_FILTERS.from_dict({"text": {"eq": text, "icontains": text}}, allow=["text"], max_length=20_000)
    ),
    "from_query_params": lambda notes, text: notes.filter(
        NOTE_FILTERS.from_query_params({"text": text}, allow=["text"], max_length=20_000)
    ),
}

PATTERNS: dict[str, Callable[[QueryBuilder[Note], str], QueryBuilder[Any]]] = {
    "like": lambda notes, text: notes.filter(text__like=text),
    "ilike": lambda notes, text: notes.filter(text__ilike=text),
    "regex": lambda notes, text: notes.filter(text__regex=text),
    "iregex": lambda notes, text: notes.filter(text__iregex=text),
    "FilterBuilder": lambda notes, text: notes.filter(NOTE_FILTERS.like("text", text)),
    "F": lambda notes, text: notes.annotate(n=F("stars") + text),
}

COLUMNS: dict[str, Callable[[QueryBuilder[Flight], str], Awaitable[Any]]] = {
    "select": lambda flights, name: flights.filter(id=2).select(**{name: F("delay")}).values(),
    "annotate": lambda flights, name: _without(
        "n", flights.filter(id=2).select(n=F("id")).annotate(**{name: F("delay")}).values()
    ),
    "pivot": lambda flights, name: _without(
        "id", flights.filter(id=2).group_by("id").pivot("delay", {name: 70}, n=Max("delay")).values()
    ),
    "unpivot": lambda flights, name: _without(
        "what", flights.filter(id=2).select("delay").unpivot("delay", name="what", value=name).values()
    ),
    "time_bucket": lambda flights, name: _without(
        "bucket", flights.filter(id=2).time_bucket("day", "1 day", **_given(name, Sum("delay"))).values()
    ),
    "unnest": lambda flights, name: _chosen(
        name, flights.filter(id=1).unnest("stops", name).values(), {"ORD": 70}
    ),
    "group_by": lambda flights, name: (
        flights.filter(id=2).select(**{name: F("delay")}).nested().order_by(name).group_by(name).values()
    ),
    "aggregate": lambda flights, name: _listed(flights.filter(id=2).aggregate(**{name: Sum("delay")})),
}

FILES: dict[str, Callable[[QueryBuilder[Note], Path], Awaitable[int]]] = {
    "to_parquet": lambda notes, path: notes.to_parquet(path),
    "to_csv": lambda notes, path: notes.to_csv(path),
    "to_json": lambda notes, path: notes.to_json(path),
}


async def _without(name: str, found: Awaitable[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != name} for row in await found]


async def _chosen(name: str, found: Awaitable[list[dict[str, Any]]], values: dict[str, int]) -> list[Any]:
    return [{name: values[row[name]]} for row in await found]


async def _listed(found: Awaitable[Any]) -> list[Any]:
    return [await found]


@pytest.mark.parametrize("entry", NAMES)
async def test_names_are_refused(session: AsyncSession, entry: str) -> None:
    for payload in PAYLOADS:
        with pytest.raises((ConfigurationError, ValidationError)) as caught:
            made = NAMES[entry](QueryBuilder(Flight, session), payload)
            if isawaitable(made):
                await made
        assert isinstance(caught.value, AndamiosError), payload[:80]


@pytest.mark.parametrize("entry", TEXTS)
async def test_texts_stand_for_themselves(session: AsyncSession, entry: str) -> None:
    """Of notes with these texts, a query finds the one with the text, by the statement of any other text."""
    session.add_all(Note(id=100 + number, text=text) for number, text in enumerate(VALUES))
    statement = TEXTS[entry](QueryBuilder(Note, session), "harmless").to_sql()
    for payload in VALUES:
        query = TEXTS[entry](QueryBuilder(Note, session), payload)
        assert query.to_sql() == statement
        assert [note.text for note in await query.all() if note.text == payload] == [payload]


@pytest.mark.parametrize("entry", ["filter", "FilterBuilder", "from_dict", "from_query_params", "exclude"])
async def test_texts_find_nothing_else(session: AsyncSession, entry: str) -> None:
    for payload in VALUES:
        assert await TEXTS[entry](QueryBuilder(Note, session), payload).all() == []


@pytest.mark.parametrize("payload", ["%", "_", "100%_", "\\", "'"])
async def test_patterns_in_texts_are_characters(session: AsyncSession, payload: str) -> None:
    session.add(Note(id=100, text=f"a{payload}b"))
    found = await QueryBuilder(Note, session).filter(NOTE_FILTERS.search(f"A{payload}B", ["text"])).all()
    assert [note.id for note in found] == [100]


@pytest.mark.parametrize("entry", PATTERNS)
def test_patterns_change_no_statement(entry: str) -> None:
    statements = {PATTERNS[entry](QueryBuilder(Note), payload).to_sql() for payload in VALUES}
    assert len(statements) == 1


@pytest.mark.parametrize("key", [*PAYLOADS, "", "9" * 30], ids=lambda key: ascii(key)[:30])
async def test_keys_of_documents(session: AsyncSession, key: str) -> None:
    """No document has them, so no row is found; a wildcard is a key like others."""
    try:
        query = QueryBuilder(Flight, session).filter(**{f"meta__{key}": "pro"})
        found = await query.all()
    except ConfigurationError:
        return
    assert query.to_sql() == QueryBuilder(Flight, session).filter(meta__harmless="pro").to_sql()
    assert found == []


@pytest.mark.parametrize("entry", COLUMNS)
async def test_names_of_columns(session: AsyncSession, entry: str) -> None:
    for payload in PAYLOADS:
        try:
            found = await COLUMNS[entry](QueryBuilder(Flight, session), payload)
        except ConfigurationError:
            continue
        assert found == [{payload: 70}], payload[:80]


@pytest.mark.parametrize("entry", FILES)
async def test_names_of_files(session: AsyncSession, tmp_path: Path, entry: str) -> None:
    for number, payload in enumerate(FILE_NAMES):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert await FILES[entry](QueryBuilder(Note, session), folder / payload) == 3
        assert [file.name for file in folder.iterdir()] == [payload]


@pytest.mark.parametrize("entry", FILES)
async def test_names_of_files_end_at_their_end(session: AsyncSession, tmp_path: Path, entry: str) -> None:
    """A null byte would end the name for the engine, whatever ending the program has put behind it."""
    with pytest.raises(ConfigurationError):
        await FILES[entry](QueryBuilder(Note, session), tmp_path / "a\x00.txt")
    assert list(tmp_path.iterdir()) == []
