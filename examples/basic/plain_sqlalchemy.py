"""Use the dialect alone, with SQLAlchemy's own engine, session and reflection."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from sqlalchemy import Column, Integer, MetaData, String, Table, inspect, select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

metadata = MetaData()
airline = Table(
    "airline",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("code", String, nullable=False, unique=True, comment="as IATA gives it"),
)


async def main(folder: Path) -> None:
    """Write through Core, read through a session, and reflect the table."""
    engine = create_async_engine(f"duckdb+andamios:///{folder}/airlines.duckdb")
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        rows = [{"code": "UA"}, {"code": "AA"}]
        returned = await connection.scalars(airline.insert().returning(airline.c.id), rows)
        print("ids:", returned.all())

    async with async_sessionmaker(engine)() as session:
        print("codes:", (await session.scalars(select(airline.c.code).order_by(airline.c.code))).all())

    async with engine.connect() as connection:
        for column in await connection.run_sync(lambda sync: inspect(sync).get_columns("airline")):
            print(column["name"], column["type"], column["default"], column["comment"])
    await engine.dispose()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(main(Path(temporary)))
