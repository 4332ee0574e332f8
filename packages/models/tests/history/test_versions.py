from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect
from sqlalchemy.orm.exc import DetachedInstanceError

from andamios_orm.core import AsyncSession, ConfigurationError, create_engine
from andamios_orm.models.actors import actor

from .models import Airline, Answer, Base, Document, Message, Plane, Seat, Status


async def changed(session: AsyncSession) -> Document:
    """Return a document of two versions."""
    with actor("ada"):
        document = Document(title="plan", size=1, status=Status.DRAFT)
        session.add(document)
        await session.commit()
    with actor("grace"):
        document.title, document.status = "better plan", Status.DONE
        await session.commit()
    return document


async def test_versions_come_with_who_and_until_when(session: AsyncSession) -> None:
    document = await changed(session)
    first, second = await Document.history(session, document.id)
    assert (first.operation, first.actor, first.row.title) == ("insert", "ada", "plan")
    assert (second.operation, second.actor, second.row.title) == ("update", "grace", "better plan")
    assert first.valid_to == second.valid_from
    assert second.valid_to is None
    assert first.valid_from.tzinfo is UTC
    assert (first.row.size, first.row.status, second.row.status) == (1, Status.DRAFT, Status.DONE)


async def test_there_are_none_of_a_row_that_never_was(session: AsyncSession) -> None:
    assert await Document.history(session, 7) == []
    assert await Document.as_of(session, 7, datetime.now(UTC)) is None


async def test_a_row_as_of_a_moment(session: AsyncSession) -> None:
    document = await changed(session)
    first, second = await Document.history(session, document.id)
    moments = [first.valid_from - timedelta(seconds=1), first.valid_from, second.valid_from]
    rows = [await Document.as_of(session, document.id, moment) for moment in moments]
    assert [row and row.title for row in rows] == [None, "plan", "better plan"]


async def test_a_deleted_row_is_not_there_any_more(session: AsyncSession) -> None:
    document = await changed(session)
    await session.delete(document)
    await session.commit()
    last = (await Document.history(session, document.id))[-1]
    assert (last.operation, last.row.title) == ("delete", "better plan")
    assert await Document.as_of(session, document.id, last.valid_from) is None
    before = last.valid_from - timedelta(microseconds=1)
    assert await Document.as_of(session, document.id, before) is not None


async def test_pending_changes_are_flushed_first(session: AsyncSession) -> None:
    session.add(Airline(code="UA", name="United"))
    assert [version.row.name for version in await Airline.history(session, "UA")] == ["United"]
    (await session.get_one(Airline, "UA")).name = "Delta"
    with session.no_autoflush:
        assert len(await Airline.history(session, "UA")) == 1


async def test_a_moment_of_another_zone_is_understood(session: AsyncSession) -> None:
    document = await changed(session)
    first, _ = await Document.history(session, document.id)
    elsewhere = first.valid_from.astimezone(datetime.now().astimezone().tzinfo)
    assert await Document.as_of(session, document.id, elsewhere) is not None


async def test_a_moment_without_a_zone_is_refused(session: AsyncSession) -> None:
    with pytest.raises(ConfigurationError, match=r"as_of\(\) needs a moment with a time zone"):
        await Document.as_of(session, 1, datetime(2026, 1, 1))


@pytest.mark.parametrize("key", [("UA1", 2), ["UA1", 2], {"number": 2, "flight": "UA1"}])
async def test_a_composite_key_is_given_as_to_get(session: AsyncSession, key: Any) -> None:
    session.add_all([Seat(flight="UA1", number=number, passenger=f"{number}") for number in (1, 2)])
    await session.commit()
    assert [version.row.passenger for version in await Seat.history(session, key)] == ["2"]


@pytest.mark.parametrize("key", ["UA1", ("UA1", 1, 2), {"flight": "UA1"}, {"flight": "UA1", "row": 1}])
async def test_another_key_is_refused(session: AsyncSession, key: Any) -> None:
    with pytest.raises(ConfigurationError, match="the key of a Seat is flight, number, not"):
        await Seat.history(session, key)


async def test_a_uuid_is_a_key(session: AsyncSession) -> None:
    key = uuid.uuid4()
    session.add_all([Plane(id=key), Plane()])
    await session.commit()
    assert [version.row.id for version in await Plane.history(session, key)] == [key]


async def test_a_class_of_a_shared_table_has_its_own_versions(session: AsyncSession) -> None:
    session.add_all([Message(id=1, text="why?"), Answer(id=2, text="because", score=5)])
    await session.commit()
    (version,) = await Message.history(session, 2)
    assert isinstance(version.row, Answer)
    assert version.row.score == 5
    assert [type(version.row) for version in await Answer.history(session, 2)] == [Answer]
    assert await Answer.history(session, 1) == []


async def test_an_old_row_belongs_to_no_session(session: AsyncSession) -> None:
    session.add(Airline(code="UA", name="United"))
    await session.commit()
    airline = (await Airline.history(session, "UA"))[0].row
    assert inspect(airline).detached
    with pytest.raises(DetachedInstanceError):
        _ = airline.planes


async def test_an_old_row_is_restored_by_merging(session: AsyncSession) -> None:
    document = await changed(session)
    first, *_ = await Document.history(session, document.id)
    await session.merge(first.row)
    await session.commit()
    titles = [version.row.title for version in await Document.history(session, document.id)]
    assert titles == ["plan", "better plan", "plan"]


async def test_a_backend_without_zones_gives_moments_in_utc(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'test.db'}")
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with AsyncSession(engine) as session:
        document = await changed(session)
        first, second = await Document.history(session, document.id)
        assert second.valid_from.tzinfo is UTC
        old = await Document.as_of(session, document.id, first.valid_from)
        assert old is not None
        assert old.title == "plan"
    await engine.dispose()


async def test_a_row_may_come_back(session: AsyncSession) -> None:
    for name in ("United", "United Airlines"):
        session.add(Airline(code="UA", name=name))
        await session.commit()
        await session.delete(await session.get_one(Airline, "UA"))
        await session.commit()
    operations = [version.operation for version in await Airline.history(session, "UA")]
    assert operations == ["insert", "delete", "insert", "delete"]


async def test_between_its_two_lives_a_row_is_not_there(session: AsyncSession) -> None:
    for name in ("United", "United Airlines"):
        session.add(Airline(code="UA", name=name))
        await session.commit()
        await session.delete(await session.get_one(Airline, "UA"))
        await session.commit()
    born, died, born_again, died_again = [v.valid_from for v in await Airline.history(session, "UA")]
    instant = timedelta(microseconds=1)
    moments = [born - instant, born, died - instant, died, born_again - instant, born_again, died_again]
    rows = [await Airline.as_of(session, "UA", moment) for moment in moments]
    names = [row and row.name for row in rows]
    assert names == [None, "United", "United", None, None, "United Airlines", None]
