"""Modules of models: what they make again is what was there."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import date, time
from importlib.util import find_spec
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import SAWarning
from sqlalchemy.orm import joinedload

from andamios_orm.core import SessionManager
from andamios_orm.models import create_all

from .databases import database, imported, remade, snapshot, write, written

DATA = Path(__file__).resolve().parents[4] / "examples" / "data"

FLIGHTS = f"""
    CREATE TABLE airlines (carrier VARCHAR PRIMARY KEY, name VARCHAR NOT NULL);
    INSERT INTO airlines FROM '{DATA}/airlines.parquet';
    CREATE TABLE airports (faa VARCHAR PRIMARY KEY, name VARCHAR NOT NULL, lat DOUBLE, lon DOUBLE);
    INSERT INTO airports BY NAME SELECT faa, name, lat, lon FROM '{DATA}/airports.parquet';
    CREATE TABLE planes AS FROM '{DATA}/planes.parquet';
    CREATE UNIQUE INDEX planes_tailnum ON planes (tailnum);
    CREATE TABLE weather AS FROM '{DATA}/weather.parquet';
    CREATE SEQUENCE flights_id_seq;
    CREATE TABLE flights (
        id BIGINT PRIMARY KEY DEFAULT nextval('flights_id_seq'), time_hour TIMESTAMPTZ NOT NULL,
        flight BIGINT, carrier VARCHAR NOT NULL REFERENCES airlines (carrier), tailnum VARCHAR,
        dep_delay BIGINT,
        origin VARCHAR NOT NULL REFERENCES airports (faa), dest VARCHAR NOT NULL
    );
    INSERT INTO flights BY NAME SELECT time_hour, flight, carrier, tailnum, dep_delay, origin, dest
    FROM '{DATA}/flights.parquet';
    COMMENT ON COLUMN flights.dep_delay IS 'minutes; negative where it left early';
    CREATE VIEW delays AS SELECT carrier, avg(dep_delay) AS mean FROM flights GROUP BY carrier
"""
"""The year of flights, as somebody would keep it in a database."""

CASES = {
    "keys": "CREATE TABLE airline (code VARCHAR PRIMARY KEY, name VARCHAR NOT NULL)",
    "integer key": "CREATE TABLE a (id INTEGER PRIMARY KEY)",
    "composite key in another order": "CREATE TABLE a (x INTEGER, y VARCHAR, PRIMARY KEY (y, x))",
    "implicit sequence": """
        CREATE SEQUENCE flight_id_seq;
        CREATE TABLE flight (id BIGINT PRIMARY KEY DEFAULT nextval('flight_id_seq'))
    """,
    "implicit sequence in capitals": """
        CREATE SEQUENCE "Flight_Id_seq";
        CREATE TABLE "Flight" ("Id" BIGINT PRIMARY KEY DEFAULT nextval('"Flight_Id_seq"'))
    """,
    "sequences": """
        CREATE SEQUENCE numbers START 5 INCREMENT 2 MAXVALUE 99 CYCLE;
        CREATE SEQUENCE down START -1 INCREMENT -1 MINVALUE -50;
        CREATE TABLE a (id INTEGER PRIMARY KEY DEFAULT nextval('numbers'), n BIGINT DEFAULT nextval('down'));
        CREATE TABLE b (x VARCHAR PRIMARY KEY, n BIGINT NOT NULL DEFAULT nextval('numbers'))
    """,
    "scalars": """
        CREATE TABLE a (id INTEGER PRIMARY KEY, t TINYINT, s SMALLINT, b BIGINT, h HUGEINT, ut UTINYINT,
        us USMALLINT, ui UINTEGER, ub UBIGINT, uh UHUGEINT, f FLOAT, d DOUBLE, n DECIMAL(12, 3), v VARCHAR,
        bl BLOB, bo BOOLEAN, u UUID, i INTERVAL, da DATE, ti TIME, tz TIMETZ, ts TIMESTAMP, s_ TIMESTAMP_S,
        ms TIMESTAMP_MS, ns TIMESTAMP_NS, tsz TIMESTAMPTZ, j JSON, bi BIT, bn BIGNUM, va VARIANT)
    """,
    "not null": "CREATE TABLE a (id INTEGER PRIMARY KEY, j JSON NOT NULL, l INTEGER[] NOT NULL, t TIME)",
    "nested": """
        CREATE TABLE a (id INTEGER PRIMARY KEY, s STRUCT("a b" INTEGER, b STRUCT(c VARCHAR, d DATE)[]),
        m MAP(VARCHAR, DECIMAL(10, 2)), mm MAP(INTEGER, MAP(VARCHAR, UUID[])), u UNION(n INTEGER, t VARCHAR),
        l VARCHAR[], ll INTEGER[][], f FLOAT[3], lf DOUBLE[2][], fl INTEGER[][3], se ENUM('x', 'y')[])
    """,
    "defaults": """
        CREATE TABLE a (id INTEGER PRIMARY KEY, i INTEGER DEFAULT 3, neg DOUBLE DEFAULT -1.5,
        t VARCHAR DEFAULT 'it''s', s VARCHAR DEFAULT 'plain', c VARCHAR DEFAULT 'a :b \\:c',
        e VARCHAR DEFAULT '', b BOOLEAN DEFAULT true, n VARCHAR DEFAULT NULL, d DATE DEFAULT current_date,
        ts TIMESTAMPTZ DEFAULT now(), u UUID DEFAULT uuid(),
        l INTEGER[] DEFAULT [1, 2], st STRUCT(a INTEGER) DEFAULT {'a': 1}, j JSON DEFAULT '{"a": ":b"}',
        p VARCHAR DEFAULT '100%', m MAP(VARCHAR, INTEGER) DEFAULT MAP {'a': 1})
    """,
    "unique": "CREATE TABLE a (id INTEGER PRIMARY KEY, x DATE UNIQUE, y INTEGER, z INTEGER, UNIQUE (y, z))",
    "checks": "CREATE TABLE a (id INTEGER PRIMARY KEY CHECK (id > 0), x VARCHAR, CHECK (x <> ':a'))",
    "indexes": """
        CREATE TABLE a (id INTEGER PRIMARY KEY, x VARCHAR, "y z" VARCHAR);
        CREATE INDEX one ON a (x);
        CREATE UNIQUE INDEX "two three" ON a ("y z", x);
        CREATE INDEX expressions ON a (lower(x), (id + 1), x)
    """,
    "comments": """
        CREATE TABLE a (id INTEGER PRIMARY KEY, x VARCHAR);
        COMMENT ON TABLE a IS 'It''s a "table"';
        COMMENT ON COLUMN a.x IS 'one\n\ttwo \\ three: %'
    """,
    "generated columns": "CREATE TABLE a (id INTEGER PRIMARY KEY, n INTEGER GENERATED ALWAYS AS (id + 1))",
    "collation": "CREATE TABLE a (id INTEGER PRIMARY KEY, x VARCHAR COLLATE NOCASE)",
    "foreign keys": """
        CREATE TABLE parent (id INTEGER PRIMARY KEY, code VARCHAR UNIQUE);
        CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER NOT NULL REFERENCES parent (id),
        code VARCHAR REFERENCES parent (code), up INTEGER REFERENCES child (id));
        CREATE TABLE alone (id INTEGER PRIMARY KEY REFERENCES parent (id))
    """,
    "composite foreign keys": """
        CREATE TABLE plane (tenant INTEGER, id INTEGER, PRIMARY KEY (tenant, id));
        CREATE TABLE crew (tenant INTEGER, id INTEGER, PRIMARY KEY (tenant, id));
        CREATE TABLE flight (tenant INTEGER, id INTEGER PRIMARY KEY, plane INTEGER, crew INTEGER,
        FOREIGN KEY (tenant, plane) REFERENCES plane (tenant, id),
        FOREIGN KEY (tenant, crew) REFERENCES crew (tenant, id))
    """,
    "enums": """
        CREATE TYPE mood AS ENUM ('sad', 'ok', 'very happy');
        CREATE TYPE seat_class AS ENUM ('first', 'Economy', '', '2nd', 'é', 'None', 'a-b', 'a b', 'l');
        CREATE TABLE a (id INTEGER PRIMARY KEY, m mood NOT NULL DEFAULT 'ok', s seat_class, again seat_class,
        own ENUM('x', 'y') DEFAULT 'y');
        CREATE TABLE b (id INTEGER PRIMARY KEY, m mood, own ENUM('z'))
    """,
    "without a key": """
        CREATE TYPE mood AS ENUM ('sad', 'ok');
        CREATE TABLE "no key" (a INTEGER NOT NULL, m mood, x VARCHAR DEFAULT 'a' UNIQUE, CHECK (a > 0));
        COMMENT ON TABLE "no key" IS 'none';
        COMMENT ON COLUMN "no key".a IS 'a';
        CREATE TABLE parent (id INTEGER PRIMARY KEY);
        CREATE TABLE child (id INTEGER REFERENCES parent (id))
    """,
    "views": """
        CREATE TABLE z (id INTEGER PRIMARY KEY, "x y" VARCHAR, s STRUCT(a INTEGER));
        CREATE VIEW m AS SELECT id AS number, "x y", s FROM z WHERE "x y" <> 'a :b';
        CREATE VIEW a AS SELECT number, count(*) AS n FROM m GROUP BY number;
        CREATE VIEW "V 2" AS WITH q AS (SELECT * FROM a JOIN z ON number = id) SELECT id FROM q;
        COMMENT ON VIEW a IS 'counts';
        COMMENT ON COLUMN a.n IS 'how many'
    """,
    "names": """
        CREATE TABLE "class" (id INTEGER PRIMARY KEY, "class" VARCHAR, "2nd" INTEGER, "a b" INTEGER,
        "a-b" INTEGER, "A_B" INTEGER, metadata INTEGER, registry INTEGER, "to_dict" INTEGER, "_x" INTEGER,
        "__x" INTEGER, "!" INTEGER, "text" VARCHAR DEFAULT 'it''s', "relationship" INTEGER, "int" BIGINT,
        "mapped_column" INTEGER, "str" VARCHAR, "dt" DATE, "DepDelay" INTEGER, "größe" INTEGER,
        "名前" VARCHAR, "quote""d" INTEGER, "tab\tbed" INTEGER, l DATE, "ﬁn²" INTEGER,
        before_create INTEGER, "None" INTEGER, "match" INTEGER, "uuid" UUID, "Any" JSON);
        CREATE TABLE "Warning" (id INTEGER PRIMARY KEY);
        CREATE TABLE "base" (id INTEGER PRIMARY KEY);
        CREATE TABLE "Mapped" (id INTEGER PRIMARY KEY);
        CREATE TABLE "columns" (id INTEGER PRIMARY KEY);
        CREATE TABLE "column" (id INTEGER PRIMARY KEY);
        CREATE TABLE "it's a.b ""big"" table" (id INTEGER PRIMARY KEY);
        CREATE TABLE "名前" (id INTEGER PRIMARY KEY);
        CREATE TABLE l (id INTEGER PRIMARY KEY);
        CREATE TABLE i (id INTEGER PRIMARY KEY);
        CREATE TABLE "$" (id INTEGER)
    """,
}


@pytest.mark.parametrize("sql", CASES.values(), ids=CASES)
async def test_models_make_the_same_database(sql: str) -> None:
    async with database(sql) as engine:
        module = await write(engine)
        async with remade(module.text) as again:
            assert await snapshot(again) == await snapshot(engine)


async def test_schemas() -> None:
    """A table may be called the same in each, and an enumeration belong to one."""
    sql = """
        CREATE SCHEMA sales;
        CREATE TYPE sales.color AS ENUM ('red', 'green');
        CREATE TABLE flight (id INTEGER PRIMARY KEY);
        CREATE SEQUENCE sales.flight_id_seq;
        CREATE SEQUENCE sales.other START 7;
        CREATE TABLE sales.flight (id INTEGER PRIMARY KEY DEFAULT nextval('sales.flight_id_seq'),
        c sales.color, n BIGINT DEFAULT nextval('sales.other'));
        CREATE TABLE sales.seat (id INTEGER PRIMARY KEY, flight_id INTEGER REFERENCES sales.flight (id));
        CREATE TABLE sales.loose (x INTEGER);
        CREATE VIEW sales.flights AS SELECT id FROM sales.flight UNION SELECT id FROM flight
    """
    schemas = (None, "sales")
    async with database(sql) as engine:
        module = await write(engine, ["*"])
        async with remade(module.text, ["sales"]) as again:
            assert await snapshot(again, schemas) == await snapshot(engine, schemas)
    with imported(module.text) as models:
        assert models.SalesFlight.__table__.fullname == "sales.flight"
        assert models.Seat.flight.property.mapper.class_ is models.SalesFlight


async def test_a_database_of_models_is_described_as_the_models_are() -> None:
    async with database() as engine:
        with imported(MODELS) as models:
            await create_all(engine, models.Base)
        text = (await write(engine)).text
    assert "id: Mapped[int] = mapped_column(BIGINT, primary_key=True)" in text
    assert "kind: Mapped[Kind]" in text
    assert 'airline: Mapped[Airline | None] = relationship(back_populates="flights")' in text


MODELS = """
from __future__ import annotations
from enum import StrEnum
from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship
from stand_in import Base

class Kind(StrEnum):
    EARLY = "early"

class Airline(Base):
    code: Mapped[str] = mapped_column(primary_key=True)

class Flight(Base):
    kind: Mapped[Kind]
    carrier: Mapped[str | None] = mapped_column(ForeignKey("airline.code"))
"""


async def test_rows_go_through_the_models() -> None:
    sql = """
        CREATE TYPE mood AS ENUM ('sad', 'very happy');
        CREATE TABLE parent (id INTEGER PRIMARY KEY, s STRUCT(a INTEGER, b VARCHAR[]), m mood, "class" DATE);
        CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER NOT NULL REFERENCES parent (id));
        CREATE VIEW grown AS SELECT id, s.a AS a FROM parent
    """
    async with database(sql) as engine:
        with imported((await write(engine)).text) as models:
            async with SessionManager(engine) as session:
                parent = models.Parent(
                    id=1, s={"a": 2, "b": ["x"]}, m=models.Mood.VERY_HAPPY, class_=date(2013, 1, 1)
                )
                session.add(parent)
                session.add(models.Child(id=5, parent=parent))
            async with SessionManager(engine) as session:
                child = await session.get_one(models.Child, 5, options=[joinedload(models.Child.parent)])
                assert (child.parent.s, child.parent.m) == ({"a": 2, "b": ["x"]}, models.Mood.VERY_HAPPY)
                assert (await session.scalars(select(models.Grown.a))).all() == [2]


async def test_a_year_of_flights() -> None:
    async with database(FLIGHTS) as engine:
        module = await write(engine, keys={"delays": ["carrier"]})
        with imported(module.text) as models:
            worst = select(models.Flight).order_by(models.Flight.dep_delay.desc().nulls_last()).limit(1)
            delay = select(models.Delay.mean).where(models.Delay.carrier == "F9")
            async with SessionManager(engine) as session:
                flight = (await session.scalars(worst.options(joinedload(models.Flight.airline)))).one()
                assert (flight.airline.name, flight.dep_delay) == ("Hawaiian Airlines Inc.", 1301)
                assert round(await session.scalar(delay) or 0) == 20
                assert await session.scalar(select(func.count()).select_from(models.weather)) == 26115
        async with remade(module.text) as again:
            assert await snapshot(again) == await snapshot(engine)
    assert "    id: Mapped[int] = mapped_column(BIGINT, primary_key=True)\n" in module.text


async def test_a_type_that_is_not_known_is_read_as_it_comes() -> None:
    async with database(
        "CREATE TABLE a (id INTEGER PRIMARY KEY, t TIME_NS NOT NULL); INSERT INTO a VALUES (1, '12:00')"
    ) as engine:
        with pytest.warns(SAWarning, match="Did not recognize type 'TIME_NS'"):
            module = await write(engine)
        with imported(module.text) as models:
            async with SessionManager(engine) as session:
                assert (await session.get_one(models.A, 1)).t == time(12)
    assert module.gaps == [
        "The type of a.t is not known: its values come as they are, and the table cannot be created."
    ]


async def test_models_and_gaps_are_counted() -> None:
    async with database("CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (id INTEGER)") as engine:
        module = await write(engine)
    assert (module.models, len(module.gaps)) == (1, 1)


async def test_a_base_of_ones_own() -> None:
    text = await written("CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE VIEW v AS FROM a")
    assert "from stand_in import Base\n" in text
    assert "class A(Base):" in text
    assert "class V(ViewModel, Base):" in text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the module of each case, and with that of a year of flights."""
    folder = tmp_path_factory.mktemp("modules")
    for number, sql in enumerate((*CASES.values(), FLIGHTS)):
        text = asyncio.run(written(sql, base="andamios_orm.models:BaseModel"))
        (folder / f"case_{number}.py").write_text(text, encoding="utf-8")
    return folder


def run(folder: Path, tool: str, *arguments: str) -> None:
    if find_spec(tool) is None:
        pytest.skip(f"{tool} is not installed")
    command = [sys.executable, "-m", tool, *arguments, "."]
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    assert found.returncode == 0, found.stdout


def test_ruff_has_nothing_to_say(folder: Path) -> None:
    run(
        folder,
        "ruff",
        "check",
        "--isolated",
        "--no-cache",
        "--select",
        "E,F,W,I,D2,D3,D4,UP,B,C4,SIM,RUF012",
        "--ignore",
        "D203,D213",
    )


def test_ruff_would_not_lay_it_out_otherwise(folder: Path) -> None:
    run(folder, "ruff", "format", "--isolated", "--no-cache", "--check", "--diff")


@pytest.mark.skipif(
    sys.version_info >= (3, 12),
    reason="it takes mypy long, and says the same on each Python: it is asked on the oldest one",
)
def test_mypy_has_nothing_to_say(folder: Path) -> None:
    run(folder, "mypy", "--strict", "--config-file=", "--cache-dir=.cache")
