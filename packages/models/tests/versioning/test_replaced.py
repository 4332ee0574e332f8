"""On DuckDB a change in place and one that replaces the row are compared as well, by the version."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    delete,
    event,
    func,
    select,
    text,
    update,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import NullType, PickleType, TypeDecorator, TypeEngine, UserDefinedType

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager, create_engine, types
from andamios_orm.core.errors import StaleVersionError, TransactionConflictError
from andamios_orm.models.declarative import NAMING_CONVENTION, BaseModel
from andamios_orm.models.errors import StaleConflictError
from andamios_orm.models.keys import IntegerKey, NaturalKey
from andamios_orm.models.types import Vector
from andamios_orm.models.versioning import VersioningMixin
from andamios_orm.models.versioning.replaced import replaces_row

from .models import facts


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Row(IntegerKey, Base):
    __tablename__ = "replaced_row"


class Seat(VersioningMixin, Base):
    """Has columns of each kind. All but the first three make DuckDB replace the row when they are set."""

    __tablename__ = "replaced_seat"
    __table_args__ = (CheckConstraint("age > 0", name="age"),)

    age: Mapped[int | None]
    pair: Mapped[dict[str, int] | None] = mapped_column(types.STRUCT({"a": Integer, "b": Integer}))
    json: Mapped[Any | None] = mapped_column(types.JSON)
    number: Mapped[NaturalKey[int]]
    name: Mapped[str] = mapped_column("the name", unique=True)
    town: Mapped[str | None] = mapped_column(index=True)
    word: Mapped[str | None]
    row: Mapped[int | None] = mapped_column(ForeignKey(Row.id))
    tags: Mapped[list[int] | None] = mapped_column(types.LIST(Integer))
    place: Mapped[list[float] | None] = mapped_column(Vector(2))
    fees: Mapped[dict[str, int] | None] = mapped_column(types.MAP(String, Integer))
    either: Mapped[Any | None] = mapped_column(types.UNION({"n": Integer, "s": String}))
    anything: Mapped[Any | None] = mapped_column(types.VARIANT)
    nested: Mapped[Any | None] = mapped_column(types.STRUCT({"a": Integer, "b": types.LIST(Integer)}))


Index("replaced_seat_word", func.upper(Seat.word))

IN_PLACE: dict[str, Any] = {"age": [7, 8], "pair": [{"a": 2, "b": 2}] * 2, "json": ["c", "d"]}
REPLACED: dict[str, Any] = {
    "number": [2, 3],
    "name": ["b", "c"],
    "town": ["b", "c"],
    "word": ["b", "c"],
    "row": [1, 2],
    "tags": [[1], [2]],
    "place": [[1.0, 2.0], [3.0, 4.0]],
    "fees": [{"a": 1}, {"b": 2}],
    "either": [4, "x"],
    "anything": [4, "x"],
    "nested": [{"a": 2, "b": [1]}, {"a": 2, "b": [2]}],
}
VALUES = IN_PLACE | REPLACED | {"age to NULL": [None, None]}
"""What each of two writes sets."""


class Letter(IntegerKey, VersioningMixin, Base):
    __tablename__ = "replaced_letter"

    name: Mapped[str] = mapped_column(unique=True)


LETTERS = Base.metadata.tables["replaced_letter"]


@pytest.fixture
async def seats(native_engine: AndamiosEngine) -> AndamiosEngine:
    """An engine whose database has the seats 1 and 11, in their first versions."""
    async with native_engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with SessionManager(native_engine) as session:
        session.add_all([Row(id=1), Row(id=2), Seat(number=1, name="a", age=1), Seat(number=11, name="z")])
    return native_engine


@contextmanager
def sent(engine: AndamiosEngine) -> Iterator[list[str]]:
    """Give the list of the UPDATEs that are sent."""
    statements: list[str] = []

    def note(*arguments: Any) -> None:
        if arguments[2].startswith("UPDATE"):
            statements.append(arguments[2])

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine.sync_engine, "before_cursor_execute", note)


async def write(session: AsyncSession, seat: Seat, way: str, number: int) -> None:
    if way == "delete":
        await session.delete(seat)
    else:
        setattr(seat, way.removesuffix(" to NULL"), VALUES[way][number])
    await session.flush()


WAYS = ["age", "age to NULL", "name", "tags", "delete"]


@pytest.mark.parametrize("overlapping", [False, True])
@pytest.mark.parametrize("second", WAYS)
@pytest.mark.parametrize("first", WAYS)
async def test_the_later_write_is_told(
    seats: AndamiosEngine, first: str, second: str, overlapping: bool
) -> None:
    async with AsyncSession(seats) as theirs, AsyncSession(seats) as mine:
        new, old = await theirs.get_one(Seat, 1), await mine.get_one(Seat, 1)
        await write(theirs, new, first, 0)
        if not overlapping:
            await theirs.commit()
        with pytest.raises(StaleConflictError) as caught:
            await write(mine, old, second, 1)
        await theirs.commit()
    assert facts(caught.value)[:3] == ("Seat", 1, 1)


@pytest.mark.parametrize("column", REPLACED)
async def test_columns_that_replace_a_row(seats: AndamiosEngine, column: str) -> None:
    async with AsyncSession(seats) as theirs, AsyncSession(seats) as mine:
        old = await mine.get_one(Seat, 1)
        await write(theirs, await theirs.get_one(Seat, 1), column, 0)
        await theirs.commit()
        with pytest.raises(StaleVersionError):
            await write(mine, old, "age", 1)


@pytest.mark.parametrize("column", [*IN_PLACE, *REPLACED])
async def test_the_version_is_raised_before_a_replacement(seats: AndamiosEngine, column: str) -> None:
    async with SessionManager(seats) as session:
        seat = await session.get_one(Seat, 1)
        with sent(seats) as statements:
            await write(session, seat, column, 1)
        assert len(statements) == (1 if column in IN_PLACE else 2)
        assert seat.version == 2
    async with AsyncSession(seats) as session:
        seat = await session.get_one(Seat, seat.number)
        assert (getattr(seat, column), seat.version) == (VALUES[column][1], 2)


async def test_no_change_is_lost(seats: AndamiosEngine) -> None:
    """Three count, one renames, for three seconds."""
    end, counted = monotonic() + 3, 0

    async def change(way: str) -> None:
        nonlocal counted
        while monotonic() < end:
            try:
                async with SessionManager(seats) as session:
                    seat = await session.get_one(Seat, 1)
                    await asyncio.sleep(0)
                    setattr(seat, way, getattr(seat, way) + (1 if way == "age" else "b"))
            except (TransactionConflictError, StaleVersionError):
                await asyncio.sleep(0.001)
            else:
                counted += 1

    await asyncio.gather(*(change(way) for way in ("age", "age", "age", "name")))
    async with AsyncSession(seats) as session:
        seat = await session.get_one(Seat, 1)
    assert (seat.age or 0) - 1 + len(seat.name) - 1 == counted == seat.version - 1
    assert len(seat.name) > 1


async def test_twice_in_one_transaction(seats: AndamiosEngine) -> None:
    async with SessionManager(seats) as session:
        seat = await session.get_one(Seat, 1)
        for name in ("b", "c"):
            seat.name = name
            await session.flush()
        seat.age = 3
        await session.flush()
        assert seat.version == 4
        await session.refresh(seat)
        assert (seat.name, seat.age, seat.version) == ("c", 3, 4)


async def test_an_object_goes_on_after_a_rollback(seats: AndamiosEngine) -> None:
    async with AsyncSession(seats) as session:
        seat = await session.get_one(Seat, 1)
        seat.name = "b"
        await session.flush()
        await session.rollback()
        await session.refresh(seat)
        assert (seat.name, seat.version) == ("a", 1)
        seat.name = "c"
        await session.commit()
        assert seat.version == 2


async def test_several_rows_of_one_flush(seats: AndamiosEngine) -> None:
    async with SessionManager(seats) as session:
        for number in (1, 11):
            (await session.get_one(Seat, number)).name += "!"
        await session.flush()
        rows = await session.execute(text('SELECT number, "the name", version FROM replaced_seat ORDER BY 1'))
        assert rows.all() == [(1, "a!", 2), (11, "z!", 2)]


async def test_an_expression_is_a_change_too(seats: AndamiosEngine) -> None:
    async with AsyncSession(seats) as theirs, AsyncSession(seats) as mine:
        old, new = await mine.get_one(Seat, 1), await theirs.get_one(Seat, 1)
        new.name = func.upper("b")
        await theirs.commit()
        with pytest.raises(StaleVersionError):
            await write(mine, old, "age", 0)
        assert await theirs.scalar(select(Seat.name).where(Seat.number == 1)) == "B"


@pytest.mark.parametrize("number", [1, 11])
async def test_a_row_that_is_gone_is_told(seats: AndamiosEngine, number: int) -> None:
    async with AsyncSession(seats) as session:
        for seat in (await session.scalars(select(Seat))).all():
            seat.name += "!"
        async with SessionManager(seats) as other:
            await other.execute(delete(Seat).where(Seat.number == number))
        with pytest.raises(StaleConflictError) as caught:
            await session.commit()
        await session.rollback()
    assert facts(caught.value) == ("Seat", number, 1, None)


async def test_a_version_that_is_assigned_is_written_as_it_is(seats: AndamiosEngine) -> None:
    async with SessionManager(seats) as session:
        seat = await session.get_one(Seat, 1)
        seat.name, seat.version = "b", 7
        await session.flush()
        assert seat.version == 7
        await session.refresh(seat)
        assert (seat.name, seat.version) == ("b", 7)


@pytest.mark.parametrize("version", [1, 2])
async def test_rows_by_their_keys(seats: AndamiosEngine, version: int) -> None:
    """A wrong version is told, and nothing is written."""
    rows = [
        {"number": 11, "name": "b", "version": 1},
        {"number": 1, "name": "c", "version": version},
    ]
    async with AsyncSession(seats) as session:
        if version == 1:
            await session.execute(update(Seat), rows)
            await session.commit()
        else:
            with pytest.raises(StaleVersionError) as caught:
                await session.execute(update(Seat), rows)
            assert facts(caught.value) == ("Seat", 1, 2, 1)
            await session.rollback()
        found = await session.execute(select(Seat.name, Seat.version).order_by(Seat.number))
        assert found.all() == ([("c", 2), ("b", 2)] if version == 1 else [("a", 1), ("z", 1)])


async def test_other_databases_are_sent_one_update(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'test.db'}")
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all, [LETTERS])
    async with SessionManager(engine) as session:
        letter = Letter(id=1, name="a")
        session.add(letter)
        await session.flush()
        with sent(engine) as statements:
            letter.name = "b"
            await session.flush()
    assert len(statements) == 1
    assert letter.version == 2
    await engine.dispose()


class Words(TypeDecorator[Any]):
    impl = PickleType
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(types.LIST(String))


class Geometry(UserDefinedType[Any]):
    def get_col_spec(self, **options: Any) -> str:
        return "geometry"


@pytest.mark.parametrize(
    ("column_type", "replaced"),
    [
        (Words(), True),
        (Geometry(), True),
        (ARRAY(Integer), True),
        (String().with_variant(types.LIST(String), "duckdb"), True),
        (types.LIST(String).with_variant(String(), "duckdb"), False),
        (types.STRUCT({"a": types.STRUCT({"b": types.MAP(String, Integer)})}), True),
        (types.STRUCT({"mapped": Integer}), False),
        (NullType(), True),
        (String(), False),
    ],
)
def test_types_as_duckdb_has_them(
    engine: AndamiosEngine, column_type: TypeEngine[Any], replaced: bool
) -> None:
    table = Table("replaced_type", MetaData(), Column("value", column_type), Column("other", Integer))
    dialect = engine.dialect
    assert replaces_row(update(table), table, {"value": 1}, dialect) == replaced
    assert not replaces_row(update(table), table, {"other": 1}, dialect)


def test_sql_text_may_index_any_column(engine: AndamiosEngine) -> None:
    table = Table("replaced_index", MetaData(), Column("value", Integer), Index(None, text("value + 1")))
    assert replaces_row(update(table), table, {"value": 1}, engine.dialect)
