from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import (
    Delete,
    MetaData,
    Update,
    bindparam,
    delete,
    exists,
    func,
    lambda_stmt,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Mapped, mapped_column, registry, with_loader_criteria

from andamios_orm.core import AndamiosEngine, AsyncSession, NotSupportedError, create_engine, insert
from andamios_orm.models.base import NAMING_CONVENTION, BaseModel
from andamios_orm.models.history import AuditMixin

from .models import Airline, Answer, Document, Message, Seat, database, recorded


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


@pytest.fixture
async def airlines(session: AsyncSession) -> AsyncSession:
    """A session on a database with three airlines."""
    session.add_all([Airline(code=code, name=code.lower()) for code in ("AA", "DL", "UA")])
    await session.commit()
    return session


async def after(session: AsyncSession, count: int = 3) -> list[Any]:
    """Return the versions of airlines after the first ones."""
    return sorted((await recorded(session, Airline, "code", "name"))[count:])


@pytest.mark.parametrize(
    ("statement", "changed"),
    [
        (update(Airline).where(Airline.code == "UA"), ["UA"]),
        (update(Airline).where(Airline.code == "UA", Airline.name == "dl"), []),
        (update(Airline).where(Airline.code.in_(["UA", "DL", "XX"])), ["DL", "UA"]),
        (update(Airline).where(tuple_(Airline.code, Airline.name).in_([("UA", "ua"), ("DL", "x")])), ["UA"]),
        (update(Airline).where(Airline.code > "AA", Airline.name != "ua"), ["DL"]),
        (update(Airline).where((Airline.code == "AA") | (Airline.name == "ua")), ["AA", "UA"]),
        (update(Airline).where(func.lower(Airline.code) == Airline.name), ["AA", "DL", "UA"]),
        (update(Airline).where(Airline.code == select(func.max(Seat.flight)).scalar_subquery()), ["DL"]),
        (update(Airline).where(Airline.code == Seat.flight), ["DL"]),
        (update(Airline).where(exists().where(Seat.flight == Airline.code)), ["DL"]),
        (update(Airline), ["AA", "DL", "UA"]),
    ],
)
async def test_an_update_is_recorded_for_the_rows_that_it_finds(
    airlines: AsyncSession, statement: Update, changed: list[str]
) -> None:
    await airlines.execute(insert(Seat).values(flight="DL", number=1))
    set_ = {"name": Airline.name + "!"}
    await airlines.execute(statement.values(set_).execution_options(synchronize_session=False))
    assert await after(airlines) == [("update", code, f"{code.lower()}!") for code in changed]


@pytest.mark.parametrize("write", [update(Airline).values(name="x"), delete(Airline)])
async def test_a_key_that_is_compared_twice_finds_no_row(airlines: AsyncSession, write: Any) -> None:
    await airlines.execute(write.where(Airline.code == "UA", Airline.code == "DL"))
    assert await after(airlines) == []


@pytest.mark.parametrize("code", ["UA", "DL"])
async def test_each_execution_of_a_cached_statement_has_its_own_values(
    airlines: AsyncSession, code: str
) -> None:
    for name in ("one", "two"):
        await airlines.execute(
            update(Airline).where(Airline.name.in_([code.lower(), "one"])).values(name=name)
        )
    assert await after(airlines) == [("update", code, "one"), ("update", code, "two")]


async def test_a_row_without_a_version_gets_one_when_it_changes(airlines: AsyncSession) -> None:
    await airlines.execute(text("DELETE FROM airline_history WHERE code = 'UA'"))
    await airlines.execute(update(Airline).where(Airline.name != "dl").values(name=Airline.name + "!"))
    assert await after(airlines, 2) == [("update", "AA", "aa!"), ("update", "UA", "ua!")]


async def test_criteria_that_the_orm_adds_are_kept(session: AsyncSession) -> None:
    session.add_all([Message(id=1, text="why?"), Answer(id=2, text="because")])
    await session.commit()
    await session.execute(update(Answer).values(score=1))
    option = with_loader_criteria(Message, Message.id == 1)
    await session.execute(delete(Message).options(option))
    versions = await recorded(session, Message, "id")
    assert versions[2:] == [("update", 2), ("delete", 1)]


async def test_many_sets_of_parameters_are_each_looked_for(airlines: AsyncSession) -> None:
    connection = await airlines.connection()
    changing = update(Airline).where(Airline.name == bindparam("old"), Airline.code > bindparam("least"))
    rows = [{"old": "ua", "least": "A", "name": "1"}, {"old": "dl", "least": "X", "name": "2"}]
    await connection.execute(changing, rows)
    await connection.execute(
        delete(Airline).where(Airline.name == bindparam("old")), [{"old": "1"}, {"old": "aa"}]
    )
    assert await after(airlines) == [("delete", "AA", "aa"), ("delete", "UA", "1"), ("update", "UA", "1")]


async def test_rows_updated_by_their_keys_are_recorded(airlines: AsyncSession) -> None:
    await airlines.execute(update(Airline), [{"code": "UA", "name": "1"}, {"code": "DL", "name": "2"}])
    assert await after(airlines) == [("update", "DL", "2"), ("update", "UA", "1")]


async def test_an_alias_is_recorded(airlines: AsyncSession) -> None:
    other: Any = Airline.__table__.alias()
    await airlines.execute(delete(other).where(other.c.name == "ua"))
    assert await after(airlines) == [("delete", "UA", "ua")]


async def test_a_lambda_is_recorded(airlines: AsyncSession) -> None:
    name = "ua"
    await airlines.execute(lambda_stmt(lambda: delete(Airline).where(Airline.name == name)))
    assert await after(airlines) == [("delete", "UA", "ua")]


@pytest.mark.parametrize(
    "criterion",
    [
        text("name = 'ua'"),
        func.random() < 2,
        Airline.code.in_(select(Airline.code).order_by(Airline.code).limit(1)),
    ],
)
@pytest.mark.parametrize("statement", [update(Airline).values(name="x"), delete(Airline)])
async def test_criteria_that_cannot_be_repeated_are_refused(
    airlines: AsyncSession, statement: Update | Delete, criterion: Any
) -> None:
    with pytest.raises(NotSupportedError, match="history of airline: select the keys first"):
        await airlines.execute(statement.where(criterion).execution_options(synchronize_session=False))
    assert await after(airlines) == []
    assert len((await airlines.scalars(select(Airline))).all()) == 3


async def test_another_key_ends_one_row_and_begins_another(airlines: AsyncSession) -> None:
    await airlines.execute(update(Airline).where(Airline.code == "UA").values(code="XX"))
    (await airlines.get_one(Airline, "DL")).code = "YY"
    await airlines.commit()
    assert await after(airlines) == [("update", "XX", "ua"), ("update", "YY", "dl")]
    assert [version.valid_to is None for version in await Airline.history(airlines, "UA")] == [False]


async def test_a_part_of_a_key_may_change(session: AsyncSession) -> None:
    session.add(Seat(flight="UA1", number=1))
    await session.commit()
    (await session.get_one(Seat, ("UA1", 1))).number = 2
    await session.commit()
    assert await recorded(session, Seat, "flight", "number") == [("insert", "UA1", 1), ("update", "UA1", 2)]


@pytest.mark.parametrize(
    "statement",
    [
        update(Airline).values(code=Airline.code + "x"),
        update(Airline).where(Airline.code == "UA").values(code=func.lower(Airline.code)),
        update(Airline).where(Airline.name == "ua").values(code="XX"),
    ],
)
async def test_keys_that_are_computed_are_refused(airlines: AsyncSession, statement: Update) -> None:
    with pytest.raises(NotSupportedError, match="an UPDATE that computes primary keys"):
        await airlines.execute(statement.execution_options(synchronize_session=False))
    assert await after(airlines) == []


@pytest.mark.parametrize("by", ["code", Airline.__table__.c.code, "name"])
async def test_an_upsert_is_recorded_as_what_it_was(airlines: AsyncSession, by: Any) -> None:
    adding = insert(Airline)
    adding = adding.on_conflict_do_update(index_elements=[by], set_={"updated_by": adding.excluded.code})
    await airlines.execute(adding, [{"code": "UA", "name": "ua"}, {"code": "XX", "name": "xx"}])
    assert await after(airlines) == [("insert", "XX", "xx"), ("update", "UA", "ua")]


async def test_an_upsert_of_many_values_is_recorded(airlines: AsyncSession) -> None:
    adding = insert(Airline).values([{"code": "UA", "name": "1"}, {"code": "XX", "name": "2"}])
    adding = adding.on_conflict_do_update(index_elements=["code"], set_={"name": adding.excluded.name})
    await airlines.execute(adding)
    assert await after(airlines) == [("insert", "XX", "2"), ("update", "UA", "1")]


async def test_many_values_are_recorded(session: AsyncSession) -> None:
    await session.execute(insert(Document).values([{"title": "a"}, {"title": "b"}]))
    await session.execute(insert(Airline).values([{"code": "UA", "name": "1"}, {"code": "DL", "name": "2"}]))
    assert len(await recorded(session, Document)) == len(await recorded(session, Airline)) == 2


@pytest.mark.parametrize(
    "options",
    [
        {"index_elements": ["code"], "where": Airline.name != "x"},
        {"index_elements": [func.lower(Airline.name)]},
        {"constraint": "airline_code_pkey"},
    ],
)
async def test_an_upsert_whose_rows_cannot_be_told_is_refused(
    airlines: AsyncSession, options: dict[str, Any]
) -> None:
    adding = insert(Airline).values(code="UA", name="1").on_conflict_do_update(set_={"name": "1"}, **options)
    with pytest.raises(NotSupportedError, match="index_elements"):
        await airlines.execute(adding)
    assert await after(airlines) == []


async def test_an_upsert_of_a_select_is_refused(airlines: AsyncSession) -> None:
    adding = insert(Airline).from_select(["code", "name"], select(Airline.code, Airline.name))
    adding = adding.on_conflict_do_update(index_elements=["code"], set_={"name": adding.excluded.name})
    with pytest.raises(NotSupportedError, match="index_elements"):
        await airlines.execute(adding)


async def test_rows_that_were_there_already_are_not_recorded(airlines: AsyncSession) -> None:
    rows = [{"code": "UA", "name": "1"}, {"code": "XX", "name": "2"}]
    await airlines.execute(insert(Airline).on_conflict_do_nothing(), rows)
    await airlines.execute(
        insert(Airline)
        .from_select(["code", "name"], select(Airline.code, Airline.name))
        .on_conflict_do_nothing()
    )
    assert await after(airlines) == [("insert", "XX", "2")]


async def test_the_rows_of_a_select_are_recorded(airlines: AsyncSession) -> None:
    names = select(Airline.code + "2", Airline.name + "2").where(Airline.code != "UA")
    await airlines.execute(insert(Airline).from_select(["code", "name"], names))
    assert await after(airlines) == [("insert", "AA2", "aa2"), ("insert", "DL2", "dl2")]


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
