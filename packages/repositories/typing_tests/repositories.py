"""What type checkers know of repositories: a model is the type argument, and comes back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_type

from sqlalchemy.orm import Mapped

from andamios_orm.core import AndamiosEngine, AsyncSession
from andamios_orm.models import BaseModel, SoftDeleteModel
from andamios_orm.queries import CursorPage, Page, QueryBuilder
from andamios_orm.repositories import (
    BaseRepository,
    GenericRepository,
    IRepository,
    ReadOnlyRepository,
    SoftDeleteRepository,
    UnitOfWork,
    UpsertCounts,
)


class User(BaseModel):
    name: Mapped[str]


class Note(SoftDeleteModel):
    text: Mapped[str]


class Users(GenericRepository[User]):
    async def named(self, name: str) -> Sequence[User]:
        return await self.find(name=name)


async def reading(users: Users) -> None:
    assert_type(users.model, type[User])
    assert_type(users.session, AsyncSession)
    assert_type(users.query(), QueryBuilder[User])
    assert_type(await users.get_by_id(1), User | None)
    assert_type(await users.get_one(1), User)
    assert_type(await users.list(), list[User])
    assert_type(await users.list({"name": "ada"}, order_by="-name", limit=3), list[User])
    assert_type(await users.find(User.name == "ada"), list[User])
    assert_type(await users.find_one(name="ada"), User | None)
    assert_type(await users.exists(), bool)
    assert_type(await users.count(), int)
    assert_type(await users.in_bulk([1]), dict[Any, User])
    assert_type(await users.list_and_count(), tuple[list[User], int])
    assert_type(await users.page(2, 10), Page[User])
    assert_type(await users.page_after(None, 10), CursorPage[User])
    async for user in users.stream(batch=10):
        assert_type(user, User)


async def writing(users: Users, user: User) -> None:
    assert_type(await users.create(name="ada"), User)
    assert_type(await users.update(user, name="eve"), User)
    assert_type(await users.delete(1), bool)
    assert_type(await users.create_many([{"name": "ada"}]), int)
    assert_type(await users.create_many([{"name": "ada"}], return_keys=False), int)
    assert_type(await users.create_many([{"name": "ada"}], return_keys=True), list[Any])
    assert_type(await users.update_many([{"id": 1, "name": "eve"}]), int)
    assert_type(await users.update_where({"name": "ada"}, name="eve"), int)
    assert_type(await users.delete_many([1]), int)
    assert_type(await users.delete_where(None, all=True), int)
    assert_type(await users.get_or_create(name="ada"), tuple[User, bool])
    assert_type(await users.update_or_create(name="ada"), tuple[User, bool])
    assert_type(await users.upsert({"id": 1}), User)
    counts = await users.upsert_many([{"id": 1}], match=["id"], update=["name"])
    assert_type(counts, UpsertCounts)
    assert_type(counts.inserted, int)
    await users.delete_where()  # type: ignore[call-arg] # which ones has to be said


async def marked(notes: SoftDeleteRepository[Note]) -> None:
    assert_type(await notes.list_deleted(), list[Note])
    assert_type(await notes.restore(1), Note)
    assert_type(await notes.hard_delete(1), bool)


class Wrong(SoftDeleteRepository[User]):  # type: ignore[type-var] # users are not marked
    pass


async def units(engine: AndamiosEngine) -> None:
    async with UnitOfWork(engine) as unit:
        assert_type(unit, UnitOfWork)
        assert_type(unit.session, AsyncSession)
        assert_type(unit.repository(Users), Users)
        assert_type(unit.repository(GenericRepository[User]), GenericRepository[User])
        assert_type(await unit.repository(Users).get_one(1), User)
        unit.repository(User)  # type: ignore[type-var] # a model is no repository

    async def work(unit: UnitOfWork) -> int:
        return await unit.repository(Users).count()

    assert_type(await UnitOfWork(engine).run(work, attempts=3), int)


async def rename(users: IRepository[User]) -> None:
    assert_type(await users.get_by_id(1), User | None)
    assert_type(await users.create(name="ada"), User)
    assert_type(await users.update(1, name="eve"), User)
    assert_type(await users.delete(1), bool)
    assert_type(await users.list(), list[User])


async def anyone(session: AsyncSession) -> None:
    await rename(Users(session))
    await rename(BaseRepository[User](session))
    await rename(GenericRepository[User](session))
    await rename(SoftDeleteRepository[Note](session))  # type: ignore[arg-type] # notes are no users
    await rename(ReadOnlyRepository[User](session))  # type: ignore[arg-type] # it does not write
    await ReadOnlyRepository[User](session).create()  # type: ignore[attr-defined] # it does not write
