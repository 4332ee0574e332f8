"""The events of objects: before and after they are written, and when they are loaded."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import ForeignKey, Integer, cast, event, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession as PlainAsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, selectinload
from sqlalchemy.orm import relationship as related

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager, create_engine
from andamios_orm.core.errors import (
    AndamiosError,
    ConfigurationError,
    DuplicateKeyError,
    TransactionConflictError,
)
from andamios_orm.core.events import (
    AfterDelete,
    AfterInsert,
    AfterLoad,
    AfterUpdate,
    BeforeDelete,
    BeforeInsert,
    BeforeUpdate,
    Event,
    EventBus,
    ModelEvent,
    events_of,
    model_events,
)
from andamios_orm.core.unit_of_work import UnitOfWork

from ..backends import BACKENDS, engine_with
from ..services import MARIADB, require

WRITES: list[type[Event]] = [
    BeforeInsert,
    AfterInsert,
    BeforeUpdate,
    AfterUpdate,
    BeforeDelete,
    AfterDelete,
]


class Base(DeclarativeBase):
    pass


class Airline(Base):
    __tablename__ = "events_airline"

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    planes: Mapped[list[Plane]] = related()
    flights: Mapped[list[Flight]] = related(back_populates="airline", cascade="all, delete-orphan")


class Plane(Base):
    """One that an airline knows, and that does not know its airline."""

    __tablename__ = "events_plane"

    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str | None] = mapped_column(ForeignKey("events_airline.code"))
    note: Mapped[str | None]


class Flight(Base):
    __tablename__ = "events_flight"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str]
    delay: Mapped[int | None]
    kind: Mapped[str] = mapped_column(default="flight")
    carrier: Mapped[str | None] = mapped_column(ForeignKey("events_airline.code"))
    airline: Mapped[Airline | None] = related(back_populates="flights")

    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "flight"}


class Charter(Flight):
    __mapper_args__ = {"polymorphic_identity": "charter"}


class MariaDBBase(DeclarativeBase):
    pass


class Deadlock(MariaDBBase):
    __tablename__ = "events_deadlock"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    taken: Mapped[bool] = mapped_column(default=False)


class Note(Base):
    __tablename__ = "events_note"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


@pytest.fixture(params=BACKENDS)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AndamiosEngine]:
    """An engine on a database with the tables of this module."""
    async with engine_with(request.param, Base.metadata, tmp_path) as engine:
        yield engine


@pytest.fixture
def bus(engine: AndamiosEngine) -> EventBus:
    return events_of(engine)


@pytest.fixture
def told() -> list[str]:
    """The events in short, in order."""
    return []


def name_of(instance: Any) -> str:
    return str(
        getattr(instance, "number", None) or getattr(instance, "code", None) or type(instance).__name__
    )


def write_down(bus: EventBus, told: list[str], *kinds: type[Event]) -> None:
    """Subscribe to what is to be written down, such as ``BeforeInsert UA1 {'delay'}``."""

    def write(event: Any) -> None:
        changed = sorted(event.changed) if hasattr(event, "changed") else ""
        told.append(" ".join(filter(None, (type(event).__name__, name_of(event.instance), *changed))))

    for kind in kinds or WRITES:
        bus.subscribe(kind, write)


async def count(engine: AndamiosEngine, model: type[Any]) -> int:
    async with AsyncSession(engine) as session:
        return await session.scalar(select(func.count()).select_from(model)) or 0


async def add(engine: AndamiosEngine, *instances: Any) -> None:
    async with SessionManager(engine) as session:
        session.add_all(instances)


async def test_what_happens_to_an_object_is_told(
    engine: AndamiosEngine, bus: EventBus, told: list[str]
) -> None:
    write_down(bus, told)
    async with SessionManager(engine) as session:
        flight = Flight(number="UA1")
        session.add(flight)
        await session.flush()
        flight.delay = 5
        await session.flush()
        await session.delete(flight)
    assert told == [
        "BeforeInsert UA1",
        "AfterInsert UA1",
        "BeforeUpdate UA1 delay",
        "AfterUpdate UA1 delay",
        "BeforeDelete UA1",
        "AfterDelete UA1",
    ]


async def test_an_event_holds_the_object_and_its_session(engine: AndamiosEngine, bus: EventBus) -> None:
    seen: list[ModelEvent[Any]] = []
    bus.subscribe(BeforeInsert, seen.append)
    async with SessionManager(engine) as session:
        flight = Flight(number="UA1")
        session.add(flight)
    (told,) = seen
    assert told.instance is flight
    assert told.session is session


async def test_a_flush_tells_in_the_order_in_which_it_writes(
    engine: AndamiosEngine, bus: EventBus, told: list[str]
) -> None:
    write_down(bus, told)
    async with SessionManager(engine) as session:
        session.add(Flight(number="UA1", airline=Airline(code="UA")))
        session.add(Flight(number="UA2"))
    assert told == [
        "BeforeInsert UA",
        "BeforeInsert UA1",
        "BeforeInsert UA2",
        "AfterInsert UA",
        "AfterInsert UA1",
        "AfterInsert UA2",
    ]
    told.clear()
    async with SessionManager(engine) as session:
        await session.delete(await session.get_one(Airline, "UA"))
    assert told == ["BeforeDelete UA1", "BeforeDelete UA", "AfterDelete UA1", "AfterDelete UA"]


async def test_handlers_after_find_the_row_and_the_key(engine: AndamiosEngine, bus: EventBus) -> None:
    found: list[tuple[bool, int]] = []

    async def look(event: AfterInsert[Flight]) -> None:
        counted = await event.session.scalar(select(func.count()).select_from(Flight))
        found.append((event.instance.id is not None, counted or 0))

    bus.subscribe(AfterInsert, look)
    await add(engine, Flight(number="UA1"), Flight(number="UA2"))
    assert found == [(True, 2), (True, 2)]


class TestHandlersBefore:
    async def test_what_they_change_is_written(self, engine: AndamiosEngine, bus: EventBus) -> None:
        async def change(event: ModelEvent[Flight]) -> None:
            event.instance.delay = (event.instance.delay or 0) + 1

        bus.subscribe(BeforeInsert, change, model=Flight)
        bus.subscribe(BeforeUpdate, change, model=Flight)
        await add(engine, Flight(id=1, number="UA1"))
        async with SessionManager(engine) as session:
            (await session.get_one(Flight, 1)).number = "UA2"
        async with SessionManager(engine) as session:
            flight = await session.get_one(Flight, 1)
            assert (flight.number, flight.delay) == ("UA2", 2)

    async def test_what_they_add_and_delete_is_told_and_written(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str]
    ) -> None:
        await add(engine, Flight(id=1, number="old"))

        async def replace(event: BeforeInsert[Flight]) -> None:
            if event.instance.number == "new":
                await event.session.delete(await event.session.get_one(Flight, 1))
                event.session.add(Note(text="replaced"))

        bus.subscribe(BeforeInsert, replace, model=Flight)
        write_down(bus, told)
        await add(engine, Flight(id=2, number="new"))
        assert told == [
            "BeforeInsert new",
            "BeforeInsert Note",
            "BeforeDelete old",
            *sorted(["AfterInsert new", "AfterInsert Note"], key=told.index),
            "AfterDelete old",
        ]
        assert (await count(engine, Flight), await count(engine, Note)) == (1, 1)

    async def test_they_may_take_objects_back(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str]
    ) -> None:
        async def take_back(event: BeforeInsert[Flight]) -> None:
            for other in list(event.session.new):
                if other is not event.instance:
                    event.session.expunge(other)

        bus.subscribe(BeforeInsert, take_back)
        write_down(bus, told)
        await add(engine, Flight(number="UA1"), Flight(number="UA2"))
        assert told == ["BeforeInsert UA1", "AfterInsert UA1"]

    async def test_they_may_query_although_nothing_is_flushed_then(
        self, engine: AndamiosEngine, bus: EventBus
    ) -> None:
        found: list[int | None] = []

        async def look(event: BeforeInsert[Flight]) -> None:
            found.append(await event.session.scalar(select(func.count()).select_from(Flight)))

        bus.subscribe(BeforeInsert, look)
        await add(engine, Flight(number="UA1"), Flight(number="UA2"))
        assert found == [0, 0]

    @pytest.mark.parametrize("kind", [BeforeInsert, BeforeUpdate, BeforeDelete])
    async def test_one_that_raises_aborts_everything(
        self, engine: AndamiosEngine, bus: EventBus, kind: type[Any]
    ) -> None:
        await add(engine, Flight(id=1, number="one"), Flight(id=2, number="two"))

        async def refuse(event: ModelEvent[Flight]) -> None:
            raise PermissionError("not today")

        bus.subscribe(kind, refuse)
        with pytest.raises(PermissionError, match=r"^not today$"):
            async with SessionManager(engine) as session:
                session.add(Flight(id=3, number="three"))
                (await session.get_one(Flight, 1, options=[])).number = "changed"
                await session.delete(await session.get_one(Flight, 2))
        async with SessionManager(engine) as session:
            numbers = await session.scalars(select(Flight.number).order_by(Flight.id))
            assert numbers.all() == ["one", "two"]

    async def test_after_one_that_raises_the_session_goes_on(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str]
    ) -> None:
        def refuse(event: BeforeInsert[Flight]) -> None:
            if event.instance.delay is None:
                raise ValueError("no delay")

        bus.subscribe(BeforeInsert, refuse)
        write_down(bus, told, AfterInsert)
        async with AsyncSession(engine) as session:
            flight = Flight(number="UA1")
            session.add(flight)
            with pytest.raises(ValueError, match="no delay"):
                await session.flush()
            assert flight in session.new
            flight.delay = 1
            await session.commit()
        assert told == ["AfterInsert UA1"]
        assert await count(engine, Flight) == 1

    async def test_they_must_not_flush(self, engine: AndamiosEngine, bus: EventBus) -> None:
        bus.subscribe(BeforeInsert, lambda event: event.session.flush())
        with pytest.raises(Exception, match="already flushing"):
            await add(engine, Flight(number="UA1"))

    async def test_they_do_not_go_round_for_ever(self, engine: AndamiosEngine, bus: EventBus) -> None:
        bus.subscribe(BeforeInsert, lambda event: event.session.add(Note(text="again")))
        with pytest.raises(ConfigurationError, match="have added or changed objects 100 times"):
            await add(engine, Flight(number="UA1"))
        assert await count(engine, Note) == 0

    async def test_cancellation_aborts_the_flush(self, engine: AndamiosEngine, bus: EventBus) -> None:
        started = asyncio.Event()

        async def wait(event: BeforeInsert[Flight]) -> None:
            started.set()
            await asyncio.sleep(60)

        bus.subscribe(BeforeInsert, wait)
        task = asyncio.create_task(add(engine, Flight(number="UA1")))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await count(engine, Flight) == 0


class TestHandlersAfter:
    async def test_one_that_raises_is_logged_and_loses_nothing(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(event: AfterInsert[Flight]) -> None:
            raise LookupError("no mail server")

        bus.subscribe(AfterInsert, fail)
        write_down(bus, told, AfterInsert)
        await add(engine, Flight(number="UA1"), Flight(number="UA2"))
        assert told == ["AfterInsert UA1", "AfterInsert UA2"]
        assert [record.name for record in caplog.records] == ["andamios_orm.core.events"] * 2
        assert await count(engine, Flight) == 2

    async def test_what_they_change_and_add_is_written_by_the_commit(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str]
    ) -> None:
        async def follow_up(event: AfterInsert[Flight]) -> None:
            event.instance.delay = 7
            event.session.add(Note(text="follow-up"))

        bus.subscribe(AfterInsert, follow_up, model=Flight)
        write_down(bus, told, AfterInsert, AfterUpdate)
        await add(engine, Flight(number="UA1"))
        assert told[0] == "AfterInsert UA1"
        assert sorted(told[1:]) == ["AfterInsert Note", "AfterUpdate UA1 delay"]
        assert await count(engine, Note) == 1

    async def test_cancellation_passes_and_nothing_is_written(
        self, engine: AndamiosEngine, bus: EventBus
    ) -> None:
        started = asyncio.Event()

        async def wait(event: AfterInsert[Flight]) -> None:
            started.set()
            await asyncio.sleep(60)

        bus.subscribe(AfterInsert, wait)
        task = asyncio.create_task(add(engine, Flight(number="UA1")))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await count(engine, Flight) == 0

    async def test_a_flush_that_failed_tells_nothing(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str]
    ) -> None:
        await add(engine, Airline(code="UA"))
        write_down(bus, told, AfterInsert)
        async with AsyncSession(engine) as session:
            session.add_all([Note(text="one"), Airline(code="UA")])
            with pytest.raises(DuplicateKeyError):
                await session.commit()
            await session.rollback()
            session.add(Airline(code="AA"))
            await session.commit()
        assert told == ["AfterInsert AA"]


class TestUpdates:
    async def test_only_what_differs_is_an_update(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str]
    ) -> None:
        await add(engine, Flight(id=1, number="UA1", delay=1), Airline(code="UA"))
        write_down(bus, told)
        async with SessionManager(engine) as session:
            flight = await session.get_one(Flight, 1)
            flight.delay, flight.number = 2, "UA2"
            flight.delay, flight.number = 1, "UA1"
        assert told == []

    async def test_the_reference_counts_before_and_its_key_after(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str]
    ) -> None:
        await add(engine, Flight(id=1, number="UA1"), Airline(code="UA"))
        write_down(bus, told)
        async with SessionManager(engine) as session:
            (await session.get_one(Flight, 1)).airline = await session.get_one(Airline, "UA")
        assert told == ["BeforeUpdate UA1 airline", "AfterUpdate UA1 airline carrier"]

    async def test_changes_of_handlers_before_count_afterwards(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str]
    ) -> None:
        await add(engine, Flight(id=1, number="UA1"))
        bus.subscribe(BeforeUpdate, lambda event: setattr(event.instance, "delay", 3))
        write_down(bus, told)
        async with SessionManager(engine) as session:
            (await session.get_one(Flight, 1)).number = "UA2"
        assert told == ["BeforeUpdate UA2 number", "AfterUpdate UA2 delay number"]

    async def test_one_that_only_the_unit_of_work_knows_of_is_told_too(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str]
    ) -> None:
        await add(engine, Airline(code="UA", planes=[Plane(id=1), Plane(id=2)]))

        async def change(event: BeforeUpdate[Plane]) -> None:
            await asyncio.sleep(0)
            event.instance.note = "sold"

        bus.subscribe(BeforeUpdate, change)
        write_down(bus, told)
        async with SessionManager(engine) as session:
            airline = await session.get_one(Airline, "UA", options=[selectinload(Airline.planes)])
            del airline.planes[0]
        assert told == ["BeforeUpdate Plane owner", "AfterUpdate Plane note owner"]
        async with SessionManager(engine) as session:
            plane = await session.get_one(Plane, 1)
            assert (plane.owner, plane.note) == (None, "sold")

    async def test_a_refusal_of_such_a_one_aborts_everything(
        self, engine: AndamiosEngine, bus: EventBus
    ) -> None:
        await add(engine, Airline(code="UA", planes=[Plane(id=1)]))

        def refuse(event: BeforeUpdate[Plane]) -> None:
            raise PermissionError("not for sale")

        bus.subscribe(BeforeUpdate, refuse, model=Plane)
        with pytest.raises(PermissionError, match="not for sale"):
            async with SessionManager(engine) as session:
                airline = await session.get_one(Airline, "UA", options=[selectinload(Airline.planes)])
                airline.name = "United"
                airline.planes.clear()
        async with SessionManager(engine) as session:
            assert (await session.get_one(Airline, "UA")).name is None
            assert (await session.get_one(Plane, 1)).owner == "UA"


class TestOrphans:
    async def test_one_that_was_there_is_deleted(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str]
    ) -> None:
        await add(engine, Airline(code="UA", flights=[Flight(number="UA1")]))
        write_down(bus, told)
        async with SessionManager(engine) as session:
            airline = await session.get_one(Airline, "UA", options=[selectinload(Airline.flights)])
            airline.flights.clear()
        assert told == ["BeforeDelete UA1", "AfterDelete UA1"]

    async def test_one_that_is_new_is_forgotten(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str]
    ) -> None:
        write_down(bus, told)
        async with SessionManager(engine) as session:
            airline = Airline(code="UA", flights=[Flight(number="UA1")])
            session.add(airline)
            airline.flights.clear()
        assert told == ["BeforeInsert UA", "AfterInsert UA"]


class TestLoads:
    async def test_an_object_is_told_when_it_is_made_of_a_row(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str]
    ) -> None:
        await add(engine, Flight(id=1, number="UA1"), Flight(id=2, number="UA2"))
        write_down(bus, told, AfterLoad)
        async with SessionManager(engine) as session:
            first = await session.get_one(Flight, 1)
            both = (await session.scalars(select(Flight).order_by(Flight.id))).all()
            assert [first, await session.get_one(Flight, 2)] == both
        assert told == ["AfterLoad UA1", "AfterLoad UA2"]

    async def test_a_stream_tells_as_it_goes(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str]
    ) -> None:
        await add(engine, *(Flight(id=number, number=f"UA{number}") for number in (1, 2)))
        write_down(bus, told, AfterLoad)
        async with SessionManager(engine) as session:
            statement = select(Flight).order_by(Flight.id).execution_options(yield_per=1)
            async for flight in await session.stream_scalars(statement):
                told.append(f"got {flight.number}")
        assert told == ["AfterLoad UA1", "got UA1", "AfterLoad UA2", "got UA2"]

    async def test_a_handler_may_wait_but_not_ask(
        self, engine: AndamiosEngine, bus: EventBus, caplog: pytest.LogCaptureFixture
    ) -> None:
        if engine.dialect.name != "duckdb":
            pytest.skip("other drivers leave a coroutine behind that nobody awaits")
        await add(engine, Airline(code="UA", flights=[Flight(id=1, number="UA1")]))

        async def ask(event: AfterLoad[Flight]) -> None:
            await asyncio.sleep(0)
            event.instance.delay = 4
            assert event.instance.airline

        bus.subscribe(AfterLoad, ask, model=Flight)
        async with SessionManager(engine) as session:
            assert (await session.get_one(Flight, 1)).delay == 4
        (record,) = caplog.records
        assert record.levelno == logging.ERROR
        assert "MissingGreenlet" in str(record.exc_info)

    async def test_where_nobody_can_wait_a_task_tells(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str]
    ) -> None:
        await add(engine, Flight(id=1, number="UA1"))
        write_down(bus, told, AfterLoad)
        async with SessionManager(engine) as session:
            result = await session.run_sync(lambda sync: sync.execute(select(Flight)))
            flight = result.scalar_one()
            assert told == []
            await asyncio.sleep(0)
            assert told == [f"AfterLoad {flight.number}"]


class TestModels:
    async def test_a_model_includes_its_subclasses(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str]
    ) -> None:
        for model in (Flight, Charter):
            bus.subscribe(AfterInsert, lambda event, model=model: told.append(model.__name__), model=model)  # type: ignore[misc] # it has a default
        await add(engine, Flight(number="UA1"))
        assert told == ["Flight"]
        told.clear()
        await add(engine, Charter(number="X1"))
        assert told == ["Flight", "Charter"]
        await add(engine, Note(text="nothing"))
        assert told == ["Flight", "Charter"]

    async def test_those_of_every_engine_are_told_in_order(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str]
    ) -> None:
        bus.subscribe(AfterInsert, lambda event: told.append("engine"))
        with model_events.subscribe(AfterInsert, lambda event: told.append("everywhere"), model=Flight):
            bus.subscribe(AfterInsert, lambda event: told.append("engine again"))
            await add(engine, Flight(number="UA1"))
        assert told == ["engine", "everywhere", "engine again"]
        told.clear()
        await add(engine, Flight(number="UA2"))
        assert told == ["engine", "engine again"]


class TestLimits:
    async def test_statements_that_write_rows_tell_nothing(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str]
    ) -> None:
        write_down(bus, told)
        async with SessionManager(engine) as session:
            await session.bulk_insert(Note, [{"id": 1, "text": "bulk"}])
            await session.execute(insert(Note), [{"id": 2, "text": "many"}, {"id": 3, "text": "rows"}])
            await session.execute(update(Note).values(text="changed"))
        assert told == []

    async def test_a_plain_session_tells_nothing(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str]
    ) -> None:
        write_down(bus, told, *WRITES, AfterLoad)
        async with PlainAsyncSession(engine) as session:
            session.add(Note(id=1, text="plain"))
            await session.commit()
        async with PlainAsyncSession(engine) as session:
            (await session.get_one(Note, 1)).text = "changed"
            await session.commit()
        assert told == []

    async def test_only_named_objects_are_told_where_only_they_are_flushed(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str]
    ) -> None:
        write_down(bus, told)
        async with SessionManager(engine) as session:
            flight = Flight(number="UA1")
            session.add_all([flight, Note(text="later")])
            with pytest.deprecated_call():
                await session.flush([flight])
            assert told == ["BeforeInsert UA1", "AfterInsert UA1"]

    async def test_another_engine_hears_nothing(
        self, engine: AndamiosEngine, bus: EventBus, told: list[str], tmp_path: Path
    ) -> None:
        write_down(bus, told, *WRITES, AfterLoad)
        other = create_engine(f"duckdb:///{tmp_path / 'other.duckdb'}")
        async with other.begin() as connection:
            await connection.run_sync(Base.metadata.create_all, checkfirst=False)
        await add(other, Note(id=1, text="other"))
        async with SessionManager(other) as session:
            await session.get_one(Note, 1)
        assert told == []
        await other.dispose()


async def test_a_handler_may_be_subscribed_while_a_flush_is_on(
    engine: AndamiosEngine, bus: EventBus, told: list[str]
) -> None:
    """Its first one: the flush has begun before anybody listened."""

    @event.listens_for(UnitOfWork, "before_flush")
    def subscribe(session: Any, context: Any, instances: Any) -> None:
        write_down(bus, told)
        event.remove(UnitOfWork, "before_flush", subscribe)

    await add(engine, Note(text="first"))
    await add(engine, Flight(number="UA1"))
    assert told[-2:] == ["BeforeInsert UA1", "AfterInsert UA1"]


async def test_handlers_may_come_and_go_while_others_wait(engine: AndamiosEngine, bus: EventBus) -> None:
    waits, goes_on = asyncio.Event(), asyncio.Event()

    async def wait(event: BeforeInsert[Flight]) -> None:
        waits.set()
        await goes_on.wait()

    subscription = bus.subscribe(BeforeInsert, wait)
    task = asyncio.create_task(add(engine, Flight(number="UA1")))
    await waits.wait()
    subscription.unsubscribe()
    bus.subscribe(AfterInsert, lambda event: None).unsubscribe()
    goes_on.set()
    await task
    assert await count(engine, Flight) == 1


async def test_handlers_may_go_while_one_waits_in_the_middle_of_the_writing(
    engine: AndamiosEngine, bus: EventBus
) -> None:
    await add(engine, Airline(code="UA", planes=[Plane(id=1)]))
    waits, goes_on = asyncio.Event(), asyncio.Event()

    async def wait(event: BeforeUpdate[Plane]) -> None:
        waits.set()
        await goes_on.wait()

    async def sell() -> None:
        async with SessionManager(engine) as session:
            airline = await session.get_one(Airline, "UA", options=[selectinload(Airline.planes)])
            airline.planes.clear()

    subscription = bus.subscribe(BeforeUpdate, wait)
    task = asyncio.create_task(sell())
    await waits.wait()
    subscription.unsubscribe()
    goes_on.set()
    await task
    async with SessionManager(engine) as session:
        assert (await session.get_one(Plane, 1)).owner is None


class TestDatabaseErrors:
    """What a handler after the writing meets in the database."""

    async def test_one_that_aborts_the_transaction_is_raised(
        self, engine: AndamiosEngine, bus: EventBus
    ) -> None:
        if engine.dialect.name == "sqlite":
            pytest.skip("a failed statement does not abort a transaction of SQLite")

        async def ask_wrongly(event: AfterInsert[Flight]) -> None:
            await event.session.execute(select(cast(Flight.number, Integer)))

        bus.subscribe(AfterInsert, ask_wrongly)
        with pytest.raises(AndamiosError, match="UA1"):
            await add(engine, Flight(number="UA1"))
        assert await count(engine, Flight) == 0

    async def test_one_that_does_not_is_logged(
        self, engine: AndamiosEngine, bus: EventBus, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def ask_elsewhere(event: AfterInsert[Flight]) -> None:
            async with AsyncSession(engine) as session:
                await session.execute(select(func.no_such_function()))

        bus.subscribe(AfterInsert, ask_elsewhere)
        await add(engine, Flight(number="UA1"))
        assert "no_such_function" in caplog.text
        assert await count(engine, Flight) == 1

    async def test_a_deadlock_of_mariadb_is_raised(self, told: list[str]) -> None:
        engine = create_engine(require(MARIADB))
        async with engine.begin() as connection:
            await connection.run_sync(Deadlock.metadata.drop_all)
            await connection.run_sync(Deadlock.metadata.create_all)
        await add(engine, *(Deadlock(id=number) for number in range(10)))

        async def take(session: Any, number: int) -> None:
            await session.execute(update(Deadlock).where(Deadlock.id == number).values(taken=True))

        async def collide(event: AfterInsert[Deadlock]) -> None:
            async with AsyncSession(engine) as other:
                # It has written more, so ours is the one that is given up.
                for number in range(1, 10):
                    await take(other, number)
                await take(event.session, 0)
                waiting = asyncio.create_task(take(other, 0))
                await asyncio.sleep(0.1)
                try:
                    await take(event.session, 1)
                finally:
                    await waiting

        events_of(engine).subscribe(AfterInsert, collide)
        with pytest.raises(TransactionConflictError):
            await add(engine, Deadlock(id=10))
        async with engine.begin() as connection:
            await connection.run_sync(Deadlock.metadata.drop_all)
        await engine.dispose()

    async def test_a_conflict_is_raised_so_that_the_unit_of_work_is_run_again(
        self, engine: AndamiosEngine, bus: EventBus
    ) -> None:
        if engine.dialect.name != "duckdb":
            pytest.skip("others make the second writer wait")
        await add(engine, Note(id=1, text="old"))

        async def collide(event: AfterInsert[Flight]) -> None:
            async with AsyncSession(engine) as other, other.begin():
                await other.execute(update(Note).values(text="theirs"))
            await event.session.execute(update(Note).values(text="ours"))

        bus.subscribe(AfterInsert, collide)
        with pytest.raises(TransactionConflictError):
            await add(engine, Flight(number="UA1"))
