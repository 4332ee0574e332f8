"""Writing, matching and upserts on other databases: SQLite, PostgreSQL, MariaDB."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from andamios_orm.core import AsyncSession, SessionManager, create_engine
from andamios_orm.core.errors import DuplicateKeyError, IntegrityError
from andamios_orm.repositories import GenericRepository

from .contract import BulkContract, WritingContract
from .contract_models import PEOPLE
from .models import DEVICE, KINDS, Base, Device, Document, Parcel, Person, Player, Seat, fill, parcel, row

URLS = {
    "sqlite": "sqlite:///{folder}/test.db",
    "postgresql": "postgresql://postgres@127.0.0.1:5432/postgres",
    "mariadb": "mariadb://root@127.0.0.1:3306/test",
}


def reachable(backend: str, folder: Path) -> str:
    """Return the URL of a backend; skip the test when nobody listens there, unless services are required."""
    url = URLS[backend].format(folder=folder)
    address = make_url(url)
    try:
        if address.port is not None:
            socket.create_connection((str(address.host), address.port), timeout=5).close()
    except OSError:
        if os.environ.get("ANDAMIOS_REQUIRE_SERVICES") == "1":
            raise
        pytest.skip(f"no server at {url}")
    return url


@pytest.fixture(scope="module", params=URLS)
def elsewhere(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of each of the databases, with the rows of the models, which all tests share."""
    url = reachable(request.param, tmp_path_factory.mktemp(request.param))

    async def dropped(*, filled: bool) -> None:
        engine = create_engine(url)
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.drop_all)
        if filled:
            async with SessionManager(engine) as session:
                await fill(session)
        await engine.dispose()

    asyncio.run(dropped(filled=True))
    yield url
    asyncio.run(dropped(filled=False))


@pytest.fixture
async def session(elsewhere: str) -> AsyncIterator[AsyncSession]:
    """A session on the rows of the models that is rolled back."""
    engine = create_engine(elsewhere)
    async with AsyncSession(engine) as session:
        yield session
    await engine.dispose()


class TestContract(WritingContract, BulkContract):
    @pytest.fixture
    def repository(self, session: AsyncSession) -> Any:
        return GenericRepository[Person](session)


@pytest.mark.parametrize("names", KINDS, ids="-".join)
async def test_values_of_every_kind_match(session: AsyncSession, names: list[str]) -> None:
    parcels = GenericRepository[Parcel](session)
    rows = [parcel(number, id=number, note="new") for number in range(2, 8)]
    assert await parcels.upsert_many(rows, match=names, update=["note"]) == (4, 2)
    assert await parcels.count(note="new") == 6


async def test_rows_are_looked_for_in_parts(session: AsyncSession) -> None:
    people = GenericRepository[Person](session)
    assert await people.upsert_many(row(number, age=7) for number in range(1, 2_101)) == (2_095, 5)
    assert await people.upsert_many(row(number, age=8) for number in range(1, 2_102)) == (1, 2_100)
    assert await people.count(age=8) == 2_101


async def test_composite_keys(session: AsyncSession) -> None:
    seats = GenericRepository[Seat](session)
    rows = [{"number": number, "letter": "a", "holder": "eve"} for number in range(1, 5)]
    assert await seats.upsert_many(rows) == (2, 2)
    assert await seats.update_many([{"number": 1, "letter": "b", "holder": "eve"}]) == 1
    assert await seats.delete_many([(1, "a"), (9, "z")]) == 1
    assert await seats.count(holder="eve") == 4


async def test_uuids(session: AsyncSession) -> None:
    devices = GenericRepository[Device](session)
    keys = await devices.create_many([{"name": name} for name in "abc"], return_keys=True)
    assert [(await devices.get_one(str(key))).name for key in keys] == ["a", "b", "c"]
    assert await devices.upsert_many([{"id": DEVICE, "name": "new"}]) == (0, 1)
    assert await devices.delete_many([str(DEVICE)]) == 1


async def test_versions_and_timestamps(session: AsyncSession) -> None:
    documents, players = GenericRepository[Document](session), GenericRepository[Player](session)
    assert await documents.upsert_many([{"id": number, "title": "new"} for number in (2, 3)]) == (1, 1)
    assert await documents.query().order_by("id").values_list("version", flat=True) == [1, 2, 1]
    await players.upsert_many([{"id": 8, "name": "new"}])
    assert (await players.get_one(8)).created_at is not None


async def test_a_failed_part_is_undone_alone(session: AsyncSession) -> None:
    people = GenericRepository[Person](session)
    with pytest.raises(RuntimeError, match="whole"):
        async with people.transaction():
            await people.update(1, age=11)
            with pytest.raises(RuntimeError, match="part"):
                async with people.transaction():
                    await people.update(2, age=12)
                    raise RuntimeError("part")
            assert await people.query().order_by("id").limit(2).values_list("age", flat=True) == [11, 20]
            raise RuntimeError("whole")
    assert await people.count(age=11) == 0


@pytest.mark.parametrize("refused", [row(6, email="1@example.org"), row(1, email="2@example.org")])
async def test_a_constraint_refuses_all(session: AsyncSession, refused: dict[str, Any]) -> None:
    people = GenericRepository[Person](session)
    with pytest.raises(DuplicateKeyError):
        await people.upsert_many([row(7), refused])
    await session.rollback()
    assert [each.id for each in await people.list()] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("elsewhere", ["sqlite", "mariadb"], indirect=True)
@pytest.mark.parametrize(
    ("write", "rows"),
    [
        ("create_many", [row(6), row(7, age=-1)]),
        ("update_many", [{"id": 1, "age": 7}, {"id": 2, "age": -1}]),
        ("upsert_many", [row(6), row(1, age=-1)]),
    ],
)
async def test_all_or_none_without_a_rollback(
    session: AsyncSession, write: str, rows: list[dict[str, Any]]
) -> None:
    """These databases go on with a transaction after an error."""
    people = GenericRepository[Person](session)
    with pytest.raises(IntegrityError):
        await getattr(people, write)(rows)
    found = await people.query().order_by("id").values(*row(0))
    assert [dict(each) for each in found] == PEOPLE
