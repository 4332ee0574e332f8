"""Write the models of a database that somebody else has made, and work with them.

``andamios-orm reflect duckdb:///flights.db --key weather=origin,time_hour --output airline.py`` does the same
from the command line.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from functools import partial
from pathlib import Path

import duckdb
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from andamios_orm.core import SessionManager, create_file_engine, run
from andamios_orm.models.reflection import read_catalog, write_module

DATA = Path(__file__).resolve().parent.parent / "data"

THEIRS = """
    CREATE TABLE airlines (carrier VARCHAR PRIMARY KEY, name VARCHAR NOT NULL);
    INSERT INTO airlines FROM 'airlines.parquet';
    CREATE SEQUENCE flights_id_seq;
    CREATE TABLE flights (
        id BIGINT PRIMARY KEY DEFAULT nextval('flights_id_seq'), time_hour TIMESTAMPTZ NOT NULL,
        carrier VARCHAR NOT NULL REFERENCES airlines (carrier), origin VARCHAR NOT NULL, dep_delay BIGINT
    );
    INSERT INTO flights BY NAME
    SELECT time_hour, carrier, origin, dep_delay FROM 'flights.parquet';
    CREATE TABLE weather AS SELECT origin, time_hour, temp, wind_speed FROM 'weather.parquet';
    CREATE VIEW delays AS SELECT carrier, avg(dep_delay) AS minutes FROM flights GROUP BY carrier;
"""


async def main(folder: Path) -> None:
    """Read what is there, write it as a module, import that and ask it something."""
    file = folder / "flights.db"
    with duckdb.connect(str(file), config={"file_search_path": str(DATA)}) as connection:
        connection.execute(THEIRS)

    engine = create_file_engine(file)
    async with engine.connect() as reading:
        catalog = await reading.run_sync(partial(read_catalog, schemas=["main"]))
    module = write_module(catalog, keys={"weather": ["origin", "time_hour"], "delays": ["carrier"]})
    (folder / "airline.py").write_text(module.text, encoding="utf-8")
    print(f"{module.models} models in {len(module.text.splitlines())} lines, for example:")
    print(module.text[module.text.index("class Flight(") :].partition("\n\n\n")[0])

    airline = importlib.import_module("airline")
    async with SessionManager(engine) as session:
        latest = (
            select(airline.Flight)
            .options(joinedload(airline.Flight.airline))
            .order_by(airline.Flight.dep_delay.desc().nulls_last())
        )
        for flight in await session.scalars(latest.limit(3)):
            print(f"{flight.airline.name}, {flight.dep_delay} minutes late")
        wind = select(airline.Weather.origin, func.avg(airline.Weather.wind_speed)).group_by("origin")
        for origin, speed in await session.execute(wind.order_by("origin")):
            print(f"{origin}: wind of {speed:.0f} mph on average")
        worst = select(airline.Delay).order_by(airline.Delay.minutes.desc()).limit(1)
        print(await session.scalar(worst))
    await engine.dispose()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        sys.path.insert(0, name)
        run(main(Path(name)))
