"""What rows are merged from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import MetaData, select, text, union_all
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core import AndamiosEngine, AsyncSession
from andamios_orm.core.errors import ConfigurationError, DataError, OperationalError
from andamios_orm.models import BaseModel, IntegerKey, SoftDeleteMixin
from andamios_orm.models.types import Encrypted
from andamios_orm.queries import QueryBuilder
from andamios_orm.repositories import GenericRepository


class Base(BaseModel):
    """The models of this module."""

    __abstract__ = True
    metadata = MetaData()


class Given(IntegerKey, SoftDeleteMixin, Base):
    """Is merged."""

    word: Mapped[str] = mapped_column("the word")


class Taken(IntegerKey, Base):
    """Gets the rows."""

    word: Mapped[str] = mapped_column("another word")
    deleted_at: Mapped[Any] = mapped_column(Given.__table__.c.deleted_at.type, nullable=True)


class Secret(IntegerKey, Base):
    """Has a value that the database does not see."""

    value: Mapped[str] = mapped_column(Encrypted(key=Fernet.generate_key()))


@pytest.fixture
async def session(engine: AndamiosEngine) -> Any:
    """A session on two rows that are given, of which one is marked as deleted."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with AsyncSession(engine) as session:
        marked = Given(id=2, word="b")
        session.add_all([Given(id=1, word="a"), marked, Taken(id=1, word="old")])
        await session.flush()
        await session.delete(marked)
        await session.commit()
        yield session


TABLE = pa.table({"id": [1, 2], "word": ["a", "b"]})
BOTH, FIRST = [(1, "a"), (2, "b")], [(1, "a")]


async def taken(session: AsyncSession) -> list[tuple[Any, ...]]:
    """Return the rows that were merged."""
    return [tuple(row) for row in await session.execute(select(Taken.id, Taken.word).order_by(Taken.id))]


@pytest.mark.parametrize(
    ("source", "rows"),
    [
        (QueryBuilder(Given), FIRST),
        (QueryBuilder(Given).select("id", "word"), FIRST),
        (QueryBuilder(Given).with_deleted().select("id", "word"), BOTH),
        (QueryBuilder(Given).only_deleted().select("id", "word"), [(1, "old"), (2, "b")]),
        (select(Given), FIRST),
        (select(Given.id, Given.word).where(Given.word == "a"), FIRST),
        (union_all(select(Given.id, Given.word), select(Given.id + 1, Given.word)), [(1, "a"), (2, "a")]),
        (TABLE, BOTH),
        (TABLE.to_reader(), BOTH),
        (pl.DataFrame({"id": [1, 2], "word": ["a", "b"]}), BOTH),
        (pd.DataFrame({"id": [1, 2], "word": ["a", "b"]}), BOTH),
    ],
)
async def test_sources(session: AsyncSession, source: Any, rows: Any) -> None:
    await GenericRepository[Taken](session).merge_from(source)
    assert await taken(session) == rows


@pytest.mark.parametrize("kind", [str, Path])
async def test_a_parquet_file(session: AsyncSession, tmp_path: Path, kind: Any) -> None:
    pq.write_table(TABLE, tmp_path / "it's one.parquet")
    assert await GenericRepository[Taken](session).merge_from(kind(tmp_path / "it's one.parquet")) == (1, 1)
    assert await taken(session) == BOTH


async def test_several_parquet_files(session: AsyncSession, tmp_path: Path) -> None:
    for number in (0, 1):
        pq.write_table(TABLE.slice(number, 1), tmp_path / f"{number}.parquet")
    assert await GenericRepository[Taken](session).merge_from(f"{tmp_path}/*.parquet") == (1, 1)


async def test_a_query_of_the_rows_themselves(session: AsyncSession) -> None:
    later = select((Taken.id + 1).label("id"), Taken.word)
    assert await GenericRepository[Taken](session).merge_from(later) == (1, 0)
    assert await taken(session) == [(1, "old"), (2, "old")]


async def test_no_source(session: AsyncSession) -> None:
    with pytest.raises(
        ConfigurationError, match=r"a query, the path of a Parquet file or Arrow columns, not \[\]"
    ):
        await GenericRepository[Taken](session).merge_from([])  # type: ignore[arg-type] # that is the point


async def test_no_file(session: AsyncSession, tmp_path: Path) -> None:
    with pytest.raises(OperationalError, match="No files found"):
        await GenericRepository[Taken](session).merge_from(tmp_path / "none.parquet")


async def test_a_failure_leaves_the_connection_usable(session: AsyncSession) -> None:
    """The name of the Arrow columns is gone after the rollback, and may be used again."""
    taker = GenericRepository[Taken](session)
    with pytest.raises(DataError):
        await taker.merge_from(pa.table({"id": ["x"], "word": ["a"]}))
    await session.rollback()
    found = await session.execute(
        text("SELECT view_name FROM duckdb_views() WHERE view_name LIKE 'andamios%'")
    )
    assert found.all() == []
    assert await taker.merge_from(TABLE) == (1, 1)


async def test_without_pyarrow(session: AsyncSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("andamios_orm.repositories.merging.sources.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match="needs pyarrow"):
        await GenericRepository[Taken](session).merge_from(TABLE)


async def test_what_is_encrypted(session: AsyncSession) -> None:
    secrets = GenericRepository[Secret](session)
    with pytest.raises(ConfigurationError, match=r"Secret\.value is encrypted"):
        await secrets.merge_from(pa.table({"id": [1], "value": ["plain"]}))
    await secrets.create(value="plain")
    assert await secrets.merge_from(select((Secret.id + 1).label("id"), Secret.value)) == (1, 0)
    assert [each.value for each in await secrets.list()] == ["plain", "plain"]
