"""What is read only is written by nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, delete, select, update
from sqlalchemy import insert as plain_insert
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Mapped, aliased, mapped_column

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager, insert
from andamios_orm.core.errors import NotSupportedError
from andamios_orm.models.declarative import NAMING_CONVENTION, BaseModel
from andamios_orm.models.files import FileModel, parquet
from andamios_orm.models.tables import create_all
from andamios_orm.models.views import ViewModel

DATA = Path(__file__).parents[3] / "examples" / "data"


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Airline(FileModel, Base):
    __source__ = parquet(DATA / "airlines.parquet")

    carrier: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]


class Carrier(ViewModel, Base):
    __query__ = select(Airline.carrier, Airline.name)

    carrier: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]


ROW = {"carrier": "UA", "name": "x"}


async def add(session: AsyncSession, model: Any) -> None:
    session.add(model(**ROW))
    await session.flush()


async def change(session: AsyncSession, model: Any) -> None:
    (await session.get_one(model, "UA")).name = "x"
    await session.flush()


async def remove(session: AsyncSession, model: Any) -> None:
    await session.delete(await session.get_one(model, "UA"))
    await session.flush()


async def bulk(session: AsyncSession, model: Any) -> None:
    await session.bulk_insert(model, [ROW] * 2)


async def in_cte(session: AsyncSession, model: Any) -> None:
    written = plain_insert(model).values(ROW).returning(model.carrier).cte("written")
    await session.execute(select(written))


STATEMENTS = [
    lambda model: (plain_insert(model).values(ROW),),
    lambda model: (plain_insert(model), [ROW] * 2),
    lambda model: (plain_insert(model.__table__), [ROW] * 2),
    lambda model: (insert(model).values(ROW).on_conflict_do_nothing(),),
    lambda model: (update(model).values(name="x"),),
    lambda model: (update(model), [ROW] * 2),
    lambda model: (update(aliased(model)).values(name="x"),),
    lambda model: (delete(model),),
    lambda model: (delete(model.__table__.alias().alias()),),
]


@pytest.mark.parametrize("model", [Airline, Carrier])
@pytest.mark.parametrize("write", [add, change, remove, bulk, in_cte])
async def test_session_is_refused(engine: AndamiosEngine, model: Any, write: Any) -> None:
    await create_all(engine, Base)
    async with SessionManager(engine) as session:
        with pytest.raises(
            NotSupportedError, match=f"writing to '{model.__tablename__}', which is read only"
        ):
            await write(session, model)
        await session.rollback()


@pytest.mark.parametrize("model", [Airline, Carrier])
@pytest.mark.parametrize("made", STATEMENTS)
async def test_statement_is_refused(engine: AndamiosEngine, model: Any, made: Any) -> None:
    await create_all(engine, Base)
    async with SessionManager(engine) as session:
        with pytest.raises(NotSupportedError, match="which is read only"):
            await session.execute(*made(model))
        await session.rollback()


async def test_plain_engine_is_refused() -> None:
    engine = create_async_engine("sqlite+aiosqlite://")
    async with engine.connect() as connection:
        with pytest.raises(NotSupportedError, match="sqlite does not support writing to 'carrier'"):
            await connection.execute(plain_insert(Carrier).values(ROW))
    await engine.dispose()


@pytest.mark.parametrize("model", [Airline, Carrier])
async def test_error_names_what_to_do(engine: AndamiosEngine, model: Any) -> None:
    async with engine.connect() as connection:
        with pytest.raises(NotSupportedError) as caught:
            await connection.execute(delete(model.__table__))
    assert caught.value.remedy == model.__table__.remedy != ""
