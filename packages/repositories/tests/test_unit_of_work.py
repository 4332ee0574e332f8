"""Several repositories on one session, committed or rolled back as one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from andamios_orm.core import AndamiosEngine, AsyncSession, current_session
from andamios_orm.core.errors import (
    ConfigurationError,
    NoCurrentSessionError,
    QueryTimeoutError,
    RetriesExhaustedError,
    ValidationError,
)
from andamios_orm.models import create_all
from andamios_orm.repositories import GenericRepository, ReadOnlyRepository, UnitOfWork

from .models import Person, Seat, Team, row
from .outbox.outbox_models import Base, OrderPlaced, Outbox, messages


class People(GenericRepository[Person]):
    pass


async def ids(engine: AndamiosEngine) -> list[int]:
    """Return who there is when everything is committed."""
    async with AsyncSession(engine) as session:
        return [person.id for person in await People(session).list()]


@pytest.fixture
def told() -> list[str]:
    """What the callbacks said."""
    return []


def telling(told: list[str], word: str) -> Callable[[], None]:
    return lambda: told.append(word)


@pytest.mark.parametrize("given", ["duckdb:///", None, UnitOfWork])
def test_no_engine_is_refused_at_once(given: Any) -> None:
    with pytest.raises(ConfigurationError, match="UnitOfWork needs an engine"):
        UnitOfWork(given)


async def test_all_is_committed_as_one(filled_engine: AndamiosEngine) -> None:
    async with UnitOfWork(filled_engine) as unit:
        await unit.repository(People).create(**row(6))
        await unit.repository(GenericRepository[Team]).create(id=8, name="new")
        assert await ids(filled_engine) == [1, 2, 3, 4, 5]
    async with UnitOfWork(filled_engine) as unit:
        assert await unit.repository(People).count() == 6
        assert await unit.repository(GenericRepository[Team]).count() == 3


async def test_an_error_rolls_all_of_it_back(filled_engine: AndamiosEngine) -> None:
    with pytest.raises(LookupError):
        async with UnitOfWork(filled_engine) as unit:
            await unit.repository(People).create(**row(6))
            raise LookupError
    assert await ids(filled_engine) == [1, 2, 3, 4, 5]


async def test_a_cancellation_rolls_all_of_it_back(filled_engine: AndamiosEngine) -> None:
    written = asyncio.Event()

    async def work() -> None:
        async with UnitOfWork(filled_engine) as unit:
            await unit.repository(People).create(**row(6))
            written.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await written.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await ids(filled_engine) == [1, 2, 3, 4, 5]


async def test_a_part_may_be_committed_before(filled_engine: AndamiosEngine) -> None:
    with pytest.raises(LookupError):
        async with UnitOfWork(filled_engine) as unit:
            await unit.repository(People).create(**row(6))
            await unit.commit()
            await unit.repository(People).create(**row(7))
            raise LookupError
    assert await ids(filled_engine) == [1, 2, 3, 4, 5, 6]


async def test_a_part_may_be_rolled_back(filled_engine: AndamiosEngine) -> None:
    async with UnitOfWork(filled_engine) as unit:
        await unit.repository(People).create(**row(6))
        await unit.rollback()
        await unit.repository(People).create(**row(7))
    assert await ids(filled_engine) == [1, 2, 3, 4, 5, 7]


async def test_a_repository_is_the_same_each_time(filled_engine: AndamiosEngine) -> None:
    async with UnitOfWork(filled_engine) as unit:
        people = unit.repository(People)
        assert type(people) is People
        assert people.session is unit.session
        assert unit.repository(People) is people
        assert unit.repository(GenericRepository[Person]) is unit.repository(GenericRepository[Person])
        assert unit.repository(GenericRepository[Seat]).model is Seat
    async with unit:
        assert unit.repository(People) is not people


async def test_its_session_is_the_current_one(filled_engine: AndamiosEngine) -> None:
    async with UnitOfWork(filled_engine) as outer:
        assert current_session() is outer.session
        async with UnitOfWork(filled_engine) as inner:
            assert current_session() is inner.session
            assert await People().count() == 5
        assert current_session() is outer.session
    with pytest.raises(NoCurrentSessionError):
        current_session()


async def test_its_session_has_the_options(filled_engine: AndamiosEngine) -> None:
    unit = UnitOfWork(filled_engine, read_only=True)
    async with unit:
        assert await unit.repository(ReadOnlyRepository[Person]).count() == 5

    async def work(unit: UnitOfWork) -> int:
        return await unit.repository(ReadOnlyRepository[Person]).count()

    assert await unit.run(work) == 5


USES: list[Callable[[UnitOfWork], Any]] = [
    lambda unit: unit.session,
    lambda unit: unit.repository(People),
    lambda unit: unit.on_commit(print),
]


@pytest.mark.parametrize("use", USES)
async def test_outside_there_is_no_session(shared_engine: AndamiosEngine, use: Callable[..., Any]) -> None:
    unit = UnitOfWork(shared_engine, read_only=True)
    for _ in range(2):
        with pytest.raises(
            ConfigurationError, match="this UnitOfWork has no session: use it in `async with`"
        ):
            use(unit)
        with pytest.raises(LookupError):
            async with unit:
                unit.repository(People)
                raise LookupError


async def test_outside_nothing_is_committed_or_rolled_back(shared_engine: AndamiosEngine) -> None:
    unit = UnitOfWork(shared_engine)
    for call in (unit.commit, unit.rollback):
        with pytest.raises(ConfigurationError, match="has no session"):
            await call()


async def test_it_is_not_entered_twice_at_once(shared_engine: AndamiosEngine) -> None:
    with pytest.raises(LookupError):
        async with UnitOfWork(shared_engine) as unit:
            with pytest.raises(ConfigurationError, match="is in use: make one for each `async with`"):
                await unit.__aenter__()
            assert current_session() is unit.session
            raise LookupError


class TestCallbacks:
    async def test_a_commit_calls_once(self, filled_engine: AndamiosEngine, told: list[str]) -> None:
        async with UnitOfWork(filled_engine) as unit:
            unit.on_commit(telling(told, "committed"))
            await unit.repository(People).create(**row(6))
            assert told == []
            await unit.commit()
            assert told == ["committed"]
            await unit.repository(People).create(**row(7))
        assert told == ["committed"]

    async def test_a_coroutine_function_is_awaited(
        self, filled_engine: AndamiosEngine, told: list[str]
    ) -> None:
        async def tell() -> None:
            told.append(f"{len(await ids(filled_engine))} people")

        async with UnitOfWork(filled_engine) as unit:
            unit.on_commit(tell)
            await unit.repository(People).create(**row(6))
        assert told == ["6 people"]

    async def test_a_rollback_never_calls(self, filled_engine: AndamiosEngine, told: list[str]) -> None:
        with pytest.raises(LookupError):
            async with UnitOfWork(filled_engine) as unit:
                unit.on_commit(telling(told, "first"))
                await unit.rollback()
                unit.on_commit(telling(told, "second"))
                raise LookupError
        assert told == []


async def published(engine: AndamiosEngine) -> list[int]:
    """Return what is in the outbox when everything is committed."""
    return [message.read(OrderPlaced).number for message in await messages(engine)]


class TestPublish:
    @pytest.fixture
    async def filled_engine(self, filled_engine: AndamiosEngine) -> AndamiosEngine:
        await create_all(filled_engine, Base)
        return filled_engine

    async def test_a_message_is_committed_with_the_rest(self, filled_engine: AndamiosEngine) -> None:
        async with UnitOfWork(filled_engine, outbox=Outbox) as unit:
            message = unit.publish(OrderPlaced(6))
            await unit.repository(People).create(**row(6))
            assert await published(filled_engine) == []
        (found,) = await messages(filled_engine)
        assert (found.id, found.topic, found.payload["number"]) == (message.id, "OrderPlaced", 6)
        assert (found.attempts, found.delivered_at, found.last_error) == (0, None, None)

    async def test_a_dict_has_a_topic(self, filled_engine: AndamiosEngine) -> None:
        async with UnitOfWork(filled_engine, outbox=Outbox) as unit:
            unit.publish({"number": 6}, topic="orders")
        assert [found.topic for found in await messages(filled_engine)] == ["orders"]

    async def test_a_rollback_takes_it_back(self, filled_engine: AndamiosEngine) -> None:
        with pytest.raises(LookupError):
            async with UnitOfWork(filled_engine, outbox=Outbox) as unit:
                unit.publish(OrderPlaced(1))
                await unit.commit()
                unit.publish(OrderPlaced(2))
                await unit.rollback()
                unit.publish(OrderPlaced(3))
                raise LookupError
        assert await published(filled_engine) == [1]

    async def test_a_replayed_unit_publishes_once(self, filled_engine: AndamiosEngine) -> None:
        attempts: list[int] = []

        async def work(unit: UnitOfWork) -> None:
            attempts.append(len(attempts))
            unit.publish(OrderPlaced(len(attempts)))
            first = await unit.repository(People).get_one(1)
            if len(attempts) == 1:
                async with UnitOfWork(filled_engine) as faster:
                    await faster.repository(People).update(1, age=70)
            await unit.repository(People).update(first, age=71)

        await UnitOfWork(filled_engine, outbox=Outbox).run(work)
        assert (len(attempts), await published(filled_engine)) == (2, [2])

    async def test_a_refused_event_leaves_nothing(self, filled_engine: AndamiosEngine) -> None:
        async with UnitOfWork(filled_engine, outbox=Outbox) as unit:
            with pytest.raises(ValidationError, match="Unable to serialize"):
                unit.publish({"number": object()}, "orders")
            unit.publish(OrderPlaced(1))
        assert await published(filled_engine) == [1]

    async def test_without_an_outbox_nothing_is_published(self, shared_engine: AndamiosEngine) -> None:
        with pytest.raises(LookupError):
            async with UnitOfWork(shared_engine) as unit:
                with pytest.raises(ConfigurationError, match=r"say UnitOfWork\(engine, outbox=Outbox\)"):
                    unit.publish(OrderPlaced(1))
                raise LookupError

    async def test_outside_there_is_no_session(self, shared_engine: AndamiosEngine) -> None:
        with pytest.raises(ConfigurationError, match="this UnitOfWork has no session"):
            UnitOfWork(shared_engine, outbox=Outbox).publish(OrderPlaced(1))

    async def test_another_model_is_refused(self, shared_engine: AndamiosEngine) -> None:
        wrong: Any = Person
        with pytest.raises(ConfigurationError, match="UnitOfWork needs a model as its outbox"):
            UnitOfWork(shared_engine, outbox=wrong)


class TestRun:
    async def test_what_the_work_returns_is_returned(self, filled_engine: AndamiosEngine) -> None:
        async def work(unit: UnitOfWork) -> int:
            assert current_session() is unit.session
            assert unit.repository(People) is unit.repository(People)
            return (await unit.repository(People).create(**row(6))).id

        assert await UnitOfWork(filled_engine).run(work) == 6
        assert await ids(filled_engine) == [1, 2, 3, 4, 5, 6]

    async def test_an_error_is_not_tried_again(self, filled_engine: AndamiosEngine, told: list[str]) -> None:
        async def work(unit: UnitOfWork) -> None:
            told.append("tried")
            await unit.repository(People).create(**row(6))
            raise LookupError

        with pytest.raises(LookupError):
            await UnitOfWork(filled_engine).run(work)
        assert (told, await ids(filled_engine)) == (["tried"], [1, 2, 3, 4, 5])

    async def test_a_conflict_is_replayed(self, filled_engine: AndamiosEngine, told: list[str]) -> None:
        units: list[UnitOfWork] = []

        async def work(unit: UnitOfWork) -> int | None:
            units.append(unit)
            unit.on_commit(telling(told, f"attempt {len(units)}"))
            first = await unit.repository(People).get_one(1)
            if len(units) == 1:
                async with UnitOfWork(filled_engine) as faster:
                    await faster.repository(People).update(1, age=70)
            return (await unit.repository(People).update(first, age=(first.age or 0) + 1)).age

        assert await UnitOfWork(filled_engine).run(work) == 71
        assert (told, units[0] is units[1], len(units)) == (["attempt 2"], False, 2)

    async def test_attempts_come_to_an_end(self, filled_engine: AndamiosEngine, told: list[str]) -> None:
        async def work(unit: UnitOfWork) -> None:
            unit.on_commit(telling(told, "committed"))
            await unit.repository(People).count()
            async with UnitOfWork(filled_engine) as faster:
                await faster.repository(People).update_where({"id": 1}, name="faster")
            await unit.repository(People).update_where({"id": 1}, name="slower")

        with pytest.raises(RetriesExhaustedError) as caught:
            await UnitOfWork(filled_engine).run(work, attempts=2)
        assert (caught.value.attempts, told) == (2, [])

    async def test_the_time_may_be_up(self, filled_engine: AndamiosEngine) -> None:
        async def work(unit: UnitOfWork) -> None:
            await unit.repository(People).create(**row(6))
            await asyncio.Event().wait()

        with pytest.raises(QueryTimeoutError):
            await UnitOfWork(filled_engine).run(work, timeout=0.05)
        assert await ids(filled_engine) == [1, 2, 3, 4, 5]

    async def test_the_unit_of_an_attempt_has_no_session_afterwards(
        self, filled_engine: AndamiosEngine
    ) -> None:
        units: list[UnitOfWork] = []

        async def work(unit: UnitOfWork) -> None:
            units.append(unit)

        await UnitOfWork(filled_engine).run(work)
        with pytest.raises(ConfigurationError, match="has no session"):
            _ = units[0].session

    async def test_the_unit_of_an_attempt_has_no_session_after_an_error(
        self, filled_engine: AndamiosEngine
    ) -> None:
        units: list[UnitOfWork] = []

        async def work(unit: UnitOfWork) -> None:
            units.append(unit)
            raise LookupError

        with pytest.raises(LookupError):
            await UnitOfWork(filled_engine).run(work)
        with pytest.raises(ConfigurationError, match="has no session"):
            units[0].repository(People)
