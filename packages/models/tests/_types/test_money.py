"""Amounts are kept exactly or refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import MetaData, func, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core import AndamiosEngine, SessionManager
from andamios_orm.core.errors import ConfigurationError, DataError, ValidationError
from andamios_orm.models._types.money import read_number
from andamios_orm.models.declarative import NAMING_CONVENTION, BaseModel
from andamios_orm.models.types import Money


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Ticket(Base):
    price: Mapped[Decimal | None] = mapped_column(Money(6, 2))
    fee: Mapped[Any] = mapped_column(Money(6, 0), nullable=True)


TICKETS = Base.metadata.tables["ticket"]

REFUSED = [
    (1.1, r"a float is no exact amount: give a Decimal, such as Decimal\('9.99'\), or the text '9.99'"),
    (True, "a bool is no exact amount"),
    (b"1.10", "a bytes is no exact amount"),
    ("1,10", "this text is no number: give one such as '9.99'"),
    (Decimal("1.005"), r"more than 2 decimals: round it first, for example with quantize\(\)"),
    ("1.005", "more than 2 decimals"),
    (Decimal("12345.67"), r"too many digits for Money\(6, 2\)"),
    (10**6, "too many digits"),
    (Decimal("Infinity"), "(this is no amount|Input should be a finite number)"),
    (Decimal("NaN"), "(this is no amount|Input should be a finite number)"),
]


@pytest.fixture
async def sold(engine: AndamiosEngine) -> AndamiosEngine:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with SessionManager(engine) as session:
        await session.bulk_insert(Ticket, [{"price": price} for price in (Decimal("19.90"), 5, None)])
    return engine


@pytest.mark.parametrize(("price", "reason"), REFUSED)
async def test_a_model_refuses_what_is_not_exact(sold: AndamiosEngine, price: Any, reason: str) -> None:
    with pytest.raises(ValidationError, match=f"Ticket: price: .*{reason}"):
        Ticket(price=price)
    ticket = Ticket(price=Decimal("1.10"))
    with pytest.raises(ValidationError, match=reason):
        ticket.price = price
    async with SessionManager(sold) as session:
        with pytest.raises(ValidationError, match=rf"rows\[1\].price: .*{reason}"):
            await session.bulk_insert(Ticket, [{"price": 1}, {"price": price}])
        with pytest.raises(ValidationError, match=reason):
            await session.execute(insert(Ticket).values(price=price))


@pytest.mark.parametrize(("price", "reason"), REFUSED)
async def test_statements_without_a_model_refuse_it_too(
    sold: AndamiosEngine, price: Any, reason: str
) -> None:
    async with sold.connect() as connection:
        with pytest.raises(DataError, match=reason):
            await connection.execute(insert(TICKETS).values(price=price))
    async with SessionManager(sold) as session:
        with pytest.raises(DataError, match=reason):
            await session.bulk_insert(TICKETS, [{"price": price}])
        await session.rollback()
        assert len((await session.scalars(select(Ticket))).all()) == 3


@pytest.mark.parametrize("price", ["1.1", Decimal("1.10"), "1.1000"])
async def test_texts_and_decimals_are_kept_alike(sold: AndamiosEngine, price: Any) -> None:
    async with SessionManager(sold) as session:
        made = [Ticket(price=price), Ticket()]
        made[1].price = price
        session.add_all(made)
        await session.flush()
        await session.bulk_insert(Ticket, [{"price": price}])
        await session.execute(insert(TICKETS), [{"price": price}])
        same = select(Ticket).where(Ticket.price == Decimal("1.1"))
        assert len((await session.scalars(same)).all()) == 4
    assert [ticket.price for ticket in made] == [Decimal("1.1")] * 2


def test_the_annotation_says_what_an_amount_becomes() -> None:
    assert Ticket(fee="12").fee == Decimal(12)
    assert type(Ticket(fee="12").fee) is Decimal
    assert type(Ticket(fee=12).fee) is int
    assert Ticket(fee=None).fee is None


def test_a_number_in_json_is_taken_as_it_is_written() -> None:
    assert [read_number(value) for value in (9.99, 1e14, "9.99", None)] == [
        Decimal("9.99"),
        Decimal(10**14),
        "9.99",
        None,
    ]
    with pytest.raises(ValueError, match="too many digits for a number: send it as a text"):
        read_number(1234567890123456.8)


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
    with pytest.raises(TypeError, match=r"no exact amount: give a Decimal, such as Decimal\('9.99'\)$"):
        _ = Ticket.price * value


@pytest.mark.parametrize("size", [(0, 0), (39, 2), (4, 5), (4, -1), ("EUR",), (4, "2")])
def test_size_that_cannot_be_is_refused(size: Any) -> None:
    with pytest.raises(ConfigurationError, match="cannot be"):
        Money(*size)


def test_python_type_is_decimal() -> None:
    assert Money().python_type is Decimal
