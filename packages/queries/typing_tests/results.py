"""What type checkers know of the rows that queries end with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, TypedDict, assert_type

import msgspec
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from pydantic import BaseModel as Pydantic
from sqlalchemy import Result, Row
from sqlalchemy.orm import Mapped

from andamios_orm.models import BaseModel
from andamios_orm.queries import CursorPage, F, FrozenQuery, Page, Param, QueryBuilder


class Flight(BaseModel):
    carrier: Mapped[str]
    delay: Mapped[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    delay: int


class Struct(msgspec.Struct, kw_only=True):
    delay: int


class Tuple(NamedTuple):
    delay: int


class Typed(TypedDict, total=False):
    delay: int


class Model(Pydantic):
    delay: int


async def objects(query: QueryBuilder[Flight]) -> None:
    assert_type(await query.all(), list[Flight])
    assert_type(await query.first(), Flight | None)
    assert_type(await query.one(), Flight)
    assert_type(await query.one_or_none(), Flight | None)
    assert_type(await query.get(1), Flight | None)
    assert_type(await query.in_bulk([1]), dict[Any, Flight])
    assert_type(await query.execute(), Result[Any])
    async for flight in query.stream(10):
        assert_type(flight, Flight)
    await query.get()  # type: ignore[call-arg] # the key is named


async def chains(query: QueryBuilder[Flight]) -> None:
    assert_type(query.filter(delay__gt=1).order_by("-delay").limit(3).nested(), QueryBuilder[Flight])
    assert_type(await QueryBuilder(Flight).distinct()[:3].cached(60).all(), list[Flight])
    assert_type(await query.select("delay").all(), list[Row[Any]])
    assert_type(await query.annotate(more=F("delay") + 1).first(), Row[Any] | None)
    assert_type(await query.group_by("carrier").one(), Row[Any])


async def pages(query: QueryBuilder[Flight]) -> None:
    page = await query.paginate(2, 10)
    assert_type(page, Page[Flight])
    assert_type(page.items, list[Flight])
    assert_type(page.has_next, bool)
    behind = await query.paginate_after(None, 10, secret="x")  # noqa: S106 # of no page
    assert_type(behind, CursorPage[Flight])
    assert_type(behind.items, list[Flight])
    assert_type(behind.next, str | None)
    assert_type(await query.select("delay").paginate(), Page[Row[Any]])
    page.total = 3  # type: ignore[misc] # a page is not changed


async def rows_of_types(query: QueryBuilder[Flight]) -> None:
    assert_type(await query.into(Plain), list[Plain])
    assert_type(await query.into(Struct), list[Struct])
    assert_type(await query.into(Tuple), list[Tuple])
    assert_type(await query.into(Typed), list[Typed])
    assert_type(await query.into(Model), list[Model])
    assert_type(await query.select("delay").into(Plain), list[Plain])
    await query.into(3)  # type: ignore[arg-type] # a type is asked for


async def columns(query: QueryBuilder[Flight]) -> None:
    assert_type(await query.values("delay"), list[dict[str, Any]])
    assert_type(await query.values_list("delay", flat=True), list[Any])
    assert_type(await query.arrow(), pa.Table)
    assert_type(await query.polars(), pl.DataFrame)
    assert_type(await query.polars(lazy=True), pl.LazyFrame)
    assert_type(await query.pandas(), pd.DataFrame)
    assert_type(await query.numpy(), dict[str, np.ndarray[Any, Any]])
    assert_type(await query.to_parquet("flights.parquet"), int)
    async for batch in query.batches(10):
        assert_type(batch, pa.RecordBatch)


async def numbers(query: QueryBuilder[Flight]) -> None:
    assert_type(await query.count(), int)
    assert_type(await query.exists(), bool)
    assert_type(await query.avg("delay"), float | None)
    assert_type(await query.aggregate(), dict[str, Any])


async def writes(query: QueryBuilder[Flight]) -> None:
    assert_type(await query.update(delay=F("delay") + 1), int)
    assert_type(await query.delete(all_rows=True), int)
    assert_type(await query.insert_from(query.select("delay")), int)
    await query.delete(True)  # type: ignore[call-arg] # it is said by name
    await query.insert_from(Flight)  # type: ignore[arg-type] # rows come from a query


async def frozen(query: QueryBuilder[Flight]) -> None:
    late = query.filter(delay__gt=Param("minutes")).freeze()
    assert_type(late, FrozenQuery[Flight])
    assert_type(late(minutes=60), QueryBuilder[Flight])
    assert_type(await late(minutes=60).all(), list[Flight])
    assert_type(late.parameters, frozenset[str])
