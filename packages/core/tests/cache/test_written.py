"""Which tables a statement writes: seen in its object, or in its text."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import (
    Column,
    CreateView,
    ForeignKey,
    Integer,
    MetaData,
    Select,
    Table,
    column,
    delete,
    func,
    insert,
    literal,
    select,
    table,
    text,
    update,
)
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql.ddl import CreateSchema

from andamios_orm.core import insert as upsert
from andamios_orm.core.cache.written import EVERYTHING, effect_of_compiled, effect_of_text

ALL = {EVERYTHING}


class Base(DeclarativeBase):
    pass


class Airline(Base):
    __tablename__ = "airline"
    id: Mapped[int] = mapped_column(primary_key=True)


class Flight(Base):
    __tablename__ = "flight"
    id: Mapped[int] = mapped_column(primary_key=True)
    airline_id: Mapped[int] = mapped_column(ForeignKey("airline.id", ondelete="CASCADE"))


class Seat(Base):
    __tablename__ = "seat"
    id: Mapped[int] = mapped_column(primary_key=True)
    flight_id: Mapped[int | None] = mapped_column(ForeignKey("flight.id", ondelete="SET NULL"))
    above_id: Mapped[int | None] = mapped_column(ForeignKey("seat.id", onupdate="CASCADE"))


class Invoice(Base):
    __tablename__ = "invoice"
    id: Mapped[int] = mapped_column(primary_key=True)
    airline_id: Mapped[int] = mapped_column(ForeignKey("airline.id", ondelete="RESTRICT"))


VIEW = CreateView(select(Airline.id), "airlines", metadata=MetaData()).table

PLAIN = Table("Plain", MetaData(), Column("id", Integer), schema="other")


def written(statement: Any, dialect: Any = None) -> set[str]:
    return set(effect_of_compiled(statement.compile(dialect=dialect or postgresql.dialect())).tables)


@pytest.mark.parametrize(
    ("statement", "tables"),
    [
        (select(Flight.id), set()),
        (select(func.count()).select_from(text("flight")), set()),
        (select(Flight.id).order_by(text("id desc")), set()),
        (literal(1), set()),
        (insert(Airline).values(id=1), {"airline"}),
        (insert(Flight).prefix_with("OR REPLACE").values(id=1), {"flight", "seat"}),
        (update(VIEW).values(id=1), {"airlines", EVERYTHING}),
        (insert(PLAIN).from_select(["id"], select(Flight.id)), {"plain"}),
        (update(Seat).values(flight_id=1), {"seat"}),
        (update(table("seat", column("id"))).values(id=1), {"seat"}),
        (delete(Flight), {"flight", "seat"}),
        (delete(Airline), {"airline", "flight", "seat"}),
        (upsert(Flight).values(id=1).on_conflict_do_nothing(), {"flight", "seat"}),
        (select(insert(Airline).values(id=1).returning(Airline.id).cte().c.id), {"airline"}),
        (select(Flight).from_statement(select(Flight)), set()),
        (select(Flight).from_statement(insert(Flight).returning(Flight)), {"flight"}),
        (select(Flight).from_statement(text("SELECT * FROM flight")), set()),
        (select(Flight).from_statement(text("DELETE FROM flight RETURNING *")), ALL),
        (text("UPDATE flight SET id = 1"), ALL),
        (text("SELECT 1"), set()),
        (text("INSERT INTO flight VALUES (1)").columns(Flight.id), ALL),
        (text("SELECT 1 AS id").columns(Flight.id), set()),
        (CreateTable(PLAIN), ALL),
        (CreateSchema("other"), ALL),
    ],
)
def test_the_tables_that_a_statement_writes(statement: Any, tables: set[str]) -> None:
    assert written(statement) == tables


def test_a_statement_of_mysql_may_write_every_table_in_it() -> None:
    both = update(Invoice).values({Invoice.id: 1, Airline.id: 2}).where(Invoice.airline_id == Airline.id)
    assert written(both, mysql.dialect()) == {"invoice", "airline"}
    joined = update(Invoice.__table__.join(Airline.__table__)).values({Airline.id: 2})
    assert written(joined, mysql.dialect()) == {"invoice", "airline", "flight", "seat"}
    assert written(insert(PLAIN).from_select(["id"], select(Invoice.id)), mysql.dialect()) == {"plain"}


READING = [
    "SELECT 1",
    "  (select 1)",
    "-- a comment\n/* another */ SELECT 1",
    "with a as (select 1) select * from a",
    "FROM flight",
    "VALUES (1)",
    "TABLE flight",
    "SHOW TABLES",
    "DESCRIBE flight",
    "SUMMARIZE flight",
    "EXPLAIN SELECT 1",
    "PRAGMA table_info('flight')",
    "SELECT last_update, replace(a, 'b', 'c') FROM flight;",
    "BEGIN",
    "ROLLBACK TO SAVEPOINT a",
    "SET TRANSACTION READ ONLY",
    "PRAGMA query_only = 1",
]

WRITING = [
    "",
    "INSERT INTO flight VALUES (1)",
    "update flight set id = 1",
    "TRUNCATE flight",
    "DROP TABLE flight",
    "COPY flight FROM 'flights.csv'",
    "CALL anything()",
    "PRAGMA journal_mode = WAL",
    "WITH gone AS (DELETE FROM flight RETURNING *) SELECT * FROM gone",
    "SELECT * INTO copied FROM flight",
    "SELECT * FROM flight FOR UPDATE",
    "EXPLAIN ANALYZE DELETE FROM flight",
    "SELECT 1; DROP TABLE flight",
    "SET search_path TO other; INSERT INTO flight VALUES (1)",
    "SELECTED",
    "ATTACH 'other.db'",
    "DETACH other",
]


@pytest.mark.parametrize("sql", READING)
def test_text_that_reads_writes_nothing(sql: str) -> None:
    assert effect_of_text(sql) == (frozenset(), False)


@pytest.mark.parametrize("sql", WRITING)
def test_other_text_writes_everything(sql: str) -> None:
    assert effect_of_text(sql).tables == ALL


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("SET search_path TO other", set()),
        ("set local app.tenant = '1'", set()),
        ("RESET ALL", set()),
        ("USE other", set()),
        ("SELECT set_config('app.tenant', '1', true)", set()),
    ],
)
def test_text_that_changes_a_setting(sql: str, tables: set[str]) -> None:
    assert effect_of_text(sql) == (tables, True)


def test_a_statement_that_changes_a_setting() -> None:
    setting: Select[Any] = select(func.set_config("app.tenant", "1", True))
    assert effect_of_compiled(setting.compile(dialect=postgresql.dialect())) == (frozenset(), True)


def test_the_effect_of_a_compiled_statement_is_found_once() -> None:
    compiled = delete(Flight).compile()
    assert effect_of_compiled(compiled) is effect_of_compiled(compiled)
