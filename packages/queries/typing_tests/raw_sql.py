"""What type checkers know of SQL as text, and of functions of Python in SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, assert_type

import polars as pl
import pyarrow as pa
from sqlalchemy import Result, Row
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core import AsyncSession
from andamios_orm.models import BaseModel
from andamios_orm.queries import F, RawSQL, SQLFunction, sql, sql_function


class Airport(BaseModel):
    code: Mapped[str] = mapped_column(primary_key=True)
    lat: Mapped[float]


@dataclass
class Place:
    code: str
    lat: float


async def endings(session: AsyncSession) -> None:
    query = sql("select * from airports where lat > :lat", lat=40.0)
    assert_type(query, RawSQL)
    assert_type(query.on(session), RawSQL)
    assert_type(await query.all(), list[Row[Any]])
    assert_type(await query.all(Airport), list[Airport])
    assert_type(await query.into(Place), list[Place])
    assert_type(await query.first(), Row[Any] | None)
    assert_type(await query.first(Airport), Airport | None)
    assert_type(await query.one(), Row[Any])
    assert_type(await query.one(Airport), Airport)
    assert_type(await query.one_or_none(Airport), Airport | None)
    assert_type(await query.scalars(), list[Any])
    assert_type(await query.execute(), Result[Any])
    assert_type(await query.polars(), pl.DataFrame)


@sql_function
def radians(degrees: float) -> float:
    return degrees * 3.14159 / 180


@sql_function(vectorized=True)
def same(values: Annotated[pa.Array, float]) -> Annotated[pa.Array, float]:
    return values


def calls() -> None:
    taken: SQLFunction[[float], float] = radians
    assert_type(taken(1.0), float)
    assert_type(radians(180.0), float)
    assert_type(radians(degrees=180.0), float)
    assert_type(radians(Airport.lat), Any)
    assert_type(radians(F("lat")), Any)
    radians.expression(1.0)
    same(pa.array([1.0])).to_pylist()
