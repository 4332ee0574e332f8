"""Pages of a result: by number with a total, and by cursors that stay right while rows come and go."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Mapped

from andamios_orm.core import AsyncSession, SessionManager, create_memory_engine, run
from andamios_orm.models import BaseModel, NaturalKey, create_all
from andamios_orm.queries import InvalidCursorError, QueryBuilder

DATA = Path(__file__).resolve().parent.parent / "data"


class Airport(BaseModel):
    """An airport and how high it lies."""

    faa: Mapped[NaturalKey[str]]
    name: Mapped[str]
    alt: Mapped[int]


highest = QueryBuilder(Airport).order_by("-alt")


async def by_number() -> None:
    """Read a page and the total with one statement."""
    page = await highest.paginate(2, size=3)
    print(f"page {page.number} of {page.pages}, {page.total} airports:", [each.faa for each in page.items])
    beyond = await highest.paginate(10_000, size=3)
    print("behind the last one:", beyond.items, "of", beyond.total)


async def by_cursor(session: AsyncSession) -> None:
    """Walk on from one page to the next, and back, while a row is added in front."""
    first = await highest.paginate_after(size=3)
    print("first page:", [each.faa for each in first.items])
    session.add(Airport(faa="0NE", name="Added meanwhile", alt=20_000))
    await session.flush()
    second = await highest.paginate_after(first.next, size=3)
    print("second page, as if nothing was added:", [each.faa for each in second.items])
    back = await highest.paginate_after(second.previous, size=3)
    print("back:", [each.faa for each in back.items])
    try:
        await highest.order_by("name").paginate_after(first.next, size=3)
    except InvalidCursorError as error:
        print("in another order:", error.errors["cursor"])


async def to_the_end() -> None:
    """Visit every row, page by page."""
    pages, rows, cursor = 0, 0, None
    while True:
        page = await highest.paginate_after(cursor, size=500)
        pages, rows, cursor = pages + 1, rows + len(page.items), page.next
        if cursor is None:
            break
    print(f"{rows} airports on {pages} pages")


async def main() -> None:
    """Fill a table, and read it in pages."""
    engine = create_memory_engine()
    await create_all(engine)
    async with SessionManager(engine) as session:
        fill = text("INSERT INTO airport SELECT faa, name, alt FROM read_parquet(:file)")
        await session.execute(fill, {"file": str(DATA / "airports.parquet")})
        await by_number()
        await by_cursor(session)
        await to_the_end()
    await engine.dispose()


if __name__ == "__main__":
    run(main())
