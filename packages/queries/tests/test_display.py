"""The text of a statement, for people."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from sqlalchemy import text

from andamios_orm.core import AsyncSession, SessionManager, create_engine
from andamios_orm.queries import F, QueryBuilder

from .airport import Airline, Flight


def test_values_stand_beside_the_text() -> None:
    found = (
        QueryBuilder(Airline).filter(code="UA", name__icontains="o'hare").order_by("-name").limit(3).to_sql()
    )
    assert "UA" not in found
    assert "o'hare" not in found
    assert found.startswith("SELECT airlines.code, airlines.name \nFROM airlines \nWHERE airlines.code = ")
    assert "ORDER BY airlines.name DESC NULLS LAST" in found


def test_values_in_the_text() -> None:
    query = QueryBuilder(Flight).filter(airline_code="o'hare", delay__in=[1, 2], id__between=(1, 3))
    found = (
        query.filter(day=dt.date(2013, 1, 2), price__gt=Decimal("1.5"))
        .select("id")
        .to_sql(literal_values=True)
    )
    for part in ("= 'o''hare'", "IN (1, 2)", ">= 1 AND flights.id <= 3", "'2013-01-02'", "> 1.5"):
        assert part in found


async def test_the_text_with_values_means_the_same(session: AsyncSession) -> None:
    query = QueryBuilder(Flight, session).filter(
        airline__name__icontains="amer",
        stops__len__lt=1,
        meta__miles__gt=1,
        route__to="LAX",
        tags__word="full",
    )
    rows = query.filter(departs__gt=dt.datetime(2013, 1, 1)).order_by(F("id") * 2).select("id").limit(2)
    found = rows.to_sql(literal_values=True)
    assert (await session.execute(text(found.replace(":", r"\:")))).all() == [(5,)]


def test_a_builder_shows_what_it_asks() -> None:
    assert repr(QueryBuilder(Airline).select("code")) == (
        "<QueryBuilder of Airline: SELECT airlines.code AS code \nFROM airlines>"
    )


@pytest.mark.parametrize(
    ("url", "like"), [("sqlite:///:memory:", "lower("), ("duckdb:///:memory:", "ILIKE"), (None, "ILIKE")]
)
async def test_the_language_is_that_of_the_session(url: str | None, like: str) -> None:
    engine = create_engine(url or "duckdb:///:memory:")
    async with SessionManager(engine) as session:
        query = QueryBuilder(Airline, session if url else None).filter(name__ilike="x")
        assert like in query.to_sql()
    await engine.dispose()


def test_without_a_session_it_is_duckdbs() -> None:
    assert "ILIKE" in QueryBuilder(Airline).filter(name__ilike="x").to_sql()
