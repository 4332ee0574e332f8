"""Models of views."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import ForeignKey, MetaData, SelectBase, String, func, select, text, union_all
from sqlalchemy.orm import Mapped, mapped_column, relationship

from andamios_orm.core import AndamiosEngine, SessionManager
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.models.declarative import NAMING_CONVENTION, BaseModel
from andamios_orm.models.soft_delete import SoftDeleteMixin
from andamios_orm.models.tables import create_all, drop_all
from andamios_orm.models.views import ViewModel


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Airline(Base):
    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    delay: Mapped[Delay | None] = relationship(back_populates="airline", viewonly=True)


class Flight(Base):
    carrier: Mapped[str] = mapped_column(ForeignKey(Airline.code))
    minutes: Mapped[int]


class Delay(ViewModel, Base):
    __query__ = (
        select(Flight.carrier.label("code"), func.avg(Flight.minutes).label("mean"))
        .where(Flight.minutes > 5, Flight.carrier != "it's")
        .group_by(Flight.carrier)
    )

    code: Mapped[str] = mapped_column(ForeignKey(Airline.code), primary_key=True)
    mean: Mapped[float]
    airline: Mapped[Airline] = relationship(back_populates="delay", viewonly=True)


class Slow(ViewModel, Base):
    """It reads another view."""

    __query__ = select(Delay.code).where(Delay.mean > 15)

    code: Mapped[str] = mapped_column(primary_key=True)


class Word(ViewModel, Base):
    __query__ = union_all(select(Airline.code.label("word")), select(Airline.name))

    word: Mapped[str] = mapped_column(primary_key=True)


@pytest.fixture
async def filled(engine: AndamiosEngine) -> AndamiosEngine:
    await create_all(engine, Base)
    async with SessionManager(engine) as session:
        session.add_all([Airline(code="UA", name="United"), Airline(code="AA", name="American")])
        await session.bulk_insert(
            Flight, [("UA", 30), ("UA", 10), ("UA", 1), ("AA", 8)], columns=["carrier", "minutes"]
        )
    return engine


async def names(engine: AndamiosEngine, kind: str = "views") -> list[str]:
    async with engine.connect() as connection:
        found = text(f"SELECT {kind[:-1]}_name FROM duckdb_{kind}() WHERE NOT internal ORDER BY 1")
        return list(await connection.scalars(found))


async def test_rows_are_objects(filled: AndamiosEngine) -> None:
    async with SessionManager(filled) as session:
        delays = (await session.scalars(select(Delay).order_by(Delay.mean))).all()
        assert [(delay.code, delay.mean) for delay in delays] == [("AA", 8.0), ("UA", 20.0)]
        assert (await session.scalars(select(Slow.code))).all() == ["UA"]
        assert await session.get(Word, "United") is not None


async def test_relationships(filled: AndamiosEngine) -> None:
    async with SessionManager(filled) as session:
        airline = await session.get_one(Airline, "UA")
        delay = await airline.awaitable_attrs.delay
        assert delay.mean == 20.0
        assert await delay.awaitable_attrs.airline is airline


async def test_view_is_no_reason_to_keep_a_parent(filled: AndamiosEngine) -> None:
    async with SessionManager(filled) as session:
        await session.execute(text("DELETE FROM flight"))
        await session.delete(await session.get_one(Airline, "UA"))
    async with SessionManager(filled) as session:
        assert await session.get(Airline, "UA") is None


async def test_created_and_dropped_with_the_metadata(filled: AndamiosEngine) -> None:
    assert await names(filled) == ["delay", "slow", "word"]
    await drop_all(filled, Base)
    assert await names(filled) == await names(filled, "tables") == []
    async with filled.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        await connection.run_sync(Base.metadata.create_all)
    assert await names(filled) == ["delay", "slow", "word"]


async def test_create_all_replaces_a_view_of_another_text(filled: AndamiosEngine) -> None:
    async with filled.begin() as connection:
        await connection.execute(text("CREATE OR REPLACE VIEW delay AS SELECT 'old' AS code, 0.0 AS mean"))
    await create_all(filled, Base)
    async with SessionManager(filled) as session:
        assert (await session.scalars(select(Delay.code).order_by(Delay.code))).all() == ["AA", "UA"]
        assert len((await session.scalars(select(Flight))).all()) == 4


class Marked(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Plane(SoftDeleteMixin, Marked):
    tail: Mapped[str] = mapped_column(primary_key=True)


TAILS = select(Plane.tail)


@pytest.mark.parametrize(
    ("query", "tails"),
    [
        (TAILS, ["N2"]),
        (union_all(TAILS, TAILS), ["N2", "N2"]),
        (select(TAILS.subquery().c.tail), ["N2"]),
        (TAILS.execution_options(include_deleted=True), ["N1", "N2"]),
        (TAILS.execution_options(include_deleted="only"), ["N1"]),
        (select(Plane.__table__.c.tail), ["N1", "N2"]),
    ],
)
async def test_deleted_rows_are_left_out(engine: AndamiosEngine, query: SelectBase, tails: list[str]) -> None:
    class Scratch(ViewModel):
        __abstract__ = True
        metadata = MetaData()

    class Tail(Scratch):
        __query__ = query
        tail: Mapped[str] = mapped_column(primary_key=True)

    await create_all(engine, Marked)
    await create_all(engine, Scratch)
    async with SessionManager(engine) as session:
        session.add_all([Plane(tail="N1"), Plane(tail="N2")])
        await session.flush()
        await session.delete(await session.get_one(Plane, "N1"))
        await session.flush()
        assert (await session.scalars(select(Tail.tail).order_by(Tail.tail))).all() == tails
        assert await session.scalar(select(func.count(Tail.tail))) == len(tails)


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({}, "Own needs its query"),
        ({"__query__": "SELECT 1"}, "Own needs its query: .* not 'SELECT 1'"),
        ({"__query__": select(Airline.code)}, "Own needs a key"),
        (
            {
                "__query__": select(Airline.code).execution_options(include_deleted="all"),
                "code": mapped_column(String, primary_key=True),
            },
            "include_deleted is True, False or \"only\", not 'all'",
        ),
        (
            {"__query__": select(func.max(Airline.code)), "code": mapped_column(String, primary_key=True)},
            r"query of Own has no column code; it has .*: name an expression with label\(\)",
        ),
    ],
)
def test_unusable_class_is_refused(attributes: dict[str, Any], reason: str) -> None:
    class Scratch(ViewModel):
        __abstract__ = True
        metadata = MetaData()

    with pytest.raises(ConfigurationError, match=reason):
        type("Own", (Scratch,), {"__module__": __name__, **attributes})
    assert not Scratch.metadata.tables
