"""Writing single objects: what the contract leaves open."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable

import pydantic
import pytest

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager
from andamios_orm.core.errors import ConfigurationError, DuplicateKeyError, StaleVersionError
from andamios_orm.repositories import GenericRepository

from .models import DEVICE, Account, Device, Document, Person, Player, Seat, Team, row


async def people_of(engine: AndamiosEngine) -> int:
    """Return how many people there are when everything is committed."""
    async with AsyncSession(engine) as session:
        return await GenericRepository[Person](session).count()


async def test_the_database_makes_a_key_and_fills_in(session: AsyncSession) -> None:
    made = await GenericRepository[Account](session).create(name="ada")
    assert (isinstance(made.id, int), made.state) == (True, "open")


async def test_the_application_makes_a_key(session: AsyncSession) -> None:
    devices = GenericRepository[Device](session)
    made = await devices.create(name="new")
    assert made.id.version == 7
    assert (await devices.create({"id": str(DEVICE)[:-1] + "e", "name": "text"})).id.hex[-1] == "e"
    assert await devices.count() == 3


async def test_nothing_is_committed(filled_engine: AndamiosEngine) -> None:
    async with AsyncSession(filled_engine) as session:
        await GenericRepository[Person](session).create(**row(6))
        assert await GenericRepository[Person](session).count() == 6
    assert await people_of(filled_engine) == 5


async def test_a_refused_row_leaves_nothing_behind(filled_engine: AndamiosEngine) -> None:
    with pytest.raises(DuplicateKeyError):
        async with SessionManager(filled_engine) as session:
            people = GenericRepository[Person](session)
            await people.create(**row(6))
            await people.create(**row(7, email="1@example.org"))
    assert await people_of(filled_engine) == 5


async def test_an_object_that_is_referred_to_stays(filled_engine: AndamiosEngine) -> None:
    async with AsyncSession(filled_engine) as session:
        teams = GenericRepository[Team](session)
        await GenericRepository[Player](session).update_where({"team_id": 1}, team_id=2)
        assert await teams.delete(1)
        await session.commit()
        assert [team.name for team in await teams.list()] == ["blue"]


async def test_a_composite_key_says_what_is_changed_and_deleted(session: AsyncSession) -> None:
    seats = GenericRepository[Seat](session)
    assert (await seats.update((1, "b"), holder="bob")).holder == "bob"
    assert await seats.delete({"number": 1, "letter": "a"})
    assert not await seats.delete((1, "a"))
    assert await seats.query().order_by("letter", "number").values_list("holder", flat=True) == [None, "bob"]


async def test_a_uuid_says_what_is_deleted(session: AsyncSession) -> None:
    devices = GenericRepository[Device](session)
    assert await devices.delete(str(DEVICE))
    assert await devices.count() == 0


async def test_a_key_may_change(session: AsyncSession) -> None:
    people = GenericRepository[Person](session)
    moved = await people.update(1, id=9)
    assert await people.get_by_id(9) is moved
    assert await people.get_by_id(1) is None


async def test_timestamps_are_set(session: AsyncSession) -> None:
    players = GenericRepository[Player](session)
    ada = await players.get_one(1)
    made, moment = ada.created_at, ada.updated_at
    await players.update(1, name="ada l.")
    assert (ada.created_at, ada.updated_at > moment) == (made, True)


async def test_what_the_database_computes_is_read_again(session: AsyncSession) -> None:
    accounts = GenericRepository[Account](session)
    made = await accounts.create(name="ada")
    assert (made.changed, made.moment) == (None, None)
    await accounts.update(made, state="closed")
    assert (made.name, made.changed, isinstance(made.moment, dt.datetime)) == (
        "ada (new) (changed)",
        "CHANGED",
        True,
    )


@pytest.mark.parametrize("write", ["update", "delete"])
async def test_versions_are_compared(filled_engine: AndamiosEngine, write: str) -> None:
    async with AsyncSession(filled_engine) as session:
        documents = GenericRepository[Document](session)
        found = await documents.get_one(1)
        await session.commit()
        async with SessionManager(filled_engine) as other:
            assert (await GenericRepository[Document](other).update(1, title="other")).version == 2
        with pytest.raises(StaleVersionError):
            await (documents.update(found, title="mine") if write == "update" else documents.delete(found))


class DocumentPatch(pydantic.BaseModel):
    """What a client sends back."""

    title: str
    version: int


@pytest.mark.parametrize(
    "write",
    [
        lambda documents: documents.update(1, {"title": "stale", "version": 1}),
        lambda documents: documents.update(1, DocumentPatch(title="stale", version=1)),
        lambda documents: documents.update(1, title="stale", version=1),
        lambda documents: documents.upsert({"id": 1, "title": "stale", "version": 1}),
    ],
)
async def test_a_version_that_is_given_is_compared(
    session: AsyncSession, write: Callable[[GenericRepository[Document]], Awaitable[Document]]
) -> None:
    documents = GenericRepository[Document](session)
    found = await documents.update(1, title="new", version=1)
    assert (found.title, found.version) == ("new", 2)
    with pytest.raises(StaleVersionError, match="it had version 1, and now it has version 2") as caught:
        await write(documents)
    assert (caught.value.expected, caught.value.found) == (1, 2)
    assert (found.title, found in session.dirty) == ("new", False)


async def test_hooks_are_called(session: AsyncSession) -> None:
    accounts = GenericRepository[Account](session)
    made = await accounts.create(name="ada")
    assert made.name == "ada (new)"
    assert (await accounts.update(made, name="eve")).name == "eve (changed)"
    assert await accounts.delete(made)


async def test_hooks_may_refuse(session: AsyncSession) -> None:
    accounts = GenericRepository[Account](session)
    bank = await accounts.create(name="bank")
    with pytest.raises(LookupError, match="the bank stays"):
        await accounts.delete(bank)


async def test_what_a_hook_refuses_does_not_wait(session: AsyncSession) -> None:
    accounts = GenericRepository[Account](session)
    with pytest.raises(LookupError):
        await accounts.create(name="nobody")
    assert await accounts.count() == 0


async def test_an_object_that_is_gone_is_told(session: AsyncSession) -> None:
    people = GenericRepository[Person](session)
    found = await people.get_one(1)
    await people.delete_where({"id": 1})
    with pytest.raises(ConfigurationError):
        await people.delete(found)


async def test_a_rollback_undoes(filled_engine: AndamiosEngine) -> None:
    async with AsyncSession(filled_engine) as session:
        people = GenericRepository[Person](session)
        found = await people.update(1, name="new")
        await session.rollback()
        await session.refresh(found)
        assert found.name == "n1"
