"""Models over Parquet, CSV and JSON files."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import (
    BigInteger,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    Numeric,
    String,
    Time,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.orm import Mapped, aliased, joinedload, mapped_column, relationship, selectinload

from andamios_orm.core import AndamiosEngine, SessionManager, create_engine
from andamios_orm.core.errors import AndamiosError, ConfigurationError, ForeignKeyError, NotSupportedError
from andamios_orm.core.types import ARRAY, JSON, LIST, MAP, STRUCT, VARIANT
from andamios_orm.models.declarative import NAMING_CONVENTION, BaseModel
from andamios_orm.models.files import FileModel, csv, json, parquet
from andamios_orm.models.tables import create_all, drop_all

DATA = Path(__file__).parents[3] / "examples" / "data"


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Files(FileModel, Base):
    __abstract__ = True


class Plane(Base):
    tailnum: Mapped[str] = mapped_column(primary_key=True)
    year: Mapped[int | None]


class Airline(Files):
    __source__ = parquet(DATA / "airlines.parquet")

    carrier: Mapped[str] = mapped_column(primary_key=True, comment="two letters")
    name: Mapped[str] = mapped_column(index=True)
    flights: Mapped[list[Flight]] = relationship(back_populates="airline", viewonly=True)


class Flight(Files):
    __source__ = parquet(DATA / "flights.parquet")

    carrier: Mapped[str] = mapped_column(ForeignKey("airline.carrier"))
    tailnum: Mapped[str | None] = mapped_column(ForeignKey("plane.tailnum"))
    delay: Mapped[float | None] = mapped_column("dep_delay")
    time_hour: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True))
    airline: Mapped[Airline] = relationship(back_populates="flights")
    plane: Mapped[Plane | None] = relationship()


def made(name: str, source: Any, **columns: Any) -> Any:
    """Return a model of its own."""

    class Own(FileModel):
        __abstract__ = True
        metadata = MetaData()

    mapped = {key: mapped_column(type_, nullable=True) for key, type_ in columns.items()}
    return type(name, (Own,), {"__source__": source, "__module__": __name__, **mapped})


async def rows(engine: AndamiosEngine, model: Any) -> list[Any]:
    async with SessionManager(engine) as session:
        return list(await session.scalars(select(model).order_by(model.row_id)))


async def test_rows_are_objects(engine: AndamiosEngine) -> None:
    async with SessionManager(engine) as session:
        airline = await session.get(Airline, "UA")
        assert airline is not None
        assert airline.name == "United Air Lines Inc."
        assert await session.scalar(select(func.count()).select_from(Flight)) == 336_776


async def test_row_without_a_key_has_its_place(engine: AndamiosEngine) -> None:
    async with SessionManager(engine) as session:
        flights = (
            await session.scalars(select(Flight).where(Flight.row_id < 3).order_by(Flight.row_id))
        ).all()
        assert [flight.row_id for flight in flights] == [0, 1, 2]
        assert flights[0].tailnum == "N14228"
        assert await session.get(Flight, 1) is flights[1]


async def test_joins_aliases_and_relationships(engine: AndamiosEngine) -> None:
    await create_all(engine, Base)
    flight = aliased(Flight)
    async with SessionManager(engine) as session:
        session.add(Plane(tailnum="N14228", year=1999))
        await session.flush()
        late = select(Airline.name).join(flight).where(flight.delay > 1300)
        assert (await session.scalars(late)).all() == ["Hawaiian Airlines Inc."]
        loading = select(Flight).options(joinedload(Flight.airline), selectinload(Flight.plane))
        found = (await session.scalars(loading.where(Flight.row_id == 0))).one()
        assert found.airline.name == "United Air Lines Inc."
        assert found.plane is not None
        assert found.plane.year == 1999


async def test_metadata_neither_creates_nor_drops_files(engine: AndamiosEngine) -> None:
    await create_all(engine, Base)
    async with engine.begin() as connection:
        assert (await connection.scalars(text("SELECT table_name FROM duckdb_tables()"))).all() == ["plane"]
        await connection.execute(text("CREATE TABLE flight (a INTEGER)"))
    await drop_all(engine, Base)
    async with engine.connect() as connection:
        assert (await connection.scalars(text("SELECT table_name FROM duckdb_tables()"))).all() == ["flight"]


async def test_foreign_key_of_files_is_not_checked(engine: AndamiosEngine) -> None:
    await create_all(engine, Base)
    async with SessionManager(engine) as session:
        session.add(Plane(tailnum="N14228"))
    async with SessionManager(engine) as session:
        await session.delete(await session.get_one(Plane, "N14228"))
    async with SessionManager(engine) as session:
        assert await session.get(Plane, "N14228") is None


async def test_foreign_key_to_files_is_checked(engine: AndamiosEngine) -> None:
    class Own(Base):
        __abstract__ = True
        metadata = MetaData(naming_convention=NAMING_CONVENTION)

    class Route(Own):
        carrier: Mapped[str] = mapped_column(ForeignKey(Airline.carrier))

    await create_all(engine, Own)
    async with SessionManager(engine) as session:
        session.add(Route(carrier="UA"))
    with pytest.raises(ForeignKeyError, match=r"refers to airline\.carrier 'ZZ'"):
        async with SessionManager(engine) as session:
            session.add(Route(carrier="ZZ"))


@pytest.mark.parametrize("schema", ["tenant", None])
async def test_metadata_with_a_schema(engine: AndamiosEngine, schema: str | None) -> None:
    """Foreign keys name the files as they name tables, with the schema or without."""

    class Own(FileModel):
        __abstract__ = True
        metadata = MetaData(schema="sales")

    class Airline(Own):
        __source__ = parquet(DATA / "airlines.parquet")
        carrier: Mapped[str] = mapped_column(primary_key=True)
        name: Mapped[str]

    class Flight(Own):
        __source__ = parquet(DATA / "flights.parquet")
        carrier: Mapped[str] = mapped_column(ForeignKey("airline.carrier"))
        tailnum: Mapped[str] = mapped_column(ForeignKey("sales.airline.carrier"))
        delay: Mapped[float | None] = mapped_column("dep_delay")

    late = select(Airline.name).join(Flight, Flight.carrier == Airline.carrier).where(Flight.delay > 1300)
    translated = engine.execution_options(schema_translate_map={"sales": schema})
    async with translated.connect() as connection:
        assert (await connection.scalars(late)).all() == ["Hawaiian Airlines Inc."]
    async with SessionManager(engine) as session:
        assert (await session.scalars(late)).all() == ["Hawaiian Airlines Inc."]
        assert (await session.get_one(Airline, "UA")).name == "United Air Lines Inc."


async def test_translated_schemas_are_those_of_tables(engine: AndamiosEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("CREATE SCHEMA tenant"))
    tenant = engine.execution_options(schema_translate_map={None: "tenant"})
    async with tenant.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        await connection.execute(insert(Plane).values(tailnum="N14228"))
        late = select(Airline.name).join(Flight).where(Flight.delay > 1300)
        assert (await connection.scalars(late)).all() == ["Hawaiian Airlines Inc."]
        known = select(func.count()).select_from(Flight).join(Plane)
        assert (await connection.scalar(known) or 0) > 0


async def test_hive_partitions_are_columns(engine: AndamiosEngine, tmp_path: Path) -> None:
    duckdb.sql(
        f"COPY (SELECT range a, 2012 + range % 2 y FROM range(4)) TO '{tmp_path}/d' "
        "(FORMAT parquet, PARTITION_BY (y))"
    )
    model = made("Hive", parquet(tmp_path / "d/**/*.parquet", hive_partitioning=True), a=Integer, y=Integer)
    assert [(row.row_id >> 40, row.y, row.a) for row in await rows(engine, model)] == [
        (0, 2012, 0),
        (0, 2012, 2),
        (1, 2013, 1),
        (1, 2013, 3),
    ]


async def test_csv_has_the_types_of_the_model(engine: AndamiosEngine, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Zip;price\n01234;1\n00002;2.5\n")
    model = made("Csv", csv(tmp_path / "a.csv", delim=";", header=True), zip=String, price=Numeric(6, 2))
    found = [(row.row_id, row.zip, row.price) for row in await rows(engine, model)]
    assert found == [(0, "01234", Decimal(1)), (1, "00002", Decimal("2.5"))]


async def test_csv_value_that_does_not_fit_is_an_error(engine: AndamiosEngine, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\nx\n")
    with pytest.raises(AndamiosError, match='Could not convert string "x"'):
        await rows(engine, made("Csv", csv(tmp_path / "a.csv"), a=Integer))


async def test_json_documents(engine: AndamiosEngine, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": 1, "b": [1, 2], "c": {"x": 1}}\n{"a": 2}\n')
    model = made("Document", json(tmp_path / "a.json"), a=BigInteger, b=LIST(Integer), c=JSON)
    assert [(row.a, row.b, row.c) for row in await rows(engine, model)] == [
        (1, [1, 2], {"x": 1}),
        (2, None, None),
    ]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (parquet("nowhere/*.parquet"), r"Own reads 'nowhere/\*\.parquet', and there is no such file"),
        (parquet(DATA / "airlines.parquet", "none.parquet"), "reads 'none.parquet', and there is no such"),
        (parquet(DATA / "README.md"), r"Own cannot read .*README\.md: .*[Mm]agic"),
        (parquet(DATA / "airlines.parquet", hive=True), 'cannot read .*Invalid named parameter "hive"'),
        (
            parquet(DATA / "planes.parquet"),
            "does not fit .*: column 'carrier' is missing .there are tailnum, year",
        ),
    ],
)
async def test_files_that_cannot_be_read(engine: AndamiosEngine, source: Any, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=f"(?s){reason}"):
        await rows(engine, made("Own", source, carrier=String))


async def test_missing_file_leaves_the_transaction_usable(engine: AndamiosEngine) -> None:
    await create_all(engine, Base)
    async with SessionManager(engine) as session:
        session.add(Plane(tailnum="N1"))
        with pytest.raises(ConfigurationError):
            await session.scalars(select(made("Own", parquet("none.parquet"), a=Integer)))
    async with SessionManager(engine) as session:
        assert await session.get(Plane, "N1") is not None


async def test_file_that_comes_later_is_found(engine: AndamiosEngine, tmp_path: Path) -> None:
    model = made("Own", csv(tmp_path / "a.csv"), a=Integer)
    with pytest.raises(ConfigurationError):
        await rows(engine, model)
    (tmp_path / "a.csv").write_text("a\n1\n")
    assert [row.a for row in await rows(engine, model)] == [1]
    (tmp_path / "a.csv").write_text("a\n2\n")
    assert [row.a for row in await rows(engine, model)] == [2]


async def test_json_name_in_another_case_is_missing(engine: AndamiosEngine, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"A": 1}\n')
    with pytest.raises(ConfigurationError, match="column 'a' is missing"):
        await rows(engine, made("Own", json(tmp_path / "a.json"), a=Integer))


NESTED = "SELECT {'x': 1, 'y': 'a'} s, MAP {'k': 1} m, [1, 2] l, TIMESTAMP '2020-01-01' t, 1.5::DOUBLE d, "
NESTED += "1::DECIMAL(4, 2) n, '{}' j, 1::BIGINT i, true b, TIME '01:00' c, 'x' v"


@pytest.mark.parametrize(
    ("column", "type_"),
    [
        ("s", STRUCT({"x": BigInteger})),
        ("m", MAP(String, BigInteger)),
        ("l", LIST(BigInteger)),
        ("l", ARRAY(BigInteger, 2)),
        ("t", DateTime()),
        ("d", Numeric(10, 2)),
        ("n", Float()),
        ("i", Float()),
        ("j", JSON()),
        ("c", Time()),
        ("v", String()),
    ],
)
async def test_types_that_fit(engine: AndamiosEngine, tmp_path: Path, column: str, type_: Any) -> None:
    duckdb.sql(f"COPY ({NESTED}) TO '{tmp_path}/n.parquet'")
    assert len(await rows(engine, made("Own", parquet(tmp_path / "n.parquet"), **{column: type_}))) == 1


@pytest.mark.parametrize(
    ("column", "type_", "wanted"),
    [
        ("s", STRUCT({"z": BigInteger}), "STRUCT"),
        ("s", STRUCT({"x": String}), "STRUCT"),
        ("s", MAP(String, String), "MAP"),
        ("m", MAP(String, String), "MAP"),
        ("m", MAP(Integer, BigInteger), "MAP"),
        ("l", LIST(String), "VARCHAR"),
        ("l", STRUCT({"x": Integer}), "STRUCT"),
        ("v", LIST(String), "VARCHAR"),
        ("t", DateTime(timezone=True), "TIMESTAMP WITH TIME ZONE"),
        ("t", Date(), "DATE"),
        ("c", Time(timezone=True), "TIME WITH TIME ZONE"),
        ("d", Integer(), "INTEGER"),
        ("b", Integer(), "INTEGER"),
        ("i", JSON(), "JSON"),
        ("i", VARIANT(), "VARIANT"),
    ],
)
async def test_types_that_do_not_fit(
    engine: AndamiosEngine, tmp_path: Path, column: str, type_: Any, wanted: str
) -> None:
    duckdb.sql(f"COPY ({NESTED}) TO '{tmp_path}/n.parquet'")
    with pytest.raises(
        ConfigurationError, match=rf"Own does not fit .*: column '{column}' is .*, and not {wanted}"
    ):
        await rows(engine, made("Own", parquet(tmp_path / "n.parquet"), **{column: type_}))


def test_source_is_needed() -> None:
    with pytest.raises(ConfigurationError, match="Own needs its files"):
        made("Own", "a.parquet", a=Integer)
    with pytest.raises(ConfigurationError, match="Own needs its files"):
        made("Own", None, a=Integer)


async def test_other_databases_are_refused() -> None:
    engine = create_engine("sqlite://")
    async with engine.connect() as connection:
        with pytest.raises(NotSupportedError, match="sqlite does not support files"):
            await connection.execute(select(Airline.__table__))
    await engine.dispose()


async def test_files_are_written_into_a_table(engine: AndamiosEngine) -> None:
    await create_all(engine, Base)
    async with SessionManager(engine) as session:
        await session.execute(insert(Plane).from_select(["tailnum"], select(Airline.carrier)))
        assert await session.scalar(select(func.count()).select_from(Plane)) == 16
