"""Primary keys, as callers give them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from andamios_orm.core import AsyncSession
from andamios_orm.core.errors import ConfigurationError, NotFoundError
from andamios_orm.repositories import GenericRepository
from andamios_orm.repositories.keys import key_names, key_of, version_names

from .models import DEVICE, Device, Document, Person, Seat, Shelf, Size


@pytest.mark.parametrize(
    ("model", "given", "key"),
    [
        (Person, 1, (1,)),
        (Person, (1,), (1,)),
        (Person, {"id": 1}, (1,)),
        (Seat, (1, "a"), (1, "a")),
        (Seat, {"letter": "a", "number": 1}, (1, "a")),
        (Shelf, Size.SMALL, (Size.SMALL,)),
        (Device, DEVICE, (DEVICE,)),
        (Device, str(DEVICE), (DEVICE,)),
        (Device, DEVICE.hex.upper(), (DEVICE,)),
        (Device, {"id": str(DEVICE)}, (DEVICE,)),
    ],
)
def test_keys(model: type[Any], given: Any, key: tuple[Any, ...]) -> None:
    assert key_of(model, given) == key


@pytest.mark.parametrize(
    ("model", "given", "message"),
    [
        (Person, (1, 2), "the key of Person is (id), not (1, 2)"),
        (Person, (), "the key of Person is (id), not ()"),
        (Person, {"number": 1}, "the key of Person is (id), not {'number': 1}"),
        (Seat, 1, "the key of Seat is (number, letter), not 1"),
        (Seat, [1, "a"], "the key of Seat is (number, letter), not [1, 'a']"),
        (Seat, {"number": 1}, "the key of Seat is (number, letter), not {'number': 1}"),
        (Person, None, "Person.id is a number, not None"),
        (Person, "1", "Person.id is a number, not '1'"),
        (Shelf, None, "Shelf.size is a member of an Enum, not None"),
        (Seat, (1, None), "Seat.letter is a text, not None"),
        (Seat, ("a", 1), "Seat.number is a number, not 'a'"),
        (Device, "phone", "Device.id is a UUID, not 'phone'"),
        (Device, 13, "Device.id is a UUID, not 13"),
    ],
)
def test_other_keys_are_refused(model: type[Any], given: Any, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        key_of(model, given)
    assert str(caught.value) == message


async def test_a_composite_key_finds(session: AsyncSession) -> None:
    seats = GenericRepository[Seat](session)
    assert (await seats.get_one((1, "a"))).holder == "ada"
    assert await seats.get_by_id({"number": 1, "letter": "a"}) is await seats.get_by_id((1, "a"))
    assert await seats.get_by_id((9, "a")) is None


async def test_a_composite_key_that_is_absent_is_told(session: AsyncSession) -> None:
    with pytest.raises(NotFoundError, match=r"no Seat with key \(9, 'a'\)") as caught:
        await GenericRepository[Seat](session).get_one((9, "a"))
    assert caught.value.key == (9, "a")


async def test_composite_keys_find_many(session: AsyncSession) -> None:
    found = await GenericRepository[Seat](session).in_bulk([(1, "b"), {"number": 2, "letter": "a"}, (9, "z")])
    assert {key: seat.letter for key, seat in found.items()} == {(1, "b"): "b", (2, "a"): "a"}


@pytest.mark.parametrize("key", [DEVICE, str(DEVICE)])
async def test_a_uuid_finds_as_a_text_too(session: AsyncSession, key: Any) -> None:
    devices = GenericRepository[Device](session)
    assert (await devices.get_one(key)).name == "phone"
    assert list(await devices.in_bulk([key])) == [DEVICE]
    assert (await devices.update(key, name="tablet")).id == DEVICE
    assert await devices.delete_many([key, str(UUID(int=1))]) == 1


@pytest.mark.parametrize(
    ("model", "names"), [(Person, ["id"]), (Device, ["id"]), (Seat, ["number", "letter"])]
)
def test_the_names_of_a_key_are_those_of_attributes(model: type[Any], names: list[str]) -> None:
    assert key_names(model) == names


def test_some_models_have_a_version() -> None:
    assert (version_names(Document), version_names(Person)) == (["version"], [])
