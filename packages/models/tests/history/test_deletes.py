"""DELETE statements and the versions that they make."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Delete, bindparam, delete, exists, select

from andamios_orm.core import AsyncSession, insert

from .models import Airline, Seat, later, recorded

OTHER: Any = Airline.__table__.alias()


@pytest.mark.parametrize(
    ("statement", "deleted"),
    [
        (delete(Airline), ["AA", "DL", "UA"]),
        (delete(Airline).where(Airline.code == "UA"), ["UA"]),
        (delete(Airline).where(Airline.name != "dl"), ["AA", "UA"]),
        (delete(Airline).where(Airline.code.in_(select(Seat.flight))), ["DL"]),
        (delete(Airline).where(exists().where(Seat.flight == Airline.code)), ["DL"]),
        (delete(Airline).where(Airline.code == Seat.flight), ["DL"]),
        (delete(OTHER).where(OTHER.c.name > "aa"), ["DL", "UA"]),
    ],
)
async def test_what_it_removes_is_recorded_as_it_was(
    airlines: AsyncSession, statement: Delete, deleted: list[str]
) -> None:
    await airlines.execute(insert(Seat), [{"flight": "DL", "number": 1}, {"flight": "DL", "number": 2}])
    await airlines.execute(statement.execution_options(synchronize_session=False))
    await airlines.commit()
    assert await later(airlines) == [("delete", code, code.lower()) for code in deleted]


async def test_the_last_version_is_one_moment(airlines: AsyncSession) -> None:
    await airlines.execute(delete(Airline).where(Airline.name != "dl"))
    before, last = await Airline.history(airlines, "UA")
    assert before.valid_to == last.valid_from == last.valid_to
    (other,) = await Airline.history(airlines, "DL")
    assert other.valid_to is None


async def test_many_sets_of_parameters_are_recorded(airlines: AsyncSession) -> None:
    connection = await airlines.connection()
    leaving = delete(Airline).where(Airline.name == bindparam("called"))
    await connection.execute(leaving, [{"called": "ua"}, {"called": "aa"}, {"called": "xx"}])
    assert await later(airlines) == [("delete", "AA", "aa"), ("delete", "UA", "ua")]


async def test_a_deletion_may_be_taken_back(airlines: AsyncSession) -> None:
    await airlines.execute(delete(Airline))
    await airlines.rollback()
    assert await later(airlines) == []
    assert len(await recorded(airlines, Airline)) == 3


async def test_a_composite_key_is_recorded(session: AsyncSession) -> None:
    await session.execute(insert(Seat), [{"flight": "UA1", "number": number} for number in range(3)])
    await session.execute(delete(Seat).where(Seat.number >= 1))
    assert (await recorded(session, Seat, "number"))[3:] == [("delete", 1), ("delete", 2)]
