"""What there is to say about models."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    Computed,
    DateTime,
    FetchedValue,
    ForeignKey,
    Identity,
    MetaData,
    Numeric,
    Sequence,
    UniqueConstraint,
    func,
    select,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column, relationship
from sqlalchemy.types import NullType

from andamios_orm.models import (
    NAMING_CONVENTION,
    AuditMixin,
    BaseModel,
    FileModel,
    SoftDeleteModel,
    TimestampedModel,
    UUIDKey,
    VersioningMixin,
    ViewModel,
    parquet,
)
from andamios_orm.models.cli.description import (
    ColumnDescription,
    ForeignKeyDescription,
    RelationshipDescription,
    describe,
)
from andamios_orm.models.types import LIST


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Kind(StrEnum):
    EARLY = "early"


def made() -> int:
    return 1


class Airline(Base):
    __table_args__ = (UniqueConstraint("name"), {"comment": "who flies"})

    code: Mapped[str] = mapped_column(primary_key=True, comment="two letters")
    name: Mapped[str]
    flights: Mapped[list[Flight]] = relationship(back_populates="airline")
    count: Mapped[int] = column_property(select(func.count()).scalar_subquery())


class Flight(UUIDKey, VersioningMixin, AuditMixin, SoftDeleteModel, TimestampedModel, Base):
    carrier_code: Mapped[str | None] = mapped_column(
        "carrier", ForeignKey("airline.code", ondelete="SET NULL")
    )
    airline: Mapped[Airline | None] = relationship(back_populates="flights")
    seat: Mapped[Seat | None] = relationship()


class Seat(Base):
    flight: Mapped[int] = mapped_column(ForeignKey("flight.id"), unique=True)


class Everything(Base):
    __table_args__ = ({"schema": "other"},)

    key: Mapped[int] = mapped_column(Sequence("numbers"), primary_key=True)
    kind: Mapped[Kind | None]
    prices: Mapped[list[Any]] = mapped_column(LIST(Numeric(9, 2)))
    called: Mapped[int] = mapped_column(default=made, onupdate=made)
    given: Mapped[int] = mapped_column(default=3)
    asked: Mapped[Any] = mapped_column(DateTime, default=func.now())
    kept: Mapped[str] = mapped_column(server_default="x")
    told: Mapped[str] = mapped_column(server_default=text("lower('X')"))
    fetched: Mapped[str] = mapped_column(server_default=FetchedValue())
    computed: Mapped[int] = mapped_column(Computed("key + 1"))
    numbered: Mapped[int] = mapped_column(Identity())
    unknown: Mapped[Any] = mapped_column(LIST(NullType))


class Trip(FileModel, Base):
    __source__ = parquet("data/*.parquet")

    distance: Mapped[int] = mapped_column(ForeignKey("other.everything.key"), primary_key=True)


class Delay(ViewModel, Base):
    __query__ = select(Airline.code).where(Airline.name != "x")

    code: Mapped[str] = mapped_column(primary_key=True)


def columns(model: type[Any]) -> dict[str, ColumnDescription]:
    return {column.name: column for column in describe(model).columns}


def test_a_model() -> None:
    found = describe(Airline)
    assert (found.name, found.module, found.table) == ("Airline", __name__, "airline")
    assert (found.comment, found.reads, list(found.mixins)) == ("who flies", None, [])
    assert describe(Everything).table == "other.everything"


def test_columns_are_in_the_order_of_the_table() -> None:
    assert list(columns(Airline)) == ["code", "name"]
    assert columns(Airline)["code"] == ColumnDescription(
        "code", "code", "VARCHAR", True, False, False, None, [], "two letters"
    )
    assert columns(Airline)["name"].unique


def test_a_reference() -> None:
    column = columns(Flight)["carrier_code"]
    assert (column.column, column.references, column.nullable) == ("carrier", ["airline.code"], True)


def test_foreign_keys() -> None:
    assert describe(Flight).foreign_keys == [
        ForeignKeyDescription(["carrier"], "airline", ["code"], "SET NULL")
    ]
    assert describe(Trip).foreign_keys == [
        ForeignKeyDescription(["distance"], "other.everything", ["key"], None)
    ]


def test_mixins() -> None:
    assert describe(Flight).mixins == [
        "UUIDKey",
        "VersioningMixin",
        "AuditMixin",
        "SoftDeleteMixin",
        "TimestampMixin",
    ]


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("key", "INTEGER"),
        ("kind", "ENUM('early')"),
        ("prices", "DECIMAL(9, 2)[]"),
        ("unknown", "LIST(NullType())"),
    ],
)
def test_types(name: str, type_: str) -> None:
    assert columns(Everything)[name].type == type_


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("key", "sequence numbers"),
        ("kind", None),
        ("called", "made(), on update: made()"),
        ("given", "3"),
        ("asked", "now()"),
        ("kept", "'x'"),
        ("told", "lower('X')"),
        ("fetched", "made by the database"),
        ("computed", "computed: key + 1"),
        ("numbered", "generated"),
    ],
)
def test_defaults(name: str, default: str | None) -> None:
    assert columns(Everything)[name].default == default


def test_a_key_that_is_generated() -> None:
    [key, _] = describe(Seat).columns
    assert (key.name, key.default) == ("id", "generated")


def test_relationships() -> None:
    assert describe(Airline).relationships == [
        RelationshipDescription("flights", "Flight", "one to many", "airline")
    ]
    assert describe(Flight).relationships == [
        RelationshipDescription("airline", "Airline", "many to one", "flights"),
        RelationshipDescription("seat", "Seat", "one to one", None),
    ]


def test_files_and_views_say_what_they_read() -> None:
    assert describe(Trip).reads == str(Path("data/*.parquet"))
    assert columns(Trip)["distance"].default is None
    assert describe(Delay).reads == "SELECT airline.code FROM airline WHERE airline.name != 'x'"


def test_a_model_of_plain_sqlalchemy() -> None:
    class Plain(DeclarativeBase):
        pass

    class Gate(Plain):
        __table__ = select(Airline.code, func.count().label("n")).subquery("gates")
        __mapper_args__ = {"primary_key": [__table__.c.code]}

    assert (describe(Gate).table, describe(Gate).comment) == ("gates", None)
    assert [column.name for column in describe(Gate).columns] == ["code"]
