"""Amounts are kept exactly or refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import MetaData, func, select
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core import AndamiosEngine, SessionManager
from andamios_orm.core.errors import ConfigurationError, DataError
from andamios_orm.models.base import NAMING_CONVENTION, BaseModel
from andamios_orm.models.types import Money


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Ticket(Base):
    price: Mapped[Any] = mapped_column(Money(6, 2), nullable=True)


@pytest.fixture
async def sold(engine: AndamiosEngine) -> AndamiosEngine:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with SessionManager(engine) as session:
        await session.bulk_insert(Ticket, [{"price": price} for price in (Decimal("19.90"), 5, None)])
    return engine


@pytest.mark.parametrize(
    ("price", "reason"),
    [
        (1.1, "no exact amount"),
        ("1.10", "no exact amount"),
        (True, "no exact amount"),
        (Decimal("1.005"), "more than 2 decimals"),
        (Decimal("12345.67"), "too many digits"),
        (10**6, "too many digits"),
        (Decimal("Infinity"), "too many digits"),
        (Decimal("NaN"), "more than 2 decimals"),
    ],
)
async def test_what_would_be_rounded_is_refused(sold: AndamiosEngine, price: Any, reason: str) -> None:
    for write in ("flush", "bulk_insert"):
        async with SessionManager(sold) as session:
            with pytest.raises(DataError, match=reason):
                if write == "bulk_insert":
                    await session.bulk_insert(Ticket, [{"price": price}])
                else:
                    session.add(Ticket(price=price))
                    await session.flush()
            await session.rollback()


async def test_trailing_zeros_are_no_decimals(sold: AndamiosEngine) -> None:
    async with SessionManager(sold) as session:
        session.add(Ticket(price=Decimal("1.2000")))
        await session.flush()
        assert str(await session.scalar(select(func.min(Ticket.price)))) == "1.20"


async def test_expressions_take_any_scale(sold: AndamiosEngine) -> None:
    async with SessionManager(sold) as session:
        taxed = select(Ticket.price * Decimal("0.0825")).where(Ticket.price > Decimal("19.895"))
        assert await session.scalar(taxed) == Decimal("1.641750")
        assert await session.scalar(select(func.sum(Ticket.price))) == Decimal("24.90")
        assert await session.scalar(select(Ticket.id).where(Ticket.price.is_(None))) == 3


@pytest.mark.parametrize("value", [0.0825, "1"])
def test_expressions_refuse_what_is_not_exact(value: Any) -> None:
    with pytest.raises(TypeError, match="no exact amount"):
        Ticket.price * value


@pytest.mark.parametrize("size", [(0, 0), (39, 2), (4, 5), (4, -1)])
def test_size_that_cannot_be_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ConfigurationError, match="cannot be"):
        Money(*size)


def test_python_type_is_decimal() -> None:
    assert Money().python_type is Decimal
