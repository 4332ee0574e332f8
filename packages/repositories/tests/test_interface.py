"""What application code may expect of any repository."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from andamios_orm.core import AsyncSession
from andamios_orm.repositories import (
    BaseRepository,
    GenericRepository,
    IRepository,
    ReadOnlyRepository,
    SoftDeleteRepository,
)

from .models import Guest, Person, row

METHODS = ["create", "delete", "get_by_id", "list", "update"]


async def renamed(people: IRepository[Any], key: int) -> list[str]:
    """Do what an application does that does not care which repository it gets."""
    made = await people.create(row(key), name="made")
    await people.update(made, name="changed")
    await people.update(key, {"age": 1})
    found: Any = await people.get_by_id(key)
    names = [each.name for each in await people.list({"age": 1})]
    return [*names, found.name, str(await people.delete(key)), str(await people.get_by_id(key))]


@pytest.mark.parametrize(
    "kind", [BaseRepository[Person], GenericRepository[Person], SoftDeleteRepository[Guest]], ids=str
)
async def test_repositories_are_used_by_it(session: AsyncSession, kind: Any) -> None:
    assert await renamed(kind(session), 6) == ["changed", "changed", "True", "None"]


class InMemory:
    """Keeps people in a dict; no database and no base class takes part."""

    def __init__(self) -> None:
        self.people: dict[int, Person] = {}

    async def get_by_id(self, key: Any, /) -> Person | None:
        return self.people.get(key)

    async def create(self, data: Any = None, /, **values: Any) -> Person:
        made = Person(**{**data, **values})
        self.people[made.id] = made
        return made

    async def update(self, target: Any, data: Any = None, /, **values: Any) -> Person:
        found = target if isinstance(target, Person) else self.people[target]
        for name, value in {**(data or {}), **values}.items():
            setattr(found, name, value)
        return found

    async def delete(self, target: Any, /) -> bool:
        return self.people.pop(target, None) is not None

    async def list(self, filters: Any = None, /) -> list[Person]:
        return [each for each in self.people.values() if vars(each).items() >= (filters or {}).items()]


async def test_others_may_be_used_in_their_place() -> None:
    assert await renamed(InMemory(), 6) == ["changed", "changed", "True", "None"]


@pytest.mark.parametrize("kind", [BaseRepository, GenericRepository, SoftDeleteRepository])
@pytest.mark.parametrize("name", METHODS)
def test_repositories_have_its_methods(kind: type[Any], name: str) -> None:
    expected = inspect.signature(getattr(IRepository, name)).parameters
    given = inspect.signature(getattr(kind, name)).parameters
    assert list(given)[: len(expected)] == list(expected)


def test_it_stays_narrow() -> None:
    assert sorted(name for name in vars(IRepository) if not name.startswith("_")) == METHODS
    assert not hasattr(ReadOnlyRepository, "create")
