"""The endings that bring columns: dicts, tuples, Arrow and what is made of it, and files."""

from __future__ import annotations

import csv
import datetime as dt
import json
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager
from andamios_orm.core.errors import ConfigurationError, NotSupportedError
from andamios_orm.queries import Count, F, Param, QueryBuilder, UnknownNameError, joinedload, selectinload

from .airport import Flight, Note, Plane, fill

FIELDS = [column.key for column in Flight.__mapper__.column_attrs]


@pytest.fixture
def flights(session: AsyncSession) -> QueryBuilder[Flight]:
    """A query for all flights, in order."""
    return QueryBuilder(Flight, session).order_by("id")


async def test_values(flights: QueryBuilder[Flight]) -> None:
    found = await flights.limit(2).values("id", "airline__name", "route__to", "departs__year")
    assert found == [
        {"id": 1, "airline__name": "United Air Lines", "route__to": "LAX", "departs__year": 2013},
        {"id": 2, "airline__name": "United Air Lines", "route__to": "SFO", "departs__year": 2013},
    ]


async def test_all_fields_are_values(session: AsyncSession, flights: QueryBuilder[Flight]) -> None:
    """Values are those of the objects, with all that the types of columns make of them."""
    rows = await flights.values()
    assert [list(row) for row in rows] == [FIELDS] * 7
    assert rows == [{name: getattr(each, name) for name in FIELDS} for each in await flights.all()]
    assert type(rows[0]["price"]) is Decimal
    assert rows[0]["meta"] == {"plan": "free", "miles": 100, "seat": {"row": 1}}


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda query: query.select("id", twice=F("delay") * 2), {"id": 2, "twice": 140}),
        (lambda query: query.select("delay").distinct().order_by("delay")[3:4], {"delay": 30}),
        (
            lambda query: query.order_by(None)
            .group_by("airline_code")
            .annotate(n=Count())
            .order_by("-n", "airline_code"),
            {"airline_code": "UA", "n": 3},
        ),
    ],
)
async def test_values_of_columns(
    flights: QueryBuilder[Flight], make: Callable[[Any], QueryBuilder[Any]], found: dict[str, Any]
) -> None:
    assert found in await make(flights).values()


async def test_values_of_what_is_computed(flights: QueryBuilder[Flight]) -> None:
    query = flights.annotate(words=Count("tags")).limit(2)
    assert await query.values("id", "words") == [{"id": 1, "words": 1}, {"id": 2, "words": 2}]
    assert list((await query.values())[0]) == [*FIELDS, "words"]


async def test_values_with_options(flights: QueryBuilder[Flight]) -> None:
    query = flights.options(joinedload("tags"), selectinload("airline"))
    assert await query.values_list("id", flat=True) == [1, 2, 3, 4, 5, 6, 7]


async def test_values_list(flights: QueryBuilder[Flight]) -> None:
    assert await flights.limit(2).values_list("id", "delay") == [(1, 10), (2, 70)]
    assert await flights.select("id").limit(2).values_list() == [(1,), (2,)]
    assert {type(row) for row in await flights.select("id").values_list()} == {tuple}


async def test_flat_values(flights: QueryBuilder[Flight]) -> None:
    assert await flights.values_list("delay", flat=True) == [10, 70, None, -5, 30, 30, 0]
    assert await flights.select("delay").limit(1).values_list(flat=True) == [10]
    assert await flights.filter(id=99).values_list("id", flat=True) == []
    with pytest.raises(ConfigurationError, match="flat=True is for one field, and these are id, delay"):
        await flights.values_list("id", "delay", flat=True)


@pytest.mark.parametrize("ending", ["values", "values_list"])
async def test_unknown_fields(flights: QueryBuilder[Flight], ending: str) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'delay'"):
        await getattr(flights, ending)("dela")


class Words(NamedTuple):
    """How many tags a flight has, before its number."""

    words: int
    id: int


class Winged(NamedTuple):
    """A flight with a field that the model has not."""

    id: int
    wings: int


class TwoWinged(NamedTuple):
    """The same, with a default."""

    id: int
    wings: int = 2


class Short(NamedTuple):
    """Some fields of a flight."""

    id: int
    delay: int | None = None


async def test_into_reads_only_the_fields_of_the_type(flights: QueryBuilder[Flight]) -> None:
    assert await flights.limit(2).into(Short) == [Short(1, 10), Short(2, 70)]
    assert await flights.select("id", "day").limit(1).into(Short) == [Short(1, None)]
    assert await flights.select("delay", "id").limit(1).into(Short) == [Short(1, 10)]
    assert await flights.filter(id=99).into(Short) == []


async def test_into_of_what_is_computed(flights: QueryBuilder[Flight]) -> None:
    assert await flights.annotate(words=Count("tags")).limit(1).into(Short) == [Short(1, 10)]
    assert await flights.annotate(words=Count("tags")).limit(2).into(Words) == [Words(1, 1), Words(2, 2)]


async def test_into_names_what_is_missing(flights: QueryBuilder[Flight]) -> None:
    with pytest.raises(
        ConfigurationError, match="Short needs id, which the query has not: it has day, delay"
    ):
        await flights.select("day", "delay").into(Short)


async def test_into_of_objects_leaves_defaults_to_the_type(flights: QueryBuilder[Flight]) -> None:
    assert await flights.limit(1).into(TwoWinged) == [TwoWinged(1, 2)]
    with pytest.raises(ConfigurationError, match="wings"):
        await flights.into(Winged)


async def test_arrow(flights: QueryBuilder[Flight]) -> None:
    table = await flights.arrow()
    assert table.column_names == FIELDS
    assert table["delay"].to_pylist() == [10, 70, None, -5, 30, 30, 0]
    assert table.schema.field("price").type == pa.decimal128(8, 2)
    assert table["stops"].to_pylist()[1] == ["ORD", "DEN"]


async def test_batches(flights: QueryBuilder[Flight]) -> None:
    batches = [batch async for batch in flights.select("id").batches(3)]
    assert [type(batch) for batch in batches] == [pa.RecordBatch] * len(batches)
    assert all(0 < batch.num_rows <= 3 for batch in batches)
    assert [number for batch in batches for number in batch["id"].to_pylist()] == [1, 2, 3, 4, 5, 6, 7]
    with pytest.raises(ConfigurationError, match="a batch has at least one row"):
        await anext(flights.batches(0))


async def test_batches_that_are_broken_off(flights: QueryBuilder[Flight]) -> None:
    batches = flights.select("id").batches(2)
    assert (await anext(batches))["id"].to_pylist() == [1, 2]
    await batches.aclose()
    assert await flights.count() == 7


async def test_batches_are_one_snapshot(file_engine: AndamiosEngine) -> None:
    async with SessionManager(file_engine) as session:
        await fill(session)
    async with SessionManager(file_engine) as reader:
        batches = QueryBuilder(Plane, reader).order_by("tailnum").select("tailnum").batches(1)
        found = (await anext(batches))["tailnum"].to_pylist()
        async with SessionManager(file_engine) as writer:
            writer.add(Plane(tailnum="N9", seats=1))
        found += [name async for batch in batches for name in batch["tailnum"].to_pylist()]
    assert found == ["N1", "N2", "N3", "N4"]


async def test_polars(flights: QueryBuilder[Flight]) -> None:
    query = flights.select("id", "delay", "price", "departs")
    frame, lazy = await query.polars(), await query.polars(lazy=True)
    assert (type(frame), type(lazy)) == (pl.DataFrame, pl.LazyFrame)
    assert lazy.collect().equals(frame)
    assert frame.row(0) == (1, 10, Decimal("100.00"), dt.datetime(2013, 1, 1, 1, 30))
    assert frame["delay"].null_count() == 1


async def test_pandas(flights: QueryBuilder[Flight]) -> None:
    frame = await flights.select("id", "delay", "departs").pandas()
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == ["id", "delay", "departs"]
    assert frame["delay"].sum() == 135
    assert frame["delay"].isna().sum() == 1
    assert frame["departs"][0] == pd.Timestamp(2013, 1, 1, 1, 30)


async def test_numpy(flights: QueryBuilder[Flight]) -> None:
    found = await flights.select("id", "delay", "airline_code").numpy()
    assert {name: type(array) for name, array in found.items()} == dict.fromkeys(found, np.ndarray)
    assert found["id"].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert np.isnan(found["delay"]).tolist() == [False, False, True, False, False, False, False]
    assert found["airline_code"][0] == "UA"


Ending = Callable[[QueryBuilder[Any]], Any]


async def batched(query: QueryBuilder[Any]) -> list[Any]:
    return [value async for batch in query.batches(2) for value in batch["tailnum"].to_pylist()]


async def of_values(query: QueryBuilder[Any]) -> list[Any]:
    return [row["tailnum"] for row in await query.values()]


async def of_arrow(query: QueryBuilder[Any]) -> list[Any]:
    return list((await query.arrow())["tailnum"].to_pylist())


async def of_polars(query: QueryBuilder[Any]) -> list[Any]:
    return (await query.polars())["tailnum"].to_list()


async def of_pandas(query: QueryBuilder[Any]) -> list[Any]:
    return list((await query.pandas())["tailnum"])


async def of_numpy(query: QueryBuilder[Any]) -> list[Any]:
    return list((await query.numpy())["tailnum"])


ENDINGS = (of_values, of_arrow, batched, of_polars, of_pandas, of_numpy)


@pytest.mark.parametrize("ending", ENDINGS)
async def test_the_open_transaction_is_seen(session: AsyncSession, ending: Ending) -> None:
    """Rows that are pending, changed and deleted, and not committed."""
    session.add(Plane(tailnum="N0", seats=5))
    planes = QueryBuilder(Plane, session).order_by("tailnum")
    (await session.get_one(Plane, "N1")).seats = 1000
    await planes.filter(tailnum="N2").delete()
    assert await ending(planes) == ["N0", "N1", "N3", "N4"]
    assert await ending(planes.filter(seats__gt=500)) == ["N1"]


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_frozen_query_has_columns(session: AsyncSession, ending: Ending) -> None:
    frozen = QueryBuilder(Plane, session).filter(seats__gt=Param("least")).order_by("tailnum").freeze()
    assert await ending(frozen(least=120)) == ["N2", "N3"]
    assert await ending(frozen(least=180)) == ["N2"]


async def test_deleted_rows_are_in_no_column(session: AsyncSession) -> None:
    notes = QueryBuilder(Note, session).order_by("id")
    await notes.filter(id=2).delete()
    assert (await notes.arrow())["id"].to_pylist() == [1, 3]
    assert (await notes.with_deleted().arrow())["id"].to_pylist() == [1, 2, 3]
    assert (await notes.only_deleted().polars())["id"].to_list() == [2]
    assert [row["id"] for row in await notes.values()] == [1, 3]
    assert await notes.only_deleted().values_list("id", flat=True) == [2]


@pytest.mark.parametrize(
    ("ending", "module", "extra"),
    [
        ("polars", "polars", "andamios-orm-queries[polars]"),
        ("pandas", "pandas", "andamios-orm-queries[pandas]"),
        ("arrow", "pyarrow", "[arrow]"),
        ("numpy", "pyarrow", "[arrow]"),
        ("polars", "pyarrow", "[arrow]"),
    ],
)
async def test_a_missing_package_is_named(
    flights: QueryBuilder[Flight], monkeypatch: pytest.MonkeyPatch, ending: str, module: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigurationError) as caught:
        await getattr(flights, ending)()
    assert "pip install" in str(caught.value)
    assert extra in str(caught.value)


@pytest.mark.parametrize("ending", ["to_parquet", "to_csv", "to_json"])
async def test_files(flights: QueryBuilder[Flight], tmp_path: Path, ending: str) -> None:
    path = tmp_path / "flights"
    assert await getattr(flights.select("id", "airline_code", "delay", "day"), ending)(path) == 7
    first = {"id": 1, "airline_code": "UA", "delay": 10, "day": dt.date(2013, 1, 1)}
    if ending == "to_parquet":
        rows = pq.read_table(path).to_pylist()
    elif ending == "to_csv":
        with path.open() as file:
            rows = list(csv.DictReader(file))
        first = {name: str(value) for name, value in first.items()}
    else:
        rows = json.loads(path.read_text())
        first["day"] = "2013-01-01"
    assert (rows[0], len(rows)) == (first, 7)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("ending", ["to_parquet", "to_csv", "to_json"])
async def test_files_without_rows(flights: QueryBuilder[Flight], tmp_path: Path, ending: str) -> None:
    path = tmp_path / "none"
    assert await getattr(flights.filter(id=99), ending)(str(path)) == 0
    assert path.exists()


async def test_files_of_the_open_transaction(session: AsyncSession, tmp_path: Path) -> None:
    session.add(Plane(tailnum="N0", seats=5))
    planes = QueryBuilder(Plane, session).filter(seats__lt=Param("most")).order_by("tailnum").freeze()
    assert await planes(most=101).to_csv(tmp_path / "planes.csv") == 3
    assert (tmp_path / "planes.csv").read_text() == ("tailnum,seats,airline_code\nN0,5,\nN1,100,UA\nN4,50,\n")


async def test_deleted_rows_are_not_written(session: AsyncSession, tmp_path: Path) -> None:
    notes, path = QueryBuilder(Note, session).order_by("id"), tmp_path / "notes.json"
    await notes.filter(id=2).delete()
    assert await notes.select("id").to_json(path) == 2
    assert json.loads(path.read_text()) == [{"id": 1}, {"id": 3}]
    assert await notes.with_deleted().to_parquet(path) == 3
    assert await notes.only_deleted().select("id").to_json(path) == 1
    assert json.loads(path.read_text()) == [{"id": 2}]


async def test_a_session_that_does_not_flush(engine: AndamiosEngine, tmp_path: Path) -> None:
    async with SessionManager(engine) as session:
        await fill(session)
    async with SessionManager(engine, autoflush=False) as session:
        session.add(Plane(tailnum="N0", seats=5))
        assert await QueryBuilder(Plane, session).to_csv(tmp_path / "planes.csv") == 4


async def test_other_databases_write_no_files(tmp_path: Path) -> None:
    engine = create_async_engine("sqlite+aiosqlite:///:memory:")
    async with SessionManager(engine) as session:
        for ending in (QueryBuilder(Plane, session).to_csv, QueryBuilder(Plane, session).to_parquet):
            with pytest.raises(NotSupportedError, match="writing files"):
                await ending(tmp_path / "planes")
    assert list(tmp_path.iterdir()) == []
    await engine.dispose()


async def test_rows_that_are_distinct_stay_so_whatever_is_asked_of_them(session: AsyncSession) -> None:
    rows = QueryBuilder(Flight, session).select("airline_code", "tailnum").distinct().order_by("airline_code")
    assert await rows.count() == 5
    assert await rows.values_list("airline_code", flat=True) == ["AA", "AA", "B6", "UA", "UA"]
