"""Reading: what the contract leaves open."""

from __future__ import annotations

from typing import Any

import pytest

from andamios_orm.core import AndamiosEngine, AsyncSession
from andamios_orm.core.errors import ConfigurationError, MultipleResultsError, NotFoundError
from andamios_orm.queries import InvalidCursorError, UnknownNameError, joinedload
from andamios_orm.repositories import GenericRepository

from .models import Person, Player, Seat, Team
from .statements import sent


@pytest.fixture
def people(session: AsyncSession) -> GenericRepository[Person]:
    return GenericRepository[Person](session)


@pytest.fixture
def teams(session: AsyncSession) -> GenericRepository[Team]:
    return GenericRepository[Team](session)


async def test_an_object_of_the_session_takes_no_statement(
    shared_engine: AndamiosEngine, teams: GenericRepository[Team]
) -> None:
    with sent(shared_engine) as statements:
        red = await teams.get_one(1)
        assert await teams.get_by_id(1) is red
        assert len(statements) == 1
        assert await teams.get_by_id(1, load="players") is red
        assert len(statements) == 3
    assert len(red.players) == 2


async def test_what_is_loaded_is_loaded_for_every_way_of_finding(teams: GenericRepository[Team]) -> None:
    found: list[Any] = [
        *await teams.find(load="players"),
        await teams.find_one(id=1, load="players"),
        *(await teams.in_bulk([1], load="players")).values(),
        *(await teams.list_and_count(load="players"))[0],
        *(await teams.page(load="players")).items,
        *(await teams.page_after(load="players")).items,
        *[team async for team in teams.stream(load="players")],
    ]
    assert [len(team.players) for team in found] == [2, 0, 2, 2, 2, 0, 2, 0, 2, 0, 2, 0]


async def test_a_missing_key_is_not_found_with_what_belongs_to_it(teams: GenericRepository[Team]) -> None:
    assert await teams.get_by_id(9, load="players") is None
    with pytest.raises(NotFoundError, match="no Team with key 9"):
        await teams.get_one(9, load="players")


async def test_conditions_reach_related_objects(session: AsyncSession) -> None:
    players = GenericRepository[Player](session)
    assert [each.name for each in await players.find(team__name="red")] == ["ada", "bob"]
    assert await players.count({"team__isnull": True}) == 1


@pytest.mark.parametrize(("limit", "offset"), [(-1, 0), (1, -1), (True, 0)], ids=["limit", "offset", "truth"])
async def test_numbers_that_are_none_are_refused(
    people: GenericRepository[Person], limit: Any, offset: Any
) -> None:
    with pytest.raises(ConfigurationError):
        await people.list(limit=limit, offset=offset)
    with pytest.raises(ConfigurationError):
        await people.list_and_count(limit=limit, offset=offset)


async def test_a_lookup_refuses_a_value_of_another_kind(people: GenericRepository[Person]) -> None:
    with pytest.raises(ConfigurationError, match="age"):
        await people.find(age__gt="old")


@pytest.mark.parametrize("ask", ["find", "find_one", "exists", "count"])
async def test_unknown_names_are_refused(people: GenericRepository[Person], ask: str) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'age'"):
        await getattr(people, ask)(aeg=1)


async def test_one_of_several_is_refused_by_name(people: GenericRepository[Person]) -> None:
    with pytest.raises(MultipleResultsError, match="more than one Person was found"):
        await people.find_one(age=20)


async def test_objects_and_their_total_take_one_statement(
    shared_engine: AndamiosEngine, people: GenericRepository[Person]
) -> None:
    with sent(shared_engine) as statements:
        found, total = await people.list_and_count({"age__gt": 10}, order_by="-id", limit=1)
    assert ([each.id for each in found], total, len(statements)) == ([4], 3, 1)


@pytest.mark.parametrize(("number", "size"), [(0, 1), (1, 0), (True, 1)])
async def test_pages_are_counted_from_one(people: GenericRepository[Person], number: Any, size: Any) -> None:
    with pytest.raises(ConfigurationError, match="counted from 1"):
        await people.page(number, size)


async def test_a_page_behind_the_last_is_empty(people: GenericRepository[Person]) -> None:
    page = await people.page(9, 2)
    assert (page.items, page.total, page.has_next) == ([], 5, False)


async def test_a_cursor_of_another_order_is_refused(people: GenericRepository[Person]) -> None:
    cursor = (await people.page_after(None, 2)).next
    with pytest.raises(InvalidCursorError):
        await people.page_after(cursor, 2, order_by="-name")


async def test_pages_of_a_composite_key_follow_each_other(session: AsyncSession) -> None:
    seats = GenericRepository[Seat](session)
    first = await seats.page_after(None, 2)
    behind = await seats.page_after(first.next, 2)
    found = [(seat.number, seat.letter) for seat in [*first.items, *behind.items]]
    assert (found, behind.next) == ([(1, "a"), (1, "b"), (2, "a")], None)


async def test_a_stream_may_be_left(people: GenericRepository[Person]) -> None:
    stream = people.stream(order_by="id", batch=1)
    assert (await anext(stream)).id == 1
    await stream.aclose()
    assert await people.count() == 5


async def test_a_stream_refuses_what_it_cannot_do(session: AsyncSession) -> None:
    teams = GenericRepository[Team](session)
    with pytest.raises(ConfigurationError, match="at least one row"):
        await anext(teams.stream(batch=0))
    with pytest.raises(ConfigurationError, match="selectinload"):
        await anext(teams.stream(load=joinedload("players")))
