"""Tenants: no way in, and no way out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pydantic
import pytest
from sqlalchemy import ForeignKey, String, UniqueConstraint, literal_column, text
from sqlalchemy.orm import Mapped, mapped_column, relationship, synonym

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager
from andamios_orm.core.errors import ConfigurationError, DuplicateKeyError, NotFoundError, ValidationError
from andamios_orm.models import IntegerKey, SoftDeleteMixin
from andamios_orm.queries import F, UnknownNameError
from andamios_orm.repositories.plugins.tenancy import TenantScope, current_tenant, tenant
from andamios_orm.repositories.repositories import GenericRepository
from andamios_orm.repositories.soft_delete import SoftDeleteRepository

from ..contract_models import Base


class Owner(IntegerKey, Base):
    """Whose the notes are."""

    __tablename__ = "tenancy_owners"
    name: Mapped[str] = mapped_column(String(20))


class Word(IntegerKey, Base):
    """A part of a note, which is nobody's but through it."""

    __tablename__ = "tenancy_words"
    note_id: Mapped[int] = mapped_column(ForeignKey("tenancy_notes.id"))
    text: Mapped[str] = mapped_column(String(20))


class Note(IntegerKey, Base):
    """A note of a tenant."""

    __tablename__ = "tenancy_notes"
    __table_args__ = (UniqueConstraint("owner_id", "title"),)

    owner_id: Mapped[int] = mapped_column(ForeignKey(Owner.id))
    title: Mapped[str] = mapped_column(String(20))
    given_to = synonym("owner_id")
    owner: Mapped[Owner] = relationship()
    words: Mapped[list[Word]] = relationship(cascade="all, delete-orphan")
    drafts: Mapped[list[Draft]] = relationship()


class Draft(IntegerKey, SoftDeleteMixin, Base):
    """A draft of a tenant, which is marked when it is deleted."""

    __tablename__ = "tenancy_drafts"
    owner_id: Mapped[int]
    note_id: Mapped[int | None] = mapped_column(ForeignKey(Note.id))


class Notes(GenericRepository[Note], plugins=[TenantScope("owner_id")]):
    pass


class Drafts(SoftDeleteRepository[Draft], plugins=[TenantScope("owner_id")]):
    pass


Work = Callable[[Notes], Awaitable[Any]]


class NewNote(pydantic.BaseModel):
    id: int
    title: str
    owner_id: int | None = None


async def fill(session: AsyncSession) -> None:
    connection = await session.connection()
    tables = [Base.metadata.tables[each.__tablename__] for each in (Owner, Word, Note, Draft)]
    await connection.run_sync(Base.metadata.create_all, tables=tables)
    session.add_all([Owner(id=owner, name=f"owner {owner}") for owner in (1, 2)])
    await session.flush()
    session.add_all([Note(id=number, owner_id=1 + number % 2, title=f"n{number}") for number in range(1, 9)])
    session.add_all([Draft(id=1, owner_id=1), Draft(id=2, owner_id=2)])
    # Of owner 1 are the even ones.


@pytest.fixture
async def session(engine: AndamiosEngine) -> Any:
    async with SessionManager(engine) as session:
        await fill(session)
    async with AsyncSession(engine) as session:
        with tenant(1):
            yield session


async def stored(session: AsyncSession) -> list[tuple[int, int, str]]:
    found = await session.execute(text("SELECT id, owner_id, title FROM tenancy_notes ORDER BY id"))
    return [tuple(row) for row in found]


READS: dict[str, Work] = {
    "get_by_id": lambda notes: notes.get_by_id(1),
    "get_by_id with load": lambda notes: notes.get_by_id(1, load="owner"),
    "find_one": lambda notes: notes.find_one(id=1),
    "find": lambda notes: notes.find(id=1),
    "find anything": lambda notes: notes.find((Note.id == 1) | (Note.owner_id == 2), id__in=[1, 3]),
    "list": lambda notes: notes.list({"title": "n1"}),
    "exists": lambda notes: notes.exists(id=1),
    "count": lambda notes: notes.count(owner_id=2),
    "in_bulk": lambda notes: notes.in_bulk([1, 3]),
    "query": lambda notes: notes.query().filter(id=1).all(),
    "query.get": lambda notes: notes.query().get(1),
    "delete": lambda notes: notes.delete(1),
    "delete_many": lambda notes: notes.delete_many([1, 3]),
    "delete_where": lambda notes: notes.delete_where({"id": 1}),
    "update_where": lambda notes: notes.update_where({"id": 1}, title="mine"),
}


@pytest.mark.parametrize("question", READS.values(), ids=READS)
async def test_others_are_not_there(session: AsyncSession, question: Work) -> None:
    before = await stored(session)
    assert not await question(Notes(session))
    assert await stored(session) == before


async def test_others_are_not_there_when_the_session_holds_them(session: AsyncSession) -> None:
    theirs = await session.get_one(Note, 1)
    notes = Notes(session)
    assert await notes.get_by_id(1) is None
    with pytest.raises(NotFoundError, match="no Note with key 1"):
        await notes.get_one(1)
    assert theirs in session


async def test_own_ones_are_there(session: AsyncSession) -> None:
    notes = Notes(session)
    assert (await notes.get_one(2)).title == "n2"
    assert [note.id for note in await notes.list()] == [2, 4, 6, 8]
    items, total = await notes.list_and_count(limit=1)
    assert ([note.id for note in items], total) == ([2], 4)
    assert (await notes.page(2, 3)).total == 4
    assert [note.id for note in (await notes.page_after(None, 2)).items] == [2, 4]
    assert [note.id async for note in notes.stream()] == [2, 4, 6, 8]


CHANGES: dict[str, Work] = {
    "key": lambda notes: notes.update(1, title="mine"),
    "many": lambda notes: notes.update_many([{"id": 2, "title": "x"}, {"id": 1, "title": "mine"}]),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_others_are_not_changed(session: AsyncSession, change: Work) -> None:
    before = await stored(session)
    with pytest.raises(NotFoundError, match="no Note with key 1"):
        await change(Notes(session))
    assert await stored(session) == before


async def test_objects_of_others_are_neither_changed_nor_deleted(session: AsyncSession) -> None:
    theirs = await session.get_one(Note, 1)
    notes = Notes(session)
    with pytest.raises(ValidationError, match="owner_id: it is 1 here, not 2"):
        await notes.update(theirs, title="mine")
    assert await notes.delete(theirs) is False
    assert theirs.title == "n1"


async def test_an_object_does_not_pretend_to_be_ones_own(session: AsyncSession) -> None:
    theirs = await session.get_one(Note, 1)
    theirs.owner_id = 1
    with pytest.raises(NotFoundError):
        await Notes(session).update(theirs, title="mine")
    assert await Notes(session).delete(theirs) is False
    session.expire(theirs)
    assert (1, 2, "n1") in await stored(session)


NEW: dict[str, Work] = {
    "values": lambda notes: notes.create(id=20, title="new"),
    "dict": lambda notes: notes.create({"id": 20, "title": "new"}),
    "None": lambda notes: notes.create({"id": 20, "title": "new", "owner_id": None}),
    "its own": lambda notes: notes.create(id=20, title="new", owner_id=1),
    "text": lambda notes: notes.create(id=20, title="new", owner_id="1"),
    "object": lambda notes: notes.create(Note(id=20, title="new")),
    "schema": lambda notes: notes.create(NewNote(id=20, title="new")),
    "many": lambda notes: notes.create_many([{"id": 20, "title": "new"}]),
    "many objects": lambda notes: notes.create_many([Note(id=20, title="new")]),
    "keys": lambda notes: notes.create_many([{"id": 20, "title": "new"}], return_keys=True),
    "upsert": lambda notes: notes.upsert({"id": 20, "title": "new"}),
    "upsert_many": lambda notes: notes.upsert_many([{"id": 20, "title": "new"}], match=["title"]),
    "get_or_create": lambda notes: notes.get_or_create({"id": 20}, title="new"),
    "update_or_create": lambda notes: notes.update_or_create({"id": 20}, title="new"),
}


@pytest.mark.parametrize("create", NEW.values(), ids=NEW)
async def test_new_ones_are_ones_own(session: AsyncSession, create: Work) -> None:
    await create(Notes(session))
    assert (20, 1, "new") in await stored(session)


OTHERS: dict[str, Work] = {
    "values": lambda notes: notes.create(id=20, title="new", owner_id=2),
    "dict": lambda notes: notes.create({"id": 20, "title": "new", "owner_id": 2}),
    "object": lambda notes: notes.create(Note(id=20, title="new", owner_id=2)),
    "schema": lambda notes: notes.create(NewNote(id=20, title="new", owner_id=2)),
    "many": lambda notes: notes.create_many([{"id": 20, "title": "new", "owner_id": 2}]),
    "one of many": lambda notes: notes.create_many(
        [{"id": 20 + owner, "title": "new", "owner_id": owner} for owner in (1, 2)]
    ),
    "upsert": lambda notes: notes.upsert({"id": 2, "title": "new", "owner_id": 2}),
    "upsert_many": lambda notes: notes.upsert_many([{"id": 2, "title": "new", "owner_id": 2}]),
    "update": lambda notes: notes.update(2, owner_id=2),
    "update to nobody": lambda notes: notes.update(2, {"owner_id": None}),
    "update_many": lambda notes: notes.update_many([{"id": 2, "owner_id": 2}]),
    "update_many to nobody": lambda notes: notes.update_many([{"id": 2, "owner_id": None}]),
    "update_where": lambda notes: notes.update_where({"id": 2}, owner_id=2),
}


@pytest.mark.parametrize("give_away", OTHERS.values(), ids=OTHERS)
async def test_none_becomes_somebody_elses(session: AsyncSession, give_away: Work) -> None:
    before = await stored(session)
    with pytest.raises(ValidationError, match="owner_id"):
        await give_away(Notes(session))
    await session.flush()
    assert await stored(session) == before


async def test_a_row_of_another_tenant_is_named(session: AsyncSession) -> None:
    rows = [{"id": 20 + owner, "title": "new", "owner_id": owner} for owner in (1, 2)]
    with pytest.raises(ValidationError) as caught:
        await Notes(session).create_many(rows)
    assert caught.value.errors == {"owner_id": "row 1: it is 1 here, not 2"}


async def test_an_object_that_was_given_away_is_not_written(session: AsyncSession) -> None:
    mine = await Notes(session).get_one(2)
    mine.owner_id = 2
    with pytest.raises(ValidationError, match="it is 1 here, not 2"):
        await Notes(session).update(mine, title="x")


async def test_a_key_of_another_tenant_is_taken(session: AsyncSession) -> None:
    """What cannot be seen is not overwritten either."""
    with pytest.raises(DuplicateKeyError):
        await Notes(session).upsert_many([{"id": 1, "title": "mine"}])
    await session.rollback()
    assert (1, 2, "n1") in await stored(session)


async def test_the_same_title_of_two_tenants(session: AsyncSession) -> None:
    assert await Notes(session).upsert_many([{"id": 20, "title": "n1"}], match=["title"]) == (1, 0)
    assert await Notes(session).upsert_many([{"title": "n1"}], match=["title"], update=[]) == (0, 1)
    assert [row for row in await stored(session) if row[2] == "n1"] == [(1, 2, "n1"), (20, 1, "n1")]


async def test_everything_is_everything_of_the_tenant(session: AsyncSession) -> None:
    notes = Notes(session)
    assert await notes.update_where({}, all=True, title=F("title") + "!") == 4
    assert await notes.delete_where({}, all=True) == 4
    assert [owner for _, owner, _ in await stored(session)] == [2] * 4


async def test_what_is_marked_as_deleted(session: AsyncSession) -> None:
    drafts = Drafts(session)
    assert await drafts.delete(1)
    with tenant(2):
        assert await drafts.list_deleted() == []
        with pytest.raises(NotFoundError):
            await drafts.restore(1)
        assert await drafts.hard_delete(1) is False
    assert [draft.id for draft in await drafts.list_deleted()] == [1]
    mine = await drafts.restore(1)
    with tenant(2):
        assert await drafts.hard_delete(mine) is False
    assert await drafts.hard_delete(mine) is True


async def test_parts_belong_to_the_tenant_where_they_can(session: AsyncSession) -> None:
    """A word belongs to nobody, and a draft does."""
    note = await Notes(session).create(id=20, title="new", words=[{"text": "a"}], drafts=[Draft(id=20)])
    assert [word.text for word in note.words] == ["a"]
    assert [draft.owner_id for draft in note.drafts] == [1]
    with pytest.raises(ValidationError, match="owner_id: it is 1 here, not 2"):
        await Notes(session).update(20, drafts=[{"owner_id": 2}])
    await Notes(session).update(20, words=[{"text": "b"}])
    assert [word.text for word in note.words] == ["b"]


async def test_new_parts_of_objects_belong_to_the_tenant(session: AsyncSession) -> None:
    note = Note(id=20, title="new", drafts=[Draft(id=20), Draft(id=21, owner_id=1)])
    await Notes(session).create(note)
    assert [draft.owner_id for draft in note.drafts] == [1, 1]


AROUND: dict[str, Work] = {
    "synonym of a new one": lambda notes: notes.create(id=20, title="new", given_to=2),
    "synonym": lambda notes: notes.update(2, given_to=2),
    "synonym in an upsert": lambda notes: notes.update_or_create({"given_to": 2}, title="n2"),
    "owner of a new one": lambda notes: _with_owner(notes, Note(id=20, title="new")),
    "owner": lambda notes: _with_owner(notes, None),
    "part": lambda notes: notes.create(Note(id=20, title="new", drafts=[Draft(id=20, owner_id=2)])),
}


async def _with_owner(notes: Notes, note: Note | None) -> Any:
    owner = await notes.session.get_one(Owner, 2)
    if note is None:
        return await notes.update(2, owner=owner)
    note.owner = owner
    return await notes.create(note)


@pytest.mark.parametrize("give_away", AROUND.values(), ids=AROUND)
async def test_no_other_name_leads_out(session: AsyncSession, give_away: Work) -> None:
    before = await stored(session)
    with pytest.raises(ValidationError, match="owner_id: it is 1 here, not 2"):
        await give_away(Notes(session))
    await session.rollback()
    assert await stored(session) == before


async def test_what_was_changed_before_is_not_given_away(session: AsyncSession) -> None:
    mine = await Notes(session).get_one(2)
    mine.given_to = 2
    with session.no_autoflush, pytest.raises(ValidationError, match="owner_id"):
        await Notes(session).update(mine, title="x")


@pytest.mark.parametrize("nested", [False, True])
async def test_objects_bring_along_nothing_of_others(session: AsyncSession, nested: bool) -> None:
    theirs = await session.get_one(Draft, 2)
    note = {"id": 20, "title": "new", "drafts": [theirs]}
    with session.no_autoflush, pytest.raises(ValidationError if nested else NotFoundError, match="Draft"):
        await Notes(session).create(note if nested else Note(**note))
    await session.rollback()
    assert (await session.get_one(Draft, 2)).note_id is None
    assert len(await stored(session)) == 8


async def test_parts_of_others_are_not_taken(session: AsyncSession) -> None:
    """A word has no owner but its note."""
    session.add(Word(id=50, note_id=1, text="theirs"))
    await session.flush()
    theirs = await session.get_one(Word, 50)
    notes = Notes(session)
    takes: list[Callable[[], Awaitable[Any]]] = [
        lambda: notes.add(2, "words", 50),
        lambda: notes.add(2, "words", theirs),
        lambda: notes.set(2, "words", [theirs]),
        lambda: notes.update(2, words=[theirs]),
        lambda: notes.create(id=20, title="new", words=[theirs]),
    ]
    for take in takes:
        with pytest.raises(NotFoundError, match="no Word with key 50"):
            await take()
    assert await session.scalar(text("SELECT note_id FROM tenancy_words")) == 1


async def test_own_parts_are_moved(session: AsyncSession) -> None:
    session.add(Word(id=50, note_id=4, text="mine"))
    await session.flush()
    assert await Notes(session).add(2, "words", 50) == 1
    assert await session.scalar(text("SELECT note_id FROM tenancy_words")) == 2


@pytest.mark.parametrize("condition", [text("id = 1 OR 1 = 1"), literal_column("id = 1 OR 1 = 1")])
async def test_text_does_not_lead_out(session: AsyncSession, condition: Any) -> None:
    notes = Notes(session)
    assert [note.id for note in await notes.list(condition)] == [2, 4, 6, 8]
    assert await notes.delete_where(condition) == 4
    assert [owner for _, owner, _ in await stored(session)] == [2] * 4


@pytest.mark.parametrize(
    ("write", "remedy"),
    [
        (lambda query: query.update(owner_id=2), r"update_where\(\)"),
        (lambda query: query.delete(), r"delete_where\(\)"),
        (lambda query: query.insert_from(query), r"merge_from\(\)"),
    ],
)
async def test_the_query_only_reads(session: AsyncSession, write: Any, remedy: str) -> None:
    with pytest.raises(ConfigurationError, match=f"use {remedy} of the repository"):
        await write(Notes(session).query().filter(id=2))


async def test_what_follows_a_deletion_stays_with_the_tenant(session: AsyncSession) -> None:
    session.add(Draft(id=30, owner_id=2, note_id=2))
    await session.flush()
    mine = await session.get_one(Note, 2)
    await session.refresh(mine, ["drafts"])
    with pytest.raises(ValidationError, match="Draft: owner_id: it is 1 here, not 2"):
        await Notes(session).delete(mine)


async def test_scopes_that_contradict_each_other(session: AsyncSession) -> None:
    class Theirs(TenantScope):
        def values(self, model: type[Any], /) -> dict[str, Any]:
            return {"owner_id": 2}

    class Nobodys(Notes, plugins=[Theirs("owner_id")]):
        pass

    with pytest.raises(ConfigurationError, match=r"Note\.owner_id is 1 for one scope, and 2 for another"):
        await Nobodys(session).create(id=20, title="new")


class TestTheTenant:
    async def test_each_task_has_its_own(self, session: AsyncSession) -> None:
        async def ask(key: int) -> Any:
            tenant(key)
            await asyncio.sleep(0)
            return current_tenant()

        assert list(await asyncio.gather(ask(5), ask(6))) == [5, 6]
        assert current_tenant() == 1

    async def test_there_is_none(self, engine: AndamiosEngine) -> None:
        async with AsyncSession(engine) as session:
            for ask in (Notes(session).list, Notes(session).query):
                with pytest.raises(ConfigurationError, match=r"with tenant\(key\)"):
                    found: Any = ask()
                    await found

    def test_none_is_none(self) -> None:
        with pytest.raises(ConfigurationError, match="None is no tenant"):
            tenant(None)

    async def test_a_misspelt_field(self, session: AsyncSession) -> None:
        class Wrong(GenericRepository[Note], plugins=[TenantScope("ownerid")]):
            pass

        with pytest.raises(UnknownNameError, match="did you mean 'owner_id'"):
            await Wrong(session).list()
        with pytest.raises(UnknownNameError, match="did you mean 'owner_id'"):
            await Wrong(session).create(id=3, title="x")
