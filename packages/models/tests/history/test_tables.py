from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table, UniqueConstraint, inspect

from andamios_orm.core import AndamiosEngine, ConfigurationError
from andamios_orm.models.history.tables import add_history, history_of

from .models import Airline, Base, Document, Message, Plane, Seat

OWN = ["operation", "actor", "correlation_id", "valid_from", "valid_to"]


def seats(*more: Any, name: str = "seat", metadata: MetaData | None = None) -> Table:
    """Make a table of a metadata of its own."""
    return Table(name, metadata or MetaData(), Column("number", Integer, primary_key=True), *more)


@pytest.mark.parametrize("model", [Airline, Document, Plane, Seat])
def test_it_has_the_columns_of_its_table_and_its_own(model: type[Any]) -> None:
    names = list(model.__table__.columns.keys())
    assert list(model.__history_table__.columns.keys()) == [*names, *OWN]


def test_it_has_no_constraints() -> None:
    history = Plane.__history_table__
    assert not history.foreign_keys
    assert not history.indexes
    assert not history.primary_key.columns
    assert {type(constraint).__name__ for constraint in history.constraints} == {"PrimaryKeyConstraint"}
    assert not add_history(seats(Column("row", String), UniqueConstraint("row"))).c.row.unique


def test_values_may_be_missing_and_none_is_made_up() -> None:
    history = add_history(seats(Column("row", String, nullable=False, default="A", server_default="A")))
    assert history.c.row.nullable
    assert history.c.row.default is None
    assert history.c.row.server_default is None


def test_a_foreign_key_has_the_type_of_its_target() -> None:
    metadata = MetaData()
    history = add_history(seats(Column("row", ForeignKey("row.code")), metadata=metadata))
    Table("row", metadata, Column("code", String(3), primary_key=True))
    assert isinstance(history.c.row.type, String)


def test_a_type_that_belongs_to_its_column_is_copied() -> None:
    assert Document.__history_table__.c.status.type is not Document.__table__.c.status.type


def test_it_gets_the_columns_that_its_table_gets_later() -> None:
    table = seats()
    history = add_history(table)
    table.append_column(Column("row", String))
    assert "row" in history.columns
    assert "score" in Message.__history_table__.columns


def test_a_column_that_is_replaced_keeps_its_place() -> None:
    table = seats(Column("row", String))
    history = add_history(table)
    table.append_column(Column("row", String(1)), replace_existing=True)
    assert list(history.columns.keys()) == ["number", "row", *OWN]


def test_a_copy_has_the_copied_history() -> None:
    table, metadata = seats(Column("row", String)), MetaData()
    add_history(table)
    copy = table.to_metadata(metadata, schema="elsewhere")
    assert history_of(copy) is None
    history = history_of(table)
    assert history is not None
    copied = history.to_metadata(metadata, schema="elsewhere")
    assert history_of(copy) is copied
    assert list(copied.columns.keys()) == ["number", "row", *OWN]
    assert isinstance(copied.c.row.type, String)


def test_it_is_made_once() -> None:
    table = seats()
    assert add_history(table) is add_history(table) is history_of(table)
    assert history_of(seats()) is None


def test_it_stands_in_the_schema_of_its_table() -> None:
    metadata = MetaData(schema="main")
    table = Table("seat", metadata, Column("number", Integer, primary_key=True), schema="plane")
    assert add_history(table).fullname == "plane.seat_history"


@pytest.mark.parametrize("name", OWN)
def test_a_name_of_its_own_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f'seat.{name} has the name .*mapped_column."seat_{name}"'):
        add_history(seats(Column(name, String)))
    table = seats()
    add_history(table)
    with pytest.raises(ConfigurationError, match=f"seat.{name}"):
        table.append_column(Column(name, String))


def test_a_table_with_its_name_is_refused() -> None:
    metadata = MetaData()
    seats(name="seat_history", metadata=metadata)
    with pytest.raises(ConfigurationError, match="would be called seat_history"):
        add_history(seats(metadata=metadata))


async def test_it_is_created_and_dropped_with_the_metadata(engine: AndamiosEngine) -> None:
    async with engine.begin() as connection:
        tables = await connection.run_sync(lambda inner: inspect(inner).get_table_names())
        assert {"airline_history", "document_history", "plane_history"} <= set(tables)
        await connection.run_sync(Base.metadata.drop_all)
        assert await connection.run_sync(lambda inner: inspect(inner).get_table_names()) == []
