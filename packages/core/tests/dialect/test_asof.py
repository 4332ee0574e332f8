"""Joins with the nearest row."""

from __future__ import annotations

import pytest
from sqlalchemy import and_, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import DeclarativeBase, Mapped, aliased, mapped_column, with_loader_criteria

from andamios_orm.core import AndamiosEngine, AsyncSession
from andamios_orm.core.dialect.asof import asof
from andamios_orm.core.errors import NotSupportedError


class Base(DeclarativeBase):
    """Hold the mapped classes together."""


class Trade(Base):
    """A trade at a moment."""

    __tablename__ = "trades"

    id: Mapped[int] = mapped_column(primary_key=True)
    symbol: Mapped[str]
    time: Mapped[int]


class Quote(Base):
    """A price from a moment on."""

    __tablename__ = "quotes"

    id: Mapped[int] = mapped_column(primary_key=True)
    symbol: Mapped[str]
    time: Mapped[int]


NEAREST = asof(and_(Trade.symbol == Quote.symbol, Trade.time >= Quote.time))


@pytest.fixture
async def session(engine: AndamiosEngine) -> AsyncSession:
    session = AsyncSession(engine)
    await (await session.connection()).run_sync(Base.metadata.create_all)
    session.add_all([Trade(id=1, symbol="a", time=10), Trade(id=2, symbol="b", time=10)])
    session.add_all(
        [Quote(id=1, symbol="a", time=3), Quote(id=2, symbol="a", time=9), Quote(id=3, symbol="a", time=11)]
    )
    await session.flush()
    return session


async def test_the_nearest_row_is_joined(session: AsyncSession) -> None:
    async with session:
        found = await session.execute(select(Trade.id, Quote.id).join(Quote, NEAREST))
        assert found.all() == [(1, 2)]


async def test_outer_joins_keep_rows_without_one(session: AsyncSession) -> None:
    async with session:
        query = select(Trade.id, Quote.id).outerjoin(Quote, NEAREST).order_by(Trade.id)
        assert (await session.execute(query)).all() == [(1, 2), (2, None)]


async def test_aliases_and_other_joins(session: AsyncSession) -> None:
    async with session:
        later = aliased(Quote)
        query = (
            select(Quote.id, later.id)
            .select_from(Trade)
            .join(Quote, NEAREST)
            .join(later, asof(and_(Trade.symbol == later.symbol, Trade.time <= later.time)))
        )
        assert (await session.execute(query)).all() == [(2, 3)]


async def test_criteria_of_loaders_choose_among_the_rows(session: AsyncSession) -> None:
    async with session:
        query = (
            select(Trade.id, Quote.id).join(Quote, NEAREST).options(with_loader_criteria(Quote, Quote.id < 2))
        )
        assert (await session.execute(query)).all() == [(1, 1)]


def test_other_databases_are_told_that_they_have_none() -> None:
    with pytest.raises(NotSupportedError, match="ASOF"):
        select(Trade).join(Quote, NEAREST).compile(dialect=sqlite.dialect())


async def test_the_side_that_is_joined_is_found_among_several(session: AsyncSession) -> None:
    async with session:
        other = aliased(Trade)
        query = select(other.id, Trade.id, Quote.id).join(Quote, NEAREST).where(other.id == Trade.id)
        assert (await session.execute(query)).all() == [(1, 1, 2)]


async def test_an_asof_join_in_a_subquery_is_its_own(session: AsyncSession) -> None:
    async with session:
        nearest = select(Quote.id).select_from(Trade).join(Quote, NEAREST)
        later = aliased(Quote)
        query = select(Trade.id, later.id).join(
            later, and_(Trade.symbol == later.symbol, later.id.in_(nearest))
        )
        assert (await session.execute(query)).all() == [(1, 2)]


def test_the_text_of_an_asof_join(engine: AndamiosEngine) -> None:
    text = str(select(Trade.id).outerjoin(Quote, NEAREST).compile(dialect=engine.dialect))
    assert "trades ASOF LEFT JOIN quotes ON trades.symbol = quotes.symbol" in text
