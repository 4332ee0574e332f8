"""Rows that are merged: what is written, and what is refused with nothing written."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    MetaData,
    Sequence,
    String,
    UniqueConstraint,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager, create_engine
from andamios_orm.core.errors import (
    CheckError,
    ConfigurationError,
    DataError,
    DuplicateKeyError,
    ForeignKeyError,
    MultipleResultsError,
    NotNullError,
    NotSupportedError,
    TransactionAbortedError,
    TransactionConflictError,
    ValidationError,
)
from andamios_orm.models import (
    NAMING_CONVENTION,
    AuditMixin,
    BaseModel,
    IntegerKey,
    NaturalKey,
    SoftDeleteMixin,
    TimestampMixin,
    UUIDKey,
    VersioningMixin,
)
from andamios_orm.queries import QueryBuilder, UnknownNameError
from andamios_orm.repositories import GenericRepository
from andamios_orm.repositories.plugins.plugins import Operation, Proceed
from andamios_orm.repositories.plugins.tenancy import TenantScope, tenant


class Base(BaseModel):
    """The models of this module."""

    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Port(IntegerKey, Base):
    """Is referred to, and has a column that is called otherwise."""

    code: Mapped[str] = mapped_column(unique=True)
    size: Mapped[int | None] = mapped_column("the size")


class Flag(IntegerKey, Base):
    """Has a code that others refer to."""

    code: Mapped[str] = mapped_column(unique=True)


class Ship(UUIDKey, TimestampMixin, VersioningMixin, AuditMixin, Base):
    """Does all that models do, with a name that is an index."""

    __table_args__ = (CheckConstraint("length > 0", name="positive"),)

    name: Mapped[str] = mapped_column(unique=True)
    length: Mapped[int] = mapped_column(default=1)
    tags: Mapped[int] = mapped_column(default=lambda: 7)
    port: Mapped[int | None] = mapped_column(ForeignKey(Port.id))
    flag: Mapped[str | None] = mapped_column(ForeignKey(Flag.code))


class Seat(Base):
    """Has a composite key, of which one column is called otherwise."""

    number: Mapped[NaturalKey[int]] = mapped_column("the number")
    letter: Mapped[NaturalKey[str]] = mapped_column(String(1))
    holder: Mapped[str | None]


class Note(IntegerKey, SoftDeleteMixin, Base):
    """Is marked as deleted."""

    word: Mapped[str | None]


class Room(IntegerKey, Base):
    """Belongs to a tenant."""

    __table_args__ = (UniqueConstraint("owner", "name"),)

    owner: Mapped[int]
    name: Mapped[str]
    beds: Mapped[int]


class Told(IntegerKey, Base):
    """Has a column that a function makes of the others."""

    word: Mapped[str]
    length: Mapped[int] = mapped_column(default=lambda context: len(context.get_current_parameters()["word"]))


class Drawn(Base):
    """Has a key of a sequence that is declared, and a default that is SQL."""

    id: Mapped[int] = mapped_column(
        Sequence("drawn_keys", start=50, metadata=Base.metadata), primary_key=True
    )
    word: Mapped[str]
    twice: Mapped[str] = mapped_column(default=func.upper("sql"))


class Animal(IntegerKey, Base):
    """Is one of several kinds."""

    kind: Mapped[str]
    name: Mapped[str]
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "animal"}


class Dog(Animal):
    """Is one of them."""

    __mapper_args__ = {"polymorphic_identity": "dog"}


class Rooms(GenericRepository[Room], plugins=[TenantScope("owner")]):
    """Keeps to the rooms of the tenant."""


@pytest.fixture
async def session(engine: AndamiosEngine) -> AsyncIterator[AsyncSession]:
    """A session on two ports and a ship, which it does not hold."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with AsyncSession(engine) as session:
        session.add_all([Port(id=1, code="A", size=1), Port(id=2, code="B")])
        await session.flush()
        session.add(Ship(name="old", length=5, port=1))
        session.add(Animal(name="Tom"))
        await session.commit()
        session.expunge_all()
        yield session


def ports(**columns: list[Any]) -> pa.Table:
    """Return columns as Arrow has them."""
    return pa.table(columns)


async def all_ports(session: AsyncSession) -> list[tuple[Any, ...]]:
    """Return the rows of the ports."""
    return [
        tuple(row) for row in await session.execute(select(Port.id, Port.code, Port.size).order_by(Port.id))
    ]


async def left_over(session: AsyncSession) -> list[Any]:
    """Return the temporary tables and views of the connection."""
    found = await session.execute(
        text(
            "SELECT table_name FROM duckdb_tables() WHERE temporary "
            "UNION ALL SELECT view_name FROM duckdb_views() WHERE temporary AND NOT internal"
        )
    )
    return list(found.scalars())


class TestWritten:
    async def test_by_the_primary_key(self, session: AsyncSession) -> None:
        counts = await GenericRepository[Port](session).merge_from(
            ports(id=[2, 3], code=["b", "C"], size=[20, 30])
        )
        assert counts == (1, 1)
        assert await all_ports(session) == [(1, "A", 1), (2, "b", 20), (3, "C", 30)]
        assert await left_over(session) == []

    async def test_by_other_attributes_with_a_key_of_the_database(self, session: AsyncSession) -> None:
        ports_ = GenericRepository[Port](session)
        await session.execute(text("SELECT nextval('port_id_seq') FROM range(10)"))
        assert await ports_.merge_from(ports(code=["A", "C"], size=[10, 30]), match="code") == (1, 1)
        rows = await all_ports(session)
        assert [row[1:] for row in rows] == [("A", 10), ("B", None), ("C", 30)]

    async def test_a_composite_key(self, session: AsyncSession) -> None:
        seats = GenericRepository[Seat](session)
        await seats.create(number=1, letter="a")
        rows = ports(number=[1, 1], letter=["a", "b"], holder=["ada", "bob"])
        assert await seats.merge_from(rows) == (1, 1)
        assert [(each.letter, each.holder) for each in await seats.list()] == [("a", "ada"), ("b", "bob")]

    async def test_only_what_update_names(self, session: AsyncSession) -> None:
        rows = ports(id=[1, 3], code=["a", "C"], size=[10, 30])
        assert await GenericRepository[Port](session).merge_from(rows, update=["size"]) == (1, 1)
        assert await all_ports(session) == [(1, "A", 10), (2, "B", None), (3, "C", 30)]

    async def test_nothing_of_what_is_there(self, session: AsyncSession) -> None:
        rows = ports(id=[1, 3], code=["a", "C"], size=[10, 30])
        assert await GenericRepository[Port](session).merge_from(rows, update=[]) == (1, 1)
        assert await all_ports(session) == [(1, "A", 1), (2, "B", None), (3, "C", 30)]

    async def test_no_rows(self, session: AsyncSession) -> None:
        rows = ports(id=pa.array([], pa.int64()), code=pa.array([], pa.string()))
        assert await GenericRepository[Port](session).merge_from(rows) == (0, 0)
        assert await left_over(session) == []

    async def test_what_models_add(self, session: AsyncSession) -> None:
        ships = GenericRepository[Ship](session)
        old = await ships.find_one(name="old")
        assert old is not None
        key, created, updated = old.id, old.created_at, old.updated_at
        assert await ships.merge_from(ports(name=["old", "x", "y"], length=[6, 2, 3]), match="name") == (2, 1)
        assert (old.id, old.length, old.version, old.created_at) == (key, 6, 2, created)
        assert old.updated_at > updated
        new = await ships.find(name__ne="old")
        assert len({each.id for each in new} | {key}) == 3
        assert {(each.version, each.tags, each.port) for each in new} == {(1, 7, None)}
        assert all(abs(each.created_at - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1) for each in new)

    async def test_a_declared_sequence_and_a_default_in_sql(self, session: AsyncSession) -> None:
        drawn = GenericRepository[Drawn](session)
        assert await drawn.merge_from(ports(word=["a", "b"]), match="word") == (2, 0)
        assert [(each.id, each.twice) for each in await drawn.list()] == [(50, "SQL"), (51, "SQL")]

    async def test_the_history_of_what_is_left_as_it_is(self, session: AsyncSession) -> None:
        ships = GenericRepository[Ship](session)
        assert await ships.merge_from(ports(name=["old", "x"]), match="name", update=[]) == (1, 1)
        found = [
            [each.operation for each in await Ship.history(session, ship.id)] for ship in await ships.list()
        ]
        assert found == [["insert"], ["insert"]]

    async def test_the_history_where_rows_are_replaced(self, session: AsyncSession) -> None:
        """A column with an index changes, so that DuckDB moves the row behind the others."""
        ships = GenericRepository[Ship](session)
        (key,) = [each.id for each in await ships.list()]
        new = ports(id=[str(key), "00000000-0000-0000-0000-000000000001"], name=["newer", "x"])
        assert await ships.merge_from(new) == (1, 1)
        assert [each.operation for each in await Ship.history(session, key)] == ["insert", "update"]
        (other,) = await ships.find(name="x")
        assert [each.operation for each in await Ship.history(session, other.id)] == ["insert"]

    async def test_objects_that_the_session_holds(self, session: AsyncSession) -> None:
        ports_ = GenericRepository[Port](session)
        first, second = await ports_.list()
        second.size = 99
        await ports_.merge_from(ports(id=[1], code=["a"], size=[10]))
        assert (first.code, first.size, second.size) == ("a", 10, 99)
        assert (await all_ports(session))[1] == (2, "B", 99)

    async def test_a_kind_of_several(self, session: AsyncSession) -> None:
        dogs = GenericRepository[Dog](session)
        assert await dogs.merge_from(ports(name=["Tom", "Rex"]), match="name") == (2, 0)
        assert await dogs.merge_from(ports(name=["Tom", "Ace"]), match="name") == (1, 1)
        assert sorted(each.name for each in await dogs.list()) == ["Ace", "Rex", "Tom"]
        assert await GenericRepository[Animal](session).count() == 4

    async def test_what_is_softly_deleted_is_not_found(self, session: AsyncSession) -> None:
        notes = GenericRepository[Note](session)
        note = await notes.create(word="old")
        await notes.delete(note)
        assert await notes.merge_from(ports(word=["old"]), match="word") == (1, 0)
        assert await notes.count() == 1

    async def test_twice_in_a_transaction(self, session: AsyncSession) -> None:
        ports_ = GenericRepository[Port](session)
        rows = ports(id=[3, 4], code=["C", "D"])
        assert [await ports_.merge_from(rows) for _ in range(2)] == [(2, 0), (0, 2)]
        await session.commit()
        assert len(await all_ports(session)) == 4

    async def test_more_rows_than_duckdb_keeps_in_one_place(self, session: AsyncSession) -> None:
        rows = pa.table({"word": [f"w{number}" for number in range(130_000)]})
        notes = GenericRepository[Note](session)
        assert await notes.merge_from(rows, match="word") == (130_000, 0)
        assert await notes.merge_from(rows, match="word") == (0, 130_000)


class TestRefused:
    @pytest.mark.parametrize(
        ("columns", "options", "error", "told"),
        [
            ({"id": [3, 3], "code": ["C", "D"]}, {}, ConfigurationError, "several rows are the same by id"),
            ({"id": [3, None], "code": ["C", "D"]}, {}, ConfigurationError, "rows without id.*: 1"),
            ({"code": ["C"]}, {}, ConfigurationError, "the source has no id"),
            ({"id": [3], "coed": ["C"]}, {}, UnknownNameError, "did you mean 'code'"),
            ({"id": [3], "code": ["C"]}, {"match": []}, ConfigurationError, "match= is empty"),
            ({"id": [3], "code": ["C"]}, {"match": "coed"}, UnknownNameError, "did you mean 'code'"),
            ({"id": [3], "code": ["C"]}, {"update": ["id"]}, ConfigurationError, "a key is not changed"),
            ({"id": [3], "code": ["C"]}, {"update": "size"}, ConfigurationError, "does not give"),
            ({"id": [3], "code": ["C"]}, {"update": ["sice"]}, UnknownNameError, "did you mean 'size'"),
            ({"id": [3], "code": ["A"]}, {"match": "code"}, ConfigurationError, "rows with another id"),
        ],
    )
    async def test_with_nothing_written(
        self, session: AsyncSession, columns: Any, options: Any, error: type[Exception], told: str
    ) -> None:
        with pytest.raises(error, match=told):
            await GenericRepository[Port](session).merge_from(pa.table(columns), **options)
        assert await left_over(session) == []
        await session.commit()
        assert await all_ports(session) == [(1, "A", 1), (2, "B", None)]

    @pytest.mark.parametrize(
        ("columns", "error"),
        [
            ({"name": ["x", "old"], "length": [1, 0]}, CheckError),
            ({"name": ["x", "old"], "length": [1, None]}, NotNullError),
            ({"name": ["x", "old"], "length": ["1", "long"]}, DataError),
            ({"name": ["x", "old"], "port": [1, 99]}, ForeignKeyError),
            ({"name": ["x", "y"], "port": [1, 99]}, ForeignKeyError),
        ],
    )
    async def test_by_the_database_with_nothing_written(
        self, session: AsyncSession, columns: Any, error: type[Exception]
    ) -> None:
        with pytest.raises(error):
            await GenericRepository[Ship](session).merge_from(pa.table(columns), match="name")
            await session.commit()
        await session.rollback()
        assert [(each.name, each.length) for each in await GenericRepository[Ship](session).list()] == [
            ("old", 5)
        ]
        assert await left_over(session) == []

    async def test_a_value_that_another_row_has(self, session: AsyncSession) -> None:
        with pytest.raises(DuplicateKeyError):
            await GenericRepository[Port](session).merge_from(ports(id=[3], code=["A"]))
        await session.rollback()
        assert len(await all_ports(session)) == 2

    async def test_several_rows_of_the_table(self, session: AsyncSession) -> None:
        notes = GenericRepository[Note](session)
        await notes.create_many([{"word": "same"}, {"word": "same"}])
        with pytest.raises(MultipleResultsError, match="several Note"):
            await notes.merge_from(ports(word=["same"]), match="word")
        assert await notes.count() == 2

    async def test_a_version(self, session: AsyncSession) -> None:
        with pytest.raises(ConfigurationError, match="version counts the changes"):
            await GenericRepository[Ship](session).merge_from(ports(name=["x"], version=[3]), match="name")

    async def test_a_column_that_others_refer_to(self, session: AsyncSession) -> None:
        with pytest.raises(ConfigurationError, match=r"rows of ship refer to Flag\.code"):
            await GenericRepository[Flag](session).merge_from(ports(id=[1], code=["Z"]))
        assert await GenericRepository[Flag](session).merge_from(ports(id=[1], code=["Z"]), update=[]) == (
            1,
            0,
        )

    async def test_a_function_of_the_other_values(self, session: AsyncSession) -> None:
        told = GenericRepository[Told](session)
        with pytest.raises(ConfigurationError, match=r"told\.length is made by a function"):
            await told.merge_from(ports(word=["x"]), match="word")
        assert await told.count() == 0

    async def test_another_database(self) -> None:
        engine = create_engine("sqlite+aiosqlite://")
        async with AsyncSession(engine) as session:
            with pytest.raises(NotSupportedError, match="upsert_many"):
                await GenericRepository[Port](session).merge_from(ports(id=[1]))
        await engine.dispose()

    async def test_autocommit(self, engine: AndamiosEngine, session: AsyncSession) -> None:
        async with AsyncSession(engine.execution_options(isolation_level="AUTOCOMMIT")) as other:
            with pytest.raises(NotSupportedError, match="AUTOCOMMIT"):
                await GenericRepository[Port](other).merge_from(ports(id=[3], code=["C"]))
        assert len(await all_ports(session)) == 2

    async def test_rows_that_duckdb_would_not_find(self, session: AsyncSession) -> None:
        """DuckDB 2.0 loses many new rows of a MERGE behind an INSERT of none; 1.5 does not."""
        nothing = select(Note.word).where(Note.word == "none")
        await session.execute(insert(Note).from_select(["word"], nothing))
        rows = pa.table({"word": [f"w{number}" for number in range(130_000)]})
        notes = GenericRepository[Note](session)
        try:
            await notes.merge_from(rows, match="word")
        except TransactionAbortedError:
            with pytest.raises(TransactionAbortedError):
                await session.commit()
            await session.rollback()
            assert await notes.count() == 0
        else:
            assert await notes.count(word__in=["w5", "w129999"]) == 2


class TestScopes:
    async def test_rows_are_of_the_tenant(self, session: AsyncSession) -> None:
        rooms = Rooms(session)
        with tenant(1):
            await rooms.create(name="a", beds=1)
        with tenant(2):
            assert await rooms.merge_from(ports(name=["a", "b"], beds=[2, 2]), match="name") == (2, 0)
            assert await rooms.merge_from(ports(name=["a"], beds=[3]), match="name") == (0, 1)
        found = await session.execute(
            select(Room.owner, Room.name, Room.beds).order_by(Room.owner, Room.name)
        )
        assert [tuple(row) for row in found] == [(1, "a", 1), (2, "a", 3), (2, "b", 2)]

    async def test_rows_of_others_are_refused(self, session: AsyncSession) -> None:
        with tenant(2):
            with pytest.raises(ValidationError, match="it is 2 here"):
                await Rooms(session).merge_from(
                    ports(name=["a", "b"], beds=[1, 1], owner=[None, 1]), match="name"
                )
            assert await Rooms(session).merge_from(
                ports(name=["a", "b"], beds=[1, 1], owner=[None, 2]), match="name"
            ) == (2, 0)
            assert await Rooms(session).count() == 2

    async def test_the_key_of_a_row_of_others(self, session: AsyncSession) -> None:
        with tenant(1):
            room = await Rooms(session).create(name="a", beds=1)
        with tenant(2), pytest.raises(DuplicateKeyError):
            await Rooms(session).merge_from(ports(id=[room.id], name=["x"], beds=[9]))

    @pytest.mark.parametrize(("update", "kinds"), [(None, ["create", "update"]), ([], ["create"])])
    async def test_middleware_is_told(
        self, session: AsyncSession, update: list[str] | None, kinds: list[str]
    ) -> None:
        seen: list[tuple[str, str]] = []

        async def note(operation: Operation, proceed: Proceed) -> Any:
            seen.append((operation.kind, operation.name))
            return await proceed()

        class Watched(GenericRepository[Port], plugins=[note]):
            """Tells what it does."""

        await Watched(session).merge_from(ports(id=[1], size=[3]), update=update)
        assert seen == [(kind, "merge_from") for kind in kinds]


class TestSideBySide:
    async def test_two_that_change_the_same_row(self, engine: AndamiosEngine, session: AsyncSession) -> None:
        async with AsyncSession(engine) as other:
            await GenericRepository[Port](session).merge_from(ports(id=[1], size=[10]))
            with pytest.raises(TransactionConflictError):
                await GenericRepository[Port](other).merge_from(ports(id=[1], size=[20]))
        await session.commit()
        assert (await all_ports(session))[0] == (1, "A", 10)

    async def test_two_that_add_the_same_row(self, engine: AndamiosEngine, session: AsyncSession) -> None:
        async with AsyncSession(engine) as other:
            await GenericRepository[Port](other).count()
            await GenericRepository[Port](session).merge_from(ports(id=[3], code=["C"]))
            await session.commit()
            with pytest.raises(DuplicateKeyError):
                await GenericRepository[Port](other).merge_from(ports(id=[3], code=["D"]))
                await other.commit()
        assert (await all_ports(session))[2] == (3, "C", None)

    async def test_others_see_it_after_the_commit(
        self, engine: AndamiosEngine, session: AsyncSession
    ) -> None:
        await GenericRepository[Port](session).merge_from(ports(id=[3], code=["C"]))
        async with SessionManager(engine) as other:
            assert await QueryBuilder(Port, other).count() == 2
        await session.rollback()
        assert len(await all_ports(session)) == 2
