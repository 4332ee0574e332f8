"""Functions of Python in the catalog of a database, and what transactions see of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import duckdb
import pytest

from andamios_orm.core.dialect.database import Database, DatabaseOptions
from andamios_orm.core.dialect.functions import PythonFunction, cause_of, register
from andamios_orm.core.dialect.raw import AbortedTransaction, RawConnection
from andamios_orm.core.errors import ConfigurationError

NUMBERS = count()


def registered(call: Any = lambda number: number + 1, **options: Any) -> str:
    name = f"function_{next(NUMBERS)}_"
    register(PythonFunction(name, "counted", call, ("BIGINT",), options.pop("returns", "BIGINT"), **options))
    return name


@pytest.fixture
def database() -> Iterator[Database]:
    database = Database.acquire(DatabaseOptions())
    yield database
    database.release()


@pytest.fixture
def raw(database: Database) -> Iterator[RawConnection]:
    raw = RawConnection(database.retain(), {})
    yield raw
    raw.close()


@pytest.fixture
def other(database: Database) -> Iterator[RawConnection]:
    other = RawConnection(database.retain(), {})
    yield other
    other.close()


def value(connection: RawConnection, sql: str) -> Any:
    return connection.execute(sql).rows[0][0]


def test_a_transaction_sees_what_was_registered_before(raw: RawConnection, other: RawConnection) -> None:
    name = registered()
    assert [value(each, f"SELECT {name}(1)") for each in (raw, other)] == [2, 2]


def test_a_rollback_does_not_take_it_away(raw: RawConnection, other: RawConnection) -> None:
    name = registered()
    value(raw, f"SELECT {name}(1)")
    raw.rollback()
    assert [value(each, f"SELECT {name}(1)") for each in (raw, other)] == [2, 2]


def test_open_transactions_see_what_is_registered_later(raw: RawConnection, other: RawConnection) -> None:
    for each in (raw, other):
        each.execute("SELECT lower('A')")
    name = registered()
    for each in (raw, other, raw):
        assert each.execute(f"SELECT {name}(1) AS {name}_1, '{name}'").rows == [(2, name)]
    assert raw.execute(f"SELECT {name}(1) AS {name}_1").description[0][0] == f"{name}_1"  # type: ignore[index] # it has


def test_the_next_transaction_sees_it_too(raw: RawConnection) -> None:
    raw.execute("SELECT lower('A')")
    name = registered()
    value(raw, f"SELECT {name}(1)")
    raw.rollback()
    assert value(raw, f"SELECT {name}(1)") == 2


def test_it_is_seen_in_a_read_only_transaction(raw: RawConnection) -> None:
    raw.read_only = True
    raw.execute("SELECT lower('A')")
    name = registered()
    assert value(raw, f"SELECT {name}(1)") == 2


def test_without_transactions(raw: RawConnection) -> None:
    raw.autocommit = True
    for _ in range(2):
        name = registered()
        assert value(raw, f"SELECT {name}(1)") == 2


def test_a_stream_is_kept(raw: RawConnection) -> None:
    stream, _ = raw.stream("SELECT * FROM range(5000)")
    name = registered()
    assert value(raw, f"SELECT {name}(1)") == 2
    assert len(stream.fetchmany(10_000)) == 5000


def test_arrow_and_a_late_function(raw: RawConnection) -> None:
    raw.execute("SELECT lower('A')")
    name = registered()
    assert raw.arrow(f"SELECT {name}(1) AS x").to_pydict() == {"x": [2]}


def test_an_aborted_transaction_says_so(raw: RawConnection) -> None:
    raw.execute("SELECT lower('A')")
    raw.abort()
    with pytest.raises(AbortedTransaction):
        raw.execute(f"SELECT {registered()}(1)")


def test_a_function_that_cannot_be_created_troubles_its_callers_only(raw: RawConnection) -> None:
    name, good = registered(returns="nonsense"), registered()
    assert value(raw, f"SELECT {good}(1)") == 2
    with pytest.raises(duckdb.Error, match="nonsense"):
        raw.execute(f"SELECT {name}(1)")


def test_names_are_unique() -> None:
    name = registered()
    with pytest.raises(ConfigurationError, match=f"there is a function {name} already"):
        register(PythonFunction(name, "other", len, (), "BIGINT"))


def test_what_was_raised_is_found_once(raw: RawConnection) -> None:
    error = ValueError("no")

    def failing(number: int) -> int:
        raise error

    with pytest.raises(duckdb.InvalidInputException, match=r"counted\(\) raised ValueError: no") as failed:
        raw.execute(f"SELECT {registered(failing)}(1)")
    assert cause_of(failed.value) is error
    assert cause_of(failed.value) is None


def test_errors_that_nobody_asks_for_are_not_kept(raw: RawConnection) -> None:
    def failing(number: int) -> int:
        raise ValueError(number)

    name = registered(failing)
    with pytest.raises(duckdb.InvalidInputException) as failed:
        raw.execute(f"SELECT {name}(1)")
    raw.rollback()
    raw.execute(f"SELECT TRY({name}(range)) FROM range(100)")
    assert cause_of(failed.value) is None
    assert cause_of(duckdb.Error("another")) is None
