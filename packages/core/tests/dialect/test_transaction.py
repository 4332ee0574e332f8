"""Beginning, ending and stopping, on a connection of duckdb itself."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import duckdb
import pytest

from andamios_orm.core.dialect.parser import Parser
from andamios_orm.core.dialect.transaction import Transaction

LONG = "SELECT count(*) FROM range(100000000000) a, range(1000) b"
SHORT = "SELECT sum(hash(range) % 7) > 0 FROM range(20000000)"


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t (i INTEGER PRIMARY KEY)")
        yield connection


@pytest.fixture
def transaction(connection: duckdb.DuckDBPyConnection) -> Transaction:
    return Transaction(connection, Parser(connection))


def rows(connection: duckdb.DuckDBPyConnection) -> list[Any]:
    return connection.execute("SELECT i FROM t ORDER BY i").fetchall()


def stopped(transaction: Transaction, running: Future[Any]) -> Any:
    """Stop the call until it has ended, and return what it gave."""
    while not running.done():
        transaction.stop()
    return running.result()


@pytest.mark.parametrize(("end", "expected"), [("commit", [(1,)]), ("rollback", [])])
def test_it_ends_one_way_or_the_other(
    connection: duckdb.DuckDBPyConnection, transaction: Transaction, end: str, expected: list[Any]
) -> None:
    transaction.begin(read_only=False)
    transaction.guard(connection.execute, "INSERT INTO t VALUES (1)")
    transaction.only_read = False
    assert transaction.begun
    getattr(transaction, end)()
    assert not transaction.begun
    assert transaction.only_read
    assert rows(connection.cursor()) == expected


def test_read_only(connection: duckdb.DuckDBPyConnection, transaction: Transaction) -> None:
    transaction.begin(read_only=True)
    with pytest.raises(duckdb.Error, match="read-only"):
        transaction.guard(connection.execute, "INSERT INTO t VALUES (1)")


def test_one_that_does_not_begin_is_none(
    connection: duckdb.DuckDBPyConnection, transaction: Transaction
) -> None:
    connection.execute("BEGIN")
    with pytest.raises(duckdb.TransactionException):
        transaction.begin(read_only=False)
    assert not transaction.begun


def test_an_error_that_aborts_is_noticed(
    connection: duckdb.DuckDBPyConnection, transaction: Transaction
) -> None:
    transaction.begin(read_only=False)
    with pytest.raises(duckdb.ConstraintException):
        transaction.guard(connection.execute, "INSERT INTO t VALUES (1), (1)")
    assert transaction.aborted
    transaction.rollback()
    assert not transaction.aborted


def test_an_interruption_aborts(transaction: Transaction) -> None:
    """Even where the engine would go on: nobody knows how far the statement got, and why it was stopped."""

    def interrupted() -> None:
        raise duckdb.InterruptException("Interrupted!")

    transaction.begin(read_only=False)
    with pytest.raises(duckdb.InterruptException):
        transaction.guard(interrupted)
    assert transaction.aborted


def test_an_error_outside_of_one_aborts_nothing(
    connection: duckdb.DuckDBPyConnection, transaction: Transaction
) -> None:
    with pytest.raises(duckdb.ConstraintException):
        transaction.guard(connection.execute, "INSERT INTO t VALUES (1), (1)")
    assert not transaction.aborted


def test_it_is_over_even_when_the_engine_refuses_to_commit(
    connection: duckdb.DuckDBPyConnection, transaction: Transaction
) -> None:
    transaction.begin(read_only=False)
    transaction.guard(connection.execute, "INSERT INTO t VALUES (1)")
    connection.cursor().execute("INSERT INTO t VALUES (1)")
    with pytest.raises(duckdb.TransactionException, match="duplicate key"):
        transaction.commit()
    assert not transaction.begun


class TestStop:
    @pytest.fixture
    def worker(self) -> Iterator[ThreadPoolExecutor]:
        with ThreadPoolExecutor(1) as worker:
            yield worker

    def test_the_running_call_ends(
        self, connection: duckdb.DuckDBPyConnection, transaction: Transaction, worker: ThreadPoolExecutor
    ) -> None:
        with pytest.raises(duckdb.InterruptException):
            stopped(transaction, worker.submit(connection.execute, LONG))

    def test_a_sealed_one_runs_to_its_end(
        self, connection: duckdb.DuckDBPyConnection, transaction: Transaction, worker: ThreadPoolExecutor
    ) -> None:
        transaction.seal()
        running = worker.submit(lambda: connection.execute(SHORT).fetchall())
        assert stopped(transaction, running) == [(True,)]

    def test_a_commit_is_not_stopped(
        self, connection: duckdb.DuckDBPyConnection, transaction: Transaction, worker: ThreadPoolExecutor
    ) -> None:
        transaction.begin(read_only=False)
        connection.execute("INSERT INTO t SELECT range FROM range(100000)")
        stopped(transaction, worker.submit(transaction.commit))
        assert len(rows(connection)) == 100000

    def test_a_sealed_one_stays_so(
        self, connection: duckdb.DuckDBPyConnection, transaction: Transaction
    ) -> None:
        """To interrupt a connection that is closed is an error in some versions."""
        assert not transaction.seal()
        connection.close()
        with pytest.raises(duckdb.ConnectionException):
            transaction.begin(read_only=False)
        transaction.stop()
        assert transaction.seal()

    def test_it_does_not_wait(self, transaction: Transaction) -> None:
        with transaction._stopping:
            transaction.stop()
        assert not transaction.begun
