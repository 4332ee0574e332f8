"""What takes part when a repository writes: each cell of the table in the guide."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any, ClassVar

import pyarrow as pa
import pytest
from pydantic import AfterValidator, StringConstraints
from sqlalchemy import ForeignKey, MetaData
from sqlalchemy.orm import Mapped, mapped_column, relationship

from andamios_orm.core import AndamiosEngine, AsyncSession
from andamios_orm.core.errors import ForeignKeyError, StaleVersionError, ValidationError
from andamios_orm.models import (
    NAMING_CONVENTION,
    AuditMixin,
    BaseModel,
    IntegerKey,
    SoftDeleteMixin,
    TimestampMixin,
    VersioningMixin,
    actor,
)
from andamios_orm.repositories import GenericRepository

from .statements import sent


class Base(BaseModel):
    """The models of this module; other databases know nothing of a history."""

    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Author(IntegerKey, Base):
    """Has nothing but a name."""

    name: Mapped[str]


class Calling:
    """Notes which hooks are called."""

    called: ClassVar[list[str]] = []

    def before_create(self) -> None:
        self.called.append("before_create")

    def after_create(self) -> None:
        self.called.append("after_create")

    def before_update(self) -> None:
        self.called.append("before_update")

    def after_update(self) -> None:
        self.called.append("after_update")

    def before_delete(self) -> None:
        self.called.append("before_delete")

    def after_delete(self) -> None:
        self.called.append("after_delete")


def marked(word: str) -> str:
    """Return a word with a mark, and with one more each time."""
    return f"{word}!"


class Book(Calling, IntegerKey, TimestampMixin, VersioningMixin, AuditMixin, Base):
    """Does all that models do, and is removed."""

    title: Mapped[Annotated[str, StringConstraints(max_length=9), AfterValidator(marked)]]
    author_id: Mapped[int] = mapped_column(ForeignKey(Author.id))


class Word(IntegerKey, Base):
    """Is referred to by nothing."""

    text: Mapped[str]


class Note(IntegerKey, VersioningMixin, Base):
    """Has a version."""

    text: Mapped[str]


class Page(IntegerKey, Base):
    """Refers to a book."""

    book_id: Mapped[int] = mapped_column(ForeignKey(Book.id))


class Loan(Calling, IntegerKey, TimestampMixin, VersioningMixin, SoftDeleteMixin, AuditMixin, Base):
    """Does all that models do, and is marked as deleted."""

    fines: Mapped[list[Fine]] = relationship(cascade="all, delete-orphan")


class Fine(IntegerKey, SoftDeleteMixin, Base):
    """Is marked together with its loan."""

    loan_id: Mapped[int] = mapped_column(ForeignKey(Loan.id))


@pytest.fixture
async def session(engine: AndamiosEngine) -> AsyncIterator[AsyncSession]:
    """A session on two books and two loans, of which the second ones are referred to; ada wrote them."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with AsyncSession(engine) as session:
        with actor("ada"):
            session.add_all([Author(id=1, name="a"), *(Word(id=n, text="old") for n in (1, 2, 3))])
            await session.flush()
            session.add_all([Book(id=number, title="old", author_id=1) for number in (1, 2)])
            session.add_all([Loan(id=1), Loan(id=2, fines=[Fine(id=1)])])
            await session.flush()
            session.add(Page(id=1, book_id=2))
            await session.commit()
        session.expunge_all()
        Calling.called.clear()
        yield session


Books = GenericRepository[Book]


def arrow(values: dict[str, Any]) -> pa.Table:
    """Return the values of a row as columns."""
    return pa.table({name: [value] for name, value in values.items()})


Write = Callable[..., Awaitable[Any]]

CREATE: dict[str, Write] = {
    "create": lambda books, values: books.create(values),
    "upsert": lambda books, values: books.upsert(values),
    "create_many": lambda books, values: books.create_many([values]),
    "create_many with keys": lambda books, values: books.create_many([values], return_keys=True),
    "upsert_many": lambda books, values: books.upsert_many([values]),
    "merge_from": lambda books, values: books.merge_from(arrow(values)),
}
CHANGE: dict[str, Write] = {
    "update": lambda books, values: books.update(1, values),
    "upsert": lambda books, values: books.upsert({"id": 1} | values),
    "update_many": lambda books, values: books.update_many([{"id": 1, "version": 1} | values]),
    "update_where": lambda books, values: books.update_where({"id": 1}, **values),
    "upsert_many": lambda books, values: books.upsert_many([{"id": 1} | values]),
    "merge_from": lambda books, values: books.merge_from(arrow({"id": 1} | values)),
}
DELETE: dict[str, Write] = {
    "delete": lambda rows, key: rows.delete(key),
    "delete_many": lambda rows, key: rows.delete_many([key]),
    "delete_where": lambda rows, key: rows.delete_where({"id": key}),
}
OBJECTS = ("create", "update", "upsert", "delete")

created = pytest.mark.parametrize("how", CREATE)
changed = pytest.mark.parametrize("how", CHANGE)
deleted = pytest.mark.parametrize("how", DELETE)


def new(**values: Any) -> dict[str, Any]:
    """Return the values of a third book."""
    return {"id": 3, "title": "new", "author_id": 1} | values


def written(how: str) -> str:
    """Return the title that is written for "new": what does not pass through Python is not validated."""
    return "new" if how == "merge_from" else "new!"


async def read(session: AsyncSession, key: int) -> Book:
    """Return a book as its row is."""
    session.expunge_all()
    return await Books(session).get_one(key)


class TestCreated:
    @created
    async def test_hooks(self, session: AsyncSession, how: str) -> None:
        await CREATE[how](Books(session), new())
        assert Calling.called == (["before_create", "after_create"] if how in OBJECTS else [])

    @created
    async def test_validation(self, session: AsyncSession, how: str) -> None:
        if how != "merge_from":
            with pytest.raises(ValidationError, match="title"):
                await CREATE[how](Books(session), new(title="t" * 10))
        await CREATE[how](Books(session), new())
        assert (await read(session, 3)).title == written(how)

    @created
    async def test_timestamps_versions_and_history(self, session: AsyncSession, how: str) -> None:
        with actor("eve"):
            await CREATE[how](Books(session), new())
        book = await read(session, 3)
        assert (book.created_at is not None, book.updated_at is not None, book.version) == (True, True, 1)
        assert [(each.operation, each.actor, each.row.title) for each in await Book.history(session, 3)] == [
            ("insert", "eve", written(how))
        ]

    @created
    async def test_foreign_keys(self, session: AsyncSession, how: str) -> None:
        with pytest.raises(ForeignKeyError):
            await CREATE[how](Books(session), new(author_id=99))
            await session.commit()
        await session.rollback()
        assert await Books(session).count() == 2


class TestChanged:
    @changed
    async def test_hooks(self, session: AsyncSession, how: str) -> None:
        await CHANGE[how](Books(session), {"title": "new"})
        assert Calling.called == (["before_update", "after_update"] if how in OBJECTS else [])

    @changed
    async def test_validation(self, session: AsyncSession, how: str) -> None:
        if how != "merge_from":
            with pytest.raises(ValidationError, match="title"):
                await CHANGE[how](Books(session), {"title": "t" * 10})
        await CHANGE[how](Books(session), {"title": "new"})
        assert (await read(session, 1)).title == written(how)

    @changed
    async def test_timestamps(self, session: AsyncSession, how: str) -> None:
        book = await read(session, 1)
        created_at, updated_at = book.created_at, book.updated_at
        await CHANGE[how](Books(session), {"title": "new"})
        book = await read(session, 1)
        assert (book.created_at, book.updated_at > updated_at) == (created_at, True)

    @changed
    async def test_versions(self, session: AsyncSession, how: str) -> None:
        await CHANGE[how](Books(session), {"title": "new"})
        assert (await read(session, 1)).version == 2

    @changed
    async def test_the_version_of_a_row_is_compared(self, session: AsyncSession, how: str) -> None:
        """That of an object is, too, when it was read before: see the tests of single objects."""
        await Books(session).update(1, title="other")
        if how == "update_many":
            with pytest.raises(StaleVersionError):
                await CHANGE[how](Books(session), {"title": "new"})
        else:
            await CHANGE[how](Books(session), {"title": "new"})
            assert (await read(session, 1)).version == 3

    @changed
    async def test_history(self, session: AsyncSession, how: str) -> None:
        with actor("eve"):
            await CHANGE[how](Books(session), {"title": "new"})
        told = [(each.operation, each.actor, each.row.title) for each in await Book.history(session, 1)]
        assert told == [("insert", "ada", "old!"), ("update", "eve", written(how))]

    @changed
    async def test_foreign_keys(self, session: AsyncSession, how: str) -> None:
        with pytest.raises(ForeignKeyError):
            await CHANGE[how](Books(session), {"author_id": 99})
            await session.commit()
        await session.rollback()
        assert (await read(session, 1)).author_id == 1


class TestDeleted:
    @deleted
    async def test_hooks(self, session: AsyncSession, how: str) -> None:
        await DELETE[how](Books(session), 1)
        assert Calling.called == (["before_delete", "after_delete"] if how in OBJECTS else [])

    @deleted
    async def test_history(self, session: AsyncSession, how: str) -> None:
        with actor("eve"):
            await DELETE[how](Books(session), 1)
        told = [(each.operation, each.actor) for each in await Book.history(session, 1)]
        assert told == [("insert", "ada"), ("delete", "eve")]

    @deleted
    async def test_foreign_keys(self, session: AsyncSession, how: str) -> None:
        with pytest.raises(ForeignKeyError):
            await DELETE[how](Books(session), 2)
            await session.commit()
        await session.rollback()
        assert await Books(session).count() == 2


class TestMarked:
    @deleted
    async def test_hooks(self, session: AsyncSession, how: str) -> None:
        await DELETE[how](GenericRepository[Loan](session), 1)
        assert Calling.called == (["before_update", "after_update"] if how in OBJECTS else [])

    @deleted
    async def test_timestamps_versions_and_history(self, session: AsyncSession, how: str) -> None:
        with actor("eve"):
            await DELETE[how](GenericRepository[Loan](session), 1)
        session.expunge_all()
        loan = await GenericRepository[Loan](session).query().with_deleted().filter(id=1).one()
        assert (loan.is_deleted, loan.updated_at > loan.created_at, loan.version) == (True, True, 2)
        told = [(each.operation, each.actor) for each in await Loan.history(session, 1)]
        assert told == [("insert", "ada"), ("update", "eve")]

    @deleted
    async def test_only_an_object_cascades_and_foreign_keys_allow_it(
        self, session: AsyncSession, how: str
    ) -> None:
        assert await DELETE[how](GenericRepository[Loan](session), 2) == 1
        await session.commit()
        assert await GenericRepository[Fine](session).count() == (0 if how in OBJECTS else 1)


ROWS = [{"id": number, "text": "new"} for number in (2, 3)]


@pytest.mark.parametrize(
    ("write", "statements"),
    [
        (lambda words: words.create_many([{"id": 9, "text": "new"}]), ["INSERT"]),
        (lambda words: words.create_many([{"id": 9, "text": "new"}], return_keys=True), ["INSERT"]),
        (lambda words: words.update_many(ROWS), ["SELECT", "UPDATE"]),
        (lambda words: words.update_where({"id__gt": 1}, text="new"), ["UPDATE"]),
        (lambda words: words.delete_many([2, 3]), ["DELETE"]),
        (lambda words: words.delete_where({"id__gt": 1}), ["DELETE"]),
        (
            lambda words: words.upsert_many([*ROWS, {"id": 9, "text": "new"}]),
            ["SELECT", "INSERT", "UPDATE"],
        ),
        (
            lambda words: words.merge_from(arrow({"id": 2, "text": "new"})),
            ["CREATE", "CREATE", "DROP", "SELECT", "UPDATE", "MERGE", "DROP"],
        ),
    ],
)
async def test_what_is_sent(
    engine: AndamiosEngine, session: AsyncSession, write: Write, statements: list[str]
) -> None:
    with sent(engine) as found:
        await write(GenericRepository[Word](session))
    assert [statement.split()[0] for statement in found] == statements


async def test_rows_with_a_version_are_changed_one_by_one(
    engine: AndamiosEngine, session: AsyncSession
) -> None:
    notes = GenericRepository[Note](session)
    await notes.create_many([{"id": number, "text": "old"} for number in (1, 2, 3)])
    with sent(engine) as found:
        await notes.update_many([{"id": number, "version": 1, "text": "new"} for number in (1, 2)])
        await notes.upsert_many([{"id": number, "text": "newer"} for number in (2, 3)])
    assert [statement.split()[0] for statement in found] == ["SELECT", "UPDATE", "UPDATE"] * 2
