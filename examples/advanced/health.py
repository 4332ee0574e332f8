"""Check a database and its pool, also when every connection is taken and when the file is gone."""

from __future__ import annotations

import tempfile
from pathlib import Path

from sqlalchemy import text

from andamios_orm.core import HealthChecker, create_file_engine, run


async def main() -> None:
    """Check an engine that is well, one whose pool is exhausted, and one whose file was removed."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "flights.duckdb"
        engine = create_file_engine(file, pool_size=1, max_overflow=0)
        health = HealthChecker(engine, timeout=0.5)
        status = await health.check_database_connectivity()
        print(f"{status.state}: DuckDB {status.version}, {status.size} bytes, answered in time")

        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            status = await health.check_database_connectivity()
            print(f"{status.state}: {status.error}")
            pool = await health.check_pool_health()
            print(f"{pool.state}: {pool.in_use} of {pool.limit} connections are in use")

        file.unlink()
        status = await health.check_database_connectivity()
        print(status.as_dict())
        health.close()
        await engine.dispose()


if __name__ == "__main__":
    run(main())
