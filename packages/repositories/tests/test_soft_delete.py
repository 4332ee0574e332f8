"""Finding, restoring and removing what is marked as deleted."""

from __future__ import annotations

from typing import Any

import pytest

from andamios_orm.core import AndamiosEngine, AsyncSession
from andamios_orm.core.errors import ConfigurationError, DuplicateKeyError, NotFoundError
from andamios_orm.repositories import SoftDeleteRepository

from .models import Guest, Person, row


@pytest.fixture
async def guests(session: AsyncSession) -> SoftDeleteRepository[Guest]:
    """Guests, of whom 2 and 3 are marked as deleted."""
    guests = SoftDeleteRepository[Guest](session)
    await guests.delete_many([2, 3])
    return guests


async def rows_in_all(guests: SoftDeleteRepository[Guest]) -> int:
    return await guests.query().with_deleted().count()


@pytest.mark.parametrize("write", ["delete", "delete_many", "delete_where"])
async def test_every_way_to_delete_marks(guests: SoftDeleteRepository[Guest], write: str) -> None:
    what: dict[str, Any] = {"delete": 1, "delete_many": [1], "delete_where": {"id": 1}}
    assert await getattr(guests, write)(what[write]) == 1
    assert [guest.id for guest in await guests.list_deleted()] == [1, 2, 3]
    assert await rows_in_all(guests) == 5


async def test_what_is_marked_is_found_by_no_other_method(guests: SoftDeleteRepository[Guest]) -> None:
    assert [guest.id for guest in await guests.list()] == [1, 4, 5]
    assert (await guests.get_by_id(2), await guests.find_one(id=2), await guests.in_bulk([2])) == (
        None,
        None,
        {},
    )
    assert (await guests.count(), await guests.exists(id=2), await guests.delete_many([2, 3])) == (
        3,
        False,
        0,
    )
    assert not await guests.delete(2)
    with pytest.raises(NotFoundError):
        await guests.update(2, name="new")
    with pytest.raises(NotFoundError):
        await guests.update_many([row(2)])


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, [2, 3]),
        ({"filters": {"age__gt": 20}}, [3]),
        ({"order_by": "-id"}, [3, 2]),
        ({"limit": 1}, [2]),
        ({"limit": 5, "offset": 1}, [3]),
    ],
)
async def test_what_is_marked_is_listed(
    guests: SoftDeleteRepository[Guest], options: dict[str, Any], found: list[int]
) -> None:
    assert [guest.id for guest in await guests.list_deleted(**options)] == found


async def test_a_key_says_what_is_restored(guests: SoftDeleteRepository[Guest]) -> None:
    restored = await guests.restore(2)
    assert (restored.is_deleted, restored.deleted_at) == (False, None)
    assert await guests.get_by_id(2) is restored
    assert await guests.count() == 4


async def test_an_object_is_restored(guests: SoftDeleteRepository[Guest]) -> None:
    (marked, _) = await guests.list_deleted()
    assert await guests.restore(marked) is marked
    assert await guests.get_one(2) is marked


async def test_what_was_just_deleted_is_restored(guests: SoftDeleteRepository[Guest]) -> None:
    found = await guests.get_one(1)
    await guests.delete(found)
    assert found.is_deleted
    assert (await guests.restore(1)) is found
    assert await guests.get_one(1) is found


@pytest.mark.parametrize("key", [1, 99])
async def test_what_is_not_marked_is_not_restored(guests: SoftDeleteRepository[Guest], key: int) -> None:
    with pytest.raises(NotFoundError, match=f"^no deleted Guest with key {key}$") as caught:
        await guests.restore(key)
    assert (caught.value.model, caught.value.key) == ("deleted Guest", key)
    assert await guests.count() == 3


async def test_an_object_that_is_not_marked_is_not_restored(guests: SoftDeleteRepository[Guest]) -> None:
    found = await guests.get_one(1)
    with pytest.raises(NotFoundError, match="no deleted Guest"):
        await guests.restore(found)


async def test_a_place_that_was_taken_is_told(guests: SoftDeleteRepository[Guest]) -> None:
    (marked, _) = await guests.list_deleted()
    marked.email = "1@example.org"
    with pytest.raises(DuplicateKeyError):
        await guests.restore(marked)


@pytest.mark.parametrize("key", [1, 2])
async def test_rows_are_removed_marked_or_not(guests: SoftDeleteRepository[Guest], key: int) -> None:
    assert await guests.hard_delete(key)
    assert await rows_in_all(guests) == 4
    assert not await guests.hard_delete(key)


async def test_an_object_is_removed(guests: SoftDeleteRepository[Guest]) -> None:
    assert await guests.hard_delete(await guests.get_one(1))
    assert await guests.hard_delete((await guests.list_deleted())[0])
    assert await rows_in_all(guests) == 3


@pytest.mark.parametrize("call", ["restore", "hard_delete"])
async def test_keys_and_objects_are_checked(
    shared_engine: AndamiosEngine, guests: SoftDeleteRepository[Guest], call: str
) -> None:
    act = getattr(guests, call)
    with pytest.raises(ConfigurationError, match=r"Guest.id is a number, not '2'"):
        await act("2")
    with pytest.raises(ConfigurationError, match="this Guest is new"):
        await act(Guest(**row(6)))
    async with AsyncSession(shared_engine) as other:
        with pytest.raises(ConfigurationError, match="belongs to another session"):
            await act(await SoftDeleteRepository[Guest](other).get_one(1))
    assert await rows_in_all(guests) == 5


async def test_models_that_cannot_be_marked(session: AsyncSession) -> None:
    people = SoftDeleteRepository[Person](session)  # type: ignore[type-var] # the mistake under test
    for ask in (people.list_deleted, people.list, people.query):
        with pytest.raises(ConfigurationError, match="Person is deleted for good: let it inherit"):
            found: Any = ask()
            await found
    with pytest.raises(ConfigurationError, match="Person is deleted for good"):
        await people.delete(1)
