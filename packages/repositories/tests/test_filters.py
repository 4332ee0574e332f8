"""What says which objects are meant, in which order, and with what else."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import selectinload as of_sqlalchemy

from andamios_orm.core import AsyncSession
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.models import LazyLoadError
from andamios_orm.queries import F, FilterBuilder, Q, UnknownNameError, joinedload, selectinload
from andamios_orm.repositories import GenericRepository

from .models import Person, Player, Seat, Team


@pytest.fixture
def people(session: AsyncSession) -> GenericRepository[Person]:
    return GenericRepository[Person](session)


@pytest.fixture
def teams(session: AsyncSession) -> GenericRepository[Team]:
    return GenericRepository[Team](session)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (None, [1, 2, 3, 4, 5]),
        ({}, [1, 2, 3, 4, 5]),
        ({"age": 20}, [2, 4]),
        (Q(age=20), [2, 4]),
        (F("age") * 2 == 40, [2, 4]),
        (Person.age == 20, [2, 4]),
        (FilterBuilder(Person).eq("age", 20), [2, 4]),
        ([], [1, 2, 3, 4, 5]),
        ([{"age": 20}, Q(id=4), Person.name == "n4"], [4]),
        (({"age": 20}, {"age": 10}), []),
        (iter([{"age": 20}]), [2, 4]),
    ],
)
async def test_filters(people: GenericRepository[Person], filters: Any, found: list[int]) -> None:
    assert [each.id for each in await people.list(filters)] == found


@pytest.mark.parametrize("filters", ["age", ["age"], 7, [None]])
async def test_what_is_no_condition_is_refused(people: GenericRepository[Person], filters: Any) -> None:
    with pytest.raises(ConfigurationError, match="is no condition: give lookups"):
        await people.list(filters)


@pytest.mark.parametrize("wrong", [{7: 20}, {Person.age: 20}])
async def test_names_of_lookups_are_text(people: GenericRepository[Person], wrong: Any) -> None:
    message = "a dict of lookups has names of fields as keys, unlike {"
    with pytest.raises(ConfigurationError, match=message):
        await people.list([{"age": 20}, wrong])
    with pytest.raises(ConfigurationError, match=message):
        await people.delete_where(wrong)
    assert await people.count() == 5


@pytest.mark.parametrize(
    ("order", "found"),
    [
        (None, [1, 2, 3, 4, 5]),
        ([], [1, 2, 3, 4, 5]),
        ("-id", [5, 4, 3, 2, 1]),
        (Person.id.desc(), [5, 4, 3, 2, 1]),
        (["age", "-id"], [1, 4, 2, 3, 5]),
        (("age", Person.id.desc()), [1, 4, 2, 3, 5]),
    ],
)
async def test_order(people: GenericRepository[Person], order: Any, found: list[int]) -> None:
    assert [each.id for each in await people.list(order_by=order)] == found


async def test_a_composite_key_is_an_order(session: AsyncSession) -> None:
    found = await GenericRepository[Seat](session).list()
    assert [(seat.number, seat.letter) for seat in found] == [(1, "a"), (1, "b"), (2, "a")]


@pytest.mark.parametrize(
    "load",
    [
        "players",
        ["players"],
        selectinload("players"),
        joinedload("players"),
        of_sqlalchemy(Team.players),
        [of_sqlalchemy(Team.players)],
    ],
)
async def test_what_is_loaded_too(teams: GenericRepository[Team], load: Any) -> None:
    red, blue = await teams.list(load=load)
    assert ([player.name for player in red.players], blue.players) == (["ada", "bob"], [])


async def test_nothing_else_is_loaded(teams: GenericRepository[Team]) -> None:
    red, _ = await teams.list(load=[])
    with pytest.raises(LazyLoadError):
        _ = red.players


async def test_a_path_is_loaded(session: AsyncSession) -> None:
    ada = await GenericRepository[Player](session).get_one(1, load="team__players")
    assert ada.team is not None
    assert [player.name for player in ada.team.players] == ["ada", "bob"]


async def test_an_unknown_relationship_is_refused(teams: GenericRepository[Team]) -> None:
    with pytest.raises(UnknownNameError, match="'palyers' is no relationship of Team"):
        await teams.list(load="palyers")


async def test_conditions_are_about_the_model(session: AsyncSession) -> None:
    """Anything else would mean every row."""
    teams, players = GenericRepository[Team](session), GenericRepository[Player](session)
    for ask in (teams.count, teams.find, teams.delete_where, teams.list):
        with pytest.raises(ConfigurationError, match="a condition is about repository_players"):
            await ask(Player.name == "a")
    assert await teams.count(Team.players.any(Player.id > 0)) > 0
    assert await players.count((Player.id > 0) & Player.team.has(Team.id > 0)) > 0
    assert await players.count({"team__id__gt": 0}) > 0


async def test_a_text_is_no_list_of_conditions(session: AsyncSession) -> None:
    with pytest.raises(ConfigurationError, match="'open' is no condition"):
        await GenericRepository[Team](session).list("open")  # type: ignore[arg-type] # the mistake under test
