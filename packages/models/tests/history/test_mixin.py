from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table, Text, case, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column, registry

from andamios_orm.core import AsyncSession, ConfigurationError
from andamios_orm.models.actors import actor
from andamios_orm.models.declarative import BaseModel
from andamios_orm.models.history import AuditMixin

from .models import Airline, Answer, Message, Plane


def base() -> type[BaseModel]:
    """Return a base with a metadata of its own."""
    own = MetaData()
    names: dict[str, Any] = {"__abstract__": True, "metadata": own, "registry": registry(metadata=own)}
    return type("Base", (BaseModel,), names)


async def authors(session: AsyncSession) -> list[Any]:
    """Return who made and who changed each airline."""
    columns = (Airline.code, Airline.created_by, Airline.updated_by)
    return [tuple(row) for row in await session.execute(select(*columns).order_by(Airline.code))]


async def test_a_flush_names_who_acts(session: AsyncSession) -> None:
    with actor("ada"):
        session.add(airline := Airline(code="UA", name="United"))
        await session.flush()
    with actor("grace"):
        airline.name = "Delta"
        await session.flush()
    assert await authors(session) == [("UA", "ada", "grace")]
    assert (airline.created_by, airline.updated_by) == ("ada", "grace")


async def test_bulk_paths_name_who_acts(session: AsyncSession) -> None:
    with actor("ada"):
        await session.bulk_insert(Airline, [{"code": "AA", "name": "1"}, {"code": "DL", "name": "2"}])
        await session.execute(insert(Airline), [{"code": "UA", "name": "3"}])
    with actor("grace"):
        await session.execute(update(Airline).where(Airline.code == "DL").values(name="4"))
        await session.execute(update(Airline), [{"code": "UA", "name": "5"}])
    assert await authors(session) == [("AA", "ada", "ada"), ("DL", "ada", "grace"), ("UA", "ada", "grace")]


async def test_nobody_is_named_where_nobody_acts(session: AsyncSession) -> None:
    with actor("ada"):
        session.add(airline := Airline(code="UA", name="United"))
        await session.flush()
    airline.name = "Delta"
    await session.flush()
    assert await authors(session) == [("UA", "ada", None)]


async def test_a_name_that_is_given_wins(session: AsyncSession) -> None:
    with actor("ada"):
        session.add(Airline(code="UA", name="United", created_by="import", updated_by="import"))
        await session.flush()
    assert await authors(session) == [("UA", "import", "import")]


def test_its_columns_stand_behind_the_others() -> None:
    assert list(Plane.__table__.columns.keys())[-2:] == ["created_by", "updated_by"]


def test_classes_of_one_table_share_its_history() -> None:
    assert Answer.__history_table__ is Message.__history_table__


def test_joined_inheritance_is_refused() -> None:
    own = base()
    parent = type("Vehicle", (AuditMixin, own), {})
    key = Column("id", Integer, ForeignKey("vehicle.id"), primary_key=True)
    with pytest.raises(ConfigurationError, match="Car cannot have a history: its rows are not those of one"):
        type("Car", (parent,), {"__tablename__": "car", "id": key})


def test_concrete_inheritance_has_a_history_for_each_table() -> None:
    own = base()
    parent: Any = type("Vehicle", (AuditMixin, own), {})
    key = Column("id", Integer, primary_key=True)
    names = {"__tablename__": "car", "__mapper_args__": {"concrete": True}, "id": key}
    child: Any = type("Car", (parent,), names)
    assert (parent.__history_table__.name, child.__history_table__.name) == ("vehicle_history", "car_history")


def test_a_table_without_a_key_is_refused() -> None:
    own = base()
    authors = (Column("created_by", Text), Column("updated_by", Text))
    table = Table("vehicle", own.metadata, Column("plate", Integer), *authors)
    names = {"__table__": table, "__mapper_args__": {"primary_key": [table.c.plate]}}
    with pytest.raises(ConfigurationError, match="vehicle has no primary key"):
        type("Vehicle", (AuditMixin, own), names)


def test_a_kind_that_is_computed_is_refused() -> None:
    class Vehicle(base()):  # type: ignore[misc] # it is made here
        __abstract__ = True
        wheels: Mapped[int] = mapped_column()

    kind = case((Column("wheels") == 2, "bike"), else_="car")
    with pytest.raises(ConfigurationError, match="polymorphic_on is an expression"):
        type("Bike", (AuditMixin, Vehicle), {"__mapper_args__": {"polymorphic_on": kind}})
