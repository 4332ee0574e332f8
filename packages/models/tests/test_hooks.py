"""Lifecycle hooks are called by the unit of work, with what has changed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import MetaData, func, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.core.events import Subscription, model_events
from andamios_orm.models import hooks
from andamios_orm.models.declarative import NAMING_CONVENTION, BaseModel

told: list[str] = []


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Note(Base):
    text: Mapped[str]


class Stamped:
    @hooks.before_create
    def stamp(self) -> None:
        told.append("stamp")


class Flight(Stamped, Base):
    number: Mapped[str]
    carrier: Mapped[str | None]
    kind: Mapped[str] = mapped_column(default="flight")

    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "flight"}

    async def before_create(self, session: AsyncSession) -> None:
        await asyncio.sleep(0)
        count = await session.scalar(select(func.count()).select_from(Note))
        self.carrier = self.carrier or self.number[:2]
        told.append(f"before_create {count}")

    def after_create(self) -> None:
        told.append(f"after_create {self.id}")

    @hooks.before_update
    async def check(self, changed: frozenset[str]) -> None:
        if self.number == "":
            raise LookupError("no number")
        told.append(f"before_update {sorted(changed)}")

    async def after_update(self, changed: frozenset[str], session: AsyncSession) -> None:
        session.add(Note(text=", ".join(sorted(changed))))

    def before_delete(self) -> None:
        told.append("before_delete")

    async def after_delete(self) -> None:
        told.append("after_delete")

    @hooks.after_load
    @hooks.after_create
    def greet(self) -> None:
        told.append(f"greet {self.number}")


class Charter(Flight):
    __mapper_args__ = {"polymorphic_identity": "charter"}

    after_create = None  # type: ignore[assignment] # that is how one is switched off

    async def before_create(self, session: AsyncSession) -> None:
        await super().before_create(session)
        told.append("of a charter")

    @hooks.after_create
    def fail(self) -> None:
        raise LookupError("a hook failed")

    @hooks.after_create
    def go_on(self) -> None:
        told.append("the next one")


class Silent(Base):
    text: Mapped[str]


@pytest.fixture(scope="module", autouse=True)
def called() -> Iterator[None]:
    """End the hooks of this module with it, because others count who listens."""
    yield
    for subscriptions in hooks._subscriptions.values():
        for subscription in subscriptions:
            subscription.unsubscribe()


@pytest.fixture
async def session(engine: AndamiosEngine) -> AsyncIterator[AsyncSession]:
    """A session with the tables, in which nothing was told yet."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with AsyncSession(engine) as session:
        told.clear()
        yield session


async def test_a_new_object(session: AsyncSession) -> None:
    flight = Flight(number="UA1")
    session.add_all([Note(text="first"), flight])
    await session.flush()
    assert told == ["stamp", "before_create 0", "after_create 1", "greet UA1"]
    assert flight.carrier == "UA"
    await session.refresh(flight)
    assert flight.carrier == "UA"


async def test_a_change(session: AsyncSession) -> None:
    flight = Flight(number="UA1")
    session.add(flight)
    await session.flush()
    told.clear()
    flight.number, flight.carrier = "UA2", "U2"
    await session.flush()
    assert told == ["before_update ['carrier', 'number']"]
    assert (await session.scalars(select(Note.text))).all() == ["carrier, number"]


async def test_a_hook_before_refuses(session: AsyncSession) -> None:
    flight = Flight(number="UA1")
    session.add(flight)
    await session.commit()
    flight.number = ""
    with pytest.raises(LookupError, match="no number"):
        await session.commit()
    await session.rollback()
    assert (await session.scalars(select(Flight.number))).all() == ["UA1"]


async def test_a_deletion(session: AsyncSession) -> None:
    flight = Flight(number="UA1")
    session.add(flight)
    await session.flush()
    told.clear()
    await session.delete(flight)
    await session.flush()
    assert told == ["before_delete", "after_delete"]


async def test_a_load(engine: AndamiosEngine, session: AsyncSession) -> None:
    session.add(Flight(number="UA1"))
    await session.commit()
    told.clear()
    async with SessionManager(engine) as other:
        flight = await other.get_one(Flight, 1)
        assert await other.get_one(Flight, 1) is flight
    assert told == ["greet UA1"]


async def test_a_subclass_overrides_adds_and_switches_off(
    session: AsyncSession, caplog: pytest.LogCaptureFixture
) -> None:
    session.add(Charter(number="UA1"))
    await session.flush()
    assert told == ["stamp", "before_create 0", "of a charter", "greet UA1", "the next one"]
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("andamios_orm.core.events", logging.ERROR)


async def test_hooks_run_in_the_transaction(engine: AndamiosEngine, session: AsyncSession) -> None:
    flight = Flight(number="UA1")
    session.add(flight)
    await session.commit()
    flight.number = "UA2"
    await session.flush()
    await session.rollback()
    async with SessionManager(engine) as other:
        assert (await other.scalars(select(Note.text))).all() == []


async def test_statements_and_bulk_rows_call_none(session: AsyncSession) -> None:
    await session.execute(insert(Flight).values(number="UA1"))
    await session.bulk_insert(Flight, [{"number": "UA2"}])
    assert told == []


@pytest.fixture
def subscribed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """End the functions that a test has made hooks."""
    subscribe, made = model_events.subscribe, ExitStack()

    def kept(*given: Any, **more: Any) -> Subscription:
        return made.enter_context(subscribe(*given, **more))

    monkeypatch.setattr(model_events, "subscribe", kept)
    yield
    made.close()


@pytest.mark.usefixtures("subscribed")
async def test_a_function_is_a_hook_of_its_model(session: AsyncSession) -> None:
    @hooks.before_update(Silent)
    async def note(silent: Silent, changed: frozenset[str]) -> None:
        told.append(f"{silent.text} {sorted(changed)}")

    silent = Silent(text="a")
    session.add(silent)
    await session.flush()
    silent.text = "b"
    await session.flush()
    assert told == ["b ['text']"]
    assert note.__name__ == "note"


class TestParameters:
    def test_a_method_with_others_is_refused(self) -> None:
        with pytest.raises(ConfigurationError, match=r"before_create\(changed\).* but session"):

            class Wrong(Base):
                def before_create(self, changed: frozenset[str]) -> None:
                    """Ask for what is not there yet."""

    def test_a_function_with_others_is_refused(self) -> None:
        with pytest.raises(ConfigurationError, match=r"but session, changed"):

            @hooks.after_update(Silent)
            def wrong(silent: Silent, before: str) -> None:
                """Ask for what nobody knows."""

    def test_what_is_no_function_is_no_hook(self) -> None:
        class Column(Base):
            before_delete: Mapped[str]

        assert hooks.before_delete.methods(Column) == []
