"""Subscriptions: who is called, from when until when, and what it costs the others."""

from __future__ import annotations

import asyncio
import gc
from typing import Any
from weakref import ref

import pytest
from sqlalchemy import text
from sqlalchemy.orm import DeclarativeBase, Mapped, Mapper, mapped_column

from andamios_orm.core import (
    AndamiosEngine,
    AsyncSession,
    SessionManager,
    create_memory_engine,
    events,
)
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.core.events import (
    AfterCommit,
    AfterExecute,
    AfterInsert,
    AfterLoad,
    BeforeExecute,
    BeforeInsert,
    Event,
    EventBus,
    ModelEvent,
    events_of,
    model_events,
    types,
)
from andamios_orm.core.events.lifecycle import FLUSHES, LOADS
from andamios_orm.core.events.types import StatementEvent
from andamios_orm.core.unit_of_work import UnitOfWork


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "note"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


ALL: list[type[Event]] = [
    getattr(events, name)
    for name in events.__all__
    if name in types.__all__ and name not in ("Event", "ModelEvent")
]


@pytest.fixture
def bus(engine: AndamiosEngine) -> EventBus:
    return events_of(engine)


@pytest.fixture
def told() -> list[str]:
    """What the handlers said."""
    return []


async def ask(engine: AndamiosEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))


async def write(engine: AndamiosEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all, checkfirst=False)
    async with SessionManager(engine) as session:
        session.add(Note(text="a"))


def listeners(engine: AndamiosEngine) -> dict[str, int]:
    """Return how many listen to the events that this package makes use of.

    Models with hooks, which other tests make, keep the listeners to classes: their users are counted too.
    """
    gc.collect()
    for shared in (FLUSHES, LOADS):
        shared.rest()
    sync = engine.sync_engine
    found = {
        name: len(getattr(target.dispatch, name))
        for target, names in {
            sync: ("before_cursor_execute", "after_cursor_execute", "begin", "commit", "engine_disposed"),
            sync.pool: ("connect", "checkout", "checkin", "close"),
        }.items()
        for name in names
    }
    classes: dict[Any, tuple[str, ...]] = {
        UnitOfWork: ("before_flush", "before_commit", "loaded_as_persistent", "do_orm_execute"),
        Mapper: ("before_insert", "after_delete"),
    }
    for target, names in classes.items():
        dispatch: Any = target.dispatch
        found |= {name: len(getattr(dispatch, name)._clslevel.get(target, ())) for name in names}
    return found | {"users of flushes": len(FLUSHES._users), "users of loads": len(LOADS._users)}


async def test_an_engine_has_one_bus(engine: AndamiosEngine) -> None:
    assert events_of(engine) is events_of(engine)
    assert events_of(engine.execution_options(isolation_level="READ ONLY")) is events_of(engine)
    other = create_memory_engine()
    assert events_of(other) is not events_of(engine)


async def test_the_bus_of_an_engine_with_options_hears_of_all(
    engine: AndamiosEngine, told: list[str]
) -> None:
    derived = engine.execution_options(isolation_level="READ ONLY").execution_options(logging_token="x")
    events_of(derived).subscribe(AfterExecute, lambda event: told.append("executed"))
    await ask(engine)
    await ask(derived)
    assert told == ["executed"] * 2


async def test_a_decorator_subscribes_and_leaves_the_function(
    engine: AndamiosEngine, bus: EventBus, told: list[str]
) -> None:
    @bus.on(BeforeInsert, model=Note)
    async def change(event: BeforeInsert[Note]) -> str:
        event.instance.text = "changed"
        return "done"

    await write(engine)
    async with AsyncSession(engine) as session:
        note = await session.get_one(Note, 1)
        assert note.text == "changed"
        assert await change(BeforeInsert(note, session)) == "done"


async def test_nobody_is_called_after_unsubscribing(
    engine: AndamiosEngine, bus: EventBus, told: list[str]
) -> None:
    stays = bus.subscribe(AfterExecute, lambda event: told.append("stays"))
    goes = bus.subscribe(AfterExecute, lambda event: told.append("goes"))
    goes.unsubscribe()
    goes.unsubscribe()
    await ask(engine)
    assert told == ["stays"]
    stays.unsubscribe()
    await ask(engine)
    assert told == ["stays"]


async def test_a_subscription_ends_with_its_block(
    engine: AndamiosEngine, bus: EventBus, told: list[str]
) -> None:
    with bus.subscribe(BeforeExecute, lambda event: told.append("asked")) as subscription:
        await ask(engine)
    await ask(engine)
    subscription.unsubscribe()
    assert told == ["asked"]


async def test_one_function_may_be_subscribed_twice(
    engine: AndamiosEngine, bus: EventBus, told: list[str]
) -> None:
    def tell(event: AfterExecute) -> None:
        told.append("asked")

    first = bus.subscribe(AfterExecute, tell)
    bus.subscribe(AfterExecute, tell)
    await ask(engine)
    first.unsubscribe()
    await ask(engine)
    assert told == ["asked"] * 3


async def test_a_handler_may_unsubscribe_itself(
    engine: AndamiosEngine, bus: EventBus, told: list[str]
) -> None:
    async def once(event: AfterExecute) -> None:
        subscription.unsubscribe()
        await asyncio.sleep(0)
        told.append("asked")

    subscription = bus.subscribe(AfterExecute, once)
    await ask(engine)
    await ask(engine)
    assert told == ["asked"]


@pytest.mark.parametrize("kind", ALL)
async def test_listeners_are_there_as_long_as_handlers(
    engine: AndamiosEngine, bus: EventBus, kind: type[Event]
) -> None:
    before = listeners(engine)
    first = bus.subscribe(kind, lambda event: None)
    assert listeners(engine) != before
    second = bus.subscribe(kind, lambda event: None)
    first.unsubscribe()
    assert listeners(engine) != before
    second.unsubscribe()
    assert listeners(engine) == before
    await write(engine)


async def test_all_of_them_together(engine: AndamiosEngine, bus: EventBus, told: list[str]) -> None:
    for kind in ALL:
        bus.subscribe(kind, lambda event: told.append(type(event).__name__))
    await write(engine)
    async with SessionManager(engine) as session:
        note = await session.get_one(Note, 1)
        note.text = "b"
        await session.flush()
        await session.delete(note)
    await engine.dispose()
    await asyncio.sleep(0.01)
    assert {kind.__name__ for kind in ALL} - set(told) == {"AfterRollback"}


async def test_an_engine_with_handlers_goes_when_nobody_needs_it(engine: AndamiosEngine) -> None:
    async def used() -> ref[Any]:
        engine = create_memory_engine()

        async def use_the_engine(event: Any) -> None:
            assert engine.url

        for kind in ALL:
            # What observes statements is kept by SQLAlchemy with the statements that a class has compiled.
            if not issubclass(kind, StatementEvent):
                events_of(engine).subscribe(kind, use_the_engine)
        await write(engine)
        await engine.dispose()
        return ref(engine.sync_engine)

    before = listeners(engine)
    gone = await used()
    await asyncio.sleep(0.01)
    gc.collect()
    assert gone() is None
    # The others notice it with their next flush, transaction and load.
    await write(engine)
    async with AsyncSession(engine) as session:
        await session.get_one(Note, 1)
    assert listeners(engine) == before


class TestModelEvents:
    async def test_they_are_told_of_every_engine(self, engine: AndamiosEngine, told: list[str]) -> None:
        other = create_memory_engine()
        with model_events.subscribe(AfterInsert, lambda event: told.append(event.instance.text), model=Note):
            await write(engine)
            await write(other)
        await other.dispose()
        assert told == ["a", "a"]

    async def test_there_are_no_others(self) -> None:
        with pytest.raises(ConfigurationError, match="AfterCommit belongs to an engine"):
            model_events.subscribe(AfterCommit, lambda event: None)


class TestMistakes:
    @pytest.mark.parametrize("kind", [Event, ModelEvent, int, "AfterInsert"])
    async def test_what_is_no_event(self, bus: EventBus, kind: Any) -> None:
        with pytest.raises(
            ConfigurationError, match=r"is no event; subscribe to one of AfterCommit, .*Begin"
        ):
            bus.subscribe(kind, lambda event: None)

    async def test_a_model_for_an_event_without_one(self, bus: EventBus) -> None:
        with pytest.raises(ConfigurationError, match="for model events alone"):
            bus.on(AfterCommit, model=Note)

    async def test_a_handler_that_cannot_be_called(self, bus: EventBus) -> None:
        with pytest.raises(ConfigurationError, match="a handler is a function that takes the event, not 3"):
            bus.subscribe(AfterCommit, 3)  # type: ignore[arg-type] # the mistake under test

    async def test_a_model_that_is_no_class(self, bus: EventBus) -> None:
        with pytest.raises(ConfigurationError, match="model is a class"):
            bus.subscribe(AfterLoad, lambda event: None, model="Note")  # type: ignore[arg-type]

    async def test_nothing_is_left_of_them(self, engine: AndamiosEngine, bus: EventBus) -> None:
        before = listeners(engine)
        with pytest.raises(ConfigurationError):
            bus.subscribe(AfterCommit, lambda event: None, model=Note)
        assert listeners(engine) == before
