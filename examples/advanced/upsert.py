"""Prices that arrive again and again: new ones are added, known ones changed, one or thousands at a time."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import Numeric, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core import ConfigurationError, DuplicateKeyError, SessionManager, create_memory_engine, run
from andamios_orm.models import IntegerKey, TimestampedModel, VersioningMixin, create_all
from andamios_orm.repositories import GenericRepository, UnitOfWork

engine = create_memory_engine()


class Price(IntegerKey, VersioningMixin, TimestampedModel):
    """What a shop asks for an article; a shop and an article are there once."""

    __table_args__ = (UniqueConstraint("shop", "article"),)

    shop: Mapped[str]
    article: Mapped[int]
    amount: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    note: Mapped[str | None]


class Prices(GenericRepository[Price]):
    """All prices."""

    async def arrive(self, rows: list[dict[str, Any]]) -> str:
        """Write what a shop sent."""
        counts = await self.upsert_many(rows, match=["shop", "article"], update=["amount"])
        return f"{counts.inserted} new, {counts.updated} known"


def sent(first: int, last: int, amount: str) -> list[dict[str, Any]]:
    """Return what a shop sends."""
    return [{"shop": "north", "article": n, "amount": Decimal(amount)} for n in range(first, last)]


async def main() -> None:
    """Write prices that are there, and prices that are not."""
    await create_all(engine)
    async with SessionManager(engine) as session:
        prices = Prices(session)
        print("first delivery:", await prices.arrive(sent(0, 5_000, "9.90")))
        print("second delivery:", await prices.arrive(sent(2_500, 7_500, "8.50")))
        known = await prices.find_one(shop="north", article=2_500)
        if known is not None:
            print("article 2500:", known.amount, "in version", known.version)

    async with SessionManager(engine) as session:
        prices = Prices(session)
        price = await prices.upsert(
            {"shop": "north", "article": 1, "amount": "7.00"}, match=["shop", "article"]
        )
        print("one upsert:", price.id, price.amount)
        price, is_new = await prices.get_or_create({"amount": "1.00"}, shop="south", article=1)
        print("get or create:", price.shop, price.amount, "new" if is_new else "known")
        price, is_new = await prices.update_or_create({"note": "sale"}, shop="south", article=1)
        print("update or create:", price.note, price.amount, "new" if is_new else "known")

    try:
        async with SessionManager(engine) as session:
            await Prices(session).arrive(sent(0, 2, "1.00") + sent(1, 2, "2.00"))
    except ConfigurationError as error:
        print("refused:", error)

    async def add(unit: UnitOfWork) -> None:
        await unit.repository(Prices).upsert(
            {"shop": "east", "article": 1, "amount": 1}, match=["shop", "article"]
        )

    try:
        async with UnitOfWork(engine) as unit:
            await add(unit)
            # Another one is faster. Which of the two may keep its row is up to the constraint.
            await UnitOfWork(engine).run(add)
    except DuplicateKeyError:
        print("too late: the price is there by now, so the whole unit of work is run again")
        await UnitOfWork(engine).run(add)
    async with SessionManager(engine) as session:
        print("prices:", await Prices(session).count())


run(main())
