from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.dialects.sqlite import insert

from andamios_orm.core import AndamiosEngine, AsyncSession, NotSupportedError, SessionManager, create_engine
from andamios_orm.models.history.journal import moment

from .models import Airline, Base, Document, Seat, recorded


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[AndamiosEngine]:
    """An engine on another backend, which takes no list of keys and has no row ids of a transaction."""
    engine = create_engine(f"sqlite:///{tmp_path / 'test.db'}")
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield engine
    await engine.dispose()


def test_moments_follow_one_another() -> None:
    moments = [moment() for _ in range(1_000)]
    assert len(set(moments)) == 1_000
    assert moments == sorted(moments)


async def test_values_do_not_pass_through_python(session: AsyncSession) -> None:
    session.add(Document(title="plan"))
    await session.commit()
    ((status,),) = await session.execute(select(Document.__history_table__.c.status))
    assert status is Document.__table__.c.status.default.arg


async def test_many_keys_are_recorded_elsewhere_too(sqlite: AndamiosEngine) -> None:
    async with SessionManager(sqlite) as session:
        seats = [Seat(flight="UA1", number=number) for number in range(900)]
        session.add_all(seats)
        await session.flush()
        for seat in seats:
            seat.passenger = "ada"
        await session.flush()
        await session.execute(delete(Seat).where(Seat.number >= 10))
        versions = await recorded(session, Seat)
    assert [len([row for row in versions if row.operation == name]) for name in ("insert", "update")] == [
        900
    ] * 2
    assert len(versions) == 1_800 + 890


async def test_statements_are_recorded_elsewhere_too(sqlite: AndamiosEngine) -> None:
    async with SessionManager(sqlite) as session:
        adding = insert(Airline)
        adding = adding.on_conflict_do_update(index_elements=["code"], set_={"name": adding.excluded.name})
        await session.execute(adding, [{"code": "UA", "name": "1"}, {"code": "DL", "name": "2"}])
        await session.execute(adding, [{"code": "UA", "name": "3"}])
        await session.execute(update(Airline).where(Airline.name == "2").values(name="4"))
        await session.bulk_insert(Airline, [{"code": "AA", "name": "5"}])
        versions = await recorded(session, Airline, "code", "name")
    assert sorted(versions) == [
        ("insert", "AA", "5"),
        ("insert", "DL", "2"),
        ("insert", "UA", "1"),
        ("update", "DL", "4"),
        ("update", "UA", "3"),
    ]


async def test_keys_that_another_backend_makes_are_refused(sqlite: AndamiosEngine) -> None:
    async with AsyncSession(sqlite) as session:
        with pytest.raises(NotSupportedError, match="sqlite does not support recording an INSERT whose keys"):
            await session.bulk_insert(Document, [{"title": "plan"}, {"title": "plan"}])
        await session.rollback()
        assert (await session.scalars(select(Document))).all() == []
