"""UPDATE statements and the versions that they make."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Computed, Update, event, func, select, text, update
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core import (
    AndamiosEngine,
    AsyncSession,
    BeforeUpdate,
    ConfigurationError,
    DuplicateKeyError,
    NotSupportedError,
    SessionManager,
    TransactionConflictError,
    events_of,
)
from andamios_orm.models.actors import actor
from andamios_orm.models.history import AuditMixin

from .models import Airline, Base, Seat, later, recorded


class Parcel(AuditMixin, Base):
    """Has a column that the database computes."""

    id: Mapped[int] = mapped_column(primary_key=True)
    grams: Mapped[int]
    excess: Mapped[int] = mapped_column(Computed("grams - 1000"))


async def test_a_row_without_a_version_gets_one_when_it_changes(airlines: AsyncSession) -> None:
    await airlines.execute(text("DELETE FROM airline_history WHERE code = 'UA'"))
    await airlines.execute(update(Airline).where(Airline.name != "dl").values(name=Airline.name + "!"))
    assert await later(airlines, 2) == [("update", "AA", "aa!"), ("update", "UA", "ua!")]


async def test_rows_updated_by_their_keys_are_recorded(airlines: AsyncSession) -> None:
    await airlines.execute(update(Airline), [{"code": "UA", "name": "1"}, {"code": "DL", "name": "2"}])
    assert await later(airlines) == [("update", "DL", "2"), ("update", "UA", "1")]


async def test_another_key_ends_one_row_and_begins_another(airlines: AsyncSession) -> None:
    await airlines.execute(update(Airline).where(Airline.code == "UA").values(code="XX"))
    (await airlines.get_one(Airline, "DL")).code = "YY"
    await airlines.commit()
    assert await later(airlines) == [("update", "XX", "ua"), ("update", "YY", "dl")]
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
    assert await later(airlines) == []


RENAMED = update(Airline).values(name=Airline.name + "!")


@pytest.mark.parametrize(
    ("statement", "changed"),
    [
        (RENAMED.where(Airline.name != "dl"), ["AA", "UA"]),
        (RENAMED.where(Airline.name.in_(select(Airline.name).where(Airline.name > "aa"))), ["DL", "UA"]),
        (RENAMED.where(Airline.updated_by.is_(None)), ["AA", "DL", "UA"]),
    ],
)
async def test_it_may_change_what_its_where_looks_at(
    airlines: AsyncSession, statement: Update, changed: list[str]
) -> None:
    with actor("ada"):
        await airlines.execute(statement.execution_options(synchronize_session=False))
    await airlines.commit()
    assert await later(airlines) == [("update", code, f"{code.lower()}!") for code in changed]


async def test_it_may_change_what_a_computed_column_is_made_of(session: AsyncSession) -> None:
    session.add_all([Parcel(id=1, grams=500), Parcel(id=2, grams=5_000)])
    await session.commit()
    await session.execute(update(Parcel).where(Parcel.excess > 0).values(grams=1))
    assert (await recorded(session, Parcel, "id", "grams"))[2:] == [("update", 2, 1)]


async def test_one_after_the_other_has_rows_of_its_own(airlines: AsyncSession) -> None:
    for name in ("aa", "ua"):
        await airlines.execute(update(Airline).where(Airline.name == name).values(name=f"{name}!"))
    await airlines.commit()
    assert await later(airlines) == [("update", "AA", "aa!"), ("update", "UA", "ua!")]


async def test_each_version_ends_when_the_next_begins(airlines: AsyncSession) -> None:
    for _ in range(2):
        await airlines.execute(RENAMED)
    first, second, third = await Airline.history(airlines, "UA")
    assert (first.valid_to, second.valid_to) == (second.valid_from, third.valid_from)
    assert third.valid_to is None


async def test_versions_of_other_rows_go_on(airlines: AsyncSession) -> None:
    """Also that of a row which SQL text has deleted, of which nobody was told."""
    await airlines.execute(text("DELETE FROM airline WHERE code = 'DL'"))
    await airlines.execute(RENAMED)
    assert await later(airlines) == [("update", "AA", "aa!"), ("update", "UA", "ua!")]
    (version,) = await Airline.history(airlines, "DL")
    assert version.valid_to is None


async def test_a_row_with_two_present_versions_hides_none_without(airlines: AsyncSession) -> None:
    """Which is what SQL text leaves behind: it deleted a row that was added again, and added another one."""
    await airlines.execute(text("DELETE FROM airline WHERE code = 'DL'"))
    airlines.add(Airline(code="DL", name="dl"))
    await airlines.flush()
    await airlines.execute(text("INSERT INTO airline (code, name) VALUES ('XX', 'xx')"))
    await airlines.execute(RENAMED)
    assert [code for _, code, _ in await later(airlines, 4)] == ["AA", "DL", "UA", "XX"]


@pytest.mark.parametrize("statement", [RENAMED, RENAMED.where(Airline.name > "")])
async def test_what_was_written_without_a_flush_comes_first(session: AsyncSession, statement: Update) -> None:
    await session.run_sync(lambda inner: inner.bulk_save_objects([Airline(code="UA", name="ua")]))
    await session.execute(statement)
    await session.commit()
    assert await recorded(session, Airline, "name") == [("insert", "ua"), ("update", "ua!")]
    first, second = await Airline.history(session, "UA")
    assert first.valid_to == second.valid_from


async def test_a_statement_inside_of_a_flush_makes_one_version_with_it(
    engine: AndamiosEngine, airlines: AsyncSession
) -> None:
    async def rename(event: BeforeUpdate[Any]) -> None:
        await event.session.execute(RENAMED.where(Airline.name != "dl"))

    events_of(engine).subscribe(BeforeUpdate, rename, model=Airline)
    airline = await airlines.get_one(Airline, "UA")
    airline.created_by = "ada"
    await airlines.commit()
    assert await later(airlines) == [("update", "AA", "aa!"), ("update", "UA", "ua!")]


async def test_what_is_returned_can_be_read(airlines: AsyncSession) -> None:
    returned = await airlines.scalars(RENAMED.where(Airline.name != "dl").returning(Airline.name))
    assert sorted(returned) == ["aa!", "ua!"]
    assert await later(airlines) == [("update", "AA", "aa!"), ("update", "UA", "ua!")]


async def test_one_that_fails_leaves_nothing(airlines: AsyncSession) -> None:
    with pytest.raises(DuplicateKeyError):
        await airlines.execute(update(Airline).where(Airline.name > "aa").values(name="same"))
    await airlines.rollback()
    assert await later(airlines) == []


async def test_one_that_is_refused_leaves_nothing(engine: AndamiosEngine, airlines: AsyncSession) -> None:
    def refuse(connection: Any, cursor: Any, sent: str, *rest: Any) -> None:
        if sent.startswith("UPDATE airline SET"):
            raise ConfigurationError("not today")

    event.listen(engine.sync_engine, "before_cursor_execute", refuse)
    for statement in (RENAMED, RENAMED.where(Airline.name > "")):
        with pytest.raises(ConfigurationError, match="not today"):
            await airlines.execute(statement)
    event.remove(engine.sync_engine, "before_cursor_execute", refuse)
    await airlines.commit()
    assert await later(airlines) == []
    await airlines.execute(RENAMED.where(Airline.name > "ua"))
    assert await later(airlines) == []


@pytest.mark.parametrize("criterion", [Airline.name > "", Airline.code > ""])
async def test_a_schema_of_the_execution_is_kept(engine: AndamiosEngine, criterion: Any) -> None:
    elsewhere = engine.execution_options(schema_translate_map={None: "tenant"})
    async with elsewhere.begin() as connection:
        await connection.execute(text("CREATE SCHEMA tenant"))
        await connection.run_sync(Base.metadata.create_all)
    async with SessionManager(elsewhere) as session:
        session.add(Airline(code="UA", name="ua"))
        await session.flush()
        await session.execute(RENAMED.where(criterion))
        assert await recorded(session, Airline, "name") == [("insert", "ua"), ("update", "ua!")]


async def test_a_conflict_leaves_the_versions_of_one(engine: AndamiosEngine, airlines: AsyncSession) -> None:
    async with AsyncSession(engine) as other:
        await other.execute(RENAMED.where(Airline.name != "dl"))
        with pytest.raises(TransactionConflictError):
            await airlines.execute(RENAMED)
        await airlines.rollback()
        await other.commit()
    assert await later(airlines) == [("update", "AA", "aa!"), ("update", "UA", "ua!")]
    assert [version.valid_to is None for version in await Airline.history(airlines, "UA")] == [False, True]
