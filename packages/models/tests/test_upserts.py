"""An upsert sets what an UPDATE would set by itself."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, String, func, lambda_stmt, select
from sqlalchemy.dialects.mysql import insert as mysql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import AndamiosEngine, SessionManager, create_engine, insert
from andamios_orm.models.declarative import NAMING_CONVENTION, BaseModel
from andamios_orm.models.timestamps import TimestampMixin
from andamios_orm.models.upserts import updating_on_conflict
from andamios_orm.models.versioning import VersioningMixin

MOMENT = datetime(2013, 1, 1, 5, 15, tzinfo=UTC)
URLS = {
    "duckdb": "duckdb:///:memory:",
    "sqlite": "sqlite:///{folder}/test.db",
    "postgresql": "postgresql://postgres@127.0.0.1:5432/postgres",
    "mariadb": "mariadb://root@127.0.0.1:3306/test",
}
INSERTS: dict[str, Any] = {"sqlite": sqlite_insert, "mariadb": mysql_insert}


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Airline(TimestampMixin, VersioningMixin, Base):
    __tablename__ = "airline_to_upsert"

    code: Mapped[str] = mapped_column(String(2), primary_key=True)
    name: Mapped[str | None] = mapped_column(String(20))


class Plane(Base):
    __tablename__ = "plane_to_upsert"

    tail: Mapped[str] = mapped_column(String(6), primary_key=True)
    seats: Mapped[int]
    plain: Mapped[str | None] = mapped_column(onupdate="plain")
    called: Mapped[str | None] = mapped_column(default=lambda: "new", onupdate=lambda: "changed")
    partly: Mapped[str | None] = mapped_column(onupdate=partial(str, "partly"))
    computed: Mapped[str | None] = mapped_column(onupdate=func.upper("computed"))
    of_context: Mapped[str | None] = mapped_column(onupdate=lambda context: context.no_such_thing)


class Plain(DeclarativeBase):
    pass


class Gate(Plain):
    __tablename__ = "gate"

    number: Mapped[int] = mapped_column(primary_key=True)
    changed: Mapped[str | None] = mapped_column(onupdate="yes")


def require_server(port: int) -> None:
    """Skip the test when no server listens, or fail it when ANDAMIOS_REQUIRE_SERVICES=1."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        if os.environ.get("ANDAMIOS_REQUIRE_SERVICES") == "1":
            raise
        pytest.skip(f"no server listens at port {port}")


@pytest.fixture(params=URLS)
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AndamiosEngine]:
    """An engine of each kind, with an airline that was made long ago."""
    engine = create_engine(URLS[request.param].format(folder=tmp_path))
    if engine.url.port is not None:
        require_server(engine.url.port)
    table = Base.metadata.tables["airline_to_upsert"]
    async with engine.begin() as connection:
        await connection.run_sync(table.drop, checkfirst=True)
        await connection.run_sync(table.create)
    async with SessionManager(engine) as session:
        session.add(Airline(code="UA", name="United", created_at=MOMENT, updated_at=MOMENT))
    yield engine
    async with engine.begin() as connection:
        await connection.run_sync(table.drop)
    await engine.dispose()


def upsert(engine: AndamiosEngine, set_: dict[str, Any], **values: Any) -> Any:
    """Insert an airline, or set the name of the one that is there and ``set_``."""
    adding = INSERTS.get(engine.dialect.name.replace("mysql", "mariadb"), insert)(Airline)
    adding = adding.values(code="UA", **values)
    if hasattr(adding, "on_duplicate_key_update"):
        return adding.on_duplicate_key_update({"name": adding.inserted.name, **set_})
    return adding.on_conflict_do_update(index_elements=["code"], set_={"name": adding.excluded.name, **set_})


async def test_timestamps_and_versions_follow(backend: AndamiosEngine) -> None:
    begun = datetime.now(UTC).replace(microsecond=0)
    async with SessionManager(backend) as session:
        await session.execute(upsert(backend, {}, name="United Airlines"))
    async with SessionManager(backend) as session:
        airline = await session.get_one(Airline, "UA")
        assert (airline.name, airline.version, airline.created_at) == ("United Airlines", 2, MOMENT)
        assert airline.updated_at >= begun


async def test_what_the_statement_sets_is_kept(backend: AndamiosEngine) -> None:
    later = MOMENT.replace(year=2014)
    async with SessionManager(backend) as session:
        await session.execute(upsert(backend, {"updated_at": later, "version": 9}, name="U"))
    async with SessionManager(backend) as session:
        airline = await session.get_one(Airline, "UA")
        assert (airline.version, airline.updated_at) == (9, later)


async def test_what_the_new_row_says_is_kept(backend: AndamiosEngine) -> None:
    later = MOMENT.replace(year=2014)
    async with SessionManager(backend) as session:
        await session.execute(upsert(backend, {}, name="U", updated_at=later))
    async with SessionManager(backend) as session:
        assert (await session.get_one(Airline, "UA")).updated_at == later


@pytest.fixture
async def planes(engine: AndamiosEngine) -> AndamiosEngine:
    """An engine on DuckDB with two planes."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with SessionManager(engine) as session:
        session.add_all([Plane(tail="N1", seats=1), Plane(tail="N2", seats=2)])
    return engine


def reseat() -> Any:
    adding = insert(Plane)
    return adding.on_conflict_do_update(index_elements=["tail"], set_={"seats": adding.excluded.seats})


async def test_every_kind_of_onupdate_counts_but_those_that_need_a_context(planes: AndamiosEngine) -> None:
    async with SessionManager(planes) as session:
        await session.execute(reseat(), [{"tail": "N1", "seats": 10}, {"tail": "N3", "seats": 30}])
    async with SessionManager(planes) as session:
        plane, new = await session.get_one(Plane, "N1"), await session.get_one(Plane, "N3")
        changed = (plane.plain, plane.called, plane.partly, plane.computed, plane.of_context)
        assert changed == ("plain", "changed", "partly", "COMPUTED", None)
        assert (new.seats, new.plain, new.called) == (30, None, "new")


async def test_objects_may_be_selected_from_it(planes: AndamiosEngine) -> None:
    async with SessionManager(planes) as session:
        rows = reseat().values(tail="N1", seats=10).returning(Plane)
        found = await session.scalars(select(Plane).from_statement(rows))
        assert [(plane.tail, plane.plain) for plane in found] == [("N1", "plain")]


async def test_a_lambda_may_make_it(planes: AndamiosEngine) -> None:
    adding = reseat()
    async with SessionManager(planes) as session:
        await session.execute(lambda_stmt(lambda: adding), {"tail": "N1", "seats": 10})
        assert await session.scalar(select(Plane.plain).where(Plane.tail == "N1")) == "plain"


async def test_other_inserts_are_left_alone(planes: AndamiosEngine) -> None:
    plain = insert(Plane).values(tail="N3", seats=3)
    assert updating_on_conflict(plain) is plain
    async with SessionManager(planes) as session:
        await session.execute(plain.on_conflict_do_nothing())
        assert await session.scalar(select(Plane.plain).where(Plane.tail == "N3")) is None


async def test_classes_of_other_bases_are_left_alone(engine: AndamiosEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(Plain.metadata.create_all)
    adding = insert(Gate).values(number=1)
    async with SessionManager(engine) as session:
        for _ in range(2):
            await session.execute(adding.on_conflict_do_update(index_elements=["number"], set_={"number": 1}))
        assert await session.scalar(select(Gate.changed)) is None
