"""The mark of a deleted row, in an object and in a statement."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import inspect, select

from andamios_orm.core import AndamiosEngine, AsyncSession
from andamios_orm.models.soft_delete.mark import is_markable

from .models import ALL, Airline, Flight, Note, keys


def test_an_object_tells_whether_it_is_marked() -> None:
    assert not Flight(id=1).is_deleted
    assert Flight(id=1, deleted_at=datetime.now(UTC)).is_deleted


def test_a_class_tells_whether_its_rows_can_be_marked() -> None:
    assert [is_markable(inspect(model)) for model in (Airline, Note)] == [True, False]


def test_it_stands_behind_all_other_columns() -> None:
    assert list(Airline.__table__.columns.keys())[-1] == "deleted_at"


async def test_the_mark_is_a_condition(without_one: AndamiosEngine) -> None:
    assert await keys(without_one, Flight.is_deleted, **ALL) == [False, False, True]
    async with AsyncSession(without_one) as session:
        marked = select(Flight.id).where(Flight.is_deleted)
        assert (await session.scalars(marked)).all() == []
        assert (await session.scalars(marked, execution_options=ALL)).all() == [1]
