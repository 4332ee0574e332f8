"""Which tables a query reads, wherever in it they stand."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import (
    Column,
    CreateView,
    ForeignKey,
    MetaData,
    Sequence,
    Table,
    column,
    func,
    literal_column,
    select,
    table,
    text,
    union,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, Mapped, aliased, column_property, mapped_column, relationship
from sqlalchemy.sql.elements import TString, _TStringText

from andamios_orm.core.cache.read_tables import sources_of, table_name


class Base(DeclarativeBase):
    pass


stops = Table(
    "stop",
    Base.metadata,
    Column("flight_id", ForeignKey("flight.id")),
    Column("place_id", ForeignKey("place.id")),
)


class Place(Base):
    __tablename__ = "place"
    id: Mapped[int] = mapped_column(primary_key=True)


class Flight(Base):
    __tablename__ = "flight"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    places: Mapped[list[Place]] = relationship(secondary=stops)
    others: Mapped[int] = column_property(select(func.count(Place.id)).scalar_subquery())
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "flight"}


class Charter(Flight):
    __tablename__ = "charter"
    id: Mapped[int] = mapped_column(ForeignKey("flight.id"), primary_key=True)
    customer: Mapped[str]
    __mapper_args__ = {"polymorphic_identity": "charter"}


VIEW = CreateView(select(Place.id), "places", metadata=MetaData()).table
TEXT_VIEW = CreateView(select(column("id")).select_from(text("place")), "texts", metadata=MetaData()).table

LATE = select(Flight.id).where(Flight.kind == "late").cte()


@pytest.mark.parametrize(
    ("statement", "tables"),
    [
        (select(Place.id), {"place"}),
        (select(Flight.id).join(Flight.places), {"flight", "stop", "place"}),
        (select(Flight.id).where(Flight.places.any()), {"flight", "stop", "place"}),
        (select(Flight.id, Flight.others), {"flight", "place"}),
        (select(Charter.customer), {"flight", "charter"}),
        (select(Place.id).where(Place.id.in_(select(Charter.id))), {"place", "flight", "charter"}),
        (select(aliased(Place).id), {"place"}),
        (select(LATE.c.id), {"flight"}),
        (select(select(Place.id).subquery().c.id), {"place"}),
        (select(select(Place.id).lateral().c.id), {"place"}),
        (union(select(Place.id), select(Flight.id)), {"place", "flight"}),
        (select(literal_column("a")).select_from(table("other")), {"other"}),
        (select(func.count()).select_from(Place), {"place"}),
        (select(Place.id).order_by(text("id desc")), {"place"}),
        (select(func.now()), set()),
        (select(func.unnest([1, 2]).table_valued("n").c.n, Place.id), {"place"}),
        (select(VIEW), {"places", "place"}),
    ],
)
def test_the_tables_that_a_query_reads(statement: Any, tables: set[str]) -> None:
    assert sources_of(statement, postgresql.dialect()) == (tables, False, False)


def template(text: str) -> TString:
    """Return what a template string makes, which this Python may not have yet."""
    clause = TString.__new__(TString)
    clause.parts = [_TStringText(text)]
    return clause


@pytest.mark.parametrize(
    "statement",
    [
        text("SELECT * FROM place"),
        text("SELECT id FROM place").columns(Place.id),
        select(Place.id).where(text("EXISTS (SELECT 1 FROM flight)")),
        select(Place.id, literal_column("(SELECT max(id) FROM flight)")),
        select(text("*")).select_from(text("place")),
        select(text("*")).select_from(template("place")),
        select(Place.id).where(template("EXISTS (TABLE flight)")),
        select(Place.id, func.flights().table_valued("n").c.n),
        select(TEXT_VIEW),
    ],
)
def test_text_and_functions_may_hide_tables(statement: Any) -> None:
    assert sources_of(statement, postgresql.dialect()).hidden


@pytest.mark.parametrize(
    "statement",
    [
        select(Place.id).with_for_update(),
        select(select(Place.id).with_for_update().subquery()),
        select(Place.id, Sequence("numbers").next_value()),
    ],
)
def test_what_does_more_than_read_is_noticed(statement: Any) -> None:
    assert sources_of(statement, postgresql.dialect()).acts


@pytest.mark.parametrize(
    "name", ["flight", "Flight", "main.flight", "db.main.FLIGHT", table("flight"), Flight.__table__]
)
def test_a_table_is_told_by_its_name_alone(name: Any) -> None:
    assert table_name(name) == "flight"
