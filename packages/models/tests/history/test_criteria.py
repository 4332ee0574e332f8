"""Which rows the WHERE of an UPDATE or DELETE finds, whatever stands in it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import (
    Delete,
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
from sqlalchemy.orm import selectinload, with_loader_criteria

from andamios_orm.core import AsyncSession, NotSupportedError, insert

from .models import Airline, Answer, Message, Seat, later, recorded


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
    assert await later(airlines) == [("update", code, f"{code.lower()}!") for code in changed]


@pytest.mark.parametrize("write", [update(Airline).values(name="x"), delete(Airline)])
async def test_a_key_that_is_compared_twice_finds_no_row(airlines: AsyncSession, write: Any) -> None:
    await airlines.execute(write.where(Airline.code == "UA", Airline.code == "DL"))
    assert await later(airlines) == []


@pytest.mark.parametrize("code", ["UA", "DL"])
async def test_each_execution_of_a_cached_statement_has_its_own_values(
    airlines: AsyncSession, code: str
) -> None:
    for name in ("one", "two"):
        await airlines.execute(
            update(Airline).where(Airline.name.in_([code.lower(), "one"])).values(name=name)
        )
    assert await later(airlines) == [("update", code, "one"), ("update", code, "two")]


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
    assert await later(airlines) == [("delete", "AA", "aa"), ("delete", "UA", "1"), ("update", "UA", "1")]


async def test_an_alias_is_recorded(airlines: AsyncSession) -> None:
    other: Any = Airline.__table__.alias()
    await airlines.execute(delete(other).where(other.c.name == "ua"))
    assert await later(airlines) == [("delete", "UA", "ua")]


async def test_a_lambda_is_recorded(airlines: AsyncSession) -> None:
    name = "ua"
    await airlines.execute(lambda_stmt(lambda: delete(Airline).where(Airline.name == name)))
    assert await later(airlines) == [("delete", "UA", "ua")]


@pytest.mark.parametrize(
    ("criterion", "message"),
    [
        (text("name = 'ua'"), "a WHERE with SQL text in the history of airline: write it with columns"),
        (func.random() < 2, r"a function such as random\(\), .* in the history of airline: select the keys"),
        (
            Airline.code.in_(select(Airline.code).order_by(Airline.code).limit(1)),
            "a WHERE with a LIMIT, .* in the history of airline: select the keys first",
        ),
    ],
)
@pytest.mark.parametrize("statement", [update(Airline).values(name="x"), delete(Airline)])
async def test_criteria_that_cannot_be_repeated_are_refused(
    airlines: AsyncSession, statement: Update | Delete, criterion: Any, message: str
) -> None:
    with pytest.raises(NotSupportedError, match=message):
        await airlines.execute(statement.where(criterion).execution_options(synchronize_session=False))
    assert await later(airlines) == []
    assert len((await airlines.scalars(select(Airline))).all()) == 3


async def test_options_for_what_is_returned_are_left_alone(airlines: AsyncSession) -> None:
    """They are of no use to the query for the keys."""
    found = Airline.code.in_(select(Airline.code).where(Airline.name != "dl"))
    renaming = update(Airline).where(found).values(name=Airline.name + "!").returning(Airline)
    renaming = renaming.options(selectinload(Airline.planes)).execution_options(synchronize_session=False)
    assert sorted(airline.code for airline in await airlines.scalars(renaming)) == ["AA", "UA"]
    assert await later(airlines) == [("update", "AA", "aa!"), ("update", "UA", "ua!")]
