"""What is deleted is left out of everything that is read, unless it is asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import exists, func, insert, lambda_stmt, literal, select, text, update
from sqlalchemy.orm import aliased, joinedload, selectinload, subqueryload

from andamios_orm.core import AndamiosEngine, AsyncSession, CacheManager, CachePolicy, SessionManager
from andamios_orm.core.errors import ConfigurationError

from .models import ALL, ONLY, Airline, Charter, Flight, Note, Tag, flight_tag, keys, remove

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


@pytest.mark.parametrize("name", READS)
async def test_deleted_rows_are_left_out(without_one: AndamiosEngine, name: str) -> None:
    statement: Any
    statement, expected = READS[name]
    async with AsyncSession(without_one) as session:
        assert sorted((await session.scalars(statement)).all()) == expected
        connection = await session.connection()
        assert sorted(await connection.scalars(statement)) == expected


async def test_a_statement_about_a_query_leaves_them_out(without_one: AndamiosEngine) -> None:
    statement = select(Flight).from_statement(select(Flight).where(Flight.id < 3))
    async with AsyncSession(without_one) as session:
        assert [flight.id for flight in await session.scalars(statement)] == [2]


async def test_arrow_leaves_them_out(without_one: AndamiosEngine) -> None:
    async with AsyncSession(without_one) as session:
        assert (await session.arrow(select(Flight.id).order_by(Flight.id)))["id"].to_pylist() == [2, 3]


async def test_a_stream_leaves_them_out(without_one: AndamiosEngine) -> None:
    async with AsyncSession(without_one) as session:
        stream = await session.stream_scalars(select(Flight.id).order_by(Flight.id))
        assert [number async for number in stream] == [2, 3]


@pytest.mark.parametrize("target", [Note, Note.__table__])
async def test_what_is_inserted_leaves_them_out(without_one: AndamiosEngine, target: Any) -> None:
    source = select(Flight.id + 10, Flight.carrier)
    async with SessionManager(without_one) as session:
        await session.execute(insert(target).from_select(["id", "carrier"], source))
    assert await keys(without_one, Note.id) == [1, 12, 13]


async def test_tables_and_text_show_all(without_one: AndamiosEngine) -> None:
    async with AsyncSession(without_one) as session:
        table = await session.scalars(select(Flight.__table__.c.id).order_by(Flight.__table__.c.id))
        assert table.all() == [1, 2, 3]
        written = select(Flight).from_statement(text("SELECT * FROM flight ORDER BY id"))
        assert [flight.id for flight in await session.scalars(written)] == [1, 2, 3]


async def test_a_session_may_show_all(without_one: AndamiosEngine) -> None:
    async with AsyncSession(without_one, execution_options=ALL) as session:
        flight = await session.get_one(Flight, 1)
        assert await session.get(Flight, 1) is flight
        assert len((await session.scalars(select(Flight))).all()) == 3


async def test_a_wrong_option_is_refused(tables: AndamiosEngine) -> None:
    with pytest.raises(ConfigurationError, match="include_deleted is True, False or \"only\", not 'no'"):
        await keys(tables, Flight.id, include_deleted="no")


async def test_a_cache_tells_them_apart(without_one: AndamiosEngine) -> None:
    async with CacheManager(without_one):
        for _ in range(2):
            options: dict[str, Any] = {"cache": CachePolicy(ttl=60)}
            assert await keys(without_one, Flight.id, **options) == [2, 3]
            assert await keys(without_one, Flight.id, **options, **ALL) == [1, 2, 3]
            assert await keys(without_one, Flight.id, **options, **ONLY) == [1]


async def test_an_update_leaves_deleted_rows_alone(without_one: AndamiosEngine) -> None:
    async with SessionManager(without_one) as session:
        deleted = await session.get_one(Flight, 1, execution_options=ALL)
        await session.execute(update(Flight).values(carrier="AA"))
        assert deleted.carrier == "UA"
    assert await keys(without_one, Flight.carrier, **ALL) == ["AA", "AA", "UA"]


async def test_relationships_are_loaded_whole(without_one: AndamiosEngine) -> None:
    for load in (joinedload, selectinload):
        async with AsyncSession(without_one) as session:
            query = select(Flight).options(load(Flight.airline), load(Flight.tags))
            flight = (await session.scalars(query, execution_options=ONLY)).unique().one()
            assert (flight.id, flight.airline.code, len(flight.tags)) == (1, "UA", 1)


async def test_joins_are_whole(without_one: AndamiosEngine) -> None:
    async with AsyncSession(without_one) as session:
        query = select(Flight.id).join(Flight.airline).where(Airline.code == "UA")
        assert (await session.scalars(query, execution_options=ONLY)).all() == [1]


async def test_it_is_about_the_first_class_that_can_be_marked(without_one: AndamiosEngine) -> None:
    async with AsyncSession(without_one) as session:
        query = select(Note.id, Flight.id).where(Flight.carrier == Note.carrier)
        assert (await session.execute(query, execution_options=ONLY)).all() == [(1, 1)]


async def test_get_finds_deleted_objects_alone(without_one: AndamiosEngine) -> None:
    async with AsyncSession(without_one) as session:
        for _ in range(2):
            assert await session.get(Flight, 2) is not None
            assert await session.get(Flight, 1, execution_options=ONLY) is not None
            assert await session.get(Flight, 2, execution_options=ONLY) is None


async def test_get_finds_no_deleted_object(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        flight = await session.get_one(Flight, 1)
        await session.delete(flight)
        await session.flush()
        assert await session.get(Flight, 1) is None
        assert await session.get(Flight, 1, execution_options=ALL) is flight


async def test_get_asks_where_the_mark_is_not_loaded(without_one: AndamiosEngine) -> None:
    async with AsyncSession(without_one) as session:
        flights = (await session.scalars(select(Flight), execution_options=ALL)).all()
        for flight in flights:
            session.expire(flight, ["deleted_at"])
        assert await session.get(Flight, 1) is None
        assert await session.get(Flight, 2) in flights


async def test_a_deleted_object_is_refreshed(without_one: AndamiosEngine) -> None:
    async with AsyncSession(without_one) as session:
        flight = await session.get_one(Flight, 1, execution_options=ALL)
        await session.refresh(flight)
        assert flight.is_deleted
        session.expire(flight)
        assert await flight.awaitable_attrs.carrier == "UA"


async def test_a_refresh_tells_of_a_deletion(tables: AndamiosEngine) -> None:
    async with AsyncSession(tables) as session:
        flight = await session.get_one(Flight, 1)
        await session.commit()
        await remove(tables, Flight, 1)
        await session.refresh(flight)
        assert flight.is_deleted
        assert await session.get(Flight, 1) is None


@pytest.mark.parametrize("load", [joinedload, selectinload, subqueryload])
async def test_eager_loads_leave_deleted_rows_out(without_one: AndamiosEngine, load: Any) -> None:
    async with AsyncSession(without_one) as session:
        query = select(Airline).where(Airline.code == "UA").options(load(Airline.flights))
        airline = (await session.scalars(query)).unique().one()
        assert [flight.id for flight in airline.flights] == [2]


@pytest.mark.parametrize("load", [joinedload, selectinload, subqueryload])
async def test_eager_loads_may_show_them(without_one: AndamiosEngine, load: Any) -> None:
    async with AsyncSession(without_one) as session:
        query = select(Airline).where(Airline.code == "UA").options(load(Airline.flights))
        airline = (await session.scalars(query, execution_options=ALL)).unique().one()
        assert [flight.id for flight in airline.flights] == [1, 2]


async def test_lazy_loads_leave_them_out(without_one: AndamiosEngine) -> None:
    async with AsyncSession(without_one) as session:
        airline = await session.get_one(Airline, "UA", execution_options=ALL)
        assert [flight.id for flight in await airline.awaitable_attrs.flights] == [2]


@pytest.mark.parametrize("present", [False, True])
async def test_a_deleted_parent_is_none(tables: AndamiosEngine, present: bool) -> None:
    async with SessionManager(tables) as session:
        await session.execute(update(Airline).values(deleted_at=datetime.now(UTC)))
    async with AsyncSession(tables) as session:
        if present:
            _kept = await session.get_one(Airline, "UA", execution_options=ALL)
        flight = await session.get_one(Flight, 1)
        assert await flight.awaitable_attrs.airline is None
        assert flight.carrier == "UA"


@pytest.mark.parametrize("load", [joinedload, selectinload])
async def test_many_to_many_leaves_them_out(without_one: AndamiosEngine, load: Any) -> None:
    async with AsyncSession(without_one) as session:
        query = select(Tag).where(Tag.id == 1).options(load(Tag.flights))
        tag = (await session.scalars(query)).unique().one()
        assert [flight.id for flight in tag.flights] == [2]


async def test_links_stay(without_one: AndamiosEngine) -> None:
    async with SessionManager(without_one) as session:
        await (await session.get_one(Flight, 1, execution_options=ALL)).restore()
    async with AsyncSession(without_one) as session:
        flight = await session.get_one(Flight, 1, options=[selectinload(Flight.tags)])
        assert [tag.name for tag in flight.tags] == ["night"]


async def test_references_stay_valid(tables: AndamiosEngine) -> None:
    await remove(tables, Airline, "AA")
    async with SessionManager(tables) as session:
        session.add(Flight(id=4, carrier="AA"))
    assert await keys(tables, Flight.id) == [1, 2, 4]
