"""Writes of a flush are compared, whoever made the row stale, and in whichever order."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm.exc import StaleDataError

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager, create_file_engine
from andamios_orm.core.errors import StaleVersionError

from .models import Base, Contract, Document, Draft, Paragraph, facts, touch, version, write


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


PROGRAM = """
import asyncio
import sys
from sqlalchemy import MetaData
from sqlalchemy.orm import Mapped
from andamios_orm.core import SessionManager, create_engine
from andamios_orm.models.declarative import BaseModel
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
