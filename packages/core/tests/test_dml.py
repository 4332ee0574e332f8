"""What is read off a statement that SQLAlchemy has compiled."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import (
    Column,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    column,
    delete,
    event,
    func,
    lambda_stmt,
    select,
    table,
    text,
    update,
)
from sqlalchemy.dialects import mysql

from andamios_orm.core import AndamiosEngine, insert
from andamios_orm.core.dml import (
    Write,
    bulk_table,
    compared,
    conflict_clause,
    hidden_tables,
    obstacle_in,
    table_of,
    unwrapped,
    with_conflict_clause,
)

PLANES = Table(
    "plane",
    MetaData(),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("tail", String, default="none", onupdate="changed"),
    Column("seats", Integer, server_default=text("0")),
)
ID, TAIL = PLANES.c.id, PLANES.c.tail
ALIAS: Any = PLANES.alias()


@pytest.fixture
async def engine(engine: AndamiosEngine) -> AndamiosEngine:
    """An engine whose database has the table."""
    async with engine.begin() as connection:
        await connection.run_sync(PLANES.create)
    return engine


async def write(engine: AndamiosEngine, statement: Any, parameters: Any = None) -> Write | None:
    """Execute a statement, and return what it writes."""
    found: list[Write | None] = []

    def note(connection: Any, cursor: Any, sent: str, values: Any, context: Any, many: bool) -> None:
        if context.is_crud:
            found.append(Write.of(context))

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    async with engine.begin() as connection:
        await connection.execute(statement, parameters)
    event.remove(engine.sync_engine, "before_cursor_execute", note)
    return found[0]


@pytest.mark.parametrize(
    ("statement", "given", "made"),
    [
        (insert(PLANES).values(id=1), {"id", "tail"}, {"seats"}),
        (insert(PLANES).values(id=func.abs(1), seats=2), {"seats", "tail"}, {"id"}),
        (update(PLANES).values(seats=PLANES.c.seats + 1), {"tail"}, {"seats"}),
        (update(PLANES).ordered_values((TAIL, "N1")), {"tail"}, set()),
        (delete(PLANES), set(), {"tail"}),
    ],
)
async def test_it_tells_what_is_set(
    engine: AndamiosEngine, statement: Any, given: set[str], made: set[str]
) -> None:
    found = await write(engine, statement)
    assert found is not None
    assert {column.key for column in PLANES.c if found.parameter(column)} == given
    assert {column.key for column in PLANES.c if found.sets(column)} == given | made


async def test_it_tells_what_an_upsert_sets(engine: AndamiosEngine) -> None:
    adding = insert(PLANES).values(id=1)
    adding = adding.on_conflict_do_update(index_elements=["id"], set_={TAIL: "N2", "seats": 3})
    found = await write(engine, adding)
    assert found is not None
    assert found.conflict_values().keys() == {"tail", "seats"}
    assert found.sets(PLANES.c.seats)


async def test_it_has_the_criteria(engine: AndamiosEngine) -> None:
    found = await write(engine, delete(ALIAS))
    assert found is not None
    assert (found.table, list(found.criteria)) == (PLANES, [])


async def test_a_table_that_is_no_more_than_a_name_is_unknown(engine: AndamiosEngine) -> None:
    assert await write(engine, delete(table("plane", column("id")))) is None


def test_parameters_of_other_statements_have_no_table() -> None:
    assert bulk_table([(1,)]) is None


async def test_rows_in_columns_have_their_table(engine: AndamiosEngine) -> None:
    found: list[Any] = []

    def note(connection: Any, cursor: Any, sent: str, values: Any, context: Any, many: bool) -> None:
        found.append(bulk_table(values))

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    async with engine.begin() as connection:
        await connection.execute(insert(PLANES), [{"id": 1}, {"id": 2}])
    event.remove(engine.sync_engine, "before_cursor_execute", note)
    assert found == [PLANES]


def test_tables_that_a_cte_writes_to_are_found() -> None:
    inner = delete(PLANES).returning(ID).cte()
    compiled = select(inner.c.id).compile()
    assert hidden_tables(compiled) == [PLANES]
    assert hidden_tables(compiled) is hidden_tables(compiled)
    assert not hidden_tables(select(ID).compile())
    assert not hidden_tables(None)


ADDING = insert(PLANES).values(id=1)
UPSERT = ADDING.on_conflict_do_update(index_elements=["id"], set_={"seats": 3})


@pytest.mark.parametrize(
    ("statement", "there"),
    [
        (UPSERT, True),
        (ADDING.on_conflict_do_nothing(), True),
        (mysql.insert(PLANES).on_duplicate_key_update(seats=3), True),
        (ADDING, False),
        (delete(PLANES), False),
        (text("SELECT 1"), False),
    ],
)
def test_the_clause_of_an_upsert_is_found(statement: Any, there: bool) -> None:
    assert (conflict_clause(statement) is not None) == there


def test_the_clause_of_an_upsert_is_replaced_in_a_copy() -> None:
    other = ADDING.on_conflict_do_nothing()
    replaced = with_conflict_clause(UPSERT, conflict_clause(other))
    assert conflict_clause(replaced) is conflict_clause(other)
    assert "DO UPDATE" in str(UPSERT)
    assert "DO NOTHING" in str(replaced)


@pytest.mark.parametrize(
    ("target", "expected"),
    [(PLANES, PLANES), (ALIAS, PLANES), (ALIAS.alias(), PLANES), (table("plane"), None)],
)
def test_the_table_behind_its_aliases(target: Any, expected: Table | None) -> None:
    assert table_of(target) is expected


def test_a_name_that_a_cte_writes_to_is_no_table() -> None:
    inner = delete(table("plane", column("id"))).cte()
    assert not hidden_tables(select(inner).compile())


def test_a_statement_is_unwrapped() -> None:
    statement = delete(PLANES)
    assert unwrapped(statement) is statement
    assert unwrapped(lambda_stmt(lambda: statement)).table is PLANES


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ([ID == 1], [ID]),
        ([ID == 1, TAIL == "N1"], [ID, TAIL]),
        ([(ID == 1) & (TAIL == "N1")], [ID, TAIL]),
        ([], []),
        ([ID == 1, ID == 2], None),
        ([(ID == 1) & (ID == 2)], None),
        ([bindparam("a") == ID, bindparam("b") == ID], None),
        ([ID > 1], None),
        ([PLANES.c.seats == ID], None),
        ([(ID == 1) | (ID == 2)], None),
        ([func.abs(ID) == 1], None),
    ],
)
def test_columns_that_are_compared_with_parameters(criteria: list[Any], expected: list[Any] | None) -> None:
    found = compared(criteria)
    assert (None if found is None else list(found)) == expected


@pytest.mark.parametrize(
    ("criteria", "obstacle"),
    [
        ([ID == 1, func.lower(TAIL) == "n1"], None),
        ([ID.in_(select(ID).order_by(ID))], None),
        ([ID == 1, text("id = 1")], "text"),
        ([ID.in_(select(ID).limit(1))], "limit"),
        ([ID.in_(select(ID).offset(1))], "limit"),
        ([func.random() < ID], "volatile"),
        ([ID.in_(select(func.nextval("s")))], "volatile"),
    ],
)
def test_what_keeps_a_query_from_finding_the_same_rows(criteria: list[Any], obstacle: str | None) -> None:
    assert obstacle_in(criteria) == obstacle
