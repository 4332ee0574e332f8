"""Relationships, one for each side of a foreign key."""

from __future__ import annotations

import pytest

from .databases import imported, written

PARENT = "CREATE TABLE airlines (id INTEGER PRIMARY KEY, code VARCHAR UNIQUE);"


@pytest.mark.parametrize(
    ("columns", "one", "many"),
    [
        ("carrier VARCHAR REFERENCES airlines (code)", "airline", "flights"),
        ("carrier_code VARCHAR REFERENCES airlines (code)", "carrier", "flights"),
        ("_id INTEGER REFERENCES airlines (id)", "airline", "flights"),
        ("airline VARCHAR REFERENCES airlines (code)", "airline_", "flights"),
    ],
)
async def test_names(columns: str, one: str, many: str) -> None:
    text = await written(f"{PARENT} CREATE TABLE flights (number INTEGER PRIMARY KEY, {columns})")
    assert f'    {one}: Mapped[Airline | None] = relationship(back_populates="{many}")' in text
    assert f'    {many}: Mapped[list[Flight]] = relationship(back_populates="{one}")' in text


async def test_what_must_be_there_is_not_optional() -> None:
    text = await written(
        f"{PARENT} CREATE TABLE a (id INTEGER PRIMARY KEY, x INTEGER NOT NULL REFERENCES airlines)"
    )
    assert "airline: Mapped[Airline] = " in text


@pytest.mark.parametrize(
    "columns",
    [
        "id INTEGER PRIMARY KEY REFERENCES airlines (id)",
        "id INTEGER PRIMARY KEY, x INTEGER UNIQUE REFERENCES airlines",
    ],
)
async def test_one_to_one(columns: str) -> None:
    text = await written(f"{PARENT} CREATE TABLE details ({columns})")
    assert 'detail: Mapped[Detail | None] = relationship(back_populates="airline")' in text


async def test_two_ways_to_one_table() -> None:
    sql = f"""{PARENT} CREATE TABLE flight (
        id INTEGER PRIMARY KEY, a VARCHAR REFERENCES airlines (code), b_id INTEGER REFERENCES airlines (id)
    )"""
    with imported(await written(sql)) as models:
        one, many = (model.__mapper__.relationships for model in (models.Flight, models.Airline))
        assert {key: [column.name for column in way.local_columns] for key, way in one.items()} == {
            "a_airline": ["a"],
            "b": ["b_id"],
        }
        assert set(many.keys()) == {"flights_by_a", "flights_by_b"}


async def test_a_table_that_refers_to_itself() -> None:
    with imported(
        await written("CREATE TABLE node (id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES node)")
    ) as models:
        leaf = models.Node(id=2, parent=models.Node(id=1))
        assert leaf.parent.nodes_by_parent == [leaf]


async def test_columns_that_two_share() -> None:
    """SQLAlchemy would warn of it."""
    sql = """
        CREATE TABLE plane (tenant INTEGER, id INTEGER, PRIMARY KEY (tenant, id));
        CREATE TABLE crew (tenant INTEGER, id INTEGER, PRIMARY KEY (tenant, id));
        CREATE TABLE flight (id INTEGER PRIMARY KEY, tenant INTEGER, plane INTEGER, crew INTEGER,
        FOREIGN KEY (tenant, plane) REFERENCES plane, FOREIGN KEY (tenant, crew) REFERENCES crew)
    """
    with imported(await written(sql)) as models:
        flight = models.Flight(plane_=models.Plane(tenant=1, id=2), crew_=models.Crew(tenant=1, id=3))
        assert flight.plane_.flights == flight.crew_.flights == [flight]


async def test_a_table_that_is_no_model_has_none() -> None:
    text = await written(f"{PARENT} CREATE TABLE loose (x INTEGER REFERENCES airlines)")
    assert 'ForeignKey("airlines.id")' in text
    assert "relationship" not in text
