"""What a statement does to references: the keys that it writes, and those that it takes away."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest
from sqlalchemy import (
    Column,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    TypeDecorator,
    bindparam,
    column,
    delete,
    event,
    exc,
    func,
    insert,
    lambda_stmt,
    select,
    table,
    text,
    update,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, ORMExecuteState, mapped_column, with_loader_criteria

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager, create_memory_engine
from andamios_orm.core import insert as upsert
from andamios_orm.core.errors import ForeignKeyError, NotSupportedError, ProgrammingError
from andamios_orm.core.types import LIST

from ..airline import (
    AIRLINES,
    FLIGHTS,
    PLANES,
    Airline,
    Flight,
    Seat,
    Ticket,
    accept,
    make,
    refuse,
    rows,
)


@pytest.fixture
async def engine(engine: AndamiosEngine) -> AndamiosEngine:
    """An engine whose database has the tables, an airline UA and a plane N1."""
    return await make(engine)


async def test_a_flush_that_refers_to_nothing_is_refused(engine: AndamiosEngine) -> None:
    with pytest.raises(ForeignKeyError, match=r"flight.airline refers to airline.code 'ZZ', which does not"):
        async with SessionManager(engine) as session:
            session.add(Flight(id=1, airline="ZZ"))
    assert await rows(engine, Flight.id) == []


async def test_the_error_has_the_facts(engine: AndamiosEngine) -> None:
    error = await refuse(engine, insert(Flight).values(id=1, airline="ZZ"))
    assert (error.table, error.column, error.columns) == ("flight", "airline", ("airline",))
    assert (error.value, error.referred_table, error.referred_columns) == ("ZZ", "airline", ("code",))
    assert isinstance(error, exc.IntegrityError)
    assert not error.retryable


async def test_a_value_can_be_kept_out_of_the_message() -> None:
    engine = await make(create_memory_engine(hide_parameters=True))
    error = await refuse(engine, insert(Flight).values(id=1, airline="secret"))
    assert "secret" not in str(error)
    assert error.value == "secret"
    await engine.dispose()


async def test_what_refers_may_be_written_first(engine: AndamiosEngine) -> None:
    async with SessionManager(engine) as session:
        session.add(Flight(id=1, airline="AA"))
        await session.flush()
        session.add(Airline(code="AA"))
    assert await rows(engine, Flight.airline) == [("AA",)]


async def test_what_is_put_right_before_the_commit_is_accepted(engine: AndamiosEngine) -> None:
    async with SessionManager(engine) as session:
        flight = Flight(id=1, airline="ZZ")
        session.add_all([flight, Flight(id=2, airline="ZZ")])
        await session.flush()
        flight.airline = "UA"
        await session.execute(delete(Flight).where(Flight.id == 2))
    assert await rows(engine, Flight.airline) == [("UA",)]


async def test_none_refers_to_nothing(engine: AndamiosEngine) -> None:
    await accept(engine, insert(Flight).values(id=1, airline=None), insert(Flight).values(id=2))
    assert await rows(engine, Flight.airline) == [(None,), (None,)]


async def test_a_row_may_refer_to_itself(engine: AndamiosEngine) -> None:
    await accept(engine, insert(Airline).values(code="AA", alliance="AA"))
    error = await refuse(engine, insert(Airline).values(code="BA", alliance="OW"))
    assert error.value == "OW"


async def test_a_key_of_several_columns_is_one(engine: AndamiosEngine) -> None:
    await accept(engine, insert(Flight).values(id=1), insert(Seat).values(flight=1, number="1A"))
    await accept(
        engine,
        insert(Ticket).values([{"id": 1, "flight": 1, "seat": "1A"}]),
        insert(Ticket).values(id=2, flight=1, seat="1A"),
    )
    error = await refuse(engine, insert(Ticket).values(id=3, flight=1, seat="1B"))
    assert (error.column, error.columns, error.value) == (None, ("flight", "seat"), (1, "1B"))
    assert "ticket(flight, seat) refers to seat(flight, number) (1, '1B')" in str(error)


async def test_a_part_of_a_key_refers_to_nothing(engine: AndamiosEngine) -> None:
    """Nor is anything looked at: not what text has left behind."""
    await accept(engine, text("INSERT INTO ticket VALUES (0, 7, '7Z')"))
    await accept(
        engine, insert(Ticket).values(id=1, flight=7, seat=None), insert(Ticket).values(id=2, seat="9Z")
    )
    assert await rows(engine, Ticket.id) == [(0,), (1,), (2,)]


async def test_a_part_of_a_key_is_changed(engine: AndamiosEngine) -> None:
    await accept(engine, insert(Flight).values(id=1), insert(Seat).values(flight=1, number="1A"))
    await accept(engine, insert(Ticket).values(id=1, flight=1, seat=None))
    await accept(engine, update(Ticket).values(seat="1A"))
    await accept(engine, update(Ticket).values(seat=None))
    await accept(engine, update(Ticket).values(seat="1A"))
    error = await refuse(engine, update(Ticket).values(seat="1B"))
    assert error.value == (1, "1B")


async def test_a_flush_that_changes_the_key(engine: AndamiosEngine) -> None:
    await accept(engine, insert(Flight).values(id=1, airline="UA"))
    with pytest.raises(ForeignKeyError):
        async with SessionManager(engine) as session:
            (await session.get_one(Flight, 1)).airline = "ZZ"
    assert await rows(engine, Flight.airline) == [("UA",)]


@pytest.mark.parametrize(
    "statement",
    [
        update(Flight).values(airline="ZZ"),
        update(Flight).values(airline=func.upper("zz")),
        update(Flight).values({Flight.airline: select(func.max("ZZ")).scalar_subquery()}),
        update(Flight).ordered_values((Flight.airline, "ZZ"), (Flight.plane, None)),
        insert(Flight).values(id=2, airline=func.upper("zz")),
        insert(Flight).values(id=2, airline=bindparam("given", "ZZ")),
        insert(Flight).values(id=2, airline=func.upper(bindparam("airline", "zz"))),
        insert(Flight).values([{"id": 2, "airline": "UA"}, {"id": 3, "airline": "ZZ"}]),
        insert(Flight).from_select(["id", "airline"], select(func.abs(2), func.upper("zz"))),
    ],
    ids=str,
)
async def test_statements_of_the_orm(engine: AndamiosEngine, statement: Any) -> None:
    await accept(engine, insert(Flight).values(id=1, airline="UA"))
    with pytest.raises(ForeignKeyError, match="'ZZ'"):
        async with SessionManager(engine) as session:
            await session.execute(statement, execution_options={"synchronize_session": False})
    error = await refuse(engine, statement)
    assert error.column == "airline"
    assert await rows(engine, Flight.airline) == [("UA",)]


async def test_rows_of_parameters(engine: AndamiosEngine) -> None:
    await accept(engine, insert(Flight).values(id=1), insert(Flight).values(id=2))
    by_id = update(FLIGHTS).where(Flight.id == bindparam("key"))
    for statement, parameters in (
        (insert(Flight), [{"id": 3, "airline": "UA"}, {"id": 4, "airline": "ZZ"}]),
        (update(Flight), [{"id": 1, "airline": "UA"}, {"id": 2, "airline": "ZZ"}]),
        (by_id, [{"key": 1, "airline": "UA"}, {"key": 2, "airline": "ZZ"}]),
    ):
        with pytest.raises(ForeignKeyError, match="'ZZ'"):
            async with SessionManager(engine) as session:
                await session.execute(statement, parameters)


async def test_bulk_insert(engine: AndamiosEngine) -> None:
    async with SessionManager(engine) as session:
        await session.bulk_insert(Flight, [(1, "UA"), (2, None)], columns=["id", "airline"])
    with pytest.raises(ForeignKeyError, match="'ZZ'"):
        async with SessionManager(engine) as session:
            await session.bulk_insert(Flight, [(3, "UA"), (4, "ZZ")], columns=["id", "airline"])
    assert await rows(engine, Flight.id) == [(1,), (2,)]


async def test_more_keys_than_are_kept(engine: AndamiosEngine) -> None:
    many = 50_001
    await accept(engine, text(f"INSERT INTO airline SELECT 'A' || range, NULL, NULL FROM range({many - 1})"))
    given = [{"id": number, "airline": f"A{number}"} for number in range(many)]
    with pytest.raises(ForeignKeyError, match="'A50000'"):
        async with engine.begin() as connection:
            await connection.execute(insert(FLIGHTS), given)
    async with engine.begin() as connection:
        await connection.execute(insert(FLIGHTS), given[:-1])
    assert await rows(engine, func.count(Flight.id)) == [(many - 1,)]


async def test_an_upsert(engine: AndamiosEngine) -> None:
    await accept(engine, insert(Flight).values(id=1, airline="UA"))
    new = upsert(Flight).values(id=1, airline="ZZ")
    await accept(engine, new.on_conflict_do_nothing())
    await refuse(engine, new.on_conflict_do_update(index_elements=["id"], set_={"airline": "YY"}))
    await refuse(
        engine, new.on_conflict_do_update(index_elements=["id"], set_={"airline": new.excluded.airline})
    )
    await accept(engine, new.on_conflict_do_update(index_elements=["id"], set_={"plane": "N1"}))
    assert await rows(engine, Flight.airline, Flight.plane) == [("UA", "N1")]


async def test_columns_with_names_of_their_own(engine: AndamiosEngine) -> None:
    class Own(DeclarativeBase):
        pass

    class Parent(Own):
        __tablename__ = "parent"

        key: Mapped[int] = mapped_column("the key", key="k", primary_key=True, autoincrement=False)

    class Child(Own):
        __tablename__ = "child"

        identity: Mapped[int] = mapped_column("id", primary_key=True, autoincrement=False)
        above: Mapped[int | None] = mapped_column(
            "parent", ForeignKey("parent.k", ondelete="SET NULL"), key="p"
        )

    async with engine.begin() as connection:
        await connection.run_sync(Own.metadata.create_all, checkfirst=False)
    for bad in (
        insert(Child).values(identity=1, above=7),
        insert(Own.metadata.tables["child"]).values(id=1, p=7),
        insert(Child).values({Child.identity: 1, Child.above: func.abs(7)}),
    ):
        async with AsyncSession(engine) as session:
            await session.execute(bad)
            with pytest.raises(ForeignKeyError, match=r"child.parent refers to parent.the key 7") as caught:
                await session.commit()
        assert (caught.value.column, caught.value.referred_columns) == ("parent", ("the key",))
    async with SessionManager(engine) as session:
        session.add_all([Parent(key=7), Child(identity=1, above=7)])
    async with SessionManager(engine) as session:
        await session.execute(delete(Parent).where(Parent.key == 7))
    assert await rows(engine, Child.above) == [(None,)]


@pytest.mark.parametrize(
    ("default", "accepted"),
    [
        ({"default": "UA"}, True),
        ({"default": lambda: "UA"}, True),
        ({"default": func.upper("ua")}, True),
        ({"server_default": "UA"}, True),
        ({"default": "ZZ"}, False),
        ({"default": lambda: "ZZ"}, False),
        ({"default": func.upper("zz")}, False),
        ({"server_default": "ZZ"}, False),
        ({"onupdate": "ZZ"}, False),
        ({"onupdate": func.upper("zz")}, False),
    ],
)
async def test_defaults(engine: AndamiosEngine, default: dict[str, Any], accepted: bool) -> None:
    metadata = MetaData()
    Table("airline", metadata, Column("code", String, primary_key=True))
    table = Table(
        "gate", metadata, Column("id", Integer), Column("airline", ForeignKey("airline.code"), **default)
    )
    async with engine.begin() as connection:
        await connection.run_sync(table.create)
    await accept(engine, insert(table).values(id=1, airline="UA"))
    statements = [update(table).values(id=2)] if "onupdate" in default else [insert(table).values(id=1)]
    if accepted:
        await accept(engine, *statements)
    else:
        assert (await refuse(engine, *statements)).value == "ZZ"


async def test_a_bulk_insert_that_leaves_the_key_to_its_default(engine: AndamiosEngine) -> None:
    metadata = MetaData()
    Table("airline", metadata, Column("code", String, primary_key=True))
    table = Table(
        "gate",
        metadata,
        Column("id", Integer),
        Column("airline", ForeignKey("airline.code"), server_default="ZZ"),
    )
    async with engine.begin() as connection:
        await connection.run_sync(table.create)
    with pytest.raises(ForeignKeyError, match="'ZZ'"):
        async with SessionManager(engine) as session:
            await session.bulk_insert(table, [{"id": 1}])


async def test_rows_that_are_sent_one_by_one(engine: AndamiosEngine) -> None:
    new = upsert(FLIGHTS)
    new = new.on_conflict_do_update(index_elements=["id"], set_={"airline": new.excluded.airline})
    for statement in (new, new.returning(FLIGHTS.c.id)):
        async with engine.begin() as connection:
            await connection.execute(statement, [{"id": number, "airline": "UA"} for number in range(3)])
        with pytest.raises(ForeignKeyError, match="'ZZ'"):
            async with engine.begin() as connection:
                await connection.execute(statement, [{"id": 1, "airline": "UA"}, {"id": 2, "airline": "ZZ"}])


async def test_values_that_are_no_keys_of_a_set(engine: AndamiosEngine) -> None:
    metadata = MetaData()
    parent = Table("parent", metadata, Column("id", LIST(Integer), primary_key=True))
    child = Table("child", metadata, Column("id", LIST(Integer), ForeignKey("parent.id")))
    async with engine.begin() as connection:
        await connection.run_sync(child.create)
        await connection.execute(text("CREATE TABLE parent (id INTEGER[])"))
        await connection.execute(insert(parent).values(id=[1, 2]))
        await connection.execute(insert(child).values(id=[1, 2]))
    assert (await refuse(engine, insert(child).values(id=[3]))).value == [3]
    assert (await refuse(engine, delete(parent))).value == [1, 2]


@pytest.fixture
async def referred(engine: AndamiosEngine) -> AndamiosEngine:
    """Airlines A0 to A9, of which A0 to A4 have a flight as airline, and A5 to A7 as partner."""
    async with SessionManager(engine) as session:
        session.add_all([Airline(code=f"A{n}") for n in range(10)])
        session.add_all([Flight(id=n, airline=f"A{n}") for n in range(5)])
        session.add_all([Flight(id=n, partner=f"A{n}") for n in range(5, 8)])
    return engine


numbers = select(func.max("A6").label("code")).cte("numbers")
other = AIRLINES.alias("other")


@pytest.mark.parametrize(
    "criteria",
    [
        [Airline.code == "A6"],
        [Airline.code.in_(["A6", "A9"])],
        [func.lower(Airline.code) == "a6"],
        [text("code = 'A6'")],
        [Airline.code.in_(select(Flight.partner).where(Flight.id == 6))],
        [Airline.code.in_(select(Flight.partner).where(Flight.partner != "A5").order_by(Flight.id).limit(1))],
        [Airline.code.in_(select(numbers.c.code))],
        [select(Flight.id).where(Flight.partner == Airline.code, Flight.id == 6).exists()],
        [Airline.code == other.c.code, other.c.code == "A6"],
        [Airline.code == "A6", func.random() >= 0],
        [Airline.code == bindparam("given", "A6")],
        [Airline.code.in_(bindparam("given", ["A6"], expanding=True))],
    ],
    ids=lambda criteria: "-".join(str(criterion) for criterion in criteria)[:60],
)
async def test_a_deletion_is_followed_up(referred: AndamiosEngine, criteria: list[Any]) -> None:
    """Whatever names the rows, those that refer to them go, and no others."""
    async with SessionManager(referred) as session:
        await session.execute(
            delete(Airline).where(*criteria), execution_options={"synchronize_session": False}
        )
    assert [key for (key,) in await rows(referred, Flight.id)] == [0, 1, 2, 3, 4, 5, 7]
    table = AIRLINES
    await accept(referred, delete(table).where(*criteria))
    error = await refuse(referred, delete(table).where(table.c.code == "A3"))
    assert error.value == "A3"


async def test_a_deletion_by_chance_is_followed_up(engine: AndamiosEngine) -> None:
    codes = [f"R{number}" for number in range(60)]
    async with SessionManager(engine) as session:
        session.add_all([Airline(code=code) for code in codes])
        session.add_all([Flight(id=number, partner=code) for number, code in enumerate(codes)])
    await accept(engine, delete(AIRLINES).where(AIRLINES.c.code != "UA", func.random() < 0.5))
    left = await rows(engine, AIRLINES.c.code)
    assert await rows(engine, Flight.partner) == [key for key in left if key != ("UA",)]


async def test_deletions_by_rows_of_parameters(referred: AndamiosEngine) -> None:
    table = AIRLINES
    for statement, parameters in (
        (delete(table).where(table.c.code == bindparam("given")), [{"given": "A5"}, {"given": "A9"}]),
        (
            delete(table).where(table.c.code.startswith(bindparam("given"))),
            [{"given": "A6"}, {"given": "A8"}],
        ),
    ):
        async with referred.begin() as connection:
            await connection.execute(statement, parameters)
    assert [key for (key,) in await rows(referred, Flight.id)] == [0, 1, 2, 3, 4, 7]
    with pytest.raises(ForeignKeyError, match="'A1' is gone"):
        async with referred.begin() as connection:
            await connection.execute(
                delete(table).where(table.c.code == bindparam("given"), table.c.name.is_(None)),
                [{"given": "A1"}, {"given": None}],
            )


async def test_parameters_of_another_type_than_the_column(engine: AndamiosEngine) -> None:
    """What they are compared with is what the parameters' type makes of them."""

    class Upper(TypeDecorator[str]):
        impl = String
        cache_ok = True

        def process_bind_param(self, value: Any, dialect: Any) -> Any:
            return value and value.upper()

    metadata = MetaData()
    parent = Table("parent", metadata, Column("code", Upper, primary_key=True))
    child = Table("child", metadata, Column("code", ForeignKey("parent.code", ondelete="CASCADE")))
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all, checkfirst=False)
        await connection.execute(text("INSERT INTO parent VALUES ('a'), ('b'), ('A')"))
        await connection.execute(text("INSERT INTO child VALUES ('a'), ('b'), ('A')"))
    async with engine.begin() as connection:
        given = bindparam("given", type_=String)
        await connection.execute(delete(parent).where(parent.c.code == given), [{"given": n} for n in "ab"])
    assert await rows(engine, child) == [("A",)]


async def test_a_comparison_with_none_finds_nothing(referred: AndamiosEngine) -> None:
    table = AIRLINES
    async with referred.begin() as connection:
        await connection.execute(
            delete(table).where(table.c.code == bindparam("given", type_=String)),
            [{"given": "A5"}, {"given": None}],
        )
    assert len(await rows(referred, Flight.id)) == 7


async def test_all_are_deleted(referred: AndamiosEngine) -> None:
    await accept(referred, delete(Flight), delete(Airline))
    await accept(referred, insert(Airline).values(code="UA"), insert(Flight).values(id=1, airline="UA"))
    assert (await refuse(referred, delete(Airline))).value == "UA"


async def test_deletions_under_another_name(referred: AndamiosEngine) -> None:
    renamed: Any = AIRLINES.alias("renamed")
    await accept(referred, delete(renamed).where(renamed.c.code == "A5"))
    assert len(await rows(referred, Flight.id)) == 7
    error = await refuse(referred, update(renamed).where(renamed.c.code == "A2").values(code="AX"))
    assert error.value == "A2"


async def test_deletions_using_another_table(referred: AndamiosEngine) -> None:
    flights = FLIGHTS
    await accept(referred, delete(AIRLINES).where(Airline.code == flights.c.partner, flights.c.id == 5))
    same = AIRLINES.c.code == other.c.code
    await accept(referred, delete(AIRLINES).using(other).where(same, other.c.code == "A6"))
    assert [key for (key,) in await rows(referred, Flight.id)] == [0, 1, 2, 3, 4, 7]


async def test_updates_from_another_table(referred: AndamiosEngine) -> None:
    airlines, flights = AIRLINES, FLIGHTS
    moved = update(airlines).where(airlines.c.code == flights.c.airline, flights.c.id == 2)
    assert (await refuse(referred, moved.values(code="AX"))).value == "A2"
    await accept(referred, moved.values(name="moved"))


async def test_a_column_that_is_compared_twice(referred: AndamiosEngine) -> None:
    one, other = bindparam("one", type_=String), bindparam("other", type_=String)
    statement = delete(AIRLINES).where(AIRLINES.c.code == one, AIRLINES.c.code == other)
    pairs = [{"one": "A5", "other": "A6"}, {"one": "A6", "other": "A5"}, {"one": "A5", "other": "A5"}]
    async with referred.begin() as connection:
        await connection.execute(statement, pairs)
    assert [key for (key,) in await rows(referred, Flight.id)] == [0, 1, 2, 3, 4, 6, 7]


async def test_a_statement_from_a_lambda(referred: AndamiosEngine) -> None:
    for code in ("A5", "A6"):
        statement = lambda_stmt(lambda: delete(AIRLINES))
        statement += lambda deletion: deletion.where(AIRLINES.c.code == code)  # noqa: B023
        await accept(referred, statement)
    assert [key for (key,) in await rows(referred, Flight.id)] == [0, 1, 2, 3, 4, 7]


async def test_objects_from_a_returning_clause(referred: AndamiosEngine) -> None:
    new = insert(Flight).values(id=9, airline="ZZ").returning(Flight)
    gone = delete(FLIGHTS).where(Flight.id == 5).returning(FLIGHTS)
    await accept(referred, insert(Seat).values(flight=5, number="1A"))
    async with AsyncSession(referred) as session:
        assert (await session.scalars(select(Flight).from_statement(new))).one().id == 9
        with pytest.raises(ForeignKeyError):
            await session.commit()
        await session.rollback()
        assert (await session.scalars(select(Flight).from_statement(gone))).one().id == 5
        await session.commit()
    assert await rows(referred, Seat.number) == []


async def test_criteria_of_a_session_are_followed(referred: AndamiosEngine) -> None:
    def hide(state: ORMExecuteState) -> None:
        criteria = with_loader_criteria(Airline, Airline.code != "A6")
        state.statement = state.statement.options(criteria)

    async with SessionManager(referred) as session:
        event.listen(session.sync_session, "do_orm_execute", hide)
        await session.execute(delete(Airline).where(Airline.code.in_(["A5", "A6"])))
    assert [key for (key,) in await rows(referred, Flight.id)] == [0, 1, 2, 3, 4, 6, 7]


async def test_cached_statements_keep_their_values_apart(referred: AndamiosEngine) -> None:
    async with SessionManager(referred) as session:
        for code in ("A5", "A6"):
            await session.execute(delete(Airline).where(Airline.code == code))
    for code in ("A1", "A2"):
        assert (await refuse(referred, delete(Airline).where(Airline.code == code))).value == code
    assert [key for (key,) in await rows(referred, Flight.id)] == [0, 1, 2, 3, 4, 7]


async def test_an_upsert_of_what_is_referred_to(engine: AndamiosEngine) -> None:
    metadata = MetaData()
    parent = Table("parent", metadata, Column("id", Integer, primary_key=True), Column("code", String))
    child = Table("child", metadata, Column("code", ForeignKey("parent.code")))
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all, checkfirst=False)
    await accept(engine, insert(parent).values(id=1, code="a"), insert(child).values(code="a"))
    new = upsert(parent).values(id=1, code="b")
    await refuse(engine, new.on_conflict_do_update(index_elements=["id"], set_={"code": new.excluded.code}))
    await refuse(engine, insert(parent).prefix_with("OR REPLACE").values(id=1, code="b"))
    await accept(engine, new.on_conflict_do_update(index_elements=["id"], set_={"id": 1}))
    await accept(engine, insert(parent).values(id=2, code="b"), insert(parent).values(id=3, code="b"))
    await accept(engine, insert(child).values([{"code": "a"}, {"code": "b"}]))
    await accept(engine, delete(parent).where(parent.c.id == 2))
    assert (await refuse(engine, delete(parent).where(parent.c.code == "b"))).value == "b"


@pytest.mark.parametrize(
    "write",
    [
        insert(FLIGHTS).values(id=1, airline="ZZ").returning(FLIGHTS.c.id),
        delete(AIRLINES).returning(AIRLINES.c.code),
    ],
    ids=["insert", "delete"],
)
async def test_a_cte_that_writes_is_refused(engine: AndamiosEngine, write: Any) -> None:
    async with engine.connect() as connection:
        for statement in (
            select(write.cte()),
            select(func.abs(1)).add_cte(write.cte()),
            insert(PLANES).from_select(["tail"], select(write.cte())),
        ):
            with pytest.raises(NotSupportedError, match="execute the CTE as a statement of its own"):
                await connection.execute(statement)
    assert await rows(engine, Airline.code) == [("UA",)]


async def test_a_cte_that_reads(engine: AndamiosEngine) -> None:
    codes = select(AIRLINES.c.code).cte()
    await accept(
        engine,
        select(codes),
        insert(FLIGHTS).from_select(["id", "airline"], select(func.abs(1), codes.c.code)),
    )
    assert await rows(engine, Flight.airline) == [("UA",)]


async def test_a_table_that_is_a_name_only(engine: AndamiosEngine) -> None:
    name = table("flight", column("id"), column("airline"))
    await accept(engine, insert(name).values(id=1, airline="ZZ"))
    assert await rows(engine, Flight.airline) == [("ZZ",)]


@pytest.mark.parametrize(
    "target", [table("extra", column("id")), Table("extra", MetaData(), Column("id", Integer))], ids=type
)
async def test_a_cte_that_writes_where_nothing_refers(engine: AndamiosEngine, target: Any) -> None:
    """What DuckDB 2 makes of it."""
    await accept(engine, text("CREATE TABLE extra (id INTEGER)"))
    statement = select(func.abs(1)).add_cte(insert(target).values(id=1).returning(target.c.id).cte())
    if duckdb.__version__ < "2":
        with pytest.raises(ProgrammingError):
            await accept(engine, statement)
    else:
        await accept(engine, statement)
        assert await rows(engine, target.c.id) == [(1,)]
