"""The rules of a transaction, on one connection and without a loop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from andamios_orm.core.dialect.database import Database, DatabaseOptions
from andamios_orm.core.dialect.raw import NOTHING, AbortedTransaction, RawConnection, execute_each
from andamios_orm.core.dialect.stream import BrokenStream

LATE = "SELECT CASE WHEN range < 500000 THEN range ELSE error('late') END FROM range(1000000)"


@pytest.fixture
def database() -> Iterator[Database]:
    # On several threads DuckDB 1.5 may tell of an interruption in place of the error of a stream.
    database = Database.acquire(DatabaseOptions(config={"threads": 1}))
    yield database
    database.release()


@pytest.fixture
def raw(database: Database) -> Iterator[RawConnection]:
    raw = RawConnection(database.retain(), {})
    raw.execute("CREATE TABLE t (i INTEGER PRIMARY KEY, s VARCHAR)")
    raw.execute("INSERT INTO t VALUES (1, 'one'), (2, 'two')")
    raw.commit()
    yield raw
    raw.close()


@pytest.fixture
def other(database: Database) -> Iterator[RawConnection]:
    other = RawConnection(database.retain(), {})
    yield other
    other.close()


def rows(connection: RawConnection, sql: str = "SELECT i FROM t ORDER BY i") -> list[Any]:
    return [row[0] for row in connection.execute(sql).rows]


@pytest.mark.parametrize("sql", ["", "-- nothing", "CREATE TABLE u (i INTEGER)"])
def test_neither_rows_nor_count(raw: RawConnection, sql: str) -> None:
    assert raw.execute(sql) == NOTHING


class TestTransaction:
    def test_it_begins_with_the_first_statement(self, raw: RawConnection) -> None:
        assert not raw.in_transaction
        raw.execute("-- nothing")
        assert not raw.in_transaction
        raw.execute("SELECT 1")
        assert raw.in_transaction
        raw.commit()
        assert not raw.in_transaction

    def test_commit_and_rollback_without_one_do_nothing(self, raw: RawConnection) -> None:
        raw.commit()
        raw.rollback()
        assert rows(raw) == [1, 2]

    def test_rollback_undoes(self, raw: RawConnection) -> None:
        raw.execute("DELETE FROM t")
        raw.rollback()
        assert rows(raw) == [1, 2]

    def test_a_snapshot_is_taken_at_the_first_statement(
        self, raw: RawConnection, other: RawConnection
    ) -> None:
        assert rows(raw) == [1, 2]
        other.execute("INSERT INTO t VALUES (3, 'three')")
        other.commit()
        assert rows(raw) == [1, 2]
        raw.rollback()
        assert rows(raw) == [1, 2, 3]

    def test_autocommit(self, raw: RawConnection, other: RawConnection) -> None:
        raw.autocommit = True
        raw.execute("DELETE FROM t WHERE i = 1")
        assert not raw.in_transaction
        assert rows(other) == [2]

    def test_read_only(self, raw: RawConnection) -> None:
        raw.read_only = True
        assert rows(raw) == [1, 2]
        with pytest.raises(duckdb.Error, match="read-only"):
            raw.execute("DELETE FROM t")

    def test_control_as_text_ends_nothing(self, raw: RawConnection) -> None:
        raw.execute("DELETE FROM t")
        with pytest.raises(duckdb.ProgrammingError):
            raw.execute("COMMIT")
        raw.rollback()
        assert rows(raw) == [1, 2]

    def test_only_read_tells_reads_from_writes(self, raw: RawConnection) -> None:
        raw.execute("SELECT 1")
        assert raw.only_read
        raw.execute("DELETE FROM t")
        assert not raw.only_read
        raw.rollback()
        assert raw.only_read


class TestAborted:
    @pytest.fixture(autouse=True)
    def _abort(self, raw: RawConnection) -> None:
        raw.execute("INSERT INTO t VALUES (3, 'three')")
        with pytest.raises(duckdb.ConstraintException):
            raw.execute("INSERT INTO t VALUES (1, 'again')")

    def test_nothing_more_runs(self, raw: RawConnection) -> None:
        with pytest.raises(AbortedTransaction, match="roll back"):
            raw.execute("SELECT 1")

    def test_commit_raises_and_writes_nothing(self, raw: RawConnection, other: RawConnection) -> None:
        with pytest.raises(AbortedTransaction, match="nothing of it was written"):
            raw.commit()
        assert rows(raw) == rows(other) == [1, 2]

    def test_rollback_makes_it_usable_again(self, raw: RawConnection) -> None:
        raw.rollback()
        assert rows(raw) == [1, 2]


def test_an_error_before_the_engine_aborts_nothing(raw: RawConnection) -> None:
    raw.execute("INSERT INTO t VALUES (3, 'three')")
    with pytest.raises(duckdb.ParserException):
        raw.execute("INSRT")
    raw.commit()
    assert rows(raw) == [1, 2, 3]


class TestConflict:
    def test_at_the_statement(self, raw: RawConnection, other: RawConnection) -> None:
        raw.execute("UPDATE t SET s = 'a' WHERE i = 1")
        with pytest.raises(duckdb.TransactionException, match="Conflict"):
            other.execute("UPDATE t SET s = 'b' WHERE i = 1")
        with pytest.raises(AbortedTransaction):
            other.commit()

    def test_at_commit(self, raw: RawConnection, other: RawConnection) -> None:
        raw.execute("INSERT INTO t VALUES (7, 'a')")
        other.execute("INSERT INTO t VALUES (7, 'b')")
        raw.commit()
        with pytest.raises(duckdb.TransactionException, match="duplicate key"):
            other.commit()
        assert not other.in_transaction
        assert rows(other, "SELECT s FROM t WHERE i = 7") == ["a"]


class TestStream:
    def test_rows_come_as_asked_for(self, raw: RawConnection) -> None:
        stream, outcome = raw.stream("SELECT range FROM range($1)", [5])
        assert (outcome.description or [])[0][:2] == ("range", "BIGINT")
        assert [stream.fetchmany(2) for _ in range(4)] == [[(0,), (1,)], [(2,), (3,)], [(4,)], []]

    def test_it_sees_its_own_writes(self, raw: RawConnection) -> None:
        raw.execute("INSERT INTO t VALUES (3, 'three')")
        stream, _ = raw.stream("SELECT i FROM t ORDER BY i")
        assert stream.fetchmany(10) == [(1,), (2,), (3,)]

    @pytest.mark.parametrize("sql", ["SELECT 1", "DELETE FROM t", "CREATE TABLE u (i INTEGER)"])
    def test_the_rest_survives_another_statement(self, raw: RawConnection, sql: str) -> None:
        stream, _ = raw.stream("SELECT range FROM range(10000)")
        assert stream.fetchmany(1) == [(0,)]
        raw.execute(sql)
        assert [row[0] for row in stream.fetchmany(20000)] == list(range(1, 10000))

    def test_the_rest_survives_a_commit(self, raw: RawConnection) -> None:
        stream, _ = raw.stream("SELECT i FROM t ORDER BY i")
        raw.commit()
        assert stream.fetchmany(10) == [(1,), (2,)]

    def test_two_streams(self, raw: RawConnection) -> None:
        first, _ = raw.stream("SELECT range FROM range(3)")
        second, _ = raw.stream("SELECT range + 10 FROM range(3)")
        assert first.fetchmany(5) == [(0,), (1,), (2,)]
        assert second.fetchmany(5) == [(10,), (11,), (12,)]

    def test_a_rollback_breaks_it_loudly(self, raw: RawConnection) -> None:
        stream, _ = raw.stream("SELECT range FROM range(10000)")
        raw.rollback()
        with pytest.raises(BrokenStream, match="before all of its rows were read"):
            stream.fetchmany(1)

    def test_closing_the_connection_breaks_it_loudly(self, database: Database) -> None:
        raw = RawConnection(database.retain(), {})
        stream, _ = raw.stream("SELECT 1")
        raw.close()
        with pytest.raises(BrokenStream, match="closed"):
            stream.fetchmany(1)

    def test_a_closed_one_holds_nothing(self, raw: RawConnection) -> None:
        stream, _ = raw.stream("SELECT range FROM range(10000)")
        stream.close()
        stream.close()
        raw.execute("SELECT 1")
        assert stream.fetchmany(1) == []

    def test_a_late_error_aborts_the_transaction(self, raw: RawConnection) -> None:
        stream, _ = raw.stream(LATE)
        with pytest.raises(duckdb.Error, match="late"):
            while stream.fetchmany(10000):
                pass
        with pytest.raises(AbortedTransaction):
            raw.commit()

    @pytest.mark.parametrize(
        ("sql", "expected"), [("DELETE FROM t RETURNING i", [(1,), (2,)]), ("-- none", [])]
    )
    def test_what_does_not_stream_is_buffered(
        self, raw: RawConnection, sql: str, expected: list[Any]
    ) -> None:
        stream, outcome = raw.stream(sql)
        assert sorted(stream.fetchmany(10)) == expected
        assert outcome.rowcount == (2 if expected else -1)


class TestLeft:
    def test_a_transaction_that_was_left_is_over(self, raw: RawConnection, other: RawConnection) -> None:
        rows(raw)
        assert raw.leave()
        assert not raw.in_transaction
        other.execute("INSERT INTO t VALUES (3, 'three')")
        other.commit()
        assert raw.do(rows) == [1, 2, 3]

    def test_settle_ends_it_once(self, raw: RawConnection) -> None:
        rows(raw)
        raw.leave()
        raw.settle()
        raw.settle()
        assert not raw.leave()
        assert raw.do(rows) == [1, 2]

    def test_a_stream_that_was_left_under_autocommit_breaks(self, raw: RawConnection) -> None:
        raw.autocommit = True
        stream, _ = raw.stream("SELECT range FROM range(10000)")
        assert raw.leave()
        raw.settle()
        with pytest.raises(BrokenStream):
            stream.fetchmany(1)
        assert rows(raw) == [1, 2]

    def test_a_connection_that_cannot_end_it_is_closed(self, raw: RawConnection) -> None:
        rows(raw)
        raw.leave()
        raw.duckdb.close()
        raw.settle()
        assert raw.closed


class TestAtomic:
    def test_each_row_or_none(self, raw: RawConnection) -> None:
        raw.autocommit = True
        with pytest.raises(duckdb.Error):
            execute_each(raw, "INSERT INTO t VALUES ($1, 'x')", [(5,), (6,), (1,)])
        assert rows(raw) == [1, 2]
        assert execute_each(raw, "INSERT INTO t VALUES ($1, 'x')", [(5,), (6,)]) == 2
        assert raw.autocommit
        assert rows(raw) == [1, 2, 5, 6]

    def test_a_failure_that_the_engine_does_not_know_of_aborts(self, raw: RawConnection) -> None:
        raw.execute("INSERT INTO t VALUES (3, 'three')")
        with pytest.raises(ZeroDivisionError), raw.atomic():
            raise ZeroDivisionError
        with pytest.raises(AbortedTransaction):
            raw.commit()
        assert rows(raw) == [1, 2]


def test_settings_of_the_connection(database: Database) -> None:
    database.cursor().execute("CREATE SCHEMA s")
    raw = RawConnection(database.retain(), {"search_path": "s", "enable_progress_bar": False})
    assert rows(raw, "SELECT current_schema()") == ["s"]
    raw.close()


def test_a_setting_that_cannot_be_made_leaves_no_connection(database: Database) -> None:
    with pytest.raises(duckdb.Error, match="no_such"):
        RawConnection(database.retain(), {"search_path": "no_such"})
    database.release()
    with pytest.raises(duckdb.ConnectionException):
        database.cursor()
    database.retain()


def test_arrow_wants_a_query(raw: RawConnection) -> None:
    with pytest.raises(duckdb.ProgrammingError, match="only a query"):
        raw.arrow("DELETE FROM t")
    with pytest.raises(duckdb.ProgrammingError, match="only a query"):
        raw.arrow("-- nothing")
    assert raw.arrow("SELECT i FROM t WHERE i = $1", [2]).to_pydict() == {"i": [2]}


def test_an_error_under_autocommit_leaves_nothing_behind(raw: RawConnection) -> None:
    raw.autocommit = True
    with pytest.raises(duckdb.ConstraintException):
        raw.execute("INSERT INTO t VALUES (1, 'again')")
    assert rows(raw) == [1, 2]


def test_a_stream_that_cannot_be_buffered_is_broken(raw: RawConnection) -> None:
    """It must not go on to read the rows of another statement."""
    stream, _ = raw.stream(LATE)
    with pytest.raises(duckdb.Error, match="late"):
        raw.execute("SELECT 1")
    raw.rollback()
    assert rows(raw, "SELECT range FROM range(5000)") == list(range(5000))
    with pytest.raises(BrokenStream, match="an error ended this result"):
        stream.fetchmany(1)


def test_a_stream_that_failed_says_so_again(raw: RawConnection) -> None:
    stream, _ = raw.stream(LATE)
    with pytest.raises(duckdb.Error, match="late"):
        while stream.fetchmany(100_000):
            pass
    with pytest.raises(BrokenStream, match="an error ended this result"):
        stream.fetchmany(1)


def test_settling_does_not_wait_for_a_job(raw: RawConnection) -> None:
    """Whoever runs a job has settled already."""
    rows(raw)
    raw.leave()
    assert raw.do(lambda connection: connection.settle()) is None
    assert raw.do(rows) == [1, 2]


def test_an_arrow_query_is_a_read(raw: RawConnection) -> None:
    raw.arrow("SELECT i FROM t")
    assert raw.only_read


def test_the_rest_of_a_closed_stream_is_let_go_under_autocommit(raw: RawConnection) -> None:
    raw.autocommit = True
    stream, _ = raw.stream("SELECT range FROM range(100000)")
    stream.close()
    assert raw.leave()
    raw.settle()
    assert raw.duckdb.fetchall() == [(1,)], "the engine holds a small result instead"


def test_stop_of_a_closed_connection_does_nothing(database: Database) -> None:
    raw = RawConnection(database.retain(), {})
    raw.close()
    with pytest.raises(duckdb.ConnectionException):
        raw.execute("SELECT 1")
    raw.stop()
    assert raw.closed


def test_disposing_closes_even_what_cannot_be_settled(raw: RawConnection) -> None:
    rows(raw)
    raw.leave()
    raw.duckdb.close()
    raw.dispose()
    assert raw.closed


def test_a_stream_that_failed_under_autocommit_disturbs_nothing(raw: RawConnection) -> None:
    raw.autocommit = True
    stream, _ = raw.stream(LATE)
    with pytest.raises(duckdb.Error, match="late"):
        while stream.fetchmany(100_000):
            pass
    assert rows(raw) == [1, 2]
    with pytest.raises(BrokenStream, match="an error ended this result"):
        stream.fetchmany(1)


def test_a_connection_may_be_closed_as_soon_as_the_database_knows_it() -> None:
    """Another thread may abandon the database at any time."""

    class Abandoned(Database):
        def enlist(self, connection: RawConnection) -> None:
            super().enlist(connection)
            self.abandon()

    assert RawConnection(Abandoned.acquire(DatabaseOptions()), {}).closed
