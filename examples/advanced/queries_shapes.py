"""Results of another shape: pivots and back, elements of lists, series of time, samples, recursion."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core import SessionManager, create_memory_engine, run
from andamios_orm.core.types import LIST
from andamios_orm.models import BaseModel, NaturalKey, create_all
from andamios_orm.queries import Avg, Count, F, QueryBuilder, Sum


class Sale(BaseModel):
    """Something that was sold."""

    id: Mapped[NaturalKey[int]]
    shop: Mapped[str]
    at: Mapped[dt.datetime]
    amount: Mapped[int]
    tags: Mapped[list[str]] = mapped_column(LIST(String()))


class Part(BaseModel):
    """A part of another part, or a whole."""

    id: Mapped[NaturalKey[int]]
    name: Mapped[str]
    whole_id: Mapped[int | None]


SALES = [
    (1, "Lima", dt.datetime(2024, 1, 1, 9), 10, ["food"]),
    (2, "Lima", dt.datetime(2024, 1, 1, 15), 20, ["food", "gift"]),
    (3, "Lima", dt.datetime(2024, 1, 4, 10), 40, []),
    (4, "Oslo", dt.datetime(2024, 1, 2, 11), 80, ["gift"]),
    (5, "Oslo", dt.datetime(2024, 2, 1, 12), 160, ["book", "gift"]),
]
PARTS = [(1, "car", None), (2, "engine", 1), (3, "piston", 2), (4, "ring", 3), (5, "house", None)]

sales = QueryBuilder(Sale)


async def wide_and_long() -> None:
    """Make columns of values, and rows of columns."""
    wide = sales.group_by("shop").pivot("at__month", {"january": 1, "february": 2}, total=Sum("amount"))
    print("pivot:", await wide.order_by("shop").values())
    long = wide.unpivot("january", "february", name="month", value="total").order_by("shop", "month")
    print("unpivot:", await long.values_list())


async def lists() -> None:
    """Make a row of each element of a list."""
    tags = sales.unnest("tags", "tag").group_by("tag").annotate(n=Count()).order_by("-n", "tag")
    print("unnest:", await tags.values_list())


async def series() -> None:
    """Compute for each span of time, also where nothing was sold."""
    january = sales.filter(at__month=1)
    days = january.time_bucket("at", "1 day", fill=True, n=Count(), mean=Avg("amount"))
    for bucket, count, mean in await days.values_list():
        print(f"time_bucket: {bucket:%d %B}, {count} sales, {mean} on average")


async def samples() -> None:
    """Look at some rows only."""
    print("sample:", await sales.sample(3).count(), "rows")
    print("of one shop:", await sales.filter(shop="Oslo").sample(percent=100).count(), "rows")


async def trees() -> None:
    """Follow references, however far they lead."""
    parts = QueryBuilder(Part)
    found = parts.with_cte(
        "inside",
        parts.filter(name="car"),
        recursive=lambda found: parts.join(found, on={"whole_id": "id"}, name="found"),
    )
    names = found.join("inside", on="id").order_by("id").values_list("name", flat=True)
    print("recursive:", await names)


async def sets() -> None:
    """Combine whole queries."""
    gifts = sales.filter(tags__has="gift")
    large = sales.filter(amount__gte=F("id") * 20)
    print("in both:", await gifts.intersect(large).order_by("id").values_list("id", flat=True))
    print("in the first only:", await gifts.except_(large).order_by("id").values_list("id", flat=True))


async def main() -> None:
    """Write some sales and parts, and look at them from all sides."""
    engine = create_memory_engine()
    await create_all(engine)
    async with SessionManager(engine) as session:
        await session.bulk_insert(Sale, SALES)
        await session.bulk_insert(Part, PARTS)
        for step in (wide_and_long, lists, series, samples, trees, sets):
            await step()
    await engine.dispose()


if __name__ == "__main__":
    run(main())
