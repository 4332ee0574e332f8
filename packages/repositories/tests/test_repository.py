"""The model and the session of a repository."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import pytest

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager
from andamios_orm.core.errors import ConfigurationError, NoCurrentSessionError
from andamios_orm.queries import QueryBuilder
from andamios_orm.repositories import BaseRepository, GenericRepository, ReadOnlyRepository

from .models import Guest, Person

K = TypeVar("K")
T = TypeVar("T")


class People(GenericRepository[Person]):
    pass


class GrownUps(People):
    pass


class Guests(GenericRepository[Guest]):
    pass


class Counting(GenericRepository[T]):
    pass


class CountingGuests(Counting[Guest]):
    pass


class Named(Generic[T]):
    pass


class NamedPeople(GenericRepository[Person], Named[int]):
    pass


class Keyed(GenericRepository[T], Generic[K, T]):
    pass


class KeyedPeople(Keyed[int, Person]):
    pass


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        (People, Person),
        (GrownUps, Person),
        (Guests, Guest),
        (Counting[Person], Person),
        (Counting[Guest], Guest),
        (CountingGuests, Guest),
        (NamedPeople, Person),
        (KeyedPeople, Person),
        (Keyed[int, Guest], Guest),
        (BaseRepository[Person], Person),
        (ReadOnlyRepository[Guest], Guest),
    ],
)
def test_the_model_is_the_type_argument(kind: Any, model: type[Any]) -> None:
    assert kind().model is model


@pytest.mark.parametrize("kind", [GenericRepository, BaseRepository, Counting, Keyed])
def test_a_repository_without_a_model_says_how_to_give_it_one(kind: Any) -> None:
    name = kind.__name__
    with pytest.raises(ConfigurationError) as caught:
        kind().query()
    assert str(caught.value) == (
        f"of which model? Say class UserRepository({name}[User]), or {name}[User](session)"
    )


async def test_the_session_is_the_one_that_was_given(session: AsyncSession) -> None:
    assert People(session).session is session


async def test_or_else_the_current_one_of_the_task(shared_engine: AndamiosEngine) -> None:
    people = People()
    for _ in range(2):
        manager = SessionManager(shared_engine, read_only=True)
        session = await manager.__aenter__()
        assert people.session is session
        assert await people.count() == 5
        await session.rollback()
        await manager.__aexit__(LookupError, None, None)


def test_without_a_session_there_is_none() -> None:
    with pytest.raises(NoCurrentSessionError):
        _ = People().session


async def test_a_query_is_about_the_model_in_the_session(session: AsyncSession) -> None:
    query = People(session).query()
    assert isinstance(query, QueryBuilder)
    assert await query.filter(age=20).values_list("id", flat=True) == [2, 4]
