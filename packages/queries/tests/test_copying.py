"""Files that the engine writes: what they are called, and that none is there in part."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import case, func, literal, select

from andamios_orm.core import AsyncSession
from andamios_orm.core.errors import ConfigurationError, DatabaseError
from andamios_orm.queries import QueryBuilder
from andamios_orm.queries.copying import Copy, written_whole

from .airport import Flight, Plane

WRITTEN = "tailnum\nN1\nN2\nN3\nN4\n"


async def test_a_copy_is_a_statement(session: AsyncSession, tmp_path: Path) -> None:
    path = tmp_path / "it's one.csv"
    copy = Copy(
        select(literal("a'b").label("text"), literal(2).label("number")), str(path), "FORMAT csv, HEADER"
    )
    result = await (await session.connection()).execute(copy)
    assert (result.rowcount, path.read_text()) == (1, "text,number\na'b,2\n")


@pytest.mark.parametrize(
    "name",
    [
        "plain.csv",
        "with space.csv",
        "it's.csv",
        'say "hi".csv',
        "back\\slash.csv",
        "'); DROP TABLE planes; --.csv",
        "ünïcødé 🛫.csv",
        "new\nline.csv",
        "$1 :name ? %s.csv",
        "*.csv",
        "no ending",
        ".hidden",
        "x" * 255,
    ],
)
async def test_names_of_files(session: AsyncSession, tmp_path: Path, name: str) -> None:
    planes = QueryBuilder(Plane, session).order_by("tailnum").select("tailnum")
    assert await planes.to_csv(tmp_path / name) == 4
    assert (tmp_path / name).read_text() == WRITTEN
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert await planes.count() == 4


@pytest.mark.parametrize("name", ["", ".", "/", "a\0b", "\0"])
async def test_names_that_no_file_has(session: AsyncSession, name: str) -> None:
    with pytest.raises(ConfigurationError, match="a file cannot be called"):
        await QueryBuilder(Plane, session).to_csv(name)
    assert await QueryBuilder(Plane, session).count() == 4


async def test_a_relative_name(
    session: AsyncSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert await QueryBuilder(Plane, session).order_by("tailnum").select("tailnum").to_csv("planes.csv") == 4
    assert (tmp_path / "planes.csv").read_text() == WRITTEN


async def test_a_file_is_replaced(session: AsyncSession, tmp_path: Path) -> None:
    path = tmp_path / "planes.csv"
    path.write_text("old\n" * 1000)
    assert await QueryBuilder(Plane, session).order_by("tailnum").select("tailnum").to_csv(path) == 4
    assert path.read_text() == WRITTEN


@pytest.mark.parametrize("ending", ["to_csv", "to_parquet", "to_json"])
async def test_an_old_file_stays_when_a_query_fails(
    session: AsyncSession, tmp_path: Path, ending: str
) -> None:
    """The query fails at its last row, when some are written."""
    path = tmp_path / "flights"
    path.write_text("old")
    flights = QueryBuilder(Flight, session).order_by("id")
    failing = flights.select("id", word=case((Flight.id == 7, func.error("no")), else_="fine"))
    with pytest.raises(DatabaseError):
        await getattr(failing, ending)(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    await session.rollback()


@pytest.mark.parametrize("ending", ["to_csv", "to_parquet", "to_json"])
async def test_a_folder_that_is_not_there(session: AsyncSession, tmp_path: Path, ending: str) -> None:
    path = tmp_path / "none" / "planes"
    with pytest.raises(ConfigurationError) as caught:
        await getattr(QueryBuilder(Plane, session), ending)(path)
    assert str(caught.value) == f"there is no folder '{path.parent}': make it before '{path}' is written"
    assert await QueryBuilder(Plane, session).count() == 4
    assert list(tmp_path.iterdir()) == []


async def test_a_folder_in_the_place_of_the_file(session: AsyncSession, tmp_path: Path) -> None:
    folder = tmp_path / "planes.csv"
    folder.mkdir()
    with pytest.raises(OSError, match="irectory"):
        await QueryBuilder(Plane, session).to_csv(folder)
    assert list(tmp_path.iterdir()) == [folder]
    assert await QueryBuilder(Plane, session).count() == 4


async def test_the_part_is_beside_the_file(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    async with written_whole(str(path)) as part:
        assert (Path(part).parent, part.endswith(".part"), path.exists()) == (tmp_path, True, False)
        Path(part).write_text("new")
    assert (path.read_text(), list(tmp_path.iterdir())) == ("new", [path])


async def test_the_part_is_removed_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    with pytest.raises(KeyError):
        async with written_whole(str(path)) as part:
            Path(part).write_text("new")
            raise KeyError
    assert list(tmp_path.iterdir()) == []


async def test_a_remote_file_is_written_directly() -> None:
    async with written_whole("s3://bucket/rows.parquet") as name:
        assert name == "s3://bucket/rows.parquet"
