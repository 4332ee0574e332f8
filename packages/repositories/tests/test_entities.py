"""Objects made of what callers give, checked before they are written."""

from __future__ import annotations

from typing import Any

import pydantic
import pytest

from andamios_orm.core import AndamiosEngine, AsyncSession
from andamios_orm.core.errors import ConfigurationError, ValidationError
from andamios_orm.queries import UnknownNameError
from andamios_orm.repositories import GenericRepository

from .models import Label, Person, Player, Team, Ticket, row


class Named(pydantic.BaseModel):
    name: str = "of the schema"
    age: int | None = None


class Strange(pydantic.BaseModel):
    name: str = "n6"
    shoe: int = 42


@pytest.fixture
def people(session: AsyncSession) -> GenericRepository[Person]:
    return GenericRepository[Person](session)


async def names_and_ages(people: GenericRepository[Person]) -> list[tuple[str, int | None]]:
    """Return what the table holds, after everything that waits was written."""
    found = await people.query().order_by("id").values_list("name", "age")
    return [tuple(each) for each in found]


async def test_an_object_is_written_with_what_belongs_to_it(session: AsyncSession) -> None:
    team = await GenericRepository[Team](session).create(
        Team(id=8, name="new", players=[Player(id=8, name="dan")])
    )
    assert [player.name for player in team.players] == ["dan"]
    assert await GenericRepository[Player](session).count(team_id=8) == 1


async def test_values_may_be_related_objects(session: AsyncSession) -> None:
    red = await GenericRepository[Team](session).get_one(1)
    players = GenericRepository[Player](session)
    assert (await players.create(id=8, name="dan", team=red)).team_id == 1
    assert (await players.update(3, {"team": red})).team_id == 1


async def test_an_object_that_waits_is_written_once(people: GenericRepository[Person]) -> None:
    given = Person(**row(6))
    people.session.add(given)
    assert await people.create(given) is given
    assert await people.count() == 6


async def test_an_object_with_a_row_is_not_created_again(people: GenericRepository[Person]) -> None:
    with pytest.raises(ConfigurationError, match=r"this Person has a row already: change it with update\(\)"):
        await people.create(await people.get_one(1), name="new")
    assert await people.count(name="new") == 0


async def test_a_detached_object_is_not_created_again(people: GenericRepository[Person]) -> None:
    found = await people.get_one(1)
    people.session.expunge(found)
    with pytest.raises(ConfigurationError, match="has a row already"):
        await people.create(found)


@pytest.mark.parametrize("given", [Team(name="red"), 7, "n6", [row(6)], Person])
async def test_what_is_no_person_is_refused(people: GenericRepository[Person], given: Any) -> None:
    with pytest.raises(ConfigurationError, match="give a Person, a dict, a pydantic model or values by name"):
        await people.create(given)
    with pytest.raises(ConfigurationError, match="give a Person, a dict, a pydantic model or values by name"):
        await people.update(1, given)


async def test_a_team_is_no_target(people: GenericRepository[Person]) -> None:
    for call in (people.update, people.delete):
        with pytest.raises(ConfigurationError, match="id is a number, not Team"):
            await call(Team(name="red"))


@pytest.mark.parametrize("given", [Person(**row(2)), "pending"])
async def test_a_new_object_is_neither_changed_nor_deleted(
    people: GenericRepository[Person], given: Any
) -> None:
    if given == "pending":
        given = Person(**row(6))
        people.session.add(given)
    for call in (people.update, people.delete):
        with pytest.raises(ConfigurationError, match=r"this Person is new: write it with create\(\)"):
            await call(given)


async def test_an_object_of_another_session_is_refused(
    shared_engine: AndamiosEngine, people: GenericRepository[Person]
) -> None:
    async with AsyncSession(shared_engine) as other:
        found = await GenericRepository[Person](other).get_one(1)
        for call in (people.update, people.delete):
            with pytest.raises(
                ConfigurationError, match="this Person belongs to another session, or to none"
            ):
                await call(found)


async def test_a_detached_object_is_merged_first(people: GenericRepository[Person]) -> None:
    found = await people.get_one(1)
    people.session.expunge(found)
    with pytest.raises(ConfigurationError, match=r"await session\.merge"):
        await people.update(found, name="new")
    assert (await people.update(await people.session.merge(found), name="new")).name == "new"


async def test_what_was_deleted_is_not_changed(people: GenericRepository[Person]) -> None:
    found = await people.get_one(1)
    await people.delete(found)
    with pytest.raises(ConfigurationError):
        await people.update(found, name="new")


async def test_fields_that_were_not_given_stay(people: GenericRepository[Person]) -> None:
    changed = await people.update(2, Named(age=7))
    assert (changed.name, changed.age) == ("n2", 7)
    changed = await people.update(2, Named(age=None))
    assert (changed.name, changed.age) == ("n2", None)


async def test_a_field_that_is_no_attribute_is_refused(people: GenericRepository[Person]) -> None:
    with pytest.raises(ConfigurationError, match=r"Strange\.shoe is no attribute of Person"):
        await people.create(Strange())
    with pytest.raises(ConfigurationError, match=r"Strange\.shoe is no attribute of Person"):
        await people.update(1, Strange())


@pytest.mark.parametrize(
    ("data", "values", "error"),
    [
        ({"age": 7}, {"name": "n" * 21}, ValidationError),
        ({"age": 7, "name": "n" * 21}, {}, ValidationError),
        ({"age": 7}, {"nmae": "new"}, UnknownNameError),
        (Named(age=7, name="n" * 21), {}, ValidationError),
        (Named(age=7), {"name": "n" * 21}, ValidationError),
        (Named(age=7), {"nmae": "new"}, UnknownNameError),
    ],
)
async def test_all_values_are_checked_before_one_is_set(
    people: GenericRepository[Person], data: Any, values: dict[str, Any], error: type[Exception]
) -> None:
    found = await people.get_one(2)
    with pytest.raises(error):
        await people.update(found, data, **values)
    assert (found.name, found.age, list(people.session.dirty)) == ("n2", 20, [])
    assert (await names_and_ages(people))[1] == ("n2", 20)


async def test_an_error_names_all_values_that_are_refused(people: GenericRepository[Person]) -> None:
    with pytest.raises(ValidationError) as caught:
        await people.create(row(6, name="n" * 21, age="old"))
    assert (caught.value.model, sorted(caught.value.errors)) == ("Person", ["age", "name"])


async def test_an_unknown_name_is_told_with_the_nearest(people: GenericRepository[Person]) -> None:
    with pytest.raises(UnknownNameError) as caught:
        await people.create(emial="6@example.org")
    assert str(caught.value) == (
        "'emial' is no attribute of Person: did you mean 'email'? there are age, email, id, name"
    )


async def test_what_validation_makes_of_a_value_is_written(session: AsyncSession) -> None:
    labels = GenericRepository[Label](session)
    label = await labels.create(id=9, word="LOUD")
    assert label.word == "loud"
    assert (await labels.update(label, word="LOUDER")).word == "louder"


async def test_a_dataclass_is_made_by_its_constructor(session: AsyncSession) -> None:
    tickets = GenericRepository[Ticket](session)
    assert (await tickets.create(name="one")).name == "one"
    assert (await tickets.create(Ticket("two"), name="three")).name == "three"
