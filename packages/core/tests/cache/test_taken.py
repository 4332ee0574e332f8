"""Objects from the cache that are written: never over what somebody else has written meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import JSON, delete, event, insert, update
from sqlalchemy.ext.mutable import MutableDict
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager
from andamios_orm.core.cache.cache import CacheManager, CachePolicy
from andamios_orm.core.errors import TransactionConflictError

KEPT = {"cache": CachePolicy(ttl=60)}


class Base(DeclarativeBase):
    pass


class Seat(Base):
    __tablename__ = "seat"
    row: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    letter: Mapped[str] = mapped_column(primary_key=True)
    passenger: Mapped[str | None]
    meals: Mapped[int] = mapped_column(default=0)
    wishes: Mapped[dict[str, Any] | None] = mapped_column(MutableDict.as_mutable(JSON))


class Note(Base):
    __tablename__ = "note"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


@pytest.fixture
async def seats(engine: AndamiosEngine) -> AsyncIterator[AndamiosEngine]:
    """An engine with two seats, which are in its cache."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with SessionManager(engine) as session:
        session.add_all([Seat(row=1, letter=letter, wishes={"window": True}) for letter in "AB"])
    async with CacheManager(engine):
        async with AsyncSession(engine) as session:
            for letter in "AB":
                await taken(session, letter)
        yield engine


async def taken(session: AsyncSession, letter: str = "A") -> Seat:
    return await session.get_one(Seat, (1, letter), execution_options=KEPT)


async def stored(engine: AndamiosEngine) -> tuple[Any, ...]:
    async with AsyncSession(engine) as session:
        seat = await session.get(Seat, (1, "A"))
        return () if seat is None else (seat.passenger, seat.meals, seat.wishes)


async def meanwhile(engine: AndamiosEngine, **values: Any) -> None:
    async with SessionManager(engine) as session:
        await session.execute(update(Seat).where(Seat.letter == "A").values(**values))


@pytest.mark.parametrize("values", [{"meals": 5}, {"passenger": "Grace"}], ids=["the same", "another"])
async def test_what_has_changed_is_not_written_over(seats: AndamiosEngine, values: dict[str, Any]) -> None:
    async with AsyncSession(seats) as session:
        seat = await taken(session)
        await meanwhile(seats, **values)
        seat.meals += 1
        with pytest.raises(TransactionConflictError, match="Seat 1, 'A' has changed since it was taken"):
            await session.commit()
    assert await stored(seats) == (values.get("passenger"), values.get("meals", 0), {"window": True})


async def test_what_has_gone_is_not_written(seats: AndamiosEngine) -> None:
    async with AsyncSession(seats) as session:
        seat = await taken(session)
        async with SessionManager(seats) as other:
            await other.execute(delete(Seat).where(Seat.letter == "A"))
        seat.meals += 1
        with pytest.raises(TransactionConflictError):
            await session.commit()
    assert await stored(seats) == ()


async def test_what_has_changed_is_not_deleted(seats: AndamiosEngine) -> None:
    async with AsyncSession(seats) as session:
        seat = await taken(session)
        await meanwhile(seats, passenger="Grace")
        await session.delete(seat)
        with pytest.raises(TransactionConflictError):
            await session.commit()
    assert await stored(seats) == ("Grace", 0, {"window": True})


async def test_objects_that_were_read_beside_are_compared_too(seats: AndamiosEngine) -> None:
    """The transaction begins with the first of them, and would not notice what was before."""
    async with AsyncSession(seats) as session:
        one, other = await taken(session, "A"), await taken(session, "B")
        await meanwhile(seats, meals=100)
        other.meals += 1
        with pytest.raises(TransactionConflictError, match="Seat 1, 'A' has changed"):
            await session.flush()
        assert one.meals == 0


@pytest.mark.parametrize(
    "statement",
    [
        update(Seat).where(Seat.letter == "A").values(meals=1),
        delete(Seat).where(Seat.letter == "A"),
        insert(Seat).values(row=9, letter="A", meals=1),
    ],
    ids=["update", "delete", "insert"],
)
async def test_statements_are_compared_too(seats: AndamiosEngine, statement: Any) -> None:
    async with AsyncSession(seats) as session:
        seat = await taken(session)
        await meanwhile(seats, meals=100)
        with pytest.raises(TransactionConflictError):
            await session.execute(statement)
        assert seat.meals == 0


async def test_what_has_not_changed_is_written(seats: AndamiosEngine) -> None:
    async with AsyncSession(seats) as session:
        seat = await taken(session)
        assert seat.wishes is not None
        seat.wishes["aisle"] = False
        seat.meals += 1
        await session.flush()
        seat.passenger = "Ada"
        await session.commit()
    assert await stored(seats) == ("Ada", 1, {"window": True, "aisle": False})


async def test_from_then_on_the_database_tells(seats: AndamiosEngine) -> None:
    async with AsyncSession(seats) as session:
        seat = await taken(session)
        seat.meals += 1
        await session.flush()
        with pytest.raises(TransactionConflictError):
            await meanwhile(seats, meals=9)
        await session.commit()
    assert (await stored(seats))[1] == 1


async def test_one_statement_compares_all(seats: AndamiosEngine) -> None:
    statements: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        statements.append(statement.split()[0])

    async with AsyncSession(seats) as session:
        both = [await taken(session, letter) for letter in "AB"]
        await session.rollback()
    event.listen(seats.sync_engine, "after_cursor_execute", note)
    async with AsyncSession(seats) as session:
        both = [await taken(session, letter) for letter in "AB"]
        for seat in both:
            seat.meals += 1
        await session.commit()
    assert statements == ["SELECT", "UPDATE"]


async def test_other_transactions_of_the_session_are_their_own(seats: AndamiosEngine) -> None:
    """As everywhere, objects that outlive a commit are as they were."""
    async with AsyncSession(seats) as session:
        seat = await taken(session)
        await session.commit()
        await meanwhile(seats, passenger="Grace")
        seat.meals += 1
        await session.commit()
    assert await stored(seats) == ("Grace", 1, {"window": True})


async def test_objects_of_other_tables_are_not_compared(seats: AndamiosEngine) -> None:
    async with AsyncSession(seats) as session:
        note = Note(id=1, text="a")
        session.add(note)
        await session.commit()
        seat = await taken(session)
        note.text = "b"
        await session.flush()
        seat.meals += 1
        await session.commit()
    assert (await stored(seats))[1] == 1


async def test_a_new_object_is_nothing_from_the_cache(seats: AndamiosEngine) -> None:
    async with AsyncSession(seats) as session:
        await taken(session)
        session.add(Seat(row=2, letter="A"))
        await meanwhile(seats, passenger="Grace")
        await session.commit()
    assert (await stored(seats))[0] == "Grace"
