"""INSERT statements, upserts among them, and the versions that they make."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, func, select, update
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.orm import Mapped, mapped_column, registry

from andamios_orm.core import AndamiosEngine, AsyncSession, NotSupportedError, create_engine, insert
from andamios_orm.models.declarative import NAMING_CONVENTION, BaseModel
from andamios_orm.models.history import AuditMixin

from .models import Airline, Document, database, later, recorded


class Other(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    registry = registry(metadata=metadata)


class Account(AuditMixin, Other):
    """A generated key beside a unique column, and a column that hides DuckDB's row id."""

    rowid: Mapped[str] = mapped_column(unique=True)


class Counter(AuditMixin, Other):
    """Columns that MySQL takes as they are."""

    __tablename__ = "andamios_models_counter"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]


@asynccontextmanager
async def mariadb(base: type[BaseModel]) -> AsyncIterator[AndamiosEngine]:
    """Make the table of the counter in a database of a server; skip the test where none is there."""
    try:
        socket.create_connection(("127.0.0.1", 3306), timeout=5).close()
    except OSError:
        if os.environ.get("ANDAMIOS_REQUIRE_SERVICES") == "1":
            raise
        pytest.skip("no server at port 3306")
    tables = [base.metadata.tables[name] for name in (Counter.__tablename__, Counter.__history_table__.name)]
    engine = create_engine("mariadb://root@127.0.0.1:3306/test")
    async with engine.begin() as connection:
        await connection.run_sync(lambda inner: base.metadata.drop_all(inner, tables))
        await connection.run_sync(lambda inner: base.metadata.create_all(inner, tables))
    yield engine
    async with engine.begin() as connection:
        await connection.run_sync(lambda inner: base.metadata.drop_all(inner, tables))
    await engine.dispose()


@pytest.mark.parametrize("by", ["code", Airline.__table__.c.code, "name"])
async def test_an_upsert_is_recorded_as_what_it_was(airlines: AsyncSession, by: Any) -> None:
    adding = insert(Airline)
    adding = adding.on_conflict_do_update(index_elements=[by], set_={"updated_by": adding.excluded.code})
    await airlines.execute(adding, [{"code": "UA", "name": "ua"}, {"code": "XX", "name": "xx"}])
    assert await later(airlines) == [("insert", "XX", "xx"), ("update", "UA", "ua")]


async def test_an_upsert_of_many_values_is_recorded(airlines: AsyncSession) -> None:
    adding = insert(Airline).values([{"code": "UA", "name": "1"}, {"code": "XX", "name": "2"}])
    adding = adding.on_conflict_do_update(index_elements=["code"], set_={"name": adding.excluded.name})
    await airlines.execute(adding)
    assert await later(airlines) == [("insert", "XX", "2"), ("update", "UA", "1")]


async def test_many_values_are_recorded(session: AsyncSession) -> None:
    await session.execute(insert(Document).values([{"title": "a"}, {"title": "b"}]))
    await session.execute(insert(Airline).values([{"code": "UA", "name": "1"}, {"code": "DL", "name": "2"}]))
    assert len(await recorded(session, Document)) == len(await recorded(session, Airline)) == 2


async def test_values_that_are_given_twice_are_recorded(airlines: AsyncSession) -> None:
    adding = insert(Airline).values([{"code": "XX", "name": "1"}]).values([{"code": "YY", "name": "2"}])
    await airlines.execute(adding)
    assert await later(airlines) == [("insert", "XX", "1"), ("insert", "YY", "2")]


async def test_rows_that_were_there_already_are_not_recorded(airlines: AsyncSession) -> None:
    rows = [{"code": "UA", "name": "1"}, {"code": "XX", "name": "2"}]
    await airlines.execute(insert(Airline).on_conflict_do_nothing(), rows)
    await airlines.execute(
        insert(Airline)
        .from_select(["code", "name"], select(Airline.code, Airline.name))
        .on_conflict_do_nothing()
    )
    assert await later(airlines) == [("insert", "XX", "2")]


async def test_the_rows_of_a_select_are_recorded(airlines: AsyncSession) -> None:
    names = select(Airline.code + "2", Airline.name + "2").where(Airline.code != "UA")
    await airlines.execute(insert(Airline).from_select(["code", "name"], names))
    assert await later(airlines) == [("insert", "AA2", "aa2"), ("insert", "DL2", "dl2")]


async def test_a_key_that_is_an_expression_is_recorded(session: AsyncSession) -> None:
    await session.execute(insert(Airline).values(code=func.upper("ua"), name="ua"))
    session.add(Airline(code=func.upper("dl"), name="dl"))
    await session.commit()
    assert await recorded(session, Airline, "code") == [("insert", "UA"), ("insert", "DL")]


async def test_a_prefix_is_refused(airlines: AsyncSession) -> None:
    with pytest.raises(NotSupportedError, match="on_conflict_do_update"):
        await airlines.execute(insert(Airline).prefix_with("OR REPLACE").values(code="UA", name="1"))


async def test_rows_that_cannot_be_told_apart_are_refused() -> None:
    async with database(Other) as engine, AsyncSession(engine) as session:
        with pytest.raises(NotSupportedError, match="give the keys"):
            await session.execute(insert(Account), [{"rowid": "a"}, {"rowid": "b"}])
        with pytest.raises(NotSupportedError, match="give the keys"):
            await session.bulk_insert(Account, [{"rowid": "a"}, {"rowid": "b"}])
        await session.rollback()
        session.add(Account(rowid="a"))
        await session.commit()
        assert await recorded(session, Account, "rowid") == [("insert", "a")]


async def test_the_upsert_of_mysql_is_refused() -> None:
    async with mariadb(Other) as engine, AsyncSession(engine) as session:
        session.add(Counter(number=1))
        await session.commit()
        adding = mysql.insert(Counter).values(id=1, number=2).on_duplicate_key_update(number=2)
        with pytest.raises(NotSupportedError, match="an ON DUPLICATE KEY UPDATE"):
            await session.execute(adding)
        await session.execute(update(Counter).values(number=3))
        assert await recorded(session, Counter, "number") == [("insert", 1), ("update", 3)]
        (first, second) = await Counter.history(session, 1)
        assert first.valid_to == second.valid_from > first.valid_from


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"index_elements": ["code"], "where": Airline.name != "x"},
            "DO UPDATE with a WHERE .*: which rows it leaves as they are cannot be told; read the rows first",
        ),
        (
            {"index_elements": [func.lower(Airline.name)]},
            "of an expression .*: name columns in",
        ),
        ({"constraint": "airline_code_pkey"}, "of a constraint .*: name its columns in index_elements"),
    ],
)
async def test_an_upsert_whose_rows_cannot_be_told_is_refused(
    airlines: AsyncSession, options: dict[str, Any], message: str
) -> None:
    adding = insert(Airline).values(code="UA", name="1").on_conflict_do_update(set_={"name": "1"}, **options)
    with pytest.raises(NotSupportedError, match=message):
        await airlines.execute(adding)
    assert await later(airlines) == []


@pytest.mark.parametrize(
    "adding",
    [
        insert(Airline).from_select(["code", "name"], select(Airline.code, Airline.name)),
        insert(Airline).values(code=func.upper("ua"), name="1"),
    ],
)
async def test_an_upsert_whose_values_are_not_given_is_refused(airlines: AsyncSession, adding: Any) -> None:
    adding = adding.on_conflict_do_update(index_elements=["code"], set_={"name": adding.excluded.name})
    with pytest.raises(NotSupportedError, match="give the values of the columns of index_elements"):
        await airlines.execute(adding)


async def test_an_upsert_of_any_constraint_is_refused(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'test.db'}")
    async with engine.begin() as connection:
        await connection.run_sync(Other.metadata.create_all)
        adding = sqlite.insert(Counter).values(id=1, number=2).on_conflict_do_update(set_={"number": 3})
        with pytest.raises(NotSupportedError, match="name the columns of the key in index_elements"):
            await connection.execute(adding)
    await engine.dispose()
