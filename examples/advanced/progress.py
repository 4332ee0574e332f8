"""Watch a long query: by a callback that is told the share done, and as a bar."""

from __future__ import annotations

from sqlalchemy import text

from andamios_orm.core import SessionManager, create_memory_engine, rich_progress, run

LONG = text("SELECT sum(hash(a.number * b.range)) FROM number AS a, range(40) AS b")


async def main() -> None:
    """Run one query twice."""
    engine = create_memory_engine()
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE number AS SELECT range AS number FROM range(5_000_000)"))

    shares: list[float] = []
    async with SessionManager(engine) as session:
        await session.execute(LONG, execution_options={"progress": shares.append})
    print(f"{len(shares)} reports, the last one {shares[-1]:.0%}")

    with rich_progress("hashing") as show:
        async with SessionManager(engine) as session:
            await session.execute(LONG, execution_options={"progress": show})
    await engine.dispose()


if __name__ == "__main__":
    run(main())
