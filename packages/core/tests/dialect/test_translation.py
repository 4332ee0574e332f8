"""What DuckDB, PostgreSQL, MariaDB and SQLite raise becomes one tree of errors."""

from __future__ import annotations

import asyncio
import pickle
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import duckdb
import pytest
from sqlalchemy import (
    Column,
    Enum,
    Integer,
    MetaData,
    Table,
    TypeDecorator,
    exc,
    insert,
    literal,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from andamios_orm.core import AndamiosEngine, create_engine, create_memory_engine, errors

from ..services import MARIADB, POSTGRESQL, require

SCHEMA = (
    "CREATE TABLE parents (id INTEGER PRIMARY KEY)",
    "CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL, n INTEGER CHECK (n > 0), "
    "parent INTEGER, FOREIGN KEY (parent) REFERENCES parents (id))",
    "INSERT INTO parents VALUES (1)",
    "INSERT INTO t VALUES (1, 'one', 1, 1)",
)


async def fill(engine: AndamiosEngine) -> AndamiosEngine:
    async with engine.begin() as connection:
        for statement in SCHEMA:
            await connection.execute(text(statement))
    return engine


@pytest.fixture
async def filled(native_engine: AndamiosEngine) -> AndamiosEngine:
    return await fill(native_engine)


@pytest.fixture(params=["postgresql", "mariadb", "sqlite"])
async def foreign(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AndamiosEngine]:
    """An engine of another backend, with the same tables."""
    urls = {"postgresql": POSTGRESQL, "mariadb": MARIADB}
    url = require(urls[request.param]) if request.param in urls else f"sqlite:///{tmp_path}/test.sqlite"
    engine = create_engine(url)
    server = engine.execution_options(isolation_level="AUTOCOMMIT")
    name = f"andamios_{uuid.uuid4().hex}"
    if request.param != "sqlite":
        await run(server, f"CREATE DATABASE {name}")
        engine = create_engine(server.url.set(database=name))
    yield await fill(engine)
    await engine.dispose()
    if request.param != "sqlite":
        await run(server, f"DROP DATABASE {name}")
    await server.dispose()


async def run(engine: AndamiosEngine, sql: str, **parameters: Any) -> Any:
    async with engine.begin() as connection:
        await connection.execute(text(sql), parameters)


async def test_an_error_of_the_configuration_stays_one_with_its_facts(engine: AndamiosEngine) -> None:
    """A copy is raised from the original: rich and others follow the causes of an error to their end."""

    class Refused(errors.ConfigurationError):
        remedy: str

    class Picky(TypeDecorator[int]):
        impl, cache_ok = Integer, True

        def process_bind_param(self, value: int | None, dialect: Any) -> int | None:
            error = Refused("not this one")
            error.remedy = "take another"
            raise error

    async with engine.connect() as connection:
        with pytest.raises(Refused, match=r"^not this one$") as caught:
            await connection.execute(select(literal(1, Picky())))
    assert caught.value.remedy == "take another"
    assert caught.value.__cause__ is not caught.value


CASES: list[tuple[str, type[errors.AndamiosError]]] = [
    ("INSERT INTO t VALUES (1, 'again', 1, 1)", errors.DuplicateKeyError),
    ("INSERT INTO t VALUES (2, NULL, 1, 1)", errors.NotNullError),
    ("INSERT INTO t VALUES (2, 'two', -1, 1)", errors.CheckError),
    ("INSERT INTO t VALUES (2, 'two', 1, 99)", errors.ForeignKeyError),
    ("DELETE FROM parents", errors.ForeignKeyError),
]


@pytest.mark.parametrize(("sql", "error"), CASES)
async def test_a_constraint_of_duckdb(
    filled: AndamiosEngine, sql: str, error: type[errors.AndamiosError]
) -> None:
    with pytest.raises(error) as caught:
        await run(filled, sql)
    assert isinstance(caught.value, exc.IntegrityError)
    assert isinstance(caught.value.orig, duckdb.ConstraintException)


KEYS = [
    ("INTEGER PRIMARY KEY", "7", "7"),
    ("VARCHAR PRIMARY KEY", "'a: b'", "a: b"),
    ("VARCHAR PRIMARY KEY", "'x\" violates'", 'x" violates'),
    ("VARCHAR PRIMARY KEY", "''", ""),
    ("TIMESTAMP PRIMARY KEY", "'2026-01-02 03:04:05'", "2026-01-02 03:04:05"),
    ('INTEGER, "the other" VARCHAR, PRIMARY KEY ("the other", k)', "7, 'x'", "x, 7"),
]


@pytest.mark.parametrize(("columns", "values", "key"), KEYS)
async def test_a_key_is_the_same_text_however_it_is_refused(
    engine: AndamiosEngine, columns: str, values: str, key: str
) -> None:
    """DuckDB names the columns of a key that was committed before, not those of one in the transaction."""
    await run(engine, f"CREATE TABLE keyed (k {columns})")
    with pytest.raises(errors.DuplicateKeyError) as in_one_transaction:
        await run(engine, f"INSERT INTO keyed VALUES ({values}), ({values})")
    async with engine.connect() as one, engine.connect() as other:
        await one.execute(text(f"INSERT INTO keyed VALUES ({values})"))
        await other.execute(text(f"INSERT INTO keyed VALUES ({values})"))
        await one.commit()
        with pytest.raises(errors.DuplicateKeyError) as at_commit:
            await other.commit()
    with pytest.raises(errors.DuplicateKeyError) as after_it:
        await run(engine, f"INSERT INTO keyed VALUES ({values})")
    assert [caught.value.key for caught in (in_one_transaction, at_commit, after_it)] == [key] * 3


async def test_a_key_of_an_expression(engine: AndamiosEngine) -> None:
    await run(engine, "CREATE TABLE names (n VARCHAR); CREATE UNIQUE INDEX i ON names (lower(n))")
    await run(engine, "INSERT INTO names VALUES ('A')")
    with pytest.raises(errors.DuplicateKeyError) as caught:
        await run(engine, "INSERT INTO names VALUES ('a')")
    assert caught.value.key == "a"


async def test_a_duplicate_key_of_a_concurrent_transaction(filled: AndamiosEngine) -> None:
    async with filled.connect() as one, filled.connect() as other:
        await one.execute(text("INSERT INTO t VALUES (7, 'one', 1, 1)"))
        await other.execute(text("INSERT INTO t VALUES (7, 'other', 1, 1)"))
        await one.commit()
        with pytest.raises(errors.DuplicateKeyError) as caught:
            await other.commit()
        assert caught.value.key == "7"
        assert await one.scalar(text("SELECT name FROM t WHERE id = 7")) == "one"


async def test_a_missing_value_names_its_table_and_column(filled: AndamiosEngine) -> None:
    with pytest.raises(errors.NotNullError) as caught:
        await run(filled, "INSERT INTO t VALUES (2, NULL, 1, 1)")
    assert (caught.value.table, caught.value.column) == ("t", "name")


async def test_a_missing_value_names_a_column_that_needs_quotes(engine: AndamiosEngine) -> None:
    await run(engine, 'CREATE TABLE "My Table" (a INTEGER, "the column" INTEGER NOT NULL)')
    with pytest.raises(errors.NotNullError) as caught:
        await run(engine, 'INSERT INTO "My Table" VALUES (1, NULL)')
    assert (caught.value.table, caught.value.column) == ("My Table", "the column")


@pytest.mark.parametrize(
    ("sql", "error"), [("(1, NULL)", errors.NotNullError), ("(1, -1)", errors.CheckError)]
)
async def test_a_name_with_a_quote_in_it(
    engine: AndamiosEngine, sql: str, error: type[errors.IntegrityError]
) -> None:
    await run(engine, 'CREATE TABLE "a "" b" (a INTEGER, "c "" d" INTEGER NOT NULL CHECK ("c "" d" > 0))')
    with pytest.raises(error) as caught:
        await run(engine, f'INSERT INTO "a "" b" VALUES {sql}')
    assert caught.value.table == 'a " b'
    assert caught.value.column in (None, 'c " d')


async def test_a_check_names_its_table(filled: AndamiosEngine) -> None:
    with pytest.raises(errors.CheckError) as caught:
        await run(filled, "INSERT INTO t VALUES (2, 'two', -1, 1)")
    assert caught.value.table == "t"


async def conflicting(one: AsyncConnection, other: AsyncConnection) -> None:
    await one.execute(text("UPDATE t SET n = 2"))
    await other.execute(text("UPDATE t SET n = 3"))


async def test_a_conflict_in_a_statement(filled: AndamiosEngine) -> None:
    async with filled.connect() as one, filled.connect() as other:
        with pytest.raises(
            errors.TransactionConflictError, match="run the whole unit of work again"
        ) as caught:
            await conflicting(one, other)
    assert caught.value.retryable


async def test_a_conflict_at_commit(filled: AndamiosEngine) -> None:
    async with filled.connect() as one, filled.connect() as other:
        await one.execute(text("INSERT INTO t VALUES (5, 'five', 1, 1)"))
        await other.execute(text("ALTER TABLE t ADD COLUMN a INTEGER"))
        await other.commit()
        with pytest.raises(errors.TransactionConflictError):
            await one.commit()


async def test_an_aborted_transaction_takes_no_statement_and_no_commit(filled: AndamiosEngine) -> None:
    async with filled.connect() as connection:
        await connection.execute(text("INSERT INTO t VALUES (5, 'five', 1, 1)"))
        with pytest.raises(errors.DuplicateKeyError):
            await connection.execute(text("INSERT INTO t VALUES (1, 'again', 1, 1)"))
        with pytest.raises(errors.TransactionAbortedError, match="roll back before anything else"):
            await connection.execute(text("SELECT 1"))
        with pytest.raises(errors.TransactionAbortedError, match="nothing of it was written"):
            await connection.commit()
    async with filled.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM t")) == 1


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("SELEC 1", errors.ProgrammingError),
        ("SELECT * FROM nowhere", errors.ProgrammingError),
        ("SELECT nothing FROM t", errors.ProgrammingError),
        ("SELECT 'x'::INTEGER", errors.DataError),
        ("SELECT 200::TINYINT", errors.DataError),
        ("SELECT * FROM 'missing.parquet'", errors.OperationalError),
        ("ALTER TABLE t ADD CHECK (n < 5)", errors.AndamiosError),
        ("COMMIT", errors.ProgrammingError),
    ],
)
async def test_a_statement_that_duckdb_refuses(
    filled: AndamiosEngine, sql: str, error: type[errors.AndamiosError]
) -> None:
    with pytest.raises(error) as caught:
        await run(filled, sql)
    assert isinstance(caught.value, exc.DBAPIError)
    assert caught.value.statement == sql


async def test_what_duckdb_has_not_built_is_not_supported(filled: AndamiosEngine) -> None:
    with pytest.raises(errors.NotSupportedError):
        await run(filled, "ALTER TABLE t ADD CHECK (n < 5)")


async def test_an_interrupted_statement(engine: AndamiosEngine) -> None:
    async with engine.connect() as connection:
        raw: Any = (await connection.get_raw_connection()).driver_connection
        running = asyncio.create_task(connection.execute(text("SELECT count(*) FROM range(100000000000) a")))
        while not running.done():
            await asyncio.sleep(0.01)
            raw.stop()
        with pytest.raises(errors.OperationalError, match="Interrupted"):
            await running


@pytest.mark.skipif(duckdb.__version__ < "2", reason="DuckDB 1.5 has no limit of time")
async def test_a_statement_over_the_limit_of_time() -> None:
    engine = create_memory_engine(connect_args={"config": {"max_execution_time": "50"}})
    with pytest.raises(errors.QueryTimeoutError, match="maximum execution time"):
        await run(engine, "SELECT count(*) FROM range(100000000000) a, range(1000) b")
    await engine.dispose()


async def test_a_failed_translation_keeps_the_cause_and_travels(filled: AndamiosEngine) -> None:
    with pytest.raises(errors.DuplicateKeyError) as caught:
        await run(filled, "INSERT INTO t VALUES (:id, 'again', 1, 1)", id=1)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(caught.value.__cause__, duckdb.ConstraintException)
    assert (copy.key, copy.statement, copy.params) == (caught.value.key, caught.value.statement, (1,))
    assert str(copy) == str(caught.value)


async def test_hidden_parameters_stay_hidden() -> None:
    engine = create_memory_engine(hide_parameters=True)
    with pytest.raises(errors.ProgrammingError) as caught:
        await run(engine, "SELECT nothing, :secret", secret="hunter2")
    assert "hunter2" not in str(caught.value)
    await engine.dispose()


COLOURS = Table(
    "colours",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("name", Enum("red", "green", name="colour", validate_strings=True)),
)


@pytest.mark.parametrize("url", ["duckdb://", "sqlite://"])
async def test_a_value_that_its_type_does_not_convert(url: str) -> None:
    engine = create_engine(url)
    async with engine.connect() as connection:
        await connection.run_sync(COLOURS.metadata.create_all, checkfirst=False)
        with pytest.raises(errors.DataError, match="'blue' is not among the defined enum values"):
            await connection.execute(insert(COLOURS).values(name="blue"))
    await engine.dispose()


async def test_many_values_that_their_type_does_not_convert_make_a_short_message(
    engine: AndamiosEngine,
) -> None:
    async with engine.connect() as connection:
        with pytest.raises(errors.DataError, match="displaying 10 of 5000 total") as caught:
            await connection.execute(insert(COLOURS), [{"id": n, "name": "blue" * 50} for n in range(5_000)])
    assert len(str(caught.value)) < 5_000


async def test_rows_that_are_no_dicts_and_do_not_convert(engine: AndamiosEngine) -> None:
    async with engine.connect() as connection:
        with pytest.raises(errors.DataError, match="'blue' is not among the defined enum values"):
            rows = [MappingProxyType({"id": n, "name": "blue"}) for n in range(2)]
            await connection.execute(insert(COLOURS), rows)


async def test_a_failed_bulk_write_tells_its_table_and_how_many_rows(engine: AndamiosEngine) -> None:
    """Not the statement that carries the rows, nor the rows."""
    async with engine.connect() as connection:
        with pytest.raises(errors.ProgrammingError) as caught:
            await connection.execute(insert(COLOURS), [{"id": n, "name": "red"} for n in range(5_000)])
    assert "colours does not exist! (table colours, 5000 rows)\n" in str(caught.value)
    assert "[SQL: INSERT INTO colours (id, name) VALUES ($1, $2)]" in str(caught.value)
    assert "unnest" not in str(caught.value)
    assert caught.value.params is None


async def test_hidden_parameters_of_a_refused_row_stay_hidden() -> None:
    engine = create_memory_engine(hide_parameters=True)
    async with engine.connect() as connection:
        await connection.run_sync(COLOURS.metadata.create_all, checkfirst=False)
        with pytest.raises(errors.DuplicateKeyError) as caught:
            await connection.execute(insert(COLOURS), [{"id": 1, "name": name} for name in ("red", "green")])
    assert caught.value.row == 1
    assert "green" not in str(caught.value)
    await engine.dispose()


async def test_what_is_no_fault_of_a_value_is_left_to_sqlalchemy(engine: AndamiosEngine) -> None:
    with pytest.raises(exc.StatementError, match="value is required for bind parameter") as caught:
        await run(engine, "SELECT :missing")
    assert not isinstance(caught.value, errors.AndamiosError)


@pytest.mark.parametrize(("sql", "error"), CASES)
async def test_a_constraint_of_another_backend(
    foreign: AndamiosEngine, sql: str, error: type[errors.AndamiosError]
) -> None:
    with pytest.raises(error):
        async with foreign.connect() as connection:
            if foreign.dialect.name == "sqlite":
                await connection.exec_driver_sql("ROLLBACK")
                await connection.exec_driver_sql("PRAGMA foreign_keys = ON")
            await connection.execute(text(sql))


async def test_a_statement_that_another_backend_refuses(foreign: AndamiosEngine) -> None:
    with pytest.raises(errors.AndamiosError) as caught:
        await run(foreign, "SELEC 1")
    assert isinstance(caught.value, exc.DBAPIError)


async def test_an_error_of_another_backend_travels(foreign: AndamiosEngine) -> None:
    with pytest.raises(errors.DuplicateKeyError) as caught:
        await run(foreign, "INSERT INTO t VALUES (1, 'again', 1, 1)")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (type(copy), copy.statement) == (errors.DuplicateKeyError, caught.value.statement)


@pytest.mark.parametrize("foreign", ["postgresql"], indirect=True)
async def test_postgresql_names_the_table_and_the_column(foreign: AndamiosEngine) -> None:
    with pytest.raises(errors.NotNullError) as caught:
        await run(foreign, "INSERT INTO t VALUES (2, NULL, 1, 1)")
    assert (caught.value.table, caught.value.column) == ("t", "name")


@pytest.mark.parametrize("foreign", ["postgresql"], indirect=True)
async def test_a_conflict_in_postgresql(foreign: AndamiosEngine) -> None:
    strict = foreign.execution_options(isolation_level="REPEATABLE READ")
    async with strict.connect() as one, strict.connect() as other:
        for connection in (one, other):
            await connection.execute(text("SELECT n FROM t"))
        await one.execute(text("UPDATE t SET n = 2"))
        await one.commit()
        with pytest.raises(errors.TransactionConflictError):
            await other.execute(text("UPDATE t SET n = 3"))


@pytest.mark.parametrize("foreign", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("SELECT 'x'::INTEGER", errors.DataError),
        ("SELECT 1 / 0", errors.DataError),
        ("SELECT * FROM nowhere", errors.ProgrammingError),
        ("ALTER TABLE t ADD CONSTRAINT c UNIQUE (id) NOT VALID", errors.AndamiosError),
    ],
)
async def test_a_statement_that_postgresql_refuses(
    foreign: AndamiosEngine, sql: str, error: type[errors.AndamiosError]
) -> None:
    with pytest.raises(error):
        await run(foreign, sql)


@pytest.mark.parametrize("foreign", ["postgresql"], indirect=True)
async def test_an_aborted_transaction_of_postgresql(foreign: AndamiosEngine) -> None:
    async with foreign.connect() as connection:
        with pytest.raises(errors.ProgrammingError):
            await connection.execute(text("SELECT nothing"))
        with pytest.raises(errors.TransactionAbortedError):
            await connection.execute(text("SELECT 1"))


@pytest.mark.parametrize("foreign", ["postgresql", "mariadb"], indirect=True)
async def test_a_deadlock_is_a_conflict(foreign: AndamiosEngine) -> None:
    await run(foreign, "INSERT INTO t VALUES (2, 'two', 1, 1)")
    async with foreign.connect() as one, foreign.connect() as other:
        if foreign.dialect.name == "postgresql":
            await one.execute(text("SET deadlock_timeout = '10ms'"))
        await one.execute(text("UPDATE t SET n = 2 WHERE id = 1"))
        await other.execute(text("UPDATE t SET n = 2 WHERE id = 2"))
        waits = asyncio.gather(
            one.execute(text("UPDATE t SET n = 3 WHERE id = 2")),
            other.execute(text("UPDATE t SET n = 3 WHERE id = 1")),
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in await waits].count(errors.TransactionConflictError) == 1


@pytest.mark.parametrize("foreign", ["sqlite"], indirect=True)
async def test_a_busy_sqlite_is_a_conflict(foreign: AndamiosEngine) -> None:
    impatient = create_engine(foreign.url, connect_args={"timeout": 0})
    async with foreign.connect() as one, impatient.connect() as other:
        await one.execute(text("UPDATE t SET n = 2"))
        with pytest.raises(errors.TransactionConflictError):
            await other.execute(text("UPDATE t SET n = 3"))
    await impatient.dispose()


async def test_an_unknown_database_of_a_server() -> None:
    engine = create_engine(require(POSTGRESQL).replace("/postgres", "/andamios_nowhere", 2))
    with pytest.raises(errors.OperationalError, match="does not exist"):
        await run(engine, "SELECT 1")
    await engine.dispose()
