"""A stale write is told, whoever made the row stale, and in whichever order."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from sqlalchemy import ForeignKey, MetaData, delete, insert, select, text, update
from sqlalchemy.orm import Mapped, MappedAsDataclass, mapped_column
from sqlalchemy.orm.exc import StaleDataError

from andamios_orm.core import (
    AndamiosEngine,
    AsyncSession,
    SessionManager,
    TransactionManager,
    create_file_engine,
)
from andamios_orm.core.errors import ConfigurationError, StaleVersionError, TransactionConflictError
from andamios_orm.models.base import NAMING_CONVENTION, BaseModel
from andamios_orm.models.keys import IntegerKey, NaturalKey, UUIDKey
from andamios_orm.models.timestamps import TimestampMixin
from andamios_orm.models.versioning import VersioningMixin


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Document(IntegerKey, VersioningMixin, Base):
    __tablename__ = "versioned_document"

    title: Mapped[str]


DOCUMENTS = Base.metadata.tables["versioned_document"]


class Contract(Document):
    """Has a second table."""

    __tablename__ = "versioned_contract"

    id: Mapped[int] = mapped_column(ForeignKey(Document.id), primary_key=True)
    partner: Mapped[str]


class Paragraph(VersioningMixin, TimestampMixin, Base):
    """Has a composite key, and names that need quotes."""

    __tablename__ = "Versioned Paragraph"

    chapter: Mapped[NaturalKey[int]]
    number: Mapped[NaturalKey[int]] = mapped_column("the number")
    body: Mapped[str]


class Draft(IntegerKey, Base):
    """Has no version."""

    title: Mapped[str]


class Label(UUIDKey, VersioningMixin, MappedAsDataclass, Base):
    name: Mapped[str]


@pytest.fixture
async def tables(engine: AndamiosEngine) -> AndamiosEngine:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with SessionManager(engine) as session:
        session.add(Document(id=1, title="a"))
    return engine


async def write(session: AsyncSession, document: Any, way: str) -> None:
    if way == "update":
        document.title += "!"
    else:
        await session.delete(document)


async def version(engine: AndamiosEngine) -> int | None:
    async with AsyncSession(engine) as session:
        return await session.scalar(select(Document.version).where(Document.id == 1))


def facts(error: BaseException) -> tuple[Any, ...]:
    return tuple(vars(error)[name] for name in ("model", "key", "expected", "found"))


async def test_it_counts_changes(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        document = await session.get_one(Document, 1)
        assert document.version == 1
        document.title = "b"
        await session.flush()
        assert document.version == 2
    assert await version(tables) == 2


@pytest.mark.parametrize("overlapping", [False, True])
@pytest.mark.parametrize("second", ["update", "delete"])
@pytest.mark.parametrize("first", ["update", "delete"])
async def test_a_stale_write_is_told(
    tables: AndamiosEngine, first: str, second: str, overlapping: bool
) -> None:
    async with AsyncSession(tables) as mine, AsyncSession(tables) as theirs:
        old = await mine.get_one(Document, 1)
        await write(theirs, await theirs.get_one(Document, 1), first)
        if not overlapping:
            await mine.commit()
        await theirs.commit()
        await write(mine, old, second)
        with pytest.raises(StaleVersionError) as caught:
            await mine.commit()
    found = 2 if first == "update" else None
    assert facts(caught.value) == ("Document", 1, 1, found)
    assert await version(tables) == found


async def test_the_error_says_what_to_do(tables: AndamiosEngine) -> None:
    async with AsyncSession(tables) as session:
        document = await session.get_one(Document, 1)
        await session.commit()
        await touch(tables)
        document.title = "b"
        with pytest.raises(StaleVersionError) as caught:
            await session.commit()
    assert str(caught.value).splitlines()[0] == (
        "Document 1 was changed since it was read: it had version 1, and now it has version 2. Load it "
        "again, and repeat the change"
    )
    assert not caught.value.retryable
    assert facts(pickle.loads(pickle.dumps(caught.value))) == ("Document", 1, 1, 2)


async def touch(engine: AndamiosEngine) -> None:
    async with SessionManager(engine) as session:
        (await session.get_one(Document, 1)).title += "!"


async def test_a_conflict_may_be_retried(tables: AndamiosEngine) -> None:
    async with AsyncSession(tables) as session:
        document = await session.get_one(Document, 1)
        await touch(tables)
        document.title = "b"
        with pytest.raises(StaleVersionError) as caught:
            await session.commit()
    assert isinstance(caught.value, TransactionConflictError)
    assert caught.value.retryable
    assert facts(pickle.loads(pickle.dumps(caught.value))) == ("Document", 1, 1, 2)


async def test_a_unit_of_work_is_replayed(tables: AndamiosEngine) -> None:
    attempts = []

    async def work(session: AsyncSession) -> None:
        document = await session.get_one(Document, 1)
        attempts.append(document.version)
        if len(attempts) == 1:
            await touch(tables)
        document.title += "?"

    await TransactionManager(tables).run(work)
    assert attempts == [1, 2]
    async with AsyncSession(tables) as session:
        assert (await session.get_one(Document, 1)).title == "a!?"


async def test_another_transaction_may_not_be_over(tables: AndamiosEngine) -> None:
    async with AsyncSession(tables) as mine, AsyncSession(tables) as theirs:
        old, new = await mine.get_one(Document, 1), await theirs.get_one(Document, 1)
        new.title = "b"
        await theirs.flush()
        old.title = "c"
        with pytest.raises(StaleVersionError, match="another transaction is changing it") as caught:
            await mine.flush()
        await theirs.commit()
    assert facts(caught.value) == ("Document", 1, 1, 1)
    assert await version(tables) == 2


async def test_the_session_goes_on(tables: AndamiosEngine) -> None:
    async with AsyncSession(tables) as session:
        document = await session.get_one(Document, 1)
        await touch(tables)
        document.title = "b"
        with pytest.raises(StaleVersionError):
            await session.commit()
        await session.rollback()
        await session.refresh(document)
        document.title = "c"
        await session.commit()
    assert await version(tables) == 3


async def test_other_conflicts_stay_what_they_are(tables: AndamiosEngine) -> None:
    change = text("UPDATE versioned_document SET title = 'b'")
    async with AsyncSession(tables) as mine, AsyncSession(tables) as theirs:
        await mine.get_one(Document, 1)
        await theirs.execute(change)
        await theirs.commit()
        with pytest.raises(TransactionConflictError) as caught:
            await mine.execute(change)
    assert not isinstance(caught.value, StaleVersionError)


async def test_rows_without_a_version_are_not_compared(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        draft = Draft(id=1, title="a")
        session.add(draft)
        await session.flush()
        await session.execute(text("DELETE FROM draft"))
        draft.title = "b"
        with pytest.raises(StaleDataError) as caught:
            await session.flush()
        await session.rollback()
    assert not isinstance(caught.value, StaleVersionError)


async def test_a_detached_object_is_compared(tables: AndamiosEngine) -> None:
    async with AsyncSession(tables) as session:
        document = await session.get_one(Document, 1)
    await touch(tables)
    document.title = "b"
    with pytest.raises(StaleVersionError):
        async with SessionManager(tables) as session:
            session.add(document)


async def test_a_deletion_may_be_rolled_back(tables: AndamiosEngine) -> None:
    async with AsyncSession(tables) as session:
        document = await session.get_one(Document, 1)
        await session.delete(document)
        await session.flush()
        await session.rollback()
        await session.refresh(document)
        document.title = "b"
        await session.commit()
    assert await version(tables) == 2


async def test_nothing_of_the_flush_is_written(tables: AndamiosEngine) -> None:
    async with AsyncSession(tables) as session:
        session.add(Document(id=2, title="b"))
        await session.commit()
        both = (await session.scalars(select(Document).order_by(Document.id.desc()))).all()
        await session.commit()
        await touch(tables)
        for document in both:
            document.title = "c"
        with pytest.raises(StaleVersionError):
            await session.commit()
        await session.rollback()
        titles = await session.scalars(select(Document.title).order_by(Document.id))
        assert titles.all() == ["a!", "b"]


async def test_a_second_table_is_guarded_by_the_first(tables: AndamiosEngine) -> None:
    async with AsyncSession(tables) as session:
        contract = Contract(id=2, title="a", partner="x")
        session.add(contract)
        await session.commit()
        async with SessionManager(tables) as other:
            (await other.get_one(Contract, 2)).partner = "y"
        contract.partner = "z"
        with pytest.raises(StaleVersionError) as caught:
            await session.commit()
    assert facts(caught.value) == ("Document", 2, 1, 2)


@pytest.mark.parametrize("way", ["update", "delete"])
async def test_a_composite_key_is_told(tables: AndamiosEngine, way: str) -> None:
    async with AsyncSession(tables) as session:
        paragraph = Paragraph(chapter=1, number=2, body="a")
        session.add(paragraph)
        await session.commit()
        async with SessionManager(tables) as other:
            (await other.get_one(Paragraph, (1, 2))).body = "b"
        if way == "update":
            paragraph.body = "c"
        else:
            await session.delete(paragraph)
        with pytest.raises(StaleVersionError) as caught:
            await session.commit()
    assert facts(caught.value) == ("Paragraph", (1, 2), 1, 2)


async def test_what_is_not_stale_is_deleted(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        session.add_all([Paragraph(chapter=1, number=2, body="a"), Contract(id=2, title="a", partner="x")])
    async with SessionManager(tables) as session:
        for model, key in ((Paragraph, (1, 2)), (Contract, 2), (Document, 1)):
            await session.delete(await session.get_one(model, key))
    async with AsyncSession(tables) as session:
        assert (await session.scalars(select(Document))).all() == []
        assert (await session.scalars(select(Paragraph))).all() == []


@pytest.mark.parametrize("way", ["statement", "rows", "bulk_insert", "core"])
async def test_every_insert_begins_with_one(tables: AndamiosEngine, way: str) -> None:
    rows = [{"id": 2, "title": "b"}]
    async with SessionManager(tables) as session:
        if way == "bulk_insert":
            await session.bulk_insert(Document, rows)
        elif way == "statement":
            await session.execute(insert(Document).values(rows))
        else:
            await session.execute(insert(Document if way == "rows" else DOCUMENTS), rows)
        assert (await session.scalars(select(Document.version))).all() == [1, 1]


@pytest.mark.parametrize(
    "statement",
    [
        update(Document).values(title="b"),
        update(Document).ordered_values((Document.title, "b")),
        update(DOCUMENTS).values(title="b"),
    ],
)
async def test_statements_raise_it(tables: AndamiosEngine, statement: Any) -> None:
    async with AsyncSession(tables) as session:
        document = await session.get_one(Document, 1)
        await session.commit()
        async with SessionManager(tables) as other:
            await other.execute(statement)
        assert await version(tables) == 2
        document.title = "c"
        with pytest.raises(StaleVersionError):
            await session.commit()


async def test_a_statement_may_give_it(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        await session.execute(update(Document).values(version=7))
    assert await version(tables) == 7


async def test_objects_follow_a_statement(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        document = await session.get_one(Document, 1)
        await session.execute(update(Document).where(Document.id == 1).values(title="b"))
        assert (document.title, document.version) == ("b", 2)
        document.title = "c"
    assert await version(tables) == 3


async def test_rows_by_their_keys_are_compared(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        await session.execute(update(Document), [{"id": 1, "title": "b", "version": 1}])
    with pytest.raises(StaleVersionError) as caught:
        async with SessionManager(tables) as session:
            await session.execute(update(Document), [{"id": 1, "title": "c", "version": 1}])
    assert facts(caught.value) == ("Document", 1, 1, 2)


async def test_rows_by_their_keys_say_their_version(tables: AndamiosEngine) -> None:
    with pytest.raises(ConfigurationError, match="row 1 has no 'version'"):
        async with SessionManager(tables) as session:
            rows = [{"id": 1, "title": "b", "version": 1}, {"id": 2, "title": "b"}]
            await session.execute(update(Document), rows)
    assert await version(tables) == 1


async def test_a_statement_that_deletes_compares_none(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        await session.execute(delete(Document))
    assert await version(tables) is None


async def test_a_dataclass_may_have_it(tables: AndamiosEngine) -> None:
    label = Label(name="a")
    async with SessionManager(tables) as session:
        session.add(label)
    assert label.version == 1


PROGRAM = """
import asyncio
import sys
from sqlalchemy import MetaData
from sqlalchemy.orm import Mapped
from andamios_orm.core import SessionManager, create_engine
from andamios_orm.models.base import BaseModel
from andamios_orm.models.keys import IntegerKey
from andamios_orm.models.versioning import VersioningMixin

class Document(IntegerKey, VersioningMixin, BaseModel):
    __tablename__ = "versioned_document"
    title: Mapped[str]

async def main():
    engine = create_engine(sys.argv[1])
    async with SessionManager(engine) as session:
        (await session.get_one(Document, 1)).title = "theirs"
    await engine.dispose()

asyncio.run(main())
"""


async def test_another_process_makes_a_row_stale(tmp_path: Path) -> None:
    path = tmp_path / "documents.db"
    engine = create_file_engine(path)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with SessionManager(engine) as session:
        document = Document(title="a")
        session.add(document)
    # One process at a time has the file.
    await engine.dispose()
    run_program(f"duckdb:///{path}")
    document.title = "mine"
    with pytest.raises(StaleVersionError) as caught:
        async with SessionManager(engine) as session:
            session.add(document)
    assert facts(caught.value) == ("Document", 1, 1, 2)
    await engine.dispose()


def run_program(url: str) -> None:
    command = [sys.executable, "-W", "error", "-c", dedent(PROGRAM), url]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
