"""Rows as plain sequences: the same as SQLAlchemy's, whatever listens to the session."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Select, bindparam, event, select
from sqlalchemy.orm import ORMExecuteState

from andamios_orm.core import AsyncSession
from andamios_orm.queries.tuples import tuples

from .airport import Flight, Note, Plane

FIELDS = list(Flight.__table__.columns)

STATEMENTS: list[Any] = [
    select(Flight.id, Flight.delay),
    select(*FIELDS),
    select(Flight.meta, Flight.route, Flight.stops, Flight.price, Flight.departs),
    select(Flight.id.label("a"), Flight.id.label("a")),
    select(Flight.__table__),
    select(Flight.airline_code).distinct(),
    select(Note.id, Note.text, Note.deleted_at),
    select(Flight.id).where(Flight.id > 100),
]


@pytest.mark.parametrize("statement", STATEMENTS)
async def test_rows_are_sqlalchemys(session: AsyncSession, statement: Select[Any]) -> None:
    expected = (await session.execute(statement)).all()
    found = await session.run_sync(tuples, statement, None)
    assert sorted(map(repr, map(tuple, found))) == sorted(map(repr, map(tuple, expected)))


async def test_values_are_given(session: AsyncSession) -> None:
    statement = select(Flight.id, Flight.price).where(Flight.id == bindparam("id"))
    assert list(map(tuple, await session.run_sync(tuples, statement, {"id": 3}))) == [(3, 300)]


async def test_what_is_pending_is_sent(session: AsyncSession) -> None:
    session.add(Plane(tailnum="N0", seats=1))
    statement = select(Plane.tailnum).where(Plane.seats == 1)
    assert list(map(tuple, await session.run_sync(tuples, statement, None))) == [("N0",)]


async def test_what_listens_to_the_session_takes_part(session: AsyncSession) -> None:
    def narrow(state: ORMExecuteState) -> None:
        statement: Any = state.statement
        state.statement = statement.where(Flight.id < 3)

    event.listen(session.sync_session, "do_orm_execute", narrow)
    found = await session.run_sync(tuples, select(Flight.id).order_by(Flight.id), None)
    assert list(map(tuple, found)) == [(1,), (2,)]


async def test_what_listens_may_answer_itself(session: AsyncSession) -> None:
    def answer(state: ORMExecuteState) -> Any:
        return state.invoke_statement().freeze()()

    event.listen(session.sync_session, "do_orm_execute", answer)
    statement = select(Flight.id, Flight.price).order_by(Flight.id).limit(2)
    assert list(map(tuple, await session.run_sync(tuples, statement, None))) == [(1, 100), (2, 200)]
