"""Rows that are marked as deleted, and everything that leaves them out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    MetaData,
    Table,
    bindparam,
    delete,
    exists,
    func,
    insert,
    lambda_stmt,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.orm import (
    Mapped,
    MappedAsDataclass,
    aliased,
    joinedload,
    mapped_column,
    relationship,
    selectinload,
    subqueryload,
)

from andamios_orm.core import (
    AndamiosEngine,
    AsyncSession,
    BeforeUpdate,
    CacheManager,
    CachePolicy,
    SessionManager,
    create_engine,
    events_of,
)
from andamios_orm.core.errors import ConfigurationError, DuplicateKeyError, ForeignKeyError, StaleVersionError
from andamios_orm.models.base import NAMING_CONVENTION, BaseModel
from andamios_orm.models.keys import IntegerKey, NaturalKey, UUIDKey
from andamios_orm.models.soft_delete import SoftDeleteMixin, SoftDeleteModel
from andamios_orm.models.timestamps import TimestampMixin
from andamios_orm.models.versioning import VersioningMixin

ALL: dict[str, Any] = {"include_deleted": True}
ONLY: dict[str, Any] = {"include_deleted": "only"}


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Soft(SoftDeleteMixin, Base):
    __abstract__ = True


flight_tag = Table(
    "flight_tag",
    Base.metadata,
    Column("flight_id", ForeignKey("flight.id"), primary_key=True),
    Column("tag_id", ForeignKey("tag.id"), primary_key=True),
)


class Airline(VersioningMixin, TimestampMixin, Soft):
    """Its flights and planes go with it; its notes cannot be marked."""

    __table_args__ = (
        Index("uq_airline_live", text("(CASE WHEN deleted_at IS NULL THEN name END)"), unique=True),
    )

    code: Mapped[NaturalKey[str]]
    name: Mapped[str | None]
    flights: Mapped[list[Flight]] = relationship(
        back_populates="airline", cascade="all, delete-orphan", order_by="Flight.id"
    )
    notes: Mapped[list[Note]] = relationship(cascade="all, delete-orphan")


class Flight(Soft):
    id: Mapped[NaturalKey[int]]
    carrier: Mapped[str] = mapped_column(ForeignKey(Airline.code))
    airline: Mapped[Airline] = relationship(back_populates="flights")
    tags: Mapped[list[Tag]] = relationship(secondary=flight_tag, back_populates="flights")


class Plane(Soft):
    """Goes with its airline by its foreign key alone, and with the plane that it is a part of."""

    tail: Mapped[NaturalKey[str]]
    owner: Mapped[str] = mapped_column(ForeignKey(Airline.code, ondelete="cascade"))
    part_of: Mapped[str | None] = mapped_column(ForeignKey("plane.tail", ondelete="CASCADE"))


class Inspection(Base):
    """Cannot be marked."""

    id: Mapped[NaturalKey[int]]
    plane: Mapped[str] = mapped_column(ForeignKey(Plane.tail, ondelete="CASCADE"))


class Note(Base):
    id: Mapped[NaturalKey[int]]
    carrier: Mapped[str] = mapped_column(ForeignKey(Airline.code))
    replies: Mapped[list[Reply]] = relationship(cascade="all, delete-orphan")


class Reply(Soft):
    id: Mapped[NaturalKey[int]]
    note: Mapped[int] = mapped_column(ForeignKey(Note.id))


class Tag(IntegerKey, Soft):
    name: Mapped[str]
    flights: Mapped[list[Flight]] = relationship(secondary=flight_tag, back_populates="tags")


class Charter(Flight):
    """Has a second table."""

    __tablename__ = "charter"

    id: Mapped[int] = mapped_column(ForeignKey(Flight.id), primary_key=True)
    client: Mapped[str]


class Crew(UUIDKey, MappedAsDataclass, Soft):
    name: Mapped[str]


@pytest.fixture
async def tables(engine: AndamiosEngine) -> AndamiosEngine:
    await fill(engine)
    return engine


async def fill(engine: AndamiosEngine) -> None:
    """Two airlines; UA has the flights 1 and 2, AA has 3."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with SessionManager(engine) as session:
        night, early = Tag(id=1, name="night"), Tag(id=2, name="early")
        united = [Flight(id=1, tags=[night]), Flight(id=2, tags=[night, early])]
        notes = [Note(id=1, replies=[Reply(id=1)])]
        session.add(Airline(code="UA", name="United", flights=united, notes=notes))
        session.add(Airline(code="AA", name="American", flights=[Flight(id=3)]))
        session.add_all([Plane(tail="N1", owner="UA"), Plane(tail="N2", owner="UA", part_of="N1")])
        session.add_all([Plane(tail="N3", owner="AA"), Inspection(id=1, plane="N1")])


async def keys(engine: AndamiosEngine, column: Any, **options: Any) -> Sequence[Any]:
    async with AsyncSession(engine) as session:
        return (await session.scalars(select(column).order_by(column), execution_options=options)).all()


async def remove(engine: AndamiosEngine, model: Any, key: Any) -> None:
    async with SessionManager(engine) as session:
        await session.delete(await session.get_one(model, key))


@pytest.fixture
async def without_one(tables: AndamiosEngine) -> AndamiosEngine:
    """Flight 1 is deleted."""
    await remove(tables, Flight, 1)
    return tables


class TestMarking:
    async def test_a_deleted_object_is_marked(self, tables: AndamiosEngine) -> None:
        async with SessionManager(tables) as session:
            flight = await session.get_one(Flight, 1)
            await session.delete(flight)
            assert not flight.is_deleted
            await session.flush()
            assert flight.is_deleted
            assert flight in session
            assert flight.deleted_at is not None
            assert flight.deleted_at.tzinfo is UTC
        assert await keys(tables, Flight.id) == [2, 3]
        assert await keys(tables, Flight.id, **ALL) == [1, 2, 3]
        assert await keys(tables, Flight.id, **ONLY) == [1]

    async def test_a_rollback_takes_the_mark_away(self, tables: AndamiosEngine) -> None:
        async with AsyncSession(tables) as session:
            flight = await session.get_one(Flight, 1)
            await session.delete(flight)
            await session.flush()
            await session.rollback()
            await session.refresh(flight)
            assert not flight.is_deleted
            assert await session.get(Flight, 1) is flight

    async def test_a_second_deletion_keeps_the_first_moment(self, without_one: AndamiosEngine) -> None:
        first = await keys(without_one, Flight.deleted_at, **ONLY)
        async with SessionManager(without_one) as session:
            await session.delete(await session.get_one(Flight, 1, execution_options=ALL))
        async with SessionManager(without_one) as session:
            await session.execute(delete(Flight).where(Flight.id == 1), execution_options=ALL)
        assert await keys(without_one, Flight.deleted_at, **ONLY) == first

    async def test_it_is_a_change_of_the_row(self, tables: AndamiosEngine) -> None:
        async with SessionManager(tables) as session:
            airline = await session.get_one(Airline, "AA")
            await session.delete(airline)
            await session.flush()
            assert airline.version == 2
            assert airline.updated_at > airline.created_at

    async def test_it_may_be_stale(self, tables: AndamiosEngine) -> None:
        async with AsyncSession(tables) as session:
            airline = await session.get_one(Airline, "AA")
            await session.commit()
            async with SessionManager(tables) as other:
                (await other.get_one(Airline, "AA")).name = "American Airlines"
            await session.delete(airline)
            with pytest.raises(StaleVersionError):
                await session.commit()

    async def test_listeners_are_told_of_an_update(self, tables: AndamiosEngine) -> None:
        told: list[frozenset[str]] = []
        events_of(tables).subscribe(BeforeUpdate, lambda event: told.append(event.changed), model=Flight)
        await remove(tables, Flight, 1)
        assert told == [frozenset({"deleted_at"})]

    async def test_a_handler_of_the_flush_cannot_remove_a_row(self, tables: AndamiosEngine) -> None:
        async def delete_too(event: BeforeUpdate[Any]) -> None:
            await event.session.delete(await event.session.get_one(Flight, 3))

        events_of(tables).subscribe(BeforeUpdate, delete_too, model=Airline)
        with pytest.raises(ConfigurationError, match="would be removed for good"):
            async with SessionManager(tables) as session:
                (await session.get_one(Airline, "AA")).name = "American Airlines"
        assert await keys(tables, Flight.id) == [1, 2, 3]

    async def test_a_new_object_may_be_taken_back(self, tables: AndamiosEngine) -> None:
        async with SessionManager(tables) as session:
            flight = Flight(id=4, carrier="UA")
            session.add(flight)
            session.expunge(flight)
        assert await keys(tables, Flight.id, **ALL) == [1, 2, 3]


class TestStatements:
    async def test_a_statement_marks(self, tables: AndamiosEngine) -> None:
        async with SessionManager(tables) as session:
            result: Any = await session.execute(delete(Flight).where(Flight.carrier == "UA"))
            assert result.rowcount == 2
        assert await keys(tables, Flight.id, **ONLY) == [1, 2]

    async def test_it_gives_back_what_it_marks(self, without_one: AndamiosEngine) -> None:
        async with SessionManager(without_one) as session:
            statement = delete(Flight).where(Flight.carrier == "UA").returning(Flight.id)
            assert (await session.scalars(statement)).all() == [2]

    async def test_objects_follow_it(self, tables: AndamiosEngine) -> None:
        async with SessionManager(tables) as session:
            airline = await session.get_one(Airline, "UA")
            await session.execute(delete(Airline).where(Airline.code == "UA"))
            assert (airline.is_deleted, airline.version) == (True, 2)
            assert await session.get(Airline, "UA") is None

    @pytest.mark.parametrize("criterion", [text("id = :id"), Flight.id == bindparam("id")])
    async def test_it_takes_parameters(self, tables: AndamiosEngine, criterion: Any) -> None:
        async with SessionManager(tables) as session:
            await session.execute(delete(Flight).where(criterion), {"id": 3})
        assert await keys(tables, Flight.id) == [1, 2]
        assert await keys(tables, Flight.id, **ONLY) == [3]

    async def test_it_takes_one_set_of_them(self, tables: AndamiosEngine) -> None:
        statement = delete(Flight).where(Flight.id == bindparam("key"))
        with pytest.raises(ConfigurationError, match=r"use in_\(\)"):
            async with SessionManager(tables) as session:
                await session.execute(statement, [{"key": 1}, {"key": 3}])
        assert await keys(tables, Flight.id) == [1, 2, 3]

    async def test_it_may_name_other_tables(self, tables: AndamiosEngine) -> None:
        statement = delete(Flight).where(Flight.carrier == Airline.code, Airline.name == "United")
        async with SessionManager(tables) as session:
            await session.execute(statement)
        assert await keys(tables, Flight.id) == [3]

    async def test_it_may_remove_for_good(self, without_one: AndamiosEngine) -> None:
        options: dict[str, Any] = {"hard_delete": True, **ALL}
        async with SessionManager(without_one) as session:
            await session.execute(delete(flight_tag))
            await session.execute(delete(Flight).where(Flight.id < 3), execution_options=options)
        assert await keys(without_one, Flight.id, **ALL) == [3]

    async def test_an_update_leaves_deleted_rows_alone(self, without_one: AndamiosEngine) -> None:
        async with SessionManager(without_one) as session:
            deleted = await session.get_one(Flight, 1, execution_options=ALL)
            await session.execute(update(Flight).values(carrier="AA"))
            assert deleted.carrier == "UA"
        assert await keys(without_one, Flight.carrier, **ALL) == ["AA", "AA", "UA"]

    async def test_an_update_restores_many(self, without_one: AndamiosEngine) -> None:
        async with SessionManager(without_one) as session:
            await session.execute(update(Flight).values(deleted_at=None), execution_options=ONLY)
        assert await keys(without_one, Flight.id) == [1, 2, 3]

    async def test_a_connection_does_not_mark(self, tables: AndamiosEngine) -> None:
        with pytest.raises(ConfigurationError, match=r"delete\(Flight\) marks rows, which takes a session"):
            async with tables.begin() as connection:
                await connection.execute(delete(Flight))
        assert await keys(tables, Flight.id) == [1, 2, 3]

    async def test_a_table_is_deleted_from(self, tables: AndamiosEngine) -> None:
        async with tables.begin() as connection:
            await connection.execute(delete(Base.metadata.tables["inspection"]))
            planes = Base.metadata.tables["plane"]
            await connection.execute(delete(planes).where(planes.c.tail == "N1"))
        assert await keys(tables, Plane.tail, **ALL) == ["N3"]

    async def test_other_classes_are_deleted_from(self, without_one: AndamiosEngine) -> None:
        async with SessionManager(without_one) as session:
            session.add_all([Note(id=2, carrier="AA"), Note(id=3, carrier="AA")])
            await session.flush()
            await session.execute(delete(Note).where(Note.id > 1, Note.id.in_(select(Flight.id + 1))))
        assert await keys(without_one, Note.id) == [1, 2]


SUB = select(Flight).subquery()
CTE = select(Flight.id).cte()
OTHER = aliased(Flight)

READS = {
    "columns": (select(Flight.id), [2, 3]),
    "objects": (select(Flight).with_only_columns(Flight.id), [2, 3]),
    "count": (select(func.count()).select_from(Flight), [2]),
    "count of a column": (select(func.count(Flight.id)), [2]),
    "sum": (select(func.sum(Flight.id)), [5]),
    "groups": (select(func.count()).select_from(Flight).group_by(Flight.carrier), [1, 1]),
    "window": (select(func.count().over()).select_from(Flight), [2, 2]),
    "alias": (select(OTHER.id), [2, 3]),
    "alias of a subquery": (select(aliased(Flight, SUB).id), [2, 3]),
    "subquery": (select(SUB.c.id), [2, 3]),
    "count of a subquery": (select(func.count()).select_from(SUB), [2]),
    "cte": (select(CTE.c.id), [2, 3]),
    "union": (select(Flight.id).union_all(select(Flight.id)), [2, 2, 3, 3]),
    "scalar subquery": (select(select(func.count(Flight.id)).scalar_subquery()), [2]),
    "exists": (select(exists().where(Flight.id == 1)), [False]),
    "in": (select(Tag.id).where(literal(1).in_(select(Flight.id))), []),
    "in, of a table": (
        select(flight_tag.c.tag_id).where(flight_tag.c.flight_id.in_(select(Flight.id))),
        [1, 2],
    ),
    "any": (select(Tag.id).where(Tag.flights.any(Flight.id == 1)), []),
    "has": (select(Flight.id).where(Flight.airline.has(code="UA")), [2]),
    "join": (select(Airline.code).join(Airline.flights).where(Airline.code == "UA"), ["UA"]),
    "outer join": (select(Flight.id).select_from(Airline).outerjoin(Airline.flights), [2, 3]),
    "lambda": (lambda_stmt(lambda: select(Flight.id)), [2, 3]),
    "second table": (select(Charter.id), []),
}


class TestReading:
    @pytest.mark.parametrize("name", READS)
    async def test_deleted_rows_are_left_out(self, without_one: AndamiosEngine, name: str) -> None:
        statement: Any
        statement, expected = READS[name]
        async with AsyncSession(without_one) as session:
            assert sorted((await session.scalars(statement)).all()) == expected
            connection = await session.connection()
            assert sorted(await connection.scalars(statement)) == expected

    async def test_a_statement_about_a_query_leaves_them_out(self, without_one: AndamiosEngine) -> None:
        statement = select(Flight).from_statement(select(Flight).where(Flight.id < 3))
        async with AsyncSession(without_one) as session:
            assert [flight.id for flight in await session.scalars(statement)] == [2]

    async def test_arrow_leaves_them_out(self, without_one: AndamiosEngine) -> None:
        async with AsyncSession(without_one) as session:
            assert (await session.arrow(select(Flight.id).order_by(Flight.id)))["id"].to_pylist() == [2, 3]

    async def test_a_stream_leaves_them_out(self, without_one: AndamiosEngine) -> None:
        async with AsyncSession(without_one) as session:
            stream = await session.stream_scalars(select(Flight.id).order_by(Flight.id))
            assert [number async for number in stream] == [2, 3]

    @pytest.mark.parametrize("target", [Note, Note.__table__])
    async def test_what_is_inserted_leaves_them_out(self, without_one: AndamiosEngine, target: Any) -> None:
        source = select(Flight.id + 10, Flight.carrier)
        async with SessionManager(without_one) as session:
            await session.execute(insert(target).from_select(["id", "carrier"], source))
        assert await keys(without_one, Note.id) == [1, 12, 13]

    async def test_tables_and_text_show_all(self, without_one: AndamiosEngine) -> None:
        async with AsyncSession(without_one) as session:
            table = await session.scalars(select(Flight.__table__.c.id).order_by(Flight.__table__.c.id))
            assert table.all() == [1, 2, 3]
            written = select(Flight).from_statement(text("SELECT * FROM flight ORDER BY id"))
            assert [flight.id for flight in await session.scalars(written)] == [1, 2, 3]

    async def test_the_mark_is_a_condition(self, without_one: AndamiosEngine) -> None:
        assert await keys(without_one, Flight.is_deleted, **ALL) == [False, False, True]
        async with AsyncSession(without_one) as session:
            marked = select(Flight.id).where(Flight.is_deleted)
            assert (await session.scalars(marked)).all() == []
            assert (await session.scalars(marked, execution_options=ALL)).all() == [1]

    async def test_a_session_may_show_all(self, without_one: AndamiosEngine) -> None:
        async with AsyncSession(without_one, execution_options=ALL) as session:
            flight = await session.get_one(Flight, 1)
            assert await session.get(Flight, 1) is flight
            assert len((await session.scalars(select(Flight))).all()) == 3

    async def test_a_wrong_option_is_refused(self, tables: AndamiosEngine) -> None:
        with pytest.raises(ConfigurationError, match="include_deleted is True, False or \"only\", not 'no'"):
            await keys(tables, Flight.id, include_deleted="no")

    async def test_a_cache_tells_them_apart(self, without_one: AndamiosEngine) -> None:
        async with CacheManager(without_one):
            for _ in range(2):
                options: dict[str, Any] = {"cache": CachePolicy(ttl=60)}
                assert await keys(without_one, Flight.id, **options) == [2, 3]
                assert await keys(without_one, Flight.id, **options, **ALL) == [1, 2, 3]
                assert await keys(without_one, Flight.id, **options, **ONLY) == [1]


class TestOnly:
    async def test_relationships_are_loaded_whole(self, without_one: AndamiosEngine) -> None:
        for load in (joinedload, selectinload):
            async with AsyncSession(without_one) as session:
                query = select(Flight).options(load(Flight.airline), load(Flight.tags))
                flight = (await session.scalars(query, execution_options=ONLY)).unique().one()
                assert (flight.id, flight.airline.code, len(flight.tags)) == (1, "UA", 1)

    async def test_joins_are_whole(self, without_one: AndamiosEngine) -> None:
        async with AsyncSession(without_one) as session:
            query = select(Flight.id).join(Flight.airline).where(Airline.code == "UA")
            assert (await session.scalars(query, execution_options=ONLY)).all() == [1]

    async def test_it_is_about_the_first_class_that_can_be_marked(self, without_one: AndamiosEngine) -> None:
        async with AsyncSession(without_one) as session:
            query = select(Note.id, Flight.id).where(Flight.carrier == Note.carrier)
            assert (await session.execute(query, execution_options=ONLY)).all() == [(1, 1)]

    async def test_get_finds_deleted_objects_alone(self, without_one: AndamiosEngine) -> None:
        async with AsyncSession(without_one) as session:
            for _ in range(2):
                assert await session.get(Flight, 2) is not None
                assert await session.get(Flight, 1, execution_options=ONLY) is not None
                assert await session.get(Flight, 2, execution_options=ONLY) is None


class TestIdentity:
    async def test_get_finds_no_deleted_object(self, tables: AndamiosEngine) -> None:
        async with SessionManager(tables) as session:
            flight = await session.get_one(Flight, 1)
            await session.delete(flight)
            await session.flush()
            assert await session.get(Flight, 1) is None
            assert await session.get(Flight, 1, execution_options=ALL) is flight

    async def test_get_asks_where_the_mark_is_not_loaded(self, without_one: AndamiosEngine) -> None:
        async with AsyncSession(without_one) as session:
            flights = (await session.scalars(select(Flight), execution_options=ALL)).all()
            for flight in flights:
                session.expire(flight, ["deleted_at"])
            assert await session.get(Flight, 1) is None
            assert await session.get(Flight, 2) in flights

    async def test_a_deleted_object_is_refreshed(self, without_one: AndamiosEngine) -> None:
        async with AsyncSession(without_one) as session:
            flight = await session.get_one(Flight, 1, execution_options=ALL)
            await session.refresh(flight)
            assert flight.is_deleted
            session.expire(flight)
            assert await flight.awaitable_attrs.carrier == "UA"

    async def test_a_refresh_tells_of_a_deletion(self, tables: AndamiosEngine) -> None:
        async with AsyncSession(tables) as session:
            flight = await session.get_one(Flight, 1)
            await session.commit()
            await remove(tables, Flight, 1)
            await session.refresh(flight)
            assert flight.is_deleted
            assert await session.get(Flight, 1) is None


class TestRelationships:
    @pytest.mark.parametrize("load", [joinedload, selectinload, subqueryload])
    async def test_eager_loads_leave_deleted_rows_out(self, without_one: AndamiosEngine, load: Any) -> None:
        async with AsyncSession(without_one) as session:
            query = select(Airline).where(Airline.code == "UA").options(load(Airline.flights))
            airline = (await session.scalars(query)).unique().one()
            assert [flight.id for flight in airline.flights] == [2]

    @pytest.mark.parametrize("load", [joinedload, selectinload, subqueryload])
    async def test_eager_loads_may_show_them(self, without_one: AndamiosEngine, load: Any) -> None:
        async with AsyncSession(without_one) as session:
            query = select(Airline).where(Airline.code == "UA").options(load(Airline.flights))
            airline = (await session.scalars(query, execution_options=ALL)).unique().one()
            assert [flight.id for flight in airline.flights] == [1, 2]

    async def test_lazy_loads_leave_them_out(self, without_one: AndamiosEngine) -> None:
        async with AsyncSession(without_one) as session:
            airline = await session.get_one(Airline, "UA", execution_options=ALL)
            assert [flight.id for flight in await airline.awaitable_attrs.flights] == [2]

    @pytest.mark.parametrize("present", [False, True])
    async def test_a_deleted_parent_is_none(self, tables: AndamiosEngine, present: bool) -> None:
        async with SessionManager(tables) as session:
            await session.execute(update(Airline).values(deleted_at=datetime.now(UTC)))
        async with AsyncSession(tables) as session:
            if present:
                _kept = await session.get_one(Airline, "UA", execution_options=ALL)
            flight = await session.get_one(Flight, 1)
            assert await flight.awaitable_attrs.airline is None
            assert flight.carrier == "UA"

    @pytest.mark.parametrize("load", [joinedload, selectinload])
    async def test_many_to_many_leaves_them_out(self, without_one: AndamiosEngine, load: Any) -> None:
        async with AsyncSession(without_one) as session:
            query = select(Tag).where(Tag.id == 1).options(load(Tag.flights))
            tag = (await session.scalars(query)).unique().one()
            assert [flight.id for flight in tag.flights] == [2]

    async def test_links_stay(self, without_one: AndamiosEngine) -> None:
        async with SessionManager(without_one) as session:
            await (await session.get_one(Flight, 1, execution_options=ALL)).restore()
        async with AsyncSession(without_one) as session:
            flight = await session.get_one(Flight, 1, options=[selectinload(Flight.tags)])
            assert [tag.name for tag in flight.tags] == ["night"]

    async def test_references_stay_valid(self, tables: AndamiosEngine) -> None:
        await remove(tables, Airline, "AA")
        async with SessionManager(tables) as session:
            session.add(Flight(id=4, carrier="AA"))
        assert await keys(tables, Flight.id) == [1, 2, 4]


class TestInheritance:
    async def test_a_second_table_follows(self, tables: AndamiosEngine) -> None:
        async with SessionManager(tables) as session:
            session.add(Charter(id=4, carrier="AA", client="x"))
        await remove(tables, Charter, 4)
        assert await keys(tables, Charter.id) == []
        assert await keys(tables, Charter.id, **ONLY) == [4]
        async with SessionManager(tables) as session:
            await (await session.get_one(Charter, 4, execution_options=ALL)).restore()
        assert await keys(tables, Charter.client) == ["x"]

    async def test_a_dataclass_may_be_marked(self, tables: AndamiosEngine) -> None:
        crew = Crew(name="a")
        async with SessionManager(tables) as session:
            session.add(crew)
        assert not crew.is_deleted
        await remove(tables, Crew, crew.id)
        assert await keys(tables, Crew.name, **ONLY) == ["a"]

    def test_the_model_is_the_mixin_with_the_base(self) -> None:
        assert issubclass(SoftDeleteModel, SoftDeleteMixin)
        assert issubclass(SoftDeleteModel, BaseModel)


class TestCascades:
    async def test_children_go_along(self, tables: AndamiosEngine) -> None:
        await remove(tables, Airline, "UA")
        assert await keys(tables, Flight.id, **ONLY) == [1, 2]
        assert await keys(tables, Plane.tail, **ONLY) == ["N1", "N2"]
        assert (
            len(
                {
                    *await keys(tables, Flight.deleted_at, **ONLY),
                    *await keys(tables, Plane.deleted_at, **ONLY),
                }
            )
            == 1
        )

    async def test_a_new_child_goes_along(self, tables: AndamiosEngine) -> None:
        async with SessionManager(tables) as session:
            airline = await session.get_one(Airline, "UA", options=[selectinload(Airline.flights)])
            airline.flights.append(Flight(id=4))
            await session.delete(airline)
        assert await keys(tables, Flight.id, **ONLY) == [1, 2, 4]

    async def test_children_that_cannot_be_marked_stay(self, tables: AndamiosEngine) -> None:
        await remove(tables, Airline, "UA")
        assert await keys(tables, Note.id) == [1]
        assert await keys(tables, Reply.id) == [1]
        assert await keys(tables, Inspection.id) == [1]

    async def test_children_that_were_deleted_before_go(self, tables: AndamiosEngine) -> None:
        async with SessionManager(tables) as session:
            await session.execute(delete(Reply), execution_options={"hard_delete": True})
            note, airline = await session.get_one(Note, 1), await session.get_one(Airline, "UA")
            await session.delete(note)
            await session.delete(airline)
        assert await keys(tables, Note.id) == []
        assert await keys(tables, Airline.code) == ["AA"]

    async def test_statements_follow_foreign_keys(self, tables: AndamiosEngine) -> None:
        async with SessionManager(tables) as session:
            plane = await session.get_one(Plane, "N2")
            await session.execute(delete(Airline).where(Airline.code == "UA"))
            assert plane.is_deleted
        assert await keys(tables, Plane.tail) == ["N3"]
        assert await keys(tables, Flight.id) == [1, 2, 3]

    async def test_a_parent_that_is_removed_leaves_no_marked_child(self, tables: AndamiosEngine) -> None:
        with pytest.raises(ForeignKeyError):
            await remove(tables, Note, 1)
        assert await keys(tables, Note.id) == [1]

    @pytest.mark.parametrize("way", ["list", "parent"])
    async def test_an_orphan_is_marked(self, tables: AndamiosEngine, way: str) -> None:
        async with SessionManager(tables) as session:
            airline = await session.get_one(Airline, "UA", options=[selectinload(Airline.flights)])
            flight = airline.flights[0]
            if way == "list":
                airline.flights.remove(flight)
            else:
                flight.airline = None  # type: ignore[assignment] # that is what makes it an orphan
            await session.flush()
            assert (flight.is_deleted, flight.carrier, flight.airline) == (True, "UA", airline)
        assert await keys(tables, Flight.id, **ONLY) == [1]

    async def test_an_orphan_whose_parent_is_not_loaded_is_marked(self, tables: AndamiosEngine) -> None:
        async with SessionManager(tables) as session:
            flight = await session.get_one(Flight, 1)
            airline = await session.get_one(Airline, "UA", options=[selectinload(Airline.flights)])
            session.expire(flight, ["airline"])
            airline.flights = airline.flights[1:]
        assert await keys(tables, Flight.id, **ONLY) == [1]
        assert await keys(tables, Flight.carrier, **ONLY) == ["UA"]

    async def test_an_orphan_may_be_restored_and_be_one_again(self, tables: AndamiosEngine) -> None:
        async with SessionManager(tables) as session:
            airline = await session.get_one(Airline, "UA", options=[selectinload(Airline.flights)])
            flight = airline.flights.pop()
            await session.flush()
            await flight.restore()
            await session.flush()
            await session.refresh(airline, ["flights"])
            airline.flights.remove(flight)
        assert await keys(tables, Flight.id, **ONLY) == [2]

    async def test_a_child_may_change_its_parent(self, tables: AndamiosEngine) -> None:
        async with SessionManager(tables) as session:
            load = [selectinload(Airline.flights)]
            united, american = [await session.get_one(Airline, code, options=load) for code in ("UA", "AA")]
            american.flights.append(united.flights.pop())
        assert await keys(tables, Flight.carrier) == ["AA", "AA", "UA"]


class TestRestoring:
    async def test_an_object_is_restored(self, without_one: AndamiosEngine) -> None:
        async with SessionManager(without_one) as session:
            flight = await session.get_one(Flight, 1, execution_options=ALL)
            await flight.restore()
            assert not flight.is_deleted
            await flight.restore()
        assert await keys(without_one, Flight.id) == [1, 2, 3]

    @pytest.mark.parametrize("way", ["object", "statement"])
    async def test_what_went_along_comes_back(self, without_one: AndamiosEngine, way: str) -> None:
        async with SessionManager(without_one) as session:
            if way == "object":
                await session.delete(await session.get_one(Airline, "UA"))
            else:
                await session.execute(delete(Airline).where(Airline.code == "UA"))
        async with SessionManager(without_one) as session:
            await (await session.get_one(Airline, "UA", execution_options=ALL)).restore()
        assert await keys(without_one, Flight.id) == [2, 3]
        assert await keys(without_one, Plane.tail) == ["N1", "N2", "N3"]

    async def test_a_detached_object_cannot_be(self, without_one: AndamiosEngine) -> None:
        async with AsyncSession(without_one) as session:
            flight = await session.get_one(Flight, 1, execution_options=ALL)
        with pytest.raises(ConfigurationError, match="this Flight is in no AsyncSession"):
            await flight.restore()


class TestRemoving:
    async def test_an_object_is_removed(self, without_one: AndamiosEngine) -> None:
        async with SessionManager(without_one) as session:
            await (await session.get_one(Flight, 1, execution_options=ALL)).hard_delete()
        assert await keys(without_one, Flight.id, **ALL) == [2, 3]

    async def test_its_children_are_removed_marked_or_not(self, without_one: AndamiosEngine) -> None:
        async with SessionManager(without_one) as session:
            airline = await session.get_one(Airline, "UA", options=[selectinload(Airline.flights)])
            await airline.hard_delete()
        assert await keys(without_one, Flight.id, **ALL) == [3]
        assert await keys(without_one, Note.id) == []
        assert await keys(without_one, Reply.id, **ALL) == []

    async def test_links_to_deleted_rows_are_removed(self, without_one: AndamiosEngine) -> None:
        async with SessionManager(without_one) as session:
            await (await session.get_one(Tag, 1)).hard_delete()
        async with AsyncSession(without_one) as session:
            assert (await session.execute(select(flight_tag))).all() == [(2, 2)]

    async def test_a_rollback_brings_it_back(self, tables: AndamiosEngine) -> None:
        async with AsyncSession(tables) as session:
            await (await session.get_one(Flight, 1)).hard_delete()
            await session.rollback()
        assert await keys(tables, Flight.id) == [1, 2, 3]

    async def test_what_is_pending_is_flushed(self, tables: AndamiosEngine) -> None:
        async with SessionManager(tables) as session:
            await session.delete(await session.get_one(Flight, 2))
            await (await session.get_one(Flight, 1)).hard_delete()
        assert await keys(tables, Flight.id, **ALL) == [2, 3]

    async def test_a_new_object_cannot_be(self) -> None:
        with pytest.raises(ConfigurationError, match="in no AsyncSession"):
            await Flight(id=9, carrier="UA").hard_delete()


class TestUniqueness:
    async def test_a_deleted_row_keeps_its_key(self, tables: AndamiosEngine) -> None:
        await remove(tables, Airline, "AA")
        with pytest.raises(DuplicateKeyError):
            async with SessionManager(tables) as session:
                session.add(Airline(code="AA", name="Another"))

    async def test_an_index_on_what_is_live_lets_a_value_be_used_again(self, tables: AndamiosEngine) -> None:
        await remove(tables, Airline, "AA")
        async with SessionManager(tables) as session:
            session.add(Airline(code="A2", name="American"))
        with pytest.raises(DuplicateKeyError):
            async with SessionManager(tables) as session:
                session.add(Airline(code="A3", name="American"))
        with pytest.raises(DuplicateKeyError):
            async with SessionManager(tables) as session:
                await (await session.get_one(Airline, "AA", execution_options=ALL)).restore()
        assert await keys(tables, Airline.code) == ["A2", "UA"]


async def test_sqlite_does_the_same(tmp_path: Any) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'soft.db'}")
    await fill(engine)
    await remove(engine, Airline, "UA")
    assert await keys(engine, Flight.id) == [3]
    assert await keys(engine, Plane.tail, **ONLY) == ["N1", "N2"]
    async with SessionManager(engine) as session:
        await (await session.get_one(Airline, "UA", execution_options=ALL)).restore()
    assert await keys(engine, Flight.id) == [1, 2, 3]
    await engine.dispose()
